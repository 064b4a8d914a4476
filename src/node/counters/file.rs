//! The file in the data directory that shows the numbers to other processes, also of an engine that
//! hangs or has died.
//!
//! ```text
//!   counters   "ringfence counters 1 CRC-32C LENGTH\n" {"version":…}
//! ```
//!
//! It is overwritten in place, without a sync: it holds nothing that anybody relies on.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::Reading;

/// Name of the file in the data directory.
pub const COUNTERS_FILE: &str = "counters";
/// What it begins with: name and version of the form.
const MAGIC: &str = "ringfence counters 1";
/// More than that is not read.
const BYTES_MAX: u64 = 1024 * 1024;
/// How often it is read again where it was being written meanwhile.
const READ_AGAIN: u32 = 20;
const READ_AGAIN_AFTER: Duration = Duration::from_millis(2);

/// Writes the file.
#[derive(Debug)]
pub struct CountersFile {
    path: PathBuf,
    file: File,
    bytes: Vec<u8>,
}

impl CountersFile {
    /// Opens the file in `dir`, which its engine has locked; made with the mode 0600 if it is not
    /// there.
    ///
    /// # Errors
    ///
    /// If it cannot be made, or is no plain file.
    pub fn open(dir: &Path) -> io::Result<CountersFile> {
        let path = dir.join(COUNTERS_FILE);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no plain file"));
        }
        Ok(CountersFile { path, file, bytes: Vec::new() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `reading` over what stands there.
    ///
    /// # Errors
    ///
    /// If it cannot be written, as on a full disk.
    pub fn write(&mut self, reading: &Reading) -> io::Result<()> {
        let text = serde_json::to_vec(reading).expect("numbers and names can be written as JSON");
        self.bytes.clear();
        let head = format!("{MAGIC} {:08x} {}\n", crc32c::crc32c(&text), text.len());
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(&text);
        self.file.write_all_at(&self.bytes, 0)
    }
}

/// What the file says.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadCounters {
    /// The last numbers.
    Reading(Box<Reading>),
    /// There is no file: no engine of a version that writes it has run here.
    Missing,
    /// It is not as it was written.
    Damaged,
}

/// Reads the numbers that the engine on `dir` wrote last. Needs no lock.
///
/// # Errors
///
/// If the file cannot be read.
pub fn read_counters(dir: &Path) -> io::Result<ReadCounters> {
    for _ in 0..READ_AGAIN {
        let bytes = match fs::symlink_metadata(dir.join(COUNTERS_FILE)) {
            Ok(found) if found.is_file() && found.len() <= BYTES_MAX => {
                fs::read(dir.join(COUNTERS_FILE))?
            }
            Ok(_) => return Ok(ReadCounters::Damaged),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(ReadCounters::Missing);
            }
            Err(error) => return Err(error),
        };
        if let Some(reading) = decode(&bytes) {
            return Ok(ReadCounters::Reading(Box::new(reading)));
        }
        thread::sleep(READ_AGAIN_AFTER);
    }
    Ok(ReadCounters::Damaged)
}

fn decode(bytes: &[u8]) -> Option<Reading> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let head = str::from_utf8(&bytes[..end]).ok()?.strip_prefix(MAGIC)?;
    let mut fields = head.split_ascii_whitespace();
    let checksum = u32::from_str_radix(fields.next()?, 16).ok()?;
    let length: usize = fields.next()?.parse().ok()?;
    let text = bytes[end + 1..].get(..length)?;
    (crc32c::crc32c(text) == checksum).then(|| serde_json::from_slice(text).ok())?
}

#[cfg(test)]
mod tests {
    use super::super::{Counters, State};
    use super::*;
    use crate::History;

    fn reading(state: State) -> Reading {
        Counters::default().reading(History::default(), None, state)
    }

    #[test]
    fn what_was_written_last_is_read_and_what_is_cut_or_changed_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        assert_eq!(read_counters(dir).unwrap(), ReadCounters::Missing);
        let mut file = CountersFile::open(dir).unwrap();
        // The second is shorter by a byte.
        for state in [State::Starting, State::Stopped] {
            let reading = reading(state);
            file.write(&reading).unwrap();
            assert_eq!(read_counters(dir).unwrap(), ReadCounters::Reading(Box::new(reading)));
        }
        let bytes = fs::read(file.path()).unwrap();
        for changed in [0, MAGIC.len() + 1, bytes.len() / 2] {
            let mut damaged = bytes.clone();
            damaged[changed] ^= 1;
            assert_eq!(decode(&damaged), None, "byte {changed}");
        }
        for length in 0..bytes.len() - 1 {
            assert_eq!(decode(&bytes[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn what_is_no_plain_file_is_neither_read_nor_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(COUNTERS_FILE);
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(CountersFile::open(folder.path()).is_err());
        assert_eq!(read_counters(folder.path()).unwrap(), ReadCounters::Damaged);
        assert!(!folder.path().join("elsewhere").exists());
    }
}
