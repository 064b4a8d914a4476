//! The outcome log, made again from the journal as far back as that reaches.
//!
//! # Invariants
//!
//! * Nothing is removed before the journal is known to be good up to its end, and nothing at all
//!   that it cannot give back.

use std::path::Path;

use crate::options::{Message, Report};
use crate::replay::{self, Remake, Replayer};
use crate::{NodeError, outcome_log};
use ringfence_journal::outcomes::{Log, Scan};
use ringfence_journal::{DataDir, Key, Reader};

/// What an outcome log holds that was made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// Sequence of its first outcome, 0 if there is none.
    pub first_sequence: u64,
    /// Sequence of its last outcome, 0 if there is none.
    pub last_sequence: u64,
}

/// Makes the outcome log of the journal at `path` again, on which no engine runs. Where the log that
/// is there reaches further back than the journal, it is kept, and what it lacks is made.
///
/// # Errors
///
/// [`NodeError`]: the directory is in use, the journal is damaged or has lost what the log has, or
/// the log cannot be written.
pub fn rebuild_outcome_log(
    path: &Path,
    key: Option<Key>,
    report: &mut Report,
) -> Result<Rebuilt, NodeError> {
    // Only to look: no journal is made where there was none.
    DataDir::open_to_read(path)?;
    let dir = DataDir::open(path)?;
    let log = begin(&dir, key, report)?;
    let mut note = |note| report(Message::Note(note));
    let start = replay::oldest_snapshot_of_a_shortened_journal(&dir, key, &mut note)?;
    let anchor = start.as_ref().map(|start| start.anchor);
    let mut reader = Reader::open_to_end(dir.files(), anchor.as_ref(), key)?;
    let mut replayer = Replayer::starting(start, Remake::new(Some(log)), u64::MAX);
    while let Some(entry) = reader.next_entry()? {
        replayer.apply(&entry)?;
        report(Message::Replayed(replayer.commands()));
    }
    let (_, remade) = replayer.into_parts();
    let log = remade.finish()?.expect("it was given one");
    Ok(Rebuilt { first_sequence: log.first_sequence(), last_sequence: log.last_sequence() })
}

/// The log to go on with: a new one, or that which reaches further back than the journal.
fn begin(dir: &DataDir, key: Option<Key>, report: &mut Report) -> Result<Log, NodeError> {
    let mut note = |note| report(Message::Note(note));
    let journal_id = ringfence_journal::first_segment(dir.files())?.journal_id;
    let scan = Scan::read(dir.path(), journal_id)?;
    let first_sequence = outcome_log::first_sequence(dir, key)?;
    // Read to its end: else what is removed could not be made again.
    scan.check_journal(outcome_log::last_sequence(dir, key, 0, u64::MAX)?)?;
    if scan.first_sequence() < first_sequence {
        note(format!(
            "outcome log: it begins with sequence {}, which the journal no longer has: it is kept, and \
             made again from sequence {first_sequence} on where it lacks something",
            scan.first_sequence()
        ));
        return outcome_log::open(dir, key, note);
    }
    Ok(Log::begin_again(&scan, note)?)
}
