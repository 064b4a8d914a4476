//! Takes out of the data directory what newer snapshots make dispensable.
//!
//! ```text
//!   snapshots   20 ✓    30 ✓    40 ✗    50 ✓     ✓ whole, of this journal, its place is in it
//!   segments    1    2    3    4    5    6
//!               └────────┘    │
//!               may go        │ the second-newest good one was made behind a batch of segment 4:
//!                             │ with --keep 2 segments 1 to 3 and snapshot 20 go
//! ```
//!
//! # Invariants
//!
//! * Only a snapshot counts that is whole, is of this journal, and was made behind a batch that
//!   stands where the snapshot says. So what stays begins with a segment that is known to hold
//!   frames: the last segment that is written to, and all after it, are never touched.
//! * The second-newest such snapshot and all of the journal behind it stay: if the newest turns out
//!   to be damaged, a start goes on from the one before.
//! * Segments go one by one, the oldest first, each durably, so that what is left never has a gap.
//! * What is not of this journal, or cannot be read, is left where it is.

mod archive;

use std::ops::ControlFlow;

pub use archive::{Archive, Taken, TakenOut};

use crate::buffer::Buffer;
use crate::data_dir::DataDir;
use crate::error::{Fault, JournalError};
use crate::files::{Access, Files, OpenFile};
use crate::format::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::seal::Key;
use crate::segments::{first_segment, segment_name, segment_of_name};
use crate::snapshot::{Snapshot, snapshot_name, snapshots};
use crate::standing::check_whole;

/// What was taken out, in that order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retired {
    /// Segments, then snapshots.
    pub files: Vec<TakenOut>,
    /// How many good snapshots there were, up to as many as are kept.
    pub good_snapshots: usize,
}

/// Deletes all but the newest `keep` good snapshots, and the segments that the second-newest
/// covers; or moves both to `archive`. With a key, only sealed ones are good. What is wrong with a
/// snapshot goes to `note`; a damaged one counts for nothing.
///
/// An engine on the directory is not disturbed: it writes to later segments.
///
/// # Errors
///
/// [`JournalError::Io`]; what was taken out so far is out.
///
/// # Panics
///
/// If `keep` is less than 2.
pub fn retire(
    dir: &DataDir,
    keep: usize,
    archive: Option<&Archive>,
    key: Option<Key>,
    mut note: impl FnMut(String),
) -> Result<Retired, JournalError> {
    retire_by(dir.files(), keep, key, &mut note, |name| match archive {
        Some(archive) => archive.take(dir, name),
        None => delete(dir.files(), name),
    })
}

/// As [`retire`] without an archive, for files of any kind.
///
/// # Errors
///
/// As [`retire`].
///
/// # Panics
///
/// As [`retire`].
pub fn retire_files<F: Files>(
    files: &F,
    keep: usize,
    key: Option<Key>,
    mut note: impl FnMut(String),
) -> Result<Retired, JournalError> {
    retire_by(files, keep, key, &mut note, |name| delete(files, name))
}

fn delete<F: Files>(files: &F, name: &str) -> Result<Taken, JournalError> {
    files.remove(name)?;
    files.sync_dir()?;
    Ok(Taken::Deleted)
}

fn retire_by<F: Files>(
    files: &F,
    keep: usize,
    key: Option<Key>,
    note: &mut dyn FnMut(String),
    take: impl Fn(&str) -> Result<Taken, JournalError>,
) -> Result<Retired, JournalError> {
    assert!(keep >= 2, "a damaged snapshot needs another one to fall back to");
    let first = first_segment(files)?;
    let mut good = Vec::new();
    for sequence in snapshots(files)?.into_iter().rev() {
        // Of the two that decide what goes, the segment must be there.
        let may_be_retired = good.len() >= 2;
        match check_whole(files, &first, sequence, key, may_be_retired) {
            Ok(place) => good.push(Good { sequence, segment: place.segment }),
            Err(error @ JournalError::Damaged { .. }) => {
                note(format!("passed over a snapshot: {error}"));
            }
            Err(error) => return Err(error),
        }
        if good.len() == keep {
            break;
        }
    }
    let mut retired = Retired { good_snapshots: good.len(), ..Retired::default() };
    let Some(second_newest) = good.get(1) else { return Ok(retired) };
    let mut take_out = |name: String| {
        let taken = take(&name)?;
        retired.files.push(TakenOut { name, taken });
        Ok::<_, JournalError>(())
    };
    let mut segments: Vec<u32> =
        files.names()?.iter().filter_map(|name| segment_of_name(name)).collect();
    segments.sort_unstable();
    for segment in segments.into_iter().take_while(|&it| it < second_newest.segment) {
        if let ControlFlow::Break(reason) = check_segment(files, &first, segment)? {
            // Without a gap: what follows it stays too.
            note(format!(
                "left {} and what follows it where it is: {reason}",
                segment_name(segment)
            ));
            break;
        }
        take_out(segment_name(segment))?;
    }
    if let Some(oldest_kept) = good.get(keep - 1) {
        for sequence in snapshots(files)?.into_iter().filter(|&it| it < oldest_kept.sequence) {
            let opened = Snapshot::open(files, sequence);
            match opened.and_then(|old| old.check_identity(&first.journal_id)) {
                Ok(()) => take_out(snapshot_name(sequence))?,
                Err(error @ JournalError::Damaged { .. }) => {
                    note(format!("left an old snapshot where it is: {error}"));
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(retired)
}

/// A good snapshot, and the segment that holds the batch behind which it was made.
#[derive(Debug, Clone, Copy)]
struct Good {
    sequence: u64,
    segment: u32,
}

/// Whether a segment is of the journal whose first segment is `first`; if not, why.
fn check_segment<F: Files>(
    files: &F,
    first: &SegmentHeader,
    segment: u32,
) -> Result<ControlFlow<Fault>, JournalError> {
    let mut block = Buffer::new(SEGMENT_HEADER_BYTES);
    let file = files.open(&segment_name(segment), Access::Read)?;
    let filled = file.read_at(0, block.bytes_mut())?;
    let read = match filled == SEGMENT_HEADER_BYTES {
        true => SegmentHeader::read(block.bytes(), segment),
        false => Err(Fault::CutShort),
    };
    Ok(match read {
        Err(fault) => ControlFlow::Break(fault),
        Ok(header) if header.journal_id != first.journal_id => {
            ControlFlow::Break(Fault::foreign(&first.journal_id, &header.journal_id))
        }
        Ok(_) => ControlFlow::Continue(()),
    })
}
