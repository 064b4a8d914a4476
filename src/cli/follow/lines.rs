//! What is followed, as lines.

use std::fs::File;

use ringfence_codec::text::{self, Printer};
use ringfence_node::follow::Taker;
use ringfence_types::{Command, Event, Op, Origin, Outcome, Request};

/// Prints what it takes, up to a sequence.
pub(super) struct Lines {
    pub printer: Printer<File>,
    pub until: u64,
    /// Whether lines of batches are printed.
    origins: bool,
    /// Whose the commands are that come next, if that is said.
    origin: Option<Origin>,
}

impl Lines {
    pub fn new(printer: Printer<File>, until: u64, origins: bool) -> Lines {
        Lines { printer, until, origins, origin: None }
    }
}

impl Taker for Lines {
    fn origin(&mut self, origin: &Origin) {
        self.origin = Some(*origin);
        let op = Op::from_number(origin.op).filter(|_| origin.first_sequence <= self.until);
        if let Some(op) = op.filter(|_| self.origins) {
            let (first, commands) = (origin.first_sequence, origin.commands);
            text::encode_origin(first, commands, op, &origin.request, self.printer.lines());
        }
    }

    fn commands(&mut self, first_sequence: u64, commands: &[Command]) {
        let origin = self.origin.filter(|origin| first_sequence <= origin.last_sequence());
        let request = origin.map_or(Request::NONE, |origin| origin.request);
        for (sequence, command) in (first_sequence..=self.until).zip(commands) {
            // A line for each, also for those of one batch.
            let mut command = *command;
            (command.header.batch_length, command.header.batch_index) = (1, 0);
            let lines = self.printer.lines();
            text::encode_commands_with_sequence(sequence, &request, &[command], lines);
        }
    }

    fn event(&mut self, event: &Event) {
        if event.goes_before() <= self.until {
            self.printer.event(event);
        }
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        if sequence <= self.until {
            self.printer.outcome(sequence, outcome);
        }
    }
}
