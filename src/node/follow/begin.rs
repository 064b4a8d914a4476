//! Where a follower begins, and how far back it can.

use std::path::Path;

use super::{FollowError, Wish};
use ringfence_journal::outcomes::{LogTrail, first_logged_sequence};
use ringfence_journal::{Directory, Entry, JournalError, Key, Step, Trail, first_kept_sequence};

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
    wish: &Wish,
) -> Result<(LogTrail, u64), FollowError> {
    let path_of = || path.to_path_buf();
    let mut end = LogTrail::open(path, journal_id, 0)?;
    let last = end.go_to_end()?;
    let after = match wish.begin {
        // A start cuts the log where a crash left it and makes the rest again from the journal:
        // what the journal holds comes back.
        Begin::After(after) if after > last && !holds(files, wish.key, after)? => {
            return Err(match first_logged_sequence(path)? {
                None if !wish.log_is_kept => FollowError::NoOutcomeLog { path: path_of() },
                _ => FollowError::Ahead { path: path_of(), after, last },
            });
        }
        Begin::After(after) => after,
        Begin::Now => last,
        Begin::Oldest => oldest(path, files, wish.needs_bodies())? - 1,
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

/// Whether the journal holds the command `sequence`.
pub(super) fn holds(
    files: &Directory,
    key: Option<Key>,
    sequence: u64,
) -> Result<bool, JournalError> {
    // What is retired was there.
    let Some(mut trail) = Trail::open(files, key, sequence)? else { return Ok(true) };
    loop {
        match trail.next_batch()? {
            Step::Batch(Entry::Batch { first_sequence, commands, .. })
                if first_sequence + commands.len() as u64 > sequence =>
            {
                return Ok(true);
            }
            Step::Batch(_) => {}
            Step::NotYet(_) => return Ok(false),
            Step::Retired => return Ok(true),
        }
    }
}
