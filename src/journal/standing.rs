//! How snapshots stand to the journal beside them.
//!
//! # Invariants
//!
//! * A snapshot is taken for one of this journal only if it has the journal's identity and was made
//!   behind a batch that stands where it says.

use super::error::JournalError;
use super::files::Files;
use super::format::SegmentHeader;
use super::place::Anchor;
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
/// segment is retired where that `may_be_retired`. Gives that place.
pub(super) fn check_whole<F: Files>(
    files: &F,
    first: &SegmentHeader,
    sequence: u64,
    key: Option<Key>,
    may_be_retired: bool,
) -> Result<Anchor, JournalError> {
    let snapshot = Snapshot::open_with(files, sequence, key)?;
    snapshot.check_identity(&first.journal_id)?;
    snapshot.check()?;
    let anchor = snapshot.header().anchor();
    if anchor.segment >= first.segment || !may_be_retired {
        Reader::open_durable(files, Some(&anchor), key)?;
    }
    Ok(anchor)
}

/// Where a replay begins that gives all behind the command `until`, as far as the journal still has
/// it: behind the newest whole snapshot that is not behind `until`; in a shortened journal without
/// one, behind the oldest whole snapshot; `None`: at the journal's first command.
///
/// # Errors
///
/// [`JournalError::Damaged`] if the journal is shortened and no snapshot is whole, and for the first
/// segment's header; [`JournalError::Io`].
pub fn replay_place<F: Files>(
    files: &F,
    key: Option<Key>,
    until: u64,
) -> Result<Option<Anchor>, JournalError> {
    let first = first_segment(files)?;
    let is_shortened = first.segment > 1;
    let (before, behind): (Vec<_>, Vec<_>) =
        snapshots(files)?.into_iter().partition(|&sequence| sequence <= until);
    let behind = behind.into_iter().filter(|_| is_shortened);
    for sequence in before.into_iter().rev().chain(behind) {
        match check_whole(files, &first, sequence, key, false) {
            Ok(anchor) => return Ok(Some(anchor)),
            Err(JournalError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    // In a shortened journal this says what is missing.
    Reader::open_durable(files, None, key).map(|_| None)
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
