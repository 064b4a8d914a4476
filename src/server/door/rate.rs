//! What the door logs: what is the same for many connections at a bounded rate.

use std::time::{Duration, Instant};

/// Lines in one period.
const LINES_MAX: u32 = 10;
/// One period.
const PERIOD: Duration = Duration::from_secs(1);

/// Lets a few lines of a period through and counts the others.
#[derive(Debug)]
pub(crate) struct Rate {
    began: Instant,
    passed: u32,
    held_back: u64,
}

impl Rate {
    pub(crate) fn new(now: Instant) -> Rate {
        Rate { began: now, passed: 0, held_back: 0 }
    }

    /// Whether one more line may be logged now.
    pub(crate) fn lets_pass(&mut self, now: Instant) -> bool {
        if now.duration_since(self.began) >= PERIOD {
            (self.began, self.passed) = (now, 0);
        }
        let passes = self.passed < LINES_MAX;
        match passes {
            true => self.passed += 1,
            false => self.held_back += 1,
        }
        passes
    }

    /// How many lines were held back in the period that is over, once it is.
    pub(crate) fn take_held_back(&mut self, now: Instant) -> Option<u64> {
        let is_over = now.duration_since(self.began) >= PERIOD;
        (is_over && self.held_back > 0).then(|| std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_lines_of_a_second_pass_and_the_others_are_counted() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let passed = (0..25).filter(|_| rate.lets_pass(start)).count();
        assert_eq!(passed, 10);
        assert_eq!(rate.take_held_back(start), None, "more may come");
        let later = start + PERIOD;
        assert_eq!(rate.take_held_back(later), Some(15));
        assert_eq!(rate.take_held_back(later), None, "said once");
        assert!(rate.lets_pass(later));
    }
}
