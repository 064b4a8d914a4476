//! The commands that belong to outcomes, from the journal.

use std::sync::Arc;

use super::FollowError;
use super::patience::Patience;
use ringfence_journal::{
    DataDir, Directory, Entry, Fault, Files, JournalError, Key, Recent, Step, Trail,
    first_kept_sequence,
};
use ringfence_types::Command;

/// Goes through the journal as far as outcomes are there.
pub(super) struct Bodies {
    files: Directory,
    trail: Trail,
    /// The batch that was read last.
    first_sequence: u64,
    commands: Vec<Command>,
    patience: Patience,
}

impl Bodies {
    /// Opens the journal in `dir` where the command after `after` stands, or will stand.
    pub fn open(
        dir: &DataDir,
        key: Option<Key>,
        recent: Option<&Arc<Recent>>,
        after: u64,
    ) -> Result<Bodies, FollowError> {
        let files = dir.files();
        let Some(mut trail) = Trail::open(files, key, after + 1)? else {
            return Err(retired(files, after)?);
        };
        if let Some(recent) = recent {
            trail = trail.reading_along(recent);
        }
        Ok(Bodies {
            files: files.clone(),
            trail,
            first_sequence: 0,
            commands: Vec::new(),
            patience: Patience::default(),
        })
    }

    /// The batch of the command `sequence`, with the sequence of its first command; `None` if it
    /// does not stand there yet. `is_final`: it was on stable storage before its outcome left.
    pub fn batch_of(
        &mut self,
        sequence: u64,
        is_final: bool,
    ) -> Result<Option<(u64, &[Command])>, FollowError> {
        while self.first_sequence + self.commands.len() as u64 <= sequence {
            match self.trail.next_batch()? {
                Step::Batch(Entry::Batch { first_sequence, commands, .. }) => {
                    self.first_sequence = first_sequence;
                    self.commands.clear();
                    self.commands.extend_from_slice(commands);
                    self.patience.renew();
                }
                Step::Batch(_) => {}
                Step::NotYet(error) => {
                    // Without `--durability sync` outcomes leave before their commands are written.
                    let is_empty =
                        matches!(error, JournalError::Damaged { fault: Fault::Empty, .. });
                    let must_be_there = is_final || !is_empty;
                    return match must_be_there && self.patience.is_over(&error) {
                        true => Err(error.into()),
                        false => Ok(None),
                    };
                }
                Step::Retired => return Err(retired(&self.files, sequence - 1)?),
            }
        }
        Ok(Some((self.first_sequence, &self.commands)))
    }

    /// The batch that was read last.
    pub fn batch(&self) -> (u64, &[Command]) {
        (self.first_sequence, &self.commands)
    }
}

fn retired(files: &Directory, after: u64) -> Result<FollowError, JournalError> {
    let oldest = first_kept_sequence(files)?;
    Ok(FollowError::TooFarBehind { path: files.path(""), after, oldest })
}
