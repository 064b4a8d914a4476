//! `backup.json`: up to where a backup is good.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use zerocopy::{FromBytes, IntoBytes};

use super::copy::write_durably;
use super::{BackupError, failed};
use ringfence_journal::{Anchor, BACKUP_NAME};
use ringfence_types::Rules;

/// Version of the form.
const VERSION: u32 = 1;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    /// Version of the program that wrote it.
    program: String,
    /// When it was written, in nanoseconds since the Unix epoch.
    pub made_ns: u64,
    journal_id: String,
    /// How many repairs until then gave up commands that had been acknowledged.
    pub epoch: u16,
    /// The last command in it.
    pub last_sequence: u64,
    /// The engine's timestamp of that command, in nanoseconds.
    pub last_timestamp: u64,
    /// The segment that the last batch stands in, by its number.
    pub segment: u32,
    /// Where that batch ends in it, in bytes: what stands behind that is not part of the backup.
    pub end_offset: u64,
    frame_offset: u64,
    frame_checksum: u32,
    seal: String,
    rules: String,
}

impl Manifest {
    /// Of a backup that ends with the batch of `anchor`, which ends at `end_offset`.
    pub fn new(anchor: &Anchor, end_offset: u64, made_ns: u64) -> Manifest {
        Manifest {
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            made_ns,
            journal_id: hex(&anchor.journal_id),
            epoch: anchor.epoch,
            last_sequence: anchor.last_sequence,
            last_timestamp: anchor.last_timestamp,
            segment: anchor.segment,
            end_offset,
            frame_offset: anchor.frame_offset,
            frame_checksum: anchor.frame_checksum,
            seal: hex(&anchor.seal),
            rules: hex(anchor.rules.as_bytes()),
        }
    }

    /// Reads that of the backup in `dir`; `None` if there is none.
    pub fn read(dir: &Path) -> Result<Option<Manifest>, BackupError> {
        let path = dir.join(BACKUP_NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let refused = |reason| BackupError::NoBackup { path: dir.to_owned(), reason };
        let manifest: Manifest = serde_json::from_str(&text)
            .map_err(|error| refused(format!("{BACKUP_NAME} cannot be read: {error}")))?;
        if manifest.version != VERSION {
            let version = manifest.version;
            return Err(refused(format!("{BACKUP_NAME} is of version {version}, not {VERSION}")));
        }
        match manifest.anchor() {
            Some(_) => Ok(Some(manifest)),
            None => Err(refused(format!("{BACKUP_NAME} is not as it was written"))),
        }
    }

    /// Writes it, in place of the one before.
    pub fn write(&self, dir: &Path) -> Result<(), BackupError> {
        let text = serde_json::to_string_pretty(self).expect("it can be written as JSON");
        write_durably(dir, BACKUP_NAME, (text + "\n").as_bytes())
    }

    /// The last batch of the backup.
    pub fn anchor(&self) -> Option<Anchor> {
        Some(Anchor {
            journal_id: bytes(&self.journal_id)?.try_into().ok()?,
            last_sequence: self.last_sequence,
            last_timestamp: self.last_timestamp,
            segment: self.segment,
            frame_checksum: self.frame_checksum,
            frame_offset: self.frame_offset,
            seal: bytes(&self.seal)?.try_into().ok()?,
            epoch: self.epoch,
            rules: Rules::read_from_bytes(&bytes(&self.rules)?).ok()?,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.is_ascii() && hex.len().is_multiple_of(2);
    let pair = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok();
    if pairs { (0..hex.len()).step_by(2).map(pair).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), None);
        let anchor = Anchor {
            journal_id: [0xAB; 16],
            last_sequence: u64::MAX,
            last_timestamp: 7,
            segment: 3,
            frame_checksum: 9,
            frame_offset: 4_096,
            seal: [1; 16],
            epoch: 2,
            rules: Rules::read_from_bytes(&[5; 128]).unwrap(),
        };
        let manifest = Manifest::new(&anchor, 8_192, 1);
        manifest.write(folder.path()).unwrap();
        let read = Manifest::read(folder.path()).unwrap().unwrap();
        assert_eq!((read.anchor(), &read), (Some(anchor), &manifest));
        let text = fs::read_to_string(folder.path().join(BACKUP_NAME)).unwrap();
        for (from, to) in [("abab", "äbab"), ("abab", "ab"), (": 1,", ": 2,"), ("}", "")] {
            fs::write(folder.path().join(BACKUP_NAME), text.replacen(from, to, 1)).unwrap();
            assert!(Manifest::read(folder.path()).is_err(), "{from} {to}");
        }
    }
}
