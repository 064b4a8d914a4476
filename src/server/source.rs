//! Commands from clients, over Unix sockets and TCP, for `ringfence run`.
//!
//! ```text
//!   accept ──▶ session ──read──▶ decoder ──whole batches──▶ intake
//!                 ▲                                           │
//!                 └── read no further: too many unanswered ◀──┘ publish
//! ```
//!
//! # Invariants
//!
//! * Only batches that the protocol allows reach the ring.
//! * A session has at most [`IN_FLIGHT_COMMANDS_MAX`] unanswered commands, and one batch more.
//! * Sessions are served in turns: a busy one does not starve the others.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;

use mio::Token;

use crate::notice::SessionNotice;
use crate::session::{
    IN_FLIGHT_COMMANDS_MAX, Listener, SESSIONS_MAX, Session, SocketError, Stream,
};
use ringfence_codec::Address;
use ringfence_codec::wire::{ClientMessage, ErrorCode, Mode, RequestDecoder};
use ringfence_node::gateway::{Clock, Intake, Progress, Pulse, Source, SourceError};
use ringfence_node::{Gauge, Poller, Ready};
use ringfence_ring::Bell;
use ringfence_types::{BATCH_COMMANDS_MAX, Body, Op, Request};

/// Tokens from here on are listeners'.
const LISTENERS: usize = SESSIONS_MAX as usize + 1;
/// Connections accepted in one turn, at most, from each listener.
const ACCEPTED_A_TURN: usize = 16;

/// What the engine's own command brings.
const NO_BODY: Body = Body::NONE;

/// The gateway's side of a session.
struct Reading {
    session: Arc<Session>,
    decoder: RequestDecoder,
    /// Commands taken in.
    taken: u64,
    /// The socket may have more to read.
    readable: bool,
    /// The end was told to publish.
    ended: bool,
}

/// Takes batches in from clients.
pub struct SocketSource {
    poller: Arc<Poller>,
    listeners: Vec<Listener>,
    /// By number; number 0 is nobody's.
    sessions: Vec<Option<Reading>>,
    ready: Vec<Ready>,
    /// Sessions to be served, each once.
    turns: VecDeque<u16>,
    /// Sessions whose end was told to publish, which is not done with them yet.
    endings: Vec<u16>,
    notices: VecDeque<SessionNotice>,
    publish: Option<Bell>,
    clock: Clock,
    pulse: Option<Pulse>,
    stopping: bool,
}

impl SocketSource {
    /// Checks of `addresses` what can be checked before a data directory is made.
    ///
    /// # Errors
    ///
    /// If the path of a Unix socket is longer than the system allows.
    pub fn check(addresses: &[Address]) -> Result<(), SocketError> {
        addresses.iter().try_for_each(Listener::check)
    }

    /// Listens at `addresses`.
    ///
    /// # Errors
    ///
    /// If one of them cannot be listened at: it is in use, or a file stands in the way.
    pub fn listen(addresses: &[Address]) -> Result<SocketSource, SocketError> {
        let failed = |operation| {
            move |error| SocketError { operation, address: "sockets".to_owned(), error }
        };
        let poller = Poller::new().map_err(failed("polling"))?;
        let mut listeners = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            let mut listener = Listener::bind(address)?;
            let token = Token(LISTENERS + index);
            listener.register(poller.registry(), token).map_err(failed("polling"))?;
            listeners.push(listener);
        }
        Ok(SocketSource {
            poller: Arc::new(poller),
            listeners,
            sessions: std::iter::repeat_with(|| None).take(LISTENERS).collect(),
            ready: Vec::new(),
            turns: VecDeque::new(),
            endings: Vec::new(),
            notices: VecDeque::new(),
            publish: None,
            clock: Clock::System,
            pulse: None,
            stopping: false,
        })
    }

    /// Where it listens, as clients name it.
    pub fn addresses(&self) -> impl Iterator<Item = String> {
        self.listeners.iter().map(Listener::address)
    }

    /// Hands on what there is to say. `false`: publish has to catch up first.
    fn say(&mut self, intake: &mut Intake<SessionNotice>) -> bool {
        while let Some(notice) = self.notices.pop_front() {
            if let Err(notice) = intake.notify(notice) {
                self.notices.push_front(notice);
                return false;
            }
        }
        true
    }

    fn look(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        self.poller.take_ready(&mut ready);
        for Ready { token, readable, writable } in ready.drain(..) {
            if token.0 >= LISTENERS {
                self.accept(token.0 - LISTENERS);
                continue;
            }
            if writable && let Some(publish) = &self.publish {
                // Publish may have answers that did not fit into the socket before.
                publish.ring();
            }
            let id = token.0 as u16;
            if let Some(reading) = self.sessions[token.0].as_mut().filter(|_| readable)
                && !reading.readable
            {
                reading.readable = true;
                self.turns.push_back(id);
            }
        }
        // What accepting has left for the next turn.
        ready.append(&mut self.ready);
        self.ready = ready;
        let sessions = &mut self.sessions;
        self.endings.retain(|&id| {
            let slot = &mut sessions[usize::from(id)];
            let done = slot.as_ref().is_some_and(|reading| reading.session.has_ended());
            if done {
                *slot = None;
            }
            !done
        });
    }

    fn accept(&mut self, listener: usize) {
        for _ in 0..ACCEPTED_A_TURN {
            let stream = match self.listeners[listener].accept() {
                Ok(Some(stream)) => stream,
                Ok(None) => return,
                Err(error) => {
                    // The client is gone already, or the process has no file descriptor left:
                    // nobody else is harmed by it.
                    tracing::warn!("accepting a connection: {error}");
                    return;
                }
            };
            self.open(stream);
        }
        // There may be more; the next turn goes on.
        let token = Token(LISTENERS + listener);
        self.ready.push(Ready { token, readable: true, writable: false });
    }

    fn open(&mut self, mut stream: Stream) {
        let free = (1..=SESSIONS_MAX).find(|&id| self.sessions[usize::from(id)].is_none());
        let Some(id) = free else {
            let mut message = Vec::new();
            let text = format!("{SESSIONS_MAX} sessions are open");
            ringfence_codec::wire::encode_error(
                ErrorCode::TooManySessions,
                SESSIONS_MAX.into(),
                &text,
                &mut message,
            );
            // A fresh socket has room for it; a client that is gone need not be told.
            drop(io::Write::write(&mut &stream, &message));
            return;
        };
        if let Err(error) = stream.register(self.poller.registry(), Token(usize::from(id))) {
            tracing::warn!("polling a connection: {error}");
            return;
        }
        let session = Arc::new(Session::new(id, stream));
        self.notices.push_back(SessionNotice::Opened(Arc::clone(&session)));
        let decoder = RequestDecoder::new();
        let reading = Reading { session, decoder, taken: 0, readable: true, ended: false };
        self.sessions[usize::from(id)] = Some(reading);
        self.turns.push_back(id);
    }

    /// Serves the next session in turn.
    fn serve(
        &mut self,
        id: u16,
        clock_ns: u64,
        intake: &mut Intake<SessionNotice>,
    ) -> Result<Served, SourceError> {
        let Some(reading) = self.sessions[usize::from(id)].as_mut().filter(|it| !it.ended) else {
            return Ok(Served::Done);
        };
        let mut served = Served::Waits;
        loop {
            if reading.session.is_gone() {
                return Ok(end(reading, None, &mut self.notices));
            }
            let unanswered = reading.taken - reading.session.answered();
            if unanswered >= u64::from(IN_FLIGHT_COMMANDS_MAX) || !intake.has_room_for_a_batch() {
                return Ok(served);
            }
            match reading.decoder.next_message() {
                Ok(Some(ClientMessage::Hello(hello))) => {
                    let events = hello.events;
                    if hello.session != 0 || hello.mode != Mode::Commands {
                        let text = "sessions with a name and subscriptions are not served here";
                        let reason = Some((ErrorCode::NotAllowed, text.to_owned()));
                        return Ok(end(reading, reason, &mut self.notices));
                    }
                    self.notices.push_back(SessionNotice::Greeted { session: id, events });
                    served = Served::More;
                }
                Ok(Some(ClientMessage::Batch { request, op, bodies })) => {
                    let taken =
                        intake.submit(op, id, &request, clock_ns, bodies.len(), |index| {
                            &bodies[index]
                        })?;
                    assert!(taken.is_some(), "there was room for a batch");
                    reading.taken += bodies.len() as u64;
                    if bodies.len() > BATCH_COMMANDS_MAX / 8 {
                        return Ok(Served::More);
                    }
                    served = Served::More;
                }
                Ok(Some(ClientMessage::Heartbeat)) => {}
                Ok(Some(ClientMessage::Subscribe(_) | ClientMessage::Acknowledge(_))) => {
                    unreachable!("the decoder lets none pass where commands are sent")
                }
                Ok(None) => {
                    match (&reading.session.stream).read(reading.decoder.frames().spare()) {
                        Ok(0) => return Ok(end(reading, None, &mut self.notices)),
                        Ok(count) => reading.decoder.frames().advance(count),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            reading.readable = false;
                            return Ok(Served::Done);
                        }
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(_) => return Ok(end(reading, None, &mut self.notices)),
                    }
                }
                Err(violation) => {
                    let reason = Some((violation.code(), violation.to_string()));
                    return Ok(end(reading, reason, &mut self.notices));
                }
            }
        }
    }
}

/// What became of a session's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    /// Something was taken in, and there may be more.
    More,
    /// There is more, but it has to wait for answers or for room in the ring.
    Waits,
    /// There is nothing more for now.
    Done,
    /// There will never be more.
    Ended,
}

fn end(
    reading: &mut Reading,
    reason: Option<(ErrorCode, String)>,
    notices: &mut VecDeque<SessionNotice>,
) -> Served {
    reading.ended = true;
    reading.readable = false;
    notices.push_back(SessionNotice::Ended { session: reading.session.id, reason });
    Served::Ended
}

impl Source for SocketSource {
    type Notice = SessionNotice;

    fn step(&mut self, intake: &mut Intake<SessionNotice>) -> Result<Progress, SourceError> {
        let clock_ns = self.clock.read_ns();
        if self.stopping {
            for reading in self.sessions.iter_mut().flatten().filter(|reading| !reading.ended) {
                end(reading, None, &mut self.notices);
            }
            return Ok(if self.say(intake) { Progress::Ended } else { Progress::Idle });
        }
        self.look();
        let mut progress = Progress::Idle;
        for _ in 0..self.turns.len() {
            // What was said of a session comes before its commands.
            if !self.say(intake) {
                break;
            }
            let Some(id) = self.turns.pop_front() else { break };
            match self.serve(id, clock_ns, intake)? {
                Served::More => {
                    self.turns.push_back(id);
                    progress = Progress::Worked;
                }
                Served::Waits => self.turns.push_back(id),
                Served::Done => {}
                Served::Ended => self.endings.push(id),
            }
        }
        self.say(intake);
        if let Some(pulse) = &mut self.pulse
            && pulse.is_wanted(clock_ns, intake.last_sequence())
            && intake.has_room_for_a_batch()
        {
            // Session 0 is nobody's: no client is told.
            intake.submit(Op::Pulse, 0, &Request::NONE, clock_ns, 1, |_| &NO_BODY)?;
            progress = Progress::Worked;
        }
        Ok(progress)
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.listeners.clear();
    }

    fn attach(&mut self, _: Bell, publish: Bell) {
        self.publish = Some(publish);
    }

    fn poller(&self) -> Option<Arc<Poller>> {
        Some(Arc::clone(&self.poller))
    }

    fn watch(&mut self, due: Gauge) {
        self.pulse = Some(Pulse::new(due));
    }
}
