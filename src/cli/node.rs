//! What `apply` and `run` share: how their options open a node, what they print about it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::config::name_as_set;
use super::options::{EngineOptions, JournaledOptions};
use super::progress::ProgressLine;
use super::summary::{Summary, counts_line};
use super::{Failure, signals};
use ringfence_node::Clock;
use ringfence_node::counters::Counters;
use ringfence_node::{Message, Node, NodeError, Options, Report};
use ringfence_types::OutcomeCounts;

/// A clock that is further behind the journal's last timestamp than this is warned of.
const CLOCK_BEHIND_MAX: Duration = Duration::from_secs(1);

/// Prints what a node tells: notes as lines, and how far it is on a terminal.
pub(super) fn report() -> Report {
    let mut tables = ProgressLine::new("MiB of tables");
    let mut replayed = ProgressLine::new("commands brought back");
    let mut published = ProgressLine::new("commands");
    Box::new(move |message| match message {
        Message::Note(note) => {
            tables.finish();
            replayed.finish();
            published.finish();
            tell!("ringfence: {note}");
        }
        Message::Replayed(commands) => replayed.tick(commands),
        Message::TablesReady { bytes, of } => {
            replayed.finish();
            tables.part(bytes >> 20, of >> 20);
        }
        Message::Published(commands) => published.tick(commands),
        _ => {}
    })
}

/// A node opened as the options of the command line say, and the flag that stops it.
pub(super) fn open(
    data_dir: Option<&Path>,
    journaled: &JournaledOptions,
    engine: &EngineOptions,
    outcome_log: bool,
    counters: Arc<Counters>,
) -> Result<(Node, Arc<AtomicBool>), Failure> {
    // Before anything of size is allocated: its code, its stacks, the allocator's own.
    let program_bytes = resident_bytes();
    let stop = signals::stop_flag()?;
    let options = Options {
        data_dir: data_dir.map(Path::to_owned),
        wanted: journaled.wanted(),
        durability: engine.durability.into(),
        segment_bytes: engine.segment_bytes,
        journal_key: engine.key.read()?,
        journal_io: engine.journal_io,
        outcome_log,
        outcome_log_keep: engine.keep.outcome_log_keep.0,
        ring_slots: engine.ring_slots,
        event_slots: engine.event_slots,
        cores: engine.threads.cores.clone(),
        wait: engine.threads.wait,
        stop: Arc::clone(&stop),
        counters,
        report: report(),
    };
    let node = Node::open(options)?;
    tell!("ringfence: {}", memory_line(&node, program_bytes));
    Ok((node, stop))
}

/// Warns of a clock that is behind the journal: time then stands still for holds and windows.
pub(super) fn warn_of_clock(node: &Node, clock: Clock) {
    let behind = Duration::from_nanos(node.clock_behind_ns(clock));
    if behind > CLOCK_BEHIND_MAX {
        tell!(
            "ringfence: the clock is {} behind the journal's last timestamp: until it has caught up, \
             nothing expires and rate and spend windows stand still",
            humantime::format_duration(Duration::from_secs(behind.as_secs()))
        );
    }
}

/// Closes a node that has run, and prints what it holds: `first_sequence` is where the run began.
pub(super) fn close(
    node: Node,
    first_sequence: u64,
    counts: &OutcomeCounts,
) -> Result<(), Failure> {
    let closed = node.close()?;
    let commands = closed.last_sequence + 1 - first_sequence;
    let (sequence, timestamp) = (closed.last_sequence, closed.last_timestamp);
    tell!("{}", Summary::of(&closed.engine, commands, sequence, timestamp).line());
    tell!("{}", counts_line(counts));
    Ok(())
}

/// What ended a node. Where a run was stopped, the outcomes that left are counted, and the last of
/// them is named.
pub(super) fn describe(error: &NodeError) -> String {
    match error {
        NodeError::NoMemoryForLanes { .. } => {
            let (ring, events) = (name_as_set("ring-slots"), name_as_set("event-slots"));
            format!("{error}; {ring} and {events} decide how many")
        }
        NodeError::Stopped(stopped) => {
            tell!("{}", counts_line(&stopped.counts));
            format!("{error}; the last sequence answered is {}", stopped.last_published)
        }
        NodeError::OutcomeLog(_) => format!("{error}; the next start makes again what it lacks"),
        other => other.to_string(),
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Failure {
        let is_bug = error.is_bug();
        let text = match &error {
            NodeError::OutcomeLogWithoutJournal => {
                let (log, dir) = (name_as_set("outcome-log"), name_as_set("data-dir"));
                return Failure::Usage(format!("{log} needs {dir}"));
            }
            NodeError::Cores(text) => {
                return Failure::Usage(format!("{}: {text}", name_as_set("cores")));
            }
            other => describe(other),
        };
        if is_bug { Failure::Bug(text) } else { Failure::Operating(text) }
    }
}

/// Memory of this process that is in RAM, in bytes; 0 where the system does not tell.
pub(super) fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = resident.and_then(|text| text.trim().strip_suffix(" kB")?.parse().ok());
    kibibytes.map_or(0, |kibibytes: u64| kibibytes * 1024)
}

/// The line that says at start how much memory this process takes.
fn memory_line(node: &Node, program_bytes: u64) -> String {
    let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
    let memory = node.memory();
    let (tables, lanes, buffers) = (memory.tables, memory.lanes, memory.buffers);
    format!(
        "{} MiB allocated at start: tables {}, lanes {}, buffers {}, program {}",
        mebibytes(program_bytes + tables + lanes + buffers),
        mebibytes(tables),
        mebibytes(lanes),
        mebibytes(buffers),
        mebibytes(program_bytes)
    )
}
