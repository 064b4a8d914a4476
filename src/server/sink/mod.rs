//! Outcomes to the clients that wait for them, for `ringfence run`.
//!
//! # Invariants
//!
//! * Each connection gets the outcomes of its own commands, in their order, each after its events.
//! * A client that does not read holds up nobody: what it is owed lies in a buffer of its own,
//!   bounded by how many of its commands are taken in. Of events there is no such bound: a client
//!   that wants them and is owed more than [`Limits::owed_bytes`] loses its connection.
//! * All clients together are owed no more than [`Limits::owed_bytes_in_all`], and what one turn of
//!   publish adds: whoever is owed most loses its connection first.
//! * Who takes nothing of what it is owed for [`Limits::idle_timeout`] is cut off.
//! * While a client is sent what it has missed, nothing else is written to it.

mod mailer;
mod writing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::limits::Limits;
use crate::notice::{Opened, SLICES, SessionNotice};
use crate::resume::{Job, Resumer};
use mailer::{Mailer, SENDS_MAX};
use ringfence_codec::wire::ErrorCode;
use ringfence_node::publish::Sink;
use ringfence_ring::Bell;
use ringfence_types::{Event, Outcome};
use writing::Writing;

/// Bytes that gather for one connection before they are written, while there is more to publish.
const GATHERED_BYTES: usize = 32 * 1024;
/// Turns of publish after which everybody is written to, though there is more to publish: a busy
/// client does not delay the others' answers.
const TURNS_MAX: u32 = 8;

/// Sends outcomes to connections.
pub struct SocketSink {
    /// By number.
    connections: Vec<Option<Box<Writing>>>,
    /// Numbers of connections with something to be written.
    list: Vec<u16>,
    limits: Limits,
    mailer: Mailer,
    /// Connections that are sent to at once; empty between two turns.
    due: Vec<u16>,
    /// Turns since everybody was written to.
    turns: u32,
    gateway: Option<Bell>,
    /// Takes those that have missed something.
    resume: Option<Resumer>,
    stop: Arc<AtomicBool>,
    stopped: Option<Instant>,
}

impl SocketSink {
    /// A sink without connections; once `stop` is set, clients that do not read are waited for no
    /// longer than the limits say.
    pub(crate) fn new(
        limits: Limits,
        resume: Option<Resumer>,
        stop: Arc<AtomicBool>,
    ) -> SocketSink {
        let count = usize::from(limits.connections) + 1;
        let connections = std::iter::repeat_with(|| None).take(count).collect();
        let list = Vec::new();
        SocketSink {
            connections,
            list,
            limits,
            mailer: Mailer::new(),
            due: Vec::new(),
            turns: 0,
            gateway: None,
            resume,
            stop,
            stopped: None,
        }
    }

    #[inline]
    fn of(&mut self, session: u16) -> Option<&mut Writing> {
        let writing = self.connections[usize::from(session)].as_mut()?;
        if !writing.listed {
            writing.listed = true;
            self.list.push(session);
        }
        Some(writing)
    }

    fn open(&mut self, opened: Opened) {
        let Opened { session, hello, missed } = opened;
        let id = session.id;
        let mut writing = Writing::new(Arc::clone(&session), hello.events);
        match (missed, &self.resume) {
            (Some(missed), Some(resume)) => resume.send(Job { session, hello, missed }),
            _ => writing.greet(&hello),
        }
        self.connections[usize::from(id)] = Some(Box::new(writing));
        self.of(id);
    }

    /// Tells the connections of a slice that the engine is there, and looks after those that do not
    /// read.
    fn look_after(&mut self, slice: u16) {
        let idle_timeout = self.limits.idle_timeout;
        for id in (slice..self.connections.len() as u16).step_by(SLICES.into()) {
            let Some(writing) = &mut self.connections[usize::from(id)] else { continue };
            if !writing.session.is_resuming() {
                // One that was taken over before its hello was sent has had none: what it hears
                // first then is why it ends.
                if !writing.session.is_closing() && !writing.session.is_gone() {
                    writing.heartbeat();
                }
                writing.give_up_if_stalled(idle_timeout);
                self.of(id);
            }
        }
    }

    /// Whether so much is owed that it is written in this turn.
    fn is_due(writing: &Writing, writes_all: bool) -> bool {
        writes_all || writing.owed() >= GATHERED_BYTES
    }

    /// Sends to all of `list` that are due, where it is more than one.
    fn mail(&mut self, list: &[u16], writes_all: bool) {
        if list.len() < 2 || !self.mailer.works() {
            return;
        }
        let SocketSink { connections, due, mailer, .. } = self;
        let open = "listed connections are open";
        due.extend(list.iter().copied().filter(|&id| {
            let writing = connections[usize::from(id)].as_mut().expect(open);
            Self::is_due(writing, writes_all) && writing.finish() && writing.owed() > 0
        }));
        for ids in due.chunks(SENDS_MAX) {
            let of = |id: &u16| connections[usize::from(*id)].as_ref().expect(open);
            let taken = mailer.send(ids.iter().map(|id| of(id).piece()));
            for (&id, &count) in ids.iter().zip(taken) {
                connections[usize::from(id)].as_mut().expect(open).sent = count;
            }
        }
        due.clear();
    }

    /// Gives up the connections that are owed most, until what is `held` for all is within the
    /// limit.
    fn cut_down(&mut self, mut held: usize) {
        let connections = &mut self.connections;
        let held_for = |connections: &[Option<Box<Writing>>], id: u16| {
            connections[usize::from(id)].as_ref().map_or(0, |writing| writing.held())
        };
        while held > self.limits.owed_bytes_in_all {
            let most = self.list.iter().copied().max_by_key(|&id| held_for(connections, id));
            let most = most.expect("something is held for somebody");
            let writing = connections[usize::from(most)].as_mut().expect("it is listed");
            held -= writing.held();
            let text = "of all connections together, which are owed too much, it is owed most";
            writing.session.ends_with(ErrorCode::NotReading, text);
            writing.give_up();
        }
    }

    /// Whether the engine is stopping and has waited long enough for clients that do not read.
    fn gives_up(&mut self) -> bool {
        // Relaxed: the flag carries nothing but itself.
        if self.list.is_empty() || !self.stop.load(Ordering::Relaxed) {
            return false;
        }
        self.stopped.get_or_insert_with(Instant::now).elapsed() > self.limits.drain_timeout
    }
}

impl Sink for SocketSink {
    type Notice = SessionNotice;

    fn notice(&mut self, notice: SessionNotice) {
        match notice {
            SessionNotice::Opened(opened) => self.open(*opened),
            SessionNotice::Heartbeat { slice } => self.look_after(slice),
            SessionNotice::Ended { session, reason } => {
                if let Some(writing) = self.of(session) {
                    writing.end(reason.as_ref());
                }
            }
        }
    }

    fn event(&mut self, event: &Event) {
        let owed_bytes_max = self.limits.owed_bytes;
        if let Some(writing) = self.of(event.session) {
            writing.event(event, owed_bytes_max);
        }
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        // Connection 0 is the engine's own: nobody waits for what it asks for.
        if let Some(writing) = self.of(outcome.session) {
            writing.outcome(sequence, outcome);
        }
    }

    fn turn_ends(&mut self, idle: bool) -> bool {
        let mut held = 0;
        let mut any = false;
        let give_up = self.gives_up();
        self.turns += 1;
        let writes_all = idle || self.turns >= TURNS_MAX;
        if writes_all {
            self.turns = 0;
        }
        let mut list = std::mem::take(&mut self.list);
        self.mail(&list, writes_all);
        list.retain(|&id| {
            let slot = &mut self.connections[usize::from(id)];
            let writing = slot.as_mut().expect("listed connections are open");
            if !Self::is_due(writing, writes_all) {
                held += writing.held();
                return true;
            }
            any |= writing.write();
            if give_up && writing.owed() > 0 {
                writing.give_up();
            }
            if writing.owed() > 0 || writing.session.is_resuming() {
                held += writing.held();
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
        // A connection that opened meanwhile is in the new list.
        list.append(&mut self.list);
        self.list = list;
        if held > self.limits.owed_bytes_in_all {
            self.cut_down(held);
        }
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

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::session::{Seats, Session, Stream, Tally};

    /// A connection that is being sent what it has missed, and the client's end of it.
    fn resuming() -> (Arc<Session>, UnixStream, mio::Poll) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        for end in [&ours, &theirs] {
            end.set_nonblocking(true).unwrap();
        }
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        let (seats, _) = Seats::new(Arc::new(waker));
        let tally = Arc::new(Tally::new(None, Instant::now()));
        let seat = seats.take("peer".into(), "principal".into(), &tally);
        let stream = Stream::Unix(mio::net::UnixStream::from_std(ours));
        let session = Arc::new(Session::new(8, stream, seat));
        session.set_resuming(true);
        (session, theirs, poll)
    }

    #[test]
    fn who_was_taken_over_before_his_hello_hears_no_heartbeat() {
        let limits = Limits { connections: 8, ..Limits::default() };
        for is_taken_over in [true, false] {
            let (session, mut client, _poll) = resuming();
            let mut sink = SocketSink::new(limits, None, Arc::default());
            sink.connections[8] = Some(Box::new(Writing::new(Arc::clone(&session), false)));
            if is_taken_over {
                session.set_closing();
            }
            session.set_resuming(false);
            (0..SLICES).for_each(|slice| sink.look_after(slice));
            sink.turn_ends(true);
            let mut heard = Vec::new();
            // It ends where nothing more is there.
            drop(client.read_to_end(&mut heard));
            assert_eq!(heard.is_empty(), is_taken_over);
        }
    }
}
