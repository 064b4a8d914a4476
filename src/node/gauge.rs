//! A number that one thread sets and others look at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::utils::CachePadded;

/// A number to look at; clones show the same one.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<CachePadded<AtomicU64>>);

impl Gauge {
    /// A gauge that shows `value`.
    #[must_use]
    pub fn new(value: u64) -> Gauge {
        Gauge(Arc::new(CachePadded::new(AtomicU64::new(value))))
    }

    // Relaxed, in both: the number stands for itself, and nothing is read on its strength.

    /// Shows `value` from now on.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// What it shows.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
