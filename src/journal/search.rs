//! Searches bytes for frames' headers, whatever their place: every trace of what was durable
//! counts.
//!
//! ```text
//!   bytes   ? ? ? ? ? ? ? ? ? ? ? ?        at each byte:
//!             └── 64 bytes ──┘             kind ✓  durable sequence ✓ ──▶ all fields ✓ ──▶ checksum ✓
//!                                          one position in 20    few                 all seeds at once
//! ```
//!
//! A checksum is linear in what it begins with: of one value, which is quick to look up, follows
//! whether it fits the seed of any segment.

use zerocopy::FromBytes;

use super::error::JournalError;
use super::files::OpenFile;
use super::format::{
    BODY_BYTES, FRAME_HEADER_BYTES, FrameHeader, FrameKind, IS_ASYNC, SEGMENT_HEADER_BYTES,
    frame_seed,
};
use ringfence_types::{BATCH_COMMANDS_MAX, TIMESTAMP_MAX};

/// Bytes that are read at once.
const READ_BYTES: usize = 1024 * 1024;
/// Positions that are looked at together.
const STRIDE: usize = 16;
/// Where a header says what kind it is of.
const KIND_AT: usize = std::mem::offset_of!(FrameHeader, kind);
/// Where a header says what is durable.
const DURABLE_AT: usize = std::mem::offset_of!(FrameHeader, durable_sequence);
/// Where the highest byte of that stands: zero, up to 2^56 commands.
const DURABLE_TOP_AT: usize = DURABLE_AT + 7;

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    /// Identity of the journal.
    pub journal_id: [u8; 16],
    /// The highest number that a segment of it may have.
    pub last_segment: u32,
    /// Length of its longest segment, in bytes.
    pub segment_bytes: u64,
    /// Length of all its segments, in bytes.
    pub file_bytes: u64,
    /// Whether its frames are sealed.
    pub is_keyed: bool,
    /// Only what was durable beyond this sequence is of interest.
    pub after_sequence: u64,
    /// What earlier epochs called durable was given up by a repair.
    pub epoch: u16,
}

/// A search for the highest sequence that any header calls durable.
pub(super) struct Search {
    target: Target,
    /// Highest sequence that this journal can hold.
    sequence_max: u64,
    /// For each segment what its seed adds to the checksum of a header, sorted.
    seeds: Vec<u32>,
    /// The highest so far; 0 if there was none.
    found: u64,
}

impl Search {
    pub fn new(target: Target) -> Search {
        let of_zeros = |seed| crc32c::crc32c_append(seed, &[0; FRAME_HEADER_BYTES - 4]);
        let none = of_zeros(0);
        let mut seeds: Vec<u32> = (1..=target.last_segment)
            .map(|segment| of_zeros(frame_seed(&target.journal_id, segment)) ^ none)
            .collect();
        seeds.sort_unstable();
        let room = target.file_bytes / BODY_BYTES as u64 + BATCH_COMMANDS_MAX as u64;
        let sequence_max = target.after_sequence.saturating_add(room);
        Search { target, sequence_max, seeds, found: 0 }
    }

    /// The highest sequence that a header so far calls durable, 0 if there was none.
    pub fn found(&self) -> u64 {
        self.found
    }

    /// Looks at every position of a file from `from` on.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn file<F: OpenFile>(&mut self, file: &F, from: u64) -> Result<(), JournalError> {
        let mut buffer = vec![0; READ_BYTES];
        let mut offset = from;
        loop {
            let filled = file.read_at(offset, &mut buffer)?;
            self.bytes(&buffer[..filled]);
            if filled < buffer.len() {
                return Ok(());
            }
            // A header may begin in the last bytes.
            offset += (filled - (FRAME_HEADER_BYTES - 1)) as u64;
        }
    }

    /// Looks at every position at which a header fits.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.len().checked_sub(FRAME_HEADER_BYTES) else { return };
        let kinds = &bytes[KIND_AT..=KIND_AT + last];
        let tops = &bytes[DURABLE_TOP_AT..=DURABLE_TOP_AT + last];
        for (index, (kinds, tops)) in kinds.chunks(STRIDE).zip(tops.chunks(STRIDE)).enumerate() {
            // One look at several positions: in most places there is no kind, or no small number.
            let both = kinds.iter().zip(tops);
            if both.fold(false, |any, (&kind, &top)| any | (may_be_kind(kind) & (top == 0))) {
                self.positions(bytes, index * STRIDE, kinds);
            }
        }
    }

    fn positions(&mut self, bytes: &[u8], first: usize, kinds: &[u8]) {
        let low = self.target.after_sequence + 1;
        let span = self.sequence_max - self.target.after_sequence;
        for (position, &kind) in (first..).zip(kinds) {
            if !may_be_kind(kind) {
                continue;
            }
            let at = position + DURABLE_AT;
            let durable = bytes[at..at + 8].try_into().expect("eight bytes");
            let durable = u64::from_le_bytes(durable);
            if durable.wrapping_sub(low) < span {
                let header = &bytes[position..position + FRAME_HEADER_BYTES];
                let header = FrameHeader::read_from_bytes(header).expect("the length is its own");
                if self.is_plausible(&header) && self.fits_a_segment(&header) {
                    self.found = self.found.max(durable);
                }
            }
        }
    }

    /// Whether all that a header says can be in this journal.
    fn is_plausible(&self, header: &FrameHeader) -> bool {
        let target = &self.target;
        let is_batch = header.kind().is_some_and(FrameKind::has_commands);
        let has_time = is_batch || header.kind() == Some(FrameKind::Mark);
        let end = header.offset().saturating_add(header.length_bytes() as u64);
        header.epoch >= target.epoch
            && header.durable_sequence < header.first_sequence
            && header.first_sequence <= self.sequence_max
            && header.check_fields().is_ok()
            && (is_batch || header.count == 0 && header.op == 0)
            && (has_time || header.first_timestamp == 0)
            && header.first_timestamp <= TIMESTAMP_MAX
            && header.offset() >= SEGMENT_HEADER_BYTES as u64
            && end <= target.segment_bytes
            && (target.is_keyed || header.seal == [0; 16])
    }

    /// Whether the checksum fits the seed of any segment.
    fn fits_a_segment(&self, header: &FrameHeader) -> bool {
        self.seeds.binary_search(&(header.checksum ^ header.sum(0))).is_ok()
    }
}

/// Whether a header's field of its kind may hold this.
#[inline]
fn may_be_kind(byte: u8) -> bool {
    let number = byte & !IS_ASYNC;
    number.wrapping_sub(FrameKind::Rules as u8) <= FrameKind::Request as u8 - FrameKind::Rules as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::{FromZeros, IntoBytes};

    const TARGET: Target = Target {
        journal_id: [7; 16],
        last_segment: 40,
        segment_bytes: 2 * 1024 * 1024,
        file_bytes: 80 * 1024 * 1024,
        is_keyed: false,
        after_sequence: 1_000,
        epoch: 2,
    };

    /// A good header in segment 17.
    fn header() -> FrameHeader {
        FrameHeader {
            first_sequence: 1_501,
            durable_sequence: 1_400,
            first_timestamp: 12_345_678,
            length_steps: 64,
            epoch: 2,
            offset_steps: 1_000,
            previous_checksum: 0x1234_5678,
            count: 20,
            op: 1,
            kind: FrameKind::Batch as u8 | IS_ASYNC,
            ..FrameHeader::new_zeroed()
        }
    }

    fn summed(mut header: FrameHeader, journal_id: u8, segment: u32) -> FrameHeader {
        header.checksum = header.sum(frame_seed(&[journal_id; 16], segment));
        header
    }

    fn found_in(target: Target, bytes: &[u8]) -> u64 {
        let mut search = Search::new(target);
        search.bytes(bytes);
        search.found()
    }

    #[test]
    fn a_header_is_found_at_every_position() {
        let mut bytes = vec![0; 400];
        for position in 0..=400 - 64 {
            bytes.fill(1);
            bytes[position..position + 64].copy_from_slice(summed(header(), 7, 17).as_bytes());
            assert_eq!(found_in(TARGET, &bytes), 1_400, "{position}");
            bytes[position + 20] ^= 1;
            assert_eq!(found_in(TARGET, &bytes), 0, "{position}");
        }
        assert_eq!(found_in(TARGET, &bytes[..63]), 0);
    }

    #[test]
    fn only_what_this_journal_can_hold_counts() {
        let good = header();
        let mark = FrameHeader {
            kind: FrameKind::Mark as u8,
            count: 0,
            op: 0,
            first_timestamp: 0,
            length_steps: 1,
            ..good
        };
        let end = FrameHeader { kind: FrameKind::End as u8, ..mark };
        let keyed = Target { is_keyed: true, ..TARGET };
        let latest = 1_000 + 80 * 8192 + 8192;
        //  name, the search, the header, its journal, its segment, whether it counts
        let cases = [
            ("good", TARGET, good, 7, 17, true),
            ("of any segment", TARGET, good, 7, 40, true),
            ("of a segment that there is not", TARGET, good, 7, 41, false),
            ("of another journal", TARGET, good, 8, 17, false),
            ("a mark", TARGET, mark, 7, 17, true),
            ("a later epoch", TARGET, FrameHeader { epoch: 3, ..good }, 7, 17, true),
            ("an earlier epoch", TARGET, FrameHeader { epoch: 1, ..good }, 7, 17, false),
            ("nothing new", TARGET, FrameHeader { durable_sequence: 1_000, ..good }, 7, 17, false),
            ("one more", TARGET, FrameHeader { durable_sequence: 1_001, ..good }, 7, 17, true),
            ("itself", TARGET, FrameHeader { durable_sequence: 1_501, ..good }, 7, 17, false),
            ("the last", TARGET, FrameHeader { first_sequence: latest, ..good }, 7, 17, true),
            ("too many", TARGET, FrameHeader { first_sequence: latest + 1, ..good }, 7, 17, false),
            ("no kind", TARGET, FrameHeader { kind: 6, ..good }, 7, 17, false),
            ("no operation", TARGET, FrameHeader { op: 255, ..good }, 7, 17, false),
            ("no command", TARGET, FrameHeader { count: 0, ..good }, 7, 17, false),
            ("too short", TARGET, FrameHeader { count: 32, ..good }, 7, 17, false),
            ("too long", TARGET, FrameHeader { length_steps: 105, ..good }, 7, 17, false),
            ("out of time", TARGET, FrameHeader { first_timestamp: 1 << 63, ..good }, 7, 17, false),
            ("an end of a time", TARGET, FrameHeader { first_timestamp: 1, ..end }, 7, 17, false),
            ("in the header", TARGET, FrameHeader { offset_steps: 63, ..good }, 7, 17, false),
            ("behind", TARGET, FrameHeader { offset_steps: 1 << 15, ..good }, 7, 17, false),
            ("sealed without a key", TARGET, FrameHeader { seal: [1; 16], ..good }, 7, 17, false),
            ("sealed", keyed, FrameHeader { seal: [1; 16], ..good }, 7, 17, true),
        ];
        for (name, target, header, journal_id, segment, counts) in cases {
            let bytes = summed(header, journal_id, segment);
            let expected = if counts { header.durable_sequence } else { 0 };
            assert_eq!(found_in(target, bytes.as_bytes()), expected, "{name}");
        }
    }
}
