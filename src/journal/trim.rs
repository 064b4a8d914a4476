//! Makes an end of a journal: nothing stands behind it, and it lies at a block's boundary.

use zerocopy::{FromZeros, IntoBytes};

use super::buffer::Buffer;
use super::error::JournalError;
use super::files::{Access, Files, OpenFile};
use super::format::{BLOCK_BYTES, FRAME_HEADER_BYTES, FrameHeader, FrameKind, frame_seed};
use super::place::Position;
use super::seal::Key;
use super::segments::segment_name;

/// Overwrites all that stands behind `position` in its segment with zeros, from the next block on,
/// and syncs.
pub(super) fn zero_behind<F: Files>(files: &F, position: &Position) -> Result<(), JournalError> {
    let file = files.open(&segment_name(position.segment), Access::Write)?;
    let zeros = Buffer::new(256 * BLOCK_BYTES);
    let mut offset = position.offset.next_multiple_of(BLOCK_BYTES as u64);
    while offset < position.segment_bytes {
        let bytes = (position.segment_bytes - offset).min(zeros.bytes().len() as u64);
        file.write_at(offset, &zeros.bytes()[..bytes as usize], false)?;
        offset += bytes;
    }
    file.sync()
}

/// Where the last good frame ends within a block, fills the block up with a closing frame and moves
/// `position` behind it; what else stands in the block is gone then.
///
/// The bytes before are written as they were, so however the write ends, they are there.
pub(super) fn fill_block<F: Files>(
    files: &F,
    position: &mut Position,
    key: Option<&Key>,
) -> Result<(), JournalError> {
    let end = position.offset.next_multiple_of(BLOCK_BYTES as u64);
    if end == position.offset {
        return Ok(());
    }
    let name = segment_name(position.segment);
    let start = end - BLOCK_BYTES as u64;
    let used = (position.offset - start) as usize;
    let mut block = Buffer::new(BLOCK_BYTES);
    files.open(&name, Access::Read)?.read_at(start, block.bytes_mut())?;
    put_mark(&mut block.bytes_mut()[used..], position, position.marked_sequence, 0, key);
    files.open(&name, Access::Write)?.write_at(start, block.bytes(), true)
}

/// Fills `room`, which stands at `position` and ends with a block, with a closing frame, and moves
/// `position` behind it. One that begins an epoch says up to which sequence commands are given up.
pub(super) fn put_mark(
    room: &mut [u8],
    position: &mut Position,
    durable_sequence: u64,
    given_up: u64,
    key: Option<&Key>,
) {
    let (head, padding) = room.split_at_mut(FRAME_HEADER_BYTES);
    padding.fill(0);
    let seed = frame_seed(&position.journal_id, position.segment);
    let mut header = FrameHeader::new_zeroed();
    header.kind = FrameKind::Mark as u8 | position.flags();
    header.epoch = position.epoch;
    header.first_sequence = position.last_sequence + 1;
    header.durable_sequence = durable_sequence;
    header.first_timestamp = given_up;
    header.length_steps = ((head.len() + padding.len()) / FRAME_HEADER_BYTES) as u16;
    header.offset_steps = (position.offset / FRAME_HEADER_BYTES as u64) as u32;
    header.previous_checksum = position.previous_checksum;
    header.payload_checksum = crc32c::crc32c_append(seed, padding);
    if let Some(key) = key {
        header.seal = key.seal_frame(&position.previous_seal, &header, padding);
    }
    header.checksum = header.sum(seed);
    head.copy_from_slice(header.as_bytes());
    position.offset += header.length_bytes() as u64;
    position.previous_checksum = header.checksum;
    position.previous_seal = header.seal;
    position.marked_sequence = durable_sequence;
}
