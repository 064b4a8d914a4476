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
mod tests {
    use super::*;
    use ringfence_types::{Account, Op, Status};

    const HELLO: EngineHello = EngineHello {
        mode: ringfence_codec::wire::Mode::Commands,
        batch_commands_max: 8192,
        in_flight_commands_max: 100,
        idle_timeout_ms: 30_000,
        last_sequence: 0,
        journal: [7; 16],
        epoch: 0,
        last_request: 0,
        is_known: false,
        events: false,
        resumes_after: 0,
    };

    fn batch() -> Vec<Command> {
        vec![Command::create_account(Account::default()); 2]
    }

    fn outcome() -> Outcome {
        let (status, op) = (Status::Created as u16, Op::CreateAccount as u8);
        Outcome { status, op, ..Outcome::default() }
    }

    fn origin(first_sequence: u64, number: u64) -> Origin {
        let request = Request { session: 5, number, ..Request::NONE };
        Origin { request, first_sequence, commands: 2, op: 1, ..Origin::default() }
    }

    /// A session and what it delivered, in short.
    struct Case {
        state: State,
        said: Vec<String>,
        sent: Vec<u8>,
    }

    impl Case {
        fn begin(options: SessionOptions) -> Case {
            let state = State::new(&options);
            let mut case = Case { state, said: Vec::new(), sent: Vec::new() };
            case.welcome(HELLO).unwrap();
            case
        }

        /// A session with three batches of two under way.
        fn three() -> Case {
            let mut case = Case::begin(SessionOptions { session: 5, ..SessionOptions::default() });
            for number in 1..=3 {
                case.state.push(&batch(), number, 0, &mut case.sent);
            }
            case.sent.clear();
            case
        }

        fn welcome(&mut self, hello: EngineHello) -> Result<(), HistoryChanged> {
            let Case { state, said, sent } = self;
            state.welcome(&hello, sent, &mut |delivered| say(said, &delivered))
        }

        fn outcomes(&mut self, first_sequence: u64, count: usize) {
            let outcomes = vec![outcome(); count];
            self.receive(&Reply::Outcomes { first_sequence, outcomes: &outcomes });
        }

        fn receive(&mut self, reply: &Reply<'_>) {
            let Case { state, said, .. } = self;
            state.receive(reply, &mut |delivered| say(said, &delivered)).unwrap();
        }

        fn said(&mut self) -> String {
            std::mem::take(&mut self.said).join(" ")
        }
    }

    fn say(said: &mut Vec<String>, delivered: &Delivered) {
        said.push(match delivered {
            Delivered::Answer { number, index, is_last, answer } => {
                let end = if *is_last { "!" } else { "" };
                format!("{number}.{index}@{}{end}", answer.sequence)
            }
            Delivered::Replayed { origin, answer } => {
                format!("replayed:{}@{}", origin.request.number, answer.sequence)
            }
            Delivered::Lost { number } => format!("lost:{number}"),
            Delivered::Connected(_) => return,
            other => format!("{other:?}"),
        });
    }

    #[test]
    fn what_was_taken_in_is_not_sent_again() {
        let mut case = Case::three();
        case.outcomes(5, 3);
        assert_eq!(case.said(), "1.0@5 1.1@6! 2.0@7");
        let hello = EngineHello { last_request: 2, last_sequence: 8, resumes_after: 7, ..HELLO };
        case.welcome(hello).unwrap();
        let mut third = Vec::new();
        let request = Request { number: 3, ..Request::NONE };
        encode_batch(&batch(), &request, &mut third);
        assert_eq!(case.sent, third);
        case.receive(&Reply::Origin(origin(7, 2)));
        case.outcomes(8, 1);
        case.outcomes(11, 2);
        assert_eq!(case.said(), "2.1@8! 3.0@11 3.1@12!");
        assert_eq!(case.state.under_way(), 0);
    }

    #[test]
    fn outcomes_that_cannot_be_had_are_named() {
        let mut case = Case::three();
        let hello = EngineHello { last_request: 2, last_sequence: 8, resumes_after: 8, ..HELLO };
        case.welcome(hello).unwrap();
        assert_eq!(case.said(), "lost:1 lost:2");
        assert_eq!(case.state.under_way(), 2);
        let mut case = Case::three();
        let hello = EngineHello { last_request: 3, last_sequence: 9, resumes_after: 4, ..HELLO };
        case.welcome(hello).unwrap();
        case.receive(&Reply::Origin(origin(5, 2)));
        case.outcomes(5, 2);
        case.receive(&Reply::Origin(origin(8, 3)));
        case.outcomes(9, 1);
        assert_eq!(case.said(), "lost:1 2.0@5 2.1@6! lost:3", "the first outcome of 3 is missing");
    }

    #[test]
    fn an_outcome_that_comes_again_counts_once() {
        let mut case = Case::three();
        case.outcomes(5, 1);
        let hello = EngineHello { last_request: 1, last_sequence: 6, resumes_after: 4, ..HELLO };
        case.welcome(hello).unwrap();
        case.receive(&Reply::Origin(origin(5, 1)));
        case.outcomes(5, 2);
        assert_eq!(case.said(), "1.0@5 1.1@6!");
    }

    #[test]
    fn answers_for_an_earlier_life_are_passed_on() {
        let options = SessionOptions {
            session: 5,
            last_sequence: 4,
            last_number: 1,
            ..SessionOptions::default()
        };
        let mut case = Case::begin(options);
        assert!(case.state.greeting().resume);
        let hello = EngineHello { last_request: 2, last_sequence: 6, resumes_after: 4, ..HELLO };
        case.welcome(hello).unwrap();
        case.receive(&Reply::Origin(origin(5, 2)));
        case.outcomes(5, 2);
        assert_eq!(case.said(), "replayed:2@5 replayed:2@6");
        assert_eq!(case.state.next_number(), 3);
    }

    #[test]
    fn another_history_is_refused() {
        let mut case = Case::three();
        assert!(case.welcome(EngineHello { epoch: 1, ..HELLO }).is_err());
        assert!(case.welcome(EngineHello { journal: [8; 16], ..HELLO }).is_err());
        assert!(case.sent.is_empty(), "nothing is sent to it");
    }
}
