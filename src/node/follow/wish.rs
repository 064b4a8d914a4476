//! What one wants of a follower, and how one gets it.

use std::sync::Arc;

use super::{Begin, Filter};
use ringfence_journal::{Key, Recent};
use ringfence_types::{Command, Event, Origin, Outcome};

/// What is wanted of a follower.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Where it begins.
    pub begin: Begin,
    /// Outcomes, and what look-ups found.
    pub outcomes: bool,
    /// Numbered events.
    pub events: bool,
    /// Whose batches are, where that is said.
    pub origins: bool,
    /// The commands themselves.
    pub commands: bool,
    /// Which of these.
    pub filter: Filter,
    /// The journal's key, so that seals are checked where the journal is read.
    pub key: Option<Key>,
    /// What the engine has written to the journal last, where it runs in the same process: it is
    /// not read from the disk then.
    pub recent: Option<Arc<Recent>>,
    /// The engine is known to run and to keep a log, so one that is not there yet is waited for,
    /// however long a disk without room or a busy core delays it.
    pub log_is_kept: bool,
}

impl Wish {
    /// Whether the journal has to be read too.
    pub(super) fn needs_bodies(&self) -> bool {
        self.commands || self.filter.needs_bodies()
    }
}

/// What takes what a follower gives, in order.
pub trait Taker {
    /// Whose the batch is of which the next commands and outcomes are.
    fn origin(&mut self, origin: &Origin);

    /// Consecutive commands of one batch. Their outcomes follow, each behind its events.
    fn commands(&mut self, first_sequence: u64, commands: &[Command]);

    /// An event, or the body of a look-up, which has no number.
    fn event(&mut self, event: &Event);

    /// The outcome of the command `sequence`.
    fn outcome(&mut self, sequence: u64, outcome: &Outcome);
}
