//! Outcomes as lines of text, the same bytes as in the run.

use std::io::{self, Write};

use ringfence_codec::text::Printer;
use ringfence_engine::OutcomeSink;
use ringfence_types::{Event, Outcome};

/// Bytes that gather before they are written.
const GATHERED_BYTES: usize = 256 * 1024;

/// Writes one line for each outcome, and if asked for each event.
pub struct TextLines<W>(Printer<W>);

impl<W: Write> TextLines<W> {
    /// Writes to `output`. `events`: numbered events are written too.
    pub fn new(output: W, events: bool) -> TextLines<W> {
        TextLines(Printer::new(output, GATHERED_BYTES, events))
    }

    /// Whether the output could no longer be written.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.0.has_failed()
    }

    /// Writes what has gathered.
    ///
    /// # Errors
    ///
    /// If this or an earlier write failed.
    pub fn finish(&mut self) -> io::Result<()> {
        self.0.write();
        self.0.take_failure().map_or(Ok(()), Err)
    }
}

impl<W: Write> OutcomeSink for TextLines<W> {
    fn event(&mut self, event: &Event) {
        self.0.event(event);
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        self.0.outcome(sequence, outcome);
    }
}
