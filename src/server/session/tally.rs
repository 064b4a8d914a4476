//! What all connections of one principal take together.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How much may be used at once by one who was quiet: what a second gives.
const BURST: Duration = Duration::from_secs(1);

/// What all connections of one principal take together.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(super) connections: AtomicU32,
    /// Nanoseconds that one request takes of the time that there is; 0: any number is allowed.
    request_ns: u64,
    start: Instant,
    /// Up to where the time is used up, in nanoseconds since the start.
    used_ns: AtomicU64,
}

impl Tally {
    /// Nothing yet, with so many requests a second.
    pub(crate) fn new(requests_per_second: Option<NonZeroU32>, start: Instant) -> Tally {
        let request_ns = requests_per_second.map_or(0, |number| 1_000_000_000 / number.get());
        Tally {
            connections: AtomicU32::new(0),
            request_ns: request_ns.into(),
            start,
            used_ns: AtomicU64::new(0),
        }
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> u32 {
        // Relaxed: the number stands for itself.
        self.connections.load(Ordering::Relaxed)
    }

    /// Takes one request; `false`, and nothing is taken, where there were too many.
    pub(crate) fn take_request(&self, now: Instant) -> bool {
        if self.request_ns == 0 {
            return true;
        }
        let now_ns = now.duration_since(self.start).as_nanos() as u64;
        let latest_ns = now_ns + BURST.as_nanos() as u64;
        let taken = |used_ns: u64| {
            let used_ns = used_ns.max(now_ns) + self.request_ns;
            (used_ns <= latest_ns).then_some(used_ns)
        };
        // Relaxed: the number stands for itself.
        self.used_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_gives_so_many_requests_and_what_was_saved_is_one_second() {
        let start = Instant::now();
        let tally = Tally::new(NonZeroU32::new(100), start);
        let taken = |at: Instant| (0..1_000).take_while(|_| tally.take_request(at)).count();
        assert_eq!(taken(start), 100);
        assert_eq!(taken(start + Duration::from_millis(500)), 50);
        assert_eq!(taken(start + Duration::from_secs(100)), 100);
        let unlimited = Tally::new(None, start);
        assert!((0..1_000).all(|_| unlimited.take_request(start)));
    }
}
