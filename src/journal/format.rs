//! The bytes of a segment file. `docs/journal.md` describes them one by one.
//!
//! ```text
//!   segment   [ header block │ group │ group │ group │ zeros … ]
//!   group     [ frame │ frame │ frame + padding ]     written at once, padded to a block
//!   frame     [ header 64 │ payload │ padding ]
//! ```
//!
//! # Invariants
//!
//! * A frame lies in one segment, a group in whole blocks: no block that was written is written
//!   again, but by a recovery that cuts it.
//! * Each frame names the checksum of the frame before, each segment ends in a frame that says so.
//! * Every byte up to the last frame's end is under a checksum, which begins with the journal's
//!   random identity: bytes that a client chose look like no frame.

use crc_fast::{CrcAlgorithm, Digest};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::error::Fault;
use ringfence_types::{BATCH_COMMANDS_MAX, Body, Op, Request, Rules};

/// Version of the format that this program writes.
pub const FORMAT_VERSION: u32 = 3;
/// What is written at once is padded to a multiple of this, in bytes: the largest block of common
/// devices.
pub const BLOCK_BYTES: usize = 4096;
/// A frame's header, and the step in which frames stand, in bytes.
pub const FRAME_HEADER_BYTES: usize = 64;
/// A command's body, in bytes.
pub const BODY_BYTES: usize = size_of::<Body>();
/// The longest frame without its padding: one full batch, in bytes.
pub const FRAME_BYTES_MAX: usize =
    FRAME_HEADER_BYTES + REQUEST_BYTES + BATCH_COMMANDS_MAX * BODY_BYTES;
/// What stands before the bodies of a batch with a request, in bytes.
pub const REQUEST_BYTES: usize = size_of::<RequestRecord>();
/// Most bytes that are written at once: the longest frame and one that closes the segment, in whole
/// blocks.
pub const GROUP_BYTES_MAX: usize =
    (FRAME_BYTES_MAX + FRAME_HEADER_BYTES).next_multiple_of(BLOCK_BYTES);
/// The header of a segment, in bytes: one block.
pub const SEGMENT_HEADER_BYTES: usize = BLOCK_BYTES;
/// Shortest segment file that may be asked for, in bytes.
pub const SEGMENT_BYTES_MIN: u64 = 2 * 1024 * 1024;
/// Longest segment file that may be asked for, in bytes.
pub const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;
/// What a segment file begins with.
pub const SEGMENT_MAGIC: [u8; 8] = *b"RINGFNCE";

/// What other frames leave at a segment's end, in bytes: a block for the frame that ends it, and
/// one for the frame with which a repair begins an epoch.
pub(super) const END_BYTES: usize = 2 * BLOCK_BYTES;

// Every batch fits into a fresh segment, so a frame never straddles two of them.
const _: () =
    assert!((SEGMENT_HEADER_BYTES + GROUP_BYTES_MAX + END_BYTES) as u64 <= SEGMENT_BYTES_MIN);
// A frame's place, counted in steps, fits its field.
const _: () = assert!(SEGMENT_BYTES_MAX / FRAME_HEADER_BYTES as u64 <= u32::MAX as u64);
const _: () = assert!(BODY_BYTES.is_multiple_of(FRAME_HEADER_BYTES));
// A frame's length, counted in steps, fits its field.
const _: () = assert!(GROUP_BYTES_MAX / FRAME_HEADER_BYTES <= u16::MAX as usize);
const _: () = assert!(size_of::<SegmentHeader>() == 64);
const _: () = assert!(size_of::<FrameHeader>() == FRAME_HEADER_BYTES);
const _: () = assert!(REQUEST_BYTES == FRAME_HEADER_BYTES);

/// A keyed hash, cut to what fits a frame's header.
pub type Seal = [u8; 16];

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// [`Rules`] that hold from here on.
    Rules = 1,
    /// One batch of commands.
    Batch = 2,
    /// Nothing but the highest sequence known durable.
    Mark = 3,
    /// Nothing: the journal goes on in the next segment, which exists.
    End = 4,
    /// One batch of commands, behind a [`RequestRecord`].
    Request = 5,
}

/// In the field of a frame's kind: it was written under `--durability async`.
pub const IS_ASYNC: u8 = 0x80;

impl FrameKind {
    /// The kind with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<FrameKind> {
        Some(match number {
            1 => FrameKind::Rules,
            2 => FrameKind::Batch,
            3 => FrameKind::Mark,
            4 => FrameKind::End,
            5 => FrameKind::Request,
            _ => return None,
        })
    }

    /// Whether frames of this kind hold commands.
    #[must_use]
    pub const fn has_commands(self) -> bool {
        matches!(self, FrameKind::Batch | FrameKind::Request)
    }
}

/// What a batch says of itself, before its bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct RequestRecord {
    /// Session, number and tag.
    pub request: Request,
    /// Zero.
    pub reserved: [u64; 2],
}

impl RequestRecord {
    /// Reads the record that `payload` begins with.
    ///
    /// # Errors
    ///
    /// If it says nothing, has a number without a session or a session without a number, or
    /// something that has no meaning yet: no writer writes that.
    pub fn read(payload: &[u8]) -> Result<Request, Fault> {
        let (record, _) = RequestRecord::read_from_prefix(payload).expect("the length was checked");
        let request = record.request;
        if !request.is_consistent() || record.reserved != [0; 2] || request.is_none() {
            return Err(Fault::Field { name: "request", found: request.number });
        }
        Ok(request)
    }
}

/// The start of a segment's first block; the rest of the block is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct SegmentHeader {
    /// [`SEGMENT_MAGIC`].
    pub magic: [u8; 8],
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub version: u32,
    /// CRC-32C of the block with this field zero.
    pub checksum: u32,
    /// Identity of the journal: random, drawn once. Every checksum of a frame begins with it.
    pub journal_id: [u8; 16],
    /// Length of the file, in bytes.
    pub segment_bytes: u64,
    /// Number of the segment, from 1.
    pub segment: u32,
    /// 1 if frames carry a keyed seal, else 0.
    pub is_keyed: u32,
    /// Keyed hash of this header; zero in a journal without a key.
    pub seal: Seal,
}

impl SegmentHeader {
    /// Writes it, with its checksum, over `block`.
    ///
    /// # Panics
    ///
    /// If `block` is not [`SEGMENT_HEADER_BYTES`] long.
    pub fn write(mut self, block: &mut [u8]) {
        assert_eq!(block.len(), SEGMENT_HEADER_BYTES);
        self.checksum = 0;
        block.fill(0);
        block[..size_of::<SegmentHeader>()].copy_from_slice(self.as_bytes());
        self.checksum = crc32c::crc32c(block);
        block[..size_of::<SegmentHeader>()].copy_from_slice(self.as_bytes());
    }

    /// Reads the header of segment `segment` and checks all that can be checked without another
    /// file.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(block: &[u8], segment: u32) -> Result<SegmentHeader, Fault> {
        let Ok((header, _)) = SegmentHeader::read_from_prefix(block) else {
            return Err(Fault::FileLength {
                expected: SEGMENT_HEADER_BYTES as u64,
                found: block.len() as u64,
            });
        };
        if header.magic != SEGMENT_MAGIC {
            return Err(Fault::Magic);
        }
        if header.version != FORMAT_VERSION {
            return Err(Fault::Version { expected: FORMAT_VERSION, found: header.version });
        }
        let sum = header.sum(block);
        if sum != header.checksum {
            return Err(Fault::Checksum { expected: sum, found: header.checksum });
        }
        if header.segment != segment {
            return Err(Fault::SegmentNumber { expected: segment, found: header.segment });
        }
        if header.is_keyed > 1 {
            return Err(Fault::Field { name: "keyed", found: header.is_keyed.into() });
        }
        Ok(header)
    }

    /// The version of the format that `block` states, if that is another one and the block is whole:
    /// then it is no damage.
    pub(super) fn other_version(block: &[u8]) -> Option<u32> {
        let (header, _) = SegmentHeader::read_from_prefix(block).ok()?;
        let is_other = header.magic == SEGMENT_MAGIC && header.version != FORMAT_VERSION;
        (is_other && header.sum(block) == header.checksum).then_some(header.version)
    }

    /// The checksum that it should have, where it begins `block`.
    fn sum(&self, block: &[u8]) -> u32 {
        let zeroed = SegmentHeader { checksum: 0, ..*self };
        let sum = crc32c::crc32c(zeroed.as_bytes());
        crc32c::crc32c_append(sum, &block[size_of::<SegmentHeader>()..])
    }

    /// What the checksums of this segment's frames begin with.
    #[must_use]
    pub fn frame_seed(&self) -> u32 {
        frame_seed(&self.journal_id, self.segment)
    }
}

/// The CRC-32C of what has the CRC-32C `sum`, followed by `bytes`: for long pieces, which it goes
/// through with the widest instructions that the processor has.
#[must_use]
pub fn sum_up(sum: u32, bytes: &[u8]) -> u32 {
    let state = u64::from(!sum);
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, state);
    digest.update(bytes);
    digest.finalize() as u32
}

/// What the checksums of frames in a segment begin with: the CRC-32C of journal and segment.
#[must_use]
pub fn frame_seed(journal_id: &[u8; 16], segment: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(journal_id), &segment.to_le_bytes())
}

/// The start of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct FrameHeader {
    /// CRC-32C of the seed and the other bytes of this header.
    pub checksum: u32,
    /// CRC-32C of the seed, payload and padding.
    pub payload_checksum: u32,
    /// Sequence of the first command; where there is none, of the next one.
    pub first_sequence: u64,
    /// Highest sequence known durable when the frame was written.
    pub durable_sequence: u64,
    /// The engine's timestamp of the first command, in nanoseconds; each further one is 1 later. In
    /// a mark that begins an epoch, the highest sequence that had been acknowledged.
    pub first_timestamp: u64,
    /// Length of the frame with header and padding, in steps of [`FRAME_HEADER_BYTES`].
    pub length_steps: u16,
    /// How many repairs before it gave up commands that had been acknowledged.
    pub epoch: u16,
    /// Where the frame stands in its segment, in steps of [`FRAME_HEADER_BYTES`].
    pub offset_steps: u32,
    /// `checksum` of the frame before; of the journal's first frame: of the segment's header.
    pub previous_checksum: u32,
    /// Commands in the batch.
    pub count: u16,
    /// The batch's [`Op`], by its number.
    pub op: u8,
    /// A [`FrameKind`], by its number, with [`IS_ASYNC`].
    pub kind: u8,
    /// Keyed hash of the chain up to here; zero in a journal without a key.
    pub seal: Seal,
}

impl FrameHeader {
    /// The checksum that the header should have.
    #[must_use]
    pub fn sum(&self, seed: u32) -> u32 {
        crc32c::crc32c_append(seed, &self.as_bytes()[4..])
    }

    /// Bytes of payload, without padding.
    ///
    /// # Panics
    ///
    /// If the kind is unknown.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        match self.kind().expect("the kind was checked") {
            FrameKind::Batch => self.bodies_bytes(),
            FrameKind::Request => REQUEST_BYTES + self.bodies_bytes(),
            FrameKind::Rules => size_of::<Rules>(),
            FrameKind::Mark | FrameKind::End => 0,
        }
    }

    /// Bytes of the bodies of its commands.
    #[must_use]
    pub fn bodies_bytes(&self) -> usize {
        usize::from(self.count) * BODY_BYTES
    }

    /// The kind, if it is known.
    #[must_use]
    pub fn kind(&self) -> Option<FrameKind> {
        FrameKind::from_number(self.kind & !IS_ASYNC)
    }

    /// Whether it was written under `--durability async`.
    #[must_use]
    pub fn is_async(&self) -> bool {
        self.kind & IS_ASYNC != 0
    }

    /// Length of the frame with header and padding, in bytes.
    #[must_use]
    pub fn length_bytes(&self) -> usize {
        usize::from(self.length_steps) * FRAME_HEADER_BYTES
    }

    /// Where the frame stands in its segment, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        u64::from(self.offset_steps) * FRAME_HEADER_BYTES as u64
    }

    /// Reads the header of a frame at `offset`, and checks all of it that can be checked without
    /// the payload and the frames around it. `room_bytes` is what is left of the segment there.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(
        bytes: &[u8],
        offset: u64,
        room_bytes: u64,
        seed: u32,
    ) -> Result<FrameHeader, Fault> {
        let Ok((header, _)) = FrameHeader::read_from_prefix(bytes) else {
            return Err(Fault::Empty);
        };
        if header.as_bytes().iter().all(|&byte| byte == 0) {
            return Err(Fault::Empty);
        }
        let sum = header.sum(seed);
        if sum != header.checksum {
            return Err(Fault::Checksum { expected: sum, found: header.checksum });
        }
        if header.offset() != offset {
            return Err(Fault::Position { expected: offset, found: header.offset() });
        }
        header.check_fields()?;
        if header.length_bytes() as u64 > room_bytes {
            return Err(Fault::Field { name: "length", found: header.length_bytes() as u64 });
        }
        Ok(header)
    }

    /// Checks that kind, operation, count and length go together.
    ///
    /// # Errors
    ///
    /// The first field that does not.
    pub fn check_fields(&self) -> Result<(), Fault> {
        let Some(kind) = self.kind() else {
            return Err(Fault::Field { name: "kind", found: self.kind.into() });
        };
        if kind.has_commands() {
            if self.count == 0 || usize::from(self.count) > BATCH_COMMANDS_MAX {
                return Err(Fault::Field { name: "count", found: self.count.into() });
            }
            if Op::from_number(self.op).is_none() {
                return Err(Fault::Field { name: "operation", found: self.op.into() });
            }
        }
        let length = self.length_bytes();
        let least = FRAME_HEADER_BYTES + self.payload_bytes();
        if length < least || length >= least + BLOCK_BYTES {
            return Err(Fault::Field { name: "length", found: length as u64 });
        }
        Ok(())
    }

    /// Checks `rest`, the frame's payload and padding.
    ///
    /// # Errors
    ///
    /// The checksum that the bytes have.
    pub fn check_payload(&self, rest: &[u8], seed: u32) -> Result<(), Fault> {
        let sum = sum_up(seed, rest);
        if sum != self.payload_checksum {
            return Err(Fault::Checksum { expected: sum, found: self.payload_checksum });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_sum_up_give_the_same_sum() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|index| ((index * 7) >> 3) as u8).collect();
        for length in (0..300).chain([4095, 4096, 8192, 24_575, 24_576, 99_999]) {
            for start in [0, 1, 64] {
                let piece = &bytes[start..start + length.min(bytes.len() - start)];
                for sum in [0, 1, 0x1234_5678, u32::MAX] {
                    let expected = crc32c::crc32c_append(sum, piece);
                    assert_eq!(sum_up(sum, piece), expected, "{length} bytes from {start}");
                }
            }
        }
    }
}
