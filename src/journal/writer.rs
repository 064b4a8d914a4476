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
//! * A disk without room for the next segment is no failure: what does not fit the present one
//!   waits.
//! * After the first failure nothing is released any more.

mod life;
mod room;

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

use crossbeam::queue::ArrayQueue;

use super::buffer::{Buffer, HUGE_PAGE_BYTES};
use super::error::JournalError;
use super::figures::Figures;
use super::flights::{Flights, IN_FLIGHT_MAX, Sync, Syncs};
use super::format::{BODY_BYTES, FRAME_HEADER_BYTES, GROUP_BYTES_MAX, REQUEST_BYTES};
use super::group::GroupBuilder;
use super::next_segment::NextSegment;
use super::options::{Durability, Options, check_segment_bytes};
use super::place::Position;
use super::reach::{Point, Reach};
use super::recent::{RECENT_BYTES, Recent};
use super::shortage::RoomNews;
use super::storage::{Completion, Operation, Storage};
use ringfence_types::{BATCH_COMMANDS_MAX, Command, Request, Rules, Window};

/// Buffers: one to fill, one that is ready, the others on their way.
const BUFFERS: usize = 2 + IN_FLIGHT_MAX;
/// Memory that a writer takes, in bytes, allocated when it is made.
pub const WRITER_BYTES: u64 =
    (BUFFERS * GROUP_BYTES_MAX.next_multiple_of(HUGE_PAGE_BYTES) + RECENT_BYTES) as u64;

/// Writes a journal.
pub struct Writer<S: Storage> {
    storage: S,
    options: Options,
    free: Vec<Buffer>,
    builder: GroupBuilder,
    flights: Flights,
    syncs: Syncs,
    next_segment: NextSegment,
    room_news: Arc<ArrayQueue<RoomNews>>,
    /// Whether it was told that batches wait for room.
    has_told_full: bool,
    next_ticket: u64,
    reach: Reach,
    figures: Arc<Figures>,
    recent: Arc<Recent>,
    /// The last witness that was asked for.
    witness: Option<u64>,
    failure: Option<JournalError>,
    cause: Option<String>,
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
        check_segment_bytes(options.segment_bytes).expect("the options were checked");
        let mut free: Vec<Buffer> = (0..BUFFERS).map(|_| Buffer::new(GROUP_BYTES_MAX)).collect();
        storage.register(&mut free);
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
            next_segment: NextSegment::new(position.next_segment_bytes),
            room_news: Arc::new(ArrayQueue::new(room::NEWS_MAX)),
            has_told_full: false,
            next_ticket: 0,
            reach: Reach::new(&position, options.durability),
            figures: Arc::default(),
            recent: Arc::new(Recent::new()),
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

    /// How much it has written, and how long that took; for other threads too.
    #[must_use]
    pub fn figures(&self) -> &Arc<Figures> {
        &self.figures
    }

    /// What it has written last, for those who read along.
    #[must_use]
    pub fn recent(&self) -> &Arc<Recent> {
        &self.recent
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
        self.append_request(first_sequence, batch, &Request::NONE)
    }

    /// As [`Writer::append`], for a batch that says something of itself.
    ///
    /// # Errors
    ///
    /// As [`Writer::append`].
    ///
    /// # Panics
    ///
    /// As [`Writer::append`], and if the request is not [consistent](Request::is_consistent).
    pub fn append_request<W>(
        &mut self,
        first_sequence: u64,
        batch: &W,
        request: &Request,
    ) -> Result<bool, JournalError>
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
        assert!(request.is_consistent(), "no reader takes {request:?}");
        let record_bytes = if request.is_none() { 0 } else { REQUEST_BYTES };
        if !self.make_room(FRAME_HEADER_BYTES + record_bytes + count * BODY_BYTES) {
            self.tell_if_full();
            return Ok(false);
        }

        self.builder.put_batch(self.reach.durable_sequence(), batch, request);
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
        self.builder.put_rules(self.reach.durable_sequence(), rules);
        Ok(true)
    }

    /// Puts a mark. False: there is no room now.
    fn append_mark(&mut self) -> bool {
        let has_room = self.make_room(FRAME_HEADER_BYTES);
        if has_room {
            self.builder.put_mark(self.reach.durable_sequence());
        }
        has_room
    }

    /// Submits what has gathered and collects what is done. Returns the highest sequence that may
    /// be released: durable with [`Durability::Sync`], written with [`Durability::Async`]. Never
    /// waits, never allocates.
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
        Ok(self.reach.released_sequence())
    }

    /// Where it would go on now: of use only when [`Writer::is_drained`].
    pub(super) fn position(&self) -> Position {
        Position { next_segment_bytes: self.next_segment.bytes(), ..*self.builder.position() }
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
        if self.reach.durable_sequence() < last {
            self.sync(segment, false);
            self.storage.begin();
            return Ok(());
        }
        // No room means that more is being written, and marks with it.
        self.append_mark();
        self.poll().map(|_| ())
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
        // The clock is read once, and only where something takes off.
        let mut now = None;
        let mut read = || *now.get_or_insert_with(Instant::now);
        while let Some((flight, buffer)) = self.flights.take_off(&mut read) {
            self.recent.put(flight.segment, flight.offset, &buffer.bytes()[..flight.bytes]);
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

    fn sync(&mut self, segment: u32, leaves_segment: bool) {
        let ticket = self.take_ticket();
        self.storage.submit(ticket, Operation::Sync { segment });
        self.syncs.push(Sync {
            ticket,
            segment,
            point: self.reach.written(),
            leaves_segment,
            is_done: false,
        });
    }

    fn collect(&mut self, completion: Completion) {
        self.free.extend(completion.buffer);
        let ticket = completion.ticket;
        let result = match completion.result {
            result if self.next_segment.is_of(ticket) => self.next_is_made(result),
            result => result,
        };
        if let Err(error) = result {
            // The first failure is the one to tell; what follows may only follow from it.
            if self.failure.is_none() && self.cause.is_none() {
                self.failure = Some(error);
            }
        } else if self.witness == Some(ticket) {
            self.witness = None;
        } else if !self.syncs.land(ticket) {
            // What a release completed needs no notice.
            let _ = self.flights.land(ticket);
        }
    }

    /// Releases groups from the oldest on, as far as they are done.
    fn release(&mut self) {
        let mut now = None;
        while let Some(flight) = self.flights.release() {
            self.figures.count(&flight, *now.get_or_insert_with(Instant::now));
            let end = (flight.segment, flight.offset + flight.bytes as u64);
            let point = Point { sequence: flight.last_sequence, end };
            self.reach.write(point, flight.has_batches);
            match self.options.durability {
                _ if !flight.ends_segment => {}
                Durability::Sync => self.leave_segment(flight.segment),
                // Now and then, so that damage in the middle is not taken for a tail.
                Durability::Async => self.sync(flight.segment, true),
            }
        }
        while let Some(sync) = self.syncs.release() {
            self.reach.sync(sync.point);
            if sync.leaves_segment {
                self.leave_segment(sync.segment);
            }
        }
        if let Some(witness) = self.reach.note() {
            self.storage.note(&witness);
        }
    }

    fn leave_segment(&mut self, segment: u32) {
        let ticket = self.take_ticket();
        self.storage.submit(ticket, Operation::Release { segment });
    }
}
