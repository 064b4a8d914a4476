//! Reads a journal beside an engine that may be writing it.

use super::directory::{DataDir, Directory};
use super::error::JournalError;
use super::files::Files;
use super::format::FrameKind;
use super::walk::{Entry, Tail, Walk};

/// Reads entries in order, changes nothing, and goes as far as is durable.
pub struct Reader<F: Files = Directory> {
    walk: Walk<F>,
    /// Highest sequence that may be given out.
    limit: u64,
    is_over: bool,
}

impl Reader {
    /// Opens the journal in `dir`. While an engine holds it, the reader goes as far as the journal
    /// says now that it is durable; else to its end.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] for a segment that is missing or not what it should be,
    /// [`JournalError::NotAJournal`], [`JournalError::Io`].
    pub fn open(dir: &DataDir) -> Result<Reader, JournalError> {
        let is_held = dir.is_held()?;
        Reader::of_files(dir.files(), is_held)
    }
}

impl<F: Files> Reader<F> {
    /// As [`Reader::open`], for files of any kind.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`].
    pub fn of_files(files: &F, is_being_written: bool) -> Result<Reader<F>, JournalError> {
        let mut walk = Walk::open(files)?;
        let limit = if is_being_written { walk.highest_mark_from_the_end()? } else { u64::MAX };
        Ok(Reader { walk, limit, is_over: false })
    }

    /// The next entry, `None` at the end.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`], [`JournalError::Io`].
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_>>, JournalError> {
        // Beside an engine the end of what is durable is an end like any other: what stands behind
        // it is still being written.
        if self.is_over || (self.walk.last_sequence >= self.limit && self.limit > 0) {
            self.is_over = true;
            return Ok(None);
        }
        loop {
            let Some(kind) = self.walk.advance()? else {
                self.is_over = true;
                return Ok(None);
            };
            if kind == FrameKind::Batch && self.walk.last_sequence > self.limit {
                self.is_over = true;
                return Ok(None);
            }
            if kind != FrameKind::End {
                break;
            }
        }
        Ok(self.walk.entry())
    }

    /// What stands behind the last good frame; known when [`Reader::next_entry`] gave `None`, and only
    /// where no engine is writing.
    #[must_use]
    pub fn tail(&self) -> Option<&Tail> {
        self.walk.end.as_ref()?.tail.as_ref()
    }

    /// The highest sequence that a reader beside a running engine gives out; `None` if it goes to the end.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        (self.limit != u64::MAX).then_some(self.limit)
    }
}
