//! The text and binary forms of commands and outcomes, and the text form of metrics.
//!
//! ```text
//!   NDJSON line ──text::Decoder──▶ [Command] ──▶ engine ──▶ Outcome, Event ──text::encode_…──▶ NDJSON line
//!   bytes of a session ─wire::…─▶ [Command] ──▶ engine ──▶ Outcome, Event ──wire::…──▶ bytes of a session
//! ```
//!
//! # Invariants
//!
//! * Whatever the bytes, decoding ends with commands or with a reason why not: it never panics.
//! * What is held of unfinished input is bounded.
//! * Decoding and encoding depend on their arguments alone.

mod address;
mod metrics;
pub mod text;
pub mod wire;

pub use address::{Address, AddressError};
pub use metrics::MetricsPage;
