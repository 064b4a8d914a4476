//! A line on the terminal that says how far a long run is: a number, or a bar where the end is
//! known.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(1);
/// How often a bar moves.
const BAR_INTERVAL: Duration = Duration::from_millis(100);
/// Characters in a bar.
const BAR_WIDTH: u64 = 30;

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

    /// So many of `all` are done. With the last one the bar goes away.
    pub(super) fn part(&mut self, count: u64, all: u64) {
        if count >= all {
            self.finish();
        } else if self.is_due(BAR_INTERVAL) {
            drop(write!(stderr(), "\r{} {count} of {all} {}\x1b[K", bar(count, all), self.what));
        }
    }

    /// Whether the line is to be written: `interval` has gone by since it was written last.
    fn is_due(&mut self, interval: Duration) -> bool {
        let last = self.shown.unwrap_or(self.start);
        let is_due = self.is_terminal && last.elapsed() >= interval;
        if is_due {
            self.shown = Some(Instant::now());
        }
        is_due
    }

    /// So many are done.
    pub(super) fn tick(&mut self, count: u64) {
        if !self.is_due(INTERVAL) {
            return;
        }
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

/// `count` of `all` as a bar.
fn bar(count: u64, all: u64) -> String {
    let done = (count * BAR_WIDTH / all.max(1)).min(BAR_WIDTH) as usize;
    format!("[{}{}]", "#".repeat(done), ".".repeat(BAR_WIDTH as usize - done))
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_the_part_that_is_done() {
        //  count, all, characters that are full
        for (count, all, full) in [(0, 10, 0), (5, 10, 15), (9, 10, 27), (10, 10, 30), (0, 0, 0)] {
            let bar = bar(count, all);
            assert_eq!(bar.matches('#').count(), full, "{count} of {all}: {bar}");
            assert_eq!(bar.len() as u64, BAR_WIDTH + 2);
        }
    }
}
