//! What can go wrong with a journal, its snapshots and its outcome log: each error names the file,
//! and the offset where there is one.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ringfence_types::ID_TIME_RETENTION_NS_ABOVE;

pub use super::fault::{Fault, Source};

/// Why a journal, a snapshot or an outcome log cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The operating system refused an operation on a file.
    #[error("cannot {operation} {}{}: {source}", path.display(), At(*offset))]
    Io {
        /// What was tried, as a verb: `write`, `sync`, `open`.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Where in the file, in bytes; none where the operation is on the file as a whole.
        offset: Option<u64>,
        /// What the system said.
        source: io::Error,
    },
    /// The disk, or what the user may have of it, has no room for a file. What was made of it was
    /// removed.
    #[error("no room for {}: {needed_bytes} bytes are needed{}: {source}", path.display(), Missing { needed: *needed_bytes, free: *free_bytes })]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Its length, in bytes.
        needed_bytes: u64,
        /// Room that is left there, in bytes; none where the system does not tell.
        free_bytes: Option<u64>,
        /// What the system said.
        source: io::Error,
    },
    /// Bytes that were durable are not as they were written. Nothing was changed.
    #[error("{} at byte {offset}: {fault}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the frame or header begins that is wrong, in bytes.
        offset: u64,
        /// What is wrong with it.
        fault: Fault,
    },
    /// Something beside the journal proves that it held commands that it no longer has. Nothing was
    /// changed.
    #[error(
        "{} ends with sequence {last_sequence}, but {} has final outcomes up to sequence {known_sequence}: commands are lost, or an older copy of the journal was put here; `journal repair` gives them up",
        path.display(), witness.display()
    )]
    Lost {
        /// The data directory.
        path: PathBuf,
        /// Sequence of the journal's last command.
        last_sequence: u64,
        /// What proves that there were more.
        witness: PathBuf,
        /// Up to which sequence it proves it.
        known_sequence: u64,
    },
    /// Another engine holds the data directory.
    #[error("{} is in use by another engine", path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// The data directory, its lock or a segment was removed, renamed or replaced while it was
    /// open.
    #[error("{} is not there any more: it was removed, renamed or replaced while the engine ran; what is written now would be lost", path.display())]
    Gone {
        /// What is gone.
        path: PathBuf,
    },
    /// Another process makes a snapshot there.
    #[error("a snapshot of {} is being made by another process", path.display())]
    SnapshotInProgress {
        /// The data directory.
        path: PathBuf,
    },
    /// The data directory cannot be created because its parent does not exist.
    #[error("{} does not exist, and neither does its parent: only one directory is created", path.display())]
    NoParent {
        /// The data directory.
        path: PathBuf,
    },
    /// The path leads to something else than a journal.
    #[error("{} is no journal: {reason}", path.display())]
    NotAJournal {
        /// The data directory.
        path: PathBuf,
        /// What was found or missed.
        reason: String,
    },
    /// The start asks for smaller tables than the journal was written with.
    #[error("{name} {wanted} is less than the {journaled} of {}: tables only grow; --withdraw-capacities takes back what no command was taken in under", path.display())]
    SmallerCapacity {
        /// The data directory.
        path: PathBuf,
        /// Which table.
        name: &'static str,
        /// What the start asks for.
        wanted: u64,
        /// What the journal holds.
        journaled: u64,
    },
    /// Whoever rebuilds the state cannot go on under the rules that the start asks for. Nothing was
    /// changed.
    #[error("{}: the state cannot be rebuilt under the rules that were asked for", path.display())]
    NotBegun {
        /// The data directory.
        path: PathBuf,
    },
    /// Ids are to carry their time, and the retention is too short for that.
    #[error(
        "ids that carry their time need a retention of more than {}, not {}",
        retention_of(ID_TIME_RETENTION_NS_ABOVE),
        retention_of(*wanted)
    )]
    RetentionTooShort {
        /// Nanoseconds that hold now.
        wanted: u64,
    },
    /// The start asks for a shorter retention than the journal was written with, and does not say
    /// that this is meant.
    #[error(
        "the retention of {} ns is shorter than the {} of {}: ids that are forgotten sooner no longer protect from paying twice; --shorten-retention says that this is meant",
        wanted,
        retention_of(*journaled),
        path.display()
    )]
    ShorterRetention {
        /// The data directory.
        path: PathBuf,
        /// What the start asks for, in nanoseconds.
        wanted: u64,
        /// What the journal holds, in nanoseconds; 0: for ever.
        journaled: u64,
    },
    /// The journal is whole, as far as that can be said, but of another version of the format.
    #[error("{} is of format {found}; this program reads format {program}", path.display())]
    OtherFormat {
        /// The segment.
        path: PathBuf,
        /// Version of the format in its header.
        found: u32,
        /// Version of the program.
        program: u32,
    },
    /// The journal was written under other rules than this program has.
    #[error("{} was written under version {journaled} of the rules, this program has version {program}", path.display())]
    RulesVersion {
        /// The data directory.
        path: PathBuf,
        /// Version in the journal.
        journaled: u32,
        /// Version of the program.
        program: u32,
    },
    /// The journal is sealed with a key, and going on with it needs the key.
    #[error("the journal in {} is keyed: --journal-key must name its key", path.display())]
    KeyNeeded {
        /// The data directory.
        path: PathBuf,
    },
    /// A key was given for a journal that has none, so there is nothing that it could prove.
    #[error("the journal in {} has no key: without --journal-key it is checked by checksum only", path.display())]
    NotKeyed {
        /// The data directory.
        path: PathBuf,
    },
    /// Files that are put away cannot go there.
    #[error("the archive directory {} cannot be used: {reason}", path.display())]
    NoArchive {
        /// The directory.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// A file that no key can be made of.
    #[error("{} is no key: it must hold from 1 to 65536 bytes, best 32 random ones", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
    },
    /// An earlier write or sync failed, and the writer refuses all further work.
    #[error("the journal's writer stopped after an earlier failure: {cause}")]
    Poisoned {
        /// The failure.
        cause: String,
    },
}

impl JournalError {
    /// An operation at a place in a file that the system refused.
    pub(super) fn io(
        operation: &'static str,
        path: impl AsRef<Path>,
        offset: u64,
        source: io::Error,
    ) -> JournalError {
        let (path, offset) = (path.as_ref().to_path_buf(), Some(offset));
        JournalError::Io { operation, path, offset, source }
    }

    /// An operation on a file or a directory as a whole that the system refused.
    pub(super) fn io_whole(
        operation: &'static str,
        path: impl AsRef<Path>,
        source: io::Error,
    ) -> JournalError {
        let path = path.as_ref().to_path_buf();
        JournalError::Io { operation, path, offset: None, source }
    }
}

impl JournalError {
    /// Whether room on the disk is all that was missing.
    #[must_use]
    pub fn is_for_room(&self) -> bool {
        match self {
            JournalError::NoRoom { .. } => true,
            JournalError::Io { source, .. } => is_for_room(source),
            _ => false,
        }
    }
}

/// Whether the system says that the disk is full, or that the user may have no more of it.
pub(super) fn is_for_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// How much of what is needed is free, and how much is missing, if that is known.
struct Missing {
    needed: u64,
    free: Option<u64>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(free) = self.free else { return Ok(()) };
        write!(f, ", {free} are free")?;
        match self.needed.checked_sub(free) {
            Some(missing @ 1..) => write!(f, ", {missing} are missing"),
            // A quota, or blocks that are kept for others.
            _ => Ok(()),
        }
    }
}

/// Where in a file, if it is said.
struct At(Option<u64>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |offset| write!(f, " at byte {offset}"))
    }
}

fn retention_of(nanoseconds: u64) -> String {
    match nanoseconds {
        0 => "unlimited one".to_owned(),
        nanoseconds => format!("{nanoseconds} ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_an_offset_only_where_there_is_one() {
        let refused = || io::ErrorKind::PermissionDenied.into();
        let cases = [
            (JournalError::io_whole("open", "x", refused()), "cannot open x: permission denied"),
            (
                JournalError::io("write", "x", 4096, refused()),
                "cannot write x at byte 4096: permission denied",
            ),
            // The start of a file is a place in it.
            (
                JournalError::io("read", "x", 0, refused()),
                "cannot read x at byte 0: permission denied",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn what_is_missing_is_said_where_it_is_known() {
        let cases = [
            (Some(30), "no room for x: 100 bytes are needed, 30 are free, 70 are missing: "),
            (Some(200), "no room for x: 100 bytes are needed, 200 are free: "),
            (None, "no room for x: 100 bytes are needed: "),
        ];
        for (free_bytes, message) in cases {
            let (path, source) = ("x".into(), io::ErrorKind::StorageFull.into());
            let error = JournalError::NoRoom { path, needed_bytes: 100, free_bytes, source };
            assert_eq!(error.to_string(), format!("{message}no storage space"));
            assert!(error.is_for_room());
        }
        let kinds = [(io::ErrorKind::QuotaExceeded, true), (io::ErrorKind::FileTooLarge, false)];
        for (kind, is_for_room) in kinds {
            let error = JournalError::io_whole("write", "x", kind.into());
            assert_eq!(error.is_for_room(), is_for_room, "{error}");
        }
    }
}
