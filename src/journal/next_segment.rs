//! The segment that is made ahead while the current one is filled.
//!
//! ```text
//!   missing ──ask──▶ preparing ──▶ ready ──enter──▶ missing …
//!                        └──▶ failed ──a second later, or once when it is needed──▶ preparing
//! ```

use std::time::{Duration, Instant};

use super::error::JournalError;

/// After so long a segment that could not be made is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The next segment.
#[derive(Debug)]
pub(super) struct NextSegment {
    state: State,
    /// Whether the current segment is full, and the next one could not be made before.
    is_needed: bool,
}

#[derive(Debug)]
enum State {
    Missing,
    Preparing(u64),
    /// It could not be made, at that time: the disk is full. The current one is written on.
    Failed(JournalError, Instant),
    /// It is there, and so many bytes long.
    Ready(u64),
}

impl NextSegment {
    /// `bytes` is the length of one that is there.
    pub fn new(bytes: Option<u64>) -> NextSegment {
        NextSegment { state: bytes.map_or(State::Missing, State::Ready), is_needed: false }
    }

    /// Its length, if it is there.
    pub fn bytes(&self) -> Option<u64> {
        match self.state {
            State::Ready(bytes) => Some(bytes),
            State::Missing | State::Preparing(_) | State::Failed(..) => None,
        }
    }

    /// Whether it is being made.
    pub fn is_under_way(&self) -> bool {
        matches!(self.state, State::Preparing(_))
    }

    /// Why it could not be made.
    pub fn failure(&self) -> Option<&JournalError> {
        match &self.state {
            State::Failed(error, _) => Some(error),
            State::Missing | State::Preparing(_) | State::Ready(_) => None,
        }
    }

    /// Whether it is time to ask for it.
    pub fn is_wanted(&self) -> bool {
        match &self.state {
            State::Missing => true,
            State::Failed(_, when) => when.elapsed() >= RETRY,
            State::Preparing(_) | State::Ready(_) => false,
        }
    }

    /// It was asked for.
    pub fn ask(&mut self, ticket: u64) {
        self.state = State::Preparing(ticket);
    }

    /// Nothing fits the current segment any more, and this one is not there: it is tried once more,
    /// and then no more.
    pub fn need(&mut self) {
        if matches!(self.state, State::Failed(..)) {
            self.state = State::Missing;
            self.is_needed = true;
        }
    }

    /// Whether it is what was asked for with `ticket`.
    pub fn is_of(&self, ticket: u64) -> bool {
        matches!(self.state, State::Preparing(asked) if asked == ticket)
    }

    /// It was made, `bytes` long, or not.
    ///
    /// # Errors
    ///
    /// The failure, if nothing fits the current segment any more.
    pub fn made(
        &mut self,
        result: Result<(), JournalError>,
        bytes: u64,
    ) -> Result<(), JournalError> {
        self.state = match result {
            Ok(()) => State::Ready(bytes),
            Err(error) if self.is_needed => return Err(error),
            Err(error) => State::Failed(error, Instant::now()),
        };
        Ok(())
    }

    /// It is the current one now.
    pub fn enter(&mut self) {
        *self = NextSegment::new(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> JournalError {
        JournalError::Poisoned { cause: "the disk is full".into() }
    }

    #[test]
    fn what_could_not_be_made_is_no_failure_before_it_is_needed() {
        let mut next = NextSegment::new(None);
        assert!(next.is_wanted());
        next.ask(7);
        assert!(next.is_under_way() && !next.is_wanted() && next.is_of(7) && !next.is_of(8));
        next.made(Err(full()), 100).unwrap();
        assert!(next.failure().is_some() && !next.is_wanted(), "not at once again");
        next.need();
        assert!(next.is_wanted(), "but when it is needed");
        next.ask(8);
        assert!(next.made(Err(full()), 100).is_err());
    }

    #[test]
    fn what_was_made_is_entered_once() {
        let mut next = NextSegment::new(Some(50));
        assert_eq!(next.bytes(), Some(50));
        next.need();
        assert_eq!(next.bytes(), Some(50));
        next.enter();
        assert_eq!(next.bytes(), None);
        next.ask(9);
        next.made(Ok(()), 100).unwrap();
        assert_eq!(next.bytes(), Some(100));
        assert!(next.failure().is_none() && !next.is_wanted());
    }
}
