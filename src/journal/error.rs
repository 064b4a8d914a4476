//! What can go wrong with a journal, its snapshots and its outcome log: each error names the file,
//! and the offset where there is one.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

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
    /// The data directory, its lock or a segment was removed, renamed or replaced while it was open.
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
    /// The start asks for a shorter retention than the journal was written with, and does not say that
    /// this is meant.
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

/// Where in a file, if it is said.
struct At(Option<u64>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |offset| write!(f, " at byte {offset}"))
    }
}

/// What is wrong with bytes of a journal, a snapshot or an outcome log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The file does not exist, though files around it say that it did.
    Missing,
    /// The file is longer or shorter than it was made.
    FileLength {
        /// Bytes it was made with.
        expected: u64,
        /// Bytes it has.
        found: u64,
    },
    /// It does not begin as a file of its kind does.
    Magic,
    /// A version of the format that this program does not know.
    Version {
        /// The version that this program writes.
        expected: u32,
        /// The version in the file.
        found: u32,
    },
    /// A segment, a snapshot or a file of the outcome log of another journal.
    Foreign {
        /// Identity of this journal.
        expected: u128,
        /// Identity in the file.
        found: u128,
    },
    /// A segment that belongs at another place.
    SegmentNumber {
        /// Number in the file's name.
        expected: u32,
        /// Number in the file.
        found: u32,
    },
    /// The bytes do not sum up.
    Checksum {
        /// What the bytes there sum up to.
        expected: u32,
        /// What is written.
        found: u32,
    },
    /// The frame does not follow on the one before it.
    Chain {
        /// Checksum of the frame before.
        expected: u32,
        /// What the frame says it follows on.
        found: u32,
    },
    /// The frame's sequence does not follow on the one before.
    Sequence {
        /// The sequence after the last.
        expected: u64,
        /// The frame's.
        found: u64,
    },
    /// Time goes backwards.
    Timestamp {
        /// The timestamp before, in nanoseconds.
        last: u64,
        /// The frame's.
        found: u64,
    },
    /// The frame says that it stands elsewhere.
    Position {
        /// Where it stands, in bytes.
        expected: u64,
        /// Where it says it stands.
        found: u64,
    },
    /// A field of a frame that cannot be, though it sums up.
    Field {
        /// The field.
        name: &'static str,
        /// Its value.
        found: u64,
    },
    /// Zeros, or the end of the file, where a frame must be.
    Empty,
    /// The file ends within a header or a frame.
    CutShort,
    /// Bytes other than zero after the last frame.
    NotZero,
    /// A file of the outcome log that does not follow on the one before it.
    Follows {
        /// Sequence of the last outcome of the file before.
        expected: u64,
        /// The sequence that the file says it follows on.
        found: u64,
    },
    /// A snapshot was made behind another frame than the one that stands there.
    Snapshot {
        /// Checksum of the frame that the snapshot was made behind.
        expected: u32,
        /// Checksum of the frame that stands there.
        found: u32,
    },
    /// The contents of a snapshot are not those of the digest in its header.
    Digest,
    /// A snapshot of a journal that has a key is not sealed with it.
    Unsealed,
    /// The keyed seal of a snapshot's header, or of a piece of it, is not what the key makes of it:
    /// somebody without the key wrote it.
    SnapshotSeal,
    /// The keyed seal of a segment's header is not what the key makes of it: another key was given,
    /// or somebody without the key wrote the header.
    Key,
    /// The keyed seal of a frame is not what the key makes of it: somebody without the key wrote it.
    Seal,
    /// The journal ends before what is known to have been durable.
    Contradicted {
        /// What stands where the journal ends.
        fault: Box<Fault>,
        /// What knows of more.
        source: Source,
        /// Sequence of the last command that it knows of.
        durable: u64,
        /// Sequence of the last command that is there.
        last: u64,
    },
    /// A frame is missing that held no command and was durable.
    EndsEarly {
        /// What stands in its place.
        fault: Box<Fault>,
        /// The segment in which the journal ended, as the witness saw it.
        segment: u32,
        /// Where it ended there, in bytes.
        offset: u64,
    },
    /// More stands behind the last good frame than can have been under way.
    TooLong {
        /// What stands where the journal ends.
        fault: Box<Fault>,
        /// How long it is, in bytes.
        bytes: u64,
        /// How long it can be, in bytes.
        bytes_max: u64,
    },
}

/// What tells of commands that a journal does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The witness beside it.
    Witness,
    /// A snapshot.
    Snapshot,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Witness => "the witness",
            Source::Snapshot => "a snapshot",
        })
    }
}

impl Fault {
    /// Another journal's identity than this one's.
    pub(super) fn foreign(expected: &[u8; 16], found: &[u8; 16]) -> Fault {
        let [expected, found] = [*expected, *found].map(u128::from_be_bytes);
        Fault::Foreign { expected, found }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing => write!(f, "the file is missing"),
            Fault::FileLength { expected, found } => {
                write!(f, "the file is {found} bytes long, expected {expected}")
            }
            Fault::Magic => write!(f, "the file does not begin as a file of its kind does"),
            Fault::Version { expected, found } => {
                write!(f, "version {found} of the format, expected {expected}")
            }
            Fault::Foreign { expected, found } => {
                write!(f, "of the journal {found:032x}, expected {expected:032x}")
            }
            Fault::SegmentNumber { expected, found } => {
                write!(f, "this is segment {found}, expected {expected}")
            }
            Fault::Checksum { expected, found } => {
                write!(f, "checksum {found:#010x}, expected {expected:#010x}")
            }
            Fault::Chain { expected, found } => {
                write!(f, "follows on a frame {found:#010x}, expected {expected:#010x}")
            }
            Fault::Sequence { expected, found } => {
                write!(f, "sequence {found}, expected {expected}")
            }
            Fault::Timestamp { last, found } => {
                write!(f, "timestamp {found}, expected one after {last}")
            }
            Fault::Position { expected, found } => {
                write!(f, "a frame of byte {found}, expected one of byte {expected}")
            }
            Fault::Field { name, found } => write!(f, "{name} cannot be {found}"),
            Fault::Empty => write!(f, "zeros, expected a frame"),
            Fault::CutShort => write!(f, "the file ends within a header or a frame"),
            Fault::Follows { expected, found } => {
                write!(f, "follows on sequence {found}, expected {expected}")
            }
            Fault::NotZero => write!(f, "bytes that are no frame, expected zeros"),
            Fault::Snapshot { expected, found } => {
                write!(f, "frame {found:#010x}, a snapshot was made behind {expected:#010x}")
            }
            Fault::Digest => write!(f, "the contents are not those of the digest in the header"),
            Fault::Unsealed => write!(f, "not sealed, though the journal has a key"),
            Fault::SnapshotSeal => {
                write!(f, "the seal is not the key's: the snapshot was rewritten")
            }
            Fault::Key => {
                write!(f, "sealed with another key than the given one, or rewritten without it")
            }
            Fault::Seal => write!(f, "the seal is not the key's: the frame was rewritten"),
            Fault::Contradicted { fault, source, durable, last } => write!(
                f,
                "{fault}; {source} proves that commands up to {durable} were durable, and the last one \
                 here is {last}: the journal was damaged, put back from an earlier copy, or copied \
                 while an engine wrote it; a repair would give up commands {} to {durable}",
                last + 1
            ),
            Fault::EndsEarly { fault, segment, offset } => write!(
                f,
                "{fault}; the witness proves that the journal was whole up to byte {offset} of \
                 segment {segment}; a repair would give up no command"
            ),
            Fault::TooLong { fault, bytes, bytes_max } => write!(
                f,
                "{fault}; {bytes} bytes follow, and no more than {bytes_max} can have been under way: \
                 what stands there was durable once; a repair would give it up"
            ),
        }
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
}
