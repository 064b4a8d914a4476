//! `ringfence-bridge`: connects an engine with message brokers. See `ringfence-bridge --help`.
//!
//! ```text
//!   TOML file ──▶ sources and sinks, each a task ──▶ until SIGTERM, or until none is left
//! ```
//!
//! Sinks end after the sources, which wait for what sinks confirm. Where another bridge takes over
//! what one of the tasks had, all of them end.

mod protocols;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ringfence_bridge_core::{
    Config, Context, Failure, Metrics, Positions, Stop, Stopper, serve_http,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinError, JoinSet};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

use protocols::Runnable;

/// Messages are allocated on one thread and freed on another: about a quarter of the bridge's time
/// went into glibc's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connects a Ringfence payment engine with message brokers.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The configuration, a TOML file.
    #[arg(long, value_name = "FILE", global = true, env = "RINGFENCE_BRIDGE_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the bridge until it is stopped. The default.
    Run,
    /// Names every mistake in the configuration, and ends.
    Check,
}

/// Status where the configuration is wrong.
const MISCONFIGURED: u8 = 2;
/// Status where nothing is left to run and something has ended for good, or where another bridge
/// has taken something over.
const ENDED: u8 = 1;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(path) = arguments.config else {
        eprintln!("ringfence-bridge: --config FILE is missing");
        return ExitCode::from(MISCONFIGURED);
    };
    let (config, parts) = match read(&path) {
        Ok(read) => read,
        Err(mistakes) => {
            eprintln!("{mistakes}");
            return ExitCode::from(MISCONFIGURED);
        }
    };
    if let Some(Command::Check) = arguments.command {
        let count = parts.sources.len() + parts.sinks.len();
        println!("{}: {count} sources, sinks and servers, no mistake", path.display());
        return ExitCode::SUCCESS;
    }
    log();
    let runtime = tokio::runtime::Runtime::new();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(config, parts)),
        Err(error) => Err(Failure::last(error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tracing::error!("{failure}");
            ExitCode::from(ENDED)
        }
    }
}

/// What the configuration describes.
struct Parts {
    /// Sources, and what serves HTTP.
    sources: Vec<Runnable>,
    sinks: Vec<Runnable>,
}

/// Reads the file, and with it every table.
fn read(path: &Path) -> Result<(Config, Parts), String> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    let mut config = Config::parse(&shown, &text).map_err(|mistakes| mistakes.to_string())?;
    let sources = std::mem::take(&mut config.sources).into_iter();
    let sinks = std::mem::take(&mut config.sinks).into_iter();
    let sources = sources
        .filter_map(|(protocol, options, keys)| protocols::source(&protocol, options, keys))
        .chain(config.http.take().and_then(|keys| protocols::http(keys, config.drain)))
        .collect();
    let sinks = sinks
        .filter_map(|(protocol, options, keys)| protocols::sink(&protocol, options, keys))
        .collect();
    config.finish(&shown).map_err(|mistakes| mistakes.to_string())?;
    Ok((config, Parts { sources, sinks }))
}

/// Writes what the bridge itself says to standard error. What its libraries say is left out: they
/// call what the bridge expects an error, and show messages, which are payments.
fn log() {
    let own = Targets::new().with_target("ringfence", tracing::Level::INFO);
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .with_target(false)
        .log_internal_errors(false)
        .finish()
        .with(own);
    // It fails only where there is a log already.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Runs everything until a signal, or until nothing is left to run.
async fn run(config: Config, parts: Parts) -> Result<(), Failure> {
    let (stopper, stop) = Stopper::new();
    let (sink_stopper, sink_stop) = Stopper::new();
    let context = Context {
        engine: config.engine,
        positions: Positions::default(),
        metrics: Metrics::default(),
        stop: stop.clone(),
    };
    let mut tasks = Tasks {
        sources: JoinSet::new(),
        sinks: JoinSet::new(),
        stopper,
        sink_stopper,
        last: Ok(()),
        taken_over: None,
    };
    for source in parts.sources {
        tasks.sources.spawn(source(context.clone()));
    }
    for sink in parts.sinks {
        tasks.sinks.spawn(sink(Context { stop: sink_stop.clone(), ..context.clone() }));
    }
    let monitoring = config.metrics.map(|address| tokio::spawn(serve_http(address, context)));
    let ended = tasks.wait(stop).await;
    if let Some(task) = monitoring {
        match task.await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return Err(failure),
            Err(error) => return Err(Failure::last(error)),
        }
    }
    ended
}

/// Everything that runs, and how to stop it.
struct Tasks {
    sources: JoinSet<Result<(), Failure>>,
    sinks: JoinSet<Result<(), Failure>>,
    stopper: Stopper,
    sink_stopper: Stopper,
    /// How the last one ended that did not end in order.
    last: Result<(), Failure>,
    /// Why another bridge goes on in place of this one.
    taken_over: Option<Failure>,
}

impl Tasks {
    /// Waits until all have ended; asks them to at SIGTERM and SIGINT, and when another bridge has
    /// taken over what one of them had.
    async fn wait(mut self, mut stop: Stop) -> Result<(), Failure> {
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::last)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::last)?;
        while !self.sources.is_empty() || !self.sinks.is_empty() {
            if self.sources.is_empty() && stop.is_asked() {
                self.sink_stopper.stop();
            }
            tokio::select! {
                _ = terminate.recv() => self.stopper.stop(),
                _ = interrupt.recv() => self.stopper.stop(),
                Some(ended) = self.sources.join_next() => self.note(ended),
                Some(ended) = self.sinks.join_next() => self.note(ended),
            }
        }
        self.stopper.stop();
        // Monitoring ends too.
        stop.asked().await;
        match self.taken_over {
            Some(why) => Err(Failure::last(format!("another bridge goes on in its place: {why}"))),
            None => self.last,
        }
    }

    fn note(&mut self, ended: Result<Result<(), Failure>, JoinError>) {
        let failure = match ended {
            Ok(Ok(())) => return,
            Ok(Err(failure)) => failure,
            Err(error) => Failure::last(error),
        };
        if failure.is_taken_over() && self.taken_over.is_none() {
            self.taken_over = Some(failure.clone());
            self.stopper.stop();
            self.sink_stopper.stop();
        }
        self.last = Err(failure);
    }
}
