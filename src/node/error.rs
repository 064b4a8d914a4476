//! Why a node cannot be opened, run or closed.

use std::io;

use crate::pipeline::Stopped;
use crate::replay::ReplayError;
use ringfence_engine::EngineError;
use ringfence_journal::JournalError;

/// Why a node cannot be opened, run or closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// Options that cannot be met together, or on this machine.
    #[error("{0}")]
    Options(String),
    /// The engine's tables cannot be had.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The journal, a snapshot or the outcome log cannot be read or written, or is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The state cannot be rebuilt from the journal.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The system refuses a thread.
    #[error("starting a thread: {0}")]
    Thread(#[source] io::Error),
    /// The pipeline stopped before all was done. Only a new node on the same directory goes on.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl NodeError {
    /// Whether a broken invariant is the reason: a bug in this program.
    #[must_use]
    pub fn is_bug(&self) -> bool {
        matches!(self, NodeError::Stopped(stopped) if stopped.is_bug())
    }
}
