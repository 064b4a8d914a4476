//! What a follower does where nothing more comes: it looks whether something is wrong.

use std::time::{Duration, Instant};

use super::super::FollowError;
use super::super::begin::holds;
use super::{Follower, LOG_BEGINS};
use ringfence_journal::outcomes::{LogFrame, LogStep, LogTrail, first_logged_sequence};
use ringfence_journal::{Fault, JournalError};

/// How often it is looked, where nothing comes, whether the files are still where they were.
const LOOK: Duration = Duration::from_millis(50);

impl Follower {
    /// Looks from time to time, where nothing comes, whether something is wrong.
    pub(super) fn stand_still(&mut self, fault: Option<JournalError>) -> Result<(), FollowError> {
        let is_cut_short =
            matches!(&fault, Some(JournalError::Damaged { fault: Fault::CutShort, .. }));
        self.doubts |= fault.is_some() && !is_cut_short;
        let now = Instant::now();
        if now < self.next_look {
            return Ok(());
        }
        self.next_look = now + LOOK;
        if !self.log.is_in_place()? {
            return self.find_place_again();
        }
        // A frame that a crash cut short stays so until the next start, and is the last.
        self.doubts = fault.is_some() && (!is_cut_short || self.log.goes_on_behind()?);
        match fault.filter(|_| self.doubts) {
            None => {}
            Some(fault) if !self.patience.is_over(&fault) => return Ok(()),
            // It may have been cut, and be longer again.
            Some(_) if !self.was_found_again => return self.find_place_again(),
            Some(fault) => return Err(fault.into()),
        }
        self.check_gap()?;
        self.check_log_is_kept()
    }

    /// Goes on in a log that was cut or exchanged: a start makes again what a crash took.
    fn find_place_again(&mut self) -> Result<(), FollowError> {
        self.log = LogTrail::open(&self.path, self.journal_id, self.looked_at)?;
        self.end = LogTrail::open(&self.path, self.journal_id, self.looked_at)?;
        self.events_known = self.events_looked_at;
        self.was_found_again = true;
        self.frame = LogFrame::default();
        (self.next_outcome, self.next_event) = (0, 0);
        Ok(())
    }

    /// Checks that nothing is missing between what was looked at and what is there.
    pub(super) fn check_gap(&mut self) -> Result<(), FollowError> {
        if self.log.gap()?.is_none() {
            return Ok(());
        }
        // What stands before the gap may have come after we looked.
        match self.is_frame_done() {
            true => {
                if let LogStep::Frame(frame) = self.log.next_frame()? {
                    return self.begin_frame(frame);
                }
            }
            false if matches!(self.log.peek()?, LogStep::Frame(_)) => return Ok(()),
            false => {}
        }
        let Some(oldest) = self.log.gap()? else { return Ok(()) };
        let (path, after) = (self.path.clone(), self.looked_at);
        Err(FollowError::TooFarBehind { path, after, oldest })
    }

    /// Checks that there is a log where there are commands.
    fn check_log_is_kept(&mut self) -> Result<(), FollowError> {
        if self.wish.log_is_kept {
            return Ok(());
        }
        if first_logged_sequence(&self.path)?.is_some() {
            self.logless = None;
            return Ok(());
        }
        let (seen, had_commands) = *self.logless.get_or_insert_with(|| (Instant::now(), false));
        if seen.elapsed() < LOG_BEGINS {
            return Ok(());
        }
        let has_commands = holds(&self.files, None, 1)?;
        // An engine that has just executed its first command has time to begin its log.
        if has_commands && had_commands {
            return Err(FollowError::NoOutcomeLog { path: self.path.clone() });
        }
        self.logless = Some((Instant::now(), has_commands));
        Ok(())
    }
}
