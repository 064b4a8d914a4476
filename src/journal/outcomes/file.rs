//! One file of an outcome log: its header, and the frames in it, wherever they stand.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use zerocopy::FromBytes;

use super::format::{
    HEADER_BYTES, LogFileHeader, LogFrameHeader, PAYLOAD_BYTES_MAX, RESERVED_BYTES, log_name,
    log_of_name,
};
use crate::error::{Fault, JournalError};
use ringfence_types::{Event, Origin, Outcome};

/// Bytes that are looked through at a time for a frame.
const WINDOW_BYTES: usize = 1024 * 1024;

/// An open file of a log.
pub(super) struct LogFile {
    pub path: PathBuf,
    file: File,
}

impl LogFile {
    /// Opens the file of the log in `dir` that is named by `first_sequence`.
    pub fn open(dir: &Path, first_sequence: u64) -> Result<LogFile, JournalError> {
        let path = dir.join(log_name(first_sequence));
        let file =
            File::open(&path).map_err(|error| JournalError::io_whole("open", &path, error))?;
        Ok(LogFile { path, file })
    }

    /// Its length in bytes.
    pub fn length_bytes(&self) -> Result<u64, JournalError> {
        let metadata = self.file.metadata();
        metadata
            .map(|it| it.len())
            .map_err(|error| JournalError::io_whole("open", &self.path, error))
    }

    /// Its header, checked as that of the file of this journal with the name `first_sequence`.
    pub fn header(
        &self,
        journal_id: &[u8; 16],
        first_sequence: u64,
    ) -> Result<LogFileHeader, JournalError> {
        let mut header = [0; HEADER_BYTES];
        self.read_exact(0, &mut header, 0)?;
        let header = LogFileHeader::read_from_bytes(&header).expect("the length is its own");
        let checked = header.check(journal_id, first_sequence);
        checked.map_err(|fault| self.damaged(0, fault)).map(|()| header)
    }

    /// The header of the frame at `offset`, whose payload goes to `payload`; `None` where the file
    /// ends. Whether it follows on the frame before it is not looked at.
    pub fn frame(
        &self,
        offset: u64,
        journal_id: &[u8; 16],
        payload: &mut Vec<u8>,
    ) -> Result<Option<LogFrameHeader>, JournalError> {
        let mut header = [0; HEADER_BYTES];
        match self.file.read_at(&mut header, offset) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(JournalError::io("read", &self.path, offset, error)),
        }
        self.read_exact(offset, &mut header, 0)?;
        let header = LogFrameHeader::read_from_bytes(&header).expect("the length is its own");
        if header.payload_bytes() > PAYLOAD_BYTES_MAX {
            let found = header.payload_bytes() as u64;
            return Err(self.damaged(offset, Fault::Field { name: "length", found }));
        }
        payload.resize(header.payload_bytes(), 0);
        self.read_exact(offset, payload, HEADER_BYTES)?;
        let (expected, found) = (header.sum(journal_id, payload), header.checksum);
        if expected != found {
            return Err(self.damaged(offset, Fault::Checksum { expected, found }));
        }
        Ok(Some(header))
    }

    /// Where the next good frame begins, at `from` or behind it, whatever stands before it.
    pub fn find_frame(
        &self,
        from: u64,
        journal_id: &[u8; 16],
        payload: &mut Vec<u8>,
    ) -> Result<Option<u64>, JournalError> {
        let rest = self.length_bytes()?.saturating_sub(from);
        let mut window = vec![0; rest.min(WINDOW_BYTES as u64) as usize];
        let mut at = from;
        loop {
            let filled = self.read(at, &mut window)?;
            if filled < HEADER_BYTES {
                return Ok(None);
            }
            for (offset, bytes) in (at..).zip(window[..filled].windows(HEADER_BYTES)) {
                match could_begin(bytes).then(|| self.frame(offset, journal_id, payload)) {
                    Some(Ok(Some(_))) => return Ok(Some(offset)),
                    Some(Err(error @ JournalError::Io { .. })) => return Err(error),
                    _ => {}
                }
            }
            at += (filled - HEADER_BYTES + 1) as u64;
        }
    }

    /// Damage at `offset`.
    pub fn damaged(&self, offset: u64, fault: Fault) -> JournalError {
        JournalError::Damaged { path: self.path.clone(), offset, fault }
    }

    /// Reads from `offset` on until `bytes` is full or the file ends; how much was read.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<usize, JournalError> {
        let mut filled = 0;
        while filled < bytes.len() {
            let from = offset + filled as u64;
            match self.file.read_at(&mut bytes[filled..], from) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(JournalError::io("read", &self.path, from, error)),
            }
        }
        Ok(filled)
    }

    /// Fills `bytes` with what stands `skipped` bytes behind the start of the header or frame at
    /// `offset`.
    fn read_exact(
        &self,
        offset: u64,
        bytes: &mut [u8],
        skipped: usize,
    ) -> Result<(), JournalError> {
        let filled = self.read(offset + skipped as u64, bytes)?;
        if filled < bytes.len() {
            return Err(self.damaged(offset, Fault::CutShort));
        }
        Ok(())
    }
}

/// Whether these bytes, at any alignment, can be the header of a frame.
fn could_begin(bytes: &[u8]) -> bool {
    // Most are found out here, without a copy.
    let ends_in_zeros = bytes[HEADER_BYTES - RESERVED_BYTES..].iter().all(|&byte| byte == 0);
    ends_in_zeros
        && LogFrameHeader::read_from_bytes(bytes).is_ok_and(|header| header.is_plausible())
}

/// What a frame holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub origins: Vec<Origin>,
    pub outcomes: Vec<Outcome>,
    pub events: Vec<Event>,
}

impl Contents {
    /// The payload of a frame with this header, taken apart.
    pub fn read(header: &LogFrameHeader, payload: &[u8]) -> Contents {
        let (origins, rest) = payload.split_at(header.origins as usize * size_of::<Origin>());
        let (outcomes, events) = rest.split_at(header.outcomes as usize * size_of::<Outcome>());
        Contents {
            origins: read_all(origins),
            outcomes: read_all(outcomes),
            events: read_all(events),
        }
    }
}

/// The last command that something in a frame stands before: an event or an origin; 0 if it has
/// none.
pub(super) fn last_awaited_sequence(header: &LogFrameHeader, payload: &[u8]) -> u64 {
    let origins = &payload[..header.origins as usize * size_of::<Origin>()];
    let origin = Origin::read_from_suffix(origins).map_or(0, |(_, last)| last.first_sequence);
    let event = (header.events > 0).then(|| {
        let (_, event) = Event::read_from_suffix(payload).expect("a frame holds whole events");
        event.goes_before()
    });
    origin.max(event.unwrap_or(0))
}

fn read_all<T: FromBytes>(bytes: &[u8]) -> Vec<T> {
    let whole = bytes.chunks_exact(size_of::<T>());
    whole.map(|bytes| T::read_from_bytes(bytes).expect("the length is its own")).collect()
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
