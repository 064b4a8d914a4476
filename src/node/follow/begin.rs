//! Where a follower begins, and how far back it can.

use std::path::Path;

use super::FollowError;
use ringfence_journal::outcomes::{LogTrail, first_logged_sequence};
use ringfence_journal::{Directory, JournalError, Step, Trail, first_kept_sequence};

/// Where a follower begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Begin {
    /// With the oldest outcome that is kept.
    #[default]
    Oldest,
    /// Behind this outcome.
    After(u64),
    /// With what is still to come.
    Now,
}

/// The end of the log, and the outcome behind which a follower begins.
pub(super) fn begin(
    path: &Path,
    files: &Directory,
    journal_id: [u8; 16],
    begin: Begin,
    needs_bodies: bool,
) -> Result<(LogTrail, u64), FollowError> {
    let path_of = || path.to_path_buf();
    let is_empty = first_logged_sequence(path)?.is_none();
    let mut end = LogTrail::open(path, journal_id, 0)?;
    let last = end.go_to_end()?;
    let after = match begin {
        Begin::After(after) if is_empty && after > 0 => {
            return Err(FollowError::NoOutcomeLog { path: path_of() });
        }
        Begin::After(after) if after > last => {
            return Err(FollowError::Ahead { path: path_of(), after, last });
        }
        Begin::After(after) => after,
        Begin::Now => last,
        Begin::Oldest => oldest(path, files, needs_bodies)? - 1,
    };
    Ok((end, after))
}

/// The oldest outcome that can be had.
pub(super) fn oldest(
    path: &Path,
    files: &Directory,
    needs_bodies: bool,
) -> Result<u64, JournalError> {
    let logged = first_logged_sequence(path)?.unwrap_or(1);
    let kept = if needs_bodies { first_kept_sequence(files)? } else { 1 };
    Ok(logged.max(kept))
}

/// Whether the journal has a command.
pub(super) fn has_commands(files: &Directory) -> Result<bool, JournalError> {
    let Some(mut trail) = Trail::open(files, None, 1)? else { return Ok(true) };
    Ok(!matches!(trail.next_batch()?, Step::NotYet(_)))
}
