//! Ways to break the promises of a journal on purpose, to see that the simulation notices.

use std::path::PathBuf;

use ringfence::journal::faulty::{FaultyDisk, FaultyFile};
use ringfence::journal::{Access, Files, JournalError, OpenFile};

/// What is done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Nothing.
    None,
    /// Durable writes return before they are durable, so the writer releases too early.
    WritesAreNotDurable,
    /// Files are never synced: segments get their names before their bytes are there.
    FilesAreNotSynced,
    /// The directory is never synced: names are lost.
    DirectoryIsNotSynced,
    /// What is there already is not written again: recovery only syncs what it keeps.
    NothingIsWrittenAgain,
    /// What follows on a cut is left where it is: recovery cuts nothing.
    TailsAreNotOverwritten,
}

impl Sabotage {
    /// All that breaks something.
    pub const ALL: [Sabotage; 5] = [
        Sabotage::WritesAreNotDurable,
        Sabotage::FilesAreNotSynced,
        Sabotage::DirectoryIsNotSynced,
        Sabotage::NothingIsWrittenAgain,
        Sabotage::TailsAreNotOverwritten,
    ];
}

/// A faulty disk, and what stands between it and the program.
#[derive(Clone)]
pub(super) struct Disk {
    pub disk: FaultyDisk,
    pub sabotage: Sabotage,
}

pub(super) struct DiskFile {
    /// To read and to write, whatever it was opened for.
    file: FaultyFile,
    sabotage: Sabotage,
    is_made: bool,
}

impl Files for Disk {
    type File = DiskFile;

    fn path(&self, name: &str) -> PathBuf {
        self.disk.path(name)
    }

    fn draw_id(&self) -> [u8; 16] {
        self.disk.draw_id()
    }

    fn names(&self) -> Result<Vec<String>, JournalError> {
        self.disk.names()
    }

    fn open(&self, name: &str, access: Access) -> Result<DiskFile, JournalError> {
        let file = self.disk.open(name, access)?;
        Ok(DiskFile { file, sabotage: self.sabotage, is_made: false })
    }

    fn create(&self, name: &str) -> Result<DiskFile, JournalError> {
        let file = self.disk.create(name)?;
        Ok(DiskFile { file, sabotage: self.sabotage, is_made: true })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), JournalError> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<(), JournalError> {
        self.disk.remove(name)
    }

    fn sync_dir(&self) -> Result<(), JournalError> {
        match self.sabotage {
            Sabotage::DirectoryIsNotSynced => Ok(()),
            _ => self.disk.sync_dir(),
        }
    }
}

impl OpenFile for DiskFile {
    fn length_bytes(&self) -> Result<u64, JournalError> {
        self.file.length_bytes()
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize, JournalError> {
        self.file.read_at(offset, bytes)
    }

    fn write_at(&self, offset: u64, bytes: &[u8], durable: bool) -> Result<(), JournalError> {
        match self.sabotage {
            Sabotage::WritesAreNotDurable => return self.file.write_at(offset, bytes, false),
            Sabotage::NothingIsWrittenAgain => {
                let mut there = vec![0; bytes.len()];
                self.file.read_at(offset, &mut there)?;
                if there == bytes {
                    return if durable { self.file.sync() } else { Ok(()) };
                }
            }
            Sabotage::TailsAreNotOverwritten
                if !self.is_made && bytes.iter().all(|&byte| byte == 0) =>
            {
                return Ok(());
            }
            _ => {}
        }
        self.file.write_at(offset, bytes, durable)
    }

    fn syncs_as_a_whole(&self) -> bool {
        self.file.syncs_as_a_whole()
    }

    fn reserve(&self, bytes: u64) -> Result<(), JournalError> {
        self.file.reserve(bytes)
    }

    fn sync(&self) -> Result<(), JournalError> {
        match self.sabotage {
            Sabotage::FilesAreNotSynced => Ok(()),
            _ => self.file.sync(),
        }
    }
}
