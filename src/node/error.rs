//! Why a node cannot be opened, run or closed.

use std::io;

use crate::backup::BackupError;
use crate::pipeline::Stopped;
use crate::replay::ReplayError;
use ringfence_engine::{Digest, EngineError};
use ringfence_journal::{JournalError, SnapshotError};

/// Why a node cannot be opened, run or closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// An outcome log was asked for where nothing is journaled.
    #[error("an outcome log needs a data directory")]
    OutcomeLogWithoutJournal,
    /// Cores that this process may not use.
    #[error("{0}")]
    Cores(String),
    /// There is no memory for the lanes: [`Options::ring_slots`](crate::Options::ring_slots) and
    /// [`Options::event_slots`](crate::Options::event_slots) decide how much is needed.
    #[error("no memory for the lanes: {bytes} bytes asked for")]
    NoMemoryForLanes {
        /// How much they take, in bytes.
        bytes: u64,
    },
    /// The engine's tables cannot be had.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The journal, a snapshot or the outcome log cannot be read or written, or is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The outcome log cannot be written to its end. The next start makes it whole.
    #[error("the outcome log: {0}")]
    OutcomeLog(#[source] Box<JournalError>),
    /// The state cannot be rebuilt from the journal.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A snapshot cannot be written, or does not read back.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// What was written is restored as something else: a bug in this program.
    #[error("a snapshot of the digest {made} is restored as {restored}")]
    SnapshotDiffers {
        /// What it was made of.
        made: Digest,
        /// What it gives.
        restored: Digest,
    },
    /// A backup cannot be made or restored.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The system refuses a thread.
    #[error("starting a thread: {0}")]
    Thread(#[source] io::Error),
    /// The pipeline stopped before all was done. Only a new node on the same directory goes on.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl NodeError {
    /// Whether the run has ended and only room on the disk was missing: for commands that were not
    /// taken in, or for what the outcome log lacks, which the next start makes again. Everything
    /// that was answered is kept, and the journal is closed.
    #[must_use]
    pub fn is_stop_for_room(&self) -> bool {
        match self {
            NodeError::Stopped(stopped) => stopped.is_for_room(),
            NodeError::OutcomeLog(error) => error.is_for_room(),
            _ => false,
        }
    }

    /// Whether room on the disk for a file of the journal, or for a snapshot, is what was missing.
    #[must_use]
    pub fn is_for_room(&self) -> bool {
        matches!(self, NodeError::Journal(error) if error.is_for_room())
    }

    /// Whether a broken invariant is the reason: a bug in this program.
    #[must_use]
    pub fn is_bug(&self) -> bool {
        match self {
            NodeError::Stopped(stopped) => stopped.is_bug(),
            NodeError::SnapshotDiffers { .. } => true,
            _ => false,
        }
    }
}
