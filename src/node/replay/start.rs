//! Where a replay or a run begins: behind a snapshot that is good, or with the first command.

use std::thread;

use super::ReplayError;
use ringfence_engine::Engine;
use ringfence_journal::{Anchor, DataDir, Files, Snapshot, SnapshotError};

/// An engine as a snapshot has it, and the place in the journal where it goes on.
pub struct Restored {
    /// The engine behind the snapshot's last command.
    pub engine: Engine,
    /// Where that command stands.
    pub anchor: Anchor,
}

/// The newest snapshot of at most `until` that is good, restored; `None` if there is none. What is
/// wrong with newer ones goes to `note`.
///
/// # Errors
///
/// [`ReplayError`], if the directory cannot be read or there is not enough memory.
pub fn newest_snapshot(
    dir: &DataDir,
    until: u64,
    mut note: impl FnMut(String),
) -> Result<Option<Restored>, ReplayError> {
    let sequences = ringfence_journal::snapshots(dir.files())?;
    let mut passed_over = false;
    for sequence in sequences.into_iter().rev().filter(|&sequence| sequence <= until) {
        match restore(dir.files(), sequence)? {
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
        match restore(dir.files(), sequence)? {
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

/// The snapshot of `sequence`, restored, or what is wrong with it.
fn restore<F: Files + Sync>(
    files: &F,
    sequence: u64,
) -> Result<Result<Restored, String>, ReplayError>
where
    F::File: Send,
{
    let name = files.path(&ringfence_journal::snapshot_name(sequence));
    let snapshot = match Snapshot::open(files, sequence) {
        Ok(snapshot) => snapshot,
        Err(error) => return Ok(Err(error.to_string())),
    };
    if snapshot.header().journal_id != ringfence_journal::first_segment(files)?.journal_id {
        return Ok(Err(format!("{} is of another journal", name.display())));
    }
    match engine_of(&snapshot)? {
        Ok(engine) => Ok(Ok(Restored { engine, anchor: snapshot.header().anchor() })),
        Err(SnapshotError::Misfit(misfit)) => Ok(Err(format!("{}: {misfit}", name.display()))),
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
    let (mut risk, mut settle) = Engine::new(&header.rules)?.into_parts();
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
    Ok(risk_restored.and(settle_restored).map(|()| Engine::from_parts(risk, settle)))
}
