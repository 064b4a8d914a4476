//! Commands from clients that the door has let in, for `ringfence run`.
//!
//! ```text
//!   door ──admitted──▶ connection ──read──▶ decoder ──whole batches──▶ intake
//!                          ▲                                            │
//!                          └── read no further: too many unanswered ◀───┘ publish
//! ```
//!
//! # Invariants
//!
//! * Only batches that the protocol and the client's grants allow reach the ring.
//! * A connection has at most as many unanswered commands as its hello says, and one batch more.
//! * Connections are served in turns: a busy one does not starve the others.
//! * A session with a name has one holder: the last connection that came with its name. From a
//!   former one nothing more is taken in.

mod reading;

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crossbeam::channel::Receiver;
use mio::{Interest, Token};

use crate::door::{Admitted, Door};
use crate::notice::{Missed, Opened, Reason, SLICES, SessionNotice};
use crate::session::Session;
use reading::{Reading, Served, reason, sessions_full};
use ringfence_codec::wire::{EngineHello, ErrorCode, Mode, encode_error};
use ringfence_node::Clock;
use ringfence_node::gateway::{Intake, Progress, Pulse, Source, SourceError};
use ringfence_node::{Gauge, History, Poller, Ready};
use ringfence_ring::Bell;
use ringfence_types::{BATCH_COMMANDS_MAX, Body, Op, Request, SessionRecord};

/// What the engine's own command brings.
const NO_BODY: Body = Body::NONE;
/// Least time from one slice of the connections to the next. A thread without work looks every 100 ms:
/// so each connection has its turn within a second.
const SLICE: Duration = Duration::from_millis(400 / SLICES as u64);
/// Connections that are let in from the door in one turn.
const ADMITTED_A_TURN: usize = 16;

/// Takes batches in from clients.
pub struct SocketSource {
    door: Door,
    admitted: Receiver<Admitted>,
    poller: Arc<Poller>,
    history: History,
    keeps_log: bool,
    /// By number; number 0 is nobody's.
    connections: Vec<Option<Box<Reading>>>,
    /// Numbers that are free.
    free: Vec<u16>,
    /// Which connection holds a session with a name.
    holders: HashMap<u128, u16>,
    ready: Vec<Ready>,
    /// Connections to be served, each once.
    turns: VecDeque<u16>,
    /// Connections whose end was told to publish, which is not done with them yet.
    endings: Vec<u16>,
    notices: VecDeque<SessionNotice>,
    publish: Arc<OnceLock<Bell>>,
    clock: Clock,
    pulse: Option<Pulse>,
    /// The slice of connections whose turn is next, and when.
    slice: u16,
    slice_at: Instant,
    stopping: bool,
}

/// What a source stands on.
pub(crate) struct Parts {
    pub(crate) door: Door,
    pub(crate) admitted: Receiver<Admitted>,
    pub(crate) poller: Arc<Poller>,
    pub(crate) history: History,
    pub(crate) keeps_log: bool,
    /// Takes publish's bell once that is known.
    pub(crate) publish: Arc<OnceLock<Bell>>,
}

impl SocketSource {
    pub(crate) fn new(parts: Parts) -> SocketSource {
        let Parts { door, admitted, poller, history, keeps_log, publish } = parts;
        let connections = door.limits().connections;
        SocketSource {
            door,
            admitted,
            poller,
            history,
            keeps_log,
            connections: std::iter::repeat_with(|| None)
                .take(usize::from(connections) + 1)
                .collect(),
            free: (1..=connections).rev().collect(),
            holders: HashMap::new(),
            ready: Vec::new(),
            turns: VecDeque::new(),
            endings: Vec::new(),
            notices: VecDeque::new(),
            publish,
            clock: Clock::System,
            pulse: None,
            slice: 0,
            slice_at: Instant::now(),
            stopping: false,
        }
    }

    /// Where it listens, as clients name it.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        self.door.addresses()
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

    /// Takes up what the poller has found.
    fn look(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        self.poller.take_ready(&mut ready);
        for Ready { token, readable, closed, writable } in ready.drain(..) {
            if writable && let Some(publish) = self.publish.get() {
                // Publish may have answers that did not fit into the socket before.
                publish.ring();
            }
            if let Some(reading) = self.connections[token.0].as_mut().filter(|_| readable) {
                reading.closed |= closed;
                if !reading.readable && !reading.ended {
                    reading.readable = true;
                    self.turns.push_back(token.0 as u16);
                }
            }
        }
        self.ready = ready;
        let connections = &mut self.connections;
        let free = &mut self.free;
        self.endings.retain(|&id| {
            let slot = &mut connections[usize::from(id)];
            let done = slot.as_ref().is_some_and(|reading| reading.session.has_ended());
            if done {
                *slot = None;
                free.push(id);
            }
            !done
        });
    }

    /// Lets in one connection that the door has admitted.
    fn admit(
        &mut self,
        admitted: Admitted,
        intake: &Intake<SessionNotice>,
        clock_ns: u64,
        now: Instant,
    ) {
        let state = match admitted.hello.session {
            0 => None,
            identity => intake.sessions().get(identity),
        };
        if let Some(reason) = self.unfit(&admitted, state.as_ref(), intake, clock_ns) {
            return refuse(admitted, &reason);
        }
        let Admitted { mut stream, decoder, hello, principal, seat } = admitted;
        let id =
            self.free.pop().expect("there is a number for every connection that the door admits");
        let (registry, token) = (self.poller.registry(), Token(usize::from(id)));
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = stream.register(registry, token, interest) {
            self.free.push(id);
            tracing::warn!("polling a connection: {error}");
            return;
        }
        let identity = hello.session;
        if let Some(former) = self.holders.get(&identity).copied() {
            let text = "another connection has taken the session over";
            self.end(former, Some(reason(ErrorCode::Superseded, 0, text)));
        }
        if identity != 0 {
            self.holders.insert(identity, id);
        }
        let session = Arc::new(Session::new(id, stream, seat));
        let last_sequence = state.as_ref().map_or(0, |state| state.last_sequence);
        let last_request = state.as_ref().map_or(0, |state| state.last_request);
        let is_behind = hello.last_sequence < last_sequence;
        let missed = (is_behind && self.keeps_log).then_some(Missed {
            session: identity,
            after: hello.last_sequence,
            up_to: last_sequence,
        });
        let resumes_after = match missed {
            Some(missed) => missed.after,
            None => hello.last_sequence.max(last_sequence),
        };
        session.set_resuming(missed.is_some());
        let limits = self.door.limits();
        let in_flight_commands_max = match hello.in_flight_commands_max {
            0 => limits.in_flight_commands,
            wish => wish.min(limits.in_flight_commands),
        };
        let greeting = EngineHello {
            mode: Mode::Commands,
            batch_commands_max: BATCH_COMMANDS_MAX as u32,
            in_flight_commands_max,
            idle_timeout_ms: u32::try_from(limits.idle_timeout.as_millis()).unwrap_or(u32::MAX),
            last_sequence,
            journal: self.history.journal_id,
            epoch: self.history.epoch.into(),
            last_request,
            is_known: state.is_some(),
            events: hello.events,
            resumes_after,
        };
        let opened = Opened { session: Arc::clone(&session), hello: greeting, missed };
        self.notices.push_back(SessionNotice::Opened(Box::new(opened)));
        self.connections[usize::from(id)] = Some(Box::new(Reading {
            session,
            principal,
            decoder,
            identity,
            last_request,
            in_flight_max: in_flight_commands_max.into(),
            taken: 0,
            has_allowance: false,
            readable: true,
            closed: false,
            ended: false,
            heard: now,
        }));
        self.turns.push_back(id);
    }

    /// Why a connection with this hello cannot be let in, if it cannot. `state` is what is known of
    /// its session.
    fn unfit(
        &self,
        admitted: &Admitted,
        state: Option<&SessionRecord>,
        intake: &Intake<SessionNotice>,
        clock_ns: u64,
    ) -> Option<Reason> {
        let hello = &admitted.hello;
        let (resume, is_known) = (hello.resume, state.is_some());
        if resume && !is_known {
            return Some(reason(ErrorCode::UnknownSession, 0, "the session is not known"));
        }
        if hello.session == 0 {
            return None;
        }
        let reached = state.map_or(intake.last_sequence(), |state| state.last_sequence);
        if hello.last_sequence > reached {
            let said = hello.last_sequence;
            let text = format!("sequence {said} is said to be dealt with, the last is {reached}");
            return Some(reason(ErrorCode::SequenceAhead, reached, text));
        }
        let holder = self.holders.get(&hello.session);
        let holder = holder.and_then(|&id| self.connections[usize::from(id)].as_ref());
        if holder.is_some_and(|holder| holder.principal.name != admitted.principal.name) {
            let text = "the session is held by another principal";
            return Some(reason(ErrorCode::NotAllowed, 0, text));
        }
        if is_known { None } else { sessions_full(hello.session, intake, clock_ns) }
    }

    /// Takes nothing more in from a connection. What is owed to it is sent, then it is ended.
    fn end(&mut self, id: u16, reason: Option<Reason>) {
        let reading = self.connections[usize::from(id)].as_mut().expect("it is there");
        if reading.ended {
            return;
        }
        reading.ended = true;
        reading.readable = false;
        reading.session.set_closing();
        if let Some(reason) = &reason {
            reading.session.ends_with(reason.code, &reason.text);
        }
        if self.holders.get(&reading.identity) == Some(&id) {
            self.holders.remove(&reading.identity);
        }
        self.notices.push_back(SessionNotice::Ended { session: id, reason });
        self.endings.push(id);
    }

    /// Serves the connection whose turn it is; whether something was taken in.
    fn serve(
        &mut self,
        id: u16,
        intake: &mut Intake<SessionNotice>,
        clock_ns: u64,
        now: Instant,
    ) -> Result<bool, SourceError> {
        let slot = self.connections[usize::from(id)].as_mut();
        let Some(reading) = slot.filter(|reading| !reading.ended) else { return Ok(false) };
        let served = reading.serve(intake, clock_ns, now)?;
        let worked = served == Served::More;
        match served {
            Served::More | Served::Waits => self.turns.push_back(id),
            Served::Done => {}
            Served::Ended(reason) => self.end(id, reason),
        }
        Ok(worked)
    }

    /// Once in a while, looks after the next slice of the connections.
    fn look_after(&mut self, now: Instant) {
        if now < self.slice_at {
            return;
        }
        self.slice_at = now + SLICE;
        self.slice = (self.slice + 1) % SLICES;
        let idle_timeout = self.door.limits().idle_timeout;
        for id in (self.slice..self.connections.len() as u16).step_by(SLICES.into()) {
            let Some(reading) = &mut self.connections[usize::from(id)] else { continue };
            reading.rest(now);
            // Where there is something to read, it is not the client who is silent.
            let is_quiet = !reading.ended && !reading.readable;
            let silent = is_quiet && now - reading.heard > idle_timeout;
            if reading.principal.is_revoked() {
                self.end(id, None);
            } else if silent {
                let text = format!("nothing was heard for {idle_timeout:?}");
                self.end(id, Some(reason(ErrorCode::IdleTimeout, 0, text)));
            }
        }
        self.notices.push_back(SessionNotice::Heartbeat { slice: self.slice });
    }

    /// Ends all connections. Whether publish knows of it.
    fn wind_up(&mut self, intake: &mut Intake<SessionNotice>) -> bool {
        let stopping = || reason(ErrorCode::Stopping, 0, "the engine is being stopped");
        for id in 1..self.connections.len() as u16 {
            if self.connections[usize::from(id)].is_some() {
                self.end(id, Some(stopping()));
            }
        }
        while let Ok(admitted) = self.admitted.try_recv() {
            refuse(admitted, &stopping());
        }
        self.say(intake)
    }
}

/// Tells a client that it is not let in, and ends the connection.
fn refuse(mut admitted: Admitted, reason: &Reason) {
    let mut message = Vec::new();
    encode_error(reason.code, reason.value, &reason.text, &mut message);
    // A fresh socket has room for it; a client that is gone need not be told.
    drop((&admitted.stream).write(&message));
    admitted.stream.shut_down();
    admitted.seat.ends_with(reason.code, reason.text.as_str());
}

impl Source for SocketSource {
    type Notice = SessionNotice;

    fn step(&mut self, intake: &mut Intake<SessionNotice>) -> Result<Progress, SourceError> {
        let clock_ns = self.clock.read_ns();
        if self.stopping {
            return Ok(if self.wind_up(intake) { Progress::Ended } else { Progress::Idle });
        }
        let now = Instant::now();
        self.look();
        for _ in 0..ADMITTED_A_TURN {
            let Ok(admitted) = self.admitted.try_recv() else { break };
            self.admit(admitted, intake, clock_ns, now);
        }
        self.look_after(now);
        let mut progress = Progress::Idle;
        for _ in 0..self.turns.len() {
            // What was said of a connection comes before its commands.
            if !self.say(intake) {
                break;
            }
            let Some(id) = self.turns.pop_front() else { break };
            if self.serve(id, intake, clock_ns, now)? {
                progress = Progress::Worked;
            }
        }
        self.say(intake);
        if let Some(pulse) = &mut self.pulse
            && pulse.is_wanted(clock_ns, intake.last_sequence())
            && intake.has_room_for_a_batch()
        {
            // Connection 0 is nobody's: no client is told.
            intake.submit(Op::Pulse, 0, &Request::NONE, clock_ns, 1, |_| &NO_BODY)?;
            progress = Progress::Worked;
        }
        Ok(progress)
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.door.stop();
    }

    fn attach(&mut self, _: Bell, publish: Bell) {
        drop(self.publish.set(publish));
    }

    fn poller(&self) -> Option<Arc<Poller>> {
        Some(Arc::clone(&self.poller))
    }

    fn watch(&mut self, due: Gauge) {
        self.pulse = Some(Pulse::new(due));
    }
}
