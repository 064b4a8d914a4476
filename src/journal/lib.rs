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
mod chain;
mod claims;
mod copies;
mod cursor;
mod cut;
mod data_dir;
mod direct;
mod directory;
mod disk;
mod entry;
mod error;
mod fault;
#[cfg(feature = "faulty")]
pub mod faulty;
mod figures;
mod files;
mod flights;
pub mod format;
mod group;
mod histogram;
mod inspect;
mod lock;
mod mapped;
mod nap;
mod next_segment;
mod open_segments;
mod options;
pub mod outcomes;
mod pace;
mod place;
mod preparing;
mod reach;
mod reader;
mod recent;
mod recover;
mod repair;
mod retire;
mod seal;
mod search;
mod segments;
mod shortage;
mod sliding;
mod snapshot;
mod standing;
mod start;
mod storage;
mod survey;
mod sync;
mod threaded;
mod trail;
mod trim;
mod uring;
mod verdict;
mod waker;
mod wanted;
mod witness;
mod witnessing;
mod writer;

pub use blocking::Blocking;
pub use buffer::Buffer;
pub use data_dir::{BACKUP_NAME, Backend, DataDir, SnapshotLock};
pub use directory::{Directory, DiskFile, WriteMode};
pub use disk::Disk;
pub use entry::{Entry, Tail};
pub use error::{Fault, JournalError, Source};
pub use figures::Figures;
pub use files::{Access, Files, OpenFile};
pub use format::{FORMAT_VERSION, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, Seal};
pub use histogram::{HISTOGRAM_BOUNDS_NS, Histogram, add_alone};
pub use inspect::{Summary, inspect, inspect_files};
pub use mapped::Mapped;
pub use options::{Durability, Options, check_segment_bytes};
pub use place::{Anchor, Position};
pub use reader::Reader;
pub use recent::Recent;
pub use recover::{Rebuild, Recovered, recover, recover_after, recover_files, recover_from};
pub use repair::{Cut, Repaired, give_up_after, repair, repair_files};
pub use retire::{Archive, Retired, Taken, TakenOut, retire, retire_files};
pub use seal::{KEY_FILE_BYTES_MAX, Key, Seals};
pub use segments::{first_segment, is_new, make_segment, segment_name, segment_of_name};
pub use shortage::{RoomNews, Shortage};
pub use snapshot::{
    SNAPSHOT_VERSION, Snapshot, SnapshotError, SnapshotHeader, SnapshotSource, SnapshotWriter,
    remove_unfinished_snapshots, snapshot_name, snapshot_of_name, snapshots,
};
pub use standing::{check_snapshots, replay_place, require_key};
pub use storage::{Completion, OPERATIONS_MAX, Operation, Storage};
pub use threaded::Threaded;
pub use trail::{Step, Trail, first_kept_sequence};
pub use uring::Uring;
pub use waker::Waker;
pub use wanted::{Wanted, rules_of_a_new_journal};
pub use witness::{WITNESS_NAME, Witness, WitnessFound, read_witness};
pub use writer::{WRITER_BYTES, Writer};
