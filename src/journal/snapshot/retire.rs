//! Takes out of the data directory what newer snapshots make dispensable.
//!
//! # Invariants
//!
//! * The second-newest good snapshot and all of the journal behind it stay: if the newest turns out
//!   to be damaged, a start goes on from the one before.
//! * Segments go one by one, the oldest first, each durably, so that what is left never has a gap.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Snapshot, SnapshotHeader, snapshot_name, snapshots};
use crate::data_dir::DataDir;
use crate::error::JournalError;
use crate::files::Files;
use crate::segments::{segment_name, segment_of_name};

/// What was taken out, by name, in that order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retired {
    /// Segments.
    pub segments: Vec<String>,
    /// Snapshots.
    pub snapshots: Vec<String>,
    /// How many good snapshots there were, up to as many as are kept.
    pub good_snapshots: usize,
}

/// Deletes all but the newest `keep` good snapshots, and the segments that the second-newest covers;
/// or moves both to the directory `archive`, which is made if its parent exists. What is wrong with a
/// snapshot goes to `note`; a damaged one counts for nothing and is not touched while it is newer.
///
/// An engine on the directory is not disturbed: it writes to later segments.
///
/// # Errors
///
/// [`JournalError::Io`]; what was taken out so far is out.
///
/// # Panics
///
/// If `keep` is less than 2.
pub fn retire(
    dir: &DataDir,
    keep: usize,
    archive: Option<&Path>,
    mut note: impl FnMut(String),
) -> Result<Retired, JournalError> {
    assert!(keep >= 2, "a damaged snapshot needs another one to fall back to");
    let files = dir.files();
    let mut good: Vec<SnapshotHeader> = Vec::new();
    for sequence in snapshots(files)?.into_iter().rev() {
        if good.len() == keep {
            break;
        }
        let checked = Snapshot::open(files, sequence)
            .and_then(|snapshot| snapshot.check().map(|()| *snapshot.header()));
        match checked {
            Ok(header) => good.push(header),
            Err(error) => note(format!("passed over a snapshot: {error}")),
        }
    }
    let mut retired = Retired { good_snapshots: good.len(), ..Retired::default() };
    let Some(second_newest) = good.get(1) else { return Ok(retired) };
    if let Some(archive) = archive {
        make_archive(archive)?;
    }
    let mut covered: Vec<u32> = files
        .names()?
        .iter()
        .filter_map(|name| segment_of_name(name))
        .filter(|&segment| segment < second_newest.segment)
        .collect();
    covered.sort_unstable();
    for segment in covered {
        let name = segment_name(segment);
        take_out(dir, &name, archive)?;
        retired.segments.push(name);
    }
    if good.len() == keep {
        let oldest_kept = good[keep - 1].last_sequence;
        for sequence in snapshots(files)?.into_iter().filter(|&it| it < oldest_kept) {
            let name = snapshot_name(sequence);
            take_out(dir, &name, archive)?;
            retired.snapshots.push(name);
        }
    }
    Ok(retired)
}

fn make_archive(archive: &Path) -> Result<(), JournalError> {
    match DirBuilder::new().mode(0o700).create(archive) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(JournalError::io_whole("create", archive, error))
        }
        _ => Ok(()),
    }
}

fn take_out(dir: &DataDir, name: &str, archive: Option<&Path>) -> Result<(), JournalError> {
    let files = dir.files();
    if let Some(archive) = archive {
        let (from, to) = (files.path(name), archive.join(name));
        if to.exists() {
            let error = io::ErrorKind::AlreadyExists.into();
            return Err(JournalError::io_whole("create", to, error));
        }
        match fs::rename(&from, &to) {
            Ok(()) => {
                sync_directory(archive)?;
                return files.sync_dir();
            }
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                copy_durably(&from, &to)?;
                sync_directory(archive)?;
            }
            Err(error) => return Err(JournalError::io_whole("rename", from, error)),
        }
    }
    files.remove(name)?;
    files.sync_dir()
}

fn copy_durably(from: &Path, to: &Path) -> Result<(), JournalError> {
    let mut temporary = to.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let mut source =
        File::open(from).map_err(|error| JournalError::io_whole("open", from, error))?;
    let copied = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut copy| {
            io::copy(&mut source, &mut copy)?;
            copy.sync_all()
        });
    copied.map_err(|error| JournalError::io_whole("write", &temporary, error))?;
    fs::rename(&temporary, to).map_err(|error| JournalError::io_whole("rename", &temporary, error))
}

fn sync_directory(path: &Path) -> Result<(), JournalError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| JournalError::io_whole("sync", path, error))
}
