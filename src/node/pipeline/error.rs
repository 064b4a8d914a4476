//! What ends a pipeline before its time.

use std::io;

use crate::gateway::SourceError;
use crate::publish::SinkError;
use ringfence_journal::JournalError;
use ringfence_ring::Halted;
use ringfence_types::OutcomeCounts;

/// Why a pipeline stopped before all was done.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The journal can no longer be written. No outcome left after it.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The engine was to stop while commands waited for room on the disk.
    #[error(
        "stopped while commands waited for room on the disk: they were not taken in, and none of them was answered"
    )]
    StoppedForRoom,
    /// Nothing more can be taken in.
    #[error(transparent)]
    Source(SourceError),
    /// Nothing more can be published.
    #[error(transparent)]
    Sink(#[from] SinkError),
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

impl PipelineError {
    /// Whether it was to stop, and room on the disk was all that was missing.
    pub(super) fn is_for_room(&self) -> bool {
        match self {
            PipelineError::StoppedForRoom => true,
            PipelineError::Sink(error) => error.is_for_room(),
            _ => false,
        }
    }
}

impl From<SourceError> for PipelineError {
    fn from(error: SourceError) -> PipelineError {
        match error {
            SourceError::Halted(halted) => PipelineError::Halted(halted),
            other => PipelineError::Source(other),
        }
    }
}

/// A pipeline that stopped before all was done. What was published until then is durable as far as
/// the journal's durability goes, and has been given to the sink.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Stopped {
    /// What stopped it.
    #[source]
    pub error: PipelineError,
    /// Sequence of the last command whose outcome was given to the sink, 0 if there is none.
    pub last_published: u64,
    /// Outcomes of the run by status.
    pub counts: Box<OutcomeCounts>,
}

impl Stopped {
    pub(super) fn before_the_start(error: PipelineError, last_published: u64) -> Stopped {
        Stopped { error, last_published, counts: Box::default() }
    }

    /// Whether it was asked to stop, and gave up only what waited for room on the disk: commands
    /// that were not taken in, or outcomes of durable commands that had not left. The journal is
    /// closed then.
    #[must_use]
    pub fn is_for_room(&self) -> bool {
        self.error.is_for_room()
    }

    /// Whether a broken invariant stopped it: a bug in this program.
    #[must_use]
    pub fn is_bug(&self) -> bool {
        matches!(self.error, PipelineError::Panicked { .. })
    }
}
