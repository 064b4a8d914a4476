//! When each batch of a load was due, handed from the thread that sends to the one that publishes, and
//! how many were published, handed back.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// One time for each batch, allocated at start.
#[derive(Debug)]
pub struct Stamps {
    start: OnceLock<Instant>,
    since_start_ns: Box<[AtomicU64]>,
    published: AtomicUsize,
}

impl Stamps {
    /// Room for the times of `batches` batches.
    #[must_use]
    pub fn new(batches: usize) -> Stamps {
        // Written once here, so that the pages are there before the load begins.
        let since_start_ns = (0..batches).map(|_| AtomicU64::new(1)).collect();
        Stamps { start: OnceLock::new(), since_start_ns, published: AtomicUsize::new(0) }
    }

    /// Sets the time from which the others are counted. The first call counts.
    pub fn start(&self, now: Instant) {
        self.start.get_or_init(|| now);
    }

    /// When the load began, if it has.
    #[must_use]
    pub fn started(&self) -> Option<Instant> {
        self.start.get().copied()
    }

    /// Leaves the time of `batch`, before it is published in the ring.
    ///
    /// # Panics
    ///
    /// If the load has not been started, or has fewer batches.
    #[inline]
    pub fn set(&self, batch: usize, due: Instant) {
        let start = self.start.get().expect("a load is started before its first batch");
        let since_ns = due.saturating_duration_since(*start).as_nanos() as u64;
        // Relaxed: the batch is published in the ring afterwards, and whoever reads this has
        // acquired what came out of it.
        self.since_start_ns[batch].store(since_ns, Ordering::Relaxed);
    }

    /// The time of `batch`, whose outcome the caller has read from the ring.
    ///
    /// # Panics
    ///
    /// If the load has not been started, or has fewer batches.
    #[inline]
    #[must_use]
    pub fn get(&self, batch: usize) -> Instant {
        let start = self.start.get().expect("a load is started before its first batch");
        // Relaxed: see `set`.
        *start + Duration::from_nanos(self.since_start_ns[batch].load(Ordering::Relaxed))
    }
    /// Says that all outcomes of the first `batches` batches were published.
    #[inline]
    pub fn set_published(&self, batches: usize) {
        // Relaxed: the number carries nothing but itself.
        self.published.store(batches, Ordering::Relaxed);
    }

    /// How many batches were published.
    #[inline]
    #[must_use]
    pub fn published(&self) -> usize {
        // Relaxed: see `set_published`.
        self.published.load(Ordering::Relaxed)
    }
}
