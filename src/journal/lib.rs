//! What is durable: segments, frames, writer, reader, recovery.
//!
//! ```text
//!   batch ──▶ Writer ──Operation──▶ Storage ──▶ 0000000001.journal  0000000002.journal …
//!               ▲                     │                        │
//!               └──── Completion ─────┘                        ├──▶ recover ──▶ engine, Writer
//!                                                              └──▶ Reader  ──▶ replay, dump
//! ```
//!
//! `docs/journal.md` describes the files byte by byte.
//!
//! # Invariants
//!
//! * A batch is in the journal whole or not at all.
//! * What [`Writer::poll`] releases under [`Durability::Sync`] is found by every later [`recover`].
//! * Damage below the highest durable mark is an error that names file and offset; only what stands
//!   above it, and so was never acknowledged, is cut.
//! * Only who holds the lock of the [`DataDir`] changes anything.
//! * After a failed write or sync the writer refuses all further work.

mod blocking;
mod buffer;
mod copies;
mod direct;
mod directory;
mod disk;
mod error;
#[cfg(feature = "faulty")]
pub mod faulty;
mod files;
pub mod format;
mod inspect;
mod mapped;
pub mod outcomes;
mod preparing;
mod reader;
mod recover;
mod repair;
mod seal;
mod sliding;
mod snapshot;
mod storage;
mod threaded;
mod trim;
mod uring;
mod walk;
mod writer;

pub use blocking::Blocking;
pub use buffer::Buffer;
pub use directory::{Backend, DataDir, Directory, DiskFile, SnapshotLock, WriteMode};
pub use disk::Disk;
pub use error::{Fault, JournalError};
pub use files::{Access, Files, OpenFile};
pub use format::{FORMAT_VERSION, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
pub use inspect::{Progress, Summary, inspect, inspect_files};
pub use mapped::Mapped;
pub use reader::Reader;
pub use recover::{
    Recovered, Wanted, is_new, recover, recover_after, recover_files, recover_from,
    rules_of_a_new_journal,
};
pub use repair::{Cut, Repaired, repair, repair_files};
pub use seal::{KEY_FILE_BYTES_MAX, Key, Seal, Seals};
pub use snapshot::{
    Archive, Retired, SNAPSHOT_VERSION, Snapshot, SnapshotError, SnapshotHeader, SnapshotSource,
    SnapshotWriter, Taken, TakenOut, check_snapshots, first_replayable,
    remove_unfinished_snapshots, require_key, retire, snapshot_name, snapshot_of_name, snapshots,
};
pub use storage::{Completion, OPERATIONS_MAX, Operation, Storage};
pub use threaded::{Threaded, Waker};
pub use uring::Uring;
pub use walk::{Anchor, Entry, Tail, first_segment};
pub use writer::{Durability, Options, Position, WRITER_BYTES, Writer};

impl Writer<Disk> {
    /// The writer of the journal in `dir`, going on where `recovered` ends. `waker` is called, on
    /// another thread, when there is something to [`Writer::poll`] for that
    /// [`Writer::descriptor`] does not tell.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if a segment cannot be opened or a thread not started.
    pub fn open(
        dir: &DataDir,
        recovered: &Recovered,
        options: Options,
        waker: &Waker,
    ) -> Result<Self, JournalError> {
        let segments = recover::segments_at(&recovered.position);
        let storage = Disk::start(dir, &segments, waker)?;
        Ok(Writer::new(storage, recovered.position, options))
    }
}

/// Checks a length for segments, in bytes.
///
/// # Errors
///
/// What is wrong with it, to follow the name of the option.
pub fn check_segment_bytes(bytes: u64) -> Result<(), String> {
    if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&bytes) || !bytes.is_power_of_two() {
        return Err(format!(
            "must be a power of two from {SEGMENT_BYTES_MIN} to {SEGMENT_BYTES_MAX}, not {bytes}"
        ));
    }
    Ok(())
}
