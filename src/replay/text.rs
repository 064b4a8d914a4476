//! Outcomes as lines of text, the same bytes as in the run.

use std::io::{self, Write};

use crate::codec::text;
use crate::engine::Sink;
use crate::types::{Event, Outcome};

/// Bytes that gather before they are written.
const GATHERED_BYTES: usize = 256 * 1024;

/// Writes one line for each outcome, and if asked for each event.
pub struct TextLines<W> {
    output: W,
    gathered: Vec<u8>,
    bodies: Vec<Event>,
    /// Whether numbered events are printed too.
    events: bool,
    failed: Option<io::Error>,
}

impl<W: Write> TextLines<W> {
    /// Writes to `output`. `events`: numbered events are written too.
    pub fn new(output: W, events: bool) -> TextLines<W> {
        let gathered = Vec::with_capacity(2 * GATHERED_BYTES);
        TextLines { output, gathered, bodies: Vec::new(), events, failed: None }
    }

    /// Whether the output could no longer be written.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Writes what has gathered.
    ///
    /// # Errors
    ///
    /// If this or an earlier write failed.
    pub fn finish(&mut self) -> io::Result<()> {
        self.write();
        self.failed.take().map_or(Ok(()), Err)
    }

    fn write(&mut self) {
        if self.failed.is_none() {
            let written = self.output.write_all(&self.gathered).and_then(|()| self.output.flush());
            self.failed = written.err();
        }
        self.gathered.clear();
    }
}

impl<W: Write> Sink for TextLines<W> {
    fn event(&mut self, event: &Event) {
        if !event.kind().is_numbered() {
            self.bodies.push(*event);
        } else if self.events {
            text::encode_event(event, &mut self.gathered);
            if self.gathered.len() >= GATHERED_BYTES {
                self.write();
            }
        }
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        text::encode_outcome(sequence, outcome, &self.bodies, &mut self.gathered);
        self.bodies.clear();
        if self.gathered.len() >= GATHERED_BYTES {
            self.write();
        }
    }
}
