//! Makes a backup, or brings one up to date.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::copy::{Part, copy, names, rename, sync_names, write_durably};
use super::manifest::Manifest;
use super::{BackupError, failed};
use crate::{Clock, NodeError};
use ringfence_journal::{
    Anchor, DataDir, Directory, Entry, Key, Reader, Snapshot, Step, Trail, WriteMode,
    first_segment, replay_place, segment_name, segment_of_name, snapshot_name, snapshots,
};

/// Positions of named subscriptions, beside the journal.
const SUBSCRIPTIONS: &str = "subscriptions";
/// How long an engine may take to mark as durable what it has answered.
const MARKS_MAX: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(10);

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// The last command in it.
    pub last_sequence: u64,
    /// The engine's timestamp of that command, in nanoseconds.
    pub last_timestamp: u64,
    /// Segments that were copied.
    pub segments: u64,
    /// Snapshots that were copied.
    pub snapshots: u64,
    /// Bytes that were copied.
    pub bytes: u64,
}

/// Copies to the directory `to`, which exists, what the journal in `dir` holds durably and the
/// backup there does not; an engine may be running on `dir`. `read` is told how many commands were
/// read. With a key, seals are checked too. `None` if nothing is durable yet.
///
/// # Errors
///
/// [`NodeError::Backup`], [`NodeError::Journal`]. The backup that was there is as good as before.
pub fn make(
    dir: &DataDir,
    to: &Path,
    key: Option<Key>,
    mut read: impl FnMut(u64),
) -> Result<Option<BackedUp>, NodeError> {
    check_place(dir, to)?;
    // No segment and no snapshot goes while this is held.
    let _lock = dir.lock_snapshots()?;
    let before = Manifest::read(to)?;
    // Read before the journal: so no place is ahead of the commands that are copied.
    let subscriptions = subscriptions(dir)?;
    let start = start(dir, to, before.as_ref(), key)?;
    wait_for_marks(dir, start.as_ref(), key)?;
    let Some((anchor, end_offset)) = durable_end(dir, start.as_ref(), key, &mut read)? else {
        return Ok(None);
    };
    let first = start.as_ref().map_or(1, |start| start.segment);
    let mut made = BackedUp {
        last_sequence: anchor.last_sequence,
        last_timestamp: anchor.last_timestamp,
        segments: 0,
        snapshots: 0,
        bytes: 0,
    };
    let least = start.as_ref().filter(|_| before.is_none()).map_or(0, |start| start.last_sequence);
    copy_snapshots(dir, to, least..=anchor.last_sequence, key, &mut made)?;
    if before.as_ref().is_none_or(|before| before.last_sequence < anchor.last_sequence) {
        for segment in first..=anchor.segment {
            let part = match segment == anchor.segment {
                true => Part::UpTo(end_offset),
                false => Part::Whole,
            };
            made.bytes += put(dir.path(), to, &segment_name(segment), part)?;
            made.segments += 1;
        }
    }
    sync_names(to)?;
    check_copy(to, start.as_ref(), &anchor, key)?;
    Manifest::new(&anchor, end_offset, Clock::System.read_ns()).write(to)?;
    if let Some(bytes) = subscriptions {
        write_durably(to, SUBSCRIPTIONS, &bytes)?;
    }
    Ok(Some(made))
}

/// A place that does not exist is not made: a name that was mistyped, or a disk that is not
/// mounted, must not pass for one.
fn check_place(dir: &DataDir, to: &Path) -> Result<(), BackupError> {
    let refused = |reason: String| Err(BackupError::NoPlace { path: to.to_owned(), reason });
    match fs::canonicalize(to) {
        Ok(path) if !path.is_dir() => return refused("it is no directory".to_owned()),
        Ok(path) => {
            let own = fs::canonicalize(dir.path()).map_err(failed("look for", dir.path()))?;
            if path == own {
                return refused("it is the data directory itself".to_owned());
            }
        }
        Err(error) => return refused(format!("{error}; it is not made: make it first")),
    }
    if Manifest::read(to)?.is_some() {
        return Ok(());
    }
    // A first backup that was cut short leaves these.
    let is_ours = |name: &String| {
        let made = name.strip_suffix(".new").unwrap_or(name);
        segment_of_name(made).is_some() || made.ends_with(".snapshot") || made == "lost+found"
    };
    let is_engine = ["lock", "witness"].iter().any(|name| to.join(name).exists());
    match names(to)?.into_iter().find(|name| is_engine || !is_ours(name)) {
        Some(name) => refused(format!("it holds no backup, but {name}")),
        None => Ok(()),
    }
}

/// Waits until the engine, if one runs, has marked as durable what stands in the journal now. It
/// answers a command before it marks it, with the next group or when it is idle: so the copy holds
/// all that was answered before it was begun. An engine that does not come to it is not waited for
/// longer than [`MARKS_MAX`].
fn wait_for_marks(
    dir: &DataDir,
    start: Option<&Anchor>,
    key: Option<Key>,
) -> Result<(), NodeError> {
    let until = Instant::now() + MARKS_MAX;
    if !dir.is_held()? {
        return Ok(());
    }
    let Some(mut trail) = Trail::open(dir.files(), key, u64::MAX)? else { return Ok(()) };
    let mut last_sequence = 0;
    while let Step::Batch(Entry::Batch { first_sequence, commands, .. }) = trail.next_batch()? {
        last_sequence = first_sequence + commands.len() as u64 - 1;
        if Instant::now() > until {
            return Ok(());
        }
    }
    let marked = || Reader::open_durable(dir.files(), start, key).map(|reader| reader.limit());
    while marked()? < Some(last_sequence) && dir.is_held()? && Instant::now() < until {
        thread::sleep(LOOK);
    }
    Ok(())
}

fn subscriptions(dir: &DataDir) -> Result<Option<Vec<u8>>, BackupError> {
    let path = dir.path().join(SUBSCRIPTIONS);
    match path.exists() {
        true => fs::read(&path).map(Some).map_err(failed("read", &path)),
        false => Ok(None),
    }
}

/// The batch behind which the journal is copied; `None`: from its first command on.
fn start(
    dir: &DataDir,
    to: &Path,
    before: Option<&Manifest>,
    key: Option<Key>,
) -> Result<Option<Anchor>, NodeError> {
    let first = first_segment(dir.files())?;
    let Some(before) = before else {
        return Ok(match first.segment {
            1 => None,
            // The oldest snapshot from which what is there goes on.
            _ => replay_place(dir.files(), key, 0)?,
        });
    };
    let anchor = before.anchor().expect("it was read");
    let other = |reason: String| BackupError::OtherHistory {
        path: to.to_owned(),
        sequence: anchor.last_sequence,
        reason,
    };
    if first.journal_id != anchor.journal_id {
        return Err(other("it is another journal".to_owned()).into());
    }
    if first.segment > anchor.segment {
        return Err(other(format!("{} is gone", segment_name(anchor.segment))).into());
    }
    // The batch has to stand there as it stands in the backup.
    Reader::open_durable(dir.files(), Some(&anchor), key)
        .map_err(|error| other(error.to_string()))?;
    Ok(Some(anchor))
}

/// Reads what is durable behind `start`; its last batch, and where that ends.
fn durable_end(
    dir: &DataDir,
    start: Option<&Anchor>,
    key: Option<Key>,
    read: &mut impl FnMut(u64),
) -> Result<Option<(Anchor, u64)>, NodeError> {
    let mut reader = Reader::open_durable(dir.files(), start, key)?;
    let from = reader.last_sequence();
    while reader.next_entry()?.is_some() {
        read(reader.last_sequence() - from);
    }
    Ok(reader.anchor().map(|anchor| (*anchor, reader.end().1)))
}

fn copy_snapshots(
    dir: &DataDir,
    to: &Path,
    of: std::ops::RangeInclusive<u64>,
    key: Option<Key>,
    made: &mut BackedUp,
) -> Result<(), NodeError> {
    for sequence in snapshots(dir.files())?.into_iter().filter(|it| of.contains(it)) {
        let name = snapshot_name(sequence);
        if to.join(&name).exists() {
            continue;
        }
        // A damaged one is not copied: the journal holds all that it does.
        if Snapshot::open_with(dir.files(), sequence, key).and_then(|it| it.check()).is_err() {
            continue;
        }
        made.bytes += put(dir.path(), to, &name, Part::Whole)?;
        made.snapshots += 1;
    }
    Ok(())
}

/// Copies a file, in place of what has its name there.
fn put(dir: &Path, to: &Path, name: &str, part: Part) -> Result<u64, BackupError> {
    let temporary = to.join(format!("{name}.new"));
    let copied = copy(&dir.join(name), &temporary, part);
    if copied.is_err() {
        // It may be all that the disk has left.
        drop(fs::remove_file(&temporary));
    }
    let bytes = copied?;
    rename(&temporary, &to.join(name))?;
    Ok(bytes)
}

/// Checks that the copy goes on from `start` to the batch of `anchor`.
fn check_copy(
    to: &Path,
    start: Option<&Anchor>,
    anchor: &Anchor,
    key: Option<Key>,
) -> Result<(), NodeError> {
    let files = Directory::new(to, WriteMode::Buffered);
    let mut reader = Reader::open_to_end(&files, start, key)?;
    while reader.next_entry()?.is_some() {}
    let found = reader.anchor();
    if found == Some(anchor) && reader.tail().is_none() {
        return Ok(());
    }
    let reason = format!(
        "it ends with sequence {}, not {}",
        found.map_or(0, |found| found.last_sequence),
        anchor.last_sequence
    );
    Err(BackupError::ReadsBackOther { path: to.to_owned(), reason }.into())
}
