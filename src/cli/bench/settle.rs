//! `ringfence bench settle`: orders and queued payments.

use clap::Args;

use super::super::options::whole;
use super::super::{Exit, Failure};
use super::{PlotOptions, ThroughOptions, failure, print};
use crate::bench::{self, Load, OrderLoad, OrderMix, QueueLoad};
use ringfence_types::BATCH_COMMANDS_MAX;

#[derive(Debug, Args)]
pub(in super::super) struct SettleBench {
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
    plots: PlotOptions,
    #[command(flatten)]
    through: ThroughOptions,
}

impl SettleBench {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let load = self.generate();
        let report = if self.fold {
            bench::settle_fold(&load, self.seed).map_err(Failure::operating)?
        } else {
            let through = self.through.resolve(&load)?;
            bench::settle_pipeline(&load, self.seed, through).map_err(failure)?
        };
        let title = format!("settle, batches of {}: latency of a batch", self.batch);
        self.plots.write(&title, &report.report.series)?;
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
