//! Copies of whole files that are kept: never in place of another file, and durable.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::JournalError;

/// Bytes of two files that are compared at a time.
const COMPARED_BYTES: usize = 1024 * 1024;

/// Makes an empty file `to`, so that nobody else gets the name; whether it was free.
pub(super) fn reserve(to: &Path) -> Result<bool, JournalError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(to) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(JournalError::io_whole("create", to, error)),
    }
}

/// Whether `to` is a file of its own with the bytes of `from`.
pub(super) fn is_the_same(from: &Path, to: &Path) -> Result<bool, JournalError> {
    let looked = |path: &Path| {
        // A link to the other file would be nothing without it.
        fs::symlink_metadata(path).map_err(|error| JournalError::io_whole("open", path, error))
    };
    let (ours, theirs) = (looked(from)?, looked(to)?);
    if !theirs.is_file() || ours.len() != theirs.len() {
        return Ok(false);
    }
    let open =
        |path: &Path| File::open(path).map_err(|error| JournalError::io_whole("open", path, error));
    let (mut one, mut other) = (open(from)?, open(to)?);
    let mut buffers = [vec![0; COMPARED_BYTES], vec![0; COMPARED_BYTES]];
    let mut left = ours.len();
    while left > 0 {
        let bytes = left.min(COMPARED_BYTES as u64) as usize;
        let [ours, theirs] = &mut buffers;
        let read = |file: &mut File, path: &Path, bytes: &mut [u8]| {
            file.read_exact(bytes).map_err(|error| JournalError::io_whole("read", path, error))
        };
        read(&mut one, from, &mut ours[..bytes])?;
        read(&mut other, to, &mut theirs[..bytes])?;
        if ours[..bytes] != theirs[..bytes] {
            return Ok(false);
        }
        left -= bytes as u64;
    }
    Ok(true)
}

/// Copies `from` to the name `to`, which is reserved, through a temporary name.
pub(super) fn copy_durably(from: &Path, to: &Path) -> Result<(), JournalError> {
    let mut temporary = to.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    // Of a copy that was interrupted.
    remove_if_there(&temporary)?;
    let mut source =
        File::open(from).map_err(|error| JournalError::io_whole("open", from, error))?;
    let copied =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).and_then(
            |mut copy| {
                io::copy(&mut source, &mut copy)?;
                copy.sync_all()
            },
        );
    let copied =
        copied.map_err(|error| JournalError::io_whole("write", &temporary, error)).and_then(|()| {
            fs::rename(&temporary, to)
                .map_err(|error| JournalError::io_whole("rename", &temporary, error))
        });
    if copied.is_err() {
        // It may be all that the disk has left.
        drop(fs::remove_file(&temporary));
    }
    copied
}

/// Keeps a copy of the file `path` beside it, as `NAME.aside`, or under a number if that name is
/// taken. A copy that is there already is not made again. Gives its path.
pub(super) fn keep_aside(path: &Path) -> Result<PathBuf, JournalError> {
    for copy in 1_u32.. {
        let mut aside = path.as_os_str().to_owned();
        aside.push(if copy == 1 { ".aside".to_owned() } else { format!(".aside.{copy}") });
        let aside = PathBuf::from(aside);
        if reserve(&aside)? {
            if let Err(error) = copy_durably(path, &aside) {
                // The name was reserved for nothing.
                drop(fs::remove_file(&aside));
                return Err(error);
            }
            return Ok(aside);
        }
        if is_the_same(path, &aside)? {
            return Ok(aside);
        }
    }
    unreachable!("names do not run out")
}

pub(super) fn remove_if_there(path: &Path) -> Result<(), JournalError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(JournalError::io_whole("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Makes a file, or the names in a directory, durable.
pub(super) fn sync(path: &Path) -> Result<(), JournalError> {
    File::open(path)
        .and_then(|opened| opened.sync_all())
        .map_err(|error| JournalError::io_whole("sync", path, error))
}
