//! The few things that a journal does with a directory of files, so that a faulty disk can stand
//! in.
//!
//! Every call blocks. The writer never makes one on its own thread: it goes through
//! [`super::Storage`].

use std::path::PathBuf;

use super::error::JournalError;
use super::mapped::Mapped;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read.
    Read,
    /// To write whole blocks from aligned memory at aligned offsets.
    Write,
}

/// The files of one directory.
pub trait Files: Clone + Send + 'static {
    /// An open file.
    type File: OpenFile;

    /// The path of the file `name`, or of the directory if it is empty, for messages.
    fn path(&self, name: &str) -> PathBuf;

    /// A number drawn by chance: to tell this journal from all others by, or to key its hash tables
    /// with.
    ///
    /// # Panics
    ///
    /// If the system has no random numbers.
    fn draw_id(&self) -> [u8; 16] {
        let mut id = [0; 16];
        getrandom::fill(&mut id).expect("the system has random numbers");
        id
    }

    /// The names of all files, in no order.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    fn names(&self) -> Result<Vec<String>, JournalError>;

    /// Opens a file that exists.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    fn open(&self, name: &str, access: Access) -> Result<Self::File, JournalError>;

    /// Shows a file in memory that nobody writes to; `None` where that is not possible.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    fn map(&self, name: &str) -> Result<Option<Mapped>, JournalError> {
        let _ = name;
        Ok(None)
    }

    /// Makes an empty file and opens it to write, in place of one that has the name.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    fn create(&self, name: &str) -> Result<Self::File, JournalError>;

    /// Gives a file another name.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    fn rename(&self, from: &str, to: &str) -> Result<(), JournalError>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    fn remove(&self, name: &str) -> Result<(), JournalError>;

    /// Checks that the directory is still where it was opened, that its lock is still the one that
    /// is held, and that the file `name` is there.
    ///
    /// # Errors
    ///
    /// [`JournalError::Gone`], [`JournalError::Io`].
    fn check_in_place(&self, name: &str) -> Result<(), JournalError> {
        let _ = name;
        Ok(())
    }

    /// Room that is left for files here, in bytes; `None` where the system does not tell.
    fn free_bytes(&self) -> Option<u64> {
        None
    }

    /// Makes names that were made, changed and removed durable.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    fn sync_dir(&self) -> Result<(), JournalError>;
}

/// One open file.
pub trait OpenFile: Send + 'static {
    /// Its length.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    fn length_bytes(&self) -> Result<u64, JournalError>;

    /// Reads until `bytes` is full or the file ends; how much was read.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize, JournalError>;

    /// Writes all of `bytes`, whole blocks in aligned memory; with `durable` it returns only when
    /// they are on stable storage.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`]; any part of the bytes may then have been written.
    fn write_at(&self, offset: u64, bytes: &[u8], durable: bool) -> Result<(), JournalError>;

    /// Whether a durable write costs no more for several than for one: it is then better to write
    /// several and sync once.
    fn syncs_as_a_whole(&self) -> bool;

    /// Sets disk space aside, so that a full disk is found now; the length becomes `bytes`.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    fn reserve(&self, bytes: u64) -> Result<(), JournalError>;

    /// Returns when everything written is on stable storage.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`]. What was written since the last success may be lost, and a later
    /// success proves nothing.
    fn sync(&self) -> Result<(), JournalError>;
}
