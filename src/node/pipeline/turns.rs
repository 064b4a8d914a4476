//! Larger capacities, on their way from the thread that prepared them to the stages.
//!
//! ```text
//!   prepared ──▶ gateway: they hold from the next batch on ──┬──▶ journal   a record before that batch
//!                                                            ├──▶ risk      takes the memory over
//!                                                            └──▶ settle    takes the memory over
//! ```
//!
//! # Invariants
//!
//! * A stage has done exactly the commands before that batch when it takes them over: so they hold
//!   at one sequence, the same in every replay.
//! * One change is under way at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::queue::ArrayQueue;

use ringfence_types::Rules;

/// What no sequence is.
const NEVER: u64 = u64::MAX;

/// Later rules, on their way to one stage; clones are the same way.
#[derive(Debug, Clone)]
pub(super) struct Turn(Arc<Way>);

#[derive(Debug)]
struct Way {
    /// Sequence of the first command under the rules, [`NEVER`] while none are under way.
    from: AtomicU64,
    rules: ArrayQueue<Rules>,
}

impl Default for Turn {
    fn default() -> Turn {
        Turn(Arc::new(Way { from: AtomicU64::new(NEVER), rules: ArrayQueue::new(1) }))
    }
}

impl Turn {
    /// Sends rules that hold from the command `from` on, which was not handed on yet.
    fn send(&self, from: u64, rules: Rules) {
        self.0.rules.push(rules).expect("one change is under way at a time");
        // Relaxed: the stage looks once it was handed the command, which orders the two.
        self.0.from.store(from, Ordering::Relaxed);
    }

    /// How many of the `length` commands from `first` on come before other rules.
    #[inline]
    pub(super) fn before(&self, first: u64, length: usize) -> usize {
        // Relaxed: see `send`.
        let from = self.0.from.load(Ordering::Relaxed);
        length.min(usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX))
    }

    /// The rules under which the command `first` is the first one, if it is.
    #[inline]
    pub(super) fn take(&self, first: u64) -> Option<Rules> {
        // Relaxed: see `send`.
        if self.0.from.load(Ordering::Relaxed) != first {
            return None;
        }
        let rules = self.0.rules.pop().expect("they were sent before");
        // Release: pairs with the Acquire in `is_done`. The stage has what it needs of them.
        self.0.from.store(NEVER, Ordering::Release);
        Some(rules)
    }

    fn is_done(&self) -> bool {
        self.0.from.load(Ordering::Acquire) == NEVER
    }
}

/// The ways to all stages.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    /// What the gateway is to put in force.
    prepared: Arc<ArrayQueue<Rules>>,
    /// Sequence from which the rules hold that the gateway put in force last; 0: none.
    since: Arc<AtomicU64>,
    pub(super) journal: Option<Turn>,
    pub(super) risk: Turn,
    pub(super) settle: Turn,
}

impl Turns {
    /// Ways on which nothing is; to the journal too, if there is one.
    pub(crate) fn new(is_journaled: bool) -> Turns {
        Turns {
            prepared: Arc::new(ArrayQueue::new(1)),
            since: Arc::default(),
            journal: is_journaled.then(Turn::default),
            risk: Turn::default(),
            settle: Turn::default(),
        }
    }

    /// Asks the gateway to put rules in force, for which all memory is there. False: others are
    /// under way.
    #[must_use]
    pub(crate) fn put_in_force(&self, rules: Rules) -> bool {
        // Relaxed: this thread is told by `in_force_since` what the gateway did.
        self.since.store(0, Ordering::Relaxed);
        self.prepared.push(rules).is_ok()
    }

    /// Sequence from which the rules hold that were put in force last, once every stage has them.
    pub(crate) fn in_force_since(&self) -> Option<u64> {
        // Acquire: pairs with the Release in `send`: the ways show what was sent before.
        let since = self.since.load(Ordering::Acquire);
        let ways = self.journal.iter().chain([&self.risk, &self.settle]);
        (since != 0 && ways.into_iter().all(Turn::is_done)).then_some(since)
    }

    /// Sends what is to be put in force to the stages: it holds from the command `from` on. False:
    /// there is nothing.
    pub(super) fn send(&self, from: u64) -> bool {
        let Some(rules) = self.prepared.pop() else { return false };
        for way in self.journal.iter().chain([&self.risk, &self.settle]) {
            way.send(from, rules);
        }
        self.since.store(from, Ordering::Release);
        true
    }

    /// Whether something is to be put in force.
    #[inline]
    pub(super) fn is_wanted(&self) -> bool {
        !self.prepared.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use ringfence_types::Capacities;

    use super::*;

    #[test]
    fn a_stage_stops_before_the_first_command_under_other_rules_and_takes_them_there() {
        let turns = Turns::new(false);
        let rules = Rules::new(Capacities::default(), [1, 2]);
        assert!(!turns.is_wanted() && !turns.send(5), "nothing is to be put in force");
        assert!(turns.put_in_force(rules));
        assert!(!turns.put_in_force(rules), "one at a time");
        assert!(turns.is_wanted() && turns.send(10));
        //  first, length, how many come before
        for (first, length, before) in [(1, 5, 5), (8, 5, 2), (10, 5, 0), (1, 9, 9), (1, 10, 9)] {
            assert_eq!(turns.risk.before(first, length), before, "{length} from {first} on");
        }
        assert_eq!(turns.risk.take(9), None);
        assert_eq!(turns.risk.take(10), Some(rules));
        assert_eq!((turns.risk.take(10), turns.risk.before(10, 5)), (None, 5));
        assert_eq!(turns.in_force_since(), None, "settle has not taken them yet");
        assert_eq!(turns.settle.take(10), Some(rules));
        assert_eq!(turns.in_force_since(), Some(10));
    }
}
