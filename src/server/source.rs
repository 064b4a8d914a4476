//! Commands from clients, over Unix sockets and TCP, for `ringfence run`.
//!
//! ```text
//!   accept ──▶ connection ──read──▶ decoder ──hello──▶ greeting ──▶ session
//!                  ▲                   └──whole batches──▶ intake
//!                  └── read no further: too many unanswered, or being resumed ◀── publish
//! ```
//!
//! # Invariants
//!
//! * Only batches that the protocol allows reach the ring.
//! * A connection has at most as many unanswered commands as its hello says, and one batch more.
//! * A session has one holder: who greets last.
//! * Connections are served in turns: a busy one does not starve the others.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};
use std::sync::Arc;

use mio::Token;

use crate::greeting::{Known, greet};
use crate::notice::SessionNotice;
use crate::session::{Connection, Listener, SocketError, Stream};
use crate::{Limits, Refusal};
use ringfence_codec::Address;
use ringfence_codec::wire::{ClientHello, ClientMessage, ErrorCode, Mode, RequestDecoder};
use ringfence_node::gateway::{Clock, Intake, Progress, Pulse, Source, SourceError};
use ringfence_node::{Gauge, History, Poller, Ready};
use ringfence_ring::Bell;
use ringfence_types::{BATCH_COMMANDS_MAX, Body, Op, Request};

/// Connections accepted in one turn, at most, from each listener.
const ACCEPTED_A_TURN: usize = 64;
/// Commands taken from one connection in one turn before the others get theirs.
const COMMANDS_A_TURN: usize = BATCH_COMMANDS_MAX / 8;

/// What the engine's own command brings.
const NO_BODY: Body = Body::NONE;

/// The gateway's side of a connection.
struct Reading {
    connection: Arc<Connection>,
    decoder: RequestDecoder,
    /// Identity of its session; 0: none, or not greeted yet.
    session: u128,
    /// The last request of the session that was taken in.
    last_request: u64,
    greeted: bool,
    in_flight_max: u64,
    /// Commands taken in.
    taken: u64,
    /// The socket may have more to read.
    readable: bool,
    /// The end was told to publish.
    ended: bool,
    /// When it last said something, in seconds of [`Seconds`].
    heard: u64,
}

/// Counts seconds by the clock of the turns: a clock that is set forward or back is a second too.
#[derive(Debug, Default)]
struct Seconds {
    count: u64,
    since_ns: u64,
}

impl Seconds {
    /// Whether a second has passed.
    fn tick(&mut self, clock_ns: u64) -> bool {
        let has_passed = clock_ns.wrapping_sub(self.since_ns) >= 1_000_000_000;
        if has_passed {
            self.count += 1;
            self.since_ns = clock_ns;
        }
        has_passed
    }
}

/// Takes batches in from clients.
pub struct SocketSource {
    poller: Arc<Poller>,
    listeners: Vec<Listener>,
    limits: Limits,
    history: History,
    /// By number; number 0 is nobody's.
    connections: Vec<Option<Reading>>,
    /// Numbers that are free, the next to be given last.
    free: Vec<u16>,
    /// Who holds a session with a name.
    holders: HashMap<u128, u16>,
    ready: Vec<Ready>,
    turns: VecDeque<u16>,
    /// Connections whose end was told to publish, which is not done with them yet.
    endings: Vec<u16>,
    notices: VecDeque<SessionNotice>,
    publish: Option<Bell>,
    clock: Clock,
    seconds: Seconds,
    /// The system had no descriptor for a connection: tried again when one ends, and every second.
    accept_failed: bool,
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

    /// Listens at `addresses`, for an engine with this history.
    ///
    /// # Errors
    ///
    /// If one of them cannot be listened at: it is in use, or a file stands in the way.
    pub fn listen(
        addresses: &[Address],
        limits: Limits,
        history: History,
    ) -> Result<SocketSource, SocketError> {
        let failed = |operation| {
            move |error| SocketError { operation, address: "sockets".to_owned(), error }
        };
        let poller = Poller::new().map_err(failed("polling"))?;
        let mut listeners = Vec::new();
        let first_listener = usize::from(limits.connections) + 1;
        for (index, address) in addresses.iter().enumerate() {
            let mut listener = Listener::bind(address)?;
            let token = Token(first_listener + index);
            listener.register(poller.registry(), token).map_err(failed("polling"))?;
            listeners.push(listener);
        }
        Ok(SocketSource {
            poller: Arc::new(poller),
            listeners,
            limits,
            history,
            connections: std::iter::repeat_with(|| None).take(first_listener).collect(),
            free: (1..=limits.connections).rev().collect(),
            holders: HashMap::new(),
            ready: Vec::new(),
            turns: VecDeque::new(),
            endings: Vec::new(),
            notices: VecDeque::new(),
            publish: None,
            clock: Clock::System,
            seconds: Seconds::default(),
            accept_failed: false,
            pulse: None,
            stopping: false,
        })
    }

    /// Where it listens, as clients name it.
    pub fn addresses(&self) -> impl Iterator<Item = String> {
        self.listeners.iter().map(Listener::address)
    }

    fn first_listener(&self) -> usize {
        self.connections.len()
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
            if token.0 >= self.first_listener() {
                self.accept(token.0 - self.first_listener());
                continue;
            }
            if writable && let Some(publish) = &self.publish {
                // Publish may have answers that did not fit into the socket before.
                publish.ring();
            }
            let id = token.0 as u16;
            if let Some(reading) = self.connections[token.0].as_mut().filter(|_| readable)
                && !reading.readable
            {
                reading.readable = true;
                self.turns.push_back(id);
            }
        }
        // What accepting has left for the next turn.
        ready.append(&mut self.ready);
        self.ready = ready;
        self.forget_ended();
    }

    /// Frees the numbers of connections that publish is done with.
    fn forget_ended(&mut self) {
        let (connections, free) = (&mut self.connections, &mut self.free);
        let before = self.endings.len();
        self.endings.retain(|&id| {
            let slot = &mut connections[usize::from(id)];
            let done = slot.as_ref().is_some_and(|reading| reading.connection.has_ended());
            if done {
                *slot = None;
                free.push(id);
            }
            !done
        });
        if self.accept_failed && self.endings.len() < before {
            self.accept_again();
        }
    }

    /// Looks at all listeners in the next turn.
    fn accept_again(&mut self) {
        self.accept_failed = false;
        for index in 0..self.listeners.len() {
            let token = Token(self.first_listener() + index);
            self.ready.push(Ready { token, readable: true, writable: false });
        }
    }

    fn accept(&mut self, listener: usize) {
        for _ in 0..ACCEPTED_A_TURN {
            let stream = match self.listeners[listener].accept() {
                Ok(Some(stream)) => stream,
                Ok(None) => return,
                Err(error) if is_of_one_connection(&error) => continue,
                Err(error) => {
                    if !self.accept_failed {
                        tracing::warn!("accepting connections: {error}; trying again");
                    }
                    self.accept_failed = true;
                    return;
                }
            };
            self.open(stream);
        }
        // There may be more; the next turn goes on.
        let token = Token(self.first_listener() + listener);
        self.ready.push(Ready { token, readable: true, writable: false });
    }

    fn open(&mut self, mut stream: Stream) {
        let Some(id) = self.free.pop() else {
            let mut message = Vec::new();
            let most = self.limits.connections;
            let text = format!("{most} connections are open");
            let code = ErrorCode::TooManySessions;
            ringfence_codec::wire::encode_error(code, most.into(), &text, &mut message);
            // A fresh socket has room for it; a client that is gone need not be told.
            drop(io::Write::write(&mut &stream, &message));
            return;
        };
        if let Err(error) = stream.register(self.poller.registry(), Token(usize::from(id))) {
            tracing::warn!("polling a connection: {error}");
            self.free.push(id);
            return;
        }
        let connection = Arc::new(Connection::new(id, stream));
        self.notices.push_back(SessionNotice::Opened(Arc::clone(&connection)));
        self.connections[usize::from(id)] = Some(Reading {
            connection,
            decoder: RequestDecoder::new(),
            session: 0,
            last_request: 0,
            greeted: false,
            in_flight_max: 0,
            taken: 0,
            readable: true,
            ended: false,
            heard: self.seconds.count,
        });
        self.turns.push_back(id);
    }

    /// Ends a connection: publish sends what it is owed, and why.
    fn end(&mut self, id: u16, reason: Option<Refusal>) -> Served {
        let Some(reading) = self.connections[usize::from(id)].as_mut().filter(|it| !it.ended)
        else {
            return Served::Done;
        };
        reading.ended = true;
        reading.readable = false;
        if self.holders.get(&reading.session) == Some(&id) {
            self.holders.remove(&reading.session);
        }
        self.notices.push_back(SessionNotice::Ended { connection: id, reason });
        self.endings.push(id);
        Served::Done
    }

    /// Answers the hello of connection `id`; the session that it names is its own from now on.
    fn greet(
        &mut self,
        id: u16,
        hello: &ClientHello,
        clock_ns: u64,
        intake: &Intake<SessionNotice>,
    ) -> Result<(), Refusal> {
        if hello.mode == Mode::Subscription {
            let text = "subscriptions are not served here";
            return Err(Refusal::new(ErrorCode::NoOutcomeLog, text));
        }
        let known = Known {
            history: self.history,
            last_sequence: intake.last_sequence(),
            session: intake.sessions().get(hello.session),
            has_place: intake.would_accept_session(hello.session, clock_ns),
        };
        let answer = greet(hello, &known, &self.limits)?;
        if hello.session != 0
            && let Some(holder) = self.holders.insert(hello.session, id)
        {
            let text = "another connection has taken the session over";
            self.end(holder, Some(Refusal::new(ErrorCode::Superseded, text)));
            // The end of the former holder has removed it.
            self.holders.insert(hello.session, id);
        }
        let reading = self.connections[usize::from(id)].as_mut().expect("it has said hello");
        reading.greeted = true;
        reading.session = hello.session;
        reading.last_request = answer.last_request;
        reading.in_flight_max = answer.in_flight_commands_max.into();
        // Until it is answered, and sent again what it missed, nothing is read from it.
        reading.connection.set_resuming(hello.session != 0);
        let (connection, session) = (id, hello.session);
        self.notices.push_back(SessionNotice::Greeted { connection, hello: answer, session });
        Ok(())
    }

    /// Takes a batch in.
    fn take_in(
        &mut self,
        id: u16,
        clock_ns: u64,
        intake: &mut Intake<SessionNotice>,
    ) -> Result<Taken, SourceError> {
        let Some(reading) = self.connections[usize::from(id)].as_mut() else {
            return Ok(Taken::Nothing);
        };
        Ok(match reading.decoder.next_message() {
            Ok(None) => Taken::Nothing,
            Ok(Some(ClientMessage::Heartbeat)) => Taken::Commands(0),
            Ok(Some(ClientMessage::Hello(hello))) => Taken::Hello(hello),
            Ok(Some(ClientMessage::Batch { request, op, bodies })) => {
                if request.is_named() {
                    if request.number <= reading.last_request {
                        let last = reading.last_request;
                        let text = format!("request {} after {last}", request.number);
                        let refusal = Refusal::new(ErrorCode::RequestNotIncreasing, text);
                        return Ok(Taken::Refused(refusal.with_value(last)));
                    }
                    if !intake.would_accept_session(request.session, clock_ns) {
                        let text = "the table of sessions is full";
                        let refusal = Refusal::new(ErrorCode::SessionsFull, text);
                        return Ok(Taken::Refused(refusal));
                    }
                    reading.last_request = request.number;
                }
                let count = bodies.len();
                let taken =
                    intake.submit(op, id, &request, clock_ns, count, |index| &bodies[index])?;
                assert!(taken.is_some(), "there was room for a batch");
                reading.taken += count as u64;
                Taken::Commands(count)
            }
            Ok(Some(ClientMessage::Subscribe(_) | ClientMessage::Acknowledge(_))) => {
                unreachable!("the decoder lets none pass where commands are sent")
            }
            Err(violation) => {
                let refusal = Refusal::new(violation.code(), violation.to_string());
                Taken::Refused(refusal.with_value(violation.value()))
            }
        })
    }

    /// Serves the next connection in turn.
    fn serve(
        &mut self,
        id: u16,
        clock_ns: u64,
        intake: &mut Intake<SessionNotice>,
    ) -> Result<Served, SourceError> {
        let mut commands = 0;
        let mut served = Served::Waits;
        loop {
            let Some(reading) = self.connections[usize::from(id)].as_mut().filter(|it| !it.ended)
            else {
                return Ok(Served::Done);
            };
            if reading.connection.is_gone() {
                return Ok(self.end(id, None));
            }
            if reading.connection.is_resuming() {
                return Ok(served);
            }
            let unanswered = reading.taken - reading.connection.answered();
            let is_full = reading.greeted && unanswered >= reading.in_flight_max;
            if is_full || !intake.has_room_for_a_batch() {
                return Ok(served);
            }
            match self.take_in(id, clock_ns, intake)? {
                Taken::Commands(count) => {
                    commands += count;
                    served = Served::More;
                    if commands > COMMANDS_A_TURN {
                        return Ok(Served::More);
                    }
                }
                Taken::Hello(hello) => {
                    if let Err(refusal) = self.greet(id, &hello, clock_ns, intake) {
                        return Ok(self.end(id, Some(refusal)));
                    }
                    // The answer goes before the outcomes of what follows.
                    return Ok(Served::More);
                }
                Taken::Refused(refusal) => return Ok(self.end(id, Some(refusal))),
                Taken::Nothing => match self.read(id) {
                    Bytes::Arrived => {}
                    Bytes::Nothing => return Ok(Served::Done),
                    Bytes::Ended => return Ok(self.end(id, None)),
                },
            }
        }
    }

    /// Reads what the socket has.
    fn read(&mut self, id: u16) -> Bytes {
        let heard = self.seconds.count;
        let reading = self.connections[usize::from(id)].as_mut().expect("it is being served");
        loop {
            match (&reading.connection.stream).read(reading.decoder.frames().spare()) {
                Ok(0) => return Bytes::Ended,
                Ok(count) => {
                    reading.decoder.frames().advance(count);
                    reading.heard = heard;
                    return Bytes::Arrived;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    reading.readable = false;
                    return Bytes::Nothing;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Bytes::Ended,
            }
        }
    }

    /// What is done once a second: heartbeats, and the end of those who are silent.
    fn second(&mut self) {
        self.notices.push_back(SessionNotice::Second);
        let now = self.seconds.count;
        let (idle, hello) =
            (self.limits.idle_timeout.as_secs(), self.limits.hello_timeout.as_secs());
        let silent = |reading: &Reading| {
            // Who is not read from cannot be heard.
            !reading.ended
                && !reading.readable
                && now - reading.heard > if reading.greeted { idle } else { hello }
        };
        let silent: Vec<(u16, bool)> = (0..)
            .zip(&self.connections)
            .filter_map(|(id, reading)| {
                reading.as_ref().filter(|it| silent(it)).map(|it| (id, it.greeted))
            })
            .collect();
        for (id, greeted) in silent {
            let refusal = match greeted {
                true => Refusal::new(ErrorCode::IdleTimeout, format!("silent for {idle} seconds")),
                false => Refusal::new(ErrorCode::HelloTimeout, "the hello did not come in time"),
            };
            self.end(id, Some(refusal));
        }
        if self.accept_failed {
            self.accept_again();
        }
    }

    /// Ends all connections.
    fn end_all(&mut self) {
        for id in 1..self.connections.len() as u16 {
            let refusal = Refusal::new(ErrorCode::Stopping, "the engine is being stopped");
            self.end(id, Some(refusal));
        }
    }
}

/// Whether accepting failed for one client alone, which is gone already.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}

/// What came of the bytes that a connection has sent.
enum Taken {
    /// So many commands, or a sign of life.
    Commands(usize),
    Hello(ClientHello),
    Refused(Refusal),
    /// No whole message.
    Nothing,
}

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bytes {
    Arrived,
    /// There is nothing more for now.
    Nothing,
    /// There will never be more.
    Ended,
}

/// What became of a connection's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    /// Something was taken in, and there may be more.
    More,
    /// There is more, but it has to wait for answers or for room in the ring.
    Waits,
    /// There is nothing more for now, or ever.
    Done,
}

impl Source for SocketSource {
    type Notice = SessionNotice;

    fn step(&mut self, intake: &mut Intake<SessionNotice>) -> Result<Progress, SourceError> {
        let clock_ns = self.clock.read_ns();
        if self.stopping {
            self.end_all();
            return Ok(if self.say(intake) { Progress::Ended } else { Progress::Idle });
        }
        if self.seconds.tick(clock_ns) {
            self.second();
        }
        self.look();
        let mut progress = Progress::Idle;
        for _ in 0..self.turns.len() {
            // What was said of a connection comes before its commands.
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
