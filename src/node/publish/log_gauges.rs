//! What the outcome log of a running engine holds, seen from other threads.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::Gauge;

/// What the log's thread tells, and what it is asked to keep; clones show the same.
///
/// It is there from [`Node::open`](crate::Node::open) on.
#[derive(Debug, Clone, Default)]
pub struct LogGauges {
    /// Sequence of the first outcome that is in the files, 0 if there is none. It rises when old files
    /// are removed.
    pub first: Gauge,
    /// Sequence of the last outcome that is in the files.
    pub logged: Gauge,
    /// Files with outcomes after this sequence are kept, up to twice what else is kept.
    pub needed_after: Gauge,
    /// The thread that is woken when the log has grown.
    listener: Arc<Mutex<Option<Thread>>>,
}

impl LogGauges {
    /// Nothing is logged, and nobody needs anything.
    #[must_use]
    pub fn new() -> LogGauges {
        LogGauges { needed_after: Gauge::new(u64::MAX), ..LogGauges::default() }
    }

    /// From which outcome on they are needed.
    pub(super) fn needed_from(&self) -> u64 {
        self.needed_after.get().saturating_add(1)
    }

    /// The log's thread tells what is in the files, and wakes whoever listens.
    pub fn show(&self, first_sequence: u64, last_sequence: u64) {
        self.first.set(first_sequence);
        self.logged.set(last_sequence);
        if let Some(listener) = &*self.listener.lock().unwrap_or_else(PoisonError::into_inner) {
            listener.unpark();
        }
    }

    /// From now on the calling thread is unparked whenever the log has grown, or no longer. Of two
    /// threads the later one is. What the gauges show after this call is missed by no wait.
    pub fn listen(&self, listens: bool) {
        // Where the log's thread took the lock before, what it had shown is seen after it here.
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        *listener = listens.then(thread::current);
    }
}

/// How often it is said at most that the log begins later.
const SAID_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Watches where a log begins.
pub(crate) struct Front {
    gauges: LogGauges,
    /// Where it began when that was said last.
    first_sequence: u64,
    said: Option<Instant>,
}

impl Front {
    pub(crate) fn new(gauges: LogGauges) -> Front {
        Front { first_sequence: gauges.first.get(), gauges, said: None }
    }

    /// What to say, if the log begins later than it did.
    pub(crate) fn look(&mut self) -> Option<String> {
        let first = self.gauges.first.get();
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
