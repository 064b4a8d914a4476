//! A histogram that one thread fills while others look.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the ranges, in nanoseconds: powers of two from 16 µs to 17 s. What is above the
/// last is counted too.
pub const HISTOGRAM_BOUNDS_NS: [u64; RANGES - 1] = {
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
pub struct Histogram {
    counts: [AtomicU64; RANGES],
    sum_ns: AtomicU64,
}

impl Histogram {
    /// Counts `count` times of `nanoseconds`. One thread alone calls it.
    #[inline]
    pub fn add(&self, nanoseconds: u64, count: u64) {
        let above = nanoseconds.saturating_sub(1) / FIRST_NS;
        let range = (u64::BITS - above.leading_zeros()) as usize;
        add_alone(&self.counts[range.min(RANGES - 1)], count);
        // Wraps after 584 years of waiting, as counters do.
        add_alone(&self.sum_ns, nanoseconds.wrapping_mul(count));
    }

    /// How many times were in each range: one more than there are bounds.
    #[must_use]
    pub fn counts(&self) -> Vec<u64> {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// All times together, in nanoseconds.
    #[must_use]
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns.load(Ordering::Relaxed)
    }
}

/// Adds to a number that the calling thread alone writes: no read-modify-write is needed. It wraps.
#[inline]
pub fn add_alone(number: &AtomicU64, more: u64) {
    // Relaxed, in both: the number stands for itself.
    number.store(number.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_in_the_first_range_whose_bound_it_does_not_exceed() {
        for nanoseconds in [0, 1, 16_384, 16_385, 32_768, 32_769, 1 << 34, (1 << 34) + 1, 1 << 60] {
            let histogram = Histogram::default();
            histogram.add(nanoseconds, 3);
            let counts = histogram.counts();
            let expected = HISTOGRAM_BOUNDS_NS.iter().position(|&bound| nanoseconds <= bound);
            let found = counts.iter().position(|&count| count == 3);
            assert_eq!(found, Some(expected.unwrap_or(RANGES - 1)), "{nanoseconds}");
            assert_eq!(counts.iter().sum::<u64>(), 3);
            assert_eq!(histogram.sum_ns(), nanoseconds * 3);
        }
    }
}
