//! How snapshots stand to the journal beside them.
//!
//! # Invariants
//!
//! * A snapshot is taken for one of this journal only if it has the journal's identity and was made
//!   behind a batch that stands where it says.

use super::error::JournalError;
use super::files::Files;
use super::format::SegmentHeader;
use super::reader::Reader;
use super::seal::Key;
use super::segments::first_segment;
use super::snapshot::{Snapshot, snapshots};

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
pub(super) fn check_whole<F: Files>(
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
