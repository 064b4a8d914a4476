//! What the writer asks of a disk: submit and complete, never wait.

use std::os::fd::BorrowedFd;

use super::buffer::Buffer;
use super::error::JournalError;
use super::format::SegmentHeader;
use super::witness::Witness;

/// Most operations that are under way at once.
pub const OPERATIONS_MAX: usize = 32;

/// Something to do to a segment. Buffers move in, and come back with the [`Completion`].
#[derive(Debug)]
pub enum Operation {
    /// Makes the segment's file as [`super::make_segment`] does. Later operations may name it
    /// once this has completed.
    Prepare(SegmentHeader),
    /// Writes the first `bytes` of `buffer` at `offset`, both whole blocks.
    Write {
        /// Number of the segment.
        segment: u32,
        /// Where in the segment, in bytes.
        offset: u64,
        /// What to write.
        buffer: Buffer,
        /// How much of it.
        bytes: usize,
        /// Whether it completes only when the bytes are on stable storage.
        durable: bool,
    },
    /// Completes when all writes to the segment that completed before are on stable storage.
    Sync {
        /// Number of the segment.
        segment: u32,
    },
    /// Writes the witness, in both of its slots, and completes when they are on stable storage.
    Witness(Witness),
    /// Forgets the segment: no operation will name it again.
    Release {
        /// Number of the segment.
        segment: u32,
    },
}

/// An operation that is over.
#[derive(Debug)]
pub struct Completion {
    /// The number that it was submitted with.
    pub ticket: u64,
    /// The buffer of a write.
    pub buffer: Option<Buffer>,
    /// How it ended.
    pub result: Result<(), JournalError>,
}

/// A disk that is told what to do and tells when it is done. Operations may complete in any order.
pub trait Storage {
    /// Makes the storage know the buffers that most writes will come with, before the first one.
    fn register(&mut self, buffers: &mut [Buffer]) {
        let _ = buffers;
    }

    /// Takes in an operation, which [`Storage::begin`] begins at the latest. Returns at once.
    /// Allocates nothing.
    ///
    /// # Panics
    ///
    /// If more than [`OPERATIONS_MAX`] are under way.
    fn submit(&mut self, ticket: u64, operation: Operation);

    /// Takes note of what is durable, for the witness, which is written soon. Returns at once. A
    /// failure completes with ticket 0.
    fn note(&mut self, witness: &Witness);

    /// Begins all that was submitted. Returns at once.
    fn begin(&mut self) {}

    /// An operation that is over, if there is one. Returns at once.
    fn complete(&mut self) -> Option<Completion>;

    /// Somebody waits for the segment that is being made: it is made as fast as the disk takes it.
    /// Returns at once.
    fn hurry(&mut self) {}

    /// Waits until [`Storage::complete`] has something to give, or nothing is under way.
    fn wait(&mut self);

    /// What becomes readable when [`Storage::complete`] may have something to give, for a thread
    /// that sleeps; `None` where a waker does that.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// What does the work, for people.
    fn describe(&self) -> String;
}
