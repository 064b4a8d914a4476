//! What one client has missed, read from the outcome log.

use std::path::{Path, PathBuf};

use crate::notice::Missed;
use ringfence_codec::wire::{ReplyEncoder, encode_origin};
use ringfence_journal::JournalError;
use ringfence_journal::outcomes::{LogFrame, LogStep, LogTrail, first_logged_sequence};
use ringfence_types::{BATCH_COMMANDS_MAX, Event, Origin, Outcome};

/// What the log gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A stretch was looked through.
    More,
    /// It has no more yet.
    NotYet,
    /// Everything has been given.
    Whole,
}

/// What one client has missed.
pub(super) struct Missing {
    dir: PathBuf,
    journal_id: [u8; 16],
    missed: Missed,
    wants_events: bool,
    /// Once it has begun.
    trail: Option<LogTrail>,
    encoder: ReplyEncoder,
    /// The batch of the session that was met last.
    batch: Option<Origin>,
    /// Its origin was given.
    is_told: bool,
    /// Events whose outcome has not come yet.
    events: Vec<Event>,
}

impl Missing {
    pub(super) fn new(
        dir: &Path,
        journal_id: [u8; 16],
        missed: Missed,
        wants_events: bool,
    ) -> Missing {
        Missing {
            dir: dir.to_path_buf(),
            journal_id,
            missed,
            wants_events,
            trail: None,
            encoder: ReplyEncoder::new(),
            batch: None,
            is_told: false,
            events: Vec::new(),
        }
    }

    /// Opens the log. Returns the sequence after which it gives what was missed: what lies before
    /// can no longer be had.
    pub(super) fn begin(&mut self) -> Result<u64, JournalError> {
        let Missed { after, up_to, .. } = self.missed;
        // A log without a file begins with what is published next.
        let first = first_logged_sequence(&self.dir)?.unwrap_or(1);
        // Whose an outcome is is said before the first one of its batch.
        let from = after.saturating_sub(BATCH_COMMANDS_MAX as u64);
        let after = match first - 1 {
            gone if gone <= from => after,
            // The batch with which the log begins may have begun before.
            gone => (gone + BATCH_COMMANDS_MAX as u64).clamp(after, up_to),
        };
        self.missed.after = after;
        self.trail = Some(LogTrail::open(&self.dir, self.journal_id, from.max(first - 1))?);
        Ok(after)
    }

    /// Appends what the next stretch of the log has, in whole messages.
    pub(super) fn next(&mut self, out: &mut Vec<u8>) -> Result<Step, JournalError> {
        let trail = self.trail.as_mut().expect("it has begun");
        if self.missed.after == self.missed.up_to {
            return Ok(Step::Whole);
        }
        match trail.next_frame()? {
            LogStep::Frame(frame) => {
                self.frame(&frame, out);
                self.encoder.finish(out);
                Ok(if frame.last_sequence() >= self.missed.up_to {
                    Step::Whole
                } else {
                    Step::More
                })
            }
            LogStep::NotYet(_) => Ok(Step::NotYet),
        }
    }

    /// Appends what a frame has.
    fn frame(&mut self, frame: &LogFrame, out: &mut Vec<u8>) {
        let mut origins = frame.origins.iter().peekable();
        let mut events = frame.events.iter().peekable();
        for (sequence, outcome) in (frame.first_sequence..).zip(&frame.outcomes) {
            while let Some(origin) = origins.next_if(|origin| origin.first_sequence <= sequence) {
                self.meet(origin);
            }
            while let Some(event) = events.next_if(|event| event.goes_before() <= sequence) {
                self.events.push(*event);
            }
            if self.is_wanted(sequence) {
                self.tell(sequence, outcome, out);
            }
            self.events.clear();
        }
        // They belong to the command whose outcome begins the next frame.
        origins.for_each(|origin| self.meet(origin));
        self.events.extend(events);
    }

    fn meet(&mut self, origin: &Origin) {
        if self.batch.is_none_or(|batch| batch.first_sequence != origin.first_sequence) {
            self.batch = (origin.request.session == self.missed.session).then_some(*origin);
            self.is_told = false;
        }
    }

    fn is_wanted(&self, sequence: u64) -> bool {
        (self.missed.after + 1..=self.missed.up_to).contains(&sequence)
            && self.batch.is_some_and(|batch| sequence <= batch.last_sequence())
    }

    fn tell(&mut self, sequence: u64, outcome: &Outcome, out: &mut Vec<u8>) {
        if let Some(batch) = self.batch.filter(|_| !self.is_told) {
            self.is_told = true;
            self.encoder.finish(out);
            encode_origin(&batch, out);
        }
        for event in &self.events {
            if self.wants_events || !event.kind().is_numbered() {
                self.encoder.event(event, out);
            }
        }
        self.encoder.outcome(sequence, outcome, out);
    }
}
