//! Observes a running ring from outside.
//!
//! A monitor only reads what the ring stores anyway. The ring's cost is that of the cache lines
//! that a look takes away from their owners.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::cursor::Cursor;
use super::error::Halted;
use super::state::RingState;
use crate::sync::Arc;
use crate::sync::Ordering::Relaxed;

/// Shows sequences, lags and the halt of a ring, from any thread. A clone watches the same ring.
///
/// All numbers are a moment old, and were not read in one moment.
#[derive(Clone)]
pub struct Monitor {
    ring: Arc<RingState>,
    input: Arc<Cursor>,
    stages: alloc::sync::Arc<[Arc<Cursor>]>,
}

/// The progress of one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageStatus {
    /// The name of the stage.
    pub name: String,
    /// The sequence behind the last slot that it has handed on.
    pub released: u64,
    /// Number of sequences before [`Monitor::published`] that it has not handed on yet.
    pub lag: u64,
}

/// How far one stage is, readable from any thread.
#[derive(Clone)]
pub struct StageCursor {
    cursor: Arc<Cursor>,
}

impl StageCursor {
    /// Sequence behind the last one that the stage has handed on.
    #[inline]
    #[must_use]
    pub fn released(&self) -> u64 {
        // Relaxed: a number to look at; nothing is read on its strength.
        self.cursor.position.load(Relaxed)
    }
}

impl fmt::Debug for StageCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageCursor").field("released", &self.released()).finish_non_exhaustive()
    }
}

impl Monitor {
    pub(super) fn new(ring: Arc<RingState>, input: Arc<Cursor>, stages: Vec<Arc<Cursor>>) -> Self {
        Self { ring, input, stages: stages.into_iter().collect() }
    }

    /// Number of slots of the ring.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.ring.slots
    }

    /// The sequence behind the last published slot; if several producers share the ring, behind the
    /// last claimed one.
    #[must_use]
    pub fn published(&self) -> u64 {
        // Relaxed, here and below: a number for people; nothing is read on its strength.
        self.input.position.load(Relaxed)
    }

    /// The progress of each stage, in the order of declaration. Allocates.
    #[must_use]
    pub fn stages(&self) -> Vec<StageStatus> {
        // Stages first: `published` can only have grown since, so no lag is below zero.
        let released: Vec<u64> =
            self.stages.iter().map(|cursor| cursor.position.load(Relaxed)).collect();
        let published = self.published();
        let status = |(cursor, released): (&Arc<Cursor>, u64)| StageStatus {
            name: cursor.name.clone(),
            released,
            lag: published.saturating_sub(released),
        };
        self.stages.iter().zip(released).map(status).collect()
    }

    /// The progress of the stage `name`; of the first one if several have that name. Allocates.
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<StageStatus> {
        self.stages().into_iter().find(|status| status.name == name)
    }

    /// A look at the stage called `name` alone, that allocates nothing; at the first one, if several
    /// have that name.
    #[must_use]
    pub fn cursor(&self, name: &str) -> Option<StageCursor> {
        let stage = self.stages.iter().find(|stage| stage.name == name)?;
        Some(StageCursor { cursor: Arc::clone(stage) })
    }

    /// Number of free slots: neither claimed nor needed by the slowest stage. Allocates.
    #[must_use]
    pub fn capacity_free(&self) -> usize {
        let lag = self.stages().iter().map(|status| status.lag).max().unwrap_or(0);
        // Not read in one moment, so the difference can exceed the ring.
        let lag = usize::try_from(lag).unwrap_or(usize::MAX).min(self.ring.slots);
        self.ring.slots - lag
    }

    /// The sequence behind the last one there will be: `None` until all producers have closed, and
    /// in a ring that was halted before.
    #[must_use]
    pub fn end(&self) -> Option<u64> {
        self.ring.end()
    }

    /// True if all producers have closed and each stage has handed on all slots.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.end().is_some_and(|end| {
            self.stages.iter().all(|cursor| cursor.position.load(Relaxed) == end)
        })
    }

    /// The reason for the halt; `None` if the ring is not halted.
    #[must_use]
    pub fn halted(&self) -> Option<Halted> {
        self.ring.check().err()
    }

    /// Halts the ring: producers and stages get [`Halted`] with `message`, unless it was already
    /// halted for another reason.
    pub fn halt(&self, message: &str) {
        self.ring.halt("monitor", message);
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("slots", &self.slots())
            .field("published", &self.published())
            .field("stages", &self.stages())
            .field("halted", &self.halted())
            .finish()
    }
}
