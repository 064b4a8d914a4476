//! A histogram that one thread fills while others look.

use std::sync::atomic::{AtomicU64, Ordering};

use super::add;
use super::reading::LatencyReading;

/// Upper bounds of the histogram's ranges, in nanoseconds: powers of two from 16 µs to 17 s. What
/// is above the last is counted too.
pub const LATENCY_BOUNDS_NS: [u64; RANGES - 1] = {
    let mut bounds = [0; RANGES - 1];
    let mut index = 0;
    while index < bounds.len() {
        bounds[index] = FIRST_NS << index;
        index += 1;
    }
    bounds
};
/// The first bound, in nanoseconds: a power of two.
const FIRST_NS: u64 = 1 << 14;
/// Ranges, that above the last bound included.
const RANGES: usize = 22;

/// A histogram of times.
#[derive(Debug, Default)]
pub struct Latency {
    counts: [AtomicU64; RANGES],
    sum_ns: AtomicU64,
}

impl Latency {
    /// Counts `count` times of `nanoseconds`.
    #[inline]
    pub(super) fn add(&self, nanoseconds: u64, count: u64) {
        let above = nanoseconds.saturating_sub(1) / FIRST_NS;
        let range = (u64::BITS - above.leading_zeros()) as usize;
        add(&self.counts[range.min(RANGES - 1)], count);
        // Wraps after 584 years of waiting, as counters do.
        add(&self.sum_ns, nanoseconds.wrapping_mul(count));
    }

    pub(super) fn reading(&self) -> LatencyReading {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        LatencyReading {
            bounds_ns: LATENCY_BOUNDS_NS.to_vec(),
            counts: counts.collect(),
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_in_the_first_range_whose_bound_it_does_not_exceed() {
        for nanoseconds in [0, 1, 16_384, 16_385, 32_768, 32_769, 1 << 34, (1 << 34) + 1, 1 << 60] {
            let latency = Latency::default();
            latency.add(nanoseconds, 3);
            let reading = latency.reading();
            let expected = LATENCY_BOUNDS_NS.iter().position(|&bound| nanoseconds <= bound);
            let found = reading.counts.iter().position(|&count| count == 3);
            assert_eq!(found, Some(expected.unwrap_or(RANGES - 1)), "{nanoseconds}");
            assert_eq!(reading.counts.iter().sum::<u64>(), 3);
            assert_eq!(reading.sum_ns, nanoseconds * 3);
        }
    }
}
