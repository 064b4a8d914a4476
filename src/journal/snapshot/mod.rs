//! Snapshot files: an engine's contents behind a batch that was durable. `docs/snapshot.md`
//! describes them byte by byte.
//!
//! ```text
//!   file     [ header block │ piece │ piece │ piece … ]
//!   section  pieces one behind the other, each but the last 1 MiB
//!   piece    [ header 64 │ records │ padding to a block ]
//! ```
//!
//! # Invariants
//!
//! * A file under its own name is whole and was durable before it had that name.
//! * Every byte is under a checksum that begins with the identity of the journal and the
//!   sequence, so no part of another snapshot fits in.
//! * What a snapshot covers was durable before it was written.

mod format;
mod reader;
mod seal;
mod writer;

pub use format::{SNAPSHOT_VERSION, SnapshotHeader, snapshot_name, snapshot_of_name};
pub use reader::{Snapshot, SnapshotError, SnapshotSource};
pub use writer::SnapshotWriter;
use writer::TEMPORARY_SUFFIX;

use super::error::JournalError;
use super::files::Files;

/// Removes what snapshots that were cut short have left. Only under
/// [`super::DataDir::lock_snapshots`].
///
/// # Errors
///
/// [`JournalError::Io`].
pub fn remove_unfinished_snapshots<F: Files>(files: &F) -> Result<(), JournalError> {
    let is_unfinished =
        |name: &str| name.strip_suffix(TEMPORARY_SUFFIX).and_then(snapshot_of_name).is_some();
    for name in files.names()?.iter().filter(|name| is_unfinished(name)) {
        files.remove(name)?;
    }
    Ok(())
}

/// Sequences of the snapshots in a directory, the oldest first.
///
/// # Errors
///
/// [`JournalError::Io`].
pub fn snapshots<F: Files>(files: &F) -> Result<Vec<u64>, JournalError> {
    let mut sequences: Vec<u64> =
        files.names()?.iter().filter_map(|name| snapshot_of_name(name)).collect();
    sequences.sort_unstable();
    Ok(sequences)
}
