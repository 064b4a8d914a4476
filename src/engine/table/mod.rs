//! Memory of fixed size: arrays allocated at start, the hash table that leads from ids into them,
//! the queue that says which ids are forgotten next, and the store of records that is made of the
//! three.
//!
//! ```text
//!   id ──hash──▶ [ fingerprint | index ]  8 bytes a slot ──▶ record in an Array
//!                  Table                                      dense, by index
//!                                          Retention: [ index | index ]  settled, oldest first
//! ```
//!
//! # Invariants
//!
//! * Nothing here allocates but to be made and to grow; and what another thread prepared (see
//!   [`Growth`]) grows without.
//! * Memory that begins as zeros is not touched when it is made: an engine with large tables is
//!   there at once, and takes as much RAM as it uses. Before it runs, several threads have the
//!   system give it all pages ([`Growth::pieces`]), so that no command meets a page fault.
//! * What a table answers never depends on its key, its size or the order of insertions.

mod array;
mod error;
pub mod growth;
mod hash;
mod id_time;
mod index;
mod pages;
mod prefetch;
mod retention;
mod spare;
mod store;

pub use array::Array;
pub use error::EngineError;
pub use growth::{Growth, Pieces, Prepare};
pub use hash::IdHasher;
pub use id_time::IdTimes;
pub use index::Table;
pub use prefetch::prefetch;
pub use retention::Retention;
pub use store::{ColdPart, HotPart, Store, StoreNames};

/// No index: what index fields hold where they lead nowhere.
pub const NO_INDEX: u32 = u32::MAX;

/// Most elements that an index of 32 bits can tell apart, beside [`NO_INDEX`] and what the
/// timers keep for themselves.
pub const INDICES_MAX: u64 = 1 << 31;
