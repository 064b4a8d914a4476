//! The outcome log at a start: what is done with what is there.
//!
//! ```text
//!   log ──▶ Scan ──▶ Held ───────┐
//!   journal ──────▶ Replayable ──┴▶ decide ──▶ go on │ make again │ set aside │ refuse
//! ```
//!
//! # Invariants
//!
//! * Nothing of the log is changed before the journal is known to be good up to its end, where the
//!   log is damaged or holds more than the journal calls durable.

use crate::NodeError;
use ringfence_journal::outcomes::{Decision, Held, Log, Replayable, Scan, decide};
use ringfence_journal::{DataDir, JournalError, Key, Reader, Snapshot};

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
    let mut scan = Scan::read(dir.path(), journal_id)?;
    let mut was_set_aside = false;
    loop {
        let held = scan.held();
        let journal = replayable(dir, key, &held)?;
        match decide(&held, &journal) {
            Decision::GoOn { behind } => return Ok(Log::go_on(&scan, behind, note)?),
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
        known => Ok(scan.check_journal(last_sequence(dir, key, known)?)?),
    }
}

/// What a replay of the journal gives, as far as it matters beside a log that holds `held`.
fn replayable(dir: &DataDir, key: Option<Key>, held: &Held) -> Result<Replayable, JournalError> {
    let needs_more = held.has_fault || held.whole_sequence != held.last_sequence;
    let first_sequence = match needs_more {
        true => ringfence_journal::first_replayable(dir.files(), key)?,
        false => 1,
    };
    let last_sequence = match held.has_fault {
        // What is cut now is made again only if the journal is good up to its end.
        true => last_sequence(dir, key, u64::MAX)?,
        false => last_sequence(dir, key, held.last_sequence)?,
    };
    Ok(Replayable { first_sequence, last_sequence })
}

/// Sequence of the journal's last command; or of any that is durable, if that is not less than
/// `enough`. Nothing is changed.
fn last_sequence(dir: &DataDir, key: Option<Key>, enough: u64) -> Result<u64, JournalError> {
    let files = dir.files();
    let journal_id = ringfence_journal::first_segment(files)?.journal_id;
    let mut anchor = None;
    // From the newest snapshot's place on, where it is in the journal.
    for sequence in ringfence_journal::snapshots(files)?.into_iter().rev() {
        let opened = Snapshot::open_with(files, sequence, key);
        let own = opened.and_then(|own| own.check_identity(&journal_id).map(|()| own));
        let Ok(snapshot) = own else { continue };
        let place = snapshot.header().anchor();
        if Reader::open_durable(files, Some(&place), key).is_ok() {
            anchor = Some(place);
            break;
        }
    }
    let durable = Reader::open_durable(files, anchor.as_ref(), key)?.limit();
    if let Some(durable) = durable.filter(|&durable| durable >= enough) {
        return Ok(durable);
    }
    let mut reader = Reader::open_to_end(files, anchor.as_ref(), key)?;
    while reader.next_entry()?.is_some() {}
    Ok(reader.last_sequence())
}
