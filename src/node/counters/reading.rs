//! What the counters showed at one moment, in the form in which it is kept and printed.

use serde::{Deserialize, Serialize};

use super::{Counters, SnapshotsReading};
use crate::Clock;
use crate::History;
use ringfence_journal::{Figures, HISTOGRAM_BOUNDS_NS, Histogram};

/// What an engine is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It brings its journal back, and answers nobody yet.
    Starting,
    /// It takes commands.
    Ready,
    /// It takes nothing more in.
    Stopping,
    /// It has ended as it should.
    Stopped,
    /// It has ended because something failed.
    Failed,
}

/// All numbers of one engine at one moment. They were not read at the same instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Version of the program.
    pub version: String,
    /// Process that wrote this.
    pub pid: u32,
    /// Identity of the journal, in hexadecimal digits.
    pub journal_id: String,
    /// Epoch of the journal.
    pub epoch: u16,
    /// What the engine is doing.
    pub state: State,
    /// When the process began, in nanoseconds since the Unix epoch.
    pub started_ns: u64,
    /// When this was read.
    pub read_ns: u64,
    /// Sequence of the last command that is taken in.
    pub sequence: u64,
    /// The stages of the pipeline, in the order in which data flows.
    pub stages: Vec<StageReading>,
    /// The rings.
    pub rings: Vec<RingReading>,
    /// Outcomes since the start, by operation and status; those that there were.
    pub outcomes: Vec<OutcomeReading>,
    /// Time from taken in to published.
    pub latency: TimesReading,
    /// What the journal has written, if there is one.
    #[serde(default)]
    pub journal: Option<JournalReading>,
    /// Room that is left on the disk of the data directory, in bytes; `None` where it is not known.
    #[serde(default)]
    pub disk_free_bytes: Option<u64>,
    /// The tables.
    pub tables: Vec<TableReading>,
    /// The outcome log, if one is kept.
    pub outcome_log: Option<LogReading>,
    /// Connections, if there is a door.
    pub server: Option<ServerReading>,
    /// Snapshots that the engine has made by itself, if it does.
    #[serde(default)]
    pub snapshots: Option<SnapshotsReading>,
    /// Memory of the process that is in RAM, in bytes.
    pub resident_bytes: u64,
    /// Time on a processor, in nanoseconds.
    pub cpu_ns: u64,
}

/// How far a stage is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageReading {
    /// Its name.
    pub name: String,
    /// The last sequence that it has handed on.
    pub sequence: u64,
    /// How many it is behind what is taken in.
    pub lag: u64,
}

/// How full a ring is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingReading {
    /// What is in it.
    pub name: String,
    /// Slots.
    pub slots: u64,
    /// Slots that are free.
    pub free: u64,
}

/// How many outcomes are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeReading {
    /// Name of the operation.
    pub op: String,
    /// Name of the status.
    pub status: String,
    /// How many.
    pub count: u64,
}

/// A histogram of times.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TimesReading {
    /// Upper bounds of the ranges, in nanoseconds.
    pub bounds_ns: Vec<u64>,
    /// How many were in each range; one more than there are bounds.
    pub counts: Vec<u64>,
    /// All times together, in nanoseconds.
    pub sum_ns: u64,
}

/// What a journal has written since the start of the process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JournalReading {
    /// Bytes, padding and closing frames included.
    pub bytes: u64,
    /// Groups that hold commands.
    pub groups: u64,
    /// Commands in them.
    pub commands: u64,
    /// How long it took to write each of these groups; under `--durability sync` until it was on
    /// stable storage.
    pub group_times: TimesReading,
}

impl JournalReading {
    fn of(figures: &Figures) -> JournalReading {
        JournalReading {
            bytes: figures.bytes(),
            groups: figures.groups(),
            commands: figures.commands(),
            group_times: TimesReading::of(figures.group_times()),
        }
    }
}

/// How full a table is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableReading {
    /// What is in it.
    pub name: String,
    /// Places that are taken.
    pub used: u64,
    /// Places that there are.
    pub capacity: u64,
}

/// What the outcome log holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReading {
    /// Its first outcome.
    pub first_sequence: u64,
    /// Its last outcome.
    pub last_sequence: u64,
}

/// Who is connected.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServerReading {
    /// Connections now, those that have not said who they are included.
    pub connections: u64,
    /// Most connections that there can be.
    pub connections_max: u64,
    /// Subscriptions now.
    pub subscriptions: u64,
    /// How far subscriptions are behind the outcome log.
    #[serde(default)]
    pub subscription_lags: Vec<LagReading>,
    /// Connections that were accepted since the start.
    pub accepted: u64,
    /// Refusals at the door since the start, by the name of their code.
    pub refused: Vec<(String, u64)>,
}

/// How far a subscription is behind the outcome log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LagReading {
    /// Its name; `None`: the furthest behind of those without one.
    pub name: Option<String>,
    /// Whether it is connected.
    pub is_connected: bool,
    /// Outcomes after the last that it has acknowledged; without a name, that it was given.
    pub sequences: u64,
}

impl TimesReading {
    fn of(histogram: &Histogram) -> TimesReading {
        TimesReading {
            bounds_ns: HISTOGRAM_BOUNDS_NS.to_vec(),
            counts: histogram.counts(),
            sum_ns: histogram.sum_ns(),
        }
    }

    /// What came after `before`, which was read of the same histogram earlier.
    #[must_use]
    pub fn since(&self, before: &TimesReading) -> TimesReading {
        let earlier = before.counts.iter().chain(std::iter::repeat(&0));
        let counts = self.counts.iter().zip(earlier).map(|(now, then)| now.saturating_sub(*then));
        TimesReading {
            bounds_ns: self.bounds_ns.clone(),
            counts: counts.collect(),
            sum_ns: self.sum_ns.wrapping_sub(before.sum_ns),
        }
    }

    /// How many times there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The upper bound of the range in which `share` (0 to 1) of all times are reached, in
    /// nanoseconds; `None` if there are none, or it is above the last bound.
    #[must_use]
    pub fn quantile_ns(&self, share: f64) -> Option<u64> {
        let wanted = ((self.count() as f64 * share).ceil() as u64).max(1);
        let mut below = 0;
        for (count, bound) in self.counts.iter().zip(&self.bounds_ns) {
            below += count;
            if below >= wanted {
                return Some(*bound);
            }
        }
        None
    }
}

impl Counters {
    /// What they show now.
    #[must_use]
    pub fn reading(&self, history: History, log: Option<LogReading>, state: State) -> Reading {
        let monitors = self.monitors.get();
        let stages = monitors.map(|[commands, _, _]| commands.stages()).unwrap_or_default();
        let stage = |it: ringfence_ring::StageStatus| StageReading {
            name: it.name,
            sequence: it.released.saturating_sub(1),
            lag: it.lag,
        };
        let ring = |(name, monitor): (&str, &ringfence_ring::Monitor)| RingReading {
            name: name.to_owned(),
            slots: monitor.slots() as u64,
            free: monitor.capacity_free() as u64,
        };
        let rings = monitors.into_iter().flatten();
        let names = ["commands", "events", "origins"];
        Reading {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            journal_id: history.journal_id.iter().map(|byte| format!("{byte:02x}")).collect(),
            epoch: history.epoch,
            state,
            started_ns: 0,
            read_ns: Clock::System.read_ns(),
            sequence: self.sequence(),
            stages: stages.into_iter().map(stage).collect(),
            rings: names.into_iter().zip(rings).map(ring).collect(),
            outcomes: self.outcomes(),
            latency: TimesReading::of(&self.latency),
            journal: self.journal.get().map(|figures| JournalReading::of(figures)),
            disk_free_bytes: None,
            tables: self.tables.reading(),
            outcome_log: log,
            server: None,
            snapshots: None,
            resident_bytes: 0,
            cpu_ns: 0,
        }
    }
}
