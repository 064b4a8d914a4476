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

mod archive;
mod format;
mod reader;
mod retire;
mod seal;
mod writer;

pub use archive::{Archive, Taken, TakenOut};
pub use format::{SNAPSHOT_VERSION, SnapshotHeader, snapshot_name, snapshot_of_name};
pub use reader::{Snapshot, SnapshotError, SnapshotSource};
pub use retire::{Retired, retire};
pub use writer::SnapshotWriter;
use writer::TEMPORARY_SUFFIX;

use super::error::JournalError;
use super::files::Files;
use super::format::SegmentHeader;
use super::reader::Reader;
use super::seal::Key;
use super::segments::first_segment;

/// Checks every byte of every snapshot in a directory, that it is of the journal there, and that
/// the batch behind which it was made stands where it says, unless its segment is retired. With a
/// key it checks seals too. Gives their sequences, the oldest first.
///
/// # Errors
///
/// [`JournalError::Damaged`] for the first damage, [`JournalError::Io`].
pub fn check_snapshots<F: Files>(files: &F, key: Option<Key>) -> Result<Vec<u64>, JournalError> {
    let sequences = snapshots(files)?;
    let first = first_segment(files)?;
    for &sequence in &sequences {
        check_whole(files, &first, sequence, key, true)?;
    }
    Ok(sequences)
}

/// Checks the snapshot of `sequence` as one of the journal whose first segment is `first`: every
/// byte of it, and that the batch behind which it was made stands in the journal, or that its
/// segment is retired where that `may_be_retired`. Gives the segment.
fn check_whole<F: Files>(
    files: &F,
    first: &SegmentHeader,
    sequence: u64,
    key: Option<Key>,
    may_be_retired: bool,
) -> Result<u32, JournalError> {
    let snapshot = Snapshot::open_with(files, sequence, key)?;
    snapshot.check_identity(&first.journal_id)?;
    snapshot.check()?;
    let anchor = snapshot.header().anchor();
    if anchor.segment >= first.segment || !may_be_retired {
        Reader::open_durable(files, Some(&anchor), key)?;
    }
    Ok(anchor.segment)
}

/// The first command that a replay can begin with: 1, or in a shortened journal the one behind the
/// oldest snapshot that is whole and from which the journal goes on; `u64::MAX` if there is none.
///
/// # Errors
///
/// [`JournalError::Damaged`] for the first segment's header, [`JournalError::Io`].
pub fn first_replayable<F: Files>(files: &F, key: Option<Key>) -> Result<u64, JournalError> {
    let first = first_segment(files)?;
    if first.segment == 1 {
        return Ok(1);
    }
    for sequence in snapshots(files)? {
        match check_whole(files, &first, sequence, key, false) {
            Ok(_) => return Ok(sequence + 1),
            Err(JournalError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(u64::MAX)
}

/// Checks that there is a key where, and only where, the journal in a directory has one: who writes
/// snapshots has to seal them.
///
/// # Errors
///
/// [`JournalError::KeyNeeded`], [`JournalError::NotKeyed`], [`JournalError::Damaged`],
/// [`JournalError::Io`].
pub fn require_key<F: Files>(files: &F, key: Option<&Key>) -> Result<(), JournalError> {
    match (first_segment(files)?.is_keyed, key) {
        (0, Some(_)) => Err(JournalError::NotKeyed { path: files.path("") }),
        (1.., None) => Err(JournalError::KeyNeeded { path: files.path("") }),
        _ => Ok(()),
    }
}

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
