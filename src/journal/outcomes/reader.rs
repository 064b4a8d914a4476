//! Reads an outcome log, from any sequence on.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use zerocopy::FromBytes;

use super::LogError;
use super::format::{
    FileHeader, FrameHeader, HEADER_BYTES, PAYLOAD_BYTES_MAX, log_name, log_of_name,
};
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
    /// [`LogError::Io`].
    pub fn open(dir: &Path, journal_id: [u8; 16]) -> Result<LogReader, LogError> {
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
    /// [`LogError::Damaged`], [`LogError::Io`].
    pub fn next_entry(&mut self) -> Result<Option<LogEntry>, LogError> {
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
    pub(super) fn next_frame(&mut self) -> Result<bool, LogError> {
        loop {
            if self.current.is_some() && self.frame()? {
                return Ok(true);
            }
            let Some(first_sequence) = self.files.next() else { return Ok(false) };
            let path = self.dir.join(log_name(first_sequence));
            let file = File::open(&path).map_err(|error| LogError::io("open", &path, 0, error))?;
            let (path, file) = self.current.insert((path, file));
            self.offset = 0;
            let mut header = [0; HEADER_BYTES];
            read_exact(path, file, &mut header, 0)?;
            let header = FileHeader::read_from_bytes(&header).expect("the length is its own");
            let checked =
                header.check(&self.journal_id, first_sequence).and_then(|()| {
                    match header.follows == self.last_sequence || self.last_sequence == 0 {
                        true => Ok(()),
                        false => Err(format!(
                            "follows on sequence {}, expected {}",
                            header.follows, self.last_sequence
                        )),
                    }
                });
            checked.map_err(|what| damaged(path, 0, what))?;
            self.offset = HEADER_BYTES as u64;
            self.last_sequence = first_sequence - 1;
        }
    }

    /// Reads the frame at the present place; `false` where the file ends.
    fn frame(&mut self) -> Result<bool, LogError> {
        let (path, file) = self.current.as_ref().expect("a file is open");
        let offset = self.offset;
        let mut header = [0; HEADER_BYTES];
        match file.read_at(&mut header, offset) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(LogError::io("read", path, offset, error)),
        }
        read_exact(path, file, &mut header, offset)?;
        let header = FrameHeader::read_from_bytes(&header).expect("the length is its own");
        let expected = self.last_sequence + 1;
        if header.payload_bytes() > PAYLOAD_BYTES_MAX || header.first_sequence != expected {
            let found = header.first_sequence;
            let what = format!("no frame that begins with sequence {expected}, but {found}");
            return Err(damaged(path, offset, what));
        }
        self.bytes.resize(header.payload_bytes(), 0);
        read_exact(path, file, &mut self.bytes, offset + HEADER_BYTES as u64)?;
        let sum = header.sum(&self.journal_id, &self.bytes);
        if sum != header.checksum {
            let what = format!("checksum {sum:#010x}, expected {:#010x}", header.checksum);
            return Err(damaged(path, offset, what));
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

fn read_exact(path: &Path, file: &File, bytes: &mut [u8], offset: u64) -> Result<(), LogError> {
    file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            damaged(path, offset, "the file ends within a frame or a header".to_owned())
        }
        _ => LogError::io("read", path, offset, error),
    })
}

fn damaged(path: &Path, offset: u64, what: String) -> LogError {
    LogError::Damaged { path: path.to_path_buf(), offset, what }
}

/// First sequences of a log's files, in order.
pub(super) fn file_sequences(dir: &Path) -> Result<Vec<u64>, LogError> {
    let failed = |error| LogError::io("list", dir, 0, error);
    let mut sequences = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        sequences.extend(name.to_str().and_then(log_of_name));
    }
    sequences.sort_unstable();
    Ok(sequences)
}
