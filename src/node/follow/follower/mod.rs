//! Goes through log and journal, and gives what is wanted of them.

mod standing;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::begin::{begin, oldest};
use super::bodies::Bodies;
use super::patience::Patience;
use super::{FollowError, Taker, Wish};
use ringfence_journal::outcomes::{LogFrame, LogStep, LogTrail};
use ringfence_journal::{DataDir, Directory, JournalError, first_segment};
use ringfence_types::{Command, Event, Origin, Outcome};

/// How long an engine may take to begin its log, or to begin it again in place of a damaged one.
pub(super) const LOG_BEGINS: Duration = Duration::from_secs(1);

/// Follows what an engine does.
pub struct Follower {
    path: PathBuf,
    files: Directory,
    journal_id: [u8; 16],
    wish: Wish,
    log: LogTrail,
    /// At the end of the log, as it was when that was asked.
    end: LogTrail,
    /// Only where commands are wanted, or decide.
    bodies: Option<Bodies>,
    frame: LogFrame,
    next_outcome: usize,
    next_event: usize,
    /// The last outcome that was gone past, by its sequence.
    looked_at: u64,
    /// That outcome, unless it was before the beginning.
    last_outcome: Option<Outcome>,
    /// Events behind it that were gone past.
    events_looked_at: u64,
    /// Events that were gone past before, and come once more.
    events_known: u64,
    /// The last command that was given.
    commands_given: u64,
    /// First sequence of the batch whose origin was given last.
    origin_given: u64,
    patience: Patience,
    /// Whether the place in the log was found again since it last went on.
    was_found_again: bool,
    /// Whether what stands next is no frame, and does not look as if one is being written.
    doubts: bool,
    next_look: Instant,
    /// When it was last seen that there is no log, and whether the journal held commands then.
    logless: Option<(Instant, bool)>,
}

impl Follower {
    /// Opens log and journal in `dir`, beside an engine or without one.
    ///
    /// # Errors
    ///
    /// [`FollowError::TooFarBehind`], [`FollowError::Ahead`], [`FollowError::NoOutcomeLog`];
    /// [`FollowError::Journal`] if files cannot be read or are damaged.
    pub fn open(dir: &DataDir, wish: Wish) -> Result<Follower, FollowError> {
        let (path, files) = (dir.path(), dir.files());
        let journal_id = first_segment(files)?.journal_id;
        let (end, after) = begin(path, files, journal_id, &wish)?;
        let log = LogTrail::open(path, journal_id, after)?;
        let bodies = || Bodies::open(dir, wish.key, wish.recent.as_ref(), after);
        let bodies = wish.needs_bodies().then(bodies).transpose()?;
        let now = Instant::now();
        let mut follower = Follower {
            path: path.to_path_buf(),
            files: files.clone(),
            journal_id,
            wish,
            log,
            end,
            bodies,
            frame: LogFrame::default(),
            next_outcome: 0,
            next_event: 0,
            looked_at: after,
            last_outcome: None,
            events_looked_at: 0,
            events_known: 0,
            commands_given: after,
            origin_given: 0,
            patience: Patience::default(),
            was_found_again: false,
            doubts: false,
            next_look: now,
            logless: None,
        };
        // Up to `after` the first frame is known: if it holds no more, what follows must be there.
        if let LogStep::Frame(frame) = follower.log.next_frame()? {
            follower.begin_frame(frame)?;
        }
        if follower.is_frame_done() {
            follower.check_gap()?;
        }
        Ok(follower)
    }

    /// Up to which outcome everything was looked at: what was wanted of it was given.
    #[must_use]
    pub fn looked_at(&self) -> u64 {
        self.looked_at
    }

    /// The last outcome in the log.
    ///
    /// # Errors
    ///
    /// [`FollowError::Journal`].
    pub fn last_sequence(&mut self) -> Result<u64, FollowError> {
        Ok(self.end.go_to_end()?.max(self.looked_at))
    }

    /// The oldest outcome that this follower could have begun with.
    ///
    /// # Errors
    ///
    /// [`FollowError::Journal`].
    pub fn oldest_sequence(&self) -> Result<u64, FollowError> {
        Ok(oldest(&self.path, &self.files, self.bodies.is_some())?)
    }

    /// Gives what is there, at most of one frame of the log, and returns at once; whether it went
    /// on. Where it did not, call it again a little later: after a fraction of a millisecond while
    /// things move, after a few while they do not.
    ///
    /// # Errors
    ///
    /// [`FollowError`]. What was given before stays true.
    pub fn poll(&mut self, taker: &mut impl Taker) -> Result<bool, FollowError> {
        if self.is_frame_done() {
            match self.log.next_frame()? {
                LogStep::Frame(frame) => self.begin_frame(frame)?,
                LogStep::NotYet(fault) => {
                    self.stand_still(fault)?;
                    return Ok(false);
                }
            }
        }
        let before = (self.next_outcome, self.next_event);
        let stopped = match self.give_outcomes(taker)? {
            true => self.give_last_events(taker)?,
            false => Some(None),
        };
        match stopped {
            Some(fault) if before == (self.next_outcome, self.next_event) => {
                self.stand_still(fault)?;
                Ok(false)
            }
            _ => {
                // Not for a frame alone: one that was known is read again where a place was found
                // again.
                if before != (self.next_outcome, self.next_event) {
                    self.patience.renew();
                    (self.was_found_again, self.doubts) = (false, false);
                }
                Ok(true)
            }
        }
    }

    /// Whether it stands before something that may be damage: [`poll`](Follower::poll) goes on, or
    /// says what is wrong, within a few seconds.
    #[must_use]
    pub fn doubts(&self) -> bool {
        self.doubts
    }

    fn is_frame_done(&self) -> bool {
        self.next_outcome == self.frame.outcomes.len() && self.next_event == self.frame.events.len()
    }

    /// Takes a frame, and passes over what was gone past before.
    fn begin_frame(&mut self, frame: LogFrame) -> Result<(), FollowError> {
        self.frame = frame;
        let known = (self.looked_at + 1).saturating_sub(self.frame.first_sequence);
        self.next_outcome = self.frame.outcomes.len().min(known as usize);
        if known > 0
            && let Some(outcome) = self.frame.outcomes.get(known as usize - 1)
            && self.last_outcome.is_some_and(|last| last != *outcome)
        {
            let (path, sequence) = (self.path.clone(), self.looked_at);
            return Err(FollowError::Changed { path, sequence });
        }
        let events = self.frame.events.iter();
        let is_known = |event: &&Event| event.goes_before() <= self.looked_at;
        self.next_event = events.take_while(is_known).count();
        let left = (self.frame.events.len() - self.next_event) as u64;
        let known_again = left.min(self.events_known);
        self.next_event += known_again as usize;
        self.events_known -= known_again;
        Ok(())
    }

    /// Gives the frame's outcomes with what stands before them; `false` where a command is not
    /// there yet.
    fn give_outcomes(&mut self, taker: &mut impl Taker) -> Result<bool, FollowError> {
        while let Some(&outcome) = self.frame.outcomes.get(self.next_outcome) {
            let sequence = self.frame.first_sequence + self.next_outcome as u64;
            if !self.load(sequence, self.frame.is_final)? {
                return Ok(false);
            }
            let passes = self.passes(sequence, &outcome);
            if passes {
                self.give_origin(self.frame.origin_of(sequence).copied(), taker);
                // Once for each run: to count it is to look at all the rest of a batch.
                if self.wants_command(sequence) {
                    self.give_commands(sequence, self.run_from(sequence), taker);
                }
            }
            self.give_events(sequence, passes, taker);
            if passes && self.wish.outcomes {
                taker.outcome(sequence, &outcome);
            }
            self.next_outcome += 1;
            self.looked_at = sequence;
            self.last_outcome = Some(outcome);
            (self.events_looked_at, self.events_known) = (0, 0);
        }
        Ok(true)
    }

    /// Gives the events whose outcome begins a later frame, once that is there: it says whether
    /// their command passes. Where it is not there: with what stands in its place.
    fn give_last_events(
        &mut self,
        taker: &mut impl Taker,
    ) -> Result<Option<Option<JournalError>>, FollowError> {
        if self.next_event == self.frame.events.len() {
            return Ok(None);
        }
        let ahead = match self.log.peek()? {
            LogStep::Frame(ahead) => ahead,
            LogStep::NotYet(fault) => return Ok(Some(fault)),
        };
        let sequence = ahead.first_sequence;
        if !self.load(sequence, ahead.is_final)? {
            return Ok(Some(None));
        }
        let passes = self.passes(sequence, &ahead.outcomes[0]);
        if passes {
            self.give_origin(
                self.frame.origin_of(sequence).or(ahead.origin_of(sequence)).copied(),
                taker,
            );
            if self.wants_command(sequence) {
                self.give_commands(sequence, 1, taker);
            }
        }
        self.give_events(sequence, passes, taker);
        Ok(None)
    }

    /// Gives the events that stand before the outcome `sequence`, which passes or does not.
    fn give_events(&mut self, sequence: u64, passes: bool, taker: &mut impl Taker) {
        while let Some(event) = self.frame.events.get(self.next_event)
            && event.goes_before() <= sequence
        {
            let is_wanted = match event.kind().is_numbered() {
                true => {
                    let command = self.command(event.sequence);
                    self.wish.events && self.wish.filter.passes_event(event, command)
                }
                false => self.wish.outcomes && passes,
            };
            if is_wanted {
                taker.event(event);
            }
            self.next_event += 1;
            self.events_looked_at += 1;
        }
    }

    /// Gives whose a batch is, if that is said and wanted and was not given.
    fn give_origin(&mut self, origin: Option<Origin>, taker: &mut impl Taker) {
        if let Some(origin) = origin.filter(|origin| origin.first_sequence != self.origin_given)
            && self.wish.origins
        {
            taker.origin(&origin);
            self.origin_given = origin.first_sequence;
        }
    }

    /// Whether commands are wanted, and this one was not given.
    fn wants_command(&self, sequence: u64) -> bool {
        self.wish.commands && sequence > self.commands_given
    }

    /// Gives `count` commands from `sequence` on.
    fn give_commands(&mut self, sequence: u64, count: u64, taker: &mut impl Taker) {
        let (first, commands) = self.bodies.as_ref().expect("commands are wanted").batch();
        let start = (sequence - first) as usize;
        taker.commands(sequence, &commands[start..start + count as usize]);
        self.commands_given = sequence + count - 1;
    }

    /// How many commands of one batch, from the one with the outcome at hand on, pass and have
    /// their outcome in this frame.
    fn run_from(&self, sequence: u64) -> u64 {
        let (first, commands) = self.bodies.as_ref().expect("commands are wanted").batch();
        let in_batch = first + commands.len() as u64 - sequence;
        let outcomes = self.frame.outcomes[self.next_outcome..].iter();
        let run = (sequence..).zip(outcomes.take(in_batch as usize));
        run.take_while(|(sequence, outcome)| self.passes(*sequence, outcome)).count() as u64
    }

    fn passes(&self, sequence: u64, outcome: &Outcome) -> bool {
        self.wish.filter.passes(outcome, self.command(sequence))
    }

    /// The command `sequence`, where bodies are read and it stands in the batch at hand.
    fn command(&self, sequence: u64) -> Option<&Command> {
        let (first, commands) = self.bodies.as_ref()?.batch();
        commands.get(usize::try_from(sequence.checked_sub(first)?).ok()?)
    }

    /// Has the command `sequence` at hand, where bodies are read; `false` where it is not there
    /// yet.
    fn load(&mut self, sequence: u64, is_final: bool) -> Result<bool, FollowError> {
        match &mut self.bodies {
            None => Ok(true),
            Some(bodies) => Ok(bodies.batch_of(sequence, is_final)?.is_some()),
        }
    }
}
