//! Reads an outcome log, from any sequence on.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use zerocopy::FromBytes;

use super::format::{
    HEADER_BYTES, LogFileHeader, LogFrameHeader, PAYLOAD_BYTES_MAX, log_name, log_of_name,
};
use crate::error::{Fault, JournalError};
use ringfence_types::{Event, Outcome};

/// One thing that a log holds, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEntry {
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
    current: Option<(PathBuf, File)>,
    /// Where the next frame begins.
    offset: u64,
    /// Sequence of the last outcome that was read, or that the log began behind.
    last_sequence: u64,
    bytes: Vec<u8>,
    outcomes: Vec<Outcome>,
    events: Vec<Event>,
    first_sequence: u64,
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
            bytes: Vec::new(),
            outcomes: Vec::new(),
            events: Vec::new(),
            first_sequence: 0,
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
            if let Some(event) = self.events.get(self.next_event)
                && (event.goes_before() <= sequence || self.next_outcome == self.outcomes.len())
            {
                self.next_event += 1;
                return Ok(Some(LogEntry::Event(*event)));
            }
            if let Some(outcome) = self.outcomes.get(self.next_outcome) {
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

    /// Whether all events that were read belong to outcomes that were.
    pub(super) fn ends_whole(&self) -> bool {
        self.events.last().is_none_or(|event| event.goes_before() <= self.last_sequence)
    }

    /// The file that is being read, and where the frames end that were good, in bytes.
    pub(super) fn position(&self) -> Option<(&Path, u64)> {
        self.current.as_ref().map(|(path, _)| (path.as_path(), self.offset))
    }

    /// Reads one more frame; whether there was one.
    pub(super) fn next_frame(&mut self) -> Result<bool, JournalError> {
        loop {
            if self.current.is_some() && self.frame()? {
                return Ok(true);
            }
            let Some(first_sequence) = self.files.next() else { return Ok(false) };
            let path = self.dir.join(log_name(first_sequence));
            let file =
                File::open(&path).map_err(|error| JournalError::io_whole("open", &path, error))?;
            let (path, file) = self.current.insert((path, file));
            self.offset = 0;
            let mut header = [0; HEADER_BYTES];
            read_exact(path, file, 0, &mut header, 0)?;
            let header = LogFileHeader::read_from_bytes(&header).expect("the length is its own");
            let checked = header.check(&self.journal_id, first_sequence).and_then(|()| {
                let (expected, found) = (self.last_sequence, header.follows);
                // The first file that is there may follow on one that is not.
                let follows = expected == 0 || expected == found;
                if follows { Ok(()) } else { Err(Fault::Follows { expected, found }) }
            });
            checked.map_err(|fault| damaged(path, 0, fault))?;
            self.offset = HEADER_BYTES as u64;
            self.last_sequence = first_sequence - 1;
        }
    }

    /// Reads the frame at the present place; `false` where the file ends.
    fn frame(&mut self) -> Result<bool, JournalError> {
        let (path, file) = self.current.as_ref().expect("a file is open");
        let offset = self.offset;
        let mut header = [0; HEADER_BYTES];
        match file.read_at(&mut header, offset) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(JournalError::io("read", path, offset, error)),
        }
        read_exact(path, file, offset, &mut header, 0)?;
        let header = LogFrameHeader::read_from_bytes(&header).expect("the length is its own");
        let expected = self.last_sequence + 1;
        if header.first_sequence != expected {
            let found = header.first_sequence;
            return Err(damaged(path, offset, Fault::Sequence { expected, found }));
        }
        if header.payload_bytes() > PAYLOAD_BYTES_MAX {
            let found = header.payload_bytes() as u64;
            return Err(damaged(path, offset, Fault::Field { name: "length", found }));
        }
        self.bytes.resize(header.payload_bytes(), 0);
        read_exact(path, file, offset, &mut self.bytes, HEADER_BYTES)?;
        let (expected, found) = (header.sum(&self.journal_id, &self.bytes), header.checksum);
        if expected != found {
            return Err(damaged(path, offset, Fault::Checksum { expected, found }));
        }
        let (outcomes, events) =
            self.bytes.split_at(header.outcomes as usize * size_of::<Outcome>());
        self.outcomes = read_all(outcomes);
        self.events = read_all(events);
        (self.next_outcome, self.next_event) = (0, 0);
        self.first_sequence = header.first_sequence;
        self.last_sequence += u64::from(header.outcomes);
        self.offset += (HEADER_BYTES + self.bytes.len()) as u64;
        Ok(true)
    }
}

fn read_all<T: FromBytes>(bytes: &[u8]) -> Vec<T> {
    let whole = bytes.chunks_exact(size_of::<T>());
    whole.map(|bytes| T::read_from_bytes(bytes).expect("the length is its own")).collect()
}

/// Fills `bytes` with what stands `skipped` bytes behind the start of the header or frame at `offset`.
fn read_exact(
    path: &Path,
    file: &File,
    offset: u64,
    bytes: &mut [u8],
    skipped: usize,
) -> Result<(), JournalError> {
    let from = offset + skipped as u64;
    file.read_exact_at(bytes, from).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged(path, offset, Fault::CutShort),
        _ => JournalError::io("read", path, from, error),
    })
}

fn damaged(path: &Path, offset: u64, fault: Fault) -> JournalError {
    JournalError::Damaged { path: path.to_path_buf(), offset, fault }
}

/// First sequences of a log's files, in order.
pub(super) fn file_sequences(dir: &Path) -> Result<Vec<u64>, JournalError> {
    let failed = |error| JournalError::io_whole("list", dir, error);
    let mut sequences = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        sequences.extend(name.to_str().and_then(log_of_name));
    }
    sequences.sort_unstable();
    Ok(sequences)
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes;

    use super::*;
    use crate::outcomes::{Frame, Log};

    const ID: [u8; 16] = *b"0123456789abcdef";

    /// A log of three frames of one outcome each, in a file of its own.
    fn log() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::open(folder.path(), ID, 0, |note| panic!("{note}")).unwrap();
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
        let mut other = LogFileHeader::new([7; 16], 1, 0).as_bytes().to_vec();
        other.extend(&good[HEADER_BYTES..]);
        //  name                 the file                         where       what
        let cases: [(&str, Vec<u8>, usize, &str); 7] = [
            ("empty", Vec::new(), 0, "the file ends within a header or a frame"),
            ("no log", b"x".repeat(500), 0, "the file does not begin as a file of its kind does"),
            ("of another journal", other, 0, "of the journal 0707070707070707"),
            ("version", flipped(8), 0, "version 0 of the format, expected 1"),
            ("a sequence", flipped(second + 8), second, "sequence 3, expected 2"),
            ("an outcome", flipped(second + 70), second, "checksum 0x"),
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
