//! The way into the ring.

use crossbeam::channel::{Sender, TrySendError};

use super::SourceError;
use crate::notice::Notice;
use ringfence_engine::Sessions;
use ringfence_ring::{Bell, ClaimError, Producer};
use ringfence_types::{
    BATCH_COMMANDS_MAX, Body, Command, Header, Op, Origin, Request, TIMESTAMP_MAX,
};

/// Commands of a large batch that are handed on while the rest is still being copied.
const PART_COMMANDS: usize = 512;

/// Stamps batches and copies them into the ring.
pub struct Intake<N> {
    producer: Producer<Command>,
    /// What batches say of themselves: it has as many slots as the ring of the commands, and stages
    /// free them no later than the commands of the batch.
    origins: Producer<Origin>,
    sessions: Sessions,
    notices: Sender<Notice<N>>,
    publish: Bell,
    last_sequence: u64,
    last_timestamp: u64,
}

impl<N> Intake<N> {
    /// An intake that goes on after the command `last_sequence`, stamped `last_timestamp`, and knows
    /// these `sessions`. What is said beside the commands goes to `notices`, and `publish` is rung
    /// for it.
    #[must_use]
    pub(crate) fn new(
        (producer, origins): (Producer<Command>, Producer<Origin>),
        sessions: Sessions,
        notices: Sender<Notice<N>>,
        publish: Bell,
        (last_sequence, last_timestamp): (u64, u64),
    ) -> Intake<N> {
        Intake { producer, origins, sessions, notices, publish, last_sequence, last_timestamp }
    }

    /// What it leaves behind: the sessions that it knows.
    pub(crate) fn into_sessions(self) -> Sessions {
        self.sessions
    }

    /// The sessions that it knows.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Whether a request of the session `id` that is taken in now finds a place.
    #[must_use]
    pub fn would_accept_session(&self, id: u128, clock_ns: u64) -> bool {
        self.sessions.would_accept(id, clock_ns.max(self.last_timestamp + 1))
    }

    /// Takes a batch of `length` commands of one operation in, and what it says of itself: the first
    /// is stamped `max(previous + 1, clock_ns)`, the others follow 1 ns apart. Returns the sequence
    /// of the first one, or `None`, and nothing happened, where the ring has no room for all of them.
    /// `connection` is told to the sink with the outcomes, and 0 for those that nobody waits for.
    ///
    /// # Errors
    ///
    /// If the ring was halted.
    ///
    /// # Panics
    ///
    /// If `length` is 0 or more than [`BATCH_COMMANDS_MAX`], the clock passed [`TIMESTAMP_MAX`], the
    /// session of the request finds no place ([`Intake::would_accept_session`]), or its number does
    /// not increase.
    #[inline]
    pub fn submit<'a>(
        &mut self,
        op: Op,
        connection: u16,
        request: &Request,
        clock_ns: u64,
        length: usize,
        body: impl Fn(usize) -> &'a Body,
    ) -> Result<Option<u64>, SourceError> {
        assert!((1..=BATCH_COMMANDS_MAX).contains(&length));
        let first_timestamp = clock_ns.max(self.last_timestamp + 1);
        assert!(
            self.has_time_for(clock_ns, length),
            "the clock reads {clock_ns} ns, past the last timestamp there is"
        );
        let mut claim = match self.producer.try_claim(length) {
            Ok(Some(claim)) => claim,
            Ok(None) => return Ok(None),
            Err(ClaimError::Halted(halted)) => return Err(SourceError::Halted(halted)),
            Err(error) => {
                unreachable!(
                    "the ring holds two of the longest batches, and nothing waits: {error}"
                )
            }
        };
        let first_sequence = claim.first_sequence();
        let has_request = u8::from(!request.is_none());
        if has_request != 0 {
            let header = Header {
                timestamp: first_timestamp,
                batch_length: length as u16,
                op: op as u8,
                ..Header::default()
            };
            let origin = Origin::of(request, first_sequence, &header);
            take_in(&mut self.sessions, &mut self.origins, &origin)?;
        }
        let mut published = 0;
        for index in 0..length {
            let header = Header {
                timestamp: first_timestamp + index as u64,
                session: connection,
                batch_length: length as u16,
                batch_index: index as u16,
                op: op as u8,
                has_request,
            };
            let command = Command { header, body: *body(index) };
            let ends_chain = command.ends_chain();
            claim.set(index, command);
            // A chain is handed on whole: risk needs its end to know what becomes of its start.
            if index + 1 - published >= PART_COMMANDS && ends_chain {
                published = index + 1;
                claim.publish(published);
            }
        }
        claim.finish();
        self.last_sequence = first_sequence + length as u64 - 1;
        self.last_timestamp = first_timestamp + length as u64 - 1;
        Ok(Some(first_sequence))
    }

    /// Whether a batch of `length` commands that is stamped now is stamped within
    /// [`TIMESTAMP_MAX`].
    #[inline]
    #[must_use]
    pub fn has_time_for(&self, clock_ns: u64, length: usize) -> bool {
        let first_timestamp = clock_ns.max(self.last_timestamp + 1);
        first_timestamp <= TIMESTAMP_MAX + 1 - length as u64
    }

    /// Whether the ring has room for the longest batch there is.
    #[must_use]
    pub fn has_room_for_a_batch(&mut self) -> bool {
        self.producer.capacity_free() >= BATCH_COMMANDS_MAX
    }

    /// Says something after the last command taken in. Where too much was said that publish has
    /// not yet passed on, it is handed back.
    pub fn notify(&mut self, what: N) -> Result<(), N> {
        let notice = Notice { after: self.last_sequence, what };
        match self.notices.try_send(notice) {
            Ok(()) => {
                self.publish.ring();
                Ok(())
            }
            Err(TrySendError::Full(notice) | TrySendError::Disconnected(notice)) => {
                Err(notice.what)
            }
        }
    }

    /// Sequence of the last command taken in, 0 if there was none.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Timestamp of the last command taken in, 0 if there was none.
    #[must_use]
    pub fn last_timestamp(&self) -> u64 {
        self.last_timestamp
    }
}

/// Remembers what a batch says of itself, and says it to the journal and to publish, before the
/// batch is published: who sees its first command finds it.
#[inline(never)]
fn take_in(
    sessions: &mut Sessions,
    origins: &mut Producer<Origin>,
    origin: &Origin,
) -> Result<(), SourceError> {
    if origin.request.is_named() {
        let last_timestamp = origin.first_timestamp + u64::from(origin.commands) - 1;
        let accepted = sessions.accept(&origin.request, origin.last_sequence(), last_timestamp);
        accepted.expect("who submits has asked whether the session finds a place");
    }
    match origins.try_publish(*origin) {
        Ok(_) => Ok(()),
        Err(error) => match error.halted {
            Some(halted) => Err(SourceError::Halted(halted)),
            // Each batch has a command at least, and its origin is freed no later than that.
            None => unreachable!("there are as many slots for origins as for commands"),
        },
    }
}
