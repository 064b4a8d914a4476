//! Outcomes as lines of text, the same bytes as in the run.

use std::io::{self, Write};

use crate::codec::text;
use crate::engine::Sink;
use crate::types::{Event, EventKind, Outcome};

/// Bytes that gather before they are written.
const GATHERED_BYTES: usize = 256 * 1024;

/// Writes one line for each outcome.
pub struct TextLines<W> {
    output: W,
    gathered: Vec<u8>,
    body: Option<Event>,
    failed: Option<io::Error>,
}

impl<W: Write> TextLines<W> {
    /// Writes to `output`.
    pub fn new(output: W) -> TextLines<W> {
        let gathered = Vec::with_capacity(2 * GATHERED_BYTES);
        TextLines { output, gathered, body: None, failed: None }
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
        match event.kind() {
            EventKind::AccountBody | EventKind::TransferBody => self.body = Some(*event),
        }
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        let body = self.body.take();
        text::encode_outcome(sequence, outcome, body.as_ref(), &mut self.gathered);
        if self.gathered.len() >= GATHERED_BYTES {
            self.write();
        }
    }
}
