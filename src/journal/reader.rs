//! Reads a journal beside an engine that may be writing it.

use super::cursor::Cursor;
use super::data_dir::DataDir;
use super::directory::Directory;
use super::entry::{Entry, Tail};
use super::error::JournalError;
use super::files::Files;
use super::format::FrameKind;
use super::place::Anchor;
use super::seal::{Key, Seals};
use super::start::Start;

/// Reads entries in order, changes nothing, and goes as far as is durable.
pub struct Reader<F: Files = Directory> {
    cursor: Cursor<F>,
    /// Highest sequence that may be given out.
    limit: u64,
    is_over: bool,
    batches: u64,
    end: (u32, u64),
}

impl Reader {
    /// Opens the journal in `dir`. While an engine holds it, the reader goes as far as the journal
    /// says now that it is durable; else to its end. With a key it checks seals too.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] for a segment that is missing, not what it should be or sealed
    /// with another key; [`JournalError::NotKeyed`], [`JournalError::NotAJournal`],
    /// [`JournalError::Io`].
    pub fn open(dir: &DataDir, key: Option<Key>) -> Result<Reader, JournalError> {
        let is_held = dir.is_held()?;
        Reader::of_files(dir.files(), key, is_held)
    }

    /// Opens the journal in `dir` behind the batch of `anchor`, as [`Reader::open`] does.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`]; [`JournalError::Damaged`] if that batch is not there.
    pub fn open_after(
        dir: &DataDir,
        anchor: &Anchor,
        key: Option<Key>,
    ) -> Result<Reader, JournalError> {
        let is_held = dir.is_held()?;
        Reader::begin(dir.files(), Start::After(anchor), key, is_held)
    }

    /// Opens the journal in `dir` at its first segment that is kept.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`].
    pub fn open_kept(dir: &DataDir, key: Option<Key>) -> Result<Reader, JournalError> {
        let is_held = dir.is_held()?;
        Reader::begin(dir.files(), Start::FirstKept, key, is_held)
    }
}

impl<F: Files> Reader<F> {
    /// As [`Reader::open`], for files of any kind.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`].
    pub fn of_files(
        files: &F,
        key: Option<Key>,
        is_being_written: bool,
    ) -> Result<Reader<F>, JournalError> {
        Reader::begin(files, Start::Beginning, key, is_being_written)
    }

    /// Opens the journal in `files`, behind the batch of `anchor` or at its start, and goes as far
    /// as it says that it is durable, whether it is being written or not.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`]; [`JournalError::Damaged`] if that batch is not there.
    pub fn open_durable(
        files: &F,
        anchor: Option<&Anchor>,
        key: Option<Key>,
    ) -> Result<Reader<F>, JournalError> {
        Reader::begin(files, anchor.map_or(Start::Beginning, Start::After), key, true)
    }

    /// Opens the journal in `files`, behind the batch of `anchor` or at its start, and goes to its
    /// end, as a start does: nobody may be writing it.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`]; [`JournalError::Damaged`] if that batch is not there.
    pub fn open_to_end(
        files: &F,
        anchor: Option<&Anchor>,
        key: Option<Key>,
    ) -> Result<Reader<F>, JournalError> {
        Reader::begin(files, anchor.map_or(Start::Beginning, Start::After), key, false)
    }

    fn begin(
        files: &F,
        start: Start<'_>,
        key: Option<Key>,
        is_being_written: bool,
    ) -> Result<Reader<F>, JournalError> {
        let mut cursor = Cursor::open(files, start, key)?;
        let limit = if is_being_written {
            // What a snapshot was made of was durable, whether a later frame says so or not.
            cursor.durable_sequence_at_the_end()?.max(cursor.durable_sequence())
        } else {
            u64::MAX
        };
        cursor.map_sealed()?;
        let end = (cursor.segment().segment, cursor.position().offset);
        Ok(Reader { cursor, limit, is_over: false, batches: 0, end })
    }

    /// How many batches were given out.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// Sequence of the last command that was read, 0 if there is none.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        // Where nothing is durable yet, it looked at the first batch and did not give it out.
        self.cursor.chain().last_sequence.min(self.limit)
    }

    /// The last batch that was given out, or the one that the reader was opened behind.
    #[must_use]
    pub fn anchor(&self) -> Option<&Anchor> {
        self.cursor.anchor().filter(|anchor| anchor.last_sequence <= self.limit)
    }

    /// Where the last batch that was given out ends, or where the reader was opened: the segment by
    /// its number, and the offset in it, in bytes.
    #[must_use]
    pub fn end(&self) -> (u32, u64) {
        self.end
    }

    /// The next entry, `None` at the end.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`], [`JournalError::Io`].
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_>>, JournalError> {
        // Beside an engine the end of what is durable is an end like any other: what stands behind
        // it is still being written.
        if self.is_over || (self.last_sequence() >= self.limit && self.limit > 0) {
            self.is_over = true;
            return Ok(None);
        }
        loop {
            let Some(kind) = self.cursor.advance()? else {
                self.is_over = true;
                return Ok(None);
            };
            if kind.has_commands() && self.cursor.chain().last_sequence > self.limit {
                self.is_over = true;
                return Ok(None);
            }
            if kind.has_commands() {
                self.batches += 1;
                self.end = (self.cursor.segment().segment, self.cursor.position().offset);
            }
            if kind != FrameKind::End {
                break;
            }
        }
        Ok(self.cursor.entry())
    }

    /// What stands behind the last good frame; known when [`Reader::next_entry`] gave `None`, and
    /// only where no engine is writing.
    #[must_use]
    pub fn tail(&self) -> Option<&Tail> {
        self.cursor.end()?.tail.as_ref()
    }

    /// Whether the journal is sealed, and whether this reader checks it.
    #[must_use]
    pub fn seals(&self) -> Seals {
        self.cursor.seals()
    }

    /// The highest sequence that a reader beside a running engine gives out; `None` if it goes to
    /// the end.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        (self.limit != u64::MAX).then_some(self.limit)
    }
}
