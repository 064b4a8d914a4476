//! Everything that has to answer as the semantics say, each behind the same interface.

use ringfence::engine::{Engine, OutcomeSink};
use ringfence::types::{Account, Command, Event, Outcome, Request, Rules, chains_up_to};

use crate::scenario::Subject;
use crate::twin::{Answer, Twin};

/// Every subject by name, new and following `rules`.
#[must_use]
pub fn all(rules: &Rules) -> Vec<(&'static str, Box<dyn Subject>)> {
    vec![
        ("twin", Box::new(Twin::new(rules))),
        ("engine", Box::new(EngineSubject::new(rules))),
        ("engine in pieces", Box::new(EngineSubject::in_pieces(rules, 1))),
    ]
}

/// The engine on one thread.
#[derive(Debug)]
pub struct EngineSubject {
    engine: Engine,
    /// Of the next command.
    next_sequence: u64,
    /// Commands that are applied at a time, rounded up to whole chains.
    piece_commands: usize,
}

impl EngineSubject {
    /// An engine that is given what it is given at once.
    ///
    /// # Panics
    ///
    /// If there is not enough memory.
    #[must_use]
    pub fn new(rules: &Rules) -> EngineSubject {
        EngineSubject::in_pieces(rules, usize::MAX)
    }

    /// An engine that is given so many commands at a time, and those that end a chain.
    ///
    /// # Panics
    ///
    /// If there is not enough memory.
    #[must_use]
    pub fn in_pieces(rules: &Rules, piece_commands: usize) -> EngineSubject {
        let engine = Engine::new(rules).expect("memory for small tables");
        EngineSubject { engine, next_sequence: 1, piece_commands }
    }

    /// Goes on with another engine.
    pub fn replace(&mut self, engine: Engine) {
        self.engine = engine;
    }

    /// Goes on with another engine, and gives the one before.
    #[must_use]
    pub fn exchange(&mut self, engine: Engine) -> Engine {
        std::mem::replace(&mut self.engine, engine)
    }

    /// Takes in what the batch said of itself that was applied last, and ended at `last_timestamp`.
    pub fn take_in(&mut self, request: &Request, last_timestamp: u64) {
        self.engine.take_in(request, self.next_sequence - 1, last_timestamp);
    }

    /// Sequence of the next command.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// The engine itself.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// Puts events with the outcome that follows them.
struct Answers {
    events: Vec<Event>,
    answers: Vec<Answer>,
    next_sequence: u64,
}

impl OutcomeSink for Answers {
    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        assert_eq!(sequence, self.next_sequence, "outcomes come in order, without a gap");
        self.next_sequence += 1;
        let events = std::mem::take(&mut self.events);
        self.answers.push(Answer { events, outcome: *outcome });
    }
}

impl Subject for EngineSubject {
    fn apply(&mut self, commands: &[Command]) -> Vec<Answer> {
        let mut sink = Answers {
            events: Vec::new(),
            answers: Vec::with_capacity(commands.len()),
            next_sequence: self.next_sequence,
        };
        let mut rest = commands;
        while !rest.is_empty() {
            let length = chains_up_to(rest, self.piece_commands);
            let (piece, others) = rest.split_at(length);
            self.engine.apply(sink.next_sequence, piece, &mut sink);
            rest = others;
        }
        assert!(sink.events.is_empty(), "an event without an outcome");
        self.next_sequence = sink.next_sequence;
        sink.answers
    }

    fn accounts(&self) -> Vec<Account> {
        self.engine.accounts().collect()
    }
}
