//! Cuts a damaged journal where the damage begins, and keeps what it cuts.
//!
//! ```text
//!   before   0000000001.journal      [ header │ frame │ frame │ ✗ damage │ frame │ zeros ]
//!   after    0000000001.journal      [ header │ frame │ frame │ zeros …                  ]
//!            0000000001.journal.cut                           [ ✗ damage │ frame │ zeros ]
//! ```
//!
//! # Invariants
//!
//! * Nothing is lost: what a segment had behind its cut is in `NAME.cut`, byte for byte, before the
//!   segment is changed; segments that are cut whole only change their names.
//! * What is kept is kept as it was, and is what every reader takes for the journal from then on.
//! * A crash at any point leaves a journal that can be repaired again. A file `.cut` is never replaced.

use std::fmt;
use std::path::PathBuf;

use super::data_dir::{DataDir, Directory, WriteMode};
use super::cursor::{Start, Walk};
use crate::buffer::Buffer;
use crate::error::{Fault, JournalError};
use crate::files::{Access, Files, OpenFile};
use crate::format::{BLOCK_BYTES, segment_name};
use crate::seal::{Key, Seals};
use crate::snapshot::{snapshot_name, snapshots};
use crate::writer::Position;

/// One thing that a repair took out of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The file that was cut.
    pub path: PathBuf,
    /// From where on, in bytes; 0 if the file as a whole was taken out.
    pub offset: u64,
    /// How much, in bytes.
    pub bytes: u64,
    /// Why.
    pub reason: String,
    /// The file that holds it now; none if there was nothing to keep.
    pub kept_in: Option<PathBuf>,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.offset {
            0 => write!(f, "took out {path}, {} bytes", self.bytes)?,
            offset => write!(f, "cut {path} at byte {offset}, {} bytes", self.bytes)?,
        }
        write!(f, " ({})", self.reason)?;
        match &self.kept_in {
            Some(kept_in) => write!(f, ", kept in {}", kept_in.display()),
            None => Ok(()),
        }
    }
}

/// What a repair did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// What was cut, in order; empty if nothing was wrong.
    pub cuts: Vec<Cut>,
    /// Sequence of the last command that is kept, 0 if there is none.
    pub last_sequence: u64,
    /// Highest sequence that the journal called durable before the repair. If it is greater than
    /// `last_sequence`, commands are gone that clients may have seen acknowledged.
    pub acknowledged_sequence: u64,
    /// Whether what is kept is sealed, and whether that was checked.
    pub seals: Seals,
}

/// Cuts the journal in `dir` at its first damage, or its tail; does nothing to one without either.
///
/// # Errors
///
/// [`JournalError::Damaged`] if nothing can be kept: the first segment's header is damaged, or sealed
/// with another key. [`JournalError::NotKeyed`], [`JournalError::Io`].
///
/// # Panics
///
/// If `dir` was opened only to read.
pub fn repair(dir: &DataDir, key: Option<Key>) -> Result<Repaired, JournalError> {
    assert!(dir.is_locked_by_us(), "only who holds the lock repairs");
    // What is cut need not be whole blocks.
    repair_files(&Directory::new(dir.path(), WriteMode::Buffered), key)
}

/// As [`repair`], for files of any kind. The caller makes sure that nobody else writes them, and that
/// they can be written at any offset.
///
/// # Errors
///
/// As [`repair`].
pub fn repair_files<F: Files>(files: &F, key: Option<Key>) -> Result<Repaired, JournalError> {
    let mut cuts = Vec::new();
    let mut acknowledged_sequence = 0;
    loop {
        let found = look(files, key)?;
        acknowledged_sequence = acknowledged_sequence.max(found.acknowledged_sequence);
        let Some(wound) = found.wound else {
            let last_sequence = found.last_sequence;
            let seals = found.seals;
            set_snapshots_aside(files, last_sequence, &mut cuts)?;
            return Ok(Repaired { cuts, last_sequence, acknowledged_sequence, seals });
        };
        wound.cut(files, &mut cuts)?;
    }
}

/// Gives another name to snapshots that cover commands which the journal no longer has: a start from
/// one would miss them.
fn set_snapshots_aside<F: Files>(
    files: &F,
    last_sequence: u64,
    cuts: &mut Vec<Cut>,
) -> Result<(), JournalError> {
    for sequence in snapshots(files)?.into_iter().filter(|&sequence| sequence > last_sequence) {
        let name = snapshot_name(sequence);
        let kept_in = format!("{name}.cut");
        let bytes = files.open(&name, Access::Read)?.length_bytes()?;
        files.rename(&name, &kept_in)?;
        files.sync_dir()?;
        cuts.push(Cut {
            path: files.path(&name),
            offset: 0,
            bytes,
            reason: format!("it covers commands after {last_sequence}, which are gone"),
            kept_in: Some(files.path(&kept_in)),
        });
    }
    Ok(())
}

struct Found {
    seals: Seals,
    last_sequence: u64,
    acknowledged_sequence: u64,
    wound: Option<Wound>,
}

/// The first thing that is wrong.
struct Wound {
    /// Where the kept part of its segment ends.
    end: Position,
    /// Whether the journal ends there, so that later segments go too.
    is_last: bool,
    /// Numbers of the segments that come after.
    later: Vec<u32>,
    reason: String,
}

fn look<F: Files>(files: &F, key: Option<Key>) -> Result<Found, JournalError> {
    let (mut walk, damage) = Walk::open_up_to_damage(files, Start::FirstKept, key)?;
    let stopped = loop {
        match walk.advance() {
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(error @ JournalError::Damaged { .. }) => break Some(error),
            Err(error) => return Err(error),
        }
    };
    let mut end = walk.position();
    // A segment that is said to follow and does not: the frame that says so goes with it.
    let (mut is_last, mut entered) = (true, false);
    if let Some(JournalError::Damaged { path, fault, .. }) = &stopped {
        let is_here = *path == files.path(&segment_name(end.segment));
        entered = !is_here;
        is_last = !(is_here && *fault == Fault::NotZero);
        if let Some(before) = walk.before_end.filter(|_| entered) {
            end = before;
        }
    }
    let tail = walk.end.as_ref().and_then(|end| end.tail.as_ref());
    let mut reason = match (&stopped, tail) {
        // What is wrong with the segment says more than that it is missed.
        (Some(_), _) if entered => damage.as_ref().or(stopped.as_ref()).map(ToString::to_string),
        (Some(error), _) => Some(error.to_string()),
        (None, Some(tail)) => Some(tail.to_string()),
        (None, None) => damage.as_ref().map(ToString::to_string),
    };
    if reason.is_none() {
        // All frames are good. The files may still be longer or shorter than they were.
        for header in walk.segments() {
            let file = files.open(&segment_name(header.segment), Access::Read)?;
            let (expected, found) = (header.segment_bytes, file.length_bytes()?);
            if found != expected {
                is_last = false;
                let offset = found.min(expected);
                (end.segment, end.segment_bytes, end.offset) =
                    (header.segment, header.segment_bytes, offset);
                reason = Some(Fault::FileLength { expected, found }.to_string());
                break;
            }
        }
    }
    let mut later = later_segments(files, end.segment)?;
    // One that was made ahead and holds nothing is there for the engine to go on in.
    if let [next] = later[..]
        && walk.segments().last().is_some_and(|header| header.segment == next)
        && is_zero_from(&files.open(&segment_name(next), Access::Read)?, BLOCK_BYTES as u64)?
    {
        later.clear();
    }
    Ok(Found {
        seals: walk.seals(),
        last_sequence: walk.last_sequence,
        acknowledged_sequence: walk.highest_mark,
        wound: reason.map(|reason| Wound { end, is_last, later, reason }),
    })
}

/// Numbers of the segments after `segment`, whatever is in them.
fn later_segments<F: Files>(files: &F, segment: u32) -> Result<Vec<u32>, JournalError> {
    let names = files.names()?;
    let numbers = names.iter().filter_map(|name| crate::format::segment_of_name(name));
    let mut later: Vec<u32> = numbers.filter(|&number| number > segment).collect();
    later.sort_unstable();
    Ok(later)
}

impl Wound {
    fn cut<F: Files>(self, files: &F, cuts: &mut Vec<Cut>) -> Result<(), JournalError> {
        let name = segment_name(self.end.segment);
        let file = files.open(&name, Access::Read)?;
        let length = file.length_bytes()?;
        let is_touched = length != self.end.segment_bytes || !is_zero_from(&file, self.end.offset)?;
        if is_touched {
            let bytes = length.saturating_sub(self.end.offset);
            let kept_in = match bytes {
                0 => None,
                _ => Some(keep(files, &file, &name, self.end.offset)?),
            };
            cuts.push(Cut {
                path: files.path(&name),
                offset: self.end.offset,
                bytes,
                reason: self.reason.clone(),
                kept_in,
            });
        }
        if self.is_last {
            // From the last on, so that a crash leaves no gap that was not there before.
            for &number in self.later.iter().rev() {
                let name = segment_name(number);
                let bytes = files.open(&name, Access::Read)?.length_bytes()?;
                let kept_in = free_name(files, &name)?;
                files.rename(&name, &kept_in)?;
                cuts.push(Cut {
                    path: files.path(&name),
                    offset: 0,
                    bytes,
                    reason: if is_touched {
                        "it comes after the cut".into()
                    } else {
                        self.reason.clone()
                    },
                    kept_in: Some(files.path(&kept_in)),
                });
            }
            files.sync_dir()?;
        }
        if is_touched { self.rewrite(files, &file) } else { Ok(()) }
    }

    /// Puts in place of the segment one of its proper length that holds nothing but what is kept.
    fn rewrite<F: Files>(&self, files: &F, old: &F::File) -> Result<(), JournalError> {
        let name = segment_name(self.end.segment);
        let temporary = format!("{name}.new");
        let new = files.create(&temporary)?;
        new.reserve(self.end.segment_bytes)?;
        copy(old, 0, self.end.offset, &new)?;
        fill_with_zeros(&new, self.end.offset, self.end.segment_bytes)?;
        new.sync()?;
        files.rename(&temporary, &name)?;
        files.sync_dir()
    }
}

/// Keeps what `file` holds from `offset` on beside it; the path of the copy.
fn keep<F: Files>(
    files: &F,
    file: &F::File,
    name: &str,
    offset: u64,
) -> Result<PathBuf, JournalError> {
    let kept_in = free_name(files, name)?;
    let temporary = format!("{kept_in}.new");
    let copied = files.create(&temporary)?;
    let length = file.length_bytes()?;
    copy(file, offset, length, &copied)?;
    copied.sync()?;
    files.rename(&temporary, &kept_in)?;
    files.sync_dir()?;
    Ok(files.path(&kept_in))
}

/// `NAME.cut`, or what comes after it if there is such a file already.
fn free_name<F: Files>(files: &F, name: &str) -> Result<String, JournalError> {
    let names = files.names()?;
    let candidates = (1..).map(|number| match number {
        1 => format!("{name}.cut"),
        _ => format!("{name}.cut.{number}"),
    });
    let free = candidates.into_iter().find(|candidate| !names.contains(candidate));
    Ok(free.expect("a directory has a last file"))
}

/// Copies the bytes from `from` to `to` of a file to the start of another.
fn copy<F: OpenFile>(old: &F, from: u64, to: u64, new: &F) -> Result<(), JournalError> {
    let mut buffer = Buffer::new(256 * BLOCK_BYTES);
    let mut offset = from;
    while offset < to {
        let wanted = (to - offset).min(buffer.bytes().len() as u64) as usize;
        let read = old.read_at(offset, &mut buffer.bytes_mut()[..wanted])?;
        if read == 0 {
            break;
        }
        new.write_at(offset - from, &buffer.bytes()[..read], false)?;
        offset += read as u64;
    }
    Ok(())
}

fn is_zero_from<F: OpenFile>(file: &F, from: u64) -> Result<bool, JournalError> {
    let mut buffer = Buffer::new(256 * BLOCK_BYTES);
    let mut offset = from;
    loop {
        match file.read_at(offset, buffer.bytes_mut())? {
            0 => return Ok(true),
            read if buffer.bytes()[..read].iter().any(|&byte| byte != 0) => return Ok(false),
            read => offset += read as u64,
        }
    }
}

fn fill_with_zeros<F: OpenFile>(file: &F, from: u64, to: u64) -> Result<(), JournalError> {
    let zeros = Buffer::new(256 * BLOCK_BYTES);
    let mut offset = from;
    while offset < to {
        let bytes = (to - offset).min(zeros.bytes().len() as u64);
        file.write_at(offset, &zeros.bytes()[..bytes as usize], false)?;
        offset += bytes;
    }
    Ok(())
}
