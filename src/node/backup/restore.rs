//! Makes a data directory of a backup.
//!
//! The files get their names last, snapshots first and then segments from the last to the first: a
//! start on a directory that is half restored finds no journal, or one that reaches its end.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::Path;

use super::copy::{Part, copy, names, rename, sync_names};
use super::manifest::Manifest;
use super::{BackupError, failed};
use crate::NodeError;
use ringfence_journal::{
    BACKUP_NAME, DataDir, Directory, Key, Reader, WriteMode, give_up_after, require_key,
    segment_name, segment_of_name, snapshot_of_name,
};

/// What files are called until all of them are there.
const UNFINISHED: &str = ".restoring";

/// What was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// The last command that is there.
    pub last_sequence: u64,
    /// The engine's timestamp of that command, in nanoseconds.
    pub last_timestamp: u64,
    /// When the backup was made, in nanoseconds since the Unix epoch.
    pub backup_made_ns: u64,
    /// Epoch in which the journal goes on.
    pub epoch: u16,
    /// Bytes that were copied.
    pub bytes: u64,
}

/// Which commands the original had acknowledged that the backup does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// None: the original was stopped before the backup was made, and did not run again.
    NoMore,
    /// Some, it is not known how many.
    Unknown,
    /// Those up to this sequence.
    UpTo(u64),
}

/// Makes the data directory `to`, which is empty or does not exist while its parent does, of the
/// backup in `from`. Unless the original acknowledged no more commands than the backup holds, an
/// epoch begins: so clients and consumers that have seen more learn of it.
///
/// # Errors
///
/// [`NodeError::Backup`], [`NodeError::Journal`]. What was begun is no journal yet, or a whole one.
pub fn restore(
    from: &Path,
    to: &Path,
    acknowledged: Acknowledged,
    key: Option<Key>,
) -> Result<Restored, NodeError> {
    let manifest = Manifest::read(from)?.ok_or_else(|| BackupError::NoBackup {
        path: from.to_owned(),
        reason: format!("there is no {BACKUP_NAME}: none was finished"),
    })?;
    let last = manifest.last_sequence;
    let acknowledged = match acknowledged {
        Acknowledged::NoMore => last,
        Acknowledged::Unknown => last + 1,
        Acknowledged::UpTo(sequence) => sequence.max(last),
    };
    if acknowledged > last {
        // The frame that begins an epoch is sealed.
        require_key(&Directory::new(from, WriteMode::Buffered), key.as_ref())?;
    }
    make_place(to)?;
    let parts = parts(from, &manifest)?;
    let mut bytes = 0;
    for (name, part) in &parts {
        bytes += copy(&from.join(name), &to.join(name.clone() + UNFINISHED), *part)?;
    }
    sync_names(to)?;
    for (name, _) in &parts {
        rename(&to.join(name.clone() + UNFINISHED), &to.join(name))?;
    }
    sync_names(to)?;
    check(to, &manifest, key)?;
    let mut epoch = manifest.epoch;
    if acknowledged > last {
        let dir = DataDir::open(to)?;
        give_up_after(&dir, acknowledged, key)?;
        epoch += 1;
    }
    give_to_owner(to)?;
    Ok(Restored {
        last_sequence: last,
        last_timestamp: manifest.last_timestamp,
        backup_made_ns: manifest.made_ns,
        epoch,
        bytes,
    })
}

/// Makes the directory where it is missing. One that was interrupted is taken up again.
fn make_place(to: &Path) -> Result<(), BackupError> {
    match DirBuilder::new().mode(0o700).create(to) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed("create", to)(error)),
    }
    let names = names(to)?;
    let is_other = |name: &&String| !name.ends_with(UNFINISHED) && *name != "lost+found";
    if let Some(name) = names.iter().find(is_other) {
        return Err(BackupError::NotEmpty { path: to.to_owned(), name: name.clone() });
    }
    for name in names.iter().filter(|name| name.ends_with(UNFINISHED)) {
        let path = to.join(name);
        fs::remove_file(&path).map_err(failed("remove", &path))?;
    }
    Ok(())
}

/// What is copied, in the order in which it gets its names.
fn parts(from: &Path, manifest: &Manifest) -> Result<Vec<(String, Part)>, BackupError> {
    let names = names(from)?;
    let is_within = |name: &&String| {
        snapshot_of_name(name).is_some_and(|sequence| sequence <= manifest.last_sequence)
    };
    let mut parts: Vec<(String, Part)> =
        names.iter().filter(is_within).map(|name| (name.clone(), Part::Whole)).collect();
    if names.iter().any(|name| name == "subscriptions") {
        parts.push(("subscriptions".to_owned(), Part::Whole));
    }
    // What came after the last backup that was finished is left out.
    let end = Part::UpTo(manifest.end_offset);
    let mut segments: Vec<u32> = names.iter().filter_map(|name| segment_of_name(name)).collect();
    segments.retain(|segment| *segment <= manifest.segment);
    segments.sort_unstable_by(|one, other| other.cmp(one));
    parts.extend(segments.into_iter().map(|segment| {
        let part = if segment == manifest.segment { end } else { Part::Whole };
        (segment_name(segment), part)
    }));
    Ok(parts)
}

/// Reads all of the journal that was restored.
fn check(to: &Path, manifest: &Manifest, key: Option<Key>) -> Result<(), NodeError> {
    let dir = DataDir::open_to_read(to)?;
    let mut reader = Reader::open_kept(&dir, key)?;
    while reader.next_entry()?.is_some() {}
    let (found, expected) = (reader.last_sequence(), manifest.last_sequence);
    if found == expected && reader.tail().is_none() {
        return Ok(());
    }
    // What is wrong with the last frame of a journal reads like a frame that was being written.
    let place = match reader.tail() {
        Some(tail) => {
            format!("{} at byte {}: {}", segment_name(tail.segment), tail.offset, tail.fault)
        }
        None => {
            let (segment, offset) = reader.end();
            format!("{} at byte {offset}: nothing follows", segment_name(segment))
        }
    };
    let reason = format!("it ends with sequence {found}, not {expected}; {place}");
    Err(BackupError::ReadsBackOther { path: to.to_owned(), reason }.into())
}

/// Gives the files to the owner of the directory: who restores may be another user than the
/// engine's, with the right to do so.
fn give_to_owner(to: &Path) -> Result<(), BackupError> {
    let owner = fs::metadata(to).map_err(failed("look at", to))?;
    for name in names(to)? {
        let path = to.join(name);
        let metadata = fs::symlink_metadata(&path).map_err(failed("look at", &path))?;
        if (metadata.uid(), metadata.gid()) != (owner.uid(), owner.gid()) {
            chown(&path, Some(owner.uid()), Some(owner.gid()))
                .map_err(failed("give away", &path))?;
        }
    }
    Ok(())
}
