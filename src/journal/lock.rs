//! What keeps a second engine out of a data directory.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::direct;
use super::directory::{Directory, Held, open_regular, private};
use super::error::JournalError;
use super::files::Files;
use super::segments::first_segment;
use super::witness::{LOCK_NAME, Witness, WitnessFound, read_copy};

/// What keeps a second engine out of the directory.
#[derive(Debug)]
pub(super) struct Lock {
    /// Locked too, where the file system can: a file can be removed.
    directory: File,
    file: File,
}

impl Lock {
    pub fn take(directory: &Directory) -> Result<Lock, JournalError> {
        let (path, lock_path) = (directory.root(), directory.path(LOCK_NAME));
        let in_use = || Err(JournalError::InUse { path: path.to_path_buf() });
        let opened =
            File::open(path).map_err(|error| JournalError::io_whole("open", path, error))?;
        // Some file systems cannot. The file's lock is what is left there.
        if let Ok(false) = direct::try_lock_directory(&opened) {
            return in_use();
        }
        let file = open_lock(&lock_path)?;
        match direct::try_lock(&file) {
            Ok(true) => Ok(Lock { directory: opened, file }),
            Ok(false) => in_use(),
            Err(error) => Err(JournalError::io_whole("lock", &lock_path, error)),
        }
    }

    /// What must stay where it is.
    pub fn held(&self, directory: &Directory) -> Result<Vec<Held>, JournalError> {
        let (path, lock_path) = (directory.path(""), directory.path(LOCK_NAME));
        let failed = |error| JournalError::io_whole("look for", directory.root(), error);
        let held = [Held::new(path, &self.directory), Held::new(lock_path, &self.file)];
        held.into_iter().collect::<io::Result<Vec<Held>>>().map_err(failed)
    }
}

/// Refuses a directory in which a journal was begun whose segments are gone, or those of another
/// now.
pub(super) fn check_begun(directory: &Directory) -> Result<(), JournalError> {
    let (begun, first) = (read_copy(directory)?, first_segment(directory));
    let reason = match (begun, first) {
        (WitnessFound::Says(begun, _), Ok(first)) if first.journal_id != begun.journal_id => {
            not_there(&begun, "they are those of another")
        }
        (WitnessFound::Says(begun, _), Err(JournalError::NotAJournal { .. })) => {
            not_there(&begun, "they are all gone")
        }
        // It is written only once there are segments.
        (WitnessFound::Unreadable(fault), Err(JournalError::NotAJournal { .. })) => format!(
            "it holds no segment, but `{LOCK_NAME}` was written when there were some, and cannot \
             be read ({fault}); whoever begins a new journal there removes `{LOCK_NAME}`"
        ),
        // What else is wrong is found where it can be said better.
        _ => return Ok(()),
    };
    Err(JournalError::NotAJournal { path: directory.path(""), reason })
}

/// Of a journal that was begun and whose segments are not there.
fn not_there(begun: &Witness, what: &str) -> String {
    format!(
        "`{LOCK_NAME}` says that the journal {:032x} was begun there and held {} commands, and its \
         segments are not there: {what}; whoever means that removes `{LOCK_NAME}`",
        u128::from_be_bytes(begun.journal_id),
        begun.sequence,
    )
}

/// Opens a file to lock it; makes it if there is none.
pub(super) fn open_lock(path: &Path) -> Result<File, JournalError> {
    let mut options = private();
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW);
    open_regular(options.read(true).write(true).create(true).truncate(false), path)
}
