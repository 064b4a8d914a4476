//! The outcome log at a start: what is done with what is there.
//!
//! ```text
//!   log ──▶ Scan ──▶ Held ───────┐
//!   journal ──────▶ Replayable ──┴▶ decide ──▶ go on │ make again │ set aside │ refuse
//! ```
//!
//! At first only the newest files are read whole. Where something is wrong with them or with the ends of
//! older ones, all are.
//!
//! # Invariants
//!
//! * Nothing of the log is changed before the journal is known to be good up to its end, where the
//!   log is damaged or holds more than the journal calls durable.

use crate::NodeError;
use ringfence_journal::outcomes::{Decision, Held, Log, Replayable, Scan, decide};
use ringfence_journal::{DataDir, JournalError, Key, Reader, Snapshot};

/// How much of the log's end a start reads in any case, in bytes.
const READ_BYTES: u64 = 1024 * 1024 * 1024;

/// Opens the log of the journal in `dir`, which is not new, to go on with it. What was wrong goes
/// to `note`.
///
/// # Errors
///
/// [`JournalError::Lost`] if the log has final outcomes that the journal lacks;
/// [`JournalError::Damaged`] if the journal is damaged; [`JournalError::Io`].
pub(crate) fn open(
    dir: &DataDir,
    key: Option<Key>,
    mut note: impl FnMut(String),
) -> Result<Log, NodeError> {
    let journal_id = ringfence_journal::first_segment(dir.files())?.journal_id;
    let mut scan = Scan::read_newest(dir.path(), journal_id, READ_BYTES)?;
    let mut is_read_whole = false;
    let mut was_set_aside = false;
    loop {
        let held = scan.held();
        let journal = replayable(dir, key, &held)?;
        match decide(&held, &journal) {
            Decision::GoOn { behind } => return Ok(Log::go_on(&scan, behind, note)?),
            _ if !is_read_whole => {
                scan = Scan::read(dir.path(), journal_id)?;
                is_read_whole = true;
            }
            Decision::MakeAgain { behind } => {
                if let Some(fault) = scan.first_fault() {
                    let from = behind + 1;
                    note(format!("outcome log: {fault}; made again from sequence {from} on"));
                }
                return Ok(Log::go_on(&scan, behind, note)?);
            }
            Decision::SetAside { up_to } if !was_set_aside => {
                scan.set_aside(up_to, &mut note)?;
                scan = Scan::read(dir.path(), journal_id)?;
                was_set_aside = true;
            }
            Decision::SetAside { .. } => {
                let fault = scan.first_fault();
                return Err(fault.expect("it has a fault, or there was nothing to do").into());
            }
            Decision::Refuse => {
                scan.check_journal(journal.last_sequence)?;
                unreachable!("the log has outcomes that the journal lacks");
            }
        }
    }
}

/// Checks that the journal in `dir`, which is not new, has lost nothing that the log there has.
/// Reads no more of both than it must.
///
/// # Errors
///
/// [`JournalError::Lost`], [`JournalError::Damaged`] if the journal is damaged,
/// [`JournalError::Io`].
pub(crate) fn check(dir: &DataDir, key: Option<Key>) -> Result<(), NodeError> {
    let journal_id = ringfence_journal::first_segment(dir.files())?.journal_id;
    let scan = Scan::read_end(dir.path(), journal_id)?;
    match scan.held().final_sequence {
        0 => Ok(()),
        known => Ok(scan.check_journal(last_sequence(dir, key, u64::MAX, known)?)?),
    }
}

/// What a replay of the journal gives, as far as it matters beside a log that holds `held`.
fn replayable(dir: &DataDir, key: Option<Key>, held: &Held) -> Result<Replayable, JournalError> {
    let needs_more = held.has_fault || held.whole_sequence != held.last_sequence;
    let first_sequence = if needs_more { first_sequence(dir, key)? } else { 1 };
    // What is cut now is made again only if the journal is good up to its end.
    let enough = if held.has_fault { u64::MAX } else { held.last_sequence };
    let last_sequence = last_sequence(dir, key, held.whole_sequence, enough)?;
    Ok(Replayable { first_sequence, last_sequence })
}

/// The first outcome that a replay can make again.
pub(crate) fn first_sequence(dir: &DataDir, key: Option<Key>) -> Result<u64, JournalError> {
    let place = ringfence_journal::replay_place(dir.files(), key, 0)?;
    Ok(place.map_or(1, |place| place.last_sequence + 1))
}

/// Sequence of the journal's last command; or of any that is durable, if that is not less than
/// `enough`. Reads from where a replay begins that gives all behind `whole_sequence`. Nothing is
/// changed.
pub(crate) fn last_sequence(
    dir: &DataDir,
    key: Option<Key>,
    whole_sequence: u64,
    enough: u64,
) -> Result<u64, JournalError> {
    let files = dir.files();
    let durable = durable_sequence(dir, key)?;
    if durable >= enough {
        return Ok(durable);
    }
    let place = ringfence_journal::replay_place(files, key, whole_sequence)?;
    let mut reader = Reader::open_to_end(files, place.as_ref(), key)?;
    while reader.next_entry()?.is_some() {}
    Ok(reader.last_sequence())
}

/// The highest sequence that the journal calls durable, 0 where it cannot be told so soon.
fn durable_sequence(dir: &DataDir, key: Option<Key>) -> Result<u64, JournalError> {
    let files = dir.files();
    let newest = ringfence_journal::snapshots(files)?.pop();
    let snapshot = newest.and_then(|newest| Snapshot::open_with(files, newest, key).ok());
    let place = snapshot.map(|snapshot| snapshot.header().anchor());
    let reader = Reader::open_durable(files, place.as_ref(), key);
    Ok(reader.ok().and_then(|reader| reader.limit()).unwrap_or(0))
}
