//! Loads, clocks, histograms and reports of `ringfence bench`.
//!
//! ```text
//!   Load (from a seed) ──▶ pipeline ──▶ Report      the ring, the journal, the stages, their threads
//!                    └───▶ fold ──────▶ Report      the same work, one thread, nothing but the engine
//! ```
//!
//! The fold is the yardstick: what the pipeline costs or gains against plain calls.

mod fold;
mod load;
mod probe;
mod report;
mod through;

pub use fold::fold;
pub use load::{Load, Mix};
pub use probe::round_trip_ns;
pub use report::Report;
pub use through::{BenchError, Kept, Through, pipeline};
