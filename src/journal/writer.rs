//! Appends batches as frames, and says up to where they are durable. Never waits.
//!
//! ```text
//!   append ──▶ [gathering: frame│frame│…] ──▶ ready ──▶ in flight ──▶ free
//!                  one buffer = one group        └── poll submits, poll collects ──┘
//! ```
//!
//! # Invariants
//!
//! * Groups are released in the order in which they were filled, whatever the order in which the
//!   storage completes them.
//! * With nothing under way, what was gathered is submitted at once; else it gathers on until
//!   something completes or the buffer is full. So groups grow with the load.
//! * A segment is left only when the next one exists durably, by a frame that says so.
//! * After the first failure nothing is released any more.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

use zerocopy::IntoBytes;

use super::buffer::{Buffer, HUGE_PAGE_BYTES};
use super::error::JournalError;
use super::format::{
    BLOCK_BYTES, BODY_BYTES, FRAME_HEADER_BYTES, FrameHeader, FrameKind, GROUP_BYTES_MAX,
    SEGMENT_HEADER_BYTES, SegmentHeader, frame_seed, sum_up,
};
use super::seal::{Key, Seal};
use super::storage::{Completion, Operation, Storage};
use ringfence_types::{BATCH_COMMANDS_MAX, Command, Rules, Window};

/// Buffers: one to fill, the others on their way.
const BUFFERS: usize = 6;
/// Memory that the buffers of a writer take, in bytes, allocated when it is made.
pub const WRITER_BYTES: u64 = (BUFFERS * GROUP_BYTES_MAX.next_multiple_of(HUGE_PAGE_BYTES)) as u64;
/// Most groups under way at once.
const IN_FLIGHT_MAX: usize = BUFFERS - 2;
/// Most syncs under way at once.
const SYNCS_MAX: usize = 4;
/// Commands that are copied before they are summed up: few enough to stay in the fastest cache, and
/// as many bytes as the sum is fastest on.
const COPY_COMMANDS: usize = 192;

/// When an outcome may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When its command is on stable storage.
    Sync,
    /// When its command has been given to the operating system.
    Async,
}

/// How a journal is written. Nothing here shows in an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Length of segments that are made from now on, in bytes: a power of two from
    /// [`super::SEGMENT_BYTES_MIN`] to [`super::SEGMENT_BYTES_MAX`].
    pub segment_bytes: u64,
    /// When an outcome may leave.
    pub durability: Durability,
    /// What the journal is sealed with, if it is.
    pub key: Option<Key>,
}

impl Default for Options {
    fn default() -> Options {
        Options { segment_bytes: 64 * 1024 * 1024, durability: Durability::Sync, key: None }
    }
}

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
    /// Length of the next segment if it is there already, in bytes.
    pub next_segment_bytes: Option<u64>,
}

/// Writes a journal.
pub struct Writer<S: Storage> {
    storage: S,
    options: Options,
    position: Position,
    seed: u32,
    free: Vec<Buffer>,
    gathering: Option<Gathering>,
    ready: VecDeque<Group>,
    in_flight: VecDeque<Group>,
    next_segment: NextSegment,
    syncs: VecDeque<SegmentSync>,
    next_ticket: u64,
    /// Highest sequence whose command was written.
    written_sequence: u64,
    /// Highest sequence whose command is on stable storage.
    durable_sequence: u64,
    failure: Option<JournalError>,
    cause: Option<String>,
}

/// The buffer that is being filled. It begins at `Position::offset` of the segment.
struct Gathering {
    buffer: Buffer,
    /// End of the last frame in the buffer, in bytes.
    used_bytes: usize,
    /// Where the last frame begins: its header is still to be finished.
    open_frame: usize,
    has_batches: bool,
    ends_segment: bool,
}

/// A full buffer on its way to the disk.
struct Group {
    ticket: u64,
    segment: u32,
    offset: u64,
    bytes: usize,
    last_sequence: u64,
    buffer: Option<Buffer>,
    has_batches: bool,
    ends_segment: bool,
    is_done: bool,
}

/// A sync on its way.
struct SegmentSync {
    ticket: u64,
    segment: u32,
    /// What it makes durable, with all syncs before it.
    sequence: u64,
    leaves_segment: bool,
    is_done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextSegment {
    Missing,
    Preparing(u64),
    Ready(u64),
}

impl<S: Storage> Writer<S> {
    /// A writer that goes on at `position`, which is durable up to its last sequence. The storage
    /// knows the segment there, and the next one if the position names it.
    ///
    /// # Panics
    ///
    /// If the options are out of range.
    #[must_use]
    pub fn new(mut storage: S, position: Position, options: Options) -> Writer<S> {
        super::check_segment_bytes(options.segment_bytes).expect("the options were checked");
        let mut free: Vec<Buffer> = (0..BUFFERS).map(|_| Buffer::new(GROUP_BYTES_MAX)).collect();
        storage.register(&mut free);
        Writer {
            storage,
            options,
            position,
            seed: frame_seed(&position.journal_id, position.segment),
            free,
            gathering: None,
            ready: VecDeque::with_capacity(BUFFERS),
            in_flight: VecDeque::with_capacity(BUFFERS),
            next_segment: match position.next_segment_bytes {
                Some(bytes) => NextSegment::Ready(bytes),
                None => NextSegment::Missing,
            },
            syncs: VecDeque::with_capacity(SYNCS_MAX),
            next_ticket: 0,
            written_sequence: position.last_sequence,
            durable_sequence: position.last_sequence,
            failure: None,
            cause: None,
        }
    }

    /// What does the work, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        self.storage.describe()
    }

    /// What becomes readable when there may be something to [`Writer::poll`] for; `None` where the
    /// waker is called instead.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.storage.descriptor()
    }

    /// Sequence of the last command that was appended, 0 if there is none.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.position.last_sequence
    }

    /// Takes in one whole batch, stamped, whose first command has the sequence `first_sequence`.
    /// False: there is no room now; poll and try again. Never waits, never allocates.
    ///
    /// # Errors
    ///
    /// The failure of an earlier write or sync.
    ///
    /// # Panics
    ///
    /// If the batch does not follow on the last one, is empty or is longer than
    /// [`BATCH_COMMANDS_MAX`].
    pub fn append<W>(&mut self, first_sequence: u64, batch: &W) -> Result<bool, JournalError>
    where
        W: Window<Command> + ?Sized,
    {
        self.check()?;
        let count = batch.len();
        assert!((1..=BATCH_COMMANDS_MAX).contains(&count), "a batch of {count} commands");
        assert_eq!(first_sequence, self.position.last_sequence + 1, "sequences have no gaps");
        let first = batch.at(0).header;
        assert!(first.timestamp > self.position.last_timestamp, "time only goes forward");
        if !self.make_room(FRAME_HEADER_BYTES + count * BODY_BYTES) {
            return Ok(false);
        }

        let header = FrameHeader {
            first_timestamp: first.timestamp,
            count: count as u16,
            op: first.op,
            ..self.begin_frame(FrameKind::Batch)
        };
        let seed = self.seed;
        self.put_frame(header, count * BODY_BYTES, |payload| copy_bodies(batch, payload, seed));
        self.gathering.as_mut().expect("a frame was put").has_batches = true;
        self.position.last_sequence += count as u64;
        self.position.last_timestamp = first.timestamp + (count as u64 - 1);
        Ok(true)
    }

    /// Takes in rules that hold from here on. False: there is no room now.
    ///
    /// # Errors
    ///
    /// The failure of an earlier write or sync.
    pub fn append_rules(&mut self, rules: &Rules) -> Result<bool, JournalError> {
        self.check()?;
        let bytes = size_of::<Rules>();
        if !self.make_room(FRAME_HEADER_BYTES + bytes) {
            return Ok(false);
        }
        let header = self.begin_frame(FrameKind::Rules);
        let seed = self.seed;
        self.put_frame(header, bytes, |payload| {
            payload.copy_from_slice(rules.as_bytes());
            crc32c::crc32c_append(seed, payload)
        });
        self.gathering.as_mut().expect("a frame was put").has_batches = true;
        Ok(true)
    }

    /// Submits what has gathered and collects what is done. Returns the highest sequence that may be
    /// released: durable with [`Durability::Sync`], written with [`Durability::Async`]. Never waits,
    /// never allocates.
    ///
    /// # Errors
    ///
    /// The first time, the failure of a write or sync; from then on [`JournalError::Poisoned`].
    pub fn poll(&mut self) -> Result<u64, JournalError> {
        while let Some(completion) = self.storage.complete() {
            self.collect(completion);
        }
        self.check()?;
        self.release();
        self.prepare_next();
        self.submit();
        self.storage.begin();
        Ok(match self.options.durability {
            Durability::Sync => self.durable_sequence,
            Durability::Async => self.written_sequence,
        })
    }

    /// As [`Writer::append_rules`], but returns when they are durable. Makes the next segment only if
    /// this one is full.
    pub(super) fn append_rules_and_wait(&mut self, rules: &Rules) -> Result<(), JournalError> {
        while !self.append_rules(rules)? {
            self.poll()?;
            self.storage.wait();
        }
        loop {
            while let Some(completion) = self.storage.complete() {
                self.collect(completion);
            }
            self.check()?;
            self.release();
            self.submit();
            self.storage.begin();
            if self.is_drained() {
                return Ok(());
            }
            self.storage.wait();
        }
    }

    /// Where it would go on now: of use only when [`Writer::is_drained`].
    pub(super) fn position(&self) -> Position {
        let next = match self.next_segment {
            NextSegment::Ready(bytes) => Some(bytes),
            NextSegment::Missing | NextSegment::Preparing(_) => None,
        };
        Position { next_segment_bytes: next, ..self.position }
    }

    /// Whether nothing is gathered and nothing is being written.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.gathering.is_none() && self.ready.is_empty() && self.in_flight.is_empty()
    }

    /// Nothing to do just now: has the highest durable sequence written down, if what is on disk
    /// lags behind, so that damage below it can be told from a tail. Never waits.
    ///
    /// # Errors
    ///
    /// As [`Writer::poll`].
    pub fn idle(&mut self) -> Result<(), JournalError> {
        self.poll()?;
        let last = self.position.last_sequence;
        if !self.is_drained() || self.position.marked_sequence == last || !self.syncs.is_empty() {
            return Ok(());
        }
        if self.durable_sequence < last {
            self.sync(self.position.segment, false);
            self.storage.begin();
            return Ok(());
        }
        self.put_mark();
        self.poll().map(|_| ())
    }

    /// Writes and syncs all that was appended, with a closing frame. Waits.
    ///
    /// # Errors
    ///
    /// As [`Writer::poll`].
    pub fn close(mut self) -> Result<(), JournalError> {
        loop {
            self.idle()?;
            let is_preparing = matches!(self.next_segment, NextSegment::Preparing(_));
            let is_marked = self.position.marked_sequence == self.position.last_sequence;
            if self.is_drained() && self.syncs.is_empty() && is_marked && !is_preparing {
                return Ok(());
            }
            self.storage.wait();
        }
    }

    /// Waits until something completes; returns at once if nothing is under way.
    pub fn wait(&mut self) {
        self.storage.wait();
    }

    fn check(&mut self) -> Result<(), JournalError> {
        if let Some(failure) = self.failure.take() {
            self.cause = Some(failure.to_string());
            return Err(failure);
        }
        match &self.cause {
            Some(cause) => Err(JournalError::Poisoned { cause: cause.clone() }),
            None => Ok(()),
        }
    }

    /// Makes sure that a frame of `bytes` and one that ends the segment fit behind what was
    /// gathered. False: not now.
    fn make_room(&mut self, bytes: usize) -> bool {
        let needed = bytes + FRAME_HEADER_BYTES;
        loop {
            let used = self.gathering.as_ref().map_or(0, |gathering| gathering.used_bytes);
            let end = self.position.offset + (used + bytes).next_multiple_of(BLOCK_BYTES) as u64;
            // One more block, so that the frame that ends the segment always finds room.
            if end + BLOCK_BYTES as u64 > self.position.segment_bytes {
                if !self.end_segment() {
                    return false;
                }
                continue;
            }
            match &self.gathering {
                Some(_) if used + needed <= GROUP_BYTES_MAX => return true,
                Some(_) => self.close_group(),
                None => return self.begin_group(),
            }
        }
    }

    fn begin_group(&mut self) -> bool {
        let Some(buffer) = self.free.pop() else {
            return false;
        };
        self.gathering = Some(Gathering {
            buffer,
            used_bytes: 0,
            open_frame: 0,
            has_batches: false,
            ends_segment: false,
        });
        true
    }

    /// Goes over to the next segment, if it is there.
    fn end_segment(&mut self) -> bool {
        let NextSegment::Ready(next_bytes) = self.next_segment else {
            return false;
        };
        if self.syncs.len() == SYNCS_MAX {
            return false;
        }
        // There is always room for this frame: every other one leaves it.
        if self.gathering.is_none() && !self.begin_group() {
            return false;
        }
        let header = self.begin_frame(FrameKind::End);
        let seed = self.seed;
        self.put_frame(header, 0, |_| seed);
        self.gathering.as_mut().expect("a frame was put").ends_segment = true;
        self.close_group();

        self.position.segment += 1;
        self.position.segment_bytes = next_bytes;
        self.position.offset = SEGMENT_HEADER_BYTES as u64;
        self.seed = frame_seed(&self.position.journal_id, self.position.segment);
        self.next_segment = NextSegment::Missing;
        true
    }

    fn put_mark(&mut self) {
        // No room means that more is being written, and marks with it.
        if self.make_room(FRAME_HEADER_BYTES) {
            let header = self.begin_frame(FrameKind::Mark);
            let seed = self.seed;
            self.put_frame(header, 0, |_| seed);
        }
    }

    fn begin_frame(&self, kind: FrameKind) -> FrameHeader {
        FrameHeader {
            checksum: 0,
            payload_checksum: 0,
            first_sequence: self.position.last_sequence + 1,
            durable_sequence: self.durable_sequence,
            first_timestamp: 0,
            length_bytes: 0,
            offset_steps: 0,
            previous_checksum: 0,
            count: 0,
            op: 0,
            kind: kind as u8,
            seal: [0; 16],
        }
    }

    /// Puts a frame behind the last one. `fill` writes its payload and returns the payload's
    /// checksum. The header is finished by what comes next, which knows about padding.
    fn put_frame(
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
        header.length_bytes = (end - start) as u32;
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
        let mut header: FrameHeader = zerocopy::FromBytes::read_from_bytes(&*head)
            .expect("a header has the length of a header");
        header.payload_checksum = crc32c::crc32c_append(header.payload_checksum, padding);
        header.length_bytes = (padded - start) as u32;
        header.previous_checksum = self.position.previous_checksum;
        if let Some(key) = &self.options.key {
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

    /// Pads what was gathered to whole blocks and makes it ready to be written.
    fn close_group(&mut self) {
        let used = self.gathering.as_ref().expect("there is a group to close").used_bytes;
        self.finish_frame(used.next_multiple_of(BLOCK_BYTES) - used);
        let gathering = self.gathering.take().expect("there is a group to close");
        let ticket = self.take_ticket();
        self.ready.push_back(Group {
            ticket,
            segment: self.position.segment,
            offset: self.position.offset,
            bytes: gathering.used_bytes,
            last_sequence: self.position.last_sequence,
            buffer: Some(gathering.buffer),
            has_batches: gathering.has_batches,
            ends_segment: gathering.ends_segment,
            is_done: false,
        });
        self.position.offset += gathering.used_bytes as u64;
    }

    fn take_ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    fn submit(&mut self) {
        // A mark on its way is nothing to gather behind.
        let is_quiet =
            self.ready.is_empty() && !self.in_flight.iter().any(|group| group.has_batches);
        if is_quiet && self.gathering.is_some() {
            self.close_group();
        }
        while self.in_flight.len() < IN_FLIGHT_MAX {
            let Some(mut group) = self.ready.pop_front() else {
                return;
            };
            let buffer = group.buffer.take().expect("a ready group has its buffer");
            let operation = Operation::Write {
                segment: group.segment,
                offset: group.offset,
                buffer,
                bytes: group.bytes,
                durable: self.options.durability == Durability::Sync || !group.has_batches,
            };
            self.storage.submit(group.ticket, operation);
            self.in_flight.push_back(group);
        }
    }

    fn prepare_next(&mut self) {
        if self.next_segment != NextSegment::Missing {
            return;
        }
        let bytes = self.options.segment_bytes;
        let number = self.position.segment + 1;
        let header =
            SegmentHeader::new(self.position.journal_id, number, bytes, self.options.key.as_ref());
        let ticket = self.take_ticket();
        self.storage.submit(ticket, Operation::Prepare(header));
        self.next_segment = NextSegment::Preparing(ticket);
    }

    fn sync(&mut self, segment: u32, leaves_segment: bool) {
        let ticket = self.take_ticket();
        self.storage.submit(ticket, Operation::Sync { segment });
        let sequence = self.written_sequence;
        self.syncs.push_back(SegmentSync {
            ticket,
            segment,
            sequence,
            leaves_segment,
            is_done: false,
        });
    }

    fn collect(&mut self, completion: Completion) {
        self.free.extend(completion.buffer);
        if let Err(error) = completion.result {
            // The first failure is the one to tell; what follows may only follow from it.
            if self.failure.is_none() && self.cause.is_none() {
                self.failure = Some(error);
            }
            return;
        }
        let ticket = completion.ticket;
        if self.next_segment == NextSegment::Preparing(ticket) {
            self.next_segment = NextSegment::Ready(self.options.segment_bytes);
        } else if let Some(sync) = self.syncs.iter_mut().find(|sync| sync.ticket == ticket) {
            sync.is_done = true;
        } else if let Some(group) = self.in_flight.iter_mut().find(|group| group.ticket == ticket) {
            group.is_done = true;
        }
    }

    /// Releases groups from the oldest on, as far as they are done.
    fn release(&mut self) {
        while self.in_flight.front().is_some_and(|group| group.is_done) {
            let group = self.in_flight.pop_front().expect("there is a first one");
            self.written_sequence = group.last_sequence;
            if self.options.durability == Durability::Sync {
                self.durable_sequence = group.last_sequence;
            }
            match self.options.durability {
                _ if !group.ends_segment => {}
                Durability::Sync => self.leave_segment(group.segment),
                // Now and then, so that damage in the middle is not taken for a tail.
                Durability::Async => self.sync(group.segment, true),
            }
        }
        while self.syncs.front().is_some_and(|sync| sync.is_done) {
            let sync = self.syncs.pop_front().expect("there is a first one");
            self.durable_sequence = self.durable_sequence.max(sync.sequence);
            if sync.leaves_segment {
                self.leave_segment(sync.segment);
            }
        }
    }

    fn leave_segment(&mut self, segment: u32) {
        let ticket = self.take_ticket();
        self.storage.submit(ticket, Operation::Release { segment });
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
