//! `ringfence run`: the engine as a server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::auto_snapshot::{AutoSnapshot, SnapshotOptions};
use super::door::DoorOptions;
use super::log::LogOptions;
use super::options::{ConfigFile, EngineOptions, JournaledOptions};
use super::service::Service;
use super::shown::{Opened, Shown};
use super::{Exit, Failure, log, node, outcome_log, signals};
use ringfence_codec::Address;
use ringfence_journal::Recent;
use ringfence_node::Clock;
use ringfence_node::counters::{Counters, State};
use ringfence_node::growth::ByItself;
use ringfence_node::publish::LogGauges;
use ringfence_node::{History, NodeError, Ran};
use ringfence_server::subscription::{self, Subscriptions};
use ringfence_server::{Descriptors, Door, Guard, Limits, Setup};

/// Arguments of `ringfence run`.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Directory of the journal, created if its parent exists
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Where to listen: unix:PATH or HOST:PORT; may be given more than once [default: unix:DIR/ringfence.sock]
    #[arg(long, env = "RINGFENCE_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    listen: Vec<Address>,
    /// Keep outcomes and events by sequence in the data directory: off gives up that sessions resume and
    /// that there are subscriptions
    #[arg(long, env = "RINGFENCE_OUTCOME_LOG", value_name = "on|off", num_args = 0..=1, default_value = "on", default_missing_value = "on", value_parser = outcome_log::switch)]
    outcome_log: bool,
    /// Let tables for which no size is given grow before they are full, while the machine has
    /// memory for that: accounts, transfers, markets, orders
    #[arg(
        long,
        env = "RINGFENCE_AUTO_GROW",
        value_name = "on|off",
        default_value = "on",
        action = clap::ArgAction::Set,
        value_parser = outcome_log::switch
    )]
    auto_grow: bool,
    /// Answer HTTP there: /metrics for Prometheus, /livez, /readyz. There is no access control: use an
    /// address that only instruments reach
    #[arg(long, env = "RINGFENCE_METRICS", value_name = "HOST:PORT")]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    journaled: JournaledOptions,
    #[command(flatten)]
    engine: EngineOptions,
    #[command(flatten)]
    door: DoorOptions,
    #[command(flatten)]
    snapshots: SnapshotOptions,
    #[command(flatten)]
    log: LogOptions,
}

impl Run {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        log::begin(&self.log);
        let listen = match self.listen.as_slice() {
            [] => vec![Address::Unix(self.data_dir.join("ringfence.sock"))],
            given => given.to_vec(),
        };
        let descriptors = Descriptors::claim();
        let limits = self.door.limits(descriptors);
        let asked = self.door.asked(&limits, signals::reload_flag()?);
        let guard = Guard::new(asked).map_err(Failure::operating)?;
        Door::check(&listen, &guard).map_err(Failure::operating)?;
        tell!("ringfence: {guard}");
        let counters: Arc<Counters> = Arc::default();
        let mut shown = Shown::begin(Arc::clone(&counters), self.metrics)?;
        let (node, stop) = node::open(
            Some(&self.data_dir),
            &self.journaled,
            &self.engine,
            self.outcome_log,
            Arc::clone(&counters),
        )?;
        let door = Door::open(&listen, self.door.socket_mode, limits, guard)
            .map_err(Failure::operating)?;
        let (history, log) = (node.history(), node.outcome_log());
        let outcome_log = log.as_ref().map(|_| self.data_dir.clone());
        let subscriptions = match log {
            Some(gauges) => Some(self.subscriptions(history, gauges, node.recent(), &limits)?),
            None => None,
        };
        let key = self.engine.key.journal_key.as_deref();
        let snapshots = AutoSnapshot::begin(&self.snapshots, &self.data_dir, key, counters)?;
        let opened = Opened {
            history,
            dir: node.data_dir().expect("it was opened on one").files().clone(),
            log: node.outcome_log(),
            traffic: door.traffic(),
            connections_max: limits.connections.into(),
            subscriptions: subscriptions.as_ref().map(Arc::downgrade).unwrap_or_default(),
            snapshots: snapshots.as_ref().map(AutoSnapshot::gauges),
            stop: Arc::clone(&stop),
        };
        shown.opened(&self.data_dir, opened, Service::from_environment())?;
        // They end after the last outcome is logged.
        let followed = subscriptions.clone();
        let setup = Setup { history, outcome_log, subscriptions, stop };
        let (source, sink) = ringfence_server::open(door, setup).map_err(Failure::operating)?;
        let (connections, of) = (limits.connections, descriptors.limit);
        tell!("ringfence: at most {connections} connections, of {of} file descriptors");
        node::warn_of_clock(&node, Clock::System);
        let first_sequence = node.last_sequence() + 1;
        tell!(
            "ringfence: ready on {}, sequence {first_sequence}, {}",
            source.addresses().collect::<Vec<_>>().join(" and "),
            node.placement()
        );
        shown.ready();
        let ran = node.growing(self.by_itself()).run(source, sink);
        drop((followed, snapshots));
        end(ran, shown, first_sequence)
    }

    /// The tables that grow by themselves: those for which no size is given.
    fn by_itself(&self) -> ByItself {
        let JournaledOptions { accounts, transfers, markets, orders, .. } = &self.journaled;
        let is_free = |given: &Option<u64>| self.auto_grow && given.is_none();
        ByItself {
            accounts: is_free(accounts),
            transfers: is_free(transfers),
            markets: is_free(markets),
            orders: is_free(orders),
        }
    }

    /// Subscriptions to what this engine logs.
    fn subscriptions(
        &self,
        history: History,
        gauges: LogGauges,
        recent: Option<Arc<Recent>>,
        limits: &Limits,
    ) -> Result<Arc<Subscriptions>, Failure> {
        let settings = subscription::Settings {
            data_dir: self.data_dir.clone(),
            key: self.engine.key.read()?,
            recent,
            history,
            gauges,
            subscriptions: self.door.subscriptions_max,
            idle_timeout: limits.idle_timeout,
        };
        Subscriptions::open(settings).map(Arc::new).map_err(Failure::operating)
    }
}

/// Shows and prints how a run ended that began with `first_sequence`, and closes the node.
fn end<S, K>(
    ran: Result<Ran<S, K>, NodeError>,
    shown: Shown,
    first_sequence: u64,
) -> Result<Exit, Failure> {
    let has_failed = ran.as_ref().is_err_and(|error| !error.is_stop_for_room());
    // The lock is given up after that: who looks then finds how it has ended.
    shown.end(if has_failed { State::Failed } else { State::Stopped });
    match ran {
        Ok(Ran { node, counts, .. }) => node::close(node, first_sequence, &counts)?,
        Err(error) if error.is_stop_for_room() => tell!("ringfence: {}", node::describe(&error)),
        Err(error) => return Err(error.into()),
    }
    Ok(Exit::Done)
}
