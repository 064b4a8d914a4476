//! What all sources and sinks of one program share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::{EngineOptions, Metrics, Stop};

/// What all sources and sinks share. Clones share the same.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where the engine is.
    pub engine: EngineOptions,
    /// How far each sink is.
    pub positions: Positions,
    /// What is counted.
    pub metrics: Metrics,
    /// When to stop.
    pub stop: Stop,
}

/// Up to which sequence each sink has confirmed everything. Clones share the same.
#[derive(Debug, Clone, Default)]
pub struct Positions(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sinks: Mutex<HashMap<String, watch::Sender<u64>>>,
    /// How often any of them moved.
    moves: watch::Sender<u64>,
}

impl Positions {
    /// Follows how far the sink `name` is, which need not run yet.
    #[must_use]
    pub fn follow(&self, name: &str) -> watch::Receiver<u64> {
        self.with(name, watch::Sender::subscribe)
    }

    /// The sink `name` has confirmed everything up to `sequence`.
    pub fn advance(&self, name: &str, sequence: u64) {
        let has_moved = self.with(name, |position| {
            position.send_if_modified(|now| {
                let is_later = sequence > *now;
                *now = sequence.max(*now);
                is_later
            })
        });
        if has_moved {
            self.0.moves.send_modify(|moves| *moves += 1);
        }
    }

    /// Changes whenever any sink moves.
    #[must_use]
    pub fn follow_any(&self) -> watch::Receiver<u64> {
        self.0.moves.subscribe()
    }

    fn with<R>(&self, name: &str, act: impl FnOnce(&watch::Sender<u64>) -> R) -> R {
        // Whoever panicked left a map that is whole.
        let mut positions = self.0.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        act(positions.entry(name.to_owned()).or_insert_with(|| watch::channel(0).0))
    }
}
