//! A directory that takes in what a data directory no longer needs.
//!
//! # Invariants
//!
//! * A file in the archive is never replaced: what has the same name and other bytes gets a name of
//!   its own beside it.
//! * A file leaves the data directory only once it is durable in the archive.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::copies::{copy_durably, is_the_same, remove_if_there, reserve, sync};
use crate::data_dir::DataDir;
use crate::error::JournalError;
use crate::files::Files;

/// What became of a file that was taken out of the data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It was deleted.
    Deleted,
    /// It was moved to the archive.
    Moved,
    /// The archive had it already, byte for byte, under this name: the file here was deleted.
    AlreadyThere(String),
    /// It was moved to the archive, under this name: another file there has its own.
    MovedAs(String),
}

/// A file that was taken out of the data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOut {
    /// Its name there.
    pub name: String,
    /// What became of it.
    pub taken: Taken,
}

impl fmt::Display for TakenOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.taken {
            Taken::Deleted => write!(f, "deleted {name}"),
            Taken::Moved => write!(f, "moved {name}"),
            Taken::AlreadyThere(there) => {
                write!(f, "deleted {name}: the archive has it already, byte for byte, as {there}")
            }
            Taken::MovedAs(there) => write!(
                f,
                "moved {name} to {there} in the archive: another file with other bytes has its name there"
            ),
        }
    }
}

/// A directory that is there and is not the data directory.
#[derive(Debug, Clone)]
pub struct Archive {
    path: PathBuf,
}

impl Archive {
    /// The archive `path` for the data directory `dir`. It is not made: a name that was mistyped,
    /// or a disk that is not mounted, must not pass for one.
    ///
    /// # Errors
    ///
    /// [`JournalError::NoArchive`], [`JournalError::Io`].
    pub fn open(path: &Path, dir: &DataDir) -> Result<Archive, JournalError> {
        let refused = |reason| Err(JournalError::NoArchive { path: path.to_path_buf(), reason });
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return refused("it does not exist, and is not made: make it first");
            }
            Err(error) => return Err(JournalError::io_whole("open", path, error)),
        };
        let own = fs::metadata(dir.path())
            .map_err(|error| JournalError::io_whole("open", dir.path(), error))?;
        if !found.is_dir() {
            return refused("it is no directory");
        }
        if (found.dev(), found.ino()) == (own.dev(), own.ino()) {
            return refused("it is the data directory itself");
        }
        Ok(Archive { path: path.to_path_buf() })
    }

    /// Moves the file `name` of `dir` here, durably.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`]; the file is then still in `dir`.
    pub(super) fn take(&self, dir: &DataDir, name: &str) -> Result<Taken, JournalError> {
        let files = dir.files();
        let from = files.path(name);
        for copy in 1_u32.. {
            let there = if copy == 1 { name.to_owned() } else { format!("{name}.{copy}") };
            let to = self.path.join(&there);
            if reserve(&to)? {
                self.move_to(&from, &to)?;
                remove_if_there(&from)?;
                files.sync_dir()?;
                return Ok(if copy == 1 { Taken::Moved } else { Taken::MovedAs(there) });
            }
            if is_the_same(&from, &to)? {
                // It may have been put there by hand a moment ago.
                sync(&to)?;
                sync(&self.path)?;
                files.remove(name)?;
                files.sync_dir()?;
                return Ok(Taken::AlreadyThere(there));
            }
        }
        unreachable!("names do not run out")
    }

    /// Moves the file `from` to the name `to`, which is reserved, and makes it durable there. The
    /// file can still be at `from` afterwards.
    fn move_to(&self, from: &Path, to: &Path) -> Result<(), JournalError> {
        let moved = match fs::rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy_durably(from, to),
            Err(error) => Err(JournalError::io_whole("move", from, error)),
            Ok(()) => Ok(()),
        };
        if moved.is_err() {
            // The name was reserved for nothing. If that fails too, an empty file is left.
            drop(fs::remove_file(to));
        }
        moved.and_then(|()| sync(&self.path))
    }
}
