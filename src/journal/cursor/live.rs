//! A cursor beside an engine that writes: what is not there now may be there soon.

use super::Cursor;
use crate::error::{Fault, JournalError};
use crate::files::Files;
use crate::format::{FrameKind, SEGMENT_HEADER_BYTES};
use crate::recent::Reading;

impl<F: Files> Cursor<F> {
    /// Goes on by one frame beside an engine that writes, as [`Cursor::advance`] does. A fault
    /// where no good frame is: it may be one that is still being written, and nothing is judged.
    pub fn advance_live(&mut self) -> Result<Result<FrameKind, Fault>, JournalError> {
        self.current = None;
        let mut found = self.read_frame()?;
        if found.is_err() {
            // What was read ahead is old.
            self.sliding.forget();
            found = self.read_frame()?;
        }
        match found {
            Ok(header) => self.go_past(header).map(Ok),
            Err(fault) => Ok(Err(fault)),
        }
    }

    /// Takes what it can from what the engine beside it has written last.
    pub fn read_along(&mut self, reading: Reading) {
        self.sliding.read_along(reading, self.segments[self.index].segment);
    }

    /// Reads ahead no further than is of use beside an engine that writes.
    pub fn read_ahead_little(&mut self) {
        self.sliding.read_ahead_little();
    }

    /// The highest durable mark in the journal, from the end backwards: reads no more than it must.
    pub fn durable_sequence_at_the_end(&mut self) -> Result<u64, JournalError> {
        for index in (0..self.segments.len()).rev() {
            let survey = self.survey(index, SEGMENT_HEADER_BYTES as u64)?;
            if survey.has_frames {
                return Ok(survey.durable_sequence);
            }
        }
        Ok(0)
    }
}
