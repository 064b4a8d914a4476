//! A writer without room for its next segment: how bad that is, and what people are told of it.

use super::error::JournalError;

/// What a writer lacks whose next segment cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// The present segment has room: nothing waits.
    Ahead,
    /// The present segment is full: batches wait.
    Now,
}

/// What changed for a writer, told once.
#[derive(Debug)]
pub enum RoomNews {
    /// The next segment could not be made. It is tried again, from time to time.
    Short {
        /// Why not.
        error: JournalError,
        /// Room in the present segment, in bytes.
        left_bytes: u64,
    },
    /// The present segment is full too: from now on batches wait.
    Full,
    /// The next segment was made after all.
    Found,
}
