//! How long to wait before the next attempt.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Waiting times that double from one attempt to the next, with chance in them, so that many
/// clients of a server that comes back do not all arrive at once.
#[derive(Debug, Clone)]
pub struct BackOff {
    first: Duration,
    due: Duration,
}

impl BackOff {
    /// No waiting time is longer than this.
    pub const LONGEST: Duration = Duration::from_secs(5);

    /// Before the first attempt, after which at most `first` is waited.
    #[must_use]
    pub fn new(first: Duration) -> BackOff {
        BackOff { first, due: first }
    }

    /// The time to wait now: between half of what is due and all of it. The next one is twice as
    /// long.
    pub fn wait(&mut self) -> Duration {
        let due = self.due;
        self.due = (2 * due).min(BackOff::LONGEST);
        jittered(due)
    }

    /// After a success the waiting times begin anew.
    pub fn reset(&mut self) {
        self.due = self.first;
    }
}

/// A duration between half of `longest` and all of it.
fn jittered(longest: Duration) -> Duration {
    let nanoseconds =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    // The lowest digits of the time are as good as chance here.
    longest.mul_f64(0.5 + f64::from(nanoseconds % 1000) / 2000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_times_double_up_to_a_limit_and_begin_anew() {
        let first = Duration::from_millis(50);
        let mut back_off = BackOff::new(first);
        let mut due = first;
        for _ in 0..12 {
            let wait = back_off.wait();
            assert!(due / 2 <= wait && wait <= due, "{wait:?} of {due:?}");
            due = (2 * due).min(BackOff::LONGEST);
        }
        assert_eq!(due, BackOff::LONGEST);
        back_off.reset();
        assert!(back_off.wait() <= first);
    }
}
