//! What can go wrong with an outcome log.

use std::io;
use std::path::{Path, PathBuf};

/// Why an outcome log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The operating system refused an operation on a file.
    #[error("cannot {operation} {} at byte {offset}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Where in the file, in bytes.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Bytes that are not as they were written.
    #[error("{} at byte {offset}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the frame or header begins that is wrong, in bytes.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
}

impl LogError {
    pub(super) fn io(
        operation: &'static str,
        path: &Path,
        offset: u64,
        source: io::Error,
    ) -> LogError {
        LogError::Io { operation, path: path.to_path_buf(), offset, source }
    }
}
