//! The bytes of an outcome log.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::error::Fault;
use ringfence_types::{Event, Origin, Outcome};

/// Version of the format that this program writes.
pub const LOG_VERSION: u32 = 2;
/// What a file begins with.
pub const LOG_MAGIC: [u8; 8] = *b"RINGOUTC";
/// The header of a file and that of a frame, in bytes.
pub const HEADER_BYTES: usize = 64;
/// Zeros at the end of the header of a frame.
pub(super) const RESERVED_BYTES: usize = 36;
/// Longest payload of a frame that a reader takes, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 512 * 1024;

const _: () = assert!(size_of::<LogFileHeader>() == HEADER_BYTES);
const _: () = assert!(size_of::<LogFrameHeader>() == HEADER_BYTES);

/// The start of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct LogFileHeader {
    /// `RINGOUTC`.
    pub magic: [u8; 8],
    /// [`LOG_VERSION`] of the program that wrote it.
    pub version: u32,
    /// CRC-32C of the header with this field zero.
    pub checksum: u32,
    /// Identity of the journal.
    pub journal_id: [u8; 16],
    /// Sequence of its first outcome.
    pub first_sequence: u64,
    /// Sequence of the last outcome of the file before, 0 if there is none. Less than
    /// `first_sequence − 1` where outcomes in between could not be made again.
    pub follows: u64,
    /// Zero.
    pub reserved: [u8; 16],
}

/// The start of a frame: origins, outcomes of consecutive commands, then events, each in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct LogFrameHeader {
    /// CRC-32C of the journal's identity, [`LOG_VERSION`], bytes 4 to 63, and the payload.
    pub checksum: u32,
    /// Outcomes.
    pub outcomes: u32,
    /// Sequence of the first outcome; where there is none, of the command that the events and
    /// origins belong to.
    pub first_sequence: u64,
    /// Events.
    pub events: u32,
    /// 1 if the outcomes were final when the frame was written: their commands were on stable
    /// storage before they left. Else 0: nothing is known.
    pub is_final: u32,
    /// Origins.
    pub origins: u32,
    /// Zero.
    pub reserved: [u8; RESERVED_BYTES],
}

impl LogFileHeader {
    pub(super) fn new(journal_id: [u8; 16], first_sequence: u64, follows: u64) -> LogFileHeader {
        let mut header = LogFileHeader {
            magic: LOG_MAGIC,
            version: LOG_VERSION,
            checksum: 0,
            journal_id,
            first_sequence,
            follows,
            reserved: [0; 16],
        };
        header.checksum = crc32c::crc32c(header.as_bytes());
        header
    }

    /// Checks it as the header of the file of this journal that is named by `first_sequence`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn check(&self, journal_id: &[u8; 16], first_sequence: u64) -> Result<(), Fault> {
        let sum = crc32c::crc32c(LogFileHeader { checksum: 0, ..*self }.as_bytes());
        if self.magic != LOG_MAGIC {
            return Err(Fault::Magic);
        }
        if self.version != LOG_VERSION {
            return Err(Fault::Version { expected: LOG_VERSION, found: self.version });
        }
        if self.checksum != sum {
            return Err(Fault::Checksum { expected: sum, found: self.checksum });
        }
        if self.journal_id != *journal_id {
            return Err(Fault::foreign(journal_id, &self.journal_id));
        }
        if self.first_sequence != first_sequence {
            let (expected, found) = (first_sequence, self.first_sequence);
            return Err(Fault::Sequence { expected, found });
        }
        Ok(())
    }
}

impl LogFrameHeader {
    /// Length of what follows the header, in bytes.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.origins as usize * size_of::<Origin>()
            + self.outcomes as usize * size_of::<Outcome>()
            + self.events as usize * size_of::<Event>()
    }

    /// Length of the frame, header included, in bytes.
    #[must_use]
    pub fn frame_bytes(&self) -> u64 {
        (HEADER_BYTES + self.payload_bytes()) as u64
    }

    /// Sequence of the last outcome; where there is none, of the one before.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.first_sequence + u64::from(self.outcomes) - 1
    }

    /// Whether it can be a frame's header, as far as can be said without the checksum.
    pub(super) fn is_plausible(&self) -> bool {
        self.reserved == [0; RESERVED_BYTES]
            && self.is_final <= 1
            && self.outcomes | self.events | self.origins != 0
            && (1..u64::MAX / 2).contains(&self.first_sequence)
            && self.payload_bytes() <= PAYLOAD_BYTES_MAX
    }

    pub(super) fn sum(&self, journal_id: &[u8; 16], payload: &[u8]) -> u32 {
        // With the version in it, frames of another one are never taken for frames of this one.
        let sum = crc32c::crc32c_append(crc32c::crc32c(journal_id), &LOG_VERSION.to_le_bytes());
        let sum = crc32c::crc32c_append(sum, &self.as_bytes()[4..]);
        crc32c::crc32c_append(sum, payload)
    }
}

/// The name of the log's file that begins with the outcome `first_sequence`.
#[must_use]
pub fn log_name(first_sequence: u64) -> String {
    format!("{first_sequence:020}.outcomes")
}

/// The first sequence in the name of a file of the log, if it is one.
pub(super) fn log_of_name(name: &str) -> Option<u64> {
    let sequence = name.strip_suffix(".outcomes")?.parse().ok()?;
    (log_name(sequence) == name && sequence > 0).then_some(sequence)
}
