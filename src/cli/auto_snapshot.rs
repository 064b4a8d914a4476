//! Snapshots that `ringfence run` has made by itself.
//!
//! ```text
//!   run ── thread ──▶ `ringfence snapshot`, one at a time ──▶ log, metrics, `status`
//!            ▲ looks four times a second whether one is due
//! ```
//!
//! # Invariants
//!
//! * A snapshot is made by a process of its own: whatever becomes of it, the engine goes on.
//! * The process is this program, also where its file has been replaced meanwhile.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use serde::Deserialize;

use super::Failure;
use super::service::SOCKET_VARIABLE;
use super::snapshot::keep;
use ringfence_journal::{Archive, DataDir, snapshot_name, snapshots};
use ringfence_node::Clock;
use ringfence_node::counters::{Counters, SnapshotsReading};

/// How often it is looked whether a snapshot is due, and whether one has ended.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// After one that failed the next begins no sooner.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// When snapshots are made, and what is kept.
#[derive(Debug, Args)]
pub(super) struct SnapshotOptions {
    /// Write a snapshot after so long, such as 1h, or after so many commands, such as 1000000: by a
    /// process of its own, which needs as much memory as the tables take [default: never]
    #[arg(long, env = "RINGFENCE_SNAPSHOT_EVERY", value_name = "DURATION|COMMANDS", value_parser = every)]
    snapshot_every: Option<Every>,
    /// Delete all but the newest N snapshots (at least 2), and the segments that the second-newest
    /// covers [default: keep all]
    #[arg(long, env = "RINGFENCE_SNAPSHOT_KEEP", value_name = "N", requires = "snapshot_every", value_parser = keep)]
    snapshot_keep: Option<usize>,
    /// Move to this directory, which must exist, what --snapshot-keep would delete; nothing there
    /// is replaced
    #[arg(long, env = "RINGFENCE_ARCHIVE", value_name = "DIR", requires = "snapshot_keep")]
    archive: Option<PathBuf>,
}

/// `--snapshot-every`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Every {
    Time(Duration),
    Commands(u64),
}

fn every(text: &str) -> Result<Every, String> {
    if let Ok(commands) = text.parse() {
        return match commands {
            1.. => Ok(Every::Commands(commands)),
            0 => Err("must be at least 1 command".to_owned()),
        };
    }
    match humantime::parse_duration(text) {
        Ok(time) if time >= Duration::from_secs(1) => Ok(Every::Time(time)),
        Ok(_) => Err("must be at least 1s".to_owned()),
        Err(_) => Err("must be a duration such as 1h, or a number of commands".to_owned()),
    }
}

/// What became of the snapshots.
#[derive(Debug, Default)]
pub(super) struct SnapshotGauges(Mutex<SnapshotsReading>);

impl SnapshotGauges {
    pub(super) fn reading(&self) -> SnapshotsReading {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut SnapshotsReading)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Has snapshots made until it is dropped. One that is being made then is given up.
pub(super) struct AutoSnapshot {
    gauges: Arc<SnapshotGauges>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl AutoSnapshot {
    /// Begins, if snapshots are asked for, on the journal in `data_dir`, whose key is in `key`.
    pub(super) fn begin(
        options: &SnapshotOptions,
        data_dir: &Path,
        key: Option<&Path>,
        counters: Arc<Counters>,
    ) -> Result<Option<AutoSnapshot>, Failure> {
        let Some(every) = options.snapshot_every else { return Ok(None) };
        let dir = DataDir::open_to_read(data_dir).map_err(Failure::operating)?;
        if let Some(archive) = &options.archive {
            // A wrong one is an error now, and not in an hour.
            Archive::open(archive, &dir).map_err(Failure::operating)?;
        }
        let last = Last::find(&dir)?;
        let gauges = Arc::new(SnapshotGauges::default());
        gauges.change(|all| {
            (all.last_sequence, all.last_made_ns) = (last.sequence, last.made_ns);
        });
        let stop = Arc::new(AtomicBool::new(false));
        let mut maker = Maker {
            arguments: arguments(options, data_dir, key),
            every,
            counters,
            gauges: Arc::clone(&gauges),
            stop: Arc::clone(&stop),
            covered: last.sequence,
            due_from: match every {
                Every::Time(time) => Instant::now() + time.saturating_sub(last.age),
                Every::Commands(_) => Instant::now(),
            },
        };
        let named = thread::Builder::new().name("ringfence-snapshots".to_owned());
        let thread = named.spawn(move || maker.run()).map_err(Failure::operating)?;
        Ok(Some(AutoSnapshot { gauges, stop, thread: Some(thread) }))
    }

    pub(super) fn gauges(&self) -> Arc<SnapshotGauges> {
        Arc::clone(&self.gauges)
    }
}

impl Drop for AutoSnapshot {
    fn drop(&mut self) {
        // Relaxed: the flag carries nothing but itself.
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

/// What the process is told: all of it on the command line, nothing by the environment.
fn arguments(options: &SnapshotOptions, data_dir: &Path, key: Option<&Path>) -> Vec<PathBuf> {
    let mut arguments = vec!["snapshot".into(), "--data-dir".into(), data_dir.to_owned()];
    if let Some(keep) = options.snapshot_keep {
        arguments.extend(["--keep".into(), keep.to_string().into()]);
    }
    for (name, path) in [("--archive", options.archive.as_deref()), ("--journal-key", key)] {
        arguments.extend(path.into_iter().flat_map(|path| [name.into(), path.to_owned()]));
    }
    arguments
}

/// The newest snapshot that is there at the start.
struct Last {
    sequence: u64,
    made_ns: u64,
    age: Duration,
}

impl Last {
    /// Where there is none, the age is that of nothing: the first is due after the whole time.
    fn find(dir: &DataDir) -> Result<Last, Failure> {
        let found = snapshots(dir.files()).map_err(Failure::operating)?;
        let Some(&sequence) = found.last() else {
            return Ok(Last { sequence: 0, made_ns: 0, age: Duration::ZERO });
        };
        let metadata = std::fs::metadata(dir.path().join(snapshot_name(sequence)));
        let made = metadata.and_then(|it| it.modified()).map_err(Failure::operating)?;
        let since_epoch = made.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let age = made.elapsed().unwrap_or_default();
        Ok(Last { sequence, made_ns: since_epoch.as_nanos() as u64, age })
    }
}

/// The thread.
struct Maker {
    arguments: Vec<PathBuf>,
    every: Every,
    counters: Arc<Counters>,
    gauges: Arc<SnapshotGauges>,
    stop: Arc<AtomicBool>,
    /// Sequence up to which the last snapshot covers what was taken in.
    covered: u64,
    /// The next begins no sooner.
    due_from: Instant,
}

impl Maker {
    fn run(&mut self) {
        while !self.stops() {
            thread::park_timeout(LOOK_EVERY);
            if self.is_due() {
                self.make();
            }
        }
    }

    fn stops(&self) -> bool {
        // Relaxed: the flag carries nothing but itself.
        self.stop.load(Ordering::Relaxed)
    }

    fn is_due(&self) -> bool {
        let more = self.counters.sequence().saturating_sub(self.covered);
        let enough = match self.every {
            Every::Time(_) => 1,
            Every::Commands(commands) => commands,
        };
        more >= enough && Instant::now() >= self.due_from
    }

    /// Has one made, and says how that ended.
    fn make(&mut self) {
        let (begun, sequence) = (Instant::now(), self.counters.sequence());
        self.gauges.change(|all| all.is_running = true);
        let ended = self.run_process();
        let took = begun.elapsed();
        self.gauges.change(|all| all.is_running = false);
        let wait = match ended {
            Ok(Ended::Stopped) => {
                tracing::info!("the snapshot that was being made is given up: the engine stops");
                return;
            }
            Ok(ended) => {
                self.covered = sequence;
                self.tell(&ended, took);
                match self.every {
                    Every::Time(time) => time,
                    Every::Commands(_) => Duration::ZERO,
                }
            }
            Err(why) => {
                self.gauges.change(|all| all.failed += 1);
                let again = humantime::format_duration(AFTER_FAILURE);
                tracing::error!("no snapshot was made: {why}; it is tried again in {again}");
                AFTER_FAILURE
            }
        };
        self.due_from = begun + wait.max(LOOK_EVERY);
    }

    fn tell(&self, ended: &Ended, took: Duration) {
        let Ended::Made(made) = ended else {
            self.gauges.change(|all| all.nothing_new += 1);
            tracing::info!("no snapshot was made: nothing more is durable");
            return;
        };
        let (sequence, bytes) = (made.last_sequence, made.file_bytes);
        self.gauges.change(|all| {
            all.made += 1;
            (all.last_sequence, all.last_bytes) = (sequence, bytes);
            (all.last_took_ns, all.last_made_ns) =
                (took.as_nanos() as u64, Clock::System.read_ns());
        });
        let took = humantime::format_duration(Duration::from_millis(took.as_millis() as u64));
        tracing::info!("made a snapshot of sequence {sequence} in {took}: {bytes} bytes");
    }

    fn run_process(&self) -> Result<Ended, String> {
        let program = program()?;
        let mut command = Command::new(&program);
        // The service manager is to hear of the engine alone.
        command.env_remove(SOCKET_VARIABLE);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RINGFENCE_") {
                command.env_remove(name);
            }
        }
        command.args(&self.arguments).stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("starting {} snapshot: {error}", program.display()))?;
        let said = child.stderr.take().expect("it is piped");
        let last_said = thread::spawn(move || relay(said));
        let ended = self.wait(&mut child);
        // It ends when the process does.
        let last_said = last_said.join().unwrap_or_default();
        let Some(status) = ended? else { return Ok(Ended::Stopped) };
        let mut line = String::new();
        let printed = child.stdout.take().expect("it is piped").read_to_string(&mut line);
        printed.map_err(|error| format!("reading what it printed: {error}"))?;
        outcome(status, &line, &last_said)
    }

    /// How the process ended; `None` if the engine stops, and it was ended for that.
    fn wait(&self, child: &mut Child) -> Result<Option<ExitStatus>, String> {
        loop {
            let waited = child.try_wait().map_err(|error| format!("waiting for it: {error}"))?;
            if waited.is_some() {
                return Ok(waited);
            }
            if self.stops() {
                // What it has written has no name by which it would be taken for a snapshot.
                drop(child.kill());
                drop(child.wait());
                return Ok(None);
            }
            thread::park_timeout(LOOK_EVERY);
        }
    }
}

/// This program, where the system can say so also if its file has been replaced.
fn program() -> Result<PathBuf, String> {
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }
    std::env::current_exe().map_err(|error| format!("looking for this program: {error}"))
}

/// How a process ended.
enum Ended {
    Made(Made),
    NothingNew,
    Stopped,
}

/// What it printed; see [`super::snapshot`].
#[derive(Deserialize)]
struct Made {
    #[serde(deserialize_with = "number")]
    last_sequence: u64,
    #[serde(deserialize_with = "number")]
    file_bytes: u64,
}

fn number<'de, D: serde::Deserializer<'de>>(source: D) -> Result<u64, D::Error> {
    String::deserialize(source)?.parse().map_err(serde::de::Error::custom)
}

fn outcome(status: ExitStatus, printed: &str, last_said: &str) -> Result<Ended, String> {
    if !status.success() {
        return Err(Died { status, last_said }.to_string());
    }
    if printed.trim().is_empty() {
        return Ok(Ended::NothingNew);
    }
    let made = serde_json::from_str(printed).map_err(|error| format!("{printed}: {error}"))?;
    Ok(Ended::Made(made))
}

/// A process that failed.
struct Died<'a> {
    status: ExitStatus,
    last_said: &'a str,
}

impl fmt::Display for Died<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last_said {
            "" => write!(f, "{}", self.status),
            said => write!(f, "{}: {said}", self.status),
        }
    }
}

/// Logs what the process says; the last line of it.
fn relay(said: impl Read) -> String {
    let mut last = String::new();
    for line in BufReader::new(said).lines().map_while(Result::ok) {
        let line = line.strip_prefix("ringfence: ").unwrap_or(&line);
        tracing::info!("snapshot: {line}");
        line.clone_into(&mut last);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_of_commands_and_a_number_with_a_unit_is_a_time() {
        assert_eq!(every("1000000"), Ok(Every::Commands(1_000_000)));
        assert_eq!(every("90m"), Ok(Every::Time(Duration::from_secs(5_400))));
        for wrong in ["0", "10ms", "-1", "often", ""] {
            assert!(every(wrong).is_err(), "{wrong}");
        }
    }
}
