//! Where a pass through a journal begins, and which segments it goes through.

use super::error::JournalError;
use super::files::Files;
use super::format::SegmentHeader;
use super::place::Anchor;
use super::seal::Key;
use super::segments::{Expected, Headers, no_segment, read_header, read_headers, segment_numbers};
use super::snapshot::{Snapshot, snapshots};

/// Where a cursor begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start<'a> {
    /// With the journal's first frame: no segment may be missing.
    Beginning,
    /// Behind a batch: segments before that of the batch are not looked at.
    After(&'a Anchor),
    /// With the first segment that is there, if a snapshot covers those before it: what stands
    /// before its first frame is taken on trust.
    FirstKept,
    /// With this segment, which is there: what stands before its first frame is taken on trust.
    Segment(u32),
}

/// The headers of the segments that a pass from `start` goes through.
pub(super) fn headers<F: Files>(
    files: &F,
    start: Start<'_>,
    key: Option<&Key>,
    check: impl Fn(&F, &SegmentHeader) -> Result<(), JournalError>,
) -> Result<Headers, JournalError> {
    let numbers = segment_numbers(files)?;
    let Some(&first_kept) = numbers.first() else { return Err(no_segment(files)) };
    let (first, expected) = match start {
        Start::Beginning => (1, Expected::default()),
        Start::After(anchor) => (anchor.segment, Expected::journal(anchor.journal_id)),
        Start::FirstKept if first_kept > 1 && !is_covered(files, first_kept)? => {
            (1, Expected::default())
        }
        Start::FirstKept => (first_kept, Expected::default()),
        Start::Segment(number) => (number, Expected::default()),
    };
    read_headers(files, &numbers, first, expected, key, check)
}

/// Whether segments before `first_kept` may be missing: a snapshot covers them.
fn is_covered<F: Files>(files: &F, first_kept: u32) -> Result<bool, JournalError> {
    let journal_id = read_header(files, first_kept, &Expected::default(), None)?.journal_id;
    Ok(snapshots(files)?.into_iter().any(|sequence| {
        Snapshot::open(files, sequence).is_ok_and(|snapshot| {
            let header = snapshot.header();
            header.journal_id == journal_id && header.segment >= first_kept
        })
    }))
}
