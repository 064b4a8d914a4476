//! What a running engine shows of itself: the counters file, metrics over HTTP, warnings of tables
//! that fill.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::auto_snapshot::SnapshotGauges;
use super::service::Service;
use super::{Failure, node};
use ringfence_journal::{Directory, Files};
use ringfence_node::Clock;
use ringfence_node::History;
use ringfence_node::counters::{Counters, CountersFile, LogReading, Reading, State, TableReading};
use ringfence_node::publish::LogGauges;
use ringfence_server::door::Traffic;
use ringfence_server::metrics::MetricsServer;
use ringfence_server::subscription::Subscriptions;
use ringfence_types::NANOSECONDS_PER_SECOND;

/// How often the file is written.
const EVERY: Duration = Duration::from_millis(250);
/// Shares of a table, in percent, at which it is warned of.
const WARNED_AT: [u64; 2] = [80, 95];

/// What there is to show once the engine is open.
pub(super) struct Opened {
    pub history: History,
    /// The files of the data directory.
    pub dir: Directory,
    pub log: Option<LogGauges>,
    pub traffic: Arc<Traffic>,
    pub connections_max: u64,
    pub subscriptions: Weak<Subscriptions>,
    pub snapshots: Option<Arc<SnapshotGauges>>,
    /// Set once the engine is to stop.
    pub stop: Arc<AtomicBool>,
}

/// All that can be looked at.
struct Sources {
    counters: Arc<Counters>,
    opened: OnceLock<Opened>,
    started_ns: u64,
    /// Set once the engine takes commands, until the service manager is told.
    is_ready: AtomicBool,
}

/// Shows an engine's numbers until it is dropped.
pub(super) struct Shown {
    sources: Arc<Sources>,
    metrics: Option<MetricsServer>,
    writing: Option<(Arc<AtomicBool>, JoinHandle<CountersFile>)>,
}

impl Shown {
    /// Answers at `metrics`, if that is given, from now on: the engine is not open yet.
    pub(super) fn begin(
        counters: Arc<Counters>,
        metrics: Option<SocketAddr>,
    ) -> Result<Shown, Failure> {
        let sources = Arc::new(Sources {
            counters,
            opened: OnceLock::new(),
            started_ns: Clock::System.read_ns(),
            is_ready: AtomicBool::new(false),
        });
        let looked_at = Arc::clone(&sources);
        let metrics = metrics
            .map(|address| MetricsServer::start(address, move || looked_at.reading()))
            .transpose()
            .map_err(Failure::operating)?;
        if let Some(server) = &metrics {
            tell!("ringfence: metrics on http://{}/metrics", server.address());
        }
        Ok(Shown { sources, metrics, writing: None })
    }

    /// Shows what has been opened too, and writes the counters file in `dir`, which is locked.
    /// `service` is told how the engine is.
    pub(super) fn opened(
        &mut self,
        dir: &Path,
        opened: Opened,
        service: Service,
    ) -> Result<(), Failure> {
        let failed = |error| {
            Failure::Operating(format!("writing the counters in {}: {error}", dir.display()))
        };
        assert!(self.sources.opened.set(opened).is_ok(), "an engine is opened once");
        let mut file = CountersFile::open(dir).map_err(failed)?;
        file.write(&self.sources.reading()).map_err(failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (sources, stopped) = (Arc::clone(&self.sources), Arc::clone(&stop));
        let named = thread::Builder::new().name("ringfence-show".to_owned());
        let thread =
            named.spawn(move || write(file, &sources, service, &stopped)).map_err(failed)?;
        self.writing = Some((stop, thread));
        Ok(())
    }

    /// Says that the engine takes commands.
    pub(super) fn ready(&self) {
        // Relaxed: the flag carries nothing but itself.
        self.sources.is_ready.store(true, Ordering::Relaxed);
        if let Some((_, thread)) = &self.writing {
            thread.thread().unpark();
        }
    }

    /// Shows how the engine has ended.
    pub(super) fn end(mut self, state: State) {
        if let Some(mut file) = self.end_writing() {
            let reading = Reading { state, ..self.sources.reading() };
            // Nobody relies on the file.
            drop(file.write(&reading));
        }
    }

    fn end_writing(&mut self) -> Option<CountersFile> {
        let (stop, thread) = self.writing.take()?;
        // Relaxed: the flag carries nothing but itself.
        stop.store(true, Ordering::Relaxed);
        thread.thread().unpark();
        thread.join().ok()
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.end_writing();
        self.metrics = None;
    }
}

impl Sources {
    fn reading(&self) -> Reading {
        let opened = self.opened.get();
        let state = match opened {
            None => State::Starting,
            Some(opened) if opened.stop.load(Ordering::Relaxed) => State::Stopping,
            Some(_) => State::Ready,
        };
        let log = opened.and_then(|it| it.log.as_ref()).map(|log| LogReading {
            first_sequence: log.first.get(),
            last_sequence: log.logged.get(),
        });
        let history = opened.map(|it| it.history).unwrap_or_default();
        let mut reading = self.counters.reading(history, log, state);
        reading.started_ns = self.started_ns;
        reading.server = opened.map(|it| {
            let mut server = it.traffic.reading(it.connections_max);
            if let Some(all) = it.subscriptions.upgrade() {
                server.subscriptions = all.count() as u64;
                server.subscription_lags = all.lags();
            }
            server
        });
        reading.disk_free_bytes = opened.and_then(|it| it.dir.free_bytes());
        reading.snapshots = opened.and_then(|it| Some(it.snapshots.as_ref()?.reading()));
        (reading.resident_bytes, reading.cpu_ns) = (node::resident_bytes(), cpu_ns());
        reading
    }
}

/// Writes the file until it is told to stop.
fn write(
    mut file: CountersFile,
    sources: &Sources,
    mut service: Service,
    stop: &AtomicBool,
) -> CountersFile {
    let mut warned = Warned::default();
    let mut has_failed = false;
    loop {
        thread::park_timeout(EVERY);
        // Relaxed: the flag carries nothing but itself.
        if stop.load(Ordering::Relaxed) {
            return file;
        }
        let has_become_ready = sources.is_ready.swap(false, Ordering::Relaxed);
        let reading = sources.reading();
        for text in warned.look(&reading.tables) {
            tracing::warn!("{text}");
        }
        match file.write(&reading) {
            Ok(()) => has_failed = false,
            Err(error) => {
                if !has_failed {
                    tracing::warn!("{}: writing the counters: {error}", file.path().display());
                }
                has_failed = true;
            }
        }
        // After the file: who waits for the service finds there that it is ready.
        if has_become_ready {
            service.ready();
        }
        service.look(reading.state == State::Stopping);
    }
}

/// Remembers of which tables was warned.
#[derive(Default)]
struct Warned {
    /// Name of a table, and how many of the shares it has reached.
    tables: Vec<(String, usize)>,
}

impl Warned {
    /// What there is to say of tables that have become fuller.
    fn look(&mut self, tables: &[TableReading]) -> Vec<String> {
        let mut said = Vec::new();
        for table in tables.iter().filter(|table| table.capacity > 0) {
            let percent = table.used * 100 / table.capacity;
            let reached = WARNED_AT.iter().filter(|&&at| percent >= at).count();
            let found = self.tables.iter().position(|(name, _)| *name == table.name);
            let index = found.unwrap_or_else(|| {
                self.tables.push((table.name.clone(), 0));
                self.tables.len() - 1
            });
            let before = std::mem::replace(&mut self.tables[index].1, reached);
            if reached > before {
                let TableReading { name, used, capacity } = table;
                said.push(format!(
                    "the table of {name} is {percent} % full: {used} of {capacity}; when it is full, \
                     new ones are refused; {}",
                    remedy(name)
                ));
            }
        }
        said
    }
}

/// What gives a table more places.
fn remedy(name: &str) -> String {
    match name {
        "accounts" | "transfers" | "markets" | "orders" => {
            format!("`ringfence grow --{name} N` gives it more places while the engine runs")
        }
        _ => format!("--{name} gives it more places at the next start"),
    }
}

/// Time on a processor, in nanoseconds.
fn cpu_ns() -> u64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    used.tv_sec as u64 * NANOSECONDS_PER_SECOND + used.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_warned_of_once_at_each_share_and_again_after_it_had_more_room() {
        let mut warned = Warned::default();
        let mut look = |used, capacity| {
            let name = "transfers".to_owned();
            warned.look(&[TableReading { name, used, capacity }]).len()
        };
        //  used, capacity, warnings
        let steps = [(0, 0, 0), (79, 100, 0), (80, 100, 1), (90, 100, 0), (96, 100, 1)];
        let more = [(100, 100, 0), (100, 1_000, 0), (960, 1_000, 1), (961, 1_000, 0)];
        for (used, capacity, warnings) in steps.into_iter().chain(more) {
            assert_eq!(look(used, capacity), warnings, "{used} of {capacity}");
        }
    }
}
