//! Counters, histograms and reports; never on the hot path.

mod counts;
mod gauge;
mod stamps;

pub use counts::OutcomeCounts;
pub use gauge::Gauge;
pub use stamps::Stamps;
