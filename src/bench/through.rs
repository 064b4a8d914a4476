//! A load through the whole pipeline.

use std::sync::Arc;

use hdrhistogram::Histogram;

use super::{
    LatencyNs, LatencySink, Load, MemorySource, Pace, Raw, Report, Series, SettleReport, Stamps,
    round_trip_ns,
};
use ringfence_journal::format::{BLOCK_BYTES, BODY_BYTES, FRAME_HEADER_BYTES};
use ringfence_journal::{DataDir, Durability, JournalError};
use ringfence_node::{Node, NodeError, Ran};
use ringfence_types::{BATCH_COMMANDS_MAX, Command};

/// How a load goes through the pipeline.
pub struct Through {
    /// When batches are sent.
    pub pace: Pace,
    /// A node before its first command, with the load's capacities.
    pub node: Node,
    /// When outcomes may leave; `None`: nothing is journaled.
    pub durability: Option<Durability>,
}

/// Why a load could not be run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The node cannot be opened, run or closed.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The disk beside it cannot be measured.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Runs `load`, generated from `seed`, through the pipeline: first, unmeasured, the accounts, then
/// the transfers.
///
/// # Errors
///
/// If the engine cannot be set up, or a stage fails.
///
/// # Panics
///
/// If the pipeline ends without having published the whole load.
pub fn pipeline(load: &Load, seed: u64, through: Through) -> Result<Report, BenchError> {
    measure(load, seed, through).map(|(report, _)| report)
}

/// Runs a load of orders, generated from `seed`, through the pipeline.
///
/// # Errors
///
/// If the engine cannot be set up, or a stage fails.
///
/// # Panics
///
/// If the pipeline ends without having published the whole load.
pub fn settle_pipeline(
    load: &Load,
    seed: u64,
    through: Through,
) -> Result<SettleReport, BenchError> {
    let (report, events) = measure(load, seed, through)?;
    Ok(SettleReport::new(report, load, events))
}

/// The report, and how many events were published.
fn measure(load: &Load, seed: u64, through: Through) -> Result<(Report, u64), BenchError> {
    let Through { pace, node, durability } = through;
    let durability = match durability {
        None => "volatile",
        Some(Durability::Sync) => "sync",
        Some(Durability::Async) => "async",
    };
    let (placement, wait) = (node.placement().to_string(), format!("{:?}", node.wait()));
    let raw_before = raw_latency(node.data_dir(), load, pace)?;
    let mut node = run(node, &load.accounts, BATCH_COMMANDS_MAX, Pace::Flood)?.node;
    for part in &load.prepared {
        node = run(node, part, BATCH_COMMANDS_MAX, Pace::Flood)?.node;
    }
    let probe_before = round_trip_ns();
    let moved = run(node, &load.transfers, load.batch, pace)?;
    let raw_after = raw_latency(moved.node.data_dir(), load, pace)?;
    let closed = moved.node.close()?;
    let raw_latency = raw_before.zip(raw_after).map(|(before, after)| before + after);
    let seconds = moved.sink.seconds().expect("the last outcome of the load was published");
    let transfers = load.transfers.len() as u64;
    let report = Report {
        bench: "pipeline",
        transfers,
        accounts: load.accounts.len() as u64,
        batch: load.batch,
        seed,
        seconds,
        transfers_per_second: transfers as f64 / seconds,
        refused: moved.counts.refused(),
        latency_ns: moved.sink.latency_ns().into(),
        raw_latency_ns: raw_latency.as_ref().map(LatencyNs::from),
        digest: closed.engine.digest().to_string(),
        placement,
        wait,
        durability,
        probe_round_trip_ns: [probe_before, round_trip_ns()],
        series: series(moved.sink.latency_ns(), raw_latency.as_ref()),
    };
    Ok((report, moved.sink.events()))
}

/// The pipeline's latencies, and those of raw durable writes where they were timed.
fn series(pipeline: &Histogram<u64>, raw: Option<&Histogram<u64>>) -> Vec<Series> {
    let raw = raw.map(|raw| Series::new("raw durable write", raw));
    [Series::new("pipeline", pipeline)].into_iter().chain(raw).collect()
}

/// Raw durable writes that are timed before a load, and after it.
const RAW_WRITES: u64 = 1000;

/// How long a durable write of one batch's frame takes by itself, where that is what a batch waits for.
pub(super) fn raw_latency(
    dir: Option<&DataDir>,
    load: &Load,
    pace: Pace,
) -> Result<Option<Histogram<u64>>, JournalError> {
    let Some(dir) = dir.filter(|_| pace == Pace::ClosedLoop) else { return Ok(None) };
    let bytes = FRAME_HEADER_BYTES + load.batch * BODY_BYTES;
    let places = 16 * bytes.next_multiple_of(BLOCK_BYTES) as u64;
    let (_, latency_ns) = Raw::new(dir, places)?.write(bytes, 1, RAW_WRITES)?;
    Ok(Some(latency_ns))
}

fn run(
    node: Node,
    commands: &Arc<[Command]>,
    batch: usize,
    pace: Pace,
) -> Result<Ran<MemorySource, LatencySink>, NodeError> {
    let stamps = Arc::new(Stamps::new(commands.len().div_ceil(batch)));
    let first_sequence = node.last_sequence() + 1;
    let sink = LatencySink::new(Arc::clone(&stamps), first_sequence, batch, commands.len());
    let sink = if pace == Pace::ClosedLoop { sink.waking_source() } else { sink };
    let source = MemorySource::new(Arc::clone(commands), batch, pace, stamps);
    node.run(source, sink)
}
