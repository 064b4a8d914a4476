//! `ringfence demo`: an engine, a bridge with the live page, and the payments of a small town, in
//! one process.
//!
//! ```text
//!   day ──▶ client ──unix socket──▶ engine ──metrics──┐
//!                                      └──unix socket──▶ bridge ──HTTP──▶ page
//! ```

mod bridge;
mod day;
mod town;

use std::ffi::OsString;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clap::Args;
use ringfence_client::{Address, Client};
use signal_hook::consts::SIGTERM;
use tempfile::TempDir;

use super::{Exit, Failure, parse, signals};
use bridge::Bridge;
use day::Day;

/// Where the page is, if nothing else is said and the port is free.
const PORT: u16 = 8080;
/// Ids of what is sent begin here, above those of the town's accounts and first payments.
const FIRST_ID: u128 = 1_000;
/// How long the engine may take to start.
const START_MAX: Duration = Duration::from_secs(60);
/// Time between two payments, at least: they are sent one by one.
const RATE_MAX: u32 = 1_000;

/// Arguments of `ringfence demo`. None of them comes from the environment: what belongs to another
/// engine is never used.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Keep everything in this directory, and go on there [default: a temporary one, removed at the
    /// end]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where the page is served, on this machine only [default: 127.0.0.1:8080, or a free port where
    /// that is taken]
    #[arg(long, value_name = "HOST:PORT")]
    http: Option<SocketAddr>,
    /// Commands a second
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=i64::from(RATE_MAX)))]
    rate: u32,
}

/// The demo's directory.
enum Place {
    Temporary(TempDir),
    Given(PathBuf),
}

impl Place {
    fn new(given: Option<PathBuf>) -> Result<Place, Failure> {
        match given {
            Some(path) => Ok(Place::Given(path)),
            None => tempfile::Builder::new()
                .prefix("ringfence-demo-")
                .tempdir()
                .map(Place::Temporary)
                .map_err(|error| Failure::Operating(format!("a temporary directory: {error}"))),
        }
    }

    /// The engine's data directory.
    fn data_dir(&self) -> &Path {
        match self {
            Place::Temporary(dir) => dir.path(),
            Place::Given(path) => path,
        }
    }

    fn described(&self) -> String {
        match self {
            Place::Temporary(dir) => format!("{} (removed at the end)", dir.path().display()),
            Place::Given(path) => format!("{} (kept)", path.display()),
        }
    }
}

impl Demo {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let place = Place::new(self.data_dir)?;
        let stop = signals::stop_flag()?;
        let socket = Address::Unix(place.data_dir().join("ringfence.sock"));
        let metrics = free_address(0)?;
        let engine = start_engine(place.data_dir(), &socket, metrics)?;
        let shown = match self.http {
            Some(address) if address.port() != 0 => Ok(address),
            Some(_) => free_address(0),
            None => free_address(PORT).or_else(|_| free_address(0)),
        };
        let result = connect(&socket, &engine, &stop).and_then(|client| {
            let Some(client) = client else { return Ok(()) };
            // First: a bridge cannot follow an engine that has logged nothing yet.
            let sending = found(client)?;
            let bridge = Bridge::start(&socket, shown?, metrics, Arc::clone(&stop))?;
            tell(&bridge, &socket, &place);
            let lived = live(sending, self.rate, &stop);
            stop_all(&stop)?;
            lived.and(bridge.end())
        });
        stop_all(&stop)?;
        let ended = engine.join().unwrap_or_else(|_| Err(Failure::Bug("the engine".to_owned())));
        // What the engine says is the cause of what its clients say.
        ended.and_then(|exit| result.map(|()| exit))
    }
}

/// A client, and what it is going to send.
struct Sending {
    client: Client,
    day: Day,
}

/// Asks engine and bridge to end, unless a signal has done so. The engine looks at a flag of its
/// own, which a signal sets too.
fn stop_all(stop: &AtomicBool) -> Result<(), Failure> {
    // Relaxed: the flag carries nothing but itself.
    if stop.load(Ordering::Relaxed) {
        return Ok(());
    }
    signal_hook::low_level::raise(SIGTERM)
        .map_err(|error| Failure::Operating(format!("ending the engine: {error}")))
}

/// An address of this machine that is free just now; any port where `port` is 0.
fn free_address(port: u16) -> Result<SocketAddr, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .and_then(|listener| listener.local_addr())
        .map_err(|error| Failure::Operating(format!("a free port: {error}")))
}

/// `ringfence run` on a thread of its own, with small tables.
fn start_engine(
    data_dir: &Path,
    socket: &Address,
    metrics: SocketAddr,
) -> Result<JoinHandle<Result<Exit, Failure>>, Failure> {
    let mut arguments: Vec<OsString> =
        vec!["ringfence".into(), "run".into(), "--data-dir".into(), data_dir.into()];
    let (socket, metrics) = (socket.to_string(), metrics.to_string());
    for (name, value) in [
        ("listen", socket.as_str()),
        ("metrics", metrics.as_str()),
        ("accounts", "4096"),
        ("transfers", "262144"),
        ("orders", "65536"),
        // So that a demo which is forgotten goes on.
        ("retention", "1h"),
        ("outcome-log-keep", "256MiB"),
        ("ring-slots", "16384"),
        ("segment-bytes", "2097152"),
    ] {
        arguments.push(format!("--{name}").into());
        arguments.push(value.into());
    }
    let run = parse(arguments)?.command;
    let named = thread::Builder::new().name("ringfence-demo-engine".to_owned());
    named
        .spawn(move || run.execute())
        .map_err(|error| Failure::Operating(format!("a thread: {error}")))
}

/// Waits until the engine answers; `None` where it has ended, or was asked to.
fn connect(
    socket: &Address,
    engine: &JoinHandle<Result<Exit, Failure>>,
    stop: &AtomicBool,
) -> Result<Option<Client>, Failure> {
    let start = Instant::now();
    loop {
        match Client::connect(socket) {
            Ok(client) => return Ok(Some(client)),
            Err(_) if engine.is_finished() || stop.load(Ordering::Relaxed) => return Ok(None),
            Err(error) if start.elapsed() > START_MAX => return Err(Failure::operating(error)),
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Founds the town, where that has not been done.
fn found(mut client: Client) -> Result<Sending, Failure> {
    let mut last_sequence = 0;
    for batch in town::founding() {
        match client.execute(&batch) {
            Ok(answers) => last_sequence = answers.last().map_or(0, |answer| answer.sequence),
            Err(error) => return Err(Failure::operating(error)),
        }
    }
    // Each command before had at most one new id, so these are new.
    let first_id = FIRST_ID + u128::from(last_sequence);
    Ok(Sending { client, day: Day::new(first_id, last_sequence) })
}

/// Says what there is to see.
fn tell(bridge: &Bridge, socket: &Address, place: &Place) {
    let page = bridge.address();
    let text = format!(
        "\nRingfence demo: a payment engine, and what is paid in a small town.\n\
         \n  page    http://{page}/\
         \n  API     http://{page}/openapi.json\
         \n  engine  {socket}\
         \n  data    {data}\n\
         \nTry it: an account, and a payment of 25 euros from the bank to the bakery.\n\
         \n  curl http://{page}/v1/accounts/101\
         \n  curl http://{page}/v1/transfers -H 'content-type: application/json' -d \\\
         \n    '{{\"id\":\"900000001\",\"debit_account_id\":\"1\",\"credit_account_id\":\"101\",\"amount\":\"2500\",\"ledger\":978,\"code\":1}}'\n\
         \nCtrl-C ends it.",
        data = place.described(),
    );
    // Where nobody reads it, the page is there all the same.
    drop(writeln!(std::io::stdout(), "{text}"));
}

/// Sends what happens in the town, until it is to stop.
fn live(mut sending: Sending, rate: u32, stop: &AtomicBool) -> Result<(), Failure> {
    let pause = Duration::from_secs(1) / rate;
    let mut next = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let command = sending.day.next_command();
        match sending.client.execute(&[command]) {
            Ok(_) => {}
            // It takes nothing more in.
            Err(_) if stop.load(Ordering::Relaxed) => break,
            Err(error) => return Err(Failure::operating(error)),
        }
        next = (next + pause).max(Instant::now() - Duration::from_secs(1));
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(())
}
