//! Entries of a journal into an engine.

use super::{ReplayError, Restored};
use ringfence_engine::{Engine, OutcomeSink};
use ringfence_journal::Entry;
use ringfence_types::{Command, Event, Origin, Outcome, Rules};

/// Forgets outcomes and events: who recovers wants the state alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Discard;

impl OutcomeSink for Discard {
    fn event(&mut self, _: &Event) {}

    fn outcome(&mut self, _: u64, _: &Outcome) {}
}

/// Applies a journal's entries, in their order, up to a sequence.
pub struct Replayer<S> {
    /// There once the first entry, the rules, was applied.
    engine: Option<Engine>,
    /// The rules that are in force in it.
    rules: Option<Rules>,
    /// Later rules, put in force by the first command under them: those that no command follows may
    /// ask for more memory than there is, and were perhaps taken back.
    next_rules: Option<Rules>,
    /// The rules that hold now, where this program does not have them.
    unknown_rules: Option<Rules>,
    /// What outcomes and events go to.
    pub sink: S,
    until: u64,
    commands: u64,
    last_sequence: u64,
    last_timestamp: u64,
    is_done: bool,
}

impl<S: OutcomeSink> Replayer<S> {
    /// A replayer at the start of a journal, that stops after the command `until`, or before the
    /// linked chain that goes beyond it.
    pub fn new(sink: S, until: u64) -> Replayer<S> {
        Replayer {
            engine: None,
            rules: None,
            next_rules: None,
            unknown_rules: None,
            sink,
            until,
            commands: 0,
            last_sequence: 0,
            last_timestamp: 0,
            is_done: false,
        }
    }

    /// A replayer behind a snapshot, or without one at the start of a journal.
    pub fn starting(start: Option<Restored>, sink: S, until: u64) -> Replayer<S> {
        let new = Replayer::new(sink, until);
        let Some(Restored { engine, anchor }) = start else { return new };
        Replayer {
            engine: Some(engine),
            rules: Some(anchor.rules),
            unknown_rules: unless_known(&anchor.rules),
            last_sequence: anchor.last_sequence,
            last_timestamp: anchor.last_timestamp,
            is_done: anchor.last_sequence >= until,
            ..new
        }
    }

    /// Applies one entry.
    ///
    /// # Errors
    ///
    /// If an engine cannot be set up under the journal's rules, or commands were taken in under rules
    /// that this program does not have.
    ///
    /// # Panics
    ///
    /// If commands come before the rules: the journal's reader lets no such pass.
    pub fn apply(&mut self, entry: &Entry<'_>) -> Result<(), ReplayError> {
        match entry {
            Entry::Rules(rules) => {
                match &self.engine {
                    None => self.put_in_force(rules)?,
                    Some(_) => self.next_rules = Some(*rules),
                }
                self.unknown_rules = unless_known(rules);
            }
            Entry::Batch { request, first_sequence, commands, .. } => {
                if let Some(rules) = &self.unknown_rules {
                    let (journaled, program) = (rules.version, rules.known_version());
                    let sequence = *first_sequence;
                    return Err(ReplayError::RulesVersion { sequence, journaled, program });
                }
                if let Some(rules) = self.next_rules.take() {
                    self.put_in_force(&rules)?;
                }
                let count = self.wanted(*first_sequence, commands);
                if let Some(last) = commands[..count].last() {
                    let engine = self.engine.as_mut().expect("a journal begins with its rules");
                    if !request.is_none() {
                        let origin = Origin::of(request, *first_sequence, &commands[0].header);
                        let length = u64::from(origin.commands);
                        engine.take_in(
                            request,
                            origin.last_sequence(),
                            origin.first_timestamp + length - 1,
                        );
                        self.sink.origin(&origin);
                    }
                    engine.apply(*first_sequence, &commands[..count], &mut self.sink);
                    self.commands += count as u64;
                    self.last_sequence = first_sequence + count as u64 - 1;
                    self.last_timestamp = last.header.timestamp;
                }
                self.is_done = count < commands.len() || self.last_sequence == self.until;
            }
            Entry::Mark { .. } => {}
        }
        Ok(())
    }

    /// Goes on under `rules`, with all memory that they need.
    ///
    /// # Errors
    ///
    /// If there is not so much memory.
    pub fn put_in_force(&mut self, rules: &Rules) -> Result<(), ReplayError> {
        self.next_rules = None;
        if self.rules == Some(*rules) {
            return Ok(());
        }
        match &mut self.engine {
            Some(engine) if self.last_sequence > 0 => engine.configure(rules)?,
            // Nothing is in it yet: its tables may be of any size.
            _ => self.engine = Some(Engine::new(rules)?),
        }
        self.rules = Some(*rules);
        Ok(())
    }

    /// How many of `commands` lie before the end.
    fn wanted(&self, first_sequence: u64, commands: &[Command]) -> usize {
        let mut count = match self.until.checked_sub(first_sequence) {
            None => 0,
            Some(beyond_first) => usize::try_from(beyond_first)
                .map_or(commands.len(), |beyond_first| {
                    commands.len().min(beyond_first.saturating_add(1))
                }),
        };
        while count > 0 && !commands[count - 1].ends_chain() {
            count -= 1;
        }
        count
    }

    /// Whether nothing that follows is wanted.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// How many commands were applied.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.commands
    }

    /// Sequence and timestamp of the last command applied, 0 if there was none.
    #[must_use]
    pub fn last(&self) -> (u64, u64) {
        (self.last_sequence, self.last_timestamp)
    }

    /// The engine, if the journal had rules.
    #[must_use]
    pub fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// The engine and the sink.
    #[must_use]
    pub fn into_parts(self) -> (Option<Engine>, S) {
        (self.engine, self.sink)
    }
}

/// The rules, if this program does not have them.
fn unless_known(rules: &Rules) -> Option<Rules> {
    (!rules.is_known()).then_some(*rules)
}
