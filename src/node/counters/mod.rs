//! Numbers of a running engine, for people and their instruments.
//!
//! ```text
//!   stages ── relaxed stores ──▶ Counters ── a look, four times a second ──▶ Reading
//!   rings  ── Monitor ──────────────┘                                          │
//!                         `status`, `top` ◀── file `counters` ◀────────────────┤
//!                                            GET /metrics ◀────────────────────┘
//! ```
//!
//! # Invariants
//!
//! * Each number has one writer, which stores it and never waits for who reads it.
//! * Nothing is decided on the strength of a number: all are read and written relaxed.

mod file;
mod reading;
mod snapshots;
mod tables;

pub use file::{COUNTERS_FILE, CountersFile, ReadCounters, read_counters};
pub use reading::{
    JournalReading, LagReading, LogReading, OutcomeReading, Reading, RingReading, ServerReading,
    StageReading, State, TableReading, TimesReading,
};
pub use snapshots::SnapshotsReading;
pub(crate) use tables::Tables;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use ringfence_journal::{Figures, Histogram, add_alone};
use ringfence_ring::Monitor;
use ringfence_types::{Op, Outcome, STATUS_NUMBERS, Status};

/// More than the largest number of an [`Op`].
const OPS: usize = 32;

const _: () = {
    let mut index = 0;
    while index < Op::ALL.len() {
        assert!((Op::ALL[index] as usize) < OPS);
        index += 1;
    }
};

/// The numbers that the stages of one engine keep. Shared by all of its threads.
#[derive(Debug)]
pub struct Counters {
    /// Outcomes by operation and status. Publish writes.
    outcomes: Box<[AtomicU64]>,
    /// Time from taken in to published. Publish writes.
    latency: Histogram,
    /// What is taken of the tables. Gateway, risk and settle write, each its own.
    pub(crate) tables: Tables,
    /// The rings of commands, events and origins, once the pipeline runs.
    monitors: OnceLock<[Monitor; 3]>,
    /// What the journal has written, once the pipeline runs. The journal stage writes.
    journal: OnceLock<Arc<Figures>>,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            outcomes: (0..OPS * STATUS_NUMBERS).map(|_| AtomicU64::new(0)).collect(),
            latency: Histogram::default(),
            tables: Tables::default(),
            monitors: OnceLock::new(),
            journal: OnceLock::new(),
        }
    }
}

impl Counters {
    /// Counts `count` outcomes alike. Publish alone calls it.
    #[inline]
    pub(crate) fn add_outcomes(&self, like: &Outcome, count: u64) {
        let place = usize::from(like.op) * STATUS_NUMBERS + usize::from(like.status);
        add_alone(&self.outcomes[place], count);
    }

    /// Records that the oldest and all of `count` outcomes left `nanoseconds` after they were taken
    /// in. Publish alone calls it.
    #[inline]
    pub(crate) fn add_latency(&self, nanoseconds: u64, count: u64) {
        self.latency.add(nanoseconds, count);
    }

    /// Sequence of the last command that is taken in; 0 before the pipeline runs.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        let monitors = self.monitors.get();
        monitors.map_or(0, |[commands, ..]| commands.published().saturating_sub(1))
    }

    /// The rings whose stages are to be shown; those of the first run stay.
    pub(crate) fn watch(&self, monitors: &[Monitor; 3]) {
        self.monitors.get_or_init(|| monitors.clone());
    }

    /// The journal whose figures are to be shown; that of the first run stays.
    pub(crate) fn watch_journal(&self, figures: &Arc<Figures>) {
        self.journal.get_or_init(|| Arc::clone(figures));
    }

    /// All outcomes that there were, in the order of operations and statuses.
    fn outcomes(&self) -> Vec<OutcomeReading> {
        let all =
            Op::ALL.iter().flat_map(|&op| Status::ALL.iter().map(move |&status| (op, status)));
        all.filter_map(|(op, status)| {
            let place = op as usize * STATUS_NUMBERS + status as usize;
            let count = self.outcomes[place].load(Ordering::Relaxed);
            (count > 0).then(|| OutcomeReading {
                op: op.name().to_owned(),
                status: status.name().to_owned(),
                count,
            })
        })
        .collect()
    }
}
