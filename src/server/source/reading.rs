//! One connection, as the gateway reads it.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::access::Principal;
use crate::notice::{Reason, SessionNotice};
use crate::session::Session;
use ringfence_codec::wire::{ClientMessage, ErrorCode, RequestDecoder};
use ringfence_node::gateway::{Intake, SourceError};
use ringfence_types::{BATCH_COMMANDS_MAX, Request};

/// From so many commands on a batch is the last one of its session in a turn.
const LONG_BATCH: usize = BATCH_COMMANDS_MAX / 8;

/// How long a client says nothing before it gives back the memory that long messages took.
const RESTS: Duration = Duration::from_secs(1);

/// One connection, as the gateway reads it.
pub(super) struct Reading {
    pub(super) session: Arc<Session>,
    pub(super) principal: Arc<Principal>,
    pub(super) decoder: RequestDecoder,
    /// Identity of the session, 0 without a name.
    pub(super) identity: u128,
    /// The last request that was taken in.
    pub(super) last_request: u64,
    /// Most commands that are taken in and not answered.
    pub(super) in_flight_max: u64,
    /// Commands taken in.
    pub(super) taken: u64,
    /// One more request was taken from what the principal may send.
    pub(super) has_allowance: bool,
    /// The socket may have more to read, or the decoder has.
    pub(super) readable: bool,
    /// The client will send nothing more than what is in the socket.
    pub(super) closed: bool,
    /// The end was told to publish.
    pub(super) ended: bool,
    /// When the client was last heard.
    pub(super) heard: Instant,
}

/// What became of a session's turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// Something was taken in, and there may be more.
    More,
    /// There is more, but it has to wait for answers, for room in the ring or for its time.
    Waits,
    /// There is nothing more for now.
    Done,
    /// There will never be more; why, if it was not the client's wish.
    Ended(Option<Reason>),
}

impl Reading {
    /// Takes in what has come: all whole batches of what one read brings, and so on until there is
    /// nothing more, no room, or another session's turn.
    pub(super) fn serve(
        &mut self,
        intake: &mut Intake<SessionNotice>,
        clock_ns: u64,
        now: Instant,
    ) -> Result<Served, SourceError> {
        let mut served = Served::Waits;
        let mut is_drained = false;
        loop {
            // Of whom the access file says something else now, the connection ends as if it were lost:
            // when it comes again, the door sees who it is.
            if self.session.is_gone() || self.principal.is_revoked() {
                return Ok(Served::Ended(None));
            }
            if !self.may_take_in(intake, now) {
                return Ok(served);
            }
            match self.decoder.next_message() {
                Ok(Some(ClientMessage::Batch { request, op, bodies })) => {
                    let (grants, last) = (&self.principal.grants, self.last_request);
                    if let Some(reason) = grants
                        .allows_batch(op, bodies)
                        .err()
                        .map(|refusal| reason(ErrorCode::NotAllowed, 0, refusal.to_string()))
                        .or_else(|| unfit(&request, last, intake, clock_ns))
                    {
                        return Ok(Served::Ended(Some(reason)));
                    }
                    let (id, length) = (self.session.id, bodies.len());
                    let taken =
                        intake.submit(op, id, &request, clock_ns, length, |at| &bodies[at])?;
                    assert!(taken.is_some(), "there was room for a batch");
                    self.taken += bodies.len() as u64;
                    self.last_request = request.number;
                    self.has_allowance = false;
                    served = Served::More;
                    if bodies.len() > LONG_BATCH {
                        return Ok(served);
                    }
                }
                Ok(Some(ClientMessage::Heartbeat)) => {}
                Ok(Some(_)) => unreachable!("the decoder lets nothing else pass here"),
                Ok(None) if is_drained => {
                    self.readable = false;
                    return Ok(Served::Done);
                }
                Ok(None) => {
                    let spare = self.decoder.frames().spare();
                    let room = spare.len();
                    match (&self.session.stream).read(spare) {
                        Ok(0) => return Ok(Served::Ended(None)),
                        Ok(count) => {
                            self.decoder.frames().advance(count);
                            self.heard = now;
                            // What comes later is told by the poller. An end that has come already
                            // was told: then it has to be read.
                            is_drained = count < room && !self.closed;
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            self.readable = false;
                            return Ok(Served::Done);
                        }
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(_) => return Ok(Served::Ended(None)),
                    }
                }
                Err(violation) => {
                    let (code, value) = (violation.code(), violation.value());
                    return Ok(Served::Ended(Some(reason(code, value, violation.to_string()))));
                }
            }
        }
    }

    /// Gives back memory where nothing has come for a while.
    pub(super) fn rest(&mut self, now: Instant) {
        if !self.readable && now.saturating_duration_since(self.heard) >= RESTS {
            self.decoder.frames().shrink();
        }
    }

    /// Whether one more batch may be taken in now.
    fn may_take_in(&mut self, intake: &mut Intake<SessionNotice>, now: Instant) -> bool {
        let unanswered = self.taken - self.session.answered();
        if unanswered >= self.in_flight_max
            || self.session.is_resuming()
            || !intake.has_room_for_a_batch()
        {
            return false;
        }
        self.has_allowance = self.has_allowance || self.session.principal().take_request(now);
        self.has_allowance
    }
}

/// A reason to end a connection.
pub(super) fn reason(code: ErrorCode, value: u64, text: impl Into<String>) -> Reason {
    Reason { code, value, text: text.into() }
}

/// Why a batch with this request cannot be taken in behind the request `last`.
fn unfit(
    request: &Request,
    last: u64,
    intake: &Intake<SessionNotice>,
    clock_ns: u64,
) -> Option<Reason> {
    if !request.is_named() {
        return None;
    }
    if request.number <= last {
        let text = format!("request {} comes after request {last}", request.number);
        return Some(reason(ErrorCode::RequestNotIncreasing, last, text));
    }
    sessions_full(request.session, intake, clock_ns)
}

/// Why the session cannot be remembered, if it cannot.
pub(super) fn sessions_full(
    identity: u128,
    intake: &Intake<SessionNotice>,
    clock_ns: u64,
) -> Option<Reason> {
    let fits = intake.would_accept_session(identity, clock_ns);
    (!fits).then(|| reason(ErrorCode::SessionsFull, 0, "the table of sessions is full"))
}
