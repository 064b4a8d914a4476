//! Follows an outcome log beside the engine that writes it, frame by frame, from any outcome on.
//!
//! ```text
//!   …001.outcomes          …900.outcomes
//!     frame  frame  frame    frame  frame  ░░░ being written
//!              ▲ after          ▲ LogTrail └─ LogStep::NotYet: ask again
//! ```
//!
//! # Invariants
//!
//! * Changes nothing and holds no lock. A file that is removed while it is read is read to its end.
//! * Frames come in order, without a gap: where outcomes are missing the trail stands still, and
//!   [`LogTrail::gap`] says so.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zerocopy::FromBytes;

use super::file::{Contents, LogFile, file_sequences};
use super::format::{HEADER_BYTES, LogFrameHeader, log_name};
use crate::error::{Fault, JournalError};
use ringfence_types::{Event, Origin, Outcome};

/// What one frame of a log holds.
#[derive(Debug, Default)]
pub struct LogFrame {
    /// Sequence of the first outcome; where there is none, of the command that the events belong
    /// to.
    pub first_sequence: u64,
    /// Whether the outcomes were final when the frame was written.
    pub is_final: bool,
    /// Whose the batches are that have an origin and outcomes here, in order; the first may have begun
    /// in an earlier frame, the last may begin with the next.
    pub origins: Vec<Origin>,
    /// Outcomes of consecutive commands.
    pub outcomes: Vec<Outcome>,
    /// Events, in order. The last ones may go before the outcome that begins the next frame.
    pub events: Vec<Event>,
}

impl LogFrame {
    fn new(header: &LogFrameHeader, payload: &[u8]) -> LogFrame {
        let Contents { origins, outcomes, events } = Contents::read(header, payload);
        let is_final = header.is_final == 1;
        LogFrame { first_sequence: header.first_sequence, is_final, origins, outcomes, events }
    }

    /// Whose the batch of the command `sequence` is, if that is said.
    #[must_use]
    pub fn origin_of(&self, sequence: u64) -> Option<&Origin> {
        let behind = self.origins.partition_point(|origin| origin.first_sequence <= sequence);
        let origin = self.origins.get(behind.checked_sub(1)?)?;
        (origin.last_sequence() >= sequence).then_some(origin)
    }

    /// Sequence of the last outcome; where it has none, of the one before.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.first_sequence + self.outcomes.len() as u64 - 1
    }
}

/// What stands next in a log.
#[derive(Debug)]
pub enum LogStep {
    /// A frame.
    Frame(LogFrame),
    /// Nothing more. With the fault of what stands there, if something does: a frame that is being
    /// written, or damage.
    NotYet(Option<JournalError>),
}

/// Goes through a log that grows.
pub struct LogTrail {
    dir: PathBuf,
    journal_id: [u8; 16],
    current: Option<Current>,
    /// Where the next frame begins.
    offset: u64,
    /// Sequence of the last outcome before that place.
    last_sequence: u64,
    payload: Vec<u8>,
}

struct Current {
    file: LogFile,
    first_sequence: u64,
    /// Number of the file on its device.
    inode: u64,
}

impl LogTrail {
    /// Opens the log of the journal `journal_id` in `dir` at the frame with the outcome `after`, or
    /// where that is to come: what the first frame holds up to `after` is known already.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`], [`JournalError::Io`].
    pub fn open(dir: &Path, journal_id: [u8; 16], after: u64) -> Result<LogTrail, JournalError> {
        let (current, offset, payload) = (None, 0, Vec::new());
        let dir = dir.to_path_buf();
        let last_sequence = after;
        let mut trail = LogTrail { dir, journal_id, current, offset, last_sequence, payload };
        trail.find_place()?;
        Ok(trail)
    }

    /// Without a file yet: opens the one that holds the last outcome before the present place, or
    /// begins behind it; whether there is one.
    fn find_place(&mut self) -> Result<bool, JournalError> {
        let after = self.last_sequence;
        let names = file_sequences(&self.dir)?;
        let Some(&first) = names.iter().rfind(|&&first| first <= after.max(1)) else {
            return self.enter(after + 1);
        };
        if !self.enter(first)? {
            return Ok(false);
        }
        self.last_sequence = first - 1;
        let is_there = self.go_to(after)?;
        // Behind a hole that ends here.
        if !is_there && names.contains(&(after + 1)) && self.enter(after + 1)? {
            self.last_sequence = after;
        }
        Ok(true)
    }

    /// Sequence of the last outcome before the present place.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// The outcome with which the log goes on, where those between are removed or never were there.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn gap(&self) -> Result<Option<u64>, JournalError> {
        let next = self.last_sequence + 1;
        Ok(file_sequences(&self.dir)?
            .into_iter()
            .find(|&first| first >= next)
            .filter(|&it| it > next))
    }

    /// The next frame.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] for what was written whole and is not as it was written;
    /// [`JournalError::Io`].
    pub fn next_frame(&mut self) -> Result<LogStep, JournalError> {
        loop {
            let Some(current) = &self.current else {
                match self.enter_next()? {
                    true => continue,
                    false => return Ok(LogStep::NotYet(None)),
                }
            };
            let found = current.file.frame(self.offset, &self.journal_id, &mut self.payload);
            match found.and_then(|found| found.map(|it| self.check(it)).transpose()) {
                Ok(Some(header)) => {
                    self.go_past(&header);
                    return Ok(LogStep::Frame(LogFrame::new(&header, &self.payload)));
                }
                Ok(None) if self.enter_next()? => {}
                Ok(None) => return Ok(LogStep::NotYet(None)),
                Err(damage @ JournalError::Damaged { .. }) => {
                    return Ok(LogStep::NotYet(Some(damage)));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The frame with the first outcome that is to come, if it is there already: frames with events
    /// alone are passed over. The trail stays where it is.
    ///
    /// # Errors
    ///
    /// As [`LogTrail::next_frame`].
    pub fn peek(&mut self) -> Result<LogStep, JournalError> {
        let mut ahead = LogTrail {
            dir: self.dir.clone(),
            journal_id: self.journal_id,
            current: None,
            offset: self.offset,
            last_sequence: self.last_sequence,
            payload: std::mem::take(&mut self.payload),
        };
        if let Some(current) = &self.current {
            ahead.current = Current::open(&self.dir, current.first_sequence)?;
        }
        let found = loop {
            match ahead.next_frame()? {
                LogStep::Frame(frame) if frame.outcomes.is_empty() => {}
                step => break step,
            }
        };
        self.payload = ahead.payload;
        Ok(found)
    }

    /// Whether a good frame stands behind the present place in its file, whatever stands at it.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn goes_on_behind(&mut self) -> Result<bool, JournalError> {
        let Some(current) = &self.current else { return Ok(false) };
        let found =
            current.file.find_frame(self.offset + 1, &self.journal_id, &mut self.payload)?;
        Ok(found.is_some())
    }

    /// Goes to the end of the log without reading what stands between; the last outcome there.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn go_to_end(&mut self) -> Result<u64, JournalError> {
        if let Some(&last) = file_sequences(&self.dir)?.last()
            && self.current.as_ref().is_none_or(|current| current.first_sequence < last)
            && self.enter(last)?
        {
            self.last_sequence = last - 1;
        }
        self.go_to(u64::MAX)?;
        Ok(self.last_sequence)
    }

    /// Whether the file that is read is still the one of its name, and not shorter than was read.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn is_in_place(&self) -> Result<bool, JournalError> {
        let Some(current) = &self.current else { return Ok(true) };
        match fs::metadata(&current.file.path) {
            Ok(found) => Ok(found.ino() == current.inode && found.len() >= self.offset),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(JournalError::io_whole("look for", &current.file.path, error)),
        }
    }

    /// Goes over headers up to the frame with the outcome `sequence`, or to the end of the file;
    /// whether something stands there.
    fn go_to(&mut self, sequence: u64) -> Result<bool, JournalError> {
        let Some(current) = &self.current else { return Ok(false) };
        let length = current.file.length_bytes()?;
        while let Some(header) = header_at(&current.file, self.offset)? {
            let fits = self.offset + header.frame_bytes() <= length;
            let follows = header.is_plausible() && header.first_sequence == self.last_sequence + 1;
            if !fits || !follows || header.last_sequence() >= sequence {
                // What is wrong there the next step says.
                return Ok(true);
            }
            self.last_sequence = header.last_sequence();
            self.offset += header.frame_bytes();
        }
        Ok(false)
    }

    fn go_past(&mut self, header: &LogFrameHeader) {
        self.last_sequence = header.last_sequence();
        self.offset += header.frame_bytes();
    }

    fn check(&self, header: LogFrameHeader) -> Result<LogFrameHeader, JournalError> {
        let (expected, found) = (self.last_sequence + 1, header.first_sequence);
        let current = self.current.as_ref().expect("a frame was read from it");
        match expected == found {
            true => Ok(header),
            false => Err(current.file.damaged(self.offset, Fault::Sequence { expected, found })),
        }
    }

    /// Goes on in the file behind the present one, if it is there.
    fn enter_next(&mut self) -> Result<bool, JournalError> {
        let next = self.last_sequence + 1;
        match &self.current {
            // A start may set a damaged log aside and make it again, from its first outcome on.
            None => self.find_place(),
            // Nothing stands in a file whose first outcome is still to come.
            Some(current) if current.first_sequence == next => Ok(false),
            Some(_) => self.enter(next),
        }
    }

    /// Opens the file that begins with the outcome `first_sequence`; whether it is there.
    fn enter(&mut self, first_sequence: u64) -> Result<bool, JournalError> {
        let Some(current) = Current::open(&self.dir, first_sequence)? else { return Ok(false) };
        match current.file.header(&self.journal_id, first_sequence) {
            Ok(_) => {}
            // It has its name before it has its header.
            Err(JournalError::Damaged { fault: Fault::CutShort, .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        self.current = Some(current);
        self.offset = HEADER_BYTES as u64;
        Ok(true)
    }
}

impl Current {
    fn open(dir: &Path, first_sequence: u64) -> Result<Option<Current>, JournalError> {
        let path = dir.join(log_name(first_sequence));
        let inode = match fs::metadata(&path) {
            Ok(found) => found.ino(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(JournalError::io_whole("open", &path, error)),
        };
        match LogFile::open(dir, first_sequence) {
            Ok(file) => Ok(Some(Current { file, first_sequence, inode })),
            Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// The first outcome of the log in `dir`, if it has a file.
///
/// # Errors
///
/// [`JournalError::Io`].
pub fn first_logged_sequence(dir: &Path) -> Result<Option<u64>, JournalError> {
    Ok(file_sequences(dir)?.first().copied())
}

/// The header of the frame at `offset`, unchecked; `None` where the file ends before or within it.
fn header_at(file: &LogFile, offset: u64) -> Result<Option<LogFrameHeader>, JournalError> {
    let mut bytes = [0; HEADER_BYTES];
    let filled = file.read(offset, &mut bytes)?;
    let header = LogFrameHeader::read_from_bytes(&bytes).expect("the length is its own");
    Ok((filled == HEADER_BYTES).then_some(header))
}
