//! Reads an outcome log, from any sequence on.

use std::path::{Path, PathBuf};

use super::file::{Contents, LogFile, file_sequences};
use super::format::HEADER_BYTES;
use crate::error::{Fault, JournalError};
use ringfence_types::{Event, Origin, Outcome};

/// One thing that a log holds, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEntry {
    /// Whose the commands from its first sequence on are, as far as it goes. Their events and outcomes
    /// follow, or what of them the log still has.
    Origin(Origin),
    /// An event. The outcome of its command follows.
    Event(Event),
    /// The outcome of the command with this sequence.
    Outcome(u64, Outcome),
}

/// Goes through a log's files in order.
pub struct LogReader {
    dir: PathBuf,
    journal_id: [u8; 16],
    /// First sequences of the files that come.
    files: std::vec::IntoIter<u64>,
    current: Option<LogFile>,
    /// Where the next frame begins.
    offset: u64,
    /// Sequence of the last outcome that was read, or that the log began behind.
    last_sequence: u64,
    payload: Vec<u8>,
    contents: Contents,
    first_sequence: u64,
    next_origin: usize,
    /// The origin that was given last: later frames of its batch say it again.
    last_origin: Option<Origin>,
    next_outcome: usize,
    next_event: usize,
}

impl LogReader {
    /// Opens the log of the journal `journal_id` in `dir`; it may have no files.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn open(dir: &Path, journal_id: [u8; 16]) -> Result<LogReader, JournalError> {
        let files = file_sequences(dir)?.into_iter();
        Ok(LogReader {
            dir: dir.to_path_buf(),
            journal_id,
            files,
            current: None,
            offset: 0,
            last_sequence: 0,
            payload: Vec::new(),
            contents: Contents::default(),
            first_sequence: 0,
            next_origin: 0,
            last_origin: None,
            next_outcome: 0,
            next_event: 0,
        })
    }

    /// The next entry, `None` at the end.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`], [`JournalError::Io`].
    pub fn next_entry(&mut self) -> Result<Option<LogEntry>, JournalError> {
        loop {
            let sequence = self.first_sequence + self.next_outcome as u64;
            let Contents { origins, outcomes, events } = &self.contents;
            let ends = self.next_outcome == outcomes.len();
            if let Some(origin) = origins.get(self.next_origin)
                && (origin.first_sequence <= sequence || ends)
            {
                self.next_origin += 1;
                if self.last_origin.replace(*origin) == Some(*origin) {
                    continue;
                }
                return Ok(Some(LogEntry::Origin(*origin)));
            }
            if let Some(event) = events.get(self.next_event)
                && (event.goes_before() <= sequence || ends)
            {
                self.next_event += 1;
                return Ok(Some(LogEntry::Event(*event)));
            }
            if let Some(outcome) = outcomes.get(self.next_outcome) {
                self.next_outcome += 1;
                return Ok(Some(LogEntry::Outcome(sequence, *outcome)));
            }
            if !self.next_frame()? {
                return Ok(None);
            }
        }
    }

    /// Sequence of the last outcome of the frames that were read.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Reads one more frame; whether there was one.
    fn next_frame(&mut self) -> Result<bool, JournalError> {
        loop {
            if self.current.is_some() && self.frame()? {
                return Ok(true);
            }
            let Some(first_sequence) = self.files.next() else { return Ok(false) };
            self.offset = 0;
            let file = self.current.insert(LogFile::open(&self.dir, first_sequence)?);
            let header = file.header(&self.journal_id, first_sequence)?;
            let (expected, found) = (self.last_sequence, header.follows);
            // The first file that is there may follow on one that is not.
            if expected != 0 && expected != found {
                return Err(file.damaged(0, Fault::Follows { expected, found }));
            }
            self.offset = HEADER_BYTES as u64;
            self.last_sequence = first_sequence - 1;
        }
    }

    /// Reads the frame at the present place; `false` where the file ends.
    fn frame(&mut self) -> Result<bool, JournalError> {
        let file = self.current.as_ref().expect("a file is open");
        let Some(header) = file.frame(self.offset, &self.journal_id, &mut self.payload)? else {
            return Ok(false);
        };
        let (expected, found) = (self.last_sequence + 1, header.first_sequence);
        if expected != found {
            return Err(file.damaged(self.offset, Fault::Sequence { expected, found }));
        }
        self.contents = Contents::read(&header, &self.payload);
        (self.next_origin, self.next_outcome, self.next_event) = (0, 0, 0);
        self.first_sequence = header.first_sequence;
        self.last_sequence += u64::from(header.outcomes);
        self.offset += header.frame_bytes();
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes;

    use super::*;
    use crate::outcomes::format::LogFileHeader;
    use crate::outcomes::{Frame, Log, log_name};

    const ID: [u8; 16] = *b"0123456789abcdef";

    /// A log of three frames of one outcome each, in a file of its own.
    fn log() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::new(folder.path(), ID);
        for sequence in 1..=3 {
            let mut frame = Frame::new();
            frame.outcome(sequence, &Outcome::default());
            log.append(&frame).unwrap();
        }
        let path = folder.path().join(log_name(1));
        let bytes = std::fs::read(&path).unwrap();
        (folder, path, bytes)
    }

    #[test]
    fn damage_is_named_with_its_place_and_as_a_journal_names_it() {
        let (folder, path, good) = log();
        let frame_bytes = HEADER_BYTES + size_of::<Outcome>();
        let second = HEADER_BYTES + frame_bytes;
        let flipped = |byte: usize| {
            let mut bytes = good.clone();
            bytes[byte] ^= 1;
            bytes
        };
        let third = second + frame_bytes;
        let without_second = [&good[..second], &good[third..]].concat();
        let mut other = LogFileHeader::new([7; 16], 1, 0).as_bytes().to_vec();
        other.extend(&good[HEADER_BYTES..]);
        //  name                 the file                         where       what
        let cases: [(&str, Vec<u8>, usize, &str); 8] = [
            ("empty", Vec::new(), 0, "the file ends within a header or a frame"),
            ("no log", b"x".repeat(500), 0, "the file does not begin as a file of its kind does"),
            ("of another journal", other, 0, "of the journal 0707070707070707"),
            ("version", flipped(8), 0, "version 3 of the format, expected 2"),
            ("a sequence", flipped(second + 8), second, "checksum 0x"),
            ("an outcome", flipped(second + 70), second, "checksum 0x"),
            ("a frame missing", without_second, second, "sequence 3, expected 2"),
            ("cut short", good[..second + 70].to_vec(), second, "the file ends within a header"),
        ];
        for (name, bytes, offset, what) in cases {
            std::fs::write(&path, bytes).unwrap();
            let mut reader = LogReader::open(folder.path(), ID).unwrap();
            let error = std::iter::repeat_with(|| reader.next_entry())
                .find_map(|entry| entry.err())
                .unwrap()
                .to_string();
            let expected = format!("{} at byte {offset}: {what}", path.display());
            assert!(error.starts_with(&expected), "{name}: {error}");
        }
    }
}
