//! A look at a running ring from outside.
//!
//! Only reads what the ring stores anyway, so the ring pays nothing but the cache lines that a
//! look pulls away from their owners.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::cursor::Cursor;
use super::error::Halted;
use super::state::RingState;
use crate::sync::Arc;
use crate::sync::Ordering::Relaxed;

/// Sequences, lags and the halt of a ring, readable from any thread. Clones watch the same ring.
#[derive(Clone)]
pub struct Monitor {
    ring: Arc<RingState>,
    input: Arc<Cursor>,
    stages: alloc::sync::Arc<[Arc<Cursor>]>,
}

/// Where one stage stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageStatus {
    /// The stage's name.
    pub name: String,
    /// Sequence behind the last one it has handed on.
    pub released: u64,
    /// How many sequences it has still to hand on, of those before [`Monitor::published`].
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

    /// Sequence behind the last one that was published; where several producers share the ring,
    /// that was claimed.
    #[must_use]
    pub fn published(&self) -> u64 {
        // Relaxed, here and below: a number to look at; nothing is read on its strength.
        self.input.position.load(Relaxed)
    }

    /// Where each stage stands, in the order in which they were declared.
    #[must_use]
    pub fn stages(&self) -> Vec<StageStatus> {
        // Stages first: what is published can only have grown since, so no lag is below zero.
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

    /// Where the stage called `name` stands; the first one, if several have that name.
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

    /// How many slots are free: neither claimed nor still needed by the slowest stage.
    #[must_use]
    pub fn capacity_free(&self) -> usize {
        let lag = self.stages().iter().map(|status| status.lag).max().unwrap_or(0);
        // The two were not read in one moment, so their difference can exceed the ring.
        let lag = usize::try_from(lag).unwrap_or(usize::MAX).min(self.ring.slots);
        self.ring.slots - lag
    }

    /// Sequence behind the last one there will be, once the producer has closed.
    #[must_use]
    pub fn end(&self) -> Option<u64> {
        self.ring.end()
    }

    /// Whether the producer has closed and every stage has handed on everything.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.end().is_some_and(|end| {
            self.stages.iter().all(|cursor| cursor.position.load(Relaxed) == end)
        })
    }

    /// Why the ring was halted, if it was.
    #[must_use]
    pub fn halted(&self) -> Option<Halted> {
        self.ring.check().err()
    }

    /// Halts the ring: producer and stages get `message` as an error.
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
