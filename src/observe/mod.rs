//! Counters, histograms and reports; never on the hot path.

mod counts;
mod stamps;

pub use counts::OutcomeCounts;
pub use stamps::Stamps;
