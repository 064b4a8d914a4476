//! `ringfence bench`: measure.

mod bridge;
mod journal;
mod plots;
mod report;
mod settle;
mod through;
mod wire;

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::options::whole;
use super::{Exit, Failure};
use crate::bench::{self, BenchError, Load, Mix};
use bridge::BridgeBench;
use journal::JournalBench;
use plots::PlotOptions;
use report::ReportBench;
use ringfence_types::BATCH_COMMANDS_MAX;
use settle::SettleBench;
use through::ThroughOptions;
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
    /// All of these, one after the other, and a page of what they found.
    Report(ReportBench),
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

fn rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok();
    rate.filter(|rate| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| "must be a number above 0, such as 200000 or 0.5".to_owned())
}

#[derive(Debug, Args)]
pub(super) struct PipelineBench {
    #[command(flatten)]
    load: LoadOptions,
    #[command(flatten)]
    plots: PlotOptions,
    #[command(flatten)]
    through: ThroughOptions,
}

#[derive(Debug, Args)]
pub(super) struct FoldBench {
    #[command(flatten)]
    load: LoadOptions,
    #[command(flatten)]
    plots: PlotOptions,
}

impl LoadOptions {
    fn generate(&self) -> Load {
        let batch = usize::from(self.batch);
        Load::generate(self.accounts, self.transfers, batch, self.mix, self.seed)
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
            Bench::Fold(bench) => bench.execute(),
            Bench::Report(bench) => bench.execute(),
        }
    }
}

fn holds_commands(path: &Path) -> Failure {
    let text = format!("{} holds commands already: a bench needs a new journal", path.display());
    Failure::Usage(text)
}

impl FoldBench {
    fn execute(self) -> Result<Exit, Failure> {
        let load = self.load.generate();
        let report = bench::fold(&load, self.load.seed).map_err(Failure::operating)?;
        let title = format!("engine alone, batches of {}: latency of a batch", report.batch);
        self.plots.write(&title, &report.series)?;
        print(&report, self.load.json)?;
        Ok(Exit::Done)
    }
}

impl PipelineBench {
    fn execute(self) -> Result<Exit, Failure> {
        let load = self.load.generate();
        let through = self.through.resolve(&load)?;
        let report = bench::pipeline(&load, self.load.seed, through).map_err(failure)?;
        let title = format!("pipeline, batches of {}: latency of a batch", report.batch);
        self.plots.write(&title, &report.series)?;
        print(&report, self.load.json)?;
        Ok(Exit::Done)
    }
}

fn failure(error: BenchError) -> Failure {
    match error {
        BenchError::Node(error) => error.into(),
        BenchError::Journal(error) => Failure::operating(error),
    }
}
