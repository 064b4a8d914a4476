//! Backups: copies of a journal made beside the engine that writes it, and journals made of them.
//!
//! ```text
//!   data directory                     backup
//!     0000000007.journal  ── whole ──▶   0000000007.journal
//!     0000000008.journal  ── up to what is durable, zeros behind it ──▶ 0000000008.journal
//!     *.snapshot          ── whole ──▶   *.snapshot
//!                                        backup.json   written last: up to where it is good
//! ```
//!
//! # Invariants
//!
//! * What `backup.json` says is in the backup, and was read back: it is replaced only after that.
//!   So a backup that is cut short leaves the one before as good as it was.
//! * Every frame that is copied was durable in the original before, and is in the chain of those
//!   before it: a backup never holds what a crash could have taken from the original.
//! * No witness and no outcome log is copied: both could know of commands that the copy has not.

mod copy;
mod make;
mod manifest;
mod restore;

use std::io;
use std::path::{Path, PathBuf};

pub use make::{BackedUp, make};
pub use restore::{Acknowledged, Restored, restore};

/// Why a backup cannot be made or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The directory cannot take a backup.
    #[error("{} cannot take the backup: {reason}", path.display())]
    NoPlace {
        /// The directory.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// There is no backup, or it is none that can be read.
    #[error("{} holds no backup: {reason}", path.display())]
    NoBackup {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The directory that is to be restored to is in use.
    #[error("{} is not empty: it holds {name}; a backup is restored to an empty directory", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
        /// A file that is there.
        name: String,
    },
    /// The backup is of another history than the journal.
    #[error(
        "the backup in {} ends with sequence {sequence}, and the journal does not go on from there ({reason}): segments that were archived can be put back, else begin a backup in another directory",
        path.display()
    )]
    OtherHistory {
        /// The backup.
        path: PathBuf,
        /// The last sequence in it.
        sequence: u64,
        /// What was found.
        reason: String,
    },
    /// What was written does not read back.
    #[error("{} does not read back as it was written: {reason}", path.display())]
    ReadsBackOther {
        /// The file or directory.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The operating system refused an operation on a file.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An error of `operation` on `path`.
fn failed<'a>(operation: &'static str, path: &'a Path) -> impl Fn(io::Error) -> BackupError + 'a {
    move |source| BackupError::Io { operation, path: path.to_owned(), source }
}
