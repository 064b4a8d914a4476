//! The deterministic whole: command, verdict, outcome, digest.
//!
//! ```text
//!   commands ──▶ risk ──▶ verdicts ──▶ settle ──▶ outcomes and events, in order
//! ```
//!
//! # Invariants
//!
//! * The same commands give the same outcomes, events and contents, however they are cut into
//!   calls, on every machine and at every capacity that holds them.
//! * An engine restored from its contents answers as the one that they are of.
//!
//! # Adding state to a room
//!
//! Digest and snapshot are made from one canonical form, [`Engine::contents`]. So state is added
//! to both in one place, the room's `contents`, and beside it to `restore`:
//!
//! 1. Give it a record: `#[repr(C)]`, the derives of `zerocopy`, its size asserted, `reserved`
//!    fields in place of padding. It holds what decides later outcomes, and nothing that depends on
//!    where things lie: no slot, no capacity, no key. Where one record names another, it says at
//!    which place of its section that one stands, or gives its id.
//! 2. Give the record a [`ringfence_types::Section`] with a new number, and describe both in
//!    `docs/snapshot.md`.
//! 3. Write it in `contents`, in an order that the commands alone decide (of creation, of arrival,
//!    by id), and read it in `restore`: many records at a time, what leads out of range refused
//!    with a [`ringfence_types::Misfit`]. `settle` calls its rooms in the order in which they need
//!    each other. A section that is not there has no records: so snapshots from before a section
//!    came remain good.
//!
//! What can be worked out from the rest (hash tables, free lists, running totals, timers, whose
//! order is that of creation) is worked out. Snapshots are made between batches, so nothing of a
//! batch or a chain under way is contents. `tools/tests/snapshots.rs` restores engines at random
//! moments and compares their answers from then on with the twin's, and so finds state that was
//! left out.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod book;
mod buffer;
mod digest;
mod emit;
mod engine;
mod ledger;
mod risk;
mod sessions;
mod settle;
mod sink;
mod table;

pub use digest::{ContentsHasher, Digest};
pub use engine::Engine;
pub use risk::Risk;
pub use sessions::{Sessions, SessionsFull};
pub use settle::Settle;
pub use sink::OutcomeSink;
pub use table::{EngineError, Growth, Pieces};
