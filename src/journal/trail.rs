//! Follows a journal beside an engine that writes it, batch by batch, from any sequence on.
//!
//! ```text
//!   0000000007.journal   0000000008.journal
//!     … batch  batch ──▶   batch  batch  ░░░ being written
//!       ▲ wanted             ▲ Trail       └─ NotYet: ask again
//! ```
//!
//! # Invariants
//!
//! * Changes nothing, locks no file, and shows none in memory: a disk that fails is an error.
//! * Nothing is skipped: batches come in order of their sequences, without a gap.
//! * Who asks says what may be given out: the trail itself does not look at what is durable.

use std::sync::Arc;

use super::cursor::Cursor;
use super::directory::Directory;
use super::entry::Entry;
use super::error::{Fault, JournalError};
use super::files::{Access, Files, OpenFile};
use super::format::{FRAME_HEADER_BYTES, FrameHeader, SEGMENT_HEADER_BYTES};
use super::recent::Recent;
use super::seal::{Key, Seals};
use super::segments::{Expected, damaged, no_segment, read_header, segment_name, segment_numbers};
use super::start::Start;

/// How often the segments are listed again where one was retired meanwhile.
const TRIES: usize = 10;

/// What stands next in a journal.
#[derive(Debug)]
pub enum Step<'a> {
    /// A batch.
    Batch(Entry<'a>),
    /// No good frame yet: the error names its place, for who knows that it must be there.
    NotYet(JournalError),
    /// The segment that goes on was retired: it is read no more.
    Retired,
}

/// Goes through a journal that grows.
pub struct Trail<F: Files = Directory> {
    files: F,
    cursor: Cursor<F>,
}

impl<F: Files> Trail<F> {
    /// Opens the journal in `files` at or before the batch of the command `sequence`; `None` if the
    /// segment that holds it was retired. With a key seals are checked.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`], [`JournalError::NotKeyed`], [`JournalError::NotAJournal`],
    /// [`JournalError::Io`].
    pub fn open(
        files: &F,
        key: Option<Key>,
        sequence: u64,
    ) -> Result<Option<Trail<F>>, JournalError> {
        let Some(segment) = segment_before(files, sequence)? else { return Ok(None) };
        let mut cursor = Cursor::open(files, Start::Segment(segment), key)?;
        cursor.read_ahead_little();
        Ok(Some(Trail { files: files.clone(), cursor }))
    }

    /// Takes what it can from `recent`, the memory of the engine that writes this journal, in place
    /// of the disk.
    #[must_use]
    pub fn reading_along(mut self, recent: &Arc<Recent>) -> Trail<F> {
        self.cursor.read_along(recent.join());
        self
    }

    /// Whether the journal is sealed, and whether this trail checks it.
    #[must_use]
    pub fn seals(&self) -> Seals {
        self.cursor.seals()
    }

    /// The next batch.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`], [`JournalError::Io`].
    pub fn next_batch(&mut self) -> Result<Step<'_>, JournalError> {
        loop {
            match self.cursor.advance_live() {
                Ok(Ok(kind)) if kind.has_commands() => break,
                Ok(Ok(_)) => {}
                Ok(Err(fault)) => return Ok(Step::NotYet(self.not_yet(fault))),
                Err(error) if self.is_retired()? => {
                    drop(error);
                    return Ok(Step::Retired);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Step::Batch(self.cursor.entry().expect("the cursor stands behind a batch")))
    }

    fn not_yet(&self, fault: Fault) -> JournalError {
        let place = self.cursor.position();
        damaged(&self.files, place.segment, place.offset, fault)
    }

    /// Whether what follows on the present segment is no longer kept.
    fn is_retired(&self) -> Result<bool, JournalError> {
        let first = segment_numbers(&self.files)?.first().copied();
        Ok(first.is_some_and(|first| first > self.cursor.segment().segment + 1))
    }
}

/// Sequence of the first command that the segments which are kept can hold.
///
/// # Errors
///
/// [`JournalError::Damaged`], [`JournalError::NotAJournal`], [`JournalError::Io`].
pub fn first_kept_sequence<F: Files>(files: &F) -> Result<u64, JournalError> {
    with_segments(files, |numbers| Ok(first_sequence(files, numbers[0])?.unwrap_or(1)))
}

/// The segment in which the command `sequence` stands, or will stand; `None` if it was retired.
fn segment_before<F: Files>(files: &F, sequence: u64) -> Result<Option<u32>, JournalError> {
    with_segments(files, |numbers| {
        for &number in numbers.iter().rev() {
            match first_sequence(files, number)? {
                Some(first) if first <= sequence => return Ok(Some(number)),
                None if number == 1 => return Ok(Some(number)),
                _ => {}
            }
        }
        Ok(None)
    })
}

/// Asks about the segments that are there, again where one of them vanishes meanwhile.
fn with_segments<F: Files, T>(
    files: &F,
    ask: impl Fn(&[u32]) -> Result<T, JournalError>,
) -> Result<T, JournalError> {
    let mut tries = TRIES;
    loop {
        let numbers = segment_numbers(files)?;
        if numbers.is_empty() {
            return Err(no_segment(files));
        }
        tries -= 1;
        match ask(&numbers) {
            Err(_) if tries > 0 && segment_numbers(files)?.first() != numbers.first() => {}
            answer => return answer,
        }
    }
}

/// First sequence in a segment, by its first frame; `None` if it has none yet.
fn first_sequence<F: Files>(files: &F, number: u32) -> Result<Option<u64>, JournalError> {
    let segment = read_header(files, number, &Expected::default(), None)?;
    let file = files.open(&segment_name(number), Access::Read)?;
    let mut bytes = [0; FRAME_HEADER_BYTES];
    let offset = SEGMENT_HEADER_BYTES as u64;
    let filled = file.read_at(offset, &mut bytes)?;
    let room = segment.segment_bytes.saturating_sub(offset);
    match FrameHeader::read(&bytes[..filled], offset, room, segment.frame_seed()) {
        Ok(header) => Ok(Some(header.first_sequence)),
        Err(Fault::Empty) => Ok(None),
        Err(fault) => Err(damaged(files, number, offset, fault)),
    }
}
