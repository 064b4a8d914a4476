//! What keeps a second engine out of a data directory.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::direct;
use super::directory::{Directory, Held, open_regular, private};
use super::error::JournalError;
use super::files::Files;
use super::segments::is_new;

/// The file that a running engine holds locked.
pub(super) const LOCK_NAME: &str = "lock";
/// Longest text that the lock's file holds, in bytes.
const BEGUN_BYTES_MAX: usize = 64;

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

    /// Refuses a directory in which a journal was begun whose segments are gone.
    pub fn check_begun(&self, directory: &Directory) -> Result<(), JournalError> {
        let mut begun = [0; BEGUN_BYTES_MAX];
        let path = directory.path(LOCK_NAME);
        let count = self
            .file
            .read_at(&mut begun, 0)
            .map_err(|error| JournalError::io("read", &path, 0, error))?;
        if count == 0 || !is_new(directory)? {
            return Ok(());
        }
        let begun = String::from_utf8_lossy(&begun[..count]);
        let reason = format!(
            "all its segments are gone: `{LOCK_NAME}` says \"{}\"; whoever wants to begin a new journal \
             removes that file",
            begun.trim_end()
        );
        Err(JournalError::NotAJournal { path: directory.path(""), reason })
    }

    pub fn note_begun(
        &self,
        directory: &Directory,
        journal_id: &[u8; 16],
    ) -> Result<(), JournalError> {
        let path = directory.path(LOCK_NAME);
        let begun = format!("journal {:032x} begun\n", u128::from_be_bytes(*journal_id));
        let mut there = [0; BEGUN_BYTES_MAX];
        let count = self.file.read_at(&mut there, 0).unwrap_or(0);
        if there[..count] == *begun.as_bytes() {
            return Ok(());
        }
        self.file
            .write_all_at(begun.as_bytes(), 0)
            .and_then(|()| self.file.set_len(begun.len() as u64))
            .and_then(|()| self.file.sync_all())
            .map_err(|error| JournalError::io("write", &path, 0, error))
    }
}

/// Opens a file to lock it; makes it if there is none.
pub(super) fn open_lock(path: &Path) -> Result<File, JournalError> {
    let mut options = private();
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW);
    open_regular(options.read(true).write(true).create(true).truncate(false), path)
}
