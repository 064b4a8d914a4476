//! A session's state across connections. Pure: it does no I/O.
//!
//! ```text
//!   greeting ──▶ welcome: drop what the engine has taken in, send the rest ──▶ batches, outcomes
//!       ▲                                                                          │
//!       └──────────────────── the connection ends ◀────────────────────────────────┘
//! ```
//!
//! # Invariants
//!
//! * Each request is answered once, in order: by its answers, or by [`Delivered::Lost`].
//! * A request that the engine has taken in is not sent again.

use std::collections::VecDeque;

use super::{Delivered, HistoryChanged, SessionOptions};
use crate::Answer;
use ringfence_codec::wire::{ClientHello, EngineHello, Reply, Violation, encode_batch};
use ringfence_types::{Command, Event, Origin, Outcome, Request};

/// A batch that is under way.
#[derive(Debug)]
struct Pending {
    number: u64,
    commands: usize,
    answered: usize,
    message: Vec<u8>,
}

/// What a client keeps of its session.
#[derive(Debug)]
pub(crate) struct State {
    /// 0 for one without a name, which has one connection and is not resumed.
    session: u128,
    wants_events: bool,
    in_flight_wish: u32,
    token: Vec<u8>,
    last_sequence: u64,
    last_number: u64,
    /// Journal and epoch, once they are known.
    history: Option<([u8; 16], u32)>,
    in_flight_max: usize,
    pending: VecDeque<Pending>,
    under_way: usize,
    /// Bodies whose outcome has not come yet.
    bodies: Vec<Event>,
    last_event: u64,
    /// Whose the batch is whose outcomes come again.
    origin: Option<Origin>,
}

impl State {
    pub fn new(options: &SessionOptions) -> State {
        State {
            session: options.session,
            wants_events: options.events,
            in_flight_wish: options.in_flight_commands_max,
            token: options.token.to_bytes(),
            last_sequence: options.last_sequence,
            last_number: options.last_number,
            history: options.history,
            in_flight_max: 0,
            pending: VecDeque::new(),
            under_way: 0,
            bodies: Vec::new(),
            last_event: 0,
            origin: None,
        }
    }

    /// Commands that are sent, or about to be, and not answered.
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// Whether the engine would read `commands` more.
    pub fn has_room(&self, commands: usize) -> bool {
        self.under_way == 0 || self.under_way + commands <= self.in_flight_max
    }

    /// The hello for a new connection.
    pub fn greeting(&self) -> ClientHello {
        let (journal, epoch) = self.history.unwrap_or_default();
        ClientHello {
            session: self.session,
            // Before the first outcome nothing says that the engine knows the session.
            resume: self.last_sequence > 0,
            last_sequence: self.last_sequence,
            journal,
            epoch,
            in_flight_commands_max: self.in_flight_wish,
            events: self.wants_events,
            token: self.token.clone(),
            ..ClientHello::default()
        }
    }

    /// Takes the engine's hello, and appends what is to be sent again.
    ///
    /// # Errors
    ///
    /// If the engine has another history than before.
    pub fn welcome(
        &mut self,
        hello: &EngineHello,
        out: &mut Vec<u8>,
        deliver: &mut impl FnMut(Delivered),
    ) -> Result<(), HistoryChanged> {
        let history = (hello.journal, hello.epoch);
        if self.history.is_some_and(|known| known != history) {
            return Err(HistoryChanged);
        }
        self.history = Some(history);
        self.in_flight_max = hello.in_flight_commands_max as usize;
        self.last_number = self.last_number.max(hello.last_request);
        (self.origin, self.bodies) = (None, Vec::new());
        if hello.resumes_after >= hello.last_sequence && hello.last_sequence > self.last_sequence {
            // Nothing is sent again of what was missed.
            self.lose_up_to(hello.last_request, deliver);
            self.last_sequence = hello.last_sequence;
        }
        let rest = self.pending.iter().filter(|pending| pending.number > hello.last_request);
        rest.for_each(|pending| out.extend_from_slice(&pending.message));
        deliver(Delivered::Connected(*hello));
        Ok(())
    }

    /// Number of the next request.
    pub fn next_number(&self) -> u64 {
        self.last_number + 1
    }

    /// Adds a batch with the request number `number`, and appends it to what is to be sent.
    ///
    /// # Panics
    ///
    /// If the number does not increase, or this is no batch.
    pub fn push(&mut self, batch: &[Command], number: u64, tag: u128, out: &mut Vec<u8>) {
        assert!(number > self.last_number, "request {number} after {}", self.last_number);
        self.last_number = number;
        let mut message = Vec::new();
        // A session without a name has no request numbers on the wire.
        let request = match self.session {
            0 => Request::NONE,
            _ => Request { number, tag, ..Request::NONE },
        };
        encode_batch(batch, &request, &mut message);
        out.extend_from_slice(&message);
        self.under_way += batch.len();
        self.pending.push_back(Pending { number, commands: batch.len(), answered: 0, message });
    }

    /// Takes what came after the hello.
    ///
    /// # Errors
    ///
    /// How the engine broke the protocol.
    pub fn receive(
        &mut self,
        reply: &Reply<'_>,
        deliver: &mut impl FnMut(Delivered),
    ) -> Result<(), Violation> {
        match reply {
            Reply::Outcomes { first_sequence, outcomes } => {
                for (sequence, outcome) in (*first_sequence..).zip(*outcomes) {
                    self.outcome(sequence, outcome, deliver)?;
                }
            }
            Reply::Event(event) if event.kind().is_numbered() => {
                if event.number > self.last_event {
                    self.last_event = event.number;
                    deliver(Delivered::Event(**event));
                }
            }
            Reply::Event(event) => {
                if self.bodies.first().is_some_and(|body| body.sequence != event.sequence) {
                    self.bodies.clear();
                }
                self.bodies.push(**event);
            }
            Reply::Origin(origin) => {
                // What came before this batch and is not whole can no longer be had.
                self.lose_up_to(origin.request.number.saturating_sub(1), deliver);
                self.origin = Some(*origin);
            }
            Reply::Heartbeat => {}
            _ => return Err(Violation::BadValue("kind")),
        }
        Ok(())
    }

    fn outcome(
        &mut self,
        sequence: u64,
        outcome: &Outcome,
        deliver: &mut impl FnMut(Delivered),
    ) -> Result<(), Violation> {
        let belongs = self.bodies.first().is_some_and(|event| event.sequence == sequence);
        let bodies = if belongs { std::mem::take(&mut self.bodies) } else { Vec::new() };
        if sequence <= self.last_sequence {
            return Ok(());
        }
        self.last_sequence = sequence;
        let answer = Answer { sequence, outcome: *outcome, bodies };
        if let Some(origin) = self.origin.filter(|origin| sequence <= origin.last_sequence()) {
            let number = origin.request.number;
            let first = self.pending.front().filter(|first| first.number == number);
            let index = (sequence - origin.first_sequence) as usize;
            match first.map(|first| first.answered) {
                Some(answered) if answered == index => {}
                Some(_) => {
                    // The first of its outcomes are missing.
                    self.lose_up_to(number, deliver);
                    return Ok(());
                }
                None => {
                    deliver(Delivered::Replayed { origin, answer });
                    return Ok(());
                }
            }
        }
        let Some(first) = self.pending.front_mut() else {
            return Err(Violation::BadValue("sequence"));
        };
        let (number, index) = (first.number, first.answered);
        first.answered += 1;
        let is_last = first.answered == first.commands;
        self.under_way -= 1;
        if is_last {
            self.pending.pop_front();
        }
        deliver(Delivered::Answer { number, index, is_last, answer });
        Ok(())
    }

    /// Gives up what is under way up to a request: it was executed, and its outcomes are gone.
    fn lose_up_to(&mut self, number: u64, deliver: &mut impl FnMut(Delivered)) {
        while self.pending.front().is_some_and(|first| first.number <= number) {
            let Some(first) = self.pending.pop_front() else { break };
            self.under_way -= first.commands - first.answered;
            deliver(Delivered::Lost { number: first.number });
        }
    }
}

#[cfg(test)]
mod tests;
