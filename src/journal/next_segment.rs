//! The segment that is made ahead while the current one is filled.
//!
//! ```text
//!   missing ──ask──▶ preparing ──▶ ready ──enter──▶ missing …
//!                        └──▶ failed ──a second later──▶ preparing
//! ```
//!
//! # Invariants
//!
//! * A disk without room stops nothing: the segment is asked for again every second, however often
//!   that fails, and what does not fit the current segment waits.
//! * Another failure stops the writer, but only once nothing fits the current segment any more, and
//!   after one more try.

use std::time::{Duration, Instant};

use super::error::JournalError;
use super::shortage::Shortage;

/// After so long a segment that could not be made is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The next segment.
#[derive(Debug)]
pub(super) struct NextSegment {
    state: State,
    /// Whether nothing fits the current segment, and this one could not be made before.
    is_needed: bool,
    /// Whether it could not be made the last time.
    is_short: bool,
}

#[derive(Debug)]
enum State {
    Missing,
    Preparing(u64),
    Failed(Failed),
    /// It is there, and so many bytes long.
    Ready(u64),
}

/// It could not be made. The current one is written on.
#[derive(Debug)]
struct Failed {
    at: Instant,
    /// Whether room is all that was missing.
    for_room: bool,
}

/// How an attempt to make it ended.
#[derive(Debug)]
pub(super) enum Made {
    /// It is there.
    Ready,
    /// It is there, and was not the time before.
    ReadyAtLast,
    /// It could not be made: what to tell.
    Failed(JournalError),
    /// It could not be made again, which was told.
    FailedAgain,
}

impl NextSegment {
    /// `bytes` is the length of one that is there.
    pub fn new(bytes: Option<u64>) -> NextSegment {
        let state = bytes.map_or(State::Missing, State::Ready);
        NextSegment { state, is_needed: false, is_short: false }
    }

    /// Its length, if it is there.
    pub fn bytes(&self) -> Option<u64> {
        match self.state {
            State::Ready(bytes) => Some(bytes),
            State::Missing | State::Preparing(_) | State::Failed(_) => None,
        }
    }

    /// Whether it is being made.
    pub fn is_under_way(&self) -> bool {
        matches!(self.state, State::Preparing(_))
    }

    /// What is missing, if it could not be made the last time.
    pub fn shortage(&self) -> Option<Shortage> {
        match (self.is_short, self.is_needed) {
            (false, _) => None,
            (true, false) => Some(Shortage::Ahead),
            (true, true) => Some(Shortage::Now),
        }
    }

    /// Whether it is time to ask for it.
    pub fn is_wanted(&self) -> bool {
        match &self.state {
            State::Missing => true,
            State::Failed(failed) => failed.at.elapsed() >= RETRY,
            State::Preparing(_) | State::Ready(_) => false,
        }
    }

    /// It was asked for.
    pub fn ask(&mut self, ticket: u64) {
        self.state = State::Preparing(ticket);
    }

    /// Nothing fits the current segment any more, and this one is not there. Where it failed for
    /// another reason than room, it is tried once more, at once.
    pub fn need(&mut self) {
        self.is_needed |= self.is_short;
        if matches!(self.state, State::Failed(Failed { for_room: false, .. })) {
            self.state = State::Missing;
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
    /// The failure, if nothing fits the current segment any more and room is not what is missing.
    pub fn made(
        &mut self,
        result: Result<(), JournalError>,
        bytes: u64,
    ) -> Result<Made, JournalError> {
        let was_short = self.is_short;
        self.is_short = result.is_err();
        match result {
            Ok(()) => {
                *self = NextSegment::new(Some(bytes));
                Ok(if was_short { Made::ReadyAtLast } else { Made::Ready })
            }
            Err(error) if self.is_needed && !error.is_for_room() => Err(error),
            Err(error) => {
                let for_room = error.is_for_room();
                self.state = State::Failed(Failed { at: Instant::now(), for_room });
                Ok(if was_short { Made::FailedAgain } else { Made::Failed(error) })
            }
        }
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
        let error = std::io::ErrorKind::StorageFull.into();
        JournalError::io_whole("reserve space in", "0000000002.journal.new", error)
    }

    fn broken() -> JournalError {
        JournalError::Poisoned { cause: "the disk is broken".into() }
    }

    #[test]
    fn what_could_not_be_made_is_no_failure_before_it_is_needed() {
        let mut next = NextSegment::new(None);
        assert!(next.is_wanted());
        next.ask(7);
        assert!(next.is_under_way() && !next.is_wanted() && next.is_of(7) && !next.is_of(8));
        let made = next.made(Err(broken()), 100).unwrap();
        assert!(matches!(made, Made::Failed(_)), "{made:?}");
        assert!(next.shortage().is_some() && !next.is_wanted(), "not at once again");
        next.need();
        assert!(next.is_wanted(), "but when it is needed");
        next.ask(8);
        assert!(next.made(Err(broken()), 100).is_err());
    }

    #[test]
    fn a_disk_without_room_is_never_a_failure_and_is_told_once() {
        let mut next = NextSegment::new(None);
        next.ask(1);
        assert!(matches!(next.made(Err(full()), 100), Ok(Made::Failed(_))));
        assert_eq!(next.shortage(), Some(Shortage::Ahead));
        next.need();
        assert_eq!(next.shortage(), Some(Shortage::Now));
        assert!(!next.is_wanted(), "asked for again after a while, and not in a loop");
        for ticket in 2..5 {
            next.ask(ticket);
            assert!(matches!(next.made(Err(full()), 100), Ok(Made::FailedAgain)));
            assert_eq!(next.shortage(), Some(Shortage::Now));
        }
        next.ask(5);
        assert!(matches!(next.made(Ok(()), 100), Ok(Made::ReadyAtLast)));
        assert_eq!((next.shortage(), next.bytes()), (None, Some(100)));
        // What comes up instead of a lack of room does stop it.
        next.enter();
        next.ask(6);
        next.made(Err(full()), 100).unwrap();
        next.need();
        next.ask(7);
        assert!(next.made(Err(broken()), 100).is_err());
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
        assert!(next.shortage().is_none() && !next.is_wanted());
    }
}
