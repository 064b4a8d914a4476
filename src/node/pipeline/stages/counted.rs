//! What publish counts of the outcomes that leave.

use crate::Clock;
use crate::counters::Counters;
use ringfence_types::{NANOSECONDS_PER_SECOND, Outcome, OutcomeCounts};

/// Nothing takes so long: a day, in nanoseconds.
const LATENCY_NS_MAX: u64 = 86_400 * NANOSECONDS_PER_SECOND;

/// Consecutive outcomes of one operation with one status: they are counted together.
pub(super) struct Alike<'a> {
    first: &'a Outcome,
    count: u64,
}

impl<'a> Alike<'a> {
    /// None yet that is like `first`.
    #[inline]
    pub(super) fn new(first: &'a Outcome) -> Alike<'a> {
        Alike { first, count: 0 }
    }

    /// Adds `outcome`, if it is like the first; whether it is.
    #[inline]
    pub(super) fn add(&mut self, outcome: &Outcome) -> bool {
        let is_alike = (self.first.op, self.first.status) == (outcome.op, outcome.status);
        self.count += u64::from(is_alike);
        is_alike
    }

    /// Counts them.
    #[inline]
    pub(super) fn add_to(&self, counts: &mut OutcomeCounts, counters: &Counters) {
        counts.add_many(self.first.status, self.count);
        counters.add_outcomes(self.first, self.count);
    }
}

/// Tells outcomes that show when they were taken in from those that show an earlier time: that of
/// what they repeat, or of an imported event.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct OwnTimes {
    latest_ns: u64,
}

impl OwnTimes {
    /// Shows how long ago `first` was taken in, for it and all of the `count` outcomes that leave
    /// with it. Reads the clock once a turn.
    #[inline]
    pub(super) fn show(&mut self, first: &Outcome, count: u64, counters: &Counters) {
        if first.timestamp <= self.latest_ns {
            return;
        }
        self.latest_ns = first.timestamp;
        // Where the times are not of this clock, which was behind the journal's last time or is not
        // the one that the gateway reads, nothing can be told.
        match Clock::System.read_ns().checked_sub(first.timestamp) {
            Some(nanoseconds) if nanoseconds < LATENCY_NS_MAX => {
                counters.add_latency(nanoseconds, count);
            }
            _ => {}
        }
    }
}
