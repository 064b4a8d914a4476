//! The ring and its peers, each doing the same work in the form that its documentation recommends.
//!
//! Threads are started and pinned before the clock is, and every number that was sent is added up
//! by its reader, so that none is lost unseen and none of the reading is optimised away. Rings
//! have [`SLOTS`] slots each; waiting spins where every thread has a core, and yields where
//! threads share one.

#![allow(dead_code, reason = "each of the targets that share this module uses a part of it")]

pub mod bare;
pub mod ours;
pub mod peers;

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use core_affinity::CoreId;

/// Slots of every ring and queue.
pub const SLOTS: usize = 1024;

/// What is sent: eight bytes, or [`Wide`].
pub trait Event: Copy + Default + Send + Sync + 'static {
    const BYTES: usize;

    /// The event number `number`; every byte is written.
    fn of(number: u64) -> Self;

    /// Reads all of it; of the event number `number`, that number.
    fn number(&self) -> u64;
}

impl Event for u64 {
    const BYTES: usize = 8;

    #[inline(always)]
    fn of(number: u64) -> Self {
        number
    }

    #[inline(always)]
    fn number(&self) -> u64 {
        *self
    }
}

/// An event of 128 bytes: two cache lines.
#[derive(Clone, Copy, Default)]
pub struct Wide([u64; 16]);

impl Event for Wide {
    const BYTES: usize = 128;

    #[inline(always)]
    fn of(number: u64) -> Self {
        Self([number; 16])
    }

    #[inline(always)]
    fn number(&self) -> u64 {
        self.0.iter().fold(u64::MAX, |all, word| all & word)
    }
}

/// What a reader saw.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    pub events: u64,
    /// Sum of their numbers, wrapping.
    pub sum: u64,
    /// Looks that found something; 0 where the peer does not tell.
    pub batches: u64,
}

impl Tally {
    #[inline(always)]
    pub fn add(&mut self, event: &impl Event) {
        self.events += 1;
        self.sum = self.sum.wrapping_add(event.number());
    }

    #[inline(always)]
    pub fn add_all(&mut self, events: &[impl Event]) {
        for event in events {
            self.add(event);
        }
    }

    /// # Panics
    ///
    /// If these were not the events `0..events`, each once.
    fn check(&self, events: u64) {
        assert_eq!(self.events, events, "events that came through");
        let sum = u128::from(events) * u128::from(events.saturating_sub(1)) / 2;
        assert_eq!(self.sum, sum as u64, "sum of their numbers");
    }
}

/// One run.
#[derive(Clone, Copy)]
pub struct Run {
    pub elapsed: Duration,
    pub tally: Tally,
}

impl Run {
    /// Millions of events a second.
    pub fn millions(&self) -> f64 {
        self.tally.events as f64 / self.elapsed.as_secs_f64() / 1e6
    }

    /// Mean number of events that a look found, where it is known.
    pub fn batch(&self) -> Option<f64> {
        (self.tally.batches > 0).then(|| self.tally.events as f64 / self.tally.batches as f64)
    }
}

/// The cores there are, asked for before the first thread is pinned: a pinned thread, and those
/// that it starts, are told of their own core only.
static CORES: LazyLock<Vec<CoreId>> =
    LazyLock::new(|| core_affinity::get_core_ids().expect("the system tells its cores"));

/// Pins the calling thread to the `index`-th core; on a smaller machine cores are shared.
pub fn pin(index: usize) {
    core_affinity::set_for_current(CORES[index % CORES.len()]);
}

/// Where threads meet: those that send start once all readers are there, and the clock stops when
/// the last reader has seen everything, not when its thread is gone.
#[derive(Clone, Default)]
pub struct Meeting(Arc<MeetingState>);

#[derive(Default)]
struct MeetingState {
    there: AtomicU64,
    go: AtomicBool,
    done: AtomicU64,
    sums: [AtomicU64; 3],
}

impl Meeting {
    /// The calling thread has started.
    pub fn arrive(&self) {
        // Release, here and in `done`: what the thread did is seen by who waits for it.
        self.0.there.fetch_add(1, Ordering::Release);
    }

    /// Waits until `threads` have arrived.
    pub fn await_arrivals(&self, threads: u64) {
        while self.0.there.load(Ordering::Acquire) != threads {
            thread::yield_now();
        }
    }

    /// Lets those that wait in [`await_go`](Self::await_go) begin.
    pub fn go(&self) {
        self.0.go.store(true, Ordering::Release);
    }

    pub fn await_go(&self) {
        while !self.0.go.load(Ordering::Acquire) {
            thread::yield_now();
        }
    }

    /// A last reader is done, and saw `tally`.
    pub fn done(&self, tally: Tally) {
        let values = [tally.events, tally.sum, tally.batches];
        for (sum, value) in self.0.sums.iter().zip(values) {
            // Relaxed: handed over by `done`.
            sum.store(value, Ordering::Relaxed);
        }
        self.0.done.fetch_add(1, Ordering::Release);
    }

    /// Waits until the last reader is done. `waiting` is called between looks.
    pub fn await_done(&self, mut waiting: impl FnMut()) -> Tally {
        while self.0.done.load(Ordering::Acquire) == 0 {
            waiting();
        }
        let [events, sum, batches] = &self.0.sums;
        let value = |sum: &AtomicU64| sum.load(Ordering::Relaxed);
        Tally { events: value(events), sum: value(sum), batches: value(batches) }
    }
}

/// Times one sender on core 0 and one reader on core 1. `read` returns once it has seen all.
pub fn one_to_one(
    events: u64,
    send: impl FnOnce(),
    read: impl FnOnce() -> Tally + Send + 'static,
) -> Run {
    let meeting = Meeting::default();
    let reader = thread::spawn({
        let meeting = meeting.clone();
        move || {
            pin(1);
            meeting.arrive();
            meeting.done(read());
        }
    });
    let run = sending(&meeting, 1, events, send);
    reader.join().expect("the reader checks nothing that can fail");
    run
}

/// Times `send` on core 0, once `readers` have arrived, until the last of them is done.
pub fn sending(meeting: &Meeting, readers: u64, events: u64, send: impl FnOnce()) -> Run {
    pin(0);
    meeting.await_arrivals(readers);
    let start = Instant::now();
    send();
    let tally =
        meeting.await_done(if readers > 1 { thread::yield_now } else { std::hint::spin_loop });
    let elapsed = start.elapsed();
    tally.check(events);
    Run { elapsed, tally }
}

/// A thread that sends the numbers of `mine`.
pub type Sender = Box<dyn FnOnce(std::ops::Range<u64>) + Send>;

/// Times two senders, one on each of two cores, that send half of the events each. Whoever reads
/// has to share a core with one of them where there are only two.
pub fn two_to_one(
    events: u64,
    senders: [Sender; 2],
    read: impl FnOnce() -> Tally + Send + 'static,
) -> Run {
    let meeting = Meeting::default();
    let mut threads = vec![thread::spawn({
        let meeting = meeting.clone();
        move || {
            pin(2);
            meeting.arrive();
            meeting.done(read());
        }
    })];
    for (index, send) in senders.into_iter().enumerate() {
        let meeting = meeting.clone();
        threads.push(thread::spawn(move || {
            pin(index);
            meeting.arrive();
            meeting.await_go();
            let half = events / 2;
            send(if index == 0 { 0..half } else { half..events });
        }));
    }
    meeting.await_arrivals(3);
    let start = Instant::now();
    meeting.go();
    let tally = meeting.await_done(thread::yield_now);
    let elapsed = start.elapsed();
    for thread in threads {
        thread.join().expect("neither senders nor the reader check anything that can fail");
    }
    tally.check(events);
    Run { elapsed, tally }
}

/// Round trips in a sample.
const SAMPLE_TRIPS: u64 = 100;

/// Nanoseconds of a round trip: the median of samples of a hundred trips each, so that the clock
/// is not read between trips, and an interrupt spoils one sample only.
///
/// `echo` runs on core 1 and sends back what it gets, `trips` times; `trip` sends a number and
/// returns what comes back.
pub fn round_trip(
    trips: u64,
    mut trip: impl FnMut(u64) -> u64,
    echo: impl FnOnce(u64) + Send + 'static,
) -> f64 {
    let trips = trips.next_multiple_of(SAMPLE_TRIPS);
    let meeting = Meeting::default();
    let echoing = thread::spawn({
        let meeting = meeting.clone();
        move || {
            pin(1);
            meeting.arrive();
            echo(trips);
        }
    });
    pin(0);
    meeting.await_arrivals(1);
    let mut samples = Vec::new();
    for first in (0..trips).step_by(SAMPLE_TRIPS as usize) {
        let start = Instant::now();
        for number in first..first + SAMPLE_TRIPS {
            assert_eq!(black_box(trip(number)), number, "what came back");
        }
        samples.push(start.elapsed().as_nanos() as f64 / SAMPLE_TRIPS as f64);
    }
    echoing.join().expect("the echo checks nothing that can fail");
    median(&mut samples)
}

/// The middle one of `values`, which it sorts.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The numbers `range` in bursts of `burst`, the last one shorter.
pub fn bursts(range: std::ops::Range<u64>, burst: usize) -> impl Iterator<Item = (u64, usize)> {
    range.clone().step_by(burst).map(move |first| {
        (first, usize::try_from(range.end - first).map_or(burst, |left| left.min(burst)))
    })
}
