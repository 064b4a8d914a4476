//! The bytes of a snapshot file.

use std::mem::offset_of;
use std::ops::Range;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use super::seal;
use crate::error::Fault;
use crate::format::BLOCK_BYTES;
use crate::format::Seal;
use crate::place::Anchor;
use crate::seal::Key;
use ringfence_types::Rules;

/// Version of the format that this program writes.
pub const SNAPSHOT_VERSION: u32 = 3;
/// What a snapshot file begins with.
pub const SNAPSHOT_MAGIC: [u8; 8] = *b"RINGSNAP";
/// The header of a file, in bytes: one block.
pub const HEADER_BYTES: usize = BLOCK_BYTES;
/// Step in which the pieces of a section stand, in bytes.
pub const PIECE_BYTES: usize = 1024 * 1024;
/// The header of a piece, in bytes.
pub const PIECE_HEADER_BYTES: usize = 64;
/// Most sections in a file.
pub const SECTIONS_MAX: usize = 64;

/// Where the seal stands in the header of a file.
pub(super) const HEADER_SEAL: Range<usize> = 272..288;
/// Where the seal stands in a piece.
pub(super) const PIECE_SEAL: Range<usize> = 32..48;

const _: () = assert!(offset_of!(SnapshotHeader, seal) == HEADER_SEAL.start);
const _: () = assert!(offset_of!(PieceHeader, seal) == PIECE_SEAL.start);
const _: () = assert!(size_of::<SnapshotHeader>() <= HEADER_BYTES);
const _: () = assert!(size_of::<SectionEntry>() == 32);
const _: () = assert!(size_of::<PieceHeader>() == PIECE_HEADER_BYTES);

/// The start of a file's first block; the rest of the block is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct SnapshotHeader {
    /// `RINGSNAP`.
    pub magic: [u8; 8],
    /// [`SNAPSHOT_VERSION`] of the program that wrote it.
    pub version: u32,
    /// CRC-32C of the block with this field zero.
    pub checksum: u32,
    /// Identity of the journal.
    pub journal_id: [u8; 16],
    /// Sequence of the last command that it covers.
    pub last_sequence: u64,
    /// The engine's timestamp of that command, in nanoseconds.
    pub last_timestamp: u64,
    /// Timestamp of the last event, of a chain that of its first member, in nanoseconds.
    pub event_timestamp: u64,
    /// Length of the file, in bytes.
    pub file_bytes: u64,
    /// The segment that holds the last batch.
    pub segment: u32,
    /// Checksum of that batch's frame.
    pub frame_checksum: u32,
    /// Where that frame begins in its segment, in bytes.
    pub frame_offset: u64,
    /// The keyed seal of that frame.
    pub frame_seal: Seal,
    /// Digest of the contents.
    pub digest: [u8; 32],
    /// The rules that held for that batch.
    pub rules: Rules,
    /// Sections in the file.
    pub section_count: u32,
    /// 1 if the file is sealed with the journal's key, else 0.
    pub is_keyed: u32,
    /// How many repairs until then gave up commands that had been acknowledged.
    pub epoch: u64,
    /// The keyed seal of this block; zero where there is no key.
    pub seal: Seal,
    /// Zero.
    pub reserved: [u32; 8],
    /// Where they are.
    pub sections: [SectionEntry; SECTIONS_MAX],
}

/// Where a section is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct SectionEntry {
    /// A [`ringfence_types::Section`], by its number.
    pub section: u32,
    /// Length of one record, in bytes.
    pub record_bytes: u32,
    /// Records.
    pub count: u64,
    /// Where its first piece begins, in bytes.
    pub offset: u64,
    /// Zero.
    pub reserved: u64,
}

/// The start of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct PieceHeader {
    /// CRC-32C of the seed and all that follows this field, up to the end of the piece's last
    /// block.
    pub checksum: u32,
    /// A [`ringfence_types::Section`], by its number.
    pub section: u32,
    /// Length of one record, in bytes.
    pub record_bytes: u32,
    /// Records in this piece.
    pub count: u32,
    /// Number of the first of them in the section, from 0.
    pub first: u64,
    /// Where the piece begins, in bytes.
    pub offset: u64,
    /// The keyed seal of the piece; zero where there is no key.
    pub seal: Seal,
    /// Zero.
    pub reserved: [u8; 16],
}

impl SnapshotHeader {
    /// The header of a snapshot behind `anchor`, without its sections and its length.
    #[must_use]
    pub fn new(anchor: &Anchor, event_timestamp: u64, digest: [u8; 32]) -> SnapshotHeader {
        SnapshotHeader {
            magic: SNAPSHOT_MAGIC,
            version: SNAPSHOT_VERSION,
            journal_id: anchor.journal_id,
            last_sequence: anchor.last_sequence,
            last_timestamp: anchor.last_timestamp,
            event_timestamp,
            segment: anchor.segment,
            frame_checksum: anchor.frame_checksum,
            frame_offset: anchor.frame_offset,
            frame_seal: anchor.seal,
            epoch: anchor.epoch.into(),
            digest,
            rules: anchor.rules,
            ..SnapshotHeader::new_zeroed()
        }
    }

    /// The place in the journal behind which the snapshot was made.
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        Anchor {
            journal_id: self.journal_id,
            last_sequence: self.last_sequence,
            last_timestamp: self.last_timestamp,
            segment: self.segment,
            frame_checksum: self.frame_checksum,
            frame_offset: self.frame_offset,
            seal: self.frame_seal,
            epoch: self.epoch as u16,
            rules: self.rules,
        }
    }

    /// The sections.
    #[must_use]
    pub fn sections(&self) -> &[SectionEntry] {
        &self.sections[..self.section_count as usize]
    }

    /// Writes it over `block`, with its seal, if there is a key, and its checksum.
    ///
    /// # Panics
    ///
    /// If `block` is not 4096 bytes long.
    pub fn write(mut self, block: &mut [u8], key: Option<&Key>) {
        assert_eq!(block.len(), HEADER_BYTES);
        (self.checksum, self.is_keyed, self.seal) = (0, u32::from(key.is_some()), [0; 16]);
        block.fill(0);
        block[..size_of::<SnapshotHeader>()].copy_from_slice(self.as_bytes());
        if let Some(key) = key {
            let seal = seal::of_header(key, block);
            block[HEADER_SEAL].copy_from_slice(&seal);
        }
        let checksum = crc32c::crc32c(block);
        block[12..16].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Reads the header of the snapshot of `sequence` and checks all that can be checked without
    /// the rest of the file, which is `file_bytes` long.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(block: &[u8], sequence: u64, file_bytes: u64) -> Result<SnapshotHeader, Fault> {
        if block.len() < HEADER_BYTES {
            let (expected, found) = (HEADER_BYTES as u64, block.len() as u64);
            return Err(Fault::FileLength { expected, found });
        }
        let (header, rest) =
            SnapshotHeader::read_from_prefix(block).expect("a block is longer than the header");
        if header.magic != SNAPSHOT_MAGIC {
            return Err(Fault::Magic);
        }
        if header.version != SNAPSHOT_VERSION {
            let (expected, found) = (SNAPSHOT_VERSION, header.version);
            return Err(Fault::Version { expected, found });
        }
        let zeroed = SnapshotHeader { checksum: 0, ..header };
        let sum = crc32c::crc32c_append(crc32c::crc32c(zeroed.as_bytes()), rest);
        if sum != header.checksum {
            return Err(Fault::Checksum { expected: sum, found: header.checksum });
        }
        if header.last_sequence != sequence {
            let (expected, found) = (sequence, header.last_sequence);
            return Err(Fault::Sequence { expected, found });
        }
        if header.file_bytes != file_bytes {
            let (expected, found) = (header.file_bytes, file_bytes);
            return Err(Fault::FileLength { expected, found });
        }
        if header.section_count as usize > SECTIONS_MAX {
            return Err(Fault::Field { name: "sections", found: header.section_count.into() });
        }
        if header.is_keyed > 1 {
            return Err(Fault::Field { name: "keyed", found: header.is_keyed.into() });
        }
        for entry in header.sections() {
            if records_per_piece(entry.record_bytes as usize) == 0 {
                return Err(Fault::Field {
                    name: "bytes of a record",
                    found: entry.record_bytes.into(),
                });
            }
        }
        Ok(header)
    }

    /// Checks the seal of the header, which stands in `block`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn check_seal(&self, block: &[u8], key: &Key) -> Result<(), Fault> {
        if self.is_keyed == 0 {
            return Err(Fault::Unsealed);
        }
        let of_header = seal::of_header(key, &block[..HEADER_BYTES]);
        if of_header == self.seal { Ok(()) } else { Err(Fault::SnapshotSeal) }
    }

    /// What the checksums of this file's pieces begin with.
    #[must_use]
    pub fn piece_seed(&self) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(&self.journal_id), &self.last_sequence.to_le_bytes())
    }
}

impl SectionEntry {
    /// Where piece `number` begins, how many records it holds, and how long it is with its padding.
    #[must_use]
    pub fn piece(&self, number: u64) -> (u64, usize, usize) {
        let record_bytes = self.record_bytes as usize;
        let most = records_per_piece(record_bytes);
        let before = number * most as u64;
        let count = usize::try_from(self.count - before).map_or(most, |rest| rest.min(most));
        let bytes = PIECE_HEADER_BYTES + count * record_bytes;
        (self.offset + number * PIECE_BYTES as u64, count, bytes.next_multiple_of(BLOCK_BYTES))
    }

    /// How many pieces it has.
    #[must_use]
    pub fn pieces(&self) -> u64 {
        self.count.div_ceil(records_per_piece(self.record_bytes as usize) as u64)
    }
}

impl PieceHeader {
    /// Writes it to the start of `piece`, whose records and padding are there, with its seal, if
    /// there is a key, and its checksum. `snapshot` is the header of the file.
    pub(super) fn write(mut self, piece: &mut [u8], snapshot: &SnapshotHeader, key: Option<&Key>) {
        self.seal = [0; 16];
        piece[..PIECE_HEADER_BYTES].copy_from_slice(self.as_bytes());
        if let Some(key) = key {
            let seal = seal::of_piece(key, snapshot, piece);
            piece[PIECE_SEAL].copy_from_slice(&seal);
        }
        let seed = snapshot.piece_seed();
        self.checksum = crc32c::crc32c_append(seed, &piece[4..]);
        piece[..4].copy_from_slice(&self.checksum.to_le_bytes());
    }

    /// Checks a piece of the file with the header `snapshot`. The piece should begin with this
    /// header, but for its checksum and its seal.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn check(
        &self,
        piece: &[u8],
        snapshot: &SnapshotHeader,
        key: Option<&Key>,
    ) -> Result<(), Fault> {
        let (found, _) =
            PieceHeader::read_from_prefix(piece).expect("a piece is longer than its header");
        let seed = snapshot.piece_seed();
        let sum = crc32c::crc32c_append(seed, &piece[4..]);
        if sum != found.checksum {
            return Err(Fault::Checksum { expected: sum, found: found.checksum });
        }
        if found.offset != self.offset {
            return Err(Fault::Position { expected: self.offset, found: found.offset });
        }
        let fields = [
            ("section", found.section, self.section),
            ("bytes of a record", found.record_bytes, self.record_bytes),
            ("count of records", found.count, self.count),
        ];
        for (name, found, expected) in fields {
            if found != expected {
                return Err(Fault::Field { name, found: found.into() });
            }
        }
        if found.first != self.first {
            return Err(Fault::Field { name: "first record", found: found.first });
        }
        if key.is_some_and(|key| seal::of_piece(key, snapshot, piece) != found.seal) {
            return Err(Fault::SnapshotSeal);
        }
        Ok(())
    }
}

/// How many records of this length fit into a piece.
#[must_use]
pub fn records_per_piece(record_bytes: usize) -> usize {
    (PIECE_BYTES - PIECE_HEADER_BYTES).checked_div(record_bytes).unwrap_or(0)
}

/// The name of a snapshot's file in the data directory.
#[must_use]
pub fn snapshot_name(last_sequence: u64) -> String {
    format!("{last_sequence:020}.snapshot")
}

/// The sequence in the name of a snapshot's file, if it is one.
#[must_use]
pub fn snapshot_of_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".snapshot")?;
    let sequence = digits.parse().ok()?;
    (snapshot_name(sequence) == name).then_some(sequence)
}
