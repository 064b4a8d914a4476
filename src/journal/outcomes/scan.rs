//! What an outcome log holds, good or damaged. Changes nothing.
//!
//! ```text
//!   file 1   [ header │ frame 1-4 │ frame 5-9 │ ✗✗✗✗ │ frame 14-20 ]     runs 1-9 and 14-20
//!   file 21  [ header │ frame 21-30 │ fra                          ]     run 21-30, cut short
//! ```
//!
//! A start reads all of the newest files, and of older ones the header and the last frames: enough to
//! go on where nothing is wrong. Where something is, it reads all.
//!
//! # Invariants
//!
//! * A frame counts by what it says: its checksum covers the journal's identity, its sequence and
//!   all that it holds. So it is found and believed wherever it stands.

use std::path::{Path, PathBuf};

use super::decide::Held;
use super::file::{LogFile, file_sequences, last_awaited_sequence};
use super::format::{HEADER_BYTES, LogFrameHeader, PAYLOAD_BYTES_MAX};
use crate::error::{Fault, JournalError};

/// Good frames of one file that follow on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Where the first begins in the file, in bytes.
    pub offset: u64,
    /// Where the last ends.
    pub end: u64,
    /// Sequence of the first outcome.
    pub first_sequence: u64,
    /// Sequence of the last outcome.
    pub last_sequence: u64,
    /// Behind which frame no event or origin waits for its outcome: where it ends, and its last
    /// outcome.
    pub whole: (u64, u64),
    /// Sequence of the last outcome that was final when it was written, 0 if none was.
    pub final_sequence: u64,
}

/// A file of the log.
#[derive(Debug)]
pub(super) struct Scanned {
    /// The sequence in its name.
    pub first_sequence: u64,
    /// Its length in bytes.
    pub file_bytes: u64,
    /// What its header says that it follows on, if the header is good.
    pub follows: Option<u64>,
    pub runs: Vec<Run>,
    /// What is wrong in it, and where.
    pub faults: Vec<(u64, Fault)>,
}

/// A whole log.
#[derive(Debug)]
pub struct Scan {
    pub(super) dir: PathBuf,
    pub(super) journal_id: [u8; 16],
    pub(super) files: Vec<Scanned>,
}

impl Run {
    /// A run at `offset`, behind the outcome `last_sequence`, without a frame yet.
    fn behind(offset: u64, last_sequence: u64) -> Run {
        Run {
            offset,
            end: offset,
            first_sequence: last_sequence + 1,
            last_sequence,
            whole: (offset, last_sequence),
            final_sequence: 0,
        }
    }

    /// All of a file's frames, if it ends with a whole one behind which nothing waits.
    fn of_ends(
        file: &LogFile,
        file_bytes: u64,
        journal_id: &[u8; 16],
        first_sequence: u64,
    ) -> Result<Option<Run>, JournalError> {
        const FRAME_BYTES_MAX: u64 = (HEADER_BYTES + PAYLOAD_BYTES_MAX) as u64;
        let from = file_bytes.saturating_sub(FRAME_BYTES_MAX).max(HEADER_BYTES as u64);
        let mut payload = Vec::new();
        let Some(mut offset) = file.find_frame(from, journal_id, &mut payload)? else {
            return Ok(None);
        };
        let mut run = Run::behind(HEADER_BYTES as u64, first_sequence - 1);
        while let Ok(Some(header)) = fault_of(file.frame(offset, journal_id, &mut payload))? {
            run.end = offset;
            run.add(&header, &payload);
            offset = run.end;
        }
        let is_whole = run.end == file_bytes && run.whole == (run.end, run.last_sequence);
        Ok(is_whole.then_some(run))
    }

    /// Takes in the next frame.
    fn add(&mut self, header: &LogFrameHeader, payload: &[u8]) {
        self.end += header.frame_bytes();
        self.last_sequence = header.last_sequence();
        if last_awaited_sequence(header, payload) <= self.last_sequence {
            self.whole = (self.end, self.last_sequence);
        }
        if header.is_final == 1 {
            self.final_sequence = self.last_sequence;
        }
    }
}

impl Scanned {
    /// Reads the file that is named by `first_sequence`.
    fn read(
        dir: &Path,
        journal_id: &[u8; 16],
        first_sequence: u64,
    ) -> Result<Scanned, JournalError> {
        let file = LogFile::open(dir, first_sequence)?;
        let file_bytes = file.length_bytes()?;
        let mut scanned = Scanned {
            first_sequence,
            file_bytes,
            follows: None,
            runs: Vec::new(),
            faults: Vec::new(),
        };
        let mut offset = HEADER_BYTES as u64;
        match fault_of(file.header(journal_id, first_sequence))? {
            Ok(header) => scanned.follows = Some(header.follows),
            Err(fault) => {
                scanned.faults.push((0, fault));
                // A file that has lost its first bytes has its frames further to the front.
                offset = 0;
            }
        }
        let mut payload = Vec::new();
        let mut expected = first_sequence;
        loop {
            match fault_of(file.frame(offset, journal_id, &mut payload))? {
                Ok(None) => return Ok(scanned),
                Ok(Some(header)) if header.is_plausible() => {
                    let found = header.first_sequence;
                    if found != expected {
                        scanned.faults.push((offset, Fault::Sequence { expected, found }));
                    }
                    let follows = scanned.runs.last().is_some_and(|run| run.end == offset);
                    if found != expected || !follows {
                        scanned.runs.push(Run::behind(offset, found - 1));
                    }
                    let run = scanned.runs.last_mut().expect("there is one by now");
                    run.add(&header, &payload);
                    expected = header.last_sequence() + 1;
                    offset += header.frame_bytes();
                }
                bad => {
                    // With a header that is bad, the search for the first frame begins at the
                    // start.
                    if scanned.faults.last().is_none_or(|&(at, _)| at != offset) {
                        let fault = bad.err().unwrap_or(Fault::Field { name: "header", found: 0 });
                        scanned.faults.push((offset, fault));
                    }
                    match file.find_frame(offset + 1, journal_id, &mut payload)? {
                        Some(found) => offset = found,
                        None => return Ok(scanned),
                    }
                }
            }
        }
    }

    /// As [`Scanned::read`], but only its header and its last frames; all of it where something is
    /// wrong there.
    fn read_ends(
        dir: &Path,
        journal_id: &[u8; 16],
        first_sequence: u64,
    ) -> Result<Scanned, JournalError> {
        let file = LogFile::open(dir, first_sequence)?;
        let file_bytes = file.length_bytes()?;
        if let Ok(header) = fault_of(file.header(journal_id, first_sequence))?
            && let Some(run) = Run::of_ends(&file, file_bytes, journal_id, first_sequence)?
        {
            let (follows, runs) = (Some(header.follows), vec![run]);
            return Ok(Scanned { first_sequence, file_bytes, follows, runs, faults: Vec::new() });
        }
        Scanned::read(dir, journal_id, first_sequence)
    }

    /// Whether it is a file that was begun, and no more.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.faults.is_empty()
    }

    /// The run that stands right behind a header that is good, if it begins as the name says.
    pub fn first_run(&self) -> Option<&Run> {
        let is_in_place = |run: &&Run| {
            run.offset == HEADER_BYTES as u64 && run.first_sequence == self.first_sequence
        };
        self.runs.first().filter(is_in_place).filter(|_| self.follows.is_some())
    }

    /// What is wrong with it first, as the file behind those that end with the outcome
    /// `last_sequence` (0: it is the first).
    fn first_fault(&self, last_sequence: u64) -> Option<(u64, Fault)> {
        if let Some(found) = self.follows
            && last_sequence != 0
            && found != last_sequence
        {
            return Some((0, Fault::Follows { expected: last_sequence, found }));
        }
        self.faults.first().cloned()
    }
}

/// Damage as a value; what the system says stays an error.
fn fault_of<T>(result: Result<T, JournalError>) -> Result<Result<T, Fault>, JournalError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(JournalError::Damaged { fault, .. }) => Ok(Err(fault)),
        Err(error) => Err(error),
    }
}

impl Scan {
    /// Reads all of the log of the journal `journal_id` in `dir`; it may have no files.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn read(dir: &Path, journal_id: [u8; 16]) -> Result<Scan, JournalError> {
        let read = |first_sequence| Scanned::read(dir, &journal_id, first_sequence);
        let files = file_sequences(dir)?.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Scan { dir: dir.to_path_buf(), journal_id, files })
    }

    /// Reads all of the newest files, up to `bytes` of them or a little more, and of older ones the
    /// header and the last frames. What is wrong with other frames of those is not seen.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn read_newest(dir: &Path, journal_id: [u8; 16], bytes: u64) -> Result<Scan, JournalError> {
        let mut files = Vec::new();
        let mut read_bytes = 0;
        for first_sequence in file_sequences(dir)?.into_iter().rev() {
            let read = if read_bytes < bytes { Scanned::read } else { Scanned::read_ends };
            let scanned = read(dir, &journal_id, first_sequence)?;
            read_bytes += scanned.file_bytes;
            files.push(scanned);
        }
        files.reverse();
        Ok(Scan { dir: dir.to_path_buf(), journal_id, files })
    }

    /// Reads no more of the log than its last file with a good frame in it: enough for
    /// [`Held::final_sequence`].
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn read_end(dir: &Path, journal_id: [u8; 16]) -> Result<Scan, JournalError> {
        let mut files = Vec::new();
        for first_sequence in file_sequences(dir)?.into_iter().rev() {
            let scanned = Scanned::read(dir, &journal_id, first_sequence)?;
            if !scanned.runs.is_empty() {
                files.push(scanned);
                break;
            }
        }
        Ok(Scan { dir: dir.to_path_buf(), journal_id, files })
    }

    /// What a start has to know of it.
    #[must_use]
    pub fn held(&self) -> Held {
        let runs = || self.files.iter().flat_map(|file| &file.runs);
        let (whole, _) = self.whole_up_to_first_fault();
        Held {
            whole_sequence: whole,
            has_fault: self.first_fault().is_some(),
            last_sequence: runs().map(|run| run.last_sequence).max().unwrap_or(0),
            final_sequence: runs().map(|run| run.final_sequence).max().unwrap_or(0),
        }
    }

    /// Sequence of the first outcome of all, wherever it stands; `u64::MAX` if there is none.
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        let runs = self.files.iter().flat_map(|file| &file.runs);
        runs.map(|run| run.first_sequence).min().unwrap_or(u64::MAX)
    }

    /// Checks that the journal, which ends with the command `last_sequence`, has lost nothing that
    /// the log has.
    ///
    /// # Errors
    ///
    /// [`JournalError::Lost`].
    pub fn check_journal(&self, last_sequence: u64) -> Result<(), JournalError> {
        let final_sequence =
            |file: &Scanned| file.runs.iter().map(|run| run.final_sequence).max().unwrap_or(0);
        match self.files.iter().max_by_key(|file| final_sequence(file)) {
            Some(file) if final_sequence(file) > last_sequence => Err(JournalError::Lost {
                path: self.dir.clone(),
                last_sequence,
                witness: self.path_of(file),
                known_sequence: final_sequence(file),
            }),
            _ => Ok(()),
        }
    }

    /// The first damage, as an error.
    #[must_use]
    pub fn first_fault(&self) -> Option<JournalError> {
        let mut last_sequence = 0;
        for file in &self.files {
            if let Some((offset, fault)) = file.first_fault(last_sequence) {
                let path = self.path_of(file);
                return Some(JournalError::Damaged { path, offset, fault });
            }
            last_sequence = file.runs.last().map_or(last_sequence, |run| run.last_sequence);
        }
        None
    }

    /// Where the outcome `behind` ends, which is the last before the first fault, or the last
    /// behind which no event waits.
    pub(super) fn end_of(&self, behind: u64) -> Option<(&Scanned, u64)> {
        let (whole, place) = self.whole_up_to_first_fault();
        if whole == behind {
            return place;
        }
        let last = self.files.iter().rev().find_map(|file| Some((file, file.first_run()?)));
        last.map(|(file, run)| {
            debug_assert_eq!(run.last_sequence, behind);
            (file, run.end)
        })
    }

    /// The last outcome before the first fault behind which no event waits for its outcome, and in
    /// which file it ends where.
    pub(super) fn whole_up_to_first_fault(&self) -> (u64, Option<(&Scanned, u64)>) {
        let mut whole = (0, None);
        let mut last_sequence = 0;
        for file in &self.files {
            let fault = file.first_fault(last_sequence);
            if fault.as_ref().is_some_and(|&(offset, _)| offset < HEADER_BYTES as u64) {
                break;
            }
            if let Some(run) = file.first_run() {
                last_sequence = run.last_sequence;
                if run.whole.0 > run.offset {
                    whole = (run.whole.1, Some((file, run.whole.0)));
                }
            }
            if fault.is_some() {
                break;
            }
        }
        whole
    }

    pub(super) fn path_of(&self, file: &Scanned) -> PathBuf {
        self.dir.join(super::format::log_name(file.first_sequence))
    }
}
