//! The files of a real disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::direct;
use super::error::JournalError;
use super::files::{Access, Files, OpenFile};
use super::mapped::Mapped;

/// How a directory's files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Past the page cache (`O_DIRECT`), each write durable by itself (`RWF_DSYNC`).
    Direct,
    /// Through the page cache, then `fdatasync`.
    Buffered,
}

impl std::fmt::Display for WriteMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            WriteMode::Direct => "direct writes (O_DIRECT, RWF_DSYNC)",
            WriteMode::Buffered => "buffered writes and fdatasync",
        })
    }
}

/// The files of a directory on a real disk.
#[derive(Debug, Clone)]
pub struct Directory {
    path: Arc<Path>,
    mode: WriteMode,
    /// What has to stay in place, for who holds the directory.
    held: Arc<[Held]>,
}

/// A file or directory that was at a path when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    path: PathBuf,
    /// Number of the device, and that of the file on it.
    file: (u64, u64),
}

impl Held {
    /// The open `file`, found at `path`.
    pub fn new(path: PathBuf, file: &File) -> io::Result<Held> {
        let metadata = file.metadata()?;
        Ok(Held { path, file: (metadata.dev(), metadata.ino()) })
    }

    /// Checks that it is still there.
    fn check(&self) -> Result<(), JournalError> {
        let metadata = find(&self.path)?;
        if (metadata.dev(), metadata.ino()) != self.file {
            return Err(JournalError::Gone { path: self.path.clone() });
        }
        Ok(())
    }
}

fn find(path: &Path) -> Result<fs::Metadata, JournalError> {
    fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => JournalError::Gone { path: path.to_path_buf() },
        _ => JournalError::io_whole("look for", path, error),
    })
}

impl Directory {
    /// The directory at `path`, which exists, written in the way of `mode`.
    #[must_use]
    pub fn new(path: &Path, mode: WriteMode) -> Directory {
        Directory { path: Arc::from(path), mode, held: Arc::from([]) }
    }

    /// The same directory, with what has to stay in place.
    pub(super) fn holding(self, held: Vec<Held>) -> Directory {
        Directory { held: Arc::from(held), ..self }
    }

    /// Where it is.
    pub(super) fn root(&self) -> &Path {
        &self.path
    }

    /// How its files are written.
    pub(super) fn mode(&self) -> WriteMode {
        self.mode
    }
}

/// Options for files that nobody else may read. What waits for somebody else when it is opened, as
/// a pipe does, does not.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags(libc::O_NONBLOCK);
    options
}

/// Opens a file, if it is one.
pub(super) fn open_regular(options: &OpenOptions, path: &Path) -> Result<File, JournalError> {
    let failed = |error| JournalError::io_whole("open", path, error);
    let file = options.open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    Ok(file)
}

impl Files for Directory {
    type File = DiskFile;

    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.path.to_path_buf() } else { self.path.join(name) }
    }

    fn names(&self) -> Result<Vec<String>, JournalError> {
        let failed = |error| JournalError::io_whole("list", &self.path, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    }

    fn open(&self, name: &str, access: Access) -> Result<DiskFile, JournalError> {
        let path = self.path(name);
        let mut options = private();
        let mode = match access {
            Access::Read => {
                options.read(true);
                WriteMode::Buffered
            }
            Access::Write => {
                options.write(true);
                self.mode
            }
        };
        DiskFile::open(&mut options, path, mode)
    }

    fn map(&self, name: &str) -> Result<Option<Mapped>, JournalError> {
        let path = self.path(name);
        let file =
            File::open(&path).map_err(|error| JournalError::io_whole("open", path, error))?;
        Ok(Mapped::new(&file))
    }

    fn create(&self, name: &str) -> Result<DiskFile, JournalError> {
        let path = self.path(name);
        // Never into what is there, which may lead anywhere.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(JournalError::io_whole("remove", path, error));
            }
            _ => {}
        }
        let mut options = private();
        options.write(true).create_new(true);
        DiskFile::open(&mut options, path, self.mode)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), JournalError> {
        let from = self.path(from);
        fs::rename(&from, self.path(to))
            .map_err(|error| JournalError::io_whole("rename", &from, error))
    }

    fn remove(&self, name: &str) -> Result<(), JournalError> {
        let path = self.path(name);
        fs::remove_file(&path).map_err(|error| JournalError::io_whole("remove", &path, error))
    }

    fn check_in_place(&self, name: &str) -> Result<(), JournalError> {
        for held in &*self.held {
            held.check()?;
        }
        find(&self.path(name)).map(|_| ())
    }

    fn free_bytes(&self) -> Option<u64> {
        let found = rustix::fs::statvfs(&*self.path).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn sync_dir(&self) -> Result<(), JournalError> {
        File::open(&self.path)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| JournalError::io_whole("sync", &self.path, error))
    }
}

/// A file on a real disk.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    path: PathBuf,
    mode: WriteMode,
}

impl DiskFile {
    fn open(
        options: &mut OpenOptions,
        path: PathBuf,
        mode: WriteMode,
    ) -> Result<DiskFile, JournalError> {
        if mode == WriteMode::Direct {
            options.custom_flags(libc::O_NONBLOCK | libc::O_DIRECT);
        }
        let file = open_regular(options, &path)?;
        Ok(DiskFile { file, path, mode })
    }

    fn failed(&self, operation: &'static str, offset: u64, error: io::Error) -> JournalError {
        JournalError::io(operation, &self.path, offset, error)
    }

    fn failed_whole(&self, operation: &'static str, error: io::Error) -> JournalError {
        JournalError::io_whole(operation, &self.path, error)
    }
}

impl AsFd for DiskFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl OpenFile for DiskFile {
    fn length_bytes(&self) -> Result<u64, JournalError> {
        let metadata = self.file.metadata();
        Ok(metadata.map_err(|error| self.failed_whole("measure", error))?.len())
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize, JournalError> {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            match self.file.read_at(&mut bytes[done..], at) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed("read", at, error)),
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, bytes: &[u8], durable: bool) -> Result<(), JournalError> {
        let is_durable_at_once = durable && self.mode == WriteMode::Direct;
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let written = if is_durable_at_once {
                direct::write_durably_at(&self.file, &bytes[done..], at)
            } else {
                self.file.write_at(&bytes[done..], at)
            };
            match written {
                Ok(0) => return Err(self.failed("write", at, io::ErrorKind::WriteZero.into())),
                // A short write ends at a block's boundary, or the next call says what is wrong.
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed("write", at, error)),
            }
        }
        if durable && !is_durable_at_once {
            return self.sync();
        }
        Ok(())
    }

    fn syncs_as_a_whole(&self) -> bool {
        self.mode == WriteMode::Buffered
    }

    fn reserve(&self, bytes: u64) -> Result<(), JournalError> {
        match direct::allocate(&self.file, bytes) {
            // The zeros that follow find out just as well, only later.
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(()),
            Err(error) => Err(self.failed_whole("reserve space in", error)),
            Ok(()) => Ok(()),
        }
    }

    fn sync(&self) -> Result<(), JournalError> {
        self.file.sync_data().map_err(|error| self.failed_whole("sync", error))
    }
}
