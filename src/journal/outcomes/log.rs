//! Writes an outcome log.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zerocopy::IntoBytes;

use super::format::{Frame, HEADER_BYTES, LogFileHeader, log_name};
use super::reader::{LogReader, file_sequences};
use crate::error::JournalError;

/// Length at which the next file is begun, in bytes.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// A log that is open to be gone on with.
pub struct Log {
    dir: PathBuf,
    journal_id: [u8; 16],
    /// The file that is written to; none yet where the log is empty.
    file: Option<(PathBuf, File)>,
    offset: u64,
    /// Sequence of the last outcome in it, 0 if there is none.
    last_sequence: u64,
    bytes: Vec<u8>,
}

impl Log {
    /// Opens the log of the journal `journal_id` in `dir`, reads all of it, and cuts it at the first
    /// damage and behind the outcome `last_sequence`, the journal's last. What was cut goes to `note`.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn open(
        dir: &Path,
        journal_id: [u8; 16],
        last_sequence: u64,
        mut note: impl FnMut(String),
    ) -> Result<Log, JournalError> {
        let mut reader = LogReader::open(dir, journal_id)?;
        let mut good: Option<(PathBuf, u64)> = None;
        let mut good_sequence = 0;
        loop {
            match reader.next_frame() {
                // Events whose outcome is not there come again with it.
                Ok(true) if !reader.ends_whole() => {}
                Ok(true) if reader.last_sequence() <= last_sequence => {
                    good = reader.position().map(|(path, end)| (path.to_path_buf(), end));
                    good_sequence = reader.last_sequence();
                }
                Ok(true) => {
                    note(format!(
                        "the outcome log goes beyond sequence {last_sequence}, the journal's last: cut behind {good_sequence}"
                    ));
                    break;
                }
                Ok(false) => break,
                Err(JournalError::Damaged { path, offset, fault }) => {
                    note(format!(
                        "outcome log: {} at byte {offset}: {fault}; made again from sequence {} on",
                        path.display(),
                        good_sequence + 1
                    ));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let kept = good.as_ref().map(|(path, _)| path.clone());
        for sequence in file_sequences(dir)?.into_iter().rev() {
            let path = dir.join(log_name(sequence));
            if kept.as_ref() == Some(&path) {
                break;
            }
            fs::remove_file(&path)
                .map_err(|error| JournalError::io_whole("remove", &path, error))?;
        }
        let mut log = Log {
            dir: dir.to_path_buf(),
            journal_id,
            file: None,
            offset: 0,
            last_sequence: good_sequence,
            bytes: Vec::new(),
        };
        if let Some((path, end)) = good {
            let file = OpenOptions::new()
                .write(true)
                .open(&path)
                .and_then(|file| file.set_len(end).map(|()| file))
                .map_err(|error| JournalError::io("cut", &path, end, error))?;
            log.file = Some((path, file));
            log.offset = end;
        }
        Ok(log)
    }

    /// Sequence of the last outcome in it, 0 if there is none.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Appends a frame. Where it does not follow on the last, a new file begins with it.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn append(&mut self, frame: &Frame) -> Result<(), JournalError> {
        let follows = frame.first_sequence() == self.last_sequence + 1;
        if self.file.is_none() || !follows || self.offset >= FILE_BYTES {
            self.begin_file(frame.first_sequence())?;
        }
        self.bytes.clear();
        frame.encode(&self.journal_id, &mut self.bytes);
        let (path, file) = self.file.as_ref().expect("a file was begun");
        file.write_all_at(&self.bytes, self.offset)
            .map_err(|error| JournalError::io("write", path, self.offset, error))?;
        self.offset += self.bytes.len() as u64;
        self.last_sequence = frame.last_sequence();
        Ok(())
    }

    fn begin_file(&mut self, first_sequence: u64) -> Result<(), JournalError> {
        let path = self.dir.join(log_name(first_sequence));
        let header = LogFileHeader::new(self.journal_id, first_sequence, self.last_sequence);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|file| file.write_all_at(header.as_bytes(), 0).map(|()| file))
            .map_err(|error| JournalError::io_whole("create", &path, error))?;
        self.file = Some((path, file));
        self.offset = HEADER_BYTES as u64;
        Ok(())
    }
}
