//! What a node goes on from: the journal, and the state that it gives back.

use std::path::Path;
use std::sync::Arc;

use crate::options::{Message, Report};
use crate::pipeline::{Journal, LateBell};
use crate::replay::{self, Remake, ReplayError, Replayer};
use crate::{NodeError, outcome_log};
use ringfence_engine::Engine;
use ringfence_journal::outcomes::{Keep, Log};
use ringfence_journal::{
    Backend, DataDir, Disk, Durability, Entry, Options, Rebuild, Recovered, Waker, Wanted, Writer,
};
use ringfence_types::Rules;

/// What a data directory holds.
pub(crate) struct Kept {
    pub(crate) engine: Engine,
    pub(crate) recovered: Recovered,
    /// The rules that are in force.
    pub(crate) rules: Rules,
    /// The outcome log, with an outcome for every command so far.
    pub(crate) log: Option<Log>,
}

/// Opens a directory to write, and says so if something faster is missing.
pub(crate) fn open_dir(
    path: &Path,
    journal_io: Option<Backend>,
    report: &mut Report,
) -> Result<DataDir, NodeError> {
    let dir = DataDir::open_with(path, journal_io)?;
    if let Some(shortcoming) = dir.shortcoming() {
        report(Message::Note(format!("{}: {shortcoming}", path.display())));
    }
    Ok(dir)
}

/// Recovers the state. With `log_keep` there is an outcome log, of which so much is kept: what it
/// lacks is put into it on the way.
pub(crate) fn recover(
    dir: &DataDir,
    wanted: &Wanted,
    options: &Options,
    log_keep: Option<Option<Keep>>,
    report: &mut Report,
) -> Result<Kept, NodeError> {
    let is_new = ringfence_journal::is_new(dir.files())?;
    let mut note = |note| report(Message::Note(note));
    let log = match log_keep {
        _ if is_new => None,
        Some(keep) => {
            let mut log = outcome_log::open(dir, options.key, &mut note)?;
            log.set_keep(keep);
            Some(log)
        }
        None => {
            outcome_log::check(dir, options.key)?;
            None
        }
    };
    // Where the log ends before the newest snapshot, the replay has to begin before that too.
    let until = log.as_ref().map_or(u64::MAX, Log::last_sequence);
    tracing::info!("start: looking for a snapshot");
    let mut begin = replay::newest_snapshot(dir, until, options.key, &mut note)?;
    if begin.is_none() && log.is_some() {
        begin = replay::oldest_snapshot_of_a_shortened_journal(dir, options.key, &mut note)?;
    }
    let anchor = begin.as_ref().map(|begin| begin.anchor);
    if let (Some(log), Some(anchor)) = (&log, &anchor)
        && log.last_sequence() < anchor.last_sequence
    {
        let (from, to) = (log.last_sequence() + 1, anchor.last_sequence);
        note(format!(
            "outcome log: outcomes {from} to {to} cannot be made again: the journal no longer reaches back so far"
        ));
    }
    let after = anchor.as_ref().map_or(0, |anchor| anchor.last_sequence);
    tracing::info!("start: bringing back what the journal holds after sequence {after}");
    let mut replayer = Replayer::starting(begin, Remake::new(log), u64::MAX);
    let mut rebuilding = Rebuilding { replayer: &mut replayer, failure: None, rules: None, report };
    let recovered =
        ringfence_journal::recover_after(dir, anchor.as_ref(), wanted, options, &mut rebuilding);
    let Rebuilding { failure, rules, .. } = rebuilding;
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    let recovered = recovered?;
    let (engine, remade) = replayer.into_parts();
    let engine = engine.expect("a recovered journal has rules");
    let mut log = remade.finish()?;
    if let Some(keep) = log_keep.filter(|_| is_new) {
        let new = log.insert(Log::new(dir.path(), recovered.position.journal_id));
        new.set_keep(keep);
    }
    if let Some(log) = &mut log {
        // From here on no outcome leaves before its command is on stable storage, or nobody knows.
        log.set_final(options.durability == Durability::Sync);
    }
    for note in &recovered.notes {
        report(Message::Note(note.clone()));
    }
    let rules = rules.expect("it began under rules");
    Ok(Kept { engine, recovered, rules, log })
}

/// Applies a journal's entries, up to the first that cannot be.
struct Rebuilding<'a> {
    replayer: &'a mut Replayer<Remake>,
    failure: Option<ReplayError>,
    /// The rules under which the journal goes on.
    rules: Option<Rules>,
    report: &'a mut Report,
}

impl Rebuild for Rebuilding<'_> {
    fn entry(&mut self, entry: Entry<'_>) {
        if self.failure.is_none() {
            self.failure = self.replayer.apply(&entry).err();
        }
        (self.report)(Message::Replayed(self.replayer.commands()));
    }

    fn begin(&mut self, rules: &Rules) -> bool {
        if self.failure.is_none() {
            self.failure = self.replayer.put_in_force(rules).err();
            self.rules = Some(*rules);
        }
        self.failure.is_none()
    }
}

/// The writer that goes on where `recovered` ends.
pub(crate) fn start_writer(
    dir: &DataDir,
    recovered: &Recovered,
    options: Options,
) -> Result<Journal<Disk>, NodeError> {
    let bell = LateBell::default();
    let rung = bell.clone();
    let waker: Waker = Arc::new(move || rung.ring());
    let writer = Writer::open(dir, recovered, options, &waker)?;
    tracing::info!("journal: {}", writer.describe());
    Ok(Journal { writer, bell })
}
