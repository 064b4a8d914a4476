//! Where timestamps come from.

use std::time::{SystemTime, UNIX_EPOCH};

use ringfence_types::TIMESTAMP_MAX;

/// The gateway's clock, in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The machine's.
    System,
    /// One that moves only when it is told to; it reads this.
    Manual(u64),
}

impl Clock {
    /// What the clock reads, in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn read_ns(self) -> u64 {
        match self {
            // A clock set before 1970 reads 0: timestamps then go on from the last one.
            Clock::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)),
            Clock::Manual(reading_ns) => reading_ns,
        }
    }

    /// Moves a manual clock `nanoseconds` past the later of its reading and `last_timestamp`, and
    /// returns what it reads then. `None`, and nothing happens, where that passes
    /// [`TIMESTAMP_MAX`] or the clock is the system's.
    pub fn advance(&mut self, nanoseconds: u64, last_timestamp: u64) -> Option<u64> {
        let Clock::Manual(reading_ns) = self else { return None };
        let target = (*reading_ns).max(last_timestamp).checked_add(nanoseconds)?;
        if target > TIMESTAMP_MAX {
            return None;
        }
        *reading_ns = target;
        Some(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_from_the_later_of_its_reading_and_the_last_timestamp() {
        let mut clock = Clock::Manual(0);
        assert_eq!(clock.advance(5, 0), Some(5));
        assert_eq!(clock.advance(5, 20), Some(25));
        assert_eq!(clock.advance(0, 3), Some(25));
        assert_eq!(clock.advance(TIMESTAMP_MAX, 25), None);
        assert_eq!(clock.read_ns(), 25, "a refused advance moves nothing");
        assert_eq!(Clock::System.advance(1, 0), None);
    }
}
