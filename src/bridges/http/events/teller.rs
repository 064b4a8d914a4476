//! What a subscription is told, as lines with their positions.
//!
//! # Invariants
//!
//! * Each outcome and each event is told once, whatever comes again after a lost connection.
//! * A line's position is that of one who has dealt with it: it resumes without a gap or a repeat.

use ringfence_client::Followed;
use ringfence_codec::text::{encode_commands, encode_event, encode_outcome};
use ringfence_types::{Body, Command, Event, Header, Op, Outcome};

use super::Position;

/// What a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The outcome of this sequence.
    Outcome(u64),
    /// The event of this number, which stands before the outcome of a sequence.
    Event(u64, u64),
}

impl What {
    /// Whether one who is at `position` has it.
    pub fn is_known_at(self, position: Position) -> bool {
        match self {
            What::Outcome(sequence) => sequence <= position.sequence,
            What::Event(number, before) => number <= position.event || before <= position.sequence,
        }
    }
}

/// Makes lines of what a subscription is told.
#[derive(Debug)]
pub struct Teller {
    position: Position,
    /// The last event stands before the outcome of this sequence.
    event_before: u64,
    /// Found by the look-up whose outcome comes next.
    bodies: Vec<Event>,
    commands: Commands,
    line: Vec<u8>,
}

/// Bodies of consecutive commands whose outcomes have not come.
#[derive(Debug, Default)]
struct Commands {
    op: u8,
    first_sequence: u64,
    bodies: Vec<Body>,
}

impl Teller {
    /// Tells what comes after `position`.
    pub fn new(position: Position) -> Teller {
        Teller {
            position,
            event_before: if position.event > 0 { u64::MAX } else { 0 },
            bodies: Vec::new(),
            commands: Commands::default(),
            line: Vec::new(),
        }
    }

    /// Where one is who has everything that was told.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Takes what a subscription is told; gives each line to `tell`.
    pub fn take(&mut self, followed: Followed, tell: &mut impl FnMut(What, Position, &[u8])) {
        match followed {
            Followed::Commands { op, first_sequence, bodies, .. } => {
                self.commands.take(op, first_sequence, &bodies);
            }
            Followed::Event(event) if event.kind().is_numbered() => self.event(&event, tell),
            Followed::Event(event) => self.bodies.push(event),
            Followed::Outcomes { first_sequence, outcomes } => {
                for (sequence, outcome) in (first_sequence..).zip(&outcomes) {
                    self.outcome(sequence, outcome, tell);
                }
            }
            Followed::Progress(progress) => self.move_to(progress.sequence),
            _ => {}
        }
    }

    fn event(&mut self, event: &Event, tell: &mut impl FnMut(What, Position, &[u8])) {
        let what = What::Event(event.number, event.goes_before());
        let is_known = what.is_known_at(self.position);
        if !is_known || event.number == self.position.event {
            self.position.event = event.number;
            self.event_before = event.goes_before().max(event.sequence);
        }
        if is_known {
            return;
        }
        self.line.clear();
        encode_event(event, &mut self.line);
        self.line.pop();
        tell(what, self.position, &self.line);
    }

    fn outcome(
        &mut self,
        sequence: u64,
        outcome: &Outcome,
        tell: &mut impl FnMut(What, Position, &[u8]),
    ) {
        self.bodies.retain(|body| body.sequence == sequence);
        self.line.clear();
        encode_outcome(sequence, outcome, &self.bodies, &mut self.line);
        self.line.pop();
        self.bodies.clear();
        self.commands.append(sequence, &mut self.line);
        let what = What::Outcome(sequence);
        if !what.is_known_at(self.position) {
            self.move_to(sequence);
            tell(what, self.position, &self.line);
        }
    }

    fn move_to(&mut self, sequence: u64) {
        self.position.sequence = self.position.sequence.max(sequence);
        if self.position.sequence >= self.event_before {
            self.position.event = 0;
        }
    }
}

impl Commands {
    fn take(&mut self, op: Op, first_sequence: u64, bodies: &[Body]) {
        let next = self.first_sequence + self.bodies.len() as u64;
        if next != first_sequence || self.op != op as u8 {
            self.bodies.clear();
            (self.op, self.first_sequence) = (op as u8, first_sequence);
        }
        self.bodies.extend_from_slice(bodies);
    }

    /// Adds the command of an outcome to its line, as the member `command`.
    fn append(&mut self, sequence: u64, line: &mut Vec<u8>) {
        let at = sequence.checked_sub(self.first_sequence).map(|at| at as usize);
        let Some(body) = at.and_then(|at| self.bodies.get(at)) else { return };
        let header = Header { op: self.op, batch_length: 1, ..Header::default() };
        let command = Command { header, body: *body };
        line.pop();
        line.extend_from_slice(b",\"command\":");
        encode_commands(&[command], line);
        line.pop();
        line.push(b'}');
        if at.is_some_and(|at| at + 1 == self.bodies.len()) {
            self.bodies.clear();
            self.first_sequence = sequence + 1;
        }
    }
}
