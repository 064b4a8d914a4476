//! Cuts a damaged journal where the damage begins, and keeps what it cuts.
//!
//! ```text
//!   before   0000000001.journal      [ header │ frame │ frame │ ✗ damage │ frame │ zeros ]
//!   after    0000000001.journal      [ header │ frame │ frame │ mark │ zeros …           ]
//!            0000000001.journal.cut                           [ ✗ damage │ frame │ zeros ]
//! ```
//!
//! # Invariants
//!
//! * Nothing is lost: what a segment had behind its cut is in `NAME.cut`, byte for byte, before the
//!   segment is changed; segments that are cut whole only change their names.
//! * What is kept is kept as it was, and is what every reader takes for the journal from then on.
//! * A crash at any point leaves a journal that is judged as before, so that a repair that is begun
//!   again says the same. Only the last step ends that: it begins an epoch, in which what was durable
//!   before and is gone proves nothing any more.
//! * A repair that stopped after the last step and before it said anything leaves the same files as
//!   one that said it. The next says it again only if it finds nothing more to cut, or a witness
//!   from before that step.
//! * A file `.cut` is never replaced.

mod steps;
mod wound;

use std::fmt;
use std::path::PathBuf;

use super::data_dir::DataDir;
use super::directory::{Directory, WriteMode};
use super::error::JournalError;
use super::files::Files;
use super::seal::{Key, Seals};
use super::witness::{Witness, WitnessFile};
use steps::set_snapshots_aside;
use wound::look;

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
/// [`JournalError::Damaged`] if nothing can be kept: the first segment's header is damaged, or
/// sealed with another key; or if the lock's file is that of another journal.
/// [`JournalError::NotKeyed`], [`JournalError::NoRoom`], [`JournalError::Io`].
///
/// # Panics
///
/// If `dir` was opened only to read.
pub fn repair(dir: &DataDir, key: Option<Key>) -> Result<Repaired, JournalError> {
    assert!(dir.is_locked_by_us(), "only who holds the lock repairs");
    // What is cut need not be whole blocks.
    repair_files(&Directory::new(dir.path(), WriteMode::Buffered), key)
}

/// Begins an epoch behind all that the journal in `dir` holds: it is a copy that lacks commands
/// which were acknowledged, up to `acknowledged_sequence`. Whoever has seen them learns of it by
/// the epoch.
///
/// # Errors
///
/// As [`repair`].
///
/// # Panics
///
/// If `dir` was opened only to read.
pub fn give_up_after(
    dir: &DataDir,
    acknowledged_sequence: u64,
    key: Option<Key>,
) -> Result<Repaired, JournalError> {
    assert!(dir.is_locked_by_us(), "only who holds the lock repairs");
    let files = Directory::new(dir.path(), WriteMode::Buffered);
    let position = look(&files, key)?.position;
    // As the original's own witness would say: what is missing was durable.
    let witness = Witness { sequence: acknowledged_sequence, ..Witness::of(&position) };
    WitnessFile::open(&files, &witness)?.write_both(&witness)?;
    repair_files(&files, key)
}

/// As [`repair`], for files of any kind. The caller makes sure that nobody else writes them, and
/// that they can be written at any offset.
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
        // An earlier repair has begun an epoch and did not come to its last step.
        let is_unfinished =
            found.witness.is_some_and(|witness| witness.epoch < found.position.epoch);
        if is_unfinished {
            acknowledged_sequence = acknowledged_sequence.max(found.given_up);
        }
        let Some((wound, reason)) = found.wound else {
            let last_sequence = found.position.last_sequence;
            set_snapshots_aside(files, last_sequence, &mut cuts)?;
            if cuts.is_empty() {
                // Nothing came after the last repair, which may not have come to say it.
                acknowledged_sequence = acknowledged_sequence.max(found.given_up);
            }
            if is_unfinished {
                // One that was cut short may have renamed the segment, and not made that durable:
                // if it fell back, the witness alone would prove what is gone.
                files.sync_dir()?;
                // The last step of a repair: what was given up is remembered until here. One slot,
                // so that a crash within leaves the other, which says that it was not taken.
                let witness = Witness::of(&found.position);
                WitnessFile::open(files, &witness)?.write(&witness)?;
            }
            return Ok(Repaired { cuts, last_sequence, acknowledged_sequence, seals: found.seals });
        };
        let cuts_before = cuts.len();
        for step in wound.steps(files)? {
            match step.take(files, key.as_ref(), &reason, &mut cuts) {
                // Before anything is cut there is another look, at what is there then.
                Err(error) if error.is_for_room() && cuts.len() == cuts_before => {
                    match wound.make_room(files)? {
                        true => break,
                        false => return Err(error),
                    }
                }
                taken => taken?,
            }
        }
    }
}
