//! Journal to engine: the same commands through the same code, without a ring.
//!
//! ```text
//!   snapshot ─┐
//!   journal ──┴▶ whole chains up to the asked-for sequence ──▶ engine ──▶ sink
//! ```
//!
//! # Invariants
//!
//! * Nothing is written, and an engine that writes the journal at the same time is not disturbed.
//! * The state after a replay is that of the run, whatever the run's placement was.

mod compare;
mod error;
mod remake;
mod replayer;
mod start;
mod text;
mod whole;

pub use compare::Compare;
pub use error::ReplayError;
pub(crate) use remake::Remake;
pub use replayer::{Discard, Replayer};
pub use start::{
    Restored, check_snapshots, engine_of, newest_snapshot, oldest_snapshot_of_a_shortened_journal,
};
pub use text::TextLines;
pub use whole::{Begin, Replayed, Wish, replay};
