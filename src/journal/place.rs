//! Places in a journal: where it is gone on with, and behind which batch it is read on.

use super::format::{IS_ASYNC, SEGMENT_HEADER_BYTES, Seal, SegmentHeader};
use ringfence_types::Rules;

/// Where a journal goes on: what recovery found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Identity of the journal.
    pub journal_id: [u8; 16],
    /// The segment that is written to, by its number.
    pub segment: u32,
    /// Its length, in bytes.
    pub segment_bytes: u64,
    /// Where the next group begins in it, in bytes.
    pub offset: u64,
    /// Checksum of the last frame, or of the segment's header if there is none.
    pub previous_checksum: u32,
    /// Seal of the last frame, or of the segment's header if there is none; zero without a key.
    pub previous_seal: Seal,
    /// Sequence of the last command, 0 if there is none.
    pub last_sequence: u64,
    /// Timestamp of the last command, in nanoseconds, 0 if there is none.
    pub last_timestamp: u64,
    /// Highest sequence that a frame on disk says is durable.
    pub marked_sequence: u64,
    /// How many repairs so far gave up commands that had been acknowledged.
    pub epoch: u16,
    /// Whether the last frame was written under `--durability async`.
    pub is_async: bool,
    /// Length of the next segment if it is there already, in bytes.
    pub next_segment_bytes: Option<u64>,
}

impl Position {
    /// Where a journal begins whose first segment has this header.
    #[must_use]
    pub fn beginning(segment: &SegmentHeader) -> Position {
        Position {
            journal_id: segment.journal_id,
            segment: segment.segment,
            segment_bytes: segment.segment_bytes,
            offset: SEGMENT_HEADER_BYTES as u64,
            previous_checksum: segment.checksum,
            previous_seal: segment.seal,
            last_sequence: 0,
            last_timestamp: 0,
            marked_sequence: 0,
            epoch: 0,
            is_async: false,
            next_segment_bytes: None,
        }
    }

    /// What frames from here on carry in the field of their kind.
    pub(super) fn flags(&self) -> u8 {
        if self.is_async { IS_ASYNC } else { 0 }
    }

    /// The segments that a writer here may name.
    pub(super) fn segments(&self) -> Vec<u32> {
        let next = self.next_segment_bytes.map(|_| self.segment + 1);
        [self.segment].into_iter().chain(next).collect()
    }
}

/// A place behind a batch that was durable, from where a journal can be read on without what came
/// before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// Identity of the journal.
    pub journal_id: [u8; 16],
    /// Sequence of the last command of the batch.
    pub last_sequence: u64,
    /// The engine's timestamp of that command, in nanoseconds.
    pub last_timestamp: u64,
    /// The segment that the batch stands in, by its number.
    pub segment: u32,
    /// Checksum of the batch's frame.
    pub frame_checksum: u32,
    /// Where the batch's frame begins in its segment, in bytes.
    pub frame_offset: u64,
    /// The keyed seal of that frame.
    pub seal: [u8; 16],
    /// How many repairs until then gave up commands that had been acknowledged.
    pub epoch: u16,
    /// The rules that held for the batch.
    pub rules: Rules,
}
