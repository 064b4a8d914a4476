//! What happened, from any outcome on: read from the files of the journal and the outcome log,
//! beside the engine that writes them or without one.
//!
//! ```text
//!   *.outcomes ──▶ LogTrail ──frame──▶ Follower ──▶ Taker: commands, events, outcomes, in order
//!   *.journal ───▶ Bodies ────batch──────▲  ▲
//!                  (only if wanted)         Filter
//! ```
//!
//! # Invariants
//!
//! * The engine is never slowed: files are read, nothing is written or locked.
//! * What is given is in order of sequence, each once: the commands of a run, then for each of
//!   them its events and its outcome.
//! * It depends on the log and the journal alone, and on the sequence that was begun with: who
//!   begins again after [`Follower::looked_at`] misses nothing and sees nothing twice.
//! * Nothing is skipped silently: outcomes that are gone are an error with the oldest that is left.

mod begin;
mod bodies;
mod error;
mod filter;
mod follower;
mod names;
mod patience;
#[cfg(test)]
mod tests;
mod wish;

pub use begin::Begin;
pub use error::FollowError;
pub use filter::Filter;
pub use follower::Follower;
pub use wish::{Taker, Wish};
