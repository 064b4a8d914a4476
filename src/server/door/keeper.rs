//! The door's thread.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam::channel::Receiver;
use mio::{Events, Interest, Poll, Token};
use rustix::io::Errno;

use super::guard::Guard;
use super::listener::{Listener, Peer};
use super::rate::Rate;
use super::waiting::{Heard, Queue, Refused, Waiting};
use super::{Admitted, Inside, Shared};
use crate::access::Principal;
use crate::limits::Limits;
use crate::session::{Ended, Seats, Stream, Tally};
use crate::subscription::Subscriber;
use ringfence_codec::wire::{ClientHello, ErrorCode, Mode};
use ringfence_node::History;
use ringfence_ring::Parker;

/// The token of what wakes the thread.
pub(super) const WAKER: Token = Token(0);
/// Tokens from here on are listeners'.
const LISTENERS: usize = 1;
/// Most listeners.
const LISTENERS_MAX: usize = 1024;
/// Tokens from here on are those of connections that wait.
const WAITING: usize = LISTENERS + LISTENERS_MAX;
/// Connections accepted in one turn, at most, from each listener.
const ACCEPTED_A_TURN: usize = 16;
/// When accepting is tried again where the system had no descriptor for it, if no connection ends
/// before.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How long the thread sleeps at most.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// How long the thread works without a pause, about, and how long it rests then: where there are
/// not enough cores, a storm of connections leaves most of one to the pipeline.
const WORKS: Duration = Duration::from_micros(300);
const RESTS: Duration = Duration::from_millis(1);
/// Events taken at a time.
const EVENTS: usize = 256;

/// The token of listener number `index`.
pub(super) fn token_of(index: usize) -> Token {
    assert!(index < LISTENERS_MAX);
    Token(LISTENERS + index)
}

/// What the door's thread owns.
pub(super) struct Keeper {
    poll: Poll,
    listeners: Vec<Listener>,
    /// Listeners that may have more connections.
    more: Vec<usize>,
    /// When accepting is to be tried again that failed.
    again: Option<Instant>,
    guard: Guard,
    waiting: Queue,
    seats: Seats,
    ended: Receiver<Ended>,
    /// What each principal takes, by its name.
    principals: HashMap<Arc<str>, Arc<Tally>>,
    shared: Arc<Shared>,
    limits: Limits,
    history: History,
    inside: Inside,
    refusals: Rate,
    faults: Rate,
    start: Instant,
}

impl Keeper {
    pub(super) fn new(
        poll: Poll,
        listeners: Vec<Listener>,
        guard: Guard,
        shared: Arc<Shared>,
        limits: Limits,
        history: History,
        inside: Inside,
    ) -> Keeper {
        let (seats, ended) = Seats::new(Arc::clone(&shared.waker));
        let start = Instant::now();
        Keeper {
            poll,
            more: (0..listeners.len()).collect(),
            listeners,
            again: None,
            guard,
            waiting: Queue::default(),
            seats,
            ended,
            principals: HashMap::new(),
            shared,
            limits,
            history,
            inside,
            refusals: Rate::new(start),
            faults: Rate::new(start),
            start,
        }
    }

    /// Lets connections in until it is told to stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let mut worked = Duration::ZERO;
        // Relaxed: the flag carries nothing but itself.
        while !self.shared.stop.load(Ordering::Relaxed) {
            let timeout = self.sleep(Instant::now());
            match self.poll.poll(&mut events, Some(timeout)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => panic!("waiting for connections: {error}"),
            }
            let woken = Instant::now();
            for event in &events {
                match event.token() {
                    // A connection has ended, or the door is to be closed.
                    WAKER => self.again = self.again.map(|_| self.start),
                    Token(token) if token >= WAITING => self.hear(token - WAITING),
                    Token(token) => self.more.push(token - LISTENERS),
                }
            }
            self.turn(woken);
            worked += woken.elapsed();
            if worked >= WORKS {
                std::thread::sleep(RESTS);
                worked = Duration::ZERO;
            }
        }
        let refused = Refused {
            code: ErrorCode::Stopping,
            value: 0,
            text: "the engine is being stopped".to_owned(),
        };
        for waiting in self.waiting.take_all() {
            waiting.refuse(&refused);
        }
    }

    /// How long there is nothing to do unless something comes.
    fn sleep(&mut self, now: Instant) -> Duration {
        if !self.more.is_empty() {
            return Duration::ZERO;
        }
        let hello_timeout = self.limits.hello_timeout;
        let late = self.waiting.oldest().map(|(since, _)| since + hello_timeout);
        let next = late.into_iter().chain(self.again).min();
        next.map_or(SLEEP_MAX, |next| next.saturating_duration_since(now).min(SLEEP_MAX))
    }

    /// Does what is due.
    fn turn(&mut self, now: Instant) {
        if self.again.is_some_and(|again| again <= now) {
            self.again = None;
            self.more = (0..self.listeners.len()).collect();
        }
        self.guard.reload();
        let mut more = std::mem::take(&mut self.more);
        more.sort_unstable();
        more.dedup();
        more.retain(|&listener| self.accept(listener, now));
        self.more = more;
        while let Some((since, place)) = self.waiting.oldest()
            && since + self.limits.hello_timeout <= now
        {
            let text = format!("no hello within {:?}", self.limits.hello_timeout);
            self.turn_away(place, ErrorCode::HelloTimeout, text, now);
        }
        while let Ok(Ended { peer, principal, reason }) = self.ended.try_recv() {
            let Some((code, text)) = reason else {
                tracing::debug!("{peer}: the connection of {principal} has ended");
                continue;
            };
            self.shared.traffic.add_refused(code as u16);
            if self.refusals.lets_pass(now) {
                let (name, code) = (code.name(), code as u16);
                tracing::warn!(
                    "{peer}: the connection of {principal} was ended with error {code} ({name}): \
                     {text}"
                );
            }
        }
        let connections = u64::from(self.seats.taken()) + self.waiting.len() as u64;
        self.shared.traffic.show_connections(connections);
        if let Some(count) = self.refusals.take_held_back(now) {
            tracing::warn!("{count} more connections were refused or ended");
        }
        if let Some(count) = self.faults.take_held_back(now) {
            tracing::warn!("accepting failed {count} more times");
        }
    }

    /// Accepts what waits at a listener; whether there may be more.
    fn accept(&mut self, listener: usize, now: Instant) -> bool {
        for _ in 0..ACCEPTED_A_TURN {
            match self.listeners[listener].accept() {
                Ok(Some((stream, peer))) => match self.guard.wrap(stream, peer) {
                    Ok((stream, peer)) => self.arrive(stream, peer, now),
                    // Too many of them, or no descriptors: it is closed, and the next one tried.
                    Err(error) if self.faults.lets_pass(now) => {
                        tracing::warn!("accepting a TLS connection: {error}");
                    }
                    Err(_) => {}
                },
                Ok(None) => return false,
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    // What is missing may be there when a connection has ended, or in a moment.
                    self.again = Some(now + ACCEPT_AGAIN);
                    if self.faults.lets_pass(now) {
                        tracing::warn!("accepting a connection: {error}");
                    }
                    return false;
                }
            }
        }
        true
    }

    fn arrive(&mut self, stream: Stream, peer: Peer, now: Instant) {
        self.shared.traffic.add_accepted();
        let waiting = Waiting::new(stream, peer);
        let max = u32::from(self.limits.connections);
        let count = self.seats.taken() + self.waiting.len() as u32;
        if count >= max {
            let text = format!("{max} connections are open");
            match self.waiting.oldest() {
                Some((_, place)) => {
                    self.turn_away(place, ErrorCode::TooManySessions, text, now);
                }
                None => {
                    let (code, value) = (ErrorCode::TooManySessions, max.into());
                    return self.refuse(waiting, &Refused { code, value, text }, now);
                }
            }
        }
        let place = self.waiting.next_place();
        self.waiting.put(waiting, now);
        self.hear(place);
    }

    /// Listens to the connection that waits at `place`.
    fn hear(&mut self, place: usize) {
        let Some(waiting) = self.waiting.get(place) else { return };
        let heard = waiting.hear();
        if let Heard::Part = heard {
            if waiting.is_registered {
                return;
            }
            waiting.is_registered = true;
            let token = Token(WAITING + place);
            let (registry, interest) = (self.poll.registry(), Interest::READABLE);
            if let Err(error) = waiting.stream.register(registry, token, interest) {
                tracing::warn!("polling a connection: {error}");
                self.waiting.take(place);
            }
            return;
        }
        let mut waiting = self.waiting.take(place).expect("it was there");
        if waiting.is_registered {
            // It fails only where it is gone from there already.
            drop(waiting.stream.deregister(self.poll.registry()));
        }
        let now = Instant::now();
        match heard {
            Heard::Hello(hello) => match self.judge(&hello, &waiting.peer, now) {
                Ok((principal, tally)) => self.admit(waiting, hello, principal, &tally, now),
                Err(refused) => self.refuse(waiting, &refused, now),
            },
            Heard::Violation(violation) => self.refuse(waiting, &violation.into(), now),
            Heard::Nothing | Heard::Part => {}
        }
    }

    /// Who it is, if it may come in.
    fn judge(
        &mut self,
        hello: &ClientHello,
        peer: &Peer,
        now: Instant,
    ) -> Result<(Arc<Principal>, Arc<Tally>), Refused> {
        let refused = |code, value, text| Err(Refused { code, value, text });
        let principal = self.guard.principal(hello, peer)?;
        let requests = self.limits.requests_per_second;
        let name = Arc::clone(&principal.name);
        let tally = self
            .principals
            .entry(name)
            .or_insert_with(|| Arc::new(Tally::new(requests, self.start)));
        if !tally.take_request(now) {
            let max = requests.map_or(0, |number| number.get());
            let text = format!("more than {max} requests a second");
            return refused(ErrorCode::RateLimited, max.into(), text);
        }
        let max = self.limits.connections_per_principal;
        if tally.connections() >= max {
            let text = format!("{} has {max} connections", principal.name);
            return refused(ErrorCode::TooManyConnections, max.into(), text);
        }
        if hello.mode == Mode::Subscription
            && let Err(refusal) = principal.grants.allows_subscriptions()
        {
            return refused(ErrorCode::NotAllowed, 0, refusal.to_string());
        }
        let History { journal_id, epoch } = self.history;
        if hello.journal != [0; 16] && (hello.journal, hello.epoch) != (journal_id, epoch.into()) {
            let text = format!("this is another journal, or another epoch of it: {epoch}");
            return refused(ErrorCode::OtherHistory, 0, text);
        }
        Ok((principal, Arc::clone(tally)))
    }

    fn admit(
        &mut self,
        waiting: Waiting,
        hello: ClientHello,
        principal: Arc<Principal>,
        tally: &Arc<Tally>,
        now: Instant,
    ) {
        let follows = hello.mode == Mode::Subscription;
        if follows && self.inside.subscriptions.is_none() {
            let text = "the engine keeps no outcome log: there is nothing to follow".to_owned();
            let refused = Refused { code: ErrorCode::NoOutcomeLog, value: 0, text };
            return self.refuse(waiting, &refused, now);
        }
        let Waiting { stream, peer, decoder, .. } = waiting;
        tracing::debug!("{}: admitted as {}", peer.name, principal.name);
        let seat = self.seats.take(peer.name, Arc::clone(&principal.name), tally);
        match &self.inside.subscriptions {
            Some(subscriptions) if follows => {
                let seat = Some(seat);
                subscriptions.serve(Subscriber { stream, decoder, hello, principal, seat });
            }
            _ => {
                let admitted = Admitted { stream, decoder, hello, principal, seat };
                // There is room for every seat; it fails only where the engine has stopped.
                drop(self.inside.sessions.try_send(admitted));
                self.inside.poller.unpark();
            }
        }
    }

    /// Refuses the connection that waits at `place`.
    fn turn_away(&mut self, place: usize, code: ErrorCode, text: String, now: Instant) {
        let waiting = self.waiting.take(place).expect("it waits there");
        let value = match code {
            ErrorCode::TooManySessions => self.limits.connections.into(),
            _ => 0,
        };
        self.refuse(waiting, &Refused { code, value, text }, now);
    }

    fn refuse(&mut self, waiting: Waiting, refused: &Refused, now: Instant) {
        self.shared.traffic.add_refused(refused.code as u16);
        if self.refusals.lets_pass(now) {
            let (name, code) = (&waiting.peer.name, refused.code as u16);
            let of_code = refused.code.name();
            tracing::warn!("{name}: refused with error {code} ({of_code}): {}", refused.text);
        }
        waiting.refuse(refused);
    }
}

/// Whether accepting failed because of the one connection that was to be accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    const CLIENTS: [Errno; 4] = [Errno::CONNABORTED, Errno::PROTO, Errno::PERM, Errno::INTR];
    CLIENTS.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
