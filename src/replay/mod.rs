//! Journal to engine: the same commands through the same code, without ring or threads.
//!
//! ```text
//!   journal ──▶ whole chains up to the asked-for sequence ──▶ engine ──▶ sink
//! ```
//!
//! # Invariants
//!
//! * Nothing is written, and an engine that writes the journal at the same time is not disturbed.
//! * The state after a replay is that of the run, whatever the run's placement was.

mod replayer;
mod text;

pub use replayer::{Discard, Replayer};
pub use text::TextLines;
