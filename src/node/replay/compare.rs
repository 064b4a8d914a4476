//! The outcome log, compared with what a replay gives.

use std::time::Duration;

use ringfence_codec::text;
use ringfence_engine::OutcomeSink;
use ringfence_journal::JournalError;
use ringfence_journal::outcomes::{LogEntry, LogReader};
use ringfence_types::{Event, Op, Origin, Outcome, Request, Status};

/// Compares what a replay gives with what the log holds.
pub struct Compare {
    log: LogReader,
    /// What the log says next, if it was asked already.
    next: Option<LogEntry>,
    began: bool,
    last_sequence: u64,
    /// The first difference.
    difference: Option<String>,
    failure: Option<JournalError>,
    /// An engine writes the log: it may end before the journal does.
    may_lag: bool,
    ended: bool,
}

impl Compare {
    /// Compares with `log`, which an engine may be writing (`may_lag`).
    pub fn new(log: LogReader, may_lag: bool) -> Compare {
        Compare {
            log,
            next: None,
            began: false,
            last_sequence: 0,
            difference: None,
            failure: None,
            may_lag,
            ended: false,
        }
    }

    /// Whether the comparison is over before the replay is.
    pub fn is_over(&self) -> bool {
        self.difference.is_some() || self.failure.is_some() || self.ended
    }

    /// What was found: the last sequence that is the same, or the first difference.
    /// The replay went up to `until`.
    pub fn finish(mut self, until: u64) -> Result<Result<u64, String>, JournalError> {
        if !self.is_over() && !self.may_lag {
            // The log goes on where the journal has ended.
            if let Some(entry) = self.peek() {
                let sequence = sequence_of(&entry);
                if sequence > self.last_sequence && until == u64::MAX {
                    self.difference = Some(format!(
                        "sequence {sequence}: in the outcome log, and not in the journal"
                    ));
                }
            }
        }
        match (self.failure, self.difference) {
            (Some(error), _) => Err(error),
            (None, Some(difference)) => Ok(Err(difference)),
            (None, None) => Ok(Ok(self.last_sequence)),
        }
    }

    /// What the log says next; nothing at its end, or if it cannot be read.
    fn peek(&mut self) -> Option<LogEntry> {
        if self.next.is_none() && self.failure.is_none() {
            let mut next = self.log.next_entry();
            if self.may_lag && matches!(next, Err(JournalError::Damaged { .. })) {
                // A frame that was being written a moment ago.
                std::thread::sleep(Duration::from_millis(200));
                next = self.log.next_entry();
            }
            match next {
                Ok(next) => self.next = next,
                Err(error) => self.failure = Some(error),
            }
        }
        self.next
    }

    fn compare(&mut self, replayed: LogEntry) {
        if self.is_over() {
            return;
        }
        let sequence = sequence_of(&replayed);
        // A log, and a shortened journal, may begin later than the other.
        while !self.began {
            match self.peek() {
                Some(entry) if sequence_of(&entry) < sequence => self.next = None,
                Some(entry) if sequence_of(&entry) > sequence => return,
                _ => self.began = true,
            }
        }
        let logged = self.peek();
        self.next = None;
        if self.failure.is_some() {
            return;
        }
        if logged.is_none() && self.may_lag {
            self.ended = true;
            return;
        }
        if logged != Some(replayed) {
            let logged = logged.map_or("nothing".to_owned(), |entry| show(&entry));
            let replayed = show(&replayed);
            self.difference = Some(format!(
                "sequence {sequence}: the outcome log has {logged}, the replay gives {replayed}"
            ));
            return;
        }
        self.last_sequence = sequence;
    }
}

fn sequence_of(entry: &LogEntry) -> u64 {
    match entry {
        LogEntry::Origin(origin) => origin.first_sequence,
        LogEntry::Event(event) => event.goes_before(),
        LogEntry::Outcome(sequence, _) => *sequence,
    }
}

fn show(entry: &LogEntry) -> String {
    match entry {
        LogEntry::Origin(origin) => {
            let Request { session, number, tag, .. } = origin.request;
            format!("request {number} of session {session} with tag {tag}")
        }
        LogEntry::Event(event) => format!("an event of kind {}", event.kind),
        LogEntry::Outcome(sequence, outcome) => {
            if Status::from_number(outcome.status).is_none()
                || Op::from_number(outcome.op).is_none()
            {
                return format!("an outcome with status {}", outcome.status);
            }
            let mut line = Vec::new();
            text::encode_outcome(*sequence, outcome, &[], &mut line);
            String::from_utf8_lossy(&line).trim_end().to_owned()
        }
    }
}

impl OutcomeSink for Compare {
    fn origin(&mut self, origin: &Origin) {
        self.compare(LogEntry::Origin(*origin));
    }

    fn event(&mut self, event: &Event) {
        self.compare(LogEntry::Event(Event { session: 0, ..*event }));
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        self.compare(LogEntry::Outcome(sequence, Outcome { session: 0, ..*outcome }));
    }
}
