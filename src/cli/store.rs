//! What a run goes on from: the journal, and the state that it gives back.

use std::path::Path;
use std::sync::Arc;

use super::options::{EngineOptions, JournaledOptions};
use super::{Failure, progress::Progress};
use crate::engine::Engine;
use crate::journal::{
    self, DataDir, Directory, Durability, Options, Recovered, Threaded, Waker, Wanted, Writer,
};
use crate::pipeline::{Journal, LateBell};
use crate::replay::{self, Discard, Replayer, Restored};
use crate::types::Capacities;

/// The state to go on from, and the journal to go on with.
pub(super) struct Store {
    pub engine: Engine,
    pub journal: Option<Journal<Threaded<Directory>>>,
    pub last_sequence: u64,
    pub last_timestamp: u64,
    /// Holds the lock of the data directory.
    pub dir: Option<DataDir>,
}

impl JournaledOptions {
    fn wanted(&self) -> Wanted {
        Wanted {
            accounts: self.accounts,
            transfers: self.transfers,
            policies: self.policies,
            retention_ns: self.retention.map(|retention| retention.as_nanos() as u64),
            ..Wanted::default()
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
        let engine =
            Engine::new(&journal::rules_of_a_new_journal(&wanted)).map_err(Failure::operating)?;
        return Ok(Store { engine, journal: None, last_sequence: 0, last_timestamp: 0, dir: None });
    };
    let options = Options {
        segment_bytes: engine.segment_bytes,
        durability: engine.durability.into(),
        key: engine.key.read()?,
    };
    let dir = DataDir::open(path).map_err(Failure::operating)?;
    let begin = newest_snapshot(&dir)?;
    let anchor = begin.as_ref().map(|begin| begin.anchor);
    let mut replayer = Replayer::starting(begin, Discard, u64::MAX);
    let mut progress = Progress::new();
    let mut refused = None;
    let recovered = journal::recover_after(&dir, anchor.as_ref(), &wanted, &options, |entry| {
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
    for note in &recovered.notes {
        eprintln!("ringfence: {note}");
    }
    let engine = replayer.into_parts().0.expect("a recovered journal has rules");
    let journal = start(&dir, &recovered, options)?;
    Ok(Store {
        engine,
        journal: Some(journal),
        last_sequence: recovered.last_sequence,
        last_timestamp: recovered.last_timestamp,
        dir: Some(dir),
    })
}

/// The newest good snapshot, if there is a journal with one.
fn newest_snapshot(dir: &DataDir) -> Result<Option<Restored>, Failure> {
    let say = |note| eprintln!("ringfence: {note}");
    replay::newest_snapshot(dir, u64::MAX, say).map_err(Failure::operating)
}

fn start(
    dir: &DataDir,
    recovered: &Recovered,
    options: Options,
) -> Result<Journal<Threaded<Directory>>, Failure> {
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
) -> Result<(DataDir, Journal<Threaded<Directory>>), Failure> {
    let options = Options { segment_bytes, durability, key: None };
    let dir = DataDir::open(path).map_err(Failure::operating)?;
    let wanted = Wanted {
        accounts: Some(capacities.accounts),
        transfers: Some(capacities.transfers),
        ..Wanted::default()
    };
    let recovered =
        journal::recover(&dir, &wanted, &options, |_| {}).map_err(Failure::operating)?;
    if recovered.last_sequence > 0 {
        let text =
            format!("{} holds commands already: a bench needs a new journal", path.display());
        return Err(Failure::Usage(text));
    }
    let journal = start(&dir, &recovered, options)?;
    Ok((dir, journal))
}
