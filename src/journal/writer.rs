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

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::buffer::{Buffer, HUGE_PAGE_BYTES};
use super::error::JournalError;
use super::flights::{Flights, IN_FLIGHT_MAX, Sync, Syncs};
use super::format::{BODY_BYTES, FRAME_HEADER_BYTES, GROUP_BYTES_MAX, SegmentHeader};
use super::group::{GroupBuilder, Room};
use super::options::{Durability, Options, check_segment_bytes};
use super::place::Position;
use super::storage::{Completion, Operation, Storage};
use super::witness::Witness;
use ringfence_types::{BATCH_COMMANDS_MAX, Command, Rules, Window};

/// Buffers: one to fill, one that is ready, the others on their way.
const BUFFERS: usize = 2 + IN_FLIGHT_MAX;
/// Memory that the buffers of a writer take, in bytes, allocated when it is made.
pub const WRITER_BYTES: u64 = (BUFFERS * GROUP_BYTES_MAX.next_multiple_of(HUGE_PAGE_BYTES)) as u64;

/// Writes a journal.
pub struct Writer<S: Storage> {
    storage: S,
    options: Options,
    free: Vec<Buffer>,
    builder: GroupBuilder,
    flights: Flights,
    syncs: Syncs,
    next_segment: NextSegment,
    /// Whether the current segment is full, and the next one could not be made before.
    needs_segment: bool,
    next_ticket: u64,
    /// Highest sequence whose command was written.
    written_sequence: u64,
    /// Highest sequence whose command is on stable storage.
    durable_sequence: u64,
    /// Where what was written ends: the segment, and the offset there.
    written_end: (u32, u64),
    /// Where what is on stable storage ends, and the witness's last note of it.
    durable_end: (u32, u64),
    noted: (u64, (u32, u64)),
    /// The last witness that was asked for.
    witness: Option<u64>,
    failure: Option<JournalError>,
    cause: Option<String>,
}

#[derive(Debug)]
enum NextSegment {
    Missing,
    Preparing(u64),
    /// It could not be made, at that time: the disk is full. The current one is written on.
    Failed(JournalError, Instant),
    Ready(u64),
}

/// After so long a segment that could not be made is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl<S: Storage> Writer<S> {
    /// A writer that goes on at `position`, which is durable up to its last sequence. The storage
    /// knows the segment there, and the next one if the position names it.
    ///
    /// # Panics
    ///
    /// If the options are out of range.
    #[must_use]
    pub fn new(mut storage: S, position: Position, options: Options) -> Writer<S> {
        check_segment_bytes(options.segment_bytes).expect("the options were checked");
        let mut free: Vec<Buffer> = (0..BUFFERS).map(|_| Buffer::new(GROUP_BYTES_MAX)).collect();
        storage.register(&mut free);
        let end = (position.segment, position.offset);
        Writer {
            storage,
            options,
            free,
            builder: GroupBuilder::new(
                position,
                options.key,
                options.durability == Durability::Async,
            ),
            flights: Flights::new(BUFFERS),
            syncs: Syncs::new(),
            next_segment: match position.next_segment_bytes {
                Some(bytes) => NextSegment::Ready(bytes),
                None => NextSegment::Missing,
            },
            needs_segment: false,
            next_ticket: 0,
            written_sequence: position.last_sequence,
            durable_sequence: position.last_sequence,
            written_end: end,
            durable_end: end,
            noted: (position.last_sequence, end),
            witness: None,
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
        self.builder.position().last_sequence
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
        assert_eq!(
            first_sequence,
            self.builder.position().last_sequence + 1,
            "sequences have no gaps"
        );
        let first_timestamp = batch.at(0).header.timestamp;
        assert!(first_timestamp > self.builder.position().last_timestamp, "time only goes forward");
        if !self.make_room(FRAME_HEADER_BYTES + count * BODY_BYTES) {
            return Ok(false);
        }

        self.builder.put_batch(self.durable_sequence, batch);
        Ok(true)
    }

    /// Takes in rules that hold from here on. False: there is no room now.
    ///
    /// # Errors
    ///
    /// The failure of an earlier write or sync.
    pub fn append_rules(&mut self, rules: &Rules) -> Result<bool, JournalError> {
        self.check()?;
        if !self.make_room(FRAME_HEADER_BYTES + size_of::<Rules>()) {
            return Ok(false);
        }
        self.builder.put_rules(self.durable_sequence, rules);
        Ok(true)
    }

    /// Puts a mark. False: there is no room now.
    fn append_mark(&mut self) -> bool {
        let has_room = self.make_room(FRAME_HEADER_BYTES);
        if has_room {
            self.builder.put_mark(self.durable_sequence);
        }
        has_room
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

    /// Appends what a life begins with, rules or a mark, and returns when it is durable. Makes the next
    /// segment only if this one is full.
    pub(super) fn begin_and_wait(&mut self, rules: Option<&Rules>) -> Result<(), JournalError> {
        loop {
            let is_put = match rules {
                Some(rules) => self.append_rules(rules)?,
                None => self.append_mark(),
            };
            if is_put {
                break;
            }
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
            NextSegment::Missing | NextSegment::Preparing(_) | NextSegment::Failed(..) => None,
        };
        Position { next_segment_bytes: next, ..*self.builder.position() }
    }

    /// Why the next segment could not be made, if it could not: what is written now still fits the
    /// current one. It is tried again now and then.
    #[must_use]
    pub fn shortage(&self) -> Option<&JournalError> {
        match &self.next_segment {
            NextSegment::Failed(error, _) => Some(error),
            _ => None,
        }
    }

    /// Whether nothing is gathered and nothing is being written.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.builder.is_empty() && self.flights.is_empty()
    }

    /// Nothing to do just now: has the highest durable sequence written down, if what is on disk
    /// lags behind, so that damage below it can be told from a tail. Never waits.
    ///
    /// # Errors
    ///
    /// As [`Writer::poll`].
    pub fn idle(&mut self) -> Result<(), JournalError> {
        self.poll()?;
        let Position { last_sequence: last, marked_sequence, segment, .. } =
            *self.builder.position();
        if !self.is_drained() || marked_sequence == last || !self.syncs.is_empty() {
            return Ok(());
        }
        if self.durable_sequence < last {
            self.sync(segment, false);
            self.storage.begin();
            return Ok(());
        }
        // No room means that more is being written, and marks with it.
        self.append_mark();
        self.poll().map(|_| ())
    }

    /// Writes and syncs all that was appended, with a closing frame, and has it witnessed. Waits.
    ///
    /// # Errors
    ///
    /// As [`Writer::poll`].
    pub fn close(mut self) -> Result<(), JournalError> {
        loop {
            self.idle()?;
            let is_preparing = matches!(self.next_segment, NextSegment::Preparing(_));
            let position = self.builder.position();
            let is_marked = position.marked_sequence == position.last_sequence;
            if self.is_drained() && self.syncs.is_empty() && is_marked && !is_preparing {
                return self.write_witness();
            }
            self.storage.wait();
        }
    }

    /// Has the witness written, and waits.
    fn write_witness(&mut self) -> Result<(), JournalError> {
        let ticket = self.take_ticket();
        self.witness = Some(ticket);
        self.storage.submit(ticket, Operation::Witness(self.durable()));
        self.storage.begin();
        while self.witness.is_some() {
            self.storage.wait();
            while let Some(completion) = self.storage.complete() {
                self.collect(completion);
            }
            self.check()?;
        }
        Ok(())
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
        loop {
            match self.builder.room_for(bytes) {
                Room::Here => return true,
                Room::InNewGroup => return self.begin_group(),
                Room::BehindGroup => self.close_group(),
                Room::InNextSegment => {
                    if !self.end_segment() {
                        return false;
                    }
                }
            }
        }
    }

    fn begin_group(&mut self) -> bool {
        let Some(buffer) = self.free.pop() else {
            return false;
        };
        self.builder.begin(buffer);
        true
    }

    /// Goes over to the next segment, if it is there.
    fn end_segment(&mut self) -> bool {
        let next_bytes = match self.next_segment {
            NextSegment::Ready(bytes) => bytes,
            // Once more, now that it is needed, and then no more.
            NextSegment::Failed(..) if !self.needs_segment => {
                self.needs_segment = true;
                self.next_segment = NextSegment::Missing;
                return false;
            }
            _ => return false,
        };
        // Without waiting for the disk, no more than two segments are at risk.
        let leaves_another = self.flights.end_a_segment() || !self.syncs.is_empty();
        if self.options.durability == Durability::Async && leaves_another {
            return false;
        }
        if self.builder.is_empty() && !self.begin_group() {
            return false;
        }
        self.builder.put_end(self.durable_sequence);
        self.close_group();
        self.builder.enter_next_segment(next_bytes);
        self.needs_segment = false;
        self.next_segment = NextSegment::Missing;
        true
    }

    fn close_group(&mut self) {
        let ticket = self.take_ticket();
        self.flights.push(ticket, self.builder.close());
    }

    fn take_ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    fn submit(&mut self) {
        if self.flights.is_quiet() && !self.builder.is_empty() {
            self.close_group();
        }
        while let Some((flight, buffer)) = self.flights.take_off() {
            let operation = Operation::Write {
                segment: flight.segment,
                offset: flight.offset,
                buffer,
                bytes: flight.bytes,
                durable: self.options.durability == Durability::Sync || !flight.has_batches,
            };
            self.storage.submit(flight.ticket, operation);
        }
    }

    fn prepare_next(&mut self) {
        match &self.next_segment {
            NextSegment::Missing => {}
            NextSegment::Failed(_, when) if when.elapsed() >= RETRY => {}
            NextSegment::Preparing(_) | NextSegment::Failed(..) | NextSegment::Ready(_) => return,
        }
        let bytes = self.options.segment_bytes;
        let &Position { journal_id, segment, .. } = self.builder.position();
        let header = SegmentHeader::new(journal_id, segment + 1, bytes, self.options.key.as_ref());
        let ticket = self.take_ticket();
        self.storage.submit(ticket, Operation::Prepare(header));
        self.next_segment = NextSegment::Preparing(ticket);
    }

    fn sync(&mut self, segment: u32, leaves_segment: bool) {
        let ticket = self.take_ticket();
        self.storage.submit(ticket, Operation::Sync { segment });
        self.syncs.push(Sync {
            ticket,
            segment,
            sequence: self.written_sequence,
            end: self.written_end,
            leaves_segment,
            is_done: false,
        });
    }

    fn collect(&mut self, completion: Completion) {
        self.free.extend(completion.buffer);
        let ticket = completion.ticket;
        let is_segment =
            matches!(self.next_segment, NextSegment::Preparing(preparing) if preparing == ticket);
        match completion.result {
            Ok(()) if is_segment => {
                self.next_segment = NextSegment::Ready(self.options.segment_bytes);
            }
            // There is still room in the current one.
            Err(error) if is_segment && !self.needs_segment => {
                self.next_segment = NextSegment::Failed(error, Instant::now());
            }
            Err(error) => {
                // The first failure is the one to tell; what follows may only follow from it.
                if self.failure.is_none() && self.cause.is_none() {
                    self.failure = Some(error);
                }
            }
            Ok(()) if self.witness == Some(ticket) => self.witness = None,
            Ok(()) => {
                // What a release completed needs no notice.
                let _ = self.syncs.land(ticket) || self.flights.land(ticket);
            }
        }
    }

    /// Releases groups from the oldest on, as far as they are done.
    fn release(&mut self) {
        while let Some(flight) = self.flights.release() {
            self.written_sequence = flight.last_sequence;
            self.written_end = (flight.segment, flight.offset + flight.bytes as u64);
            if self.options.durability == Durability::Sync {
                self.durable_sequence = flight.last_sequence;
            }
            // What holds no commands is durable by itself; under `Sync` everything is.
            let is_durable = self.options.durability == Durability::Sync || !flight.has_batches;
            if is_durable && self.durable_sequence == flight.last_sequence {
                self.durable_end = self.written_end;
            }
            match self.options.durability {
                _ if !flight.ends_segment => {}
                Durability::Sync => self.leave_segment(flight.segment),
                // Now and then, so that damage in the middle is not taken for a tail.
                Durability::Async => self.sync(flight.segment, true),
            }
        }
        while let Some(sync) = self.syncs.release() {
            self.durable_sequence = self.durable_sequence.max(sync.sequence);
            self.durable_end = self.durable_end.max(sync.end);
            if sync.leaves_segment {
                self.leave_segment(sync.segment);
            }
        }
        self.note_durable();
    }

    /// Notes what is durable for the witness, if that is more than was noted.
    fn note_durable(&mut self) {
        let now = (self.durable_sequence, self.durable_end);
        if now != self.noted {
            self.noted = now;
            let witness = self.durable();
            self.storage.note(&witness);
        }
    }

    fn durable(&self) -> Witness {
        let &Position { journal_id, epoch, .. } = self.builder.position();
        let (segment, offset) = self.durable_end;
        Witness { journal_id, epoch, sequence: self.durable_sequence, segment, offset }
    }

    fn leave_segment(&mut self, segment: u32) {
        let ticket = self.take_ticket();
        self.storage.submit(ticket, Operation::Release { segment });
    }
}
