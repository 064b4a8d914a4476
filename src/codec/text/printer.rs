//! Outcomes and events gathered as lines, and written when enough of them are there.

use std::io::{self, Write};

use super::{encode_event, encode_outcome};
use ringfence_types::{Event, Outcome};

/// Writes one line for each outcome, and if asked for each numbered event.
///
/// Where the output fails, nothing more is written to it, and the failure is kept.
pub struct Printer<W> {
    output: W,
    gathered: Vec<u8>,
    /// Bytes that gather before they are written.
    gathered_bytes: usize,
    /// The bodies of the look-up whose outcome comes next.
    bodies: Vec<Event>,
    events: bool,
    failed: Option<io::Error>,
}

impl<W: Write> Printer<W> {
    /// Writes to `output` what has gathered as soon as it is `gathered_bytes` long. `events`:
    /// numbered events are written too.
    pub fn new(output: W, gathered_bytes: usize, events: bool) -> Printer<W> {
        let gathered = Vec::with_capacity(2 * gathered_bytes);
        Printer { output, gathered, gathered_bytes, bodies: Vec::new(), events, failed: None }
    }

    /// An event; the outcome of its command follows.
    pub fn event(&mut self, event: &Event) {
        if !event.kind().is_numbered() {
            self.bodies.push(*event);
        } else if self.events {
            encode_event(event, &mut self.gathered);
            self.write_if_enough();
        }
    }

    /// The outcome of the command `sequence`.
    pub fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        encode_outcome(sequence, outcome, &self.bodies, &mut self.gathered);
        self.bodies.clear();
        self.write_if_enough();
    }

    /// The gathered bytes, to which lines can be appended that stand between outcomes.
    pub fn lines(&mut self) -> &mut Vec<u8> {
        &mut self.gathered
    }

    fn write_if_enough(&mut self) {
        if self.gathered.len() >= self.gathered_bytes {
            self.write();
        }
    }

    /// Whether nothing waits to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gathered.is_empty()
    }

    /// Writes what has gathered.
    pub fn write(&mut self) {
        if self.failed.is_none() {
            let written = self.output.write_all(&self.gathered).and_then(|()| self.output.flush());
            self.failed = written.err();
        }
        self.gathered.clear();
    }

    /// Whether the output could no longer be written.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Why the output could no longer be written, if so.
    pub fn take_failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }
}
