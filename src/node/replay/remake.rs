//! The outcome log, made again where it lacks something.

use ringfence_engine::OutcomeSink;
use ringfence_journal::JournalError;
use ringfence_journal::outcomes::{Frame, Log};
use ringfence_types::{Event, Origin, Outcome};

/// Puts the outcomes that the log lacks into it, as a replay gives them.
pub(crate) struct Remake {
    log: Option<Log>,
    frame: Frame,
    /// The log has everything up to here.
    has: u64,
    failure: Option<JournalError>,
}

impl Remake {
    /// Goes on with `log`; without one it forgets everything.
    pub(crate) fn new(log: Option<Log>) -> Remake {
        let has = log.as_ref().map_or(u64::MAX, Log::last_sequence);
        Remake { log, frame: Frame::new(), has, failure: None }
    }

    /// The log, with all that was to be put into it.
    pub(crate) fn finish(mut self) -> Result<Option<Log>, JournalError> {
        self.write();
        self.failure.map_or(Ok(self.log), Err)
    }

    fn write(&mut self) {
        let Some(log) = &mut self.log else { return };
        if self.failure.is_none() && !self.frame.is_empty() {
            // What is still needed is not known yet.
            const ALL: u64 = 1;
            let written = log.append(&self.frame).and_then(|()| log.remove_surplus(ALL));
            self.failure = written.err();
        }
        let unfinished = self.frame.unfinished();
        self.frame.clear();
        if let Some(origin) = unfinished {
            self.frame.begin_within(&origin);
        }
    }

    fn write_if_full(&mut self) {
        if self.frame.is_full() {
            self.write();
        }
    }
}

impl OutcomeSink for Remake {
    fn origin(&mut self, origin: &Origin) {
        if origin.first_sequence > self.has {
            self.frame.origin(origin);
            self.write_if_full();
        } else if self.log.is_some() && origin.last_sequence() > self.has {
            // The log ends within this batch.
            self.frame.begin_within(origin);
        }
    }

    fn event(&mut self, event: &Event) {
        if event.goes_before() > self.has {
            self.frame.event(event);
            self.write_if_full();
        }
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        if sequence > self.has {
            self.frame.outcome(sequence, outcome);
            self.write_if_full();
        }
    }
}
