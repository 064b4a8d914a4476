//! `ringfence bench wire`: a load over sockets.

use std::path::PathBuf;

use clap::Args;
use tempfile::TempDir;

use super::super::config::name_as_set;
use super::super::options::{DurabilityOption, ThreadOptions, ring_slots, whole};
use super::super::{Exit, Failure, node, outcome_log};
use super::through::wanted;
use super::{LoadOptions, PlotOptions, print, rate};
use crate::bench::wire::{Target, WireError, WireLoad, wire};
use crate::bench::{Load, Mix};
use ringfence_client::Address;
use ringfence_journal::{Backend, Wanted};
use ringfence_node::Options;

/// Options of an engine of the bench's own: `--connect` is to one that has its own already.
const OWN: [&str; 7] =
    ["data_dir", "durability", "outcome_log", "journal_io", "ring_slots", "wait", "cores"];

#[derive(Debug, Args)]
pub(in super::super) struct WireBench {
    #[command(flatten)]
    load: LoadOptions,
    /// A running engine to send to, as unix:PATH or HOST:PORT. The load creates accounts 1 to the
    /// number of --accounts there [default: one that is started for the load]
    #[arg(long, value_name = "ADDR", conflicts_with_all = OWN)]
    connect: Option<Address>,
    /// Connections that send at a time
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole::<u16>(1, 10_000))]
    clients: u16,
    /// Batches that each of them has under way
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole::<u32>(1, 1 << 20))]
    window: u32,
    /// Commands a second of all clients together, sent on a schedule; latency counts from the
    /// planned time [default: each client sends as soon as its window allows]
    #[arg(long, value_name = "EVENTS_PER_S", value_parser = rate)]
    rate: Option<f64>,
    /// Give each client a session with a name
    #[arg(long)]
    session: bool,
    /// Have a subscriber take everything meanwhile, and say how late it comes to it
    #[arg(long)]
    subscriber: bool,
    #[command(flatten)]
    plots: PlotOptions,
    /// Directory of a new journal [default: a temporary one, which is removed]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// When an outcome is sent
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = DurabilityOption::Sync)]
    durability: DurabilityOption,
    /// Keep outcomes and events by sequence, as `run` does
    #[arg(
        long,
        value_name = "on|off",
        default_value = "on",
        action = clap::ArgAction::Set,
        value_parser = outcome_log::switch
    )]
    outcome_log: bool,
    /// What writes the journal: io-uring, threads or buffered [default: the first that works]
    #[arg(long, env = "RINGFENCE_JOURNAL_IO", value_name = "HOW")]
    journal_io: Option<Backend>,
    /// Slots of the ring, a power of two, at least 16384
    #[arg(long, value_name = "N", default_value = "65536", value_parser = ring_slots)]
    ring_slots: usize,
    #[command(flatten)]
    threads: ThreadOptions,
}

impl WireBench {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let load = self.generate()?;
        let shape = WireLoad {
            clients: self.clients.into(),
            window: self.window as usize,
            rate: self.rate,
            session: self.session,
            subscriber: self.subscriber,
        };
        let (target, folder) = self.target(&load)?;
        let report = wire(&load, self.load.seed, &shape, target).map_err(failure)?;
        drop(folder);
        let title = format!(
            "{} clients, batches of {}, {} under way: latency of a batch",
            report.clients, report.report.batch, report.window
        );
        self.plots.write(&title, &report.report.series)?;
        print(&report, self.load.json)?;
        Ok(Exit::Done)
    }

    fn generate(&self) -> Result<Load, Failure> {
        if self.load.mix == Mix::PendingPost && (self.clients > 1 || self.rate.is_some()) {
            let (mix, clients) = (name_as_set("mix"), name_as_set("clients"));
            let text = format!("{mix} pending:post needs the order of one client: {clients} 1");
            return Err(Failure::Usage(text));
        }
        let load = self.load.generate();
        // An engine that runs has perhaps seen a load before.
        Ok(if self.connect.is_some() { load.with_ids_of_its_own() } else { load })
    }

    /// Where the load goes, and the folder that is removed after it.
    fn target(&self, load: &Load) -> Result<(Target, Option<TempDir>), Failure> {
        if let Some(address) = &self.connect {
            return Ok((Target::Running(address.clone()), None));
        }
        let (data_dir, folder) = match &self.data_dir {
            Some(data_dir) => (data_dir.clone(), None),
            None => {
                let folder = tempfile::tempdir().map_err(|error| {
                    Failure::operating(format_args!("making a temporary directory: {error}"))
                })?;
                (folder.path().join("data"), Some(folder))
            }
        };
        let options = Options {
            data_dir: Some(data_dir.clone()),
            wanted: Wanted {
                // Each client may have one.
                sessions: Some(u64::from(self.clients)),
                ..wanted(load.capacities())
            },
            durability: self.durability.into(),
            outcome_log: self.outcome_log,
            journal_io: self.journal_io,
            ring_slots: self.ring_slots,
            cores: self.threads.cores.clone(),
            wait: self.threads.wait,
            report: node::report(),
            ..Options::default()
        };
        Ok((Target::Own { options: Box::new(options), data_dir }, folder))
    }
}

fn failure(error: WireError) -> Failure {
    match error {
        WireError::HoldsCommands(path) => super::holds_commands(&path),
        other => Failure::operating(other),
    }
}
