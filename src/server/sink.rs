//! Outcomes to the clients that wait for them, for `ringfence run`.
//!
//! # Invariants
//!
//! * Each session gets the outcomes of its own commands, in their order, each after its events.
//! * A client that does not read holds up nobody: what it is owed lies in a buffer of its own,
//!   bounded by how many of its commands are taken in. Of events there is no such bound: a client
//!   that wants them and is owed more than [`OWED_BYTES_MAX`] bytes loses its session.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::notice::SessionNotice;
use crate::resume::{OutcomeLog, Resume};
use crate::session::Connection;
use crate::{Limits, Refusal};
use ringfence_codec::wire::{
    EngineHello, ErrorCode, ReplyEncoder, encode_engine_hello, encode_error, encode_heartbeat,
};
use ringfence_node::publish::Sink;
use ringfence_ring::Bell;
use ringfence_types::{Event, Outcome};

/// Bytes that gather for one session before they are written, while there is more to publish.
const GATHERED_BYTES: usize = 32 * 1024;
/// How long a stopping engine waits for clients to take what they are owed.
const FAREWELL: Duration = Duration::from_secs(2);

/// What one client is owed.
struct Writing {
    connection: Arc<Connection>,
    encoder: ReplyEncoder,
    /// Encoded and not yet written, from `written` on.
    bytes: Vec<u8>,
    written: usize,
    /// Outcomes encoded.
    answered: u64,
    /// It is in the list of those that have something to be written.
    listed: bool,
    ending: bool,
    wants_events: bool,
    greeted: bool,
    /// Something was written since the last second.
    spoke: bool,
}

/// Sends outcomes to sessions.
pub struct SocketSink {
    /// By number.
    connections: Vec<Option<Writing>>,
    /// Numbers of connections with something to be written.
    list: Vec<u16>,
    limits: Limits,
    /// Where outcomes are that are sent again.
    log: Option<OutcomeLog>,
    gateway: Option<Bell>,
    stop: Arc<AtomicBool>,
    stopped: Option<Instant>,
}

impl SocketSink {
    /// A sink without connections; once `stop` is set, clients that do not read are waited for no
    /// longer than two seconds. Sessions are sent again what they missed from `log`.
    #[must_use]
    pub fn new(stop: Arc<AtomicBool>, limits: Limits, log: Option<OutcomeLog>) -> SocketSink {
        let count = usize::from(limits.connections) + 1;
        let connections = std::iter::repeat_with(|| None).take(count).collect();
        let (list, gateway, stopped) = (Vec::new(), None, None);
        SocketSink { connections, list, limits, log, gateway, stop, stopped }
    }

    fn of(&mut self, connection: u16) -> Option<&mut Writing> {
        let writing = self.connections[usize::from(connection)].as_mut()?;
        if !writing.listed {
            writing.listed = true;
            self.list.push(connection);
        }
        Some(writing)
    }

    /// Answers a hello; where outcomes are to be sent again, a thread does both.
    fn greet(&mut self, connection: u16, mut hello: EngineHello, session: u128) {
        let (log, gateway) = (self.log.clone(), self.gateway.clone());
        let (stop, idle_timeout) = (Arc::clone(&self.stop), self.limits.idle_timeout);
        let Some(writing) = self.of(connection) else { return };
        writing.wants_events = hello.events;
        writing.greeted = true;
        if session != 0 && hello.last_sequence > hello.resumes_after {
            if let Some(log) = log {
                let connection = Arc::clone(&writing.connection);
                let events = hello.events;
                let resume =
                    Resume { connection, hello, session, events, log, gateway, stop, idle_timeout };
                if let Err(error) = resume.start() {
                    tracing::warn!("resuming a session: {error}");
                }
                return;
            }
            hello.resumes_after = hello.last_sequence;
        }
        encode_engine_hello(&hello, &mut writing.bytes);
        // Whoever waits for this to be done may go on.
        writing.connection.set_resuming(false);
    }

    /// Says to all who were told nothing for a second that the engine is there.
    fn say_heartbeats(&mut self) {
        let mut silent = Vec::new();
        for (id, writing) in (0..).zip(&mut self.connections) {
            let Some(writing) = writing else { continue };
            if writing.greeted && !writing.ending && !writing.spoke && writing.bytes.is_empty() {
                silent.push(id);
            }
            writing.spoke = false;
        }
        for id in silent {
            if let Some(writing) = self.of(id) {
                encode_heartbeat(&mut writing.bytes);
            }
        }
    }
}

impl Writing {
    /// Writes what the socket takes. Returns whether anything was written.
    fn write(&mut self) -> bool {
        if self.connection.is_resuming() {
            // Another thread writes to the stream.
            return false;
        }
        self.encoder.finish(&mut self.bytes);
        let start = self.written;
        while self.written < self.bytes.len() {
            match (&self.connection.stream).write(&self.bytes[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.written > start;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.connection.set_gone();
                    break;
                }
            }
        }
        let any = !self.bytes.is_empty();
        self.spoke |= any;
        self.bytes.clear();
        self.written = 0;
        self.connection.set_answered(self.answered);
        any
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl Sink for SocketSink {
    type Notice = SessionNotice;

    fn notice(&mut self, notice: SessionNotice) {
        match notice {
            SessionNotice::Opened(connection) => {
                let id = usize::from(connection.id);
                self.connections[id] = Some(Writing {
                    connection,
                    encoder: ReplyEncoder::new(),
                    bytes: Vec::new(),
                    written: 0,
                    answered: 0,
                    listed: false,
                    ending: false,
                    wants_events: false,
                    greeted: false,
                    spoke: false,
                });
            }
            SessionNotice::Second => self.say_heartbeats(),
            SessionNotice::Greeted { connection, hello, session } => {
                self.greet(connection, hello, session);
            }
            SessionNotice::Ended { connection, reason } => {
                let Some(writing) = self.of(connection) else { return };
                writing.encoder.finish(&mut writing.bytes);
                if let Some(Refusal { code, value, text }) = reason {
                    encode_error(code, value, &text, &mut writing.bytes);
                }
                writing.ending = true;
            }
        }
    }

    fn event(&mut self, event: &Event) {
        let is_numbered = event.kind().is_numbered();
        let owed_bytes_max = self.limits.owed_bytes;
        let Some(writing) = self.of(event.session) else { return };
        if writing.ending || (is_numbered && !writing.wants_events) {
            return;
        }
        writing.encoder.event(event, &mut writing.bytes);
        if writing.bytes.len() - writing.written > owed_bytes_max {
            writing.write();
        }
        if writing.bytes.len() - writing.written > owed_bytes_max {
            let text = format!("more than {owed_bytes_max} bytes are owed and not read");
            encode_error(ErrorCode::NotReading, 0, &text, &mut writing.bytes);
            writing.ending = true;
            writing.connection.set_gone();
        }
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        // Session 0 is the engine's own: nobody waits for what it asks for.
        if let Some(writing) = self.of(outcome.session)
            && !writing.ending
        {
            writing.encoder.outcome(sequence, outcome, &mut writing.bytes);
            writing.answered += 1;
        }
    }

    fn turn_ends(&mut self, idle: bool) -> bool {
        let mut any = false;
        let give_up = self.gives_up();
        let mut list = std::mem::take(&mut self.list);
        list.retain(|&id| {
            let slot = &mut self.connections[usize::from(id)];
            let writing = slot.as_mut().expect("listed connections are open");
            if !idle && writing.bytes.len() - writing.written < GATHERED_BYTES {
                return true;
            }
            any |= writing.write();
            if writing.connection.is_resuming() {
                return true;
            }
            if give_up && !writing.is_empty() {
                writing.connection.set_gone();
                writing.bytes.clear();
            }
            if !writing.is_empty() {
                return true;
            }
            writing.listed = false;
            if writing.ending {
                writing.connection.stream.shut_down();
                writing.connection.set_ended();
                *slot = None;
            }
            false
        });
        // A session that opened meanwhile is in the new list.
        list.append(&mut self.list);
        self.list = list;
        if any && let Some(gateway) = &self.gateway {
            // Sessions that waited for their answers may go on.
            gateway.ring();
        }
        any
    }

    fn is_drained(&self) -> bool {
        self.list.is_empty()
    }

    fn attach(&mut self, _: Bell, gateway: Bell) {
        self.gateway = Some(gateway);
    }
}

impl SocketSink {
    /// Whether the engine is stopping and has waited long enough for clients that do not read.
    fn gives_up(&mut self) -> bool {
        // Relaxed: the flag carries nothing but itself.
        if self.list.is_empty() || !self.stop.load(Ordering::Relaxed) {
            return false;
        }
        self.stopped.get_or_insert_with(Instant::now).elapsed() > FAREWELL
    }
}
