//! Writes an outcome log, and removes what is kept no longer.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use zerocopy::IntoBytes;

use super::format::{HEADER_BYTES, LogFileHeader, log_name};
use super::frame::Frame;
use super::keep::{Keep, Kept};
use super::scan::Scan;
use crate::copies::keep_aside;
use crate::error::JournalError;

/// Length at which the next file is begun, in bytes.
pub(super) const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// A log that is open to be gone on with.
pub struct Log {
    dir: PathBuf,
    journal_id: [u8; 16],
    /// The file that is written to; none yet where the log is empty.
    file: Option<(PathBuf, File)>,
    /// When it was begun, or opened.
    since: SystemTime,
    offset: u64,
    /// Sequence of the last outcome in it, 0 if there is none.
    last_sequence: u64,
    /// Events were written whose outcome was not: it goes to the same file.
    is_before_outcome: bool,
    is_final: bool,
    bytes: Vec<u8>,
    keep: Option<Keep>,
    /// The files, without the one that is written to.
    earlier: Vec<Earlier>,
    /// Sequence of the first outcome in the file that is written to.
    first_sequence: u64,
}

/// A file that nothing more is written to.
struct Earlier {
    first_sequence: u64,
    bytes: u64,
    /// When it was written to last.
    until: SystemTime,
}

impl Log {
    /// A log without an outcome of the journal `journal_id` in `dir`.
    #[must_use]
    pub fn new(dir: &Path, journal_id: [u8; 16]) -> Log {
        Log {
            dir: dir.to_path_buf(),
            journal_id,
            file: None,
            since: SystemTime::now(),
            offset: 0,
            last_sequence: 0,
            is_before_outcome: false,
            is_final: false,
            bytes: Vec::new(),
            keep: None,
            earlier: Vec::new(),
            first_sequence: 0,
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
        remove_behind(scan, kept, &mut note)?;
        let Some((file, end)) = place else { return Ok(log) };
        for earlier in scan.files.iter().take_while(|it| it.first_sequence < kept) {
            let path = scan.path_of(earlier);
            let until = fs::metadata(&path).and_then(|metadata| metadata.modified());
            let until = until.map_err(|error| JournalError::io_whole("open", &path, error))?;
            let (first_sequence, bytes) = (earlier.first_sequence, earlier.file_bytes);
            log.earlier.push(Earlier { first_sequence, bytes, until });
        }
        let path = scan.path_of(file);
        let opened = OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_len(end).map(|()| file))
            .map_err(|error| JournalError::io("cut", &path, end, error))?;
        log.file = Some((path, opened));
        log.offset = end;
        (log.first_sequence, log.last_sequence) = (kept, behind);
        Ok(log)
    }

    /// Begins again in place of a log that was read, all of which can be made again. A file in which
    /// there is nothing of this log is set aside, and `note` told of it.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn begin_again(scan: &Scan, mut note: impl FnMut(String)) -> Result<Log, JournalError> {
        remove_behind(scan, 0, &mut note)?;
        Ok(Log::new(&scan.dir, scan.journal_id))
    }

    /// Sequence of the first outcome in it, 0 if there is none.
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.earlier.first().map_or(self.first_sequence, |file| file.first_sequence)
    }

    /// Sequence of the last outcome in it, 0 if there is none.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Sequence of the first outcome in its newest file, 0 if there is none.
    #[must_use]
    pub fn newest_file(&self) -> u64 {
        self.first_sequence
    }

    /// Whether the outcomes of the frames that come are final: their commands are on stable
    /// storage. They are not before this is said.
    pub fn set_final(&mut self, is_final: bool) {
        self.is_final = is_final;
    }

    /// How much of it is kept from now on; all of it before this is said.
    pub fn set_keep(&mut self, keep: Option<Keep>) {
        self.keep = keep;
    }

    /// Appends a frame. Where it does not follow on the last, a new file begins with it; where the
    /// file is full too, unless it ends with events whose outcome comes now. For files are removed
    /// one by one, and no outcome may be left without its events.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`]. The frame can then be appended again: what was written of it is
    /// overwritten.
    pub fn append(&mut self, frame: &Frame) -> Result<(), JournalError> {
        let follows = frame.first_sequence() == self.last_sequence + 1;
        let may_begin = !self.is_before_outcome;
        if self.file.is_none() || !follows || may_begin && self.is_file_full() {
            self.begin_file(frame.first_sequence())?;
        }
        self.bytes.clear();
        frame.encode(&self.journal_id, self.is_final, &mut self.bytes);
        let (path, file) = self.file.as_ref().expect("a file was begun");
        file.write_all_at(&self.bytes, self.offset)
            .map_err(|error| JournalError::io("write", path, self.offset, error))?;
        self.offset += self.bytes.len() as u64;
        self.last_sequence = frame.last_sequence();
        self.is_before_outcome = frame.ends_before_outcome();
        Ok(())
    }

    /// Removes from its front what is kept no longer. Outcomes from `needed_from` on are still
    /// needed: they are kept up to twice as long. The newest file stays.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`]. What could not be removed is tried again the next time.
    pub fn remove_surplus(&mut self, needed_from: u64) -> Result<(), JournalError> {
        let Some(keep) = self.keep.filter(|_| !self.earlier.is_empty()) else { return Ok(()) };
        let now = SystemTime::now();
        let earlier = self.earlier.iter().map(|file| Kept {
            first_sequence: file.first_sequence,
            bytes: file.bytes,
            age: now.duration_since(file.until).unwrap_or_default(),
        });
        let newest = Kept {
            first_sequence: self.first_sequence,
            bytes: self.offset,
            age: Default::default(),
        };
        let files: Vec<Kept> = earlier.chain([newest]).collect();
        for _ in 0..keep.surplus(&files, needed_from) {
            let path = self.dir.join(log_name(self.earlier[0].first_sequence));
            match fs::remove_file(&path) {
                // Somebody else may have removed it.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(JournalError::io_whole("remove", &path, error));
                }
                _ => drop(self.earlier.remove(0)),
            }
        }
        Ok(())
    }

    /// Whether the next frame begins a new file.
    fn is_file_full(&self) -> bool {
        let bytes_max = self.keep.map_or(FILE_BYTES, Keep::file_bytes);
        self.offset >= bytes_max
            || self
                .keep
                .is_some_and(|keep| self.since.elapsed().is_ok_and(|age| age >= keep.file_age()))
    }

    fn begin_file(&mut self, first_sequence: u64) -> Result<(), JournalError> {
        let path = self.dir.join(log_name(first_sequence));
        let header = LogFileHeader::new(self.journal_id, first_sequence, self.last_sequence);
        let failed = |error| JournalError::io_whole("create", &path, error);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = made.map_err(failed)?;
        if let Err(error) = file.write_all_at(header.as_bytes(), 0) {
            // So that it can be made again, once there is room.
            let _ = fs::remove_file(&path);
            return Err(failed(error));
        }
        let now = SystemTime::now();
        if self.file.replace((path, file)).is_some() {
            let (first_sequence, bytes) = (self.first_sequence, self.offset);
            self.earlier.push(Earlier { first_sequence, bytes, until: now });
        }
        self.since = now;
        self.offset = HEADER_BYTES as u64;
        self.first_sequence = first_sequence;
        Ok(())
    }
}

/// Removes the files that begin behind the outcome `kept`, from the end, so that what is left never
/// has a gap. One in which there is nothing of this log is set aside.
fn remove_behind(
    scan: &Scan,
    kept: u64,
    note: &mut impl FnMut(String),
) -> Result<(), JournalError> {
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
        fs::remove_file(&path).map_err(|error| JournalError::io_whole("remove", &path, error))?;
    }
    Ok(())
}
