//! Where a replay or a run begins: behind a snapshot that is good, or with the first command.

use std::thread;

use super::ReplayError;
use ringfence_engine::Engine;
use ringfence_journal::{
    Anchor, DataDir, Fault, Files, JournalError, Key, Snapshot, SnapshotError,
};

/// An engine as a snapshot has it, and the place in the journal where it goes on.
pub struct Restored {
    /// The engine behind the snapshot's last command.
    pub engine: Engine,
    /// Where that command stands.
    pub anchor: Anchor,
}

/// The newest snapshot of at most `until` that is good, restored; `None` if there is none. With a
/// key only one that is sealed with it is good. What is wrong with newer ones goes to `note`.
///
/// # Errors
///
/// [`ReplayError`], if the directory cannot be read or there is not enough memory.
pub fn newest_snapshot(
    dir: &DataDir,
    until: u64,
    key: Option<Key>,
    mut note: impl FnMut(String),
) -> Result<Option<Restored>, ReplayError> {
    let sequences = ringfence_journal::snapshots(dir.files())?;
    let mut passed_over = false;
    for sequence in sequences.into_iter().rev().filter(|&sequence| sequence <= until) {
        match restore(dir.files(), sequence, key)? {
            Ok(restored) => {
                if passed_over {
                    note(format!("starting from the snapshot of sequence {sequence} instead"));
                }
                return Ok(Some(restored));
            }
            Err(reason) => {
                note(format!("passed over a snapshot: {reason}"));
                passed_over = true;
            }
        }
    }
    if passed_over {
        note("starting from the first command instead".to_owned());
    }
    Ok(None)
}

/// The oldest snapshot that is good and from which the journal can be read on, restored, where the
/// journal no longer goes back to the first command; `None` where it does.
///
/// # Errors
///
/// As [`newest_snapshot`].
pub fn oldest_snapshot_of_a_shortened_journal(
    dir: &DataDir,
    key: Option<Key>,
    mut note: impl FnMut(String),
) -> Result<Option<Restored>, ReplayError> {
    let first_segment = ringfence_journal::first_segment(dir.files())?.segment;
    if first_segment == 1 {
        return Ok(None);
    }
    for sequence in ringfence_journal::snapshots(dir.files())? {
        let header = Snapshot::open(dir.files(), sequence).map(|snapshot| *snapshot.header());
        if header.is_ok_and(|header| header.segment < first_segment) {
            continue;
        }
        match restore(dir.files(), sequence, key)? {
            Ok(restored) => {
                note(format!(
                    "segments before {first_segment} are retired: starting behind the snapshot of sequence {sequence}"
                ));
                return Ok(Some(restored));
            }
            Err(reason) => note(format!("passed over a snapshot: {reason}")),
        }
    }
    Ok(None)
}

/// Checks every snapshot in a directory as [`ringfence_journal::check_snapshots`] does, and that
/// the engine that comes of it has the digest that it should have. Gives their sequences, the
/// oldest first. One engine is held in memory at a time.
///
/// # Errors
///
/// [`ReplayError::Snapshot`] or [`ReplayError::Journal`] for the first damage; else as
/// [`newest_snapshot`].
pub fn check_snapshots(dir: &DataDir, key: Option<Key>) -> Result<Vec<u64>, ReplayError> {
    let sequences = ringfence_journal::check_snapshots(dir.files(), key)?;
    for &sequence in &sequences {
        let snapshot = Snapshot::open_with(dir.files(), sequence, key)?;
        let path = dir.files().path(&ringfence_journal::snapshot_name(sequence));
        match engine_of(&snapshot)? {
            Ok(engine) if engine.digest().0 == snapshot.header().digest => {}
            Ok(_) => {
                let (offset, fault) = (0, Fault::Digest);
                return Err(JournalError::Damaged { path, offset, fault }.into());
            }
            Err(SnapshotError::Journal(error)) => return Err(error.into()),
            Err(SnapshotError::Misfit(misfit)) => {
                return Err(ReplayError::Snapshot { path, misfit });
            }
        }
    }
    Ok(sequences)
}

/// The snapshot of `sequence`, restored, or what is wrong with it.
fn restore<F: Files + Sync>(
    files: &F,
    sequence: u64,
    key: Option<Key>,
) -> Result<Result<Restored, String>, ReplayError>
where
    F::File: Send,
{
    let opened = Snapshot::open_with(files, sequence, key);
    let journal_id = ringfence_journal::first_segment(files)?.journal_id;
    let own = opened.and_then(|own| own.check_identity(&journal_id).map(|()| own));
    let snapshot = match own {
        Ok(snapshot) => snapshot,
        Err(error) => return Ok(Err(error.to_string())),
    };
    match engine_of(&snapshot)? {
        Ok(engine) => Ok(Ok(Restored { engine, anchor: snapshot.header().anchor() })),
        Err(SnapshotError::Misfit(misfit)) => {
            let path = files.path(&ringfence_journal::snapshot_name(sequence));
            Ok(Err(ReplayError::Snapshot { path, misfit }.to_string()))
        }
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// The engine that a snapshot holds, or why it holds none.
///
/// # Errors
///
/// [`ReplayError`], if there is not enough memory.
pub fn engine_of<F: Files + Sync>(
    snapshot: &Snapshot<F>,
) -> Result<Result<Engine, SnapshotError>, ReplayError>
where
    F::File: Send,
{
    let header = snapshot.header();
    let (mut risk, mut settle, mut sessions) = Engine::new(&header.rules)?.into_parts();
    // The halves share nothing: each reads what it needs, side by side.
    let (risk_restored, settle_restored) = thread::scope(|scope| {
        let of_risk = scope.spawn(|| risk.restore(&mut snapshot.source()?));
        let of_settle = snapshot
            .source()
            .map_err(SnapshotError::from)
            .and_then(|mut source| settle.restore(header.event_timestamp, &mut source));
        (of_risk.join(), of_settle)
    });
    let risk_restored = risk_restored.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let sessions_restored = snapshot
        .source()
        .map_err(SnapshotError::from)
        .and_then(|mut source| sessions.restore(&mut source));
    let restored = risk_restored.and(settle_restored).and(sessions_restored);
    Ok(restored.map(|()| Engine::from_parts(risk, settle, sessions)))
}
