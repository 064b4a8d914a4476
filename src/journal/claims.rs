//! What a journal's neighbours say was durable, and what is found of it elsewhere.

use super::chain::Chain;
use super::error::{Fault, JournalError};
use super::files::{Access, Files, OpenFile as _};
use super::format::SegmentHeader;
use super::search::{Search, Target};
use super::segments::{segment_name, segment_numbers};
use super::snapshot::{Snapshot, snapshot_name, snapshots};
use super::witness::{LOCK_NAME, WITNESS_NAME, Witness, WitnessFound, read_copy, read_witness};

/// What neighbours say of a journal whose good frames end with a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims {
    pub witness: WitnessFound,
    /// What the lock's file says.
    copy: WitnessFound,
    /// Sequence of the newest snapshot that covers more than the chain, 0 if there is none.
    pub snapshot: u64,
}

impl Claims {
    /// Reads them.
    pub fn read<F: Files>(
        files: &F,
        segment: &SegmentHeader,
        chain: &Chain,
    ) -> Result<Claims, JournalError> {
        Ok(Claims {
            witness: read_witness(files)?,
            copy: read_copy(files)?,
            snapshot: newest_snapshot(files, segment, chain)?,
        })
    }

    /// All that the witness and its copy say of this journal.
    pub fn of_journal(&self, journal_id: &[u8; 16]) -> impl Iterator<Item = Witness> {
        let both = self.witness.says().into_iter().chain(self.copy.says());
        both.filter(move |witness| witness.journal_id == *journal_id)
    }

    /// What was durable by the witness or its copy in this epoch or a later one: what an earlier
    /// epoch called durable was given up by a repair.
    pub fn witness(&self, segment: &SegmentHeader, chain: &Chain) -> Option<Witness> {
        let all = self.of_journal(&segment.journal_id);
        all.filter(|witness| witness.epoch >= chain.epoch)
            .max_by_key(|it| (it.epoch, it.sequence, it.segment, it.offset))
    }

    /// Whether the lock's file is of this journal, or says nothing of one. It has one slot alone,
    /// so one that cannot be read is no more than an old one where there is a witness.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`]: the segments were exchanged for those of another, or the file
    /// cannot be read and there is no witness in its stead.
    pub fn check_copy<F: Files>(
        &self,
        files: &F,
        segment: &SegmentHeader,
    ) -> Result<(), JournalError> {
        match (&self.copy, &self.witness) {
            (WitnessFound::Unreadable(_), WitnessFound::Says(..)) => Ok(()),
            (copy, _) => check(files, LOCK_NAME, segment, copy),
        }
    }

    /// Whether the witness and the lock's file are of this journal, where they are there.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`]: the segments were exchanged for those of another, or the witness
    /// cannot be read, or the lock's file cannot and there is no witness.
    pub fn check_identity<F: Files>(
        &self,
        files: &F,
        segment: &SegmentHeader,
    ) -> Result<(), JournalError> {
        check(files, WITNESS_NAME, segment, &self.witness)?;
        self.check_copy(files, segment)
    }
}

/// Whether `found`, what the file `name` says, is of the journal of `segment`. One that is gone
/// says nothing. One that cannot be read was damaged, and it may have said more than the other: to
/// go on without it would be to lose what it proved.
fn check<F: Files>(
    files: &F,
    name: &str,
    segment: &SegmentHeader,
    found: &WitnessFound,
) -> Result<(), JournalError> {
    let fault = match found {
        WitnessFound::Says(witness, _) if witness.journal_id != segment.journal_id => {
            Fault::foreign(&segment.journal_id, &witness.journal_id)
        }
        WitnessFound::Unreadable(fault) => Fault::Unwitnessed { fault: Box::new(fault.clone()) },
        WitnessFound::Says(..) | WitnessFound::Missing => return Ok(()),
    };
    Err(JournalError::Damaged { path: files.path(name), offset: 0, fault })
}

/// Sequence of the newest snapshot of this journal and epoch that covers more than the chain. Where
/// its header cannot be read, its name is believed: it was given when the snapshot was whole.
fn newest_snapshot<F: Files>(
    files: &F,
    segment: &SegmentHeader,
    chain: &Chain,
) -> Result<u64, JournalError> {
    let newer = snapshots(files)?.into_iter().filter(|&it| it > chain.last_sequence);
    for sequence in newer.rev() {
        match Snapshot::open(files, sequence) {
            Ok(snapshot) => {
                let anchor = snapshot.header().anchor();
                if anchor.journal_id == segment.journal_id && anchor.epoch >= chain.epoch {
                    return Ok(sequence);
                }
            }
            Err(JournalError::Damaged { path, .. })
                if path == files.path(&snapshot_name(sequence)) =>
            {
                return Ok(sequence);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(0)
}

/// Searches all that a pass has not gone through for what frames call durable: the rest of the
/// segment `here` from `offset` on, all segments after it, and those up to `begun_in`, where the
/// pass began.
pub(super) fn search_segments<F: Files>(
    files: &F,
    chain: &Chain,
    (here, offset): (&SegmentHeader, u64),
    begun_in: u32,
) -> Result<u64, JournalError> {
    let numbers = segment_numbers(files)?;
    let mut lengths = Vec::with_capacity(numbers.len());
    for &number in &numbers {
        let file = files.open(&segment_name(number), Access::Read)?;
        lengths.push(file.length_bytes()?);
    }
    let mut search = Search::new(Target {
        journal_id: here.journal_id,
        last_segment: numbers.last().map_or(here.segment, |&last| last.max(here.segment)) + 1,
        segment_bytes: lengths.iter().copied().fold(here.segment_bytes, u64::max),
        file_bytes: lengths.iter().sum(),
        is_keyed: here.is_keyed != 0,
        after_sequence: chain.last_sequence,
        epoch: chain.epoch,
    });
    for number in numbers {
        let from = match number.cmp(&here.segment) {
            // What the pass has gone through says what it says: the chain knows of it.
            std::cmp::Ordering::Less if number > begun_in => continue,
            std::cmp::Ordering::Equal if number > begun_in => offset,
            _ => 0,
        };
        search.file(&files.open(&segment_name(number), Access::Read)?, from)?;
    }
    Ok(search.found())
}
