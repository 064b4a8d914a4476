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
use crate::session::{IN_FLIGHT_COMMANDS_MAX, SESSIONS_MAX, Session};
use ringfence_codec::wire::{
    EngineHello, ErrorCode, ReplyEncoder, encode_engine_hello, encode_error,
};
use ringfence_node::publish::Sink;
use ringfence_ring::Bell;
use ringfence_types::{BATCH_COMMANDS_MAX, Event, Outcome};

/// Bytes that gather for one session before they are written, while there is more to publish.
const GATHERED_BYTES: usize = 32 * 1024;
/// Most bytes that a client that wants events may be owed. With more its session ends: the engine
/// does not wait for it, and what it missed is in the journal.
const OWED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a stopping engine waits for clients to take what they are owed.
const FAREWELL: Duration = Duration::from_secs(2);

/// What one client is owed.
struct Writing {
    session: Arc<Session>,
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
}

/// Sends outcomes to sessions.
pub struct SocketSink {
    /// By number.
    sessions: Vec<Option<Writing>>,
    /// Numbers of sessions with something to be written.
    list: Vec<u16>,
    gateway: Option<Bell>,
    stop: Arc<AtomicBool>,
    stopped: Option<Instant>,
}

impl SocketSink {
    /// A sink without sessions; once `stop` is set, clients that do not read are waited for no
    /// longer than two seconds.
    #[must_use]
    pub fn new(stop: Arc<AtomicBool>) -> SocketSink {
        let sessions =
            std::iter::repeat_with(|| None).take(usize::from(SESSIONS_MAX) + 1).collect();
        SocketSink { sessions, list: Vec::new(), gateway: None, stop, stopped: None }
    }

    fn of(&mut self, session: u16) -> Option<&mut Writing> {
        let writing = self.sessions[usize::from(session)].as_mut()?;
        if !writing.listed {
            writing.listed = true;
            self.list.push(session);
        }
        Some(writing)
    }
}

impl Writing {
    /// Writes what the socket takes. Returns whether anything was written.
    fn write(&mut self) -> bool {
        self.encoder.finish(&mut self.bytes);
        let start = self.written;
        while self.written < self.bytes.len() {
            match (&self.session.stream).write(&self.bytes[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.written > start;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.session.set_gone();
                    break;
                }
            }
        }
        let any = !self.bytes.is_empty();
        self.bytes.clear();
        self.written = 0;
        self.session.set_answered(self.answered);
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
            SessionNotice::Opened(session) => {
                let id = usize::from(session.id);
                self.sessions[id] = Some(Writing {
                    session,
                    encoder: ReplyEncoder::new(),
                    bytes: Vec::with_capacity(2 * GATHERED_BYTES),
                    written: 0,
                    answered: 0,
                    listed: false,
                    ending: false,
                    wants_events: false,
                });
            }
            SessionNotice::Greeted { session, events } => {
                let Some(writing) = self.of(session) else { return };
                writing.wants_events = events;
                let hello = EngineHello {
                    batch_commands_max: BATCH_COMMANDS_MAX as u32,
                    in_flight_commands_max: IN_FLIGHT_COMMANDS_MAX,
                    events,
                    ..EngineHello::default()
                };
                encode_engine_hello(&hello, &mut writing.bytes);
            }
            SessionNotice::Ended { session, reason } => {
                let Some(writing) = self.of(session) else { return };
                writing.encoder.finish(&mut writing.bytes);
                if let Some((code, text)) = reason {
                    encode_error(code, 0, &text, &mut writing.bytes);
                }
                writing.ending = true;
            }
        }
    }

    fn event(&mut self, event: &Event) {
        let is_numbered = event.kind().is_numbered();
        let Some(writing) = self.of(event.session) else { return };
        if writing.ending || (is_numbered && !writing.wants_events) {
            return;
        }
        writing.encoder.event(event, &mut writing.bytes);
        if writing.bytes.len() - writing.written > OWED_BYTES_MAX {
            writing.write();
        }
        if writing.bytes.len() - writing.written > OWED_BYTES_MAX {
            let text = format!("more than {OWED_BYTES_MAX} bytes are owed and not read");
            encode_error(ErrorCode::NotReading, 0, &text, &mut writing.bytes);
            writing.ending = true;
            writing.session.set_gone();
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
            let slot = &mut self.sessions[usize::from(id)];
            let writing = slot.as_mut().expect("listed sessions are open");
            if !idle && writing.bytes.len() - writing.written < GATHERED_BYTES {
                return true;
            }
            any |= writing.write();
            if give_up && !writing.is_empty() {
                writing.session.set_gone();
                writing.bytes.clear();
            }
            if !writing.is_empty() {
                return true;
            }
            writing.listed = false;
            if writing.ending {
                writing.session.stream.shut_down();
                writing.session.set_ended();
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
