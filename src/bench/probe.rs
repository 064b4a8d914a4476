//! What a hand-over between two cores costs on this machine, right now.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::utils::CachePadded;

/// Rounds in a sample.
const ROUNDS: u64 = 500;
/// Most samples.
const SAMPLES: usize = 101;
/// After this time the samples that there are have to do: an emulator that counts instructions
/// takes a thousand times as long, and would count little else.
const LIMIT: Duration = Duration::from_millis(30);

/// Nanoseconds for a number to go to another core and back, on bare atomics: the median of some
/// tens of thousands of rounds. `None` on a machine of one core.
///
/// Virtual machines may move between cores that lie near and far; figures of two runs compare
/// only where this one was alike.
#[must_use]
pub fn round_trip_ns() -> Option<f64> {
    let cores = core_affinity::get_core_ids().filter(|cores| cores.len() >= 2)?;
    let there = CachePadded::new(AtomicU64::new(0));
    let back = CachePadded::new(AtomicU64::new(0));
    let mut samples = Vec::with_capacity(SAMPLES);
    thread::scope(|scope| {
        scope.spawn(|| {
            core_affinity::set_for_current(cores[1]);
            let mut round = 0;
            while round != END {
                // Acquire and Release, here and below, pair with each other: what a ring needs.
                round = await_change(&there, round);
                back.store(round, Ordering::Release);
            }
        });
        scope.spawn(|| {
            core_affinity::set_for_current(cores[0]);
            let begin = Instant::now();
            let mut round = 0;
            while samples.len() < SAMPLES && (samples.is_empty() || begin.elapsed() < LIMIT) {
                let start = Instant::now();
                for _ in 0..ROUNDS {
                    there.store(round + 1, Ordering::Release);
                    round = await_change(&back, round);
                }
                samples.push(start.elapsed().as_nanos() as f64 / ROUNDS as f64);
            }
            there.store(END, Ordering::Release);
        });
    });
    samples.sort_by(f64::total_cmp);
    Some(samples[samples.len() / 2])
}

/// Instead of a round's number: there are no more.
const END: u64 = u64::MAX;

/// Waits until `cell` no longer holds `before`; gives what it holds then.
fn await_change(cell: &AtomicU64, before: u64) -> u64 {
    let mut looks = 0_u32;
    loop {
        let number = cell.load(Ordering::Acquire);
        if number != before {
            return number;
        }
        std::hint::spin_loop();
        looks += 1;
        // Where the other thread has no core just now, spinning would keep it from getting one.
        if looks.is_multiple_of(512) {
            thread::yield_now();
        }
    }
}
