//! The data directory: its locks, and what can write there.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use super::buffer::Buffer;
use super::direct;
use super::directory::{Directory, WriteMode, open_regular, private};
use super::error::JournalError;
use super::files::{Files, OpenFile};
use super::format::BLOCK_BYTES;
use super::lock::{Lock, check_begun, open_lock};
use super::segments::{is_new, is_unfinished};
use super::uring;
use super::witness::{LOCK_NAME, WITNESS_NAME};

/// The file that a process which makes a snapshot holds locked.
const SNAPSHOT_LOCK_NAME: &str = "snapshot.lock";
/// The file that says what a backup holds. No engine runs on a directory with it.
pub const BACKUP_NAME: &str = "backup.json";
/// The file with which direct I/O is tried out.
const PROBE_NAME: &str = "probe.new";
/// The mode's bits by which a group or everybody may write.
const OTHERS_WRITE: u32 = 0o022;
/// Those by which they may reach what is in a directory.
const OTHERS_ENTER: u32 = 0o011;
/// Fewest writes that are timed to know what one takes.
const PROBE_WRITES_MIN: usize = 3;
/// Most writes that are timed.
const PROBE_WRITES_MAX: usize = 51;
/// After so long no further write is timed.
const PROBE_TIME: Duration = Duration::from_millis(10);

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
    lock: Option<Lock>,
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
            Err(error) => return Err(JournalError::io_whole("create", path, error)),
        }
        let directory = Directory::new(path, WriteMode::Buffered);
        check_is_journal(&directory, true)?;
        let lock = Lock::take(&directory)?;
        check_begun(&directory)?;
        remove_leftovers(&directory)?;
        let (backend, missing) = probe(&directory, wanted)?;
        let mode = match backend {
            Backend::Uring | Backend::Threads => WriteMode::Direct,
            Backend::Buffered => WriteMode::Buffered,
        };
        let directory = Directory::new(path, mode).holding(lock.held(&directory)?);
        let missing = missing.map(|missing| format!("{missing}; falling back on {mode}"));
        let said = [missing, open_to_others(&directory)?];
        let said = said.into_iter().flatten().collect::<Vec<String>>().join("; ");
        let shortcoming = (!said.is_empty()).then_some(said);
        Ok(DataDir { directory, backend, shortcoming, lock: Some(lock) })
    }

    /// Opens `path` only to read: takes no lock, changes nothing.
    ///
    /// # Errors
    ///
    /// [`JournalError::NotAJournal`] if no journal is there, [`JournalError::Io`].
    pub fn open_to_read(path: &Path) -> Result<DataDir, JournalError> {
        let directory = Directory::new(path, WriteMode::Buffered);
        check_is_journal(&directory, false)?;
        Ok(DataDir { directory, backend: Backend::Buffered, shortcoming: None, lock: None })
    }

    /// Whether an engine holds the directory, this process or another. Disturbs none that is
    /// starting.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn is_held(&self) -> Result<bool, JournalError> {
        if self.lock.is_some() {
            return Ok(true);
        }
        let path = self.directory.path(LOCK_NAME);
        if !path.exists() {
            return Ok(false);
        }
        let lock = open_regular(private().read(true), &path)?;
        direct::is_locked(&lock)
            .map_err(|error| JournalError::io_whole("ask for the lock of", &path, error))
    }

    /// Takes the lock that lets one process at a time make snapshots, beside an engine or not. Held
    /// until the value is dropped.
    ///
    /// # Errors
    ///
    /// [`JournalError::SnapshotInProgress`] if another process holds it, [`JournalError::Io`].
    pub fn lock_snapshots(&self) -> Result<SnapshotLock, JournalError> {
        let path = self.directory.path(SNAPSHOT_LOCK_NAME);
        let lock = open_lock(&path)?;
        match direct::try_lock(&lock) {
            Ok(true) => Ok(SnapshotLock(lock)),
            Ok(false) => Err(JournalError::SnapshotInProgress { path: self.path().to_path_buf() }),
            Err(error) => Err(JournalError::io_whole("lock", &path, error)),
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
        self.directory.root()
    }

    /// How its files are written, found out when it was opened to write.
    #[must_use]
    pub fn write_mode(&self) -> WriteMode {
        self.directory.mode()
    }

    /// How long one durable write of one block takes just now, from the thread that calls, which
    /// waits: the median of a few, in nanoseconds.
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
        let timed = self.time_writes();
        // Of a disk without room it may be all that is left.
        let removed = self.directory.remove(PROBE_NAME);
        let mut taken_ns = timed?;
        removed?;
        taken_ns.sort_unstable();
        Ok(taken_ns[taken_ns.len() / 2])
    }

    /// Writes one block again and again; how long each write took, in nanoseconds.
    fn time_writes(&self) -> Result<Vec<u64>, JournalError> {
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
        Ok(taken_ns)
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

/// Removes what was being made when an engine stopped: on a full disk it may have all that is left.
fn remove_leftovers(directory: &Directory) -> Result<(), JournalError> {
    for name in directory.names()?.iter().filter(|name| *name == PROBE_NAME || is_unfinished(name))
    {
        directory.remove(name)?;
    }
    Ok(())
}

/// For people: who else may write in the directory, or to a file that can be reached there.
fn open_to_others(directory: &Directory) -> Result<Option<String>, JournalError> {
    let metadata = fs::metadata(directory.root())
        .map_err(|error| JournalError::io_whole("look for", directory.root(), error))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS_WRITE != 0 {
        return Ok(Some(format!("others may write there: its mode is {mode:04o}")));
    }
    if mode & OTHERS_ENTER == 0 {
        return Ok(None);
    }
    let mut names = directory.names()?;
    names.sort_unstable();
    Ok(names.into_iter().find_map(|name| {
        // What is removed meanwhile is open to nobody.
        let metadata = fs::symlink_metadata(directory.path(&name)).ok()?;
        let mode = metadata.permissions().mode() & 0o7777;
        let is_open = metadata.is_file() && mode & OTHERS_WRITE != 0;
        is_open.then(|| format!("others may write to {name}: its mode is {mode:04o}"))
    }))
}

/// Whether the directory holds a journal, or with `may_be_new` nothing yet.
fn check_is_journal(directory: &Directory, may_be_new: bool) -> Result<(), JournalError> {
    let refuse = |reason: String| {
        Err(JournalError::NotAJournal { path: directory.root().to_path_buf(), reason })
    };
    match fs::metadata(directory.root()) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return refuse("it is not a directory".into()),
        Err(error) => return Err(JournalError::io_whole("open", directory.root(), error)),
    }
    let names = directory.names()?;
    if may_be_new && names.iter().any(|name| name == BACKUP_NAME) {
        return refuse("it is a backup: `ringfence restore` makes a data directory of it".into());
    }
    if !is_new(directory)? {
        return Ok(());
    }
    if !may_be_new {
        return refuse("it holds no segment".into());
    }
    // What a start that was cut short can have left.
    let is_ours = |name: &str| name == LOCK_NAME || name.ends_with(".new");
    match names.iter().find(|name| !is_ours(name)) {
        Some(name) if name == WITNESS_NAME => {
            refuse(format!("all its segments are gone, but `{name}` says that there were some"))
        }
        Some(name) => refuse(format!("it holds no segment, but `{name}`")),
        None => Ok(()),
    }
}

/// Finds out what can write here: the best that works, or `wanted`. And, for people, what is
/// missing if the best does not work.
fn probe(
    directory: &Directory,
    wanted: Option<Backend>,
) -> Result<(Backend, Option<String>), JournalError> {
    if wanted == Some(Backend::Buffered) {
        return Ok((Backend::Buffered, None));
    }
    let path = directory.path(PROBE_NAME);
    let block = Buffer::new(BLOCK_BYTES);
    let opened =
        private().write(true).create_new(true).custom_flags(libc::O_DIRECT).open(&path).and_then(
            |file| match direct::write_durably_at(&file, block.bytes(), 0) {
                Ok(BLOCK_BYTES) => Ok(file),
                Ok(_) => Err(io::ErrorKind::WriteZero.into()),
                Err(error) => Err(error),
            },
        );
    let result = match opened {
        Ok(_) if wanted == Some(Backend::Threads) => Ok((Backend::Threads, None)),
        Ok(file) => match uring::try_out(&file, &block) {
            Ok(()) => Ok((Backend::Uring, None)),
            Err(error) if wanted.is_some() => {
                Err(JournalError::io_whole("write with io_uring to", &path, error))
            }
            Err(error) => {
                Ok((Backend::Threads, Some(format!("io_uring does not work here ({error})"))))
            }
        },
        Err(error) if wanted.is_none() && is_unsupported(&error) => {
            let missing = format!("direct, durable writes do not work here ({error})");
            Ok((Backend::Buffered, Some(missing)))
        }
        // A journal that is there may still have room within.
        Err(error) if wanted.is_none() && error.kind() == io::ErrorKind::StorageFull => {
            let missing = format!("there is no room to try direct writes ({error})");
            Ok((Backend::Buffered, Some(missing)))
        }
        Err(error) => Err(JournalError::io_whole("write directly to", &path, error)),
    };
    if path.exists() {
        fs::remove_file(&path).map_err(|error| JournalError::io_whole("remove", &path, error))?;
    }
    result
}

/// Whether the system says that it cannot, rather than that it failed.
fn is_unsupported(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    matches!(number, Some(libc::EINVAL | libc::EOPNOTSUPP | libc::ENOSYS | libc::EPERM))
}

fn sync_parent(path: &Path) -> Result<(), JournalError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| JournalError::io_whole("sync", parent, error))
}
