//! A load through the whole pipeline.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hdrhistogram::Histogram;

use super::LatencySink;
use super::Stamps;
use super::{LatencyNs, Load, Raw, Report, SettleReport, fold::rules, round_trip_ns};
use super::{MemorySource, Pace};
use ringfence_engine::Engine;
use ringfence_journal::format::{BLOCK_BYTES, BODY_BYTES, FRAME_HEADER_BYTES};
use ringfence_journal::{DataDir, Disk, Durability, JournalError};
use ringfence_node::pipeline::{
    self, Finished, Journal, Parts, PipelineError, Placement, Settings,
};
use ringfence_ring::WaitStrategy;
use ringfence_types::{BATCH_COMMANDS_MAX, Command};

/// Slots of the events lane, as many as an engine has where nothing else is asked for.
const EVENT_SLOTS: usize = 16 * 1024;

/// How a load goes through the pipeline.
#[derive(Debug, Clone)]
pub struct Through {
    /// When batches are sent.
    pub pace: Pace,
    /// Stages to threads, threads to cores.
    pub placement: Placement,
    /// How threads wait.
    pub wait: WaitStrategy,
    /// Slots of the ring.
    pub ring_slots: usize,
}

/// A journal that a load is written to.
pub struct Kept {
    /// Holds the lock of its directory.
    pub dir: DataDir,
    /// A journal that was just created under the load's capacities.
    pub journal: Journal<Disk>,
    /// When outcomes may leave.
    pub durability: Durability,
}

/// Why a load could not be run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The engine cannot be set up.
    #[error(transparent)]
    Engine(#[from] ringfence_engine::EngineError),
    /// The pipeline stopped.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The journal cannot be ended.
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
pub fn pipeline(
    load: &Load,
    seed: u64,
    through: &Through,
    kept: Option<Kept>,
) -> Result<Report, BenchError> {
    measure(load, seed, through, kept).map(|(report, _)| report)
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
    through: &Through,
    kept: Option<Kept>,
) -> Result<SettleReport, BenchError> {
    let (report, events) = measure(load, seed, through, kept)?;
    Ok(SettleReport::new(report, load, events))
}

/// The report, and how many events were published.
fn measure(
    load: &Load,
    seed: u64,
    through: &Through,
    kept: Option<Kept>,
) -> Result<(Report, u64), BenchError> {
    let durability = match &kept {
        None => "volatile",
        Some(kept) => match kept.durability {
            Durability::Sync => "sync",
            Durability::Async => "async",
        },
    };
    let engine = Engine::new(&rules(load))?;
    let (dir, journal) = kept.map(|kept| (kept.dir, kept.journal)).unzip();
    let raw_before = raw_latency(dir.as_ref(), load, through.pace)?;
    let mut created = run(
        (engine, journal),
        (Arc::clone(&load.accounts), BATCH_COMMANDS_MAX),
        Pace::Flood,
        (0, 0),
        through,
    )?;
    for part in &load.prepared {
        created = run(
            (created.engine, created.journal),
            (Arc::clone(part), BATCH_COMMANDS_MAX),
            Pace::Flood,
            (created.last_sequence, created.last_timestamp),
            through,
        )?;
    }
    let probe_before = round_trip_ns();
    let moved = run(
        (created.engine, created.journal),
        (Arc::clone(&load.transfers), load.batch),
        through.pace,
        (created.last_sequence, created.last_timestamp),
        through,
    )?;
    if let Some(journal) = moved.journal {
        journal.writer.close()?;
    }
    let raw_after = raw_latency(dir.as_ref(), load, through.pace)?;
    let raw_latency = raw_before.zip(raw_after).map(|(before, after)| before + after);
    drop(dir);
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
        digest: moved.engine.digest().to_string(),
        placement: through.placement.to_string(),
        wait: format!("{:?}", through.wait),
        durability,
        probe_round_trip_ns: [probe_before, round_trip_ns()],
    };
    Ok((report, moved.sink.events()))
}

/// Raw durable writes that are timed before a load, and after it.
const RAW_WRITES: u64 = 1000;

/// How long a durable write of one batch's frame takes by itself, where that is what a batch waits for.
fn raw_latency(
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

type Ran = Finished<MemorySource, LatencySink, Disk>;

fn run(
    (engine, journal): (Engine, Option<Journal<Disk>>),
    (commands, batch): (Arc<[Command]>, usize),
    pace: Pace,
    (last_sequence, last_timestamp): (u64, u64),
    through: &Through,
) -> Result<Ran, PipelineError> {
    let stamps = Arc::new(Stamps::new(commands.len().div_ceil(batch)));
    let sink = LatencySink::new(Arc::clone(&stamps), last_sequence + 1, batch, commands.len());
    let sink = if pace == Pace::ClosedLoop { sink.waking_source() } else { sink };
    let source = MemorySource::new(commands, batch, pace, stamps);
    let parts = Parts { engine, source, sink, journal, last_sequence, last_timestamp };
    let settings = Settings {
        ring_slots: through.ring_slots,
        event_slots: EVENT_SLOTS,
        wait: through.wait,
        placement: through.placement.clone(),
        parker: None,
        stop: Arc::new(AtomicBool::new(false)),
    };
    pipeline::run(parts, settings, |_| {})
}
