//! How a load goes through the pipeline.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::options::{DurabilityOption, ThreadOptions, ring_slots, segment_bytes};
use super::super::{Failure, node};
use super::{holds_commands, rate};
use crate::bench::{Load, Pace, Through};
use ringfence_journal::{Backend, Wanted};
use ringfence_node::{Node, Options};
use ringfence_types::Capacities;

/// How a load goes through the pipeline.
#[derive(Debug, Args)]
pub(super) struct ThroughOptions {
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

/// Asks for these capacities, and leaves the rest open.
pub(super) fn wanted(capacities: Capacities) -> Wanted {
    let Capacities { accounts, transfers, policies, markets, orders } = capacities;
    Wanted {
        accounts: Some(accounts),
        transfers: Some(transfers),
        policies: Some(policies),
        markets: Some(markets),
        orders: Some(orders),
        ..Wanted::default()
    }
}

impl ThroughOptions {
    /// How `load` goes through the pipeline, and the node that it goes through.
    pub(super) fn resolve(&self, load: &Load) -> Result<Through, Failure> {
        let pace = match self.rate {
            None if self.closed_loop => Pace::ClosedLoop,
            None => Pace::Flood,
            Some(rate) => Pace::Planned { commands_per_second: rate },
        };
        let durability = self.durability.into();
        let options = Options {
            data_dir: self.data_dir.clone(),
            wanted: wanted(load.capacities()),
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
