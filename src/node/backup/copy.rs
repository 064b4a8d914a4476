//! Copies of files under their final names only once they are durable and were read back.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::{BackupError, failed};

/// Bytes that are copied at a time.
const COPIED_BYTES: usize = 1024 * 1024;

/// How much of a file is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// So many bytes from its beginning; the rest becomes zeros.
    UpTo(u64),
}

/// Copies `part` of `from` to the new file `to`, durably, and reads it back. Gives its length.
pub(super) fn copy(from: &Path, to: &Path, part: Part) -> Result<u64, BackupError> {
    let written = write_copy(from, to, part)?;
    let read = checksum(to)?;
    if written == read {
        return Ok(written.1);
    }
    let reason = format!("checksum {:#010x}, expected {:#010x}", read.0, written.0);
    Err(BackupError::ReadsBackOther { path: to.to_owned(), reason })
}

/// Checksum and length of what was written.
fn write_copy(from: &Path, to: &Path, part: Part) -> Result<(u32, u64), BackupError> {
    let mut source = File::open(from).map_err(failed("open", from))?;
    let length = source.metadata().map_err(failed("look at", from))?.len();
    let up_to = match part {
        Part::Whole => length,
        Part::UpTo(bytes) => bytes,
    };
    let mut copy = create(to)?;
    let mut buffer = vec![0; COPIED_BYTES];
    let (mut done, mut checksum) = (0, 0);
    while done < length {
        let bytes = &mut buffer[..COPIED_BYTES.min((length - done) as usize)];
        let copied = (up_to.saturating_sub(done) as usize).min(bytes.len());
        source.read_exact(&mut bytes[..copied]).map_err(failed("read", from))?;
        bytes[copied..].fill(0);
        copy.write_all(bytes).map_err(failed("write", to))?;
        checksum = crc32c::crc32c_append(checksum, bytes);
        done += bytes.len() as u64;
    }
    copy.sync_all().map_err(failed("sync", to))?;
    forget(&copy);
    Ok((checksum, length))
}

fn checksum(path: &Path) -> Result<(u32, u64), BackupError> {
    let mut file = File::open(path).map_err(failed("open", path))?;
    let mut buffer = vec![0; COPIED_BYTES];
    let (mut checksum, mut length) = (0, 0);
    loop {
        let count = file.read(&mut buffer).map_err(failed("read", path))?;
        if count == 0 {
            return Ok((checksum, length));
        }
        checksum = crc32c::crc32c_append(checksum, &buffer[..count]);
        length += count as u64;
    }
}

/// Has the system forget what it keeps of a file in memory, so that it is read from the disk.
#[cfg(target_os = "linux")]
fn forget(file: &File) {
    // Where it is kept all the same, less is found by reading it back.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

/// Other systems read what they keep.
#[cfg(not(target_os = "linux"))]
fn forget(_: &File) {}

fn create(path: &Path) -> Result<File, BackupError> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(failed("create", path))
}

/// Writes the file `name` in `dir` in place of what has its name, durably.
pub(super) fn write_durably(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), BackupError> {
    let temporary = dir.join(format!("{name}.new"));
    let mut file = create(&temporary)?;
    file.write_all(bytes).map_err(failed("write", &temporary))?;
    file.sync_all().map_err(failed("sync", &temporary))?;
    rename(&temporary, &dir.join(name))?;
    sync_names(dir)
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::rename(from, to).map_err(failed("rename", from))
}

/// Makes the names in a directory durable.
pub(super) fn sync_names(dir: &Path) -> Result<(), BackupError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync", dir))
}

/// The names in a directory.
pub(super) fn names(dir: &Path) -> Result<Vec<String>, BackupError> {
    let entries = fs::read_dir(dir).map_err(failed("read", dir))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect::<std::io::Result<_>>().map_err(failed("read", dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_copied_and_the_rest_is_zeros() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let bytes: Vec<u8> = (0..COPIED_BYTES + 5_000).map(|it| it as u8 | 1).collect();
        fs::write(&from, &bytes).unwrap();
        for up_to in [0, 1, 4_096, COPIED_BYTES, COPIED_BYTES + 1, bytes.len()] {
            let length = copy(&from, &to, Part::UpTo(up_to as u64)).unwrap();
            let copied = fs::read(&to).unwrap();
            assert_eq!((length, copied.len()), (bytes.len() as u64, bytes.len()));
            assert!(copied[..up_to] == bytes[..up_to] && copied[up_to..].iter().all(|it| *it == 0));
        }
        copy(&from, &to, Part::Whole).unwrap();
        assert!(fs::read(&to).unwrap() == bytes);
    }
}
