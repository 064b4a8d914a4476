//! Outcomes as lines of text, for `ringfence apply`.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Sink;
use crate::notice::TextNotice;
use ringfence_codec::text::{self, Printer};
use ringfence_types::{Event, Outcome};

/// Bytes that gather before they are written, while there is more to publish.
const GATHERED_BYTES: usize = 64 * 1024;

/// Prints one line for each outcome and each notice, and if asked for each event.
pub struct TextSink<W> {
    printer: Printer<W>,
    stop: Arc<AtomicBool>,
}

impl<W: Write> TextSink<W> {
    /// Prints to `output`. Where that fails, nothing more is printed, and `stop` is set, so that
    /// nothing more is taken in. `events`: numbered events are printed too.
    pub fn new(output: W, events: bool, stop: Arc<AtomicBool>) -> TextSink<W> {
        TextSink { printer: Printer::new(output, GATHERED_BYTES, events), stop }
    }

    /// Why the output could no longer be written, if so.
    pub fn take_failure(&mut self) -> Option<io::Error> {
        self.printer.take_failure()
    }

    /// Nothing more has to be taken in for an output that nobody reads.
    fn stop_if_failed(&self) {
        if self.printer.has_failed() {
            // Relaxed: the flag carries nothing but itself.
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

impl<W: Write + Send> Sink for TextSink<W> {
    type Notice = TextNotice;

    fn notice(&mut self, notice: TextNotice) {
        let lines = self.printer.lines();
        match notice {
            TextNotice::Malformed { line, error } => text::encode_malformed(line, &error, lines),
            TextNotice::Advanced { clock_ns } => text::encode_advance_clock(clock_ns, lines),
        }
    }

    fn event(&mut self, event: &Event) {
        self.printer.event(event);
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        self.printer.outcome(sequence, outcome);
    }

    fn turn_ends(&mut self, idle: bool) -> bool {
        let writes = idle && !self.printer.is_empty();
        if writes {
            self.printer.write();
        }
        self.stop_if_failed();
        writes
    }
}
