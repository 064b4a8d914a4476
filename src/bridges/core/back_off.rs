//! How long to wait before the next attempt.

use std::time::Duration;

/// Waiting times that double from one attempt to the next, with chance in them, so that many
/// clients of a broker that comes back do not all arrive at once.
#[derive(Debug, Clone)]
pub struct BackOff {
    next: Duration,
}

impl BackOff {
    /// The first waiting time is at most this.
    pub const FIRST: Duration = Duration::from_millis(50);
    /// No waiting time is longer than this.
    pub const LONGEST: Duration = Duration::from_secs(5);

    /// Before the first attempt.
    #[must_use]
    pub fn new() -> BackOff {
        BackOff { next: BackOff::FIRST }
    }

    /// The time to wait now: between half of what is due and all of it.
    pub fn wait(&mut self) -> Duration {
        let due = self.next;
        self.next = (2 * due).min(BackOff::LONGEST);
        due.mul_f64(0.5 + f64::from(chance()) / 512.0)
    }

    /// After a success the waiting times begin anew.
    pub fn reset(&mut self) {
        self.next = BackOff::FIRST;
    }
}

impl Default for BackOff {
    fn default() -> BackOff {
        BackOff::new()
    }
}

/// A byte that nobody can foresee; a fixed one where the system has none.
fn chance() -> u8 {
    let mut byte = [128];
    // Without chance the times only lie closer together.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_times_double_up_to_a_limit_and_begin_anew() {
        let mut back_off = BackOff::new();
        let mut due = BackOff::FIRST;
        for _ in 0..12 {
            let wait = back_off.wait();
            assert!(due / 2 <= wait && wait <= due, "{wait:?} of {due:?}");
            due = (2 * due).min(BackOff::LONGEST);
        }
        assert_eq!(due, BackOff::LONGEST);
        back_off.reset();
        assert!(back_off.wait() <= BackOff::FIRST);
    }
}
