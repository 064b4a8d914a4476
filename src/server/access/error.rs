//! What can be wrong with an access file.

use std::io;
use std::path::PathBuf;

/// What is wrong with an access file.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// It cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// More people have rights to it than may.
    #[error(
        "{} has the rights {mode:04o}: whoever may write it can give himself any role, and hashes \
         of tokens are nobody else's business; `chmod 600` it (640 lets a group read it)",
        path.display()
    )]
    Rights {
        /// The file.
        path: PathBuf,
        /// Its rights.
        mode: u32,
    },
    /// Something in it is wrong.
    #[error("{}: {reason}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Line, field and what is wrong.
        reason: String,
    },
    /// There is a principal of this name already.
    #[error("{} has a principal `{name}` already", path.display())]
    NameTaken {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
}
