//! A thread that serves connections: those whose handshake is not done, or those whose is.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, unbounded};
use mio::{Events, Poll, Token, Waker};

use super::Shared;
use super::connection::{Broken, Connection, Scratch, Turn};
use crate::door::Rate;

const WAKER: Token = Token(usize::MAX);
/// Events taken at a time.
const EVENTS: usize = 256;
/// How long the thread sleeps at most while it is to end.
const STOPPING_SLEEP: Duration = Duration::from_millis(50);

/// Where a thread gets its connections. There are never more in it than the acceptor allows.
#[derive(Debug, Clone)]
pub(super) struct Inbox {
    connections: Sender<Box<Connection>>,
    waker: Arc<Waker>,
}

impl Inbox {
    pub(super) fn put(&self, connection: Connection) {
        self.pass(Box::new(connection));
    }

    fn pass(&self, connection: Box<Connection>) {
        // It fails only where the thread has ended, and then the connection ends too.
        drop(self.connections.send(connection));
        self.wake();
    }

    pub(super) fn wake(&self) {
        // It fails only where the thread has ended.
        drop(self.waker.wake());
    }
}

/// A connection, and whether it waits for its turn.
struct Slot {
    connection: Box<Connection>,
    queued: bool,
    /// Under which its deadline is noted.
    deadline: Option<Instant>,
}

pub(super) struct Worker {
    poll: Poll,
    inbox: Receiver<Box<Connection>>,
    shared: Arc<Shared>,
    /// Where connections go once their handshake is done; `None`: they stay.
    next: Option<Inbox>,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    turns: VecDeque<usize>,
    deadlines: BTreeSet<(Instant, usize)>,
    scratch: Scratch,
    refusals: Rate,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, next: Option<Inbox>) -> io::Result<(Worker, Inbox)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (connections, inbox) = unbounded();
        let worker = Worker {
            poll,
            inbox,
            shared,
            next,
            slots: Vec::new(),
            free: Vec::new(),
            turns: VecDeque::new(),
            deadlines: BTreeSet::new(),
            scratch: Scratch::new(),
            refusals: Rate::new(Instant::now()),
        };
        Ok((worker, Inbox { connections, waker }))
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        while !self.is_done() {
            let timeout = self.sleep(Instant::now());
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => panic!("waiting for TLS connections: {error}"),
            }
            let now = Instant::now();
            self.note(&events, now);
            while let Ok(connection) = self.inbox.try_recv() {
                self.adopt(connection);
            }
            for _ in 0..self.turns.len() {
                let index = self.turns.pop_front().expect("so many wait");
                self.serve(index, now);
            }
            self.expire(now);
            if let Some(count) = self.refusals.take_held_back(now) {
                tracing::warn!("{count} more TLS connections broke off");
            }
        }
    }

    fn is_done(&self) -> bool {
        // Acquire: pairs with the Release that sets it, after the deadline.
        if !self.shared.stop.load(Ordering::Acquire) {
            return false;
        }
        let deadline = self.shared.deadline.get().expect("it was set before");
        // Relaxed: the number stands for itself, and nothing adds to it any more. The handshakes'
        // thread does not end before the relay, which it hands connections to.
        self.shared.count.load(Ordering::Relaxed) == 0 || Instant::now() >= *deadline
    }

    fn sleep(&self, now: Instant) -> Option<Duration> {
        if !self.turns.is_empty() {
            return Some(Duration::ZERO);
        }
        let next = self.deadlines.first().map(|(deadline, _)| deadline.duration_since(now));
        match self.shared.stop.load(Ordering::Acquire) {
            true => Some(next.map_or(STOPPING_SLEEP, |next| next.min(STOPPING_SLEEP))),
            false => next,
        }
    }

    /// Notes what the poller has found.
    fn note(&mut self, events: &Events, now: Instant) {
        for event in events {
            let Token(number) = event.token();
            let Some(slot) = self.slots.get_mut(number / 2).and_then(Option::as_mut) else {
                continue;
            };
            if event.is_readable() || event.is_read_closed() {
                match number % 2 {
                    0 => slot.connection.tcp_is_readable(event.is_read_closed()),
                    _ => slot.connection.inside_is_readable(event.is_read_closed()),
                }
            }
            if number % 2 == 1 && event.is_write_closed() {
                slot.connection.inside_is_gone(now);
            }
            if !slot.queued {
                slot.queued = true;
                self.turns.push_back(number / 2);
            }
        }
    }

    fn adopt(&mut self, mut connection: Box<Connection>) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let (tcp, inside) = (Token(2 * index), Token(2 * index + 1));
        if let Err(error) = connection.register(self.poll.registry(), tcp, inside) {
            tracing::warn!("polling a TLS connection: {error}");
            self.free.push(index);
            return;
        }
        self.slots[index] = Some(Slot { connection, queued: true, deadline: None });
        self.note_deadline(index);
        self.turns.push_back(index);
    }

    fn note_deadline(&mut self, index: usize) {
        let slot = self.slots[index].as_mut().expect("it is there");
        if slot.deadline != slot.connection.deadline {
            if let Some(deadline) = slot.deadline {
                self.deadlines.remove(&(deadline, index));
            }
            slot.deadline = slot.connection.deadline;
            self.deadlines.extend(slot.deadline.map(|deadline| (deadline, index)));
        }
    }

    fn serve(&mut self, index: usize, now: Instant) {
        let Some(slot) = self.slots[index].as_mut() else { return };
        slot.queued = false;
        match slot.connection.turn(&mut self.scratch) {
            Ok(Turn::Waits) => self.note_deadline(index),
            Ok(Turn::More) => {
                slot.queued = true;
                self.turns.push_back(index);
                self.note_deadline(index);
            }
            Ok(Turn::Established) => match self.next.clone() {
                Some(next) => {
                    let mut connection = self.remove(index);
                    match connection.deregister(self.poll.registry()) {
                        Ok(()) => next.pass(connection),
                        Err(error) => tracing::warn!("polling a TLS connection: {error}"),
                    }
                }
                None => unreachable!("the relay gets connections whose handshake is done"),
            },
            Ok(Turn::Over) => drop(self.remove(index)),
            Err(broken) => {
                let mut connection = self.remove(index);
                connection.break_off();
                let peer = &connection.peer;
                match broken {
                    // Clients vanish; the gateway sees that the connection has ended.
                    Broken::Io(error) => tracing::debug!("{peer}: {error}"),
                    Broken::Tls(error) if self.refusals.lets_pass(now) => {
                        tracing::warn!("{peer}: broken off {}: {error}", stage(&connection));
                    }
                    Broken::Tls(_) => {}
                }
            }
        }
    }

    fn remove(&mut self, index: usize) -> Box<Connection> {
        let slot = self.slots[index].take().expect("it is there");
        if let Some(deadline) = slot.deadline {
            self.deadlines.remove(&(deadline, index));
        }
        self.free.push(index);
        slot.connection
    }

    /// Ends connections whose time is over.
    fn expire(&mut self, now: Instant) {
        while let Some(&(deadline, index)) = self.deadlines.first()
            && deadline <= now
        {
            let connection = self.remove(index);
            // Those whose handshake is done were ended by the inside, which has said why.
            if !connection.is_established() && self.refusals.lets_pass(now) {
                tracing::warn!("{}: no TLS handshake within its time", connection.peer);
            }
        }
    }
}

fn stage(connection: &Connection) -> &'static str {
    match connection.is_established() {
        true => "after the TLS handshake",
        false => "in the TLS handshake",
    }
}
