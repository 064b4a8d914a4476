//! What the outcome log of a running engine holds, seen from other threads.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Gauge;

/// Who is told by the log's thread that the log has grown.
pub trait LogListener: fmt::Debug + Send + Sync {
    /// The log ends with the outcome `last_sequence`, maybe as before. Everything in it up to there
    /// can be read.
    ///
    /// The log's thread waits for the call to return, so it must not take long; and it must set no
    /// listener, which would wait for it in turn.
    fn log_has_grown(&self, last_sequence: u64);
}

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
    listener: Arc<Mutex<Option<Arc<dyn LogListener>>>>,
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

    fn listener(&self) -> MutexGuard<'_, Option<Arc<dyn LogListener>>> {
        // Whoever panicked left a listener or none.
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log's thread tells what is in the files.
    pub fn show(&self, first_sequence: u64, last_sequence: u64) {
        self.first.set(first_sequence);
        self.logged.set(last_sequence);
        if let Some(listener) = &*self.listener() {
            listener.log_has_grown(last_sequence);
        }
    }

    /// From now on `listener` is told whenever the log has grown, in place of the one before. It is
    /// told before this returns, too, where there is something in the log.
    pub fn set_listener(&self, listener: Option<Arc<dyn LogListener>>) {
        // The log's thread shows first and takes the lock then: where it took it before, what it
        // has shown is seen here, and where it takes it later, it tells the new one.
        let mut place = self.listener();
        let logged = self.logged.get();
        if let Some(listener) = listener.as_ref().filter(|_| logged > 0) {
            listener.log_has_grown(logged);
        }
        *place = listener;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes what it is told.
    #[derive(Debug, Default)]
    struct Notes(Mutex<Vec<u64>>);

    impl LogListener for Notes {
        fn log_has_grown(&self, last_sequence: u64) {
            self.0.lock().unwrap().push(last_sequence);
        }
    }

    #[test]
    fn a_listener_is_told_what_is_there_and_what_comes_until_another_takes_its_place() {
        let (first, second) = (Arc::new(Notes::default()), Arc::new(Notes::default()));
        let gauges = LogGauges::new();
        gauges.set_listener(Some(Arc::clone(&first) as _));
        gauges.show(1, 5);
        gauges.show(1, 9);
        gauges.set_listener(Some(Arc::clone(&second) as _));
        gauges.show(1, 12);
        gauges.set_listener(None);
        gauges.show(1, 13);
        assert_eq!(*first.0.lock().unwrap(), [5, 9]);
        assert_eq!(*second.0.lock().unwrap(), [9, 12]);
        assert_eq!((gauges.first.get(), gauges.logged.get()), (1, 13));
    }
}
