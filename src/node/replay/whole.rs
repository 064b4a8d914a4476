//! A replay from its beginning to its end.

use super::{
    ReplayError, Replayer, Restored, newest_snapshot, oldest_snapshot_of_a_shortened_journal,
};
use crate::options::{Message, Report};
use ringfence_engine::{Engine, OutcomeSink};
use ringfence_journal::{Anchor, DataDir, Key, Reader, Seals, Snapshot, Tail};

/// Where a replay begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At the newest good snapshot: for the state alone.
    Newest,
    /// At the first command, or, where segments are retired, at the oldest good snapshot from which
    /// the journal goes on: for outcomes.
    Oldest,
}

/// What is replayed.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Where it begins.
    pub begin: Begin,
    /// The last command that is wanted; `None`: all.
    pub until: Option<u64>,
    /// The journal's key; without it a keyed journal is checked by checksum only.
    pub key: Option<Key>,
}

/// What a replay gave.
pub struct Replayed<S> {
    /// The state after the last command.
    pub engine: Engine,
    /// What took the outcomes.
    pub sink: S,
    /// How many commands were applied.
    pub commands: u64,
    /// Sequence of the last command, 0 if there is none.
    pub last_sequence: u64,
    /// Timestamp of that command, in nanoseconds.
    pub last_timestamp: u64,
    /// What was proved of the journal's seals.
    pub seals: Seals,
    /// What stands behind the journal's end and was never acknowledged.
    pub tail: Option<Tail>,
    /// The replay stopped where it was told to, or before the linked chain that goes beyond that.
    pub is_done: bool,
}

/// Replays the journal in `dir` into `sink`, until the wish is met, the journal ends, or `gives_up`
/// says so. Nothing is written, and an engine that runs on the directory is not disturbed.
///
/// # Errors
///
/// [`ReplayError`]; [`ReplayError::Retired`] where the wish ends before what is still there.
pub fn replay<S: OutcomeSink>(
    dir: &DataDir,
    wish: Wish,
    sink: S,
    gives_up: impl Fn(&S) -> bool,
    report: &mut Report,
) -> Result<Replayed<S>, ReplayError> {
    let Wish { begin, until, key } = wish;
    let last = until.unwrap_or(u64::MAX);
    let note = |note| report(Message::Note(note));
    let start = match begin {
        Begin::Newest => newest_snapshot(dir, last, key, note)?,
        Begin::Oldest => oldest_snapshot_of_a_shortened_journal(dir, key, note)?,
    };
    let anchor = anchor_of(dir, &start, until)?;
    let mut replayer = Replayer::starting(start, sink, last);
    let mut reader = match &anchor {
        Some(anchor) => Reader::open_after(dir, anchor, key)?,
        None => Reader::open(dir, key)?,
    };
    while !replayer.is_done() && !gives_up(&replayer.sink) {
        let Some(entry) = reader.next_entry()? else { break };
        replayer.apply(&entry)?;
        report(Message::Replayed(replayer.commands()));
    }
    let (commands, is_done) = (replayer.commands(), replayer.is_done());
    let (last_sequence, last_timestamp) = replayer.last();
    let (engine, sink) = replayer.into_parts();
    Ok(Replayed {
        engine: engine.ok_or(ReplayError::NoRules)?,
        sink,
        commands,
        last_sequence,
        last_timestamp,
        seals: reader.seals(),
        tail: reader.tail().cloned(),
        is_done,
    })
}

/// Where the replay begins; refused where that is behind its end.
fn anchor_of(
    dir: &DataDir,
    start: &Option<Restored>,
    until: Option<u64>,
) -> Result<Option<Anchor>, ReplayError> {
    let anchor = start.as_ref().map(|start| start.anchor);
    let Some(until) = until else { return Ok(anchor) };
    let earliest = match &anchor {
        Some(anchor) => Some(anchor.last_sequence),
        None => earliest_kept(dir)?,
    };
    match earliest {
        Some(earliest) if earliest > until => Err(ReplayError::Retired { until, earliest }),
        // Where a snapshot is missing because it is damaged, reading on says so.
        _ => Ok(anchor),
    }
}

/// The first snapshot from which a journal whose first segment is retired goes on.
fn earliest_kept(dir: &DataDir) -> Result<Option<u64>, ReplayError> {
    let files = dir.files();
    let first = ringfence_journal::first_segment(files)?;
    if first.segment == 1 {
        return Ok(None);
    }
    let is_kept = |&sequence: &u64| {
        let snapshot = Snapshot::open(files, sequence);
        snapshot.is_ok_and(|snapshot| snapshot.header().segment >= first.segment)
    };
    Ok(ringfence_journal::snapshots(files)?.into_iter().find(is_kept))
}
