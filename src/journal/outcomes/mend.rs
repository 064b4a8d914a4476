//! Makes a damaged log whole again where a replay cannot: keeps every frame that is good, and the
//! files as they were beside them.
//!
//! ```text
//!   before   1.outcomes [ 1-9 │ ✗✗✗ │ 14-20 ]                        21.outcomes [ 21-30 ]
//!   after    1.outcomes [ 1-9 ]   14.outcomes [ 14-20 ] follows 9     21.outcomes [ 21-30 ]
//!            1.outcomes.aside     byte for byte what 1.outcomes was
//! ```
//!
//! # Invariants
//!
//! * Nothing is removed before it is durable elsewhere: at any moment each good frame stands in a
//!   file of the log, and each damaged file is there as it was, under its own name or set aside.
//! * A file that is set aside replaces none.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zerocopy::IntoBytes;

use super::file::LogFile;
use super::format::{HEADER_BYTES, LogFileHeader, log_name};
use super::log::FILE_BYTES;
use super::scan::{Run, Scan, Scanned};
use crate::copies::{keep_aside, remove_if_there, sync};
use crate::error::JournalError;

/// Bytes that are copied at a time.
const COPIED_BYTES: usize = 1024 * 1024;

/// Good frames that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// In which of the files they stand.
    file: usize,
    offset: u64,
    end: u64,
    first_sequence: u64,
    last_sequence: u64,
}

/// A file of the log as it will be.
#[derive(Debug, PartialEq, Eq)]
enum Planned {
    /// The file stays; of its header only what it follows on may change.
    Kept { file: usize, follows: u64 },
    /// A new file with these pieces, one behind the other.
    Written { follows: u64, pieces: Vec<Piece> },
}

impl Scan {
    /// Keeps all that is good up to the outcome `up_to`, sets aside every file of which not all is
    /// kept, and tells `note` of each and of the outcomes that are missing.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`]. It can be begun again.
    pub fn set_aside(&self, up_to: u64, mut note: impl FnMut(String)) -> Result<(), JournalError> {
        let planned = self.plan(&self.pieces(up_to)?);
        let is_kept = |index: usize| {
            planned.iter().any(|it| matches!(it, Planned::Kept { file, .. } if *file == index))
        };
        let replaced = || self.files.iter().enumerate().filter(|&(index, _)| !is_kept(index));
        for (index, file) in replaced().filter(|(_, file)| !file.is_empty()) {
            let path = self.path_of(file);
            let aside = keep_aside(&path)?;
            let (why, aside) = (self.reason(file, index), aside.display());
            note(format!("outcome log: {why}: {} is kept as it was in {aside}", path.display()));
        }
        let written = planned.iter().filter_map(|it| self.write(it).transpose());
        let written = written.collect::<Result<Vec<PathBuf>, _>>()?;
        sync(&self.dir)?;
        // New names first: until the old file is replaced, what was moved out of it stands in both.
        let (replacing, new): (Vec<_>, Vec<_>) =
            written.into_iter().partition(|path| path.exists());
        for path in new.iter().chain(&replacing) {
            fs::rename(temporary(path), path)
                .map_err(|error| JournalError::io_whole("rename", temporary(path), error))?;
            sync(&self.dir)?;
        }
        for (_, file) in replaced() {
            let path = self.path_of(file);
            if !replacing.contains(&path) {
                remove_if_there(&path)?;
            }
        }
        sync(&self.dir)?;
        for (from, to) in self.holes(&planned) {
            note(format!(
                "outcome log: outcomes {from} to {to} are missing and cannot be made again"
            ));
        }
        Ok(())
    }

    /// The outcomes that are missing between files, from the first to the last, where the files did
    /// not say so before.
    fn holes(&self, planned: &[Planned]) -> Vec<(u64, u64)> {
        let mut holes = Vec::new();
        let mut next = self.files.first().map_or(1, |file| file.first_sequence);
        for file in planned {
            let (first_sequence, last_sequence, is_known) = match file {
                Planned::Kept { file, follows } => {
                    let file = &self.files[*file];
                    let last = file.runs[0].last_sequence;
                    (file.first_sequence, last, file.follows == Some(*follows))
                }
                Planned::Written { pieces, .. } => {
                    (pieces[0].first_sequence, pieces[pieces.len() - 1].last_sequence, false)
                }
            };
            if next < first_sequence && !is_known {
                holes.push((next, first_sequence - 1));
            }
            next = last_sequence + 1;
        }
        holes
    }

    /// Why a file is not kept as it is.
    fn reason(&self, file: &Scanned, index: usize) -> String {
        match file.faults.first() {
            Some((offset, fault)) => format!("at byte {offset}: {fault}"),
            None if self.files[..index].iter().any(|before| overlap(before, file)) => {
                "another file holds the same outcomes".to_owned()
            }
            None => "it goes on where the journal has ended".to_owned(),
        }
    }

    /// The good frames up to `up_to`, each outcome once, in order.
    fn pieces(&self, up_to: u64) -> Result<Vec<Piece>, JournalError> {
        let mut runs: Vec<(usize, &Run)> = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            runs.extend(file.runs.iter().map(|run| (index, run)));
        }
        // Of two that hold the same outcomes, that of the file that is whole is kept.
        runs.sort_by_key(|&(index, run)| {
            (run.first_sequence, !self.files[index].faults.is_empty(), index)
        });
        let mut pieces = Vec::new();
        let mut covered = 0;
        for (file, run) in runs {
            let piece = self.trim(file, run, covered, up_to)?;
            if piece.first_sequence <= piece.last_sequence {
                covered = piece.last_sequence;
                pieces.push(piece);
            }
        }
        Ok(pieces)
    }

    /// The frames of a run behind the outcome `covered` and up to `up_to`.
    fn trim(
        &self,
        file: usize,
        run: &Run,
        covered: u64,
        up_to: u64,
    ) -> Result<Piece, JournalError> {
        let Run { offset, end, first_sequence, last_sequence, .. } = *run;
        let mut piece = Piece { file, offset, end, first_sequence, last_sequence };
        if first_sequence > covered && last_sequence <= up_to {
            return Ok(piece);
        }
        let opened = LogFile::open(&self.dir, self.files[file].first_sequence)?;
        let mut payload = Vec::new();
        (piece.end, piece.last_sequence) = (offset, first_sequence - 1);
        while piece.end < end {
            let frame = opened.frame(piece.end, &self.journal_id, &mut payload)?;
            let Some(frame) = frame.filter(|frame| frame.last_sequence() <= up_to) else { break };
            piece.end += frame.frame_bytes();
            piece.last_sequence = frame.last_sequence();
            if frame.first_sequence <= covered {
                (piece.offset, piece.first_sequence) = (piece.end, piece.last_sequence + 1);
            }
        }
        Ok(piece)
    }

    /// The files that hold these pieces.
    fn plan(&self, pieces: &[Piece]) -> Vec<Planned> {
        let mut planned: Vec<Planned> = Vec::new();
        let mut last_sequence = 0;
        for piece in pieces {
            let file = &self.files[piece.file];
            let is_all_of_it = (piece.offset, piece.end) == (HEADER_BYTES as u64, file.file_bytes);
            let is_kept = file.faults.is_empty() && is_all_of_it;
            let bytes = |pieces: &[Piece]| pieces.iter().map(|it| it.end - it.offset).sum::<u64>();
            match planned.last_mut() {
                _ if is_kept => {
                    // The first file that is there may follow on one that is not.
                    let follows = match last_sequence {
                        0 => file.follows.expect("its header is good"),
                        last_sequence => last_sequence,
                    };
                    planned.push(Planned::Kept { file: piece.file, follows });
                }
                Some(Planned::Written { pieces, .. })
                    if piece.first_sequence == last_sequence + 1 && bytes(pieces) < FILE_BYTES =>
                {
                    pieces.push(*piece);
                }
                _ => {
                    let pieces = vec![*piece];
                    planned.push(Planned::Written { follows: last_sequence, pieces });
                }
            }
            last_sequence = piece.last_sequence;
        }
        planned
    }

    /// Writes a planned file under its temporary name, durably, and gives the name that it will
    /// have; the header of one that is kept in place.
    fn write(&self, planned: &Planned) -> Result<Option<PathBuf>, JournalError> {
        match planned {
            Planned::Kept { file, follows } => {
                let file = &self.files[*file];
                if file.follows != Some(*follows) {
                    let header = LogFileHeader::new(self.journal_id, file.first_sequence, *follows);
                    let path = self.path_of(file);
                    OpenOptions::new()
                        .write(true)
                        .open(&path)
                        .and_then(|file| {
                            file.write_all_at(header.as_bytes(), 0)?;
                            file.sync_all()
                        })
                        .map_err(|error| JournalError::io("write", &path, 0, error))?;
                }
                Ok(None)
            }
            Planned::Written { follows, pieces } => {
                let first_sequence = pieces[0].first_sequence;
                let header = LogFileHeader::new(self.journal_id, first_sequence, *follows);
                let path = self.dir.join(log_name(first_sequence));
                self.copy(&header, pieces, &temporary(&path))?;
                Ok(Some(path))
            }
        }
    }

    fn copy(
        &self,
        header: &LogFileHeader,
        pieces: &[Piece],
        path: &Path,
    ) -> Result<(), JournalError> {
        // Of a time before that was interrupted.
        remove_if_there(path)?;
        let failed = |error| JournalError::io_whole("write", path, error);
        let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let new = new.map_err(failed)?;
        new.write_all_at(header.as_bytes(), 0).map_err(failed)?;
        let mut to = HEADER_BYTES as u64;
        let mut buffer = vec![0; COPIED_BYTES];
        for piece in pieces {
            let old = LogFile::open(&self.dir, self.files[piece.file].first_sequence)?;
            let mut from = piece.offset;
            while from < piece.end {
                let bytes = (piece.end - from).min(COPIED_BYTES as u64) as usize;
                let filled = old.read(from, &mut buffer[..bytes])?;
                new.write_all_at(&buffer[..filled], to).map_err(failed)?;
                from += bytes as u64;
                to += bytes as u64;
            }
        }
        new.sync_all().map_err(failed)
    }
}

/// What a file is called until all are written.
fn temporary(path: &Path) -> PathBuf {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    PathBuf::from(temporary)
}

/// Whether two files hold outcomes of the same commands.
fn overlap(one: &Scanned, other: &Scanned) -> bool {
    let meet = |one: &Run, other: &Run| {
        one.first_sequence <= other.last_sequence && other.first_sequence <= one.last_sequence
    };
    one.runs.iter().any(|run| other.runs.iter().any(|it| meet(run, it)))
}
