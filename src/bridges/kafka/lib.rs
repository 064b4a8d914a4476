//! Between an engine and Kafka, with exactly-once outcomes.
//!
//! ```text
//!   topic ─partition─▶ Lane ─session of the partition, offset + 1─▶ engine ─▶ KafkaSink
//!     ▲ pause, resume   │ dead letters                                           │
//!     └─ offsets, to look at                  outcomes and progress, one transaction ─▶ topics
//! ```
//!
//! # Invariants
//!
//! * Each partition has a session of its own. A message's request number is its offset plus one,
//!   and reading begins where the session's last request says: committed offsets decide nothing.
//! * Outcomes and the position up to which they reach are in one transaction: a reader that asks
//!   for `read_committed` sees each outcome once.

mod reach;
mod server;
mod sink;
mod source;
mod topics;

pub use server::KafkaServer;
pub use sink::KafkaSink;
pub use source::{KafkaSource, run_kafka_source};

/// Why a call of Kafka's client failed, where another attempt may fare better.
fn retry(what: &str, error: impl std::fmt::Display) -> ringfence_bridge_core::Failure {
    ringfence_bridge_core::Failure::retry(format!("{what}: {error}"))
}
