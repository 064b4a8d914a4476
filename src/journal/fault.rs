//! What can be wrong with bytes of a journal, a snapshot or an outcome log.

use std::fmt;

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
    /// The keyed seal of a frame is not what the key makes of it: somebody without the key wrote
    /// it.
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
    /// The witness or its copy cannot be read. No crash leaves it so.
    Unwitnessed {
        /// What is wrong with one of them.
        fault: Box<Fault>,
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
            Fault::Unwitnessed { fault } => write!(
                f,
                "{fault}; no crash leaves it so, and it may have proved that commands are missing; \
                 whoever goes on without it removes this file"
            ),
            Fault::TooLong { fault, bytes, bytes_max } => write!(
                f,
                "{fault}; {bytes} bytes follow, and no more than {bytes_max} can have been under way: \
                 what stands there was durable once; a repair would give it up"
            ),
        }
    }
}
