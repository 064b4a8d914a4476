//! The steps of a repair. After each the journal is still judged rightly, so that one that was
//! interrupted is begun again and says the same.

use zerocopy::IntoBytes as _;

use super::Cut;
use crate::buffer::Buffer;
use crate::cut::{copy, free_name, keep};
use crate::error::JournalError;
use crate::files::{Access, Files, OpenFile};
use crate::format::BLOCK_BYTES;
use crate::place::Position;
use crate::seal::Key;
use crate::segments::{fill_with_zeros, not_made, segment_name, temporary_name};
use crate::snapshot::{snapshot_name, snapshots};
use crate::trim::put_mark;
use crate::witness::{Witness, WitnessFile};

/// Bytes that are zeroed at once.
const ZERO_BYTES: usize = 256 * BLOCK_BYTES;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Has the witness say what was durable, before anything that proves it is taken away.
    Witness(Witness),
    /// Copies what a segment holds from `from` on to a file beside it. Of no bytes there is no
    /// copy.
    Keep { segment: u32, from: u64, bytes: u64 },
    /// Gives a file another name.
    SetAside { name: String, reason: Reason },
    /// Gives another name to snapshots that cover commands after a sequence: a start from one would
    /// miss them.
    SetSnapshotsAside { last_sequence: u64 },
    /// Makes names durable.
    SyncNames,
    /// Puts in place of a segment one of its proper length that holds nothing but what is kept.
    Rewrite { segment: u32, segment_bytes: u64, kept_bytes: u64 },
    /// As `Rewrite`, up to the position, with a mark behind it that begins the position's epoch:
    /// from then on what earlier epochs called durable beyond the cut proves nothing any more.
    BeginEpoch { position: Position, given_up: u64 },
}

/// Why a file is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// For what is wrong with it.
    Wound,
    /// For what is wrong with one before.
    AfterTheCut,
}

impl Step {
    /// Takes the step; adds what it took out of the journal to `cuts`. `reason` is what is wrong.
    pub fn take<F: Files>(
        self,
        files: &F,
        key: Option<&Key>,
        reason: &str,
        cuts: &mut Vec<Cut>,
    ) -> Result<(), JournalError> {
        match self {
            Step::Witness(witness) => WitnessFile::open(files, &witness)?.write_both(&witness),
            Step::Keep { segment, from, bytes } => {
                let name = segment_name(segment);
                let kept_in = match bytes {
                    0 => None,
                    _ => Some(files.path(&keep(files, &name, from, from + bytes)?)),
                };
                let (path, reason) = (files.path(&name), reason.to_owned());
                cuts.push(Cut { path, offset: from, bytes, reason, kept_in });
                Ok(())
            }
            Step::SetAside { name, reason: why } => {
                let reason = match why {
                    Reason::Wound => reason.to_owned(),
                    Reason::AfterTheCut => "it comes after the cut".to_owned(),
                };
                cuts.push(set_aside(files, &name, reason)?);
                Ok(())
            }
            Step::SetSnapshotsAside { last_sequence } => {
                set_snapshots_aside(files, last_sequence, cuts)
            }
            Step::SyncNames => files.sync_dir(),
            Step::Rewrite { segment, segment_bytes, kept_bytes } => {
                rewrite(files, segment, segment_bytes, kept_bytes, &[])
            }
            Step::BeginEpoch { mut position, given_up } => {
                let Position { segment, segment_bytes, offset, last_sequence, .. } = position;
                let mut block = [0_u64; BLOCK_BYTES / size_of::<u64>()];
                let used = offset as usize % BLOCK_BYTES;
                let mark = &mut block.as_mut_bytes()[used..];
                put_mark(mark, &mut position, last_sequence, given_up, key);
                rewrite(files, segment, segment_bytes, offset, mark)
            }
        }
    }
}

fn set_aside<F: Files>(files: &F, name: &str, reason: String) -> Result<Cut, JournalError> {
    let bytes = files.open(name, Access::Read)?.length_bytes()?;
    let kept_in = free_name(files, name)?;
    files.rename(name, &kept_in)?;
    let (path, kept_in) = (files.path(name), Some(files.path(&kept_in)));
    Ok(Cut { path, offset: 0, bytes, reason, kept_in })
}

/// Gives another name to snapshots that cover commands which the journal no longer has.
pub(super) fn set_snapshots_aside<F: Files>(
    files: &F,
    last_sequence: u64,
    cuts: &mut Vec<Cut>,
) -> Result<(), JournalError> {
    for sequence in snapshots(files)?.into_iter().filter(|&sequence| sequence > last_sequence) {
        let reason = format!("it covers commands after {last_sequence}, which are gone");
        cuts.push(set_aside(files, &snapshot_name(sequence), reason)?);
        files.sync_dir()?;
    }
    Ok(())
}

/// Puts in place of a segment one of its proper length that holds what is kept, `more`, and zeros.
/// Where there is no room for it beside the segment, it is written over it.
fn rewrite<F: Files>(
    files: &F,
    segment: u32,
    segment_bytes: u64,
    kept_bytes: u64,
    more: &[u8],
) -> Result<(), JournalError> {
    let (name, temporary) = (segment_name(segment), temporary_name(segment));
    let old = files.open(&name, Access::Read)?;
    let rewritten = files.create(&temporary).and_then(|new| {
        new.reserve(segment_bytes)?;
        copy(&old, 0, kept_bytes, &new)?;
        new.write_at(kept_bytes, more, false)?;
        fill_with_zeros(
            &new,
            Buffer::new(ZERO_BYTES).bytes(),
            kept_bytes + more.len() as u64,
            segment_bytes,
        )?;
        new.sync()?;
        files.rename(&temporary, &name)?;
        files.sync_dir()
    });
    match rewritten.map_err(|error| not_made(files, &temporary, segment_bytes, error)) {
        Err(error) if error.is_for_room() && old.length_bytes()? <= segment_bytes => {
            write_over(files, segment, segment_bytes, kept_bytes, more)
        }
        rewritten => rewritten,
    }
}

/// Has a segment hold what is kept, `more`, and zeros.
///
/// What is kept is written again as it is, so however the write ends, it is there. `more` comes
/// last: until it is there, nothing good stands behind what is kept.
fn write_over<F: Files>(
    files: &F,
    segment: u32,
    segment_bytes: u64,
    kept_bytes: u64,
    more: &[u8],
) -> Result<(), JournalError> {
    let name = segment_name(segment);
    let (old, new) = (files.open(&name, Access::Read)?, files.open(&name, Access::Write)?);
    copy(&old, 0, kept_bytes, &new)?;
    fill_with_zeros(
        &new,
        Buffer::new(ZERO_BYTES).bytes(),
        kept_bytes + more.len() as u64,
        segment_bytes,
    )?;
    new.sync()?;
    new.write_at(kept_bytes, more, false)?;
    new.sync()
}
