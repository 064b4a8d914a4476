//! Builds groups: frames one behind the other in a buffer, chained, padded to whole blocks.
//!
//! ```text
//!   begin(buffer) ──▶ put(frame) ──▶ put(frame) ──▶ … ──▶ close ──▶ Group
//!                       the frame before is finished: its place in the chain, its checksum
//! ```
//!
//! # Invariants
//!
//! * A frame is finished once it is known whether padding follows it: when the next one is put or
//!   the group is closed.
//! * The position is always behind the last group, its chain behind the last frame that is
//!   finished.

use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::buffer::Buffer;
use super::format::{
    BLOCK_BYTES, BODY_BYTES, END_BYTES, FRAME_HEADER_BYTES, FrameHeader, FrameKind,
    GROUP_BYTES_MAX, REQUEST_BYTES, RequestRecord, SEGMENT_HEADER_BYTES, frame_seed, sum_up,
};
use super::place::Position;
use super::seal::Key;
use ringfence_types::{Command, Request, Rules, Window};

/// Commands that are copied before they are summed up: few enough to stay in the fastest cache, and
/// as many bytes as the sum is fastest on.
const COPY_COMMANDS: usize = 192;

/// A full buffer, and where it belongs.
pub(super) struct Group {
    pub segment: u32,
    pub offset: u64,
    pub bytes: usize,
    pub last_sequence: u64,
    pub commands: u64,
    pub buffer: Buffer,
    /// Whether it holds commands. What does not is written durably in any case.
    pub has_batches: bool,
    pub ends_segment: bool,
}

/// Where a frame finds room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// In the group that is being built.
    Here,
    /// In a group that is still to be begun.
    InNewGroup,
    /// The group is full: it is closed first.
    BehindGroup,
    /// The segment is full: it is ended first.
    InNextSegment,
}

/// Builds one group after the other.
pub(super) struct GroupBuilder {
    key: Option<Key>,
    position: Position,
    seed: u32,
    gathering: Option<Gathering>,
}

/// The buffer that is being filled. It begins at `Position::offset` of the segment.
struct Gathering {
    buffer: Buffer,
    /// End of the last frame in the buffer, in bytes.
    used_bytes: usize,
    /// Where the last frame begins: its header is still to be finished.
    open_frame: usize,
    commands: u64,
    has_batches: bool,
    ends_segment: bool,
}

impl GroupBuilder {
    /// Goes on at `position` with frames that are written under `--durability async` or not.
    pub fn new(position: Position, key: Option<Key>, is_async: bool) -> GroupBuilder {
        let seed = frame_seed(&position.journal_id, position.segment);
        let position = Position { is_async, ..position };
        GroupBuilder { key, position, seed, gathering: None }
    }

    /// Where the next group begins; sequence and time are those of the last command that was put.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Whether nothing is gathered.
    pub fn is_empty(&self) -> bool {
        self.gathering.is_none()
    }

    /// Where a frame of `bytes` finds room, and one behind it that ends the segment.
    pub fn room_for(&self, bytes: usize) -> Room {
        let used = self.gathering.as_ref().map_or(0, |gathering| gathering.used_bytes);
        let end = self.position.offset + (used + bytes).next_multiple_of(BLOCK_BYTES) as u64;
        // So that the frame that ends the segment always finds room.
        if end + END_BYTES as u64 > self.position.segment_bytes {
            return Room::InNextSegment;
        }
        match &self.gathering {
            Some(_) if used + bytes + FRAME_HEADER_BYTES <= GROUP_BYTES_MAX => Room::Here,
            Some(_) => Room::BehindGroup,
            None => Room::InNewGroup,
        }
    }

    /// Room in the segment for further frames, in bytes.
    pub fn left_bytes(&self) -> u64 {
        let used = self.gathering.as_ref().map_or(0, |gathering| gathering.used_bytes) as u64;
        let end = self.position.offset + used.next_multiple_of(BLOCK_BYTES as u64);
        self.position.segment_bytes.saturating_sub(end + END_BYTES as u64)
    }

    /// Begins a group.
    pub fn begin(&mut self, buffer: Buffer) {
        debug_assert!(self.is_empty(), "one group is built at a time");
        self.gathering = Some(Gathering {
            buffer,
            used_bytes: 0,
            open_frame: 0,
            commands: 0,
            has_batches: false,
            ends_segment: false,
        });
    }

    /// Puts a batch of commands behind the last frame, and before them what it says of itself.
    pub fn put_batch<W>(&mut self, durable_sequence: u64, batch: &W, request: &Request)
    where
        W: Window<Command> + ?Sized,
    {
        let (kind, record_bytes) = match request.is_none() {
            true => (FrameKind::Batch, 0),
            false => (FrameKind::Request, REQUEST_BYTES),
        };
        let (count, first) = (batch.len(), batch.at(0).header);
        let header = FrameHeader {
            first_timestamp: first.timestamp,
            count: count as u16,
            op: first.op,
            ..self.frame(kind, durable_sequence)
        };
        let seed = self.seed;
        self.put(header, record_bytes + count * BODY_BYTES, |payload| {
            let (record, bodies) = payload.split_at_mut(record_bytes);
            let mut sum = seed;
            if !record.is_empty() {
                let said = RequestRecord { request: *request, reserved: [0; 2] };
                record.copy_from_slice(said.as_bytes());
                sum = crc32c::crc32c_append(sum, record);
            }
            copy_bodies(batch, bodies, sum)
        });
        let gathering = self.gathering.as_mut().expect("a frame was put");
        gathering.has_batches = true;
        gathering.commands += count as u64;
        self.position.last_sequence += count as u64;
        self.position.last_timestamp = first.timestamp + (count as u64 - 1);
    }

    /// Puts rules behind the last frame.
    pub fn put_rules(&mut self, durable_sequence: u64, rules: &Rules) {
        let header = self.frame(FrameKind::Rules, durable_sequence);
        let seed = self.seed;
        self.put(header, size_of::<Rules>(), |payload| {
            payload.copy_from_slice(rules.as_bytes());
            crc32c::crc32c_append(seed, payload)
        });
    }

    /// Puts a closing frame behind the last one.
    pub fn put_mark(&mut self, durable_sequence: u64) {
        let header = self.frame(FrameKind::Mark, durable_sequence);
        let seed = self.seed;
        self.put(header, 0, |_| seed);
    }

    /// Puts the frame behind the last one that ends the segment. There is always room for it: every
    /// other frame leaves it.
    pub fn put_end(&mut self, durable_sequence: u64) {
        let header = self.frame(FrameKind::End, durable_sequence);
        let seed = self.seed;
        self.put(header, 0, |_| seed);
        self.gathering.as_mut().expect("a frame was put").ends_segment = true;
    }

    /// Pads what was gathered to whole blocks.
    pub fn close(&mut self) -> Group {
        let used = self.gathering.as_ref().expect("there is a group to close").used_bytes;
        self.finish_frame(used.next_multiple_of(BLOCK_BYTES) - used);
        let gathering = self.gathering.take().expect("there is a group to close");
        let offset = self.position.offset;
        self.position.offset += gathering.used_bytes as u64;
        Group {
            segment: self.position.segment,
            offset,
            bytes: gathering.used_bytes,
            last_sequence: self.position.last_sequence,
            commands: gathering.commands,
            buffer: gathering.buffer,
            has_batches: gathering.has_batches,
            ends_segment: gathering.ends_segment,
        }
    }

    /// Goes on in the next segment, which is `segment_bytes` long.
    pub fn enter_next_segment(&mut self, segment_bytes: u64) {
        debug_assert!(self.is_empty(), "a group lies in one segment");
        self.position.segment += 1;
        self.position.segment_bytes = segment_bytes;
        self.position.offset = SEGMENT_HEADER_BYTES as u64;
        self.seed = frame_seed(&self.position.journal_id, self.position.segment);
    }

    fn frame(&self, kind: FrameKind, durable_sequence: u64) -> FrameHeader {
        FrameHeader {
            first_sequence: self.position.last_sequence + 1,
            durable_sequence,
            epoch: self.position.epoch,
            kind: kind as u8 | self.position.flags(),
            ..FrameHeader::new_zeroed()
        }
    }

    /// Puts a frame behind the last one. `fill` writes its payload and returns the payload's
    /// checksum. The header is finished by what comes next, which knows about padding.
    fn put(
        &mut self,
        mut header: FrameHeader,
        payload_bytes: usize,
        fill: impl FnOnce(&mut [u8]) -> u32,
    ) {
        self.finish_frame(0);
        let group_offset = self.position.offset;
        let gathering = self.gathering.as_mut().expect("room was made");
        let start = gathering.used_bytes;
        let payload = start + FRAME_HEADER_BYTES;
        let end = payload + payload_bytes;
        header.payload_checksum = fill(&mut gathering.buffer.bytes_mut()[payload..end]);
        header.offset_steps = ((group_offset + start as u64) / FRAME_HEADER_BYTES as u64) as u32;
        gathering.buffer.bytes_mut()[start..payload].copy_from_slice(header.as_bytes());
        gathering.open_frame = start;
        gathering.used_bytes = end;
    }

    /// Finishes the last frame in the buffer: its padding, its place in the chain, its checksum.
    fn finish_frame(&mut self, padding_bytes: usize) {
        let gathering = self.gathering.as_mut().expect("there is a frame to finish");
        let (start, end) = (gathering.open_frame, gathering.used_bytes);
        if start == end {
            return;
        }
        let padded = end + padding_bytes;
        let bytes = &mut gathering.buffer.bytes_mut()[start..padded];
        let (head, rest) = bytes.split_at_mut(FRAME_HEADER_BYTES);
        let padding = &mut rest[end - start - FRAME_HEADER_BYTES..];
        padding.fill(0);
        let mut header =
            FrameHeader::read_from_bytes(&*head).expect("a header has the length of a header");
        header.payload_checksum = crc32c::crc32c_append(header.payload_checksum, padding);
        header.length_steps = ((padded - start) / FRAME_HEADER_BYTES) as u16;
        header.previous_checksum = self.position.previous_checksum;
        if let Some(key) = &self.key {
            header.seal = key.seal_frame(&self.position.previous_seal, &header, rest);
            self.position.previous_seal = header.seal;
        }
        header.checksum = header.sum(self.seed);
        head.copy_from_slice(header.as_bytes());
        self.position.previous_checksum = header.checksum;
        self.position.marked_sequence = header.durable_sequence;
        gathering.used_bytes = padded;
        gathering.open_frame = padded;
    }
}

/// Copies the bodies of `batch`, and sums them up while they are in the cache.
fn copy_bodies<W>(batch: &W, payload: &mut [u8], mut checksum: u32) -> u32
where
    W: Window<Command> + ?Sized,
{
    let mut index = 0;
    for chunk in payload.chunks_mut(COPY_COMMANDS * BODY_BYTES) {
        for body in chunk.chunks_exact_mut(BODY_BYTES) {
            let command = batch.at(index);
            debug_assert_eq!(command.header.timestamp, batch.at(0).header.timestamp + index as u64);
            body.copy_from_slice(command.body.as_bytes());
            index += 1;
        }
        checksum = sum_up(checksum, chunk);
    }
    checksum
}
