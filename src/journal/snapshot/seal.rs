//! The seals of a snapshot: nobody can make them who does not have the journal's key.
//!
//! ```text
//!   seal of the header = hash(key, header block)
//!   seal of a piece    = hash(key, journal, sequence, epoch and frame seal of the header │ piece)
//! ```
//!
//! Checksum and seal count as zero in what is hashed. Each piece has a seal of its own, so that a
//! piece is known to be good before its records are used, whichever thread reads it.
//!
//! # Invariants
//!
//! * The header's seal covers where each section is and how many records it has, the seal of each
//!   piece its place in the file and its records: no byte of a file is without a seal.
//! * A header is 4096 bytes long, and what is hashed for a piece is 48 and a multiple of 4096:
//!   neither can be passed off as the other, or as a part of the journal (`crate::seal`).

use super::format::{HEADER_BYTES, HEADER_SEAL, PIECE_SEAL, SnapshotHeader};
use crate::format::Seal;
use crate::seal::Key;

/// Where the checksum stands in the header of a file.
const HEADER_CHECKSUM: std::ops::Range<usize> = 12..16;
/// Where the checksum stands in a piece.
const PIECE_CHECKSUM: std::ops::Range<usize> = 0..4;

/// The seal of a file's header, which stands in `block`.
pub(super) fn of_header(key: &Key, block: &[u8]) -> Seal {
    debug_assert_eq!(block.len(), HEADER_BYTES);
    key.seal_parts(&[
        &block[..HEADER_CHECKSUM.start],
        &[0; HEADER_CHECKSUM.end - HEADER_CHECKSUM.start],
        &block[HEADER_CHECKSUM.end..HEADER_SEAL.start],
        &[0; HEADER_SEAL.end - HEADER_SEAL.start],
        &block[HEADER_SEAL.end..],
    ])
}

/// The seal of `piece`, with its header and padding, in the file with the header `snapshot`, of
/// which only what the anchor says need be there.
pub(super) fn of_piece(key: &Key, snapshot: &SnapshotHeader, piece: &[u8]) -> Seal {
    key.seal_parts(&[
        &snapshot.journal_id,
        &snapshot.last_sequence.to_le_bytes(),
        &snapshot.epoch.to_le_bytes(),
        &snapshot.frame_seal,
        &[0; PIECE_CHECKSUM.end - PIECE_CHECKSUM.start],
        &piece[PIECE_CHECKSUM.end..PIECE_SEAL.start],
        &[0; PIECE_SEAL.end - PIECE_SEAL.start],
        &piece[PIECE_SEAL.end..],
    ])
}
