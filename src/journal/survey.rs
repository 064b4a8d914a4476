//! Looks at the bytes of a segment from a place on, for what stands there and what it calls
//! durable.

use super::error::JournalError;
use super::files::OpenFile;
use super::format::{BLOCK_BYTES, FRAME_HEADER_BYTES, FrameHeader, SegmentHeader};
use super::sliding::Sliding;

/// What a look at the bytes from a place on found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Survey {
    /// Highest sequence that a good frame there calls durable.
    pub durable_sequence: u64,
    /// Whether there is a good frame at all.
    pub has_frames: bool,
    /// The segment and the offset of the first step that is not zero.
    pub first_nonzero: Option<(u32, u64)>,
    /// Bytes from the place to the last step that is not zero.
    pub nonzero_bytes: u64,
    /// Commands in the good frames.
    pub commands: u64,
}

impl Survey {
    /// Both, one behind the other.
    pub fn and(self, later: Survey) -> Survey {
        Survey {
            durable_sequence: self.durable_sequence.max(later.durable_sequence),
            has_frames: self.has_frames || later.has_frames,
            first_nonzero: self.first_nonzero.or(later.first_nonzero),
            nonzero_bytes: self.nonzero_bytes + later.nonzero_bytes,
            commands: self.commands + later.commands,
        }
    }
}

/// Looks at every byte of `segment`, which `sliding` shows, from `from` on.
pub(super) fn survey<F: OpenFile>(
    sliding: &mut Sliding<F>,
    segment: &SegmentHeader,
    from: u64,
) -> Result<Survey, JournalError> {
    let seed = segment.frame_seed();
    let mut survey = Survey::default();
    let mut end_of_nonzero = from;
    let mut offset = from;
    while offset < segment.segment_bytes {
        let in_block = BLOCK_BYTES - (offset % BLOCK_BYTES as u64) as usize;
        let bytes = sliding.bytes(offset, in_block)?;
        if bytes.is_empty() {
            break;
        }
        if is_zero(bytes) {
            offset += bytes.len() as u64;
            continue;
        }
        let step = &bytes[..FRAME_HEADER_BYTES.min(bytes.len())];
        if is_zero(step) {
            offset += FRAME_HEADER_BYTES as u64;
            continue;
        }
        survey.first_nonzero.get_or_insert((segment.segment, offset));
        let mut length = FRAME_HEADER_BYTES as u64;
        let room = segment.segment_bytes - offset;
        if let Ok(header) = FrameHeader::read(step, offset, room, seed) {
            let whole = header.length_bytes();
            let bytes = sliding.bytes(offset, whole)?;
            let rest = bytes.get(FRAME_HEADER_BYTES..).unwrap_or_default();
            if header.check_payload(rest, seed).is_ok() {
                survey.has_frames = true;
                survey.commands += u64::from(header.count);
                survey.durable_sequence = survey.durable_sequence.max(header.durable_sequence);
                length = whole as u64;
            }
        }
        offset += length;
        end_of_nonzero = offset;
    }
    survey.nonzero_bytes = end_of_nonzero - from;
    Ok(survey)
}

/// Whether all bytes are zero.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |all, byte| all | byte) == 0
}
