//! What ends a pipeline before its time.

use std::io;

use crate::gateway::SourceError;
use ringfence_journal::JournalError;
use ringfence_ring::Halted;

/// Why a pipeline stopped before all was done.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The journal can no longer be written. No outcome left after it.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Nothing more can be taken in.
    #[error(transparent)]
    Source(SourceError),
    /// The system refuses a thread.
    #[error("starting a thread: {0}")]
    Thread(#[source] io::Error),
    /// The system refuses a descriptor to sleep on.
    #[error("waiting for writes: {0}")]
    Poller(#[source] io::Error),
    /// A broken invariant: a bug in this program.
    #[error("stage {stage} stopped: {message}")]
    Panicked {
        /// Which stage.
        stage: String,
        /// What it said.
        message: String,
    },
    /// Another stage stopped the ring; its own error says why.
    #[error(transparent)]
    Halted(#[from] Halted),
}

impl From<SourceError> for PipelineError {
    fn from(error: SourceError) -> PipelineError {
        match error {
            SourceError::Halted(halted) => PipelineError::Halted(halted),
            other => PipelineError::Source(other),
        }
    }
}
