//! `ringfence grow`: larger tables for an engine that runs.

use std::path::PathBuf;

use clap::Args;

use super::options::capacity;
use super::{Exit, Failure};
use ringfence_journal::DataDir;
use ringfence_node::counters::{ReadCounters, read_counters};
use ringfence_node::growth::{Wish, grow};

/// Arguments of `ringfence grow`.
#[derive(Debug, Args)]
pub(super) struct Grow {
    /// Directory of the journal of a running engine
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Most accounts from now on [default: as many as now]
    #[arg(long, value_name = "N", value_parser = capacity)]
    accounts: Option<u64>,
    /// Most transfers, and ids that refused ones have spent, from now on [default: as many as now]
    #[arg(long, value_name = "N", value_parser = capacity)]
    transfers: Option<u64>,
    /// Most markets from now on [default: as many as now]
    #[arg(long, value_name = "N", value_parser = capacity)]
    markets: Option<u64>,
    /// Most orders, and ids that refused ones have spent, from now on [default: as many as now]
    #[arg(long, value_name = "N", value_parser = capacity)]
    orders: Option<u64>,
}

impl Grow {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let Grow { data_dir, accounts, transfers, markets, orders } = self;
        let wish = Wish { accounts, transfers, markets, orders };
        if wish.is_empty() {
            let text = "say what is to grow: --accounts, --transfers, --markets or --orders";
            return Err(Failure::Usage(text.to_owned()));
        }
        let dir = DataDir::open_to_read(&data_dir).map_err(Failure::operating)?;
        if !dir.is_held().map_err(Failure::operating)? {
            return Err(Failure::Operating(format!(
                "no engine runs on {}: start it with the larger capacities",
                data_dir.display()
            )));
        }
        // Another process on the directory knows nothing of what this one is asked.
        let process = || match read_counters(&data_dir) {
            Ok(ReadCounters::Reading(reading)) => Some((reading.pid, reading.started_ns)),
            _ => None,
        };
        let asked = process();
        let is_another = || asked.is_some() && process().is_some_and(|now| Some(now) != asked);
        let runs = || dir.is_held().unwrap_or(true) && !is_another();
        let since = grow(&data_dir, wish, runs).map_err(Failure::operating)?;
        tell!("ringfence: the tables have grown: they hold more from sequence {since} on");
        Ok(Exit::Done)
    }
}
