//! What a look at a journal found, compared with what was appended while it is read.

use ringfence::engine::OutcomeSink;
use ringfence::journal::Entry;
use ringfence::node::replay::{Replayer, Restored};
use ringfence::types::{Command, Event, Outcome};

use crate::requests::request_of;
use crate::twin::Answer;

/// Outcomes in order, each with the events before it.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Answers {
    /// The command before the first of them, by its sequence.
    pub before: u64,
    events: Vec<Event>,
    pub answers: Vec<Answer>,
}

impl Answers {
    /// None yet, behind the command `before`.
    pub fn after(before: u64) -> Answers {
        Answers { before, ..Answers::default() }
    }

    /// Goes on behind `answers`, which begin with the first command.
    pub fn behind(answers: Vec<Answer>) -> Answers {
        Answers { answers, ..Answers::default() }
    }
}

impl OutcomeSink for Answers {
    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        assert_eq!(sequence, self.before + self.answers.len() as u64 + 1, "outcomes have no gaps");
        let events = std::mem::take(&mut self.events);
        self.answers.push(Answer { events, outcome: *outcome });
    }
}

/// The batches of a journal, held against those that were appended.
pub(super) struct Batches<'a> {
    known: &'a [Vec<Command>],
    /// How many of them there are, those that a snapshot covers included.
    pub count: usize,
    /// The first difference.
    pub difference: Option<String>,
}

impl<'a> Batches<'a> {
    /// Begins behind the command `after`.
    pub fn after(known: &'a [Vec<Command>], after: u64) -> Batches<'a> {
        let (mut count, mut sequence) = (0, 0);
        while sequence < after && count < known.len() {
            sequence += known[count].len() as u64;
            count += 1;
        }
        let difference = (sequence != after).then(|| format!("no batch ends with {after}"));
        Batches { known, count, difference }
    }

    pub fn take_in(&mut self, entry: &Entry<'_>) {
        let Entry::Batch { request, first_sequence, commands, .. } = entry else { return };
        let is_known = self.known.get(self.count).is_some_and(|known| known == commands);
        self.count += 1;
        if self.difference.is_none() {
            self.difference = match (is_known, *request == request_of(*first_sequence)) {
                (false, _) => Some(format!("batch {} is none of those appended", self.count)),
                (true, false) => {
                    Some(format!("the batch at {first_sequence} says other things of itself"))
                }
                (true, true) => None,
            };
        }
    }
}

/// What a start found.
pub(super) struct Found<'a> {
    pub batches: Batches<'a>,
    pub replayer: Replayer<Answers>,
}

impl<'a> Found<'a> {
    /// Nothing yet, behind a snapshot or at the start of the journal.
    pub fn starting(known: &'a [Vec<Command>], start: Option<Restored>) -> Found<'a> {
        let after = start.as_ref().map_or(0, |start| start.anchor.last_sequence);
        let batches = Batches::after(known, after);
        let replayer = Replayer::starting(start, Answers::after(after), u64::MAX);
        Found { batches, replayer }
    }

    pub fn take_in(&mut self, entry: &Entry<'_>) {
        self.batches.take_in(entry);
        self.replayer.apply(entry).expect("there is memory for small tables");
    }
}
