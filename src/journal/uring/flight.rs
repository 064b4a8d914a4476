//! What a storage over `io_uring` has under way.

use super::DiskFile;
use crate::buffer::Buffer;
use crate::error::JournalError;
use crate::witnessing::Told;

/// An operation that the kernel does.
pub(super) struct Flight {
    pub ticket: u64,
    pub segment: u32,
    pub what: Request,
}

pub(super) enum Request {
    Write { buffer: Buffer, offset: u64, bytes: usize, written: usize, durable: bool },
    Sync,
}

/// What a thread has done.
pub(super) enum FromThread {
    /// A segment was made.
    Made(u64, Result<(u32, DiskFile), JournalError>),
    /// The witness was written, or could not be.
    Witnessed(Told),
}
