//! Which outcomes the outcome log holds, seen from other threads, and which are still needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What the log of a running engine holds, for threads that read its files; clones show the same.
///
/// It is there from [`Node::open`](crate::Node::open) on.
#[derive(Debug, Clone)]
pub struct LogRange(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    first_sequence: AtomicU64,
    last_sequence: AtomicU64,
    needed_from: AtomicU64,
}

impl LogRange {
    /// Of a log that holds the outcomes from `first_sequence` to `last_sequence`.
    pub(crate) fn new(first_sequence: u64, last_sequence: u64) -> LogRange {
        LogRange(Arc::new(Shared {
            first_sequence: AtomicU64::new(first_sequence),
            last_sequence: AtomicU64::new(last_sequence),
            needed_from: AtomicU64::new(u64::MAX),
        }))
    }

    // Release in the writers pairs with Acquire in the readers: who reads a number finds in the
    // files, or no longer finds there, what it says.

    /// Sequence of the first outcome that the log holds, 0 if there is none yet. It rises when old
    /// files are removed.
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.0.first_sequence.load(Ordering::Acquire)
    }

    /// Sequence of the last outcome that was written to a file, 0 if there is none yet.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.0.last_sequence.load(Ordering::Acquire)
    }

    /// Asks that outcomes from `sequence` on are kept, up to twice as long as others; `u64::MAX`:
    /// none is needed. Where [`first_sequence`](Self::first_sequence) is above it, they are gone.
    pub fn keep_from(&self, sequence: u64) {
        // Relaxed: the number stands for itself.
        self.0.needed_from.store(sequence, Ordering::Relaxed);
    }

    /// From which outcome on they are still needed.
    pub(crate) fn needed_from(&self) -> u64 {
        self.0.needed_from.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, first_sequence: u64, last_sequence: u64) {
        self.0.first_sequence.store(first_sequence, Ordering::Release);
        self.0.last_sequence.store(last_sequence, Ordering::Release);
    }
}

/// How often it is said at most that the log begins later.
const SAID_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Watches where a log begins.
pub(crate) struct Front {
    range: LogRange,
    /// Where it began when that was said last.
    first_sequence: u64,
    said: Option<Instant>,
}

impl Front {
    pub(crate) fn new(range: LogRange) -> Front {
        Front { first_sequence: range.first_sequence(), range, said: None }
    }

    /// What to say, if the log begins later than it did.
    pub(crate) fn look(&mut self) -> Option<String> {
        let first = self.range.first_sequence();
        let before = std::mem::replace(&mut self.first_sequence, first);
        if first <= before || before == 0 {
            return None;
        }
        if self.said.is_some_and(|said| said.elapsed() < SAID_AGAIN_AFTER) {
            // It is said later.
            self.first_sequence = before;
            return None;
        }
        self.said = Some(Instant::now());
        Some(format!(
            "outcome log: it begins with sequence {first} now, older files were removed, as the bound says"
        ))
    }
}
