//! Outcomes as lines of text, for `ringfence apply`.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Sink;
use crate::codec::text;
use crate::gateway::TextNotice;
use crate::types::{Event, Outcome};

/// Bytes that gather before they are written, while there is more to publish.
const GATHERED_BYTES: usize = 64 * 1024;

/// Prints one line for each outcome and each notice, and if asked for each event.
pub struct TextSink<W> {
    output: W,
    gathered: Vec<u8>,
    /// The bodies of the look-up whose outcome comes next.
    bodies: Vec<Event>,
    /// Whether numbered events are printed too.
    events: bool,
    stop: Arc<AtomicBool>,
    failed: Option<io::Error>,
}

impl<W: Write> TextSink<W> {
    /// Prints to `output`. Where that fails, nothing more is printed, and `stop` is set, so that
    /// nothing more is taken in. `events`: numbered events are printed too.
    pub fn new(output: W, events: bool, stop: Arc<AtomicBool>) -> TextSink<W> {
        let gathered = Vec::with_capacity(2 * GATHERED_BYTES);
        TextSink { output, gathered, bodies: Vec::new(), events, stop, failed: None }
    }

    /// Why the output could no longer be written, if so.
    pub fn take_failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    fn write(&mut self) {
        let written = match self.failed {
            Some(_) => Ok(()),
            None => self.output.write_all(&self.gathered).and_then(|()| self.output.flush()),
        };
        if let Err(error) = written {
            self.failed = Some(error);
            // Relaxed: the flag carries nothing but itself.
            self.stop.store(true, Ordering::Relaxed);
        }
        self.gathered.clear();
    }
}

impl<W: Write + Send> Sink for TextSink<W> {
    type Notice = TextNotice;

    fn notice(&mut self, notice: TextNotice) {
        match notice {
            TextNotice::Malformed { line, error } => {
                text::encode_malformed(line, &error, &mut self.gathered);
            }
            TextNotice::Advanced { clock_ns } => {
                text::encode_advance_clock(clock_ns, &mut self.gathered);
            }
        }
    }

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

    fn turn_ends(&mut self, idle: bool) -> bool {
        if !idle || self.gathered.is_empty() {
            return false;
        }
        self.write();
        true
    }
}
