//! The data directory: its lock, and the files of a real disk.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::buffer::Buffer;
use super::direct;
use super::error::JournalError;
use super::files::{Access, Files, OpenFile};
use super::format::{BLOCK_BYTES, segment_of_name};
use super::mapped::Mapped;
use super::uring;

/// The file that a running engine holds locked.
const LOCK_NAME: &str = "lock";
/// The file that a process which makes a snapshot holds locked.
const SNAPSHOT_LOCK_NAME: &str = "snapshot.lock";
/// The file with which direct I/O is tried out.
const PROBE_NAME: &str = "probe.new";
/// Fewest writes that are timed to know what one takes.
const PROBE_WRITES_MIN: usize = 3;
/// Most writes that are timed.
const PROBE_WRITES_MAX: usize = 51;
/// After so long no further write is timed.
const PROBE_TIME: Duration = Duration::from_millis(10);

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

/// What writes the segments while an engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// `io_uring`: direct writes that the kernel does on its own.
    Uring,
    /// Direct writes that a thread waits for.
    Threads,
    /// Buffered writes and syncs that a thread waits for.
    Buffered,
}

impl Backend {
    /// All of them, the best first.
    pub const ALL: [Backend; 3] = [Backend::Uring, Backend::Threads, Backend::Buffered];

    /// The name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Backend::Uring => "io-uring",
            Backend::Threads => "threads",
            Backend::Buffered => "buffered",
        }
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Backend, String> {
        let found = Backend::ALL.into_iter().find(|backend| backend.name() == text);
        found.ok_or_else(|| "not one of io-uring, threads, buffered".to_owned())
    }
}

/// A data directory that is open, to write under its lock or only to read.
#[derive(Debug)]
pub struct DataDir {
    directory: Directory,
    backend: Backend,
    shortcoming: Option<String>,
    lock: Option<File>,
}

impl DataDir {
    /// Opens `path` to write and takes its lock; makes it (mode 0700) if only its parent exists.
    /// The lock is held until the value is dropped. Finds out what can write there.
    ///
    /// # Errors
    ///
    /// [`JournalError::InUse`] if another engine holds the lock, [`JournalError::NoParent`],
    /// [`JournalError::NotAJournal`] if there are files but no journal, [`JournalError::Io`].
    pub fn open(path: &Path) -> Result<DataDir, JournalError> {
        DataDir::open_with(path, None)
    }

    /// As [`DataDir::open`], but with `wanted` nothing else writes.
    ///
    /// # Errors
    ///
    /// As [`DataDir::open`]; also [`JournalError::Io`] if `wanted` does not work there.
    pub fn open_with(path: &Path, wanted: Option<Backend>) -> Result<DataDir, JournalError> {
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => sync_parent(path)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(JournalError::NoParent { path: path.to_path_buf() });
            }
            Err(error) => return Err(JournalError::io("create", path, 0, error)),
        }
        let directory = Directory::new(path, WriteMode::Buffered);
        directory.check_is_journal(true)?;
        let lock_path = directory.path(LOCK_NAME);
        let lock = private()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(|error| JournalError::io("open", &lock_path, 0, error))?;
        match direct::try_lock(&lock) {
            Ok(true) => {}
            Ok(false) => return Err(JournalError::InUse { path: path.to_path_buf() }),
            Err(error) => return Err(JournalError::io("lock", &lock_path, 0, error)),
        }
        let (backend, missing) = directory.probe(wanted)?;
        let mode = match backend {
            Backend::Uring | Backend::Threads => WriteMode::Direct,
            Backend::Buffered => WriteMode::Buffered,
        };
        let directory = Directory::new(path, mode);
        let shortcoming = missing.map(|missing| format!("{missing}; falling back on {mode}"));
        Ok(DataDir { directory, backend, shortcoming, lock: Some(lock) })
    }

    /// Opens `path` only to read: takes no lock, changes nothing.
    ///
    /// # Errors
    ///
    /// [`JournalError::NotAJournal`] if no journal is there, [`JournalError::Io`].
    pub fn open_to_read(path: &Path) -> Result<DataDir, JournalError> {
        let directory = Directory::new(path, WriteMode::Buffered);
        directory.check_is_journal(false)?;
        Ok(DataDir { directory, backend: Backend::Buffered, shortcoming: None, lock: None })
    }

    /// Whether an engine holds the directory, this process or another. Disturbs none that is starting.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn is_held(&self) -> Result<bool, JournalError> {
        if self.lock.is_some() {
            return Ok(true);
        }
        let path = self.directory.path(LOCK_NAME);
        match File::open(&path) {
            Ok(lock) => direct::is_locked(&lock)
                .map_err(|error| JournalError::io("ask for the lock of", &path, 0, error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(JournalError::io("open", &path, 0, error)),
        }
    }

    /// Takes the lock that lets one process at a time make snapshots, beside an engine or not. Held
    /// until the value is dropped.
    ///
    /// # Errors
    ///
    /// [`JournalError::SnapshotInProgress`] if another process holds it, [`JournalError::Io`].
    pub fn lock_snapshots(&self) -> Result<SnapshotLock, JournalError> {
        let path = self.directory.path(SNAPSHOT_LOCK_NAME);
        let lock = private()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| JournalError::io("open", &path, 0, error))?;
        match direct::try_lock(&lock) {
            Ok(true) => Ok(SnapshotLock(lock)),
            Ok(false) => Err(JournalError::SnapshotInProgress { path: self.path().to_path_buf() }),
            Err(error) => Err(JournalError::io("lock", &path, 0, error)),
        }
    }

    /// Whether it was opened to write.
    #[must_use]
    pub fn is_locked_by_us(&self) -> bool {
        self.lock.is_some()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.directory.path
    }

    /// How its files are written, found out when it was opened to write.
    #[must_use]
    pub fn write_mode(&self) -> WriteMode {
        self.directory.mode
    }

    /// How long one durable write of one block takes just now, from the thread that calls, which waits:
    /// the median of a few, in nanoseconds.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    ///
    /// # Panics
    ///
    /// If the directory was opened only to read.
    pub fn durable_write_ns(&self) -> Result<u64, JournalError> {
        assert!(self.is_locked_by_us(), "only who holds the lock writes");
        let file = self.directory.create(PROBE_NAME)?;
        let block = Buffer::new(BLOCK_BYTES);
        // The first one makes the file longer.
        file.write_at(0, block.bytes(), true)?;
        let mut taken_ns = Vec::with_capacity(PROBE_WRITES_MAX);
        let begin = Instant::now();
        while taken_ns.len() < PROBE_WRITES_MIN
            || (taken_ns.len() < PROBE_WRITES_MAX && begin.elapsed() < PROBE_TIME)
        {
            let start = Instant::now();
            file.write_at(0, block.bytes(), true)?;
            taken_ns.push(start.elapsed().as_nanos() as u64);
        }
        self.directory.remove(PROBE_NAME)?;
        taken_ns.sort_unstable();
        Ok(taken_ns[taken_ns.len() / 2])
    }

    /// What writes its segments, found out when it was opened to write.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// What does not work here, so that something slower writes, for people; `None` if nothing is
    /// missing, or the slower way was asked for.
    #[must_use]
    pub fn shortcoming(&self) -> Option<&str> {
        self.shortcoming.as_deref()
    }

    /// Its files.
    #[must_use]
    pub fn files(&self) -> &Directory {
        &self.directory
    }
}

/// The lock of those who make snapshots.
#[derive(Debug)]
pub struct SnapshotLock(#[expect(dead_code, reason = "held, not read")] File);

/// The files of a directory on a real disk.
#[derive(Debug, Clone)]
pub struct Directory {
    path: Arc<Path>,
    mode: WriteMode,
}

impl Directory {
    /// The directory at `path`, which exists, written in the way of `mode`.
    #[must_use]
    pub fn new(path: &Path, mode: WriteMode) -> Directory {
        Directory { path: Arc::from(path), mode }
    }

    /// Whether the directory holds a journal, or with `may_be_new` nothing yet.
    fn check_is_journal(&self, may_be_new: bool) -> Result<(), JournalError> {
        let refuse = |reason: String| {
            Err(JournalError::NotAJournal { path: self.path.to_path_buf(), reason })
        };
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return refuse("it is not a directory".into()),
            Err(error) => return Err(JournalError::io("open", &self.path, 0, error)),
        }
        let names = self.names()?;
        if names.iter().any(|name| segment_of_name(name).is_some()) {
            return Ok(());
        }
        if !may_be_new {
            return refuse("it holds no segment".into());
        }
        // What a start that was cut short can have left.
        let is_ours = |name: &str| name == LOCK_NAME || name.ends_with(".new");
        match names.iter().find(|name| !is_ours(name)) {
            Some(name) => refuse(format!("it holds no segment, but `{name}`")),
            None => Ok(()),
        }
    }

    /// Finds out what can write here: the best that works, or `wanted`. And, for people, what is
    /// missing if the best does not work.
    fn probe(&self, wanted: Option<Backend>) -> Result<(Backend, Option<String>), JournalError> {
        if wanted == Some(Backend::Buffered) {
            return Ok((Backend::Buffered, None));
        }
        let path = self.path(PROBE_NAME);
        let _ = fs::remove_file(&path);
        let block = Buffer::new(BLOCK_BYTES);
        let opened = private()
            .write(true)
            .create_new(true)
            .custom_flags(libc::O_DIRECT)
            .open(&path)
            .and_then(|file| match direct::write_durably_at(&file, block.bytes(), 0) {
                Ok(BLOCK_BYTES) => Ok(file),
                Ok(_) => Err(io::ErrorKind::WriteZero.into()),
                Err(error) => Err(error),
            });
        let result = match opened {
            Ok(_) if wanted == Some(Backend::Threads) => Ok((Backend::Threads, None)),
            Ok(file) => match uring::try_out(&file, &block) {
                Ok(()) => Ok((Backend::Uring, None)),
                Err(error) if wanted.is_some() => {
                    Err(JournalError::io("write with io_uring to", &path, 0, error))
                }
                Err(error) => {
                    Ok((Backend::Threads, Some(format!("io_uring does not work here ({error})"))))
                }
            },
            Err(error) if wanted.is_none() && is_unsupported(&error) => {
                let missing = format!("direct, durable writes do not work here ({error})");
                Ok((Backend::Buffered, Some(missing)))
            }
            Err(error) => Err(JournalError::io("write directly to", &path, 0, error)),
        };
        if path.exists() {
            fs::remove_file(&path).map_err(|error| JournalError::io("remove", &path, 0, error))?;
        }
        result
    }
}

/// Whether the system says that it cannot, rather than that it failed.
fn is_unsupported(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    matches!(number, Some(libc::EINVAL | libc::EOPNOTSUPP | libc::ENOSYS | libc::EPERM))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

fn sync_parent(path: &Path) -> Result<(), JournalError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| JournalError::io("sync", parent, 0, error))
}

impl Files for Directory {
    type File = DiskFile;

    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.path.to_path_buf() } else { self.path.join(name) }
    }

    fn names(&self) -> Result<Vec<String>, JournalError> {
        let failed = |error| JournalError::io("list", &self.path, 0, error);
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
        let file = File::open(&path).map_err(|error| JournalError::io("open", path, 0, error))?;
        Ok(Mapped::new(&file))
    }

    fn create(&self, name: &str) -> Result<DiskFile, JournalError> {
        let mut options = private();
        options.write(true).create(true).truncate(true);
        DiskFile::open(&mut options, self.path(name), self.mode)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), JournalError> {
        let from = self.path(from);
        fs::rename(&from, self.path(to))
            .map_err(|error| JournalError::io("rename", &from, 0, error))
    }

    fn remove(&self, name: &str) -> Result<(), JournalError> {
        let path = self.path(name);
        fs::remove_file(&path).map_err(|error| JournalError::io("remove", &path, 0, error))
    }

    fn sync_dir(&self) -> Result<(), JournalError> {
        File::open(&self.path)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| JournalError::io("sync", &self.path, 0, error))
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
            options.custom_flags(libc::O_DIRECT);
        }
        match options.open(&path) {
            Ok(file) => Ok(DiskFile { file, path, mode }),
            Err(error) => Err(JournalError::io("open", path, 0, error)),
        }
    }

    fn failed(&self, operation: &'static str, offset: u64, error: io::Error) -> JournalError {
        JournalError::io(operation, &self.path, offset, error)
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
        Ok(metadata.map_err(|error| self.failed("measure", 0, error))?.len())
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
            Err(error) => Err(self.failed("reserve space in", 0, error)),
            Ok(()) => Ok(()),
        }
    }

    fn sync(&self) -> Result<(), JournalError> {
        self.file.sync_data().map_err(|error| self.failed("sync", 0, error))
    }
}
