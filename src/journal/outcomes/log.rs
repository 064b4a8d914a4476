//! Writes an outcome log.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use zerocopy::IntoBytes;

use super::file::file_sequences;
use super::format::{Frame, HEADER_BYTES, LogFileHeader, log_name};
use super::scan::Scan;
use crate::copies::keep_aside;
use crate::error::JournalError;

/// How much of a log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Most bytes, of which the last file may exceed its share.
    pub bytes: u64,
    /// Longest time since a file was written.
    pub age: Duration,
}

impl Keep {
    /// 16 GiB, however old.
    pub const DEFAULT: Keep = Keep { bytes: 16 << 30, age: Duration::MAX };
    /// Everything.
    pub const ALL: Keep = Keep { bytes: u64::MAX, age: Duration::MAX };
}

/// Length at which the next file is begun, in bytes.
pub(super) const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// A log that is open to be gone on with.
pub struct Log {
    dir: PathBuf,
    journal_id: [u8; 16],
    /// The file that is written to; none yet where the log is empty.
    file: Option<(PathBuf, File)>,
    offset: u64,
    /// Sequence of the last outcome in it, 0 if there is none.
    last_sequence: u64,
    is_final: bool,
    bytes: Vec<u8>,
}

impl Log {
    /// A log without an outcome of the journal `journal_id` in `dir`.
    #[must_use]
    pub fn new(dir: &Path, journal_id: [u8; 16]) -> Log {
        Log {
            dir: dir.to_path_buf(),
            journal_id,
            file: None,
            offset: 0,
            last_sequence: 0,
            is_final: false,
            bytes: Vec::new(),
        }
    }

    /// Goes on with a log that was read, behind the outcome `behind`, which stands before its first
    /// fault. Cuts off all that follows: it can be made again. A file in which there is nothing of
    /// this log is set aside, and `note` told of it.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn go_on(
        scan: &Scan,
        behind: u64,
        mut note: impl FnMut(String),
    ) -> Result<Log, JournalError> {
        let mut log = Log::new(&scan.dir, scan.journal_id);
        let place = scan.end_of(behind);
        let kept = place.map_or(0, |(file, _)| file.first_sequence);
        // From the end, so that what is left never has a gap.
        for file in scan.files.iter().rev().take_while(|file| file.first_sequence > kept) {
            let path = scan.path_of(file);
            if file.runs.is_empty() && file.file_bytes > HEADER_BYTES as u64 {
                let aside = keep_aside(&path)?;
                note(format!(
                    "outcome log: nothing in {} is of this log: set aside as {}",
                    path.display(),
                    aside.display()
                ));
            }
            fs::remove_file(&path)
                .map_err(|error| JournalError::io_whole("remove", &path, error))?;
        }
        if let Some((file, end)) = place {
            let path = scan.path_of(file);
            let file = OpenOptions::new()
                .write(true)
                .open(&path)
                .and_then(|file| file.set_len(end).map(|()| file))
                .map_err(|error| JournalError::io("cut", &path, end, error))?;
            log.file = Some((path, file));
            log.offset = end;
            log.last_sequence = behind;
        }
        Ok(log)
    }

    /// Sequence of the last outcome in it, 0 if there is none.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Whether the outcomes of the frames that come are final: their commands are on stable
    /// storage. They are not before this is said.
    pub fn set_final(&mut self, is_final: bool) {
        self.is_final = is_final;
    }

    /// Appends a frame. Where it does not follow on the last, a new file begins with it. Returns
    /// whether one began.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn append(&mut self, frame: &Frame) -> Result<bool, JournalError> {
        let follows = frame.first_sequence() == self.last_sequence + 1;
        let begins = self.file.is_none() || !follows || self.offset >= FILE_BYTES;
        if begins {
            self.begin_file(frame.first_sequence())?;
        }
        self.bytes.clear();
        frame.encode(&self.journal_id, self.is_final, &mut self.bytes);
        let (path, file) = self.file.as_ref().expect("a file was begun");
        file.write_all_at(&self.bytes, self.offset)
            .map_err(|error| JournalError::io("write", path, self.offset, error))?;
        self.offset += self.bytes.len() as u64;
        self.last_sequence = frame.last_sequence();
        Ok(begins)
    }

    /// Removes the oldest files that `keep` does not keep, but never the one that is written to. What
    /// comes after the outcome `needed_after` is kept besides, as long as all of it is no more than
    /// twice what `keep` keeps.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn remove_old(&self, keep: &Keep, needed_after: u64) -> Result<(), JournalError> {
        let mut files = Vec::new();
        for first_sequence in file_sequences(&self.dir)? {
            let path = self.dir.join(log_name(first_sequence));
            let metadata = fs::metadata(&path)
                .map_err(|error| JournalError::io_whole("look at", &path, error))?;
            files.push((first_sequence, path, metadata));
        }
        let mut bytes: u64 = files.iter().map(|(_, _, metadata)| metadata.len()).sum();
        for ((_, path, metadata), (next_sequence, _, _)) in files.iter().zip(&files[1..]) {
            // A clock that went back makes nothing old.
            let age = metadata.modified().ok().and_then(|time| time.elapsed().ok());
            let age = age.unwrap_or_default();
            let is_needed = next_sequence - 1 > needed_after;
            let (most_bytes, most_age) = match is_needed {
                true => (keep.bytes.saturating_mul(2), keep.age.saturating_mul(2)),
                false => (keep.bytes, keep.age),
            };
            if bytes <= most_bytes && age <= most_age {
                break;
            }
            fs::remove_file(path).map_err(|error| JournalError::io_whole("remove", path, error))?;
            bytes -= metadata.len();
        }
        Ok(())
    }

    fn begin_file(&mut self, first_sequence: u64) -> Result<(), JournalError> {
        let path = self.dir.join(log_name(first_sequence));
        let header = LogFileHeader::new(self.journal_id, first_sequence, self.last_sequence);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|file| file.write_all_at(header.as_bytes(), 0).map(|()| file))
            .map_err(|error| JournalError::io_whole("create", &path, error))?;
        self.file = Some((path, file));
        self.offset = HEADER_BYTES as u64;
        Ok(())
    }
}
