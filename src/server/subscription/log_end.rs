//! How far the outcome log is: its thread tells, and wakes those who wait for more.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringfence_node::publish::LogListener;

/// The last outcome in the log, for those who wait for the next.
#[derive(Debug, Default)]
pub(super) struct LogEnd {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    last_sequence: u64,
    /// How many follow, each of which may be waiting for more.
    followers: usize,
    is_stopped: bool,
}

impl LogEnd {
    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left numbers that stand for themselves.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last outcome in the log.
    pub fn last_sequence(&self) -> u64 {
        self.state().last_sequence
    }

    /// Nobody has to wait any more.
    pub fn stop(&self) {
        self.state().is_stopped = true;
        self.moved.notify_all();
    }

    /// Whether [`LogEnd::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    /// Waits until the log goes beyond `sequence`, or for so long.
    pub fn wait_beyond(&self, sequence: u64, longest: Duration) {
        let waits = |state: &mut State| state.last_sequence <= sequence && !state.is_stopped;
        let waited = self.moved.wait_timeout_while(self.state(), longest, waits);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// One more, or one less, follows.
    pub fn count(&self, joins: bool) {
        let mut state = self.state();
        state.followers = if joins { state.followers + 1 } else { state.followers - 1 };
    }

    /// How many follow.
    pub fn followers(&self) -> usize {
        self.state().followers
    }
}

impl LogListener for LogEnd {
    fn log_has_grown(&self, last_sequence: u64) {
        let mut state = self.state();
        let wakes = last_sequence > state.last_sequence && state.followers > 0;
        state.last_sequence = last_sequence.max(state.last_sequence);
        // Without the lock: who wakes up takes it.
        drop(state);
        if wakes {
            self.moved.notify_all();
        }
    }
}
