//! Why a follower cannot go on.

use std::path::PathBuf;

use ringfence_journal::JournalError;

/// Why a follower cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// A file cannot be read, or is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What comes next is no longer kept.
    #[error("{}: outcomes after sequence {after} are no longer kept, the oldest that can be had is {oldest}", path.display())]
    TooFarBehind {
        /// The data directory.
        path: PathBuf,
        /// The last outcome that was dealt with.
        after: u64,
        /// The oldest outcome that can be had.
        oldest: u64,
    },
    /// The log ends before what was dealt with already.
    #[error("{}: the outcome log ends with sequence {last}, before {after}: it is of another history, or an older copy", path.display())]
    Ahead {
        /// The data directory.
        path: PathBuf,
        /// The last outcome that was dealt with.
        after: u64,
        /// The last outcome in the log.
        last: u64,
    },
    /// An outcome that was given is another one now: a power cut took the command, without
    /// `--durability sync`.
    #[error("{}: the outcome {sequence} is another one than was read before: commands were lost and their sequences given again", path.display())]
    Changed {
        /// The data directory.
        path: PathBuf,
        /// Its sequence.
        sequence: u64,
    },
    /// The engine keeps none.
    #[error("{} has no outcome log", path.display())]
    NoOutcomeLog {
        /// The data directory.
        path: PathBuf,
    },
}
