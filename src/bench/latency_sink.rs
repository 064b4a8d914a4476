//! Outcomes counted and timed, for measuring.

use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::Stamps;
use ringfence_node::publish::Sink;
use ringfence_ring::Bell;
use ringfence_types::{Event, Outcome};

/// Longest latency that is told apart from a longer one: an hour, in nanoseconds.
const LATENCY_NS_MAX: u64 = 3_600_000_000_000;

/// A histogram for latencies in nanoseconds up to an hour, in three digits, its memory touched.
#[must_use]
pub fn latency_histogram() -> Histogram<u64> {
    let mut latency_ns = Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3)
        .expect("the bounds are in order and three digits are supported");
    latency_ns.clear();
    latency_ns
}

/// Measures from when a batch was due to when the outcome of its last command was published.
pub struct LatencySink {
    stamps: Arc<Stamps>,
    batch: u64,
    /// Which batch is published next, from 0.
    next_batch: usize,
    /// Sequence of its last command.
    batch_end: u64,
    /// Sequence of the last command of the load.
    end: u64,
    latency_ns: Histogram<u64>,
    events: u64,
    now: Instant,
    finished: Option<Instant>,
    /// Batches that the source does not know to be published yet.
    untold: bool,
    /// Wakes the source, where it waits for what is published.
    source: Option<Bell>,
    wakes_source: bool,
}

impl LatencySink {
    /// Measures a load of `commands` commands from `first_sequence` on, in batches of `batch`,
    /// due as `stamps` says.
    ///
    /// # Panics
    ///
    /// If `batch` or `commands` is 0.
    #[must_use]
    pub fn new(
        stamps: Arc<Stamps>,
        first_sequence: u64,
        batch: usize,
        commands: usize,
    ) -> LatencySink {
        assert!(batch > 0 && commands > 0);
        let end = first_sequence + commands as u64 - 1;
        LatencySink {
            stamps,
            batch: batch as u64,
            next_batch: 0,
            batch_end: (first_sequence + batch as u64 - 1).min(end),
            end,
            latency_ns: latency_histogram(),
            events: 0,
            now: Instant::now(),
            finished: None,
            untold: false,
            source: None,
            wakes_source: false,
        }
    }

    /// The same, for a source that waits for what is published: it is woken.
    #[must_use]
    pub fn waking_source(mut self) -> LatencySink {
        self.wakes_source = true;
        self
    }

    /// One value for each batch: nanoseconds from due to published.
    #[must_use]
    pub fn latency_ns(&self) -> &Histogram<u64> {
        &self.latency_ns
    }

    /// How many events were published.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Seconds from the first batch claimed to the last outcome published, once it was.
    #[must_use]
    pub fn seconds(&self) -> Option<f64> {
        Some((self.finished? - self.stamps.started()?).as_secs_f64())
    }
}

impl Sink for LatencySink {
    type Notice = ();

    fn notice(&mut self, (): ()) {}

    fn event(&mut self, _: &Event) {
        self.events += 1;
    }

    #[inline]
    fn outcome(&mut self, sequence: u64, _: &Outcome) {
        if sequence < self.batch_end {
            return;
        }
        let due = self.stamps.get(self.next_batch);
        let latency_ns = self.now.saturating_duration_since(due).as_nanos() as u64;
        self.latency_ns.saturating_record(latency_ns.max(1));
        self.next_batch += 1;
        self.untold = true;
        self.batch_end = (self.batch_end + self.batch).min(self.end);
        if sequence == self.end {
            self.finished = Some(Instant::now());
        }
    }

    fn turn_begins(&mut self) {
        self.now = Instant::now();
    }

    fn turn_ends(&mut self, _: bool) -> bool {
        if self.untold {
            self.untold = false;
            self.stamps.set_published(self.next_batch);
            if let Some(source) = &self.source {
                source.ring();
            }
        }
        false
    }

    fn attach(&mut self, _: Bell, gateway: Bell) {
        self.source = self.wakes_source.then_some(gateway);
    }
}
