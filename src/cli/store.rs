//! What a run goes on from: the journal, and the state that it gives back.

use std::path::Path;
use std::sync::Arc;

use super::options::{EngineOptions, JournaledOptions};
use super::outcome_log::Remake;
use super::{Failure, progress::Progress};
use ringfence_engine::Engine;
use ringfence_journal::outcomes::Log;
use ringfence_journal::{
    Backend, DataDir, Disk, Durability, Options, Recovered, Waker, Wanted, Writer,
};
use ringfence_node::pipeline::{Journal, LateBell};
use ringfence_node::replay::{self, Replayer};
use ringfence_types::Capacities;

/// The state to go on from, and the journal to go on with.
pub(super) struct Store {
    pub engine: Engine,
    pub journal: Option<Journal<Disk>>,
    pub last_sequence: u64,
    pub last_timestamp: u64,
    /// The outcome log, with an outcome for every command so far.
    pub log: Option<Log>,
    /// Holds the lock of the data directory.
    pub dir: Option<DataDir>,
}

impl JournaledOptions {
    fn wanted(&self) -> Wanted {
        Wanted {
            accounts: self.accounts,
            transfers: self.transfers,
            policies: self.policies,
            markets: self.markets,
            orders: self.orders,
            retention_ns: self.retention.map(|retention| retention.as_nanos() as u64),
        }
    }
}

/// Recovers the journal in `data_dir`, or sets up an engine that keeps nothing.
pub(super) fn open(
    data_dir: Option<&Path>,
    journaled: &JournaledOptions,
    engine: &EngineOptions,
) -> Result<Store, Failure> {
    let wanted = journaled.wanted();
    let Some(path) = data_dir else {
        if engine.outcome_log {
            return Err(Failure::Usage("--outcome-log needs --data-dir".to_owned()));
        }
        let engine = Engine::new(&ringfence_journal::rules_of_a_new_journal(&wanted))
            .map_err(Failure::operating)?;
        let (journal, log, dir) = (None, None, None);
        return Ok(Store { engine, journal, last_sequence: 0, last_timestamp: 0, log, dir });
    };
    let options = Options {
        segment_bytes: engine.segment_bytes,
        durability: engine.durability.into(),
        key: engine.key.read()?,
    };
    let dir = open_dir(path, engine.journal_io)?;
    let (engine, recovered, log) = recover(&dir, &wanted, &options, engine.outcome_log)?;
    for note in &recovered.notes {
        say(note);
    }
    let journal = start(&dir, &recovered, options)?;
    Ok(Store {
        engine,
        journal: Some(journal),
        last_sequence: recovered.last_sequence,
        last_timestamp: recovered.last_timestamp,
        log,
        dir: Some(dir),
    })
}

/// Recovers the state, and with `keeps_log` puts what the outcome log lacks into it on the way.
fn recover(
    dir: &DataDir,
    wanted: &Wanted,
    options: &Options,
    keeps_log: bool,
) -> Result<(Engine, Recovered, Option<Log>), Failure> {
    let is_new = ringfence_journal::is_new(dir.files()).map_err(Failure::operating)?;
    let log = if keeps_log && !is_new {
        let first = ringfence_journal::first_segment(dir.files()).map_err(Failure::operating)?;
        Some(open_log(dir, first.journal_id, u64::MAX)?)
    } else {
        None
    };
    // Where the log ends before the newest snapshot, the replay has to begin before that too.
    let until = log.as_ref().map_or(u64::MAX, Log::last_sequence);
    let mut begin = replay::newest_snapshot(dir, until, say).map_err(Failure::operating)?;
    if begin.is_none() && log.is_some() {
        begin =
            replay::oldest_snapshot_of_a_shortened_journal(dir, say).map_err(Failure::operating)?;
    }
    let anchor = begin.as_ref().map(|begin| begin.anchor);
    let mut replayer = Replayer::starting(begin, Remake::new(log), u64::MAX);
    let mut progress = Progress::new();
    let mut refused = None;
    let recovered =
        ringfence_journal::recover_after(dir, anchor.as_ref(), wanted, options, |entry| {
            if refused.is_none() {
                refused = replayer.apply(&entry).err();
            }
            progress.tick(replayer.commands());
        })
        .map_err(Failure::operating)?;
    progress.finish();
    if let Some(error) = refused {
        return Err(Failure::operating(error));
    }
    let (engine, remade) = replayer.into_parts();
    let engine = engine.expect("a recovered journal has rules");
    let mut log = remade.finish().map_err(Failure::operating)?;
    if log.as_ref().is_some_and(|log| log.last_sequence() > recovered.last_sequence) {
        // Without --durability sync outcomes may have left whose commands a power cut took.
        drop(log);
        open_log(dir, recovered.position.journal_id, recovered.last_sequence)?;
        return recover(dir, wanted, options, keeps_log);
    }
    if keeps_log && is_new {
        log = Some(open_log(dir, recovered.position.journal_id, 0)?);
    }
    Ok((engine, recovered, log))
}

fn open_log(dir: &DataDir, journal_id: [u8; 16], last_sequence: u64) -> Result<Log, Failure> {
    Log::open(dir.path(), journal_id, last_sequence, say).map_err(Failure::operating)
}

fn say(note: impl std::fmt::Display) {
    tell!("ringfence: {note}");
}

/// Opens a directory to write, and says so if something faster is missing.
fn open_dir(path: &Path, journal_io: Option<Backend>) -> Result<DataDir, Failure> {
    let dir = DataDir::open_with(path, journal_io).map_err(Failure::operating)?;
    if let Some(shortcoming) = dir.shortcoming() {
        tell!("ringfence: {}: {shortcoming}", path.display());
    }
    Ok(dir)
}

fn start(dir: &DataDir, recovered: &Recovered, options: Options) -> Result<Journal<Disk>, Failure> {
    let bell = LateBell::default();
    let rung = bell.clone();
    let waker: Waker = Arc::new(move || rung.ring());
    let writer = Writer::open(dir, recovered, options, &waker).map_err(Failure::operating)?;
    tracing::info!("journal: {}", writer.describe());
    Ok(Journal { writer, bell })
}

/// A new journal in `path`, for tables of these capacities, with the lock on its directory.
pub(super) fn create_new(
    path: &Path,
    capacities: Capacities,
    durability: Durability,
    segment_bytes: u64,
    journal_io: Option<Backend>,
) -> Result<(DataDir, Journal<Disk>), Failure> {
    let options = Options { segment_bytes, durability, key: None };
    let dir = open_dir(path, journal_io)?;
    let wanted = Wanted {
        accounts: Some(capacities.accounts),
        transfers: Some(capacities.transfers),
        markets: Some(capacities.markets),
        orders: Some(capacities.orders),
        ..Wanted::default()
    };
    let recovered =
        ringfence_journal::recover(&dir, &wanted, &options, |_| {}).map_err(Failure::operating)?;
    if recovered.last_sequence > 0 {
        let text =
            format!("{} holds commands already: a bench needs a new journal", path.display());
        return Err(Failure::Usage(text));
    }
    let journal = start(&dir, &recovered, options)?;
    Ok((dir, journal))
}
