//! A load over sockets, as clients send it, and the same load to a server without an engine.
//!
//! ```text
//!   Load ──▶ Driver ══ sockets ══▶ engine ──▶ outcomes ══▶ Driver ──▶ WireReport
//!      └───▶ Driver ══ sockets ══▶ echo   ──▶ outcomes ══▶ Driver ──────┘
//! ```
//!
//! The echo server checks and answers the same messages and does nothing else. So the report says
//! what the sockets alone cost, and what the engine adds.

mod connection;
mod driver;
mod echo;
mod engine;
mod report;
mod socket;
mod subscriber;

pub use connection::ConnectionError;
pub use engine::ServedError;
pub use report::{EchoReport, WireReport};

use std::path::PathBuf;
use std::sync::Arc;

use super::through::raw_latency;
use super::{LatencyNs, Load, Pace, Report, UNKNOWN, round_trip_ns};
use driver::Measured;
use echo::Echo;
use engine::Served;
use ringfence_client::{Client, ClientError, Options as ClientOptions, SubscriptionOptions};
use ringfence_codec::Address;
use ringfence_journal::{Durability, JournalError};
use ringfence_node::{Node, Options};
use ringfence_types::{BATCH_COMMANDS_MAX, Command, Status};
use subscriber::Subscriber;

/// How a load goes over sockets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WireLoad {
    /// Connections that send at a time.
    pub clients: usize,
    /// Batches that each of them has under way.
    pub window: usize,
    /// Commands a second, sent on a schedule; `None`: each client sends as soon as its window allows.
    pub rate: Option<f64>,
    /// Each connection has a session with a name, and numbers its requests.
    pub session: bool,
    /// A subscriber takes everything while the load runs.
    pub subscriber: bool,
}

/// What the load is sent to.
pub enum Target {
    /// An engine that runs already, and how to connect to it.
    Running(Address, ClientOptions),
    /// One that is started for the load, with a journal in its directory, and listens there.
    Own {
        /// How it is opened.
        options: Box<Options>,
        /// Its directory.
        data_dir: PathBuf,
    },
}

/// Why a load could not be sent, or what it found not be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The engine that is measured cannot be started, or stopped.
    #[error(transparent)]
    Served(#[from] ServedError),
    /// The engine refuses an account, with this status.
    #[error(
        "creating the accounts: the engine refuses one, {0}; --accounts says how many there are"
    )]
    AccountRefused(&'static str),
    /// The accounts cannot be created.
    #[error("creating the accounts: {0}")]
    Client(#[from] ClientError),
    /// The subscriber did not get everything.
    #[error("the subscriber: {0}")]
    Subscriber(#[source] ClientError),
    /// A connection of the load.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The disk beside it cannot be measured.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The engine's directory has commands already: a load for it needs a new one.
    #[error("{} holds commands already: a bench needs a new journal", .0.display())]
    HoldsCommands(PathBuf),
}

/// Sends `load`, generated from `seed`, first to an echo server, then to the engine.
///
/// # Errors
///
/// [`WireError`].
///
/// # Panics
///
/// If the echo server panics.
pub fn wire(
    load: &Load,
    seed: u64,
    wire: &WireLoad,
    target: Target,
) -> Result<WireReport, WireError> {
    let probe_before = round_trip_ns();
    let (mut report, echo, measured) = match target {
        Target::Running(address, options) => {
            let echo = measure_echo(load, wire, &address)?;
            let measured = measure_engine(load, wire, &address, &options)?;
            (report_of(load, seed, &measured, UNKNOWN), echo, measured)
        }
        Target::Own { options, data_dir } => measure_own(load, seed, wire, *options, data_dir)?,
    };
    report.probe_round_trip_ns = [probe_before, round_trip_ns()];
    Ok(WireReport::new(report, wire, &echo, &measured))
}

/// Starts an engine, sends it the load, and stops it.
fn measure_own(
    load: &Load,
    seed: u64,
    wire: &WireLoad,
    options: Options,
    data_dir: PathBuf,
) -> Result<(Report, Measured, Measured), WireError> {
    let is_alone = wire.clients == 1 && wire.window == 1 && wire.rate.is_none();
    let durability = match options.durability {
        Durability::Sync => "sync",
        Durability::Async => "async",
    };
    let stop = Arc::clone(&options.stop);
    let node = Node::open(options).map_err(ServedError::from)?;
    if node.last_sequence() > 0 {
        return Err(WireError::HoldsCommands(data_dir));
    }
    let raw = |node: &Node| match is_alone {
        true => raw_latency(node.data_dir(), load, Pace::ClosedLoop),
        false => Ok(None),
    };
    let raw_before = raw(&node)?;
    let (placement, wait) = (node.placement().to_string(), format!("{:?}", node.wait()));
    // Before the engine's threads run, which would take time of the processor from it.
    let echo = measure_echo(load, wire, &engine::address(&data_dir))?;
    let served = Served::start(node, stop, &data_dir)?;
    let measured = measure_engine(load, wire, served.address(), &ClientOptions::default())?;
    let node = served.stop()?;
    let raw_after = raw(&node)?;
    let closed = node.close().map_err(ServedError::from)?;
    let raw_latency = raw_before.zip(raw_after).map(|(before, after)| before + after);
    let report = Report {
        raw_latency_ns: raw_latency.as_ref().map(LatencyNs::from),
        digest: closed.engine.digest().to_string(),
        placement,
        wait,
        ..report_of(load, seed, &measured, durability)
    };
    Ok((report, echo, measured))
}

fn measure_echo(load: &Load, wire: &WireLoad, like: &Address) -> Result<Measured, WireError> {
    let echo = Echo::start(wire.clients, like)?;
    let measured = driver::run(load, wire, echo.address(), &ClientOptions::default())?;
    echo.join()?;
    Ok(measured)
}

fn measure_engine(
    load: &Load,
    wire: &WireLoad,
    address: &Address,
    options: &ClientOptions,
) -> Result<Measured, WireError> {
    let mut client = Client::connect_with(address, options.clone())?;
    let mut last_sequence = 0;
    for accounts in load.accounts.chunks(BATCH_COMMANDS_MAX) {
        let answers = client.execute(accounts)?;
        // An engine that runs may have them from an earlier load.
        let refused = answers.iter().map(|answer| answer.outcome.status());
        if let Some(status) = refused.into_iter().find(|status| !is_there(*status)) {
            return Err(WireError::AccountRefused(status.name()));
        }
        last_sequence = answers.last().map_or(last_sequence, |answer| answer.sequence);
    }
    drop(client);
    let outcomes = load.transfers.len() as u64;
    let subscribed = SubscriptionOptions {
        token: options.token.clone(),
        tls: options.tls.clone(),
        ..SubscriptionOptions::default()
    };
    let start = || Subscriber::start(address, &subscribed, last_sequence, outcomes);
    let subscriber = wire.subscriber.then(start).transpose();
    let subscriber = subscriber.map_err(WireError::Subscriber)?;
    let mut measured = driver::run(load, wire, address, options)?;
    if let Some(subscriber) = subscriber {
        measured.arrival_ns = Some(subscriber.join().map_err(WireError::Subscriber)?);
    }
    Ok(measured)
}

/// Whether an account is there, by the status of its creation.
fn is_there(status: Status) -> bool {
    status == Status::Created || status.name().starts_with("exists")
}

/// What is said of every load, without what only one's own engine tells.
fn report_of(load: &Load, seed: u64, measured: &Measured, durability: &'static str) -> Report {
    let transfers = load.transfers.len() as u64;
    Report {
        bench: "wire",
        transfers,
        accounts: load.accounts.len() as u64,
        batch: load.batch,
        seed,
        seconds: measured.seconds,
        transfers_per_second: transfers as f64 / measured.seconds,
        refused: measured.counts.refused(),
        latency_ns: (&measured.latency_ns).into(),
        raw_latency_ns: None,
        digest: UNKNOWN.to_owned(),
        placement: UNKNOWN.to_owned(),
        wait: UNKNOWN.to_owned(),
        durability,
        probe_round_trip_ns: [None, None],
        series: Vec::new(),
    }
}

/// The commands of batch `index` of a load.
fn batch_of(load: &Load, index: usize) -> &[Command] {
    let start = index * load.batch;
    &load.transfers[start..load.transfers.len().min(start + load.batch)]
}
