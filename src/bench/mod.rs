//! Loads, clocks, histograms and reports of `ringfence bench`.
//!
//! ```text
//!   Load (from a seed) ──▶ pipeline ──▶ Report      the ring, the journal, the stages, their threads
//!                    ├───▶ fold ──────▶ Report      the same work, one thread, nothing but the engine
//!                    └───▶ wire ──────▶ Report      clients on sockets, an engine that serves them
//! ```
//!
//! The fold is the yardstick: what the pipeline costs or gains against plain calls. Beside whatever
//! writes a journal stands [`Raw`]: what the disk does with the same bytes and nothing else.

mod chart;
mod curves;
mod fold;
mod journal;
mod latency_sink;
mod load;
mod memory_source;
mod orders;
mod percentiles;
mod probe;
mod queues;
mod raw;
mod report;
mod stamps;
mod through;
pub mod wire;

pub use curves::{LoadPoint, curves_svg};
pub use fold::{fold, settle_fold};
pub use journal::{JournalLoad, JournalPoint, JournalReport, journal, new_journal};
pub use latency_sink::{LatencySink, latency_histogram};
pub use load::{Load, Mix};
pub use memory_source::{MemorySource, Pace};
pub use orders::{OrderLoad, OrderMix};
pub use percentiles::{Percentiles, svg};
pub use probe::round_trip_ns;
pub use queues::QueueLoad;
pub use raw::Raw;
pub use report::{LatencyNs, Report, Series, SettleReport, UNKNOWN};
pub use stamps::Stamps;
pub use through::{BenchError, Through, pipeline, settle_pipeline};
