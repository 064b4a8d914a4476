//! When the engine takes in a command of its own, so that time passes where no client asks for it.

use std::time::{Duration, Instant};

use crate::Gauge;

/// No pulse comes sooner than this after any command.
pub const PULSE_AFTER: Duration = Duration::from_secs(1);

/// Watches for something that is due while no command comes.
#[derive(Debug)]
pub struct Pulse {
    /// Timestamp at which settle has something to do next, [`u64::MAX`]: nothing.
    due: Gauge,
    /// When the last command was taken in.
    since: Instant,
    last_sequence: u64,
}

impl Pulse {
    /// Watches `due`, which settle shows.
    pub fn new(due: Gauge) -> Pulse {
        Pulse { due, since: Instant::now(), last_sequence: 0 }
    }

    /// Whether one is to be taken in now: the clock reads `clock_ns`, and the last command that was
    /// taken in is `last_sequence`.
    pub fn is_wanted(&mut self, clock_ns: u64, last_sequence: u64) -> bool {
        if last_sequence != self.last_sequence {
            self.last_sequence = last_sequence;
            self.since = Instant::now();
            return false;
        }
        clock_ns >= self.due.get() && self.since.elapsed() >= PULSE_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_is_wanted_when_something_is_due_and_a_second_was_quiet() {
        let due = Gauge::new(u64::MAX);
        let mut pulse = Pulse::new(due.clone());
        pulse.since = Instant::now().checked_sub(PULSE_AFTER).unwrap();
        assert!(!pulse.is_wanted(1_000, 0), "nothing is due");
        due.set(1_000);
        assert!(!pulse.is_wanted(999, 0), "not yet");
        assert!(pulse.is_wanted(1_000, 0));
        assert!(!pulse.is_wanted(1_000, 1), "a command came");
        assert!(!pulse.is_wanted(1_000, 1), "and that is no second ago");
        pulse.since = Instant::now().checked_sub(PULSE_AFTER).unwrap();
        assert!(pulse.is_wanted(1_000, 1));
    }
}
