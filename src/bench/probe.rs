//! What a hand-over between two cores costs on this machine, right now.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crossbeam::utils::CachePadded;

const ROUNDS: u64 = 2_000;
const SAMPLES: usize = 51;

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
    let rounds_total = ROUNDS * SAMPLES as u64;
    let mut samples = Vec::with_capacity(SAMPLES);
    thread::scope(|scope| {
        scope.spawn(|| {
            core_affinity::set_for_current(cores[1]);
            for round in 1..=rounds_total {
                // Acquire and Release, here and below, pair with each other: what a ring needs.
                await_number(&there, round);
                back.store(round, Ordering::Release);
            }
        });
        scope.spawn(|| {
            core_affinity::set_for_current(cores[0]);
            let mut round = 0;
            for _ in 0..SAMPLES {
                let start = Instant::now();
                for _ in 0..ROUNDS {
                    round += 1;
                    there.store(round, Ordering::Release);
                    await_number(&back, round);
                }
                samples.push(start.elapsed().as_nanos() as f64 / ROUNDS as f64);
            }
        });
    });
    samples.sort_by(f64::total_cmp);
    Some(samples[SAMPLES / 2])
}

fn await_number(cell: &AtomicU64, number: u64) {
    let mut looks = 0_u32;
    while cell.load(Ordering::Acquire) != number {
        std::hint::spin_loop();
        looks += 1;
        // Where the other thread has no core just now, spinning would keep it from getting one.
        if looks.is_multiple_of(4096) {
            thread::yield_now();
        }
    }
}
