//! `ringfence bench`: measure.

mod bridge;
mod wire;

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::options::{DurabilityOption, ThreadOptions, ring_slots, segment_bytes, whole};
use super::{Exit, Failure, node};
use crate::bench::Pace;
use crate::bench::{
    self, BenchError, JournalLoad, Load, Mix, OrderLoad, OrderMix, QueueLoad, Report, Through,
};
use bridge::BridgeBench;
use ringfence_journal::{Backend, Wanted};
use ringfence_node::{Node, Options};
use ringfence_types::BATCH_COMMANDS_MAX;
use wire::WireBench;

/// What to measure.
#[derive(Debug, Subcommand)]
pub(super) enum Bench {
    /// Random transfers from memory through the whole pipeline.
    Pipeline(PipelineBench),
    /// The same transfers through the engine alone, on one thread: to compare with.
    Fold(FoldBench),
    /// Batches to the journal alone, in turns with a plain writer of the same bytes.
    Journal(JournalBench),
    /// Orders to books of a given depth, through the pipeline or the engine alone.
    Settle(SettleBench),
    /// Random transfers over sockets to an engine, and to a server that only echoes.
    Wire(WireBench),
    /// Payments through a broker and the bridge, in turns with what the broker moves alone.
    Bridge(BridgeBench),
}

#[derive(Debug, Args)]
pub(super) struct LoadOptions {
    /// Transfers in the load; capacities follow from it
    #[arg(long, value_name = "N", default_value = "4000000", value_parser = whole::<u64>(1, 1 << 30))]
    transfers: u64,
    /// Accounts between which they move money
    #[arg(long, value_name = "N", default_value = "10000", value_parser = whole::<u64>(2, 1 << 30))]
    accounts: u64,
    /// Commands in a batch
    #[arg(long, value_name = "N", default_value = "8189", value_parser = whole::<u16>(1, BATCH_COMMANDS_MAX as u64))]
    batch: u16,
    /// Kind of transfers: single, or pending:post (batches of pending transfers, each followed by a
    /// batch that posts them)
    #[arg(long, value_name = "KIND", default_value = "single")]
    mix: Mix,
    /// Seed of the load: one seed gives one load, and one digest
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole::<u64>(0, u64::MAX))]
    seed: u64,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// How a load goes through the pipeline.
#[derive(Debug, Args)]
struct ThroughOptions {
    /// Directory of a new journal; without it nothing is kept
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// When an outcome counts as published
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = DurabilityOption::Sync)]
    durability: DurabilityOption,
    /// Commands a second, sent on a schedule; latency counts from the planned time [default: as fast as they are taken]
    #[arg(long, value_name = "EVENTS_PER_S", value_parser = rate, conflicts_with = "closed_loop")]
    rate: Option<f64>,
    /// Send each batch only when the outcomes of the one before were published
    #[arg(long)]
    closed_loop: bool,
    /// Slots of the ring, a power of two, at least 16384
    #[arg(long, value_name = "N", default_value = "65536", value_parser = ring_slots)]
    ring_slots: usize,
    /// Bytes of one segment of the journal, a power of two, at least 2097152
    #[arg(long, value_name = "N", default_value = "67108864", value_parser = segment_bytes)]
    segment_bytes: u64,
    /// What writes the journal: io-uring, threads or buffered [default: the first that works]
    #[arg(long, env = "RINGFENCE_JOURNAL_IO", value_name = "HOW")]
    journal_io: Option<Backend>,
    #[command(flatten)]
    threads: ThreadOptions,
}

#[derive(Debug, Args)]
pub(super) struct JournalBench {
    /// Directory of a new journal, on the disk to be measured; it takes some gigabytes and is left there
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Turns of the journal and of the plain writer each; medians are shown
    #[arg(long, value_name = "N", default_value = "5", value_parser = whole::<u16>(1, 1000))]
    turns: u16,
    /// Bytes of one segment of the journal, a power of two, at least 2097152
    #[arg(long, value_name = "N", default_value = "67108864", value_parser = segment_bytes)]
    segment_bytes: u64,
    /// What writes the journal: io-uring, threads or buffered [default: the first that works]
    #[arg(long, env = "RINGFENCE_JOURNAL_IO", value_name = "HOW")]
    journal_io: Option<Backend>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok();
    rate.filter(|rate| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| "must be a number above 0, such as 200000 or 0.5".to_owned())
}

/// What `bench journal` measures: commands in a batch, batches under way at a time, batches in a
/// turn.
/// The first is what a single client sees, the last keeps the disk as busy as it can be.
const JOURNAL_LOADS: [(usize, usize, u64); 6] =
    [(1, 1, 1000), (1, 16, 4000), (64, 16, 4000), (1024, 4, 600), (8189, 1, 128), (8189, 4, 256)];

#[derive(Debug, Args)]
pub(super) struct PipelineBench {
    #[command(flatten)]
    load: LoadOptions,
    #[command(flatten)]
    through: ThroughOptions,
}

#[derive(Debug, Args)]
pub(super) struct SettleBench {
    /// Commands about orders that are measured; capacities follow from it
    #[arg(long, value_name = "N", default_value = "4000000", value_parser = whole::<u64>(1, 1 << 30))]
    commands: u64,
    /// Accounts that place orders, half of them on each ledger
    #[arg(long, value_name = "N", default_value = "10000", value_parser = whole::<u64>(4, 1 << 30))]
    accounts: u64,
    /// Markets between the two ledgers
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole::<u32>(1, 1 << 20))]
    markets: u32,
    /// Orders that rest in all markets together before the measurement begins
    #[arg(long, value_name = "N", default_value = "1000", value_parser = whole::<u64>(0, 1 << 28))]
    depth: u64,
    /// Prices on each side of a market among which orders rest
    #[arg(long, value_name = "N", default_value = "250", value_parser = whole::<u64>(1, 900_000))]
    prices: u64,
    /// How many of a hundred commands are NEW:CANCEL:AMEND:CROSSING, all for one lot
    #[arg(long, value_name = "SHARES", default_value = "50:40:0:10")]
    mix: OrderMix,
    /// Measure so many payments that wait in queues and then settle, instead of orders
    #[arg(long, value_name = "N", conflicts_with_all = ["commands", "markets", "depth", "prices", "mix"], value_parser = whole::<u64>(1, 1 << 28))]
    queued: Option<u64>,
    /// How many of a hundred accounts that owe queued payments are in gridlock until the queues are
    /// resolved; the others wait for incoming money
    #[arg(long, value_name = "PERCENT", default_value = "50", requires = "queued", value_parser = whole::<u32>(0, 100))]
    gridlocked: u32,
    /// Commands in a batch; each batch is of one operation
    #[arg(long, value_name = "N", default_value = "100", value_parser = whole::<u16>(1, BATCH_COMMANDS_MAX as u64))]
    batch: u16,
    /// Seed of the load: one seed gives one load, and one digest
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole::<u64>(0, u64::MAX))]
    seed: u64,
    /// Run the engine alone, on one thread, instead of the pipeline
    #[arg(long, conflicts_with_all = ["data_dir", "rate", "closed_loop"])]
    fold: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    through: ThroughOptions,
}

#[derive(Debug, Args)]
pub(super) struct FoldBench {
    #[command(flatten)]
    load: LoadOptions,
}

impl LoadOptions {
    fn generate(&self) -> Load {
        let batch = usize::from(self.batch);
        Load::generate(self.accounts, self.transfers, batch, self.mix, self.seed)
    }

    fn print(&self, report: &Report) -> Result<(), Failure> {
        print(report, self.json)
    }
}

/// Prints a report as text or as JSON.
fn print(report: &(impl fmt::Display + Serialize), json: bool) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let printed = if json {
        let line = serde_json::to_string(report).expect("a report can be written as JSON");
        writeln!(output, "{line}")
    } else {
        writeln!(output, "{report}")
    };
    printed.map_err(|error| Failure::operating(format_args!("writing the report: {error}")))
}

impl Bench {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        match self {
            Bench::Pipeline(bench) => bench.execute(),
            Bench::Journal(bench) => bench.execute(),
            Bench::Settle(bench) => bench.execute(),
            Bench::Wire(bench) => bench.execute(),
            Bench::Bridge(bench) => bench.execute(),
            Bench::Fold(FoldBench { load }) => {
                let report =
                    bench::fold(&load.generate(), load.seed).map_err(Failure::operating)?;
                load.print(&report)?;
                Ok(Exit::Done)
            }
        }
    }
}

impl ThroughOptions {
    /// How `load` goes through the pipeline, and the node that it goes through.
    fn resolve(&self, load: &Load) -> Result<Through, Failure> {
        let pace = match self.rate {
            None if self.closed_loop => Pace::ClosedLoop,
            None => Pace::Flood,
            Some(rate) => Pace::Planned { commands_per_second: rate },
        };
        let durability = self.durability.into();
        let capacities = load.capacities();
        let options = Options {
            data_dir: self.data_dir.clone(),
            wanted: Wanted {
                accounts: Some(capacities.accounts),
                transfers: Some(capacities.transfers),
                policies: Some(capacities.policies),
                markets: Some(capacities.markets),
                orders: Some(capacities.orders),
                ..Wanted::default()
            },
            durability,
            segment_bytes: Some(self.segment_bytes),
            journal_io: self.journal_io,
            ring_slots: self.ring_slots,
            cores: self.threads.cores.clone(),
            wait: self.threads.wait,
            report: node::report(),
            ..Options::default()
        };
        let node = Node::open(options)?;
        if node.last_sequence() > 0 {
            return Err(holds_commands(self.data_dir.as_deref().unwrap_or(Path::new(""))));
        }
        let durability = self.data_dir.is_some().then_some(durability);
        Ok(Through { pace, node, durability })
    }
}

fn holds_commands(path: &Path) -> Failure {
    let text = format!("{} holds commands already: a bench needs a new journal", path.display());
    Failure::Usage(text)
}

impl PipelineBench {
    fn execute(self) -> Result<Exit, Failure> {
        let load = self.load.generate();
        let through = self.through.resolve(&load)?;
        let report = bench::pipeline(&load, self.load.seed, through).map_err(failure)?;
        self.load.print(&report)?;
        Ok(Exit::Done)
    }
}

impl JournalBench {
    fn execute(self) -> Result<Exit, Failure> {
        let opened = bench::new_journal(&self.data_dir, self.segment_bytes, self.journal_io)
            .map_err(Failure::operating)?;
        let Some((dir, mut writer)) = opened else { return Err(holds_commands(&self.data_dir)) };
        if let Some(shortcoming) = dir.shortcoming() {
            tell!("ringfence: {}: {shortcoming}", self.data_dir.display());
        }
        let loads = JOURNAL_LOADS.map(|(batch, depth, count)| JournalLoad { batch, depth, count });
        let report = bench::journal(&dir, &mut writer, &loads, usize::from(self.turns))
            .map_err(Failure::operating)?;
        writer.close().map_err(Failure::operating)?;
        print(&report, self.json)?;
        Ok(Exit::Done)
    }
}

impl SettleBench {
    fn execute(self) -> Result<Exit, Failure> {
        let load = self.generate();
        let report = if self.fold {
            bench::settle_fold(&load, self.seed).map_err(Failure::operating)?
        } else {
            let through = self.through.resolve(&load)?;
            bench::settle_pipeline(&load, self.seed, through).map_err(failure)?
        };
        print(&report, self.json)?;
        Ok(Exit::Done)
    }

    fn generate(&self) -> Load {
        if let Some(queued) = self.queued {
            let (accounts, batch) = (self.accounts, usize::from(self.batch));
            return QueueLoad { accounts, queued, gridlocked: self.gridlocked, batch }.generate();
        }
        let orders = OrderLoad {
            owners: self.accounts / 2,
            markets: self.markets,
            resting: self.depth,
            prices: self.prices,
            commands: self.commands,
            batch: usize::from(self.batch),
            mix: self.mix,
        };
        orders.generate(self.seed)
    }
}

fn failure(error: BenchError) -> Failure {
    match error {
        BenchError::Node(error) => error.into(),
        BenchError::Journal(error) => Failure::operating(error),
    }
}
