//! A line on the terminal that says how far a long run is.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(1);

/// Shows how much was processed, once a second, where standard error is a terminal.
pub(super) struct ProgressLine {
    start: Instant,
    shown: Option<Instant>,
    is_terminal: bool,
    what: &'static str,
}

impl ProgressLine {
    /// Of what people call `what`.
    pub(super) fn new(what: &'static str) -> ProgressLine {
        let is_terminal = stderr().is_terminal();
        ProgressLine { start: Instant::now(), shown: None, is_terminal, what }
    }

    /// So many are done.
    pub(super) fn tick(&mut self, count: u64) {
        let last = self.shown.unwrap_or(self.start);
        if !self.is_terminal || last.elapsed() < INTERVAL {
            return;
        }
        self.shown = Some(Instant::now());
        let rate = count as f64 / self.start.elapsed().as_secs_f64();
        // Nothing is lost where this is not seen.
        drop(write!(stderr(), "\r{count} {}, {rate:.0} a second\x1b[K", self.what));
    }

    /// Takes the line away.
    pub(super) fn finish(&mut self) {
        if self.shown.take().is_some() {
            drop(write!(stderr(), "\r\x1b[K"));
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.finish();
    }
}
