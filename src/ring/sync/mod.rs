//! The only door to `std` atomics, cells and threads, so that loom can stand in.
//!
//! ```text
//!              ┌─ std  (always, but for models)
//!   ring ──▶ sync
//!              └─ loom (`--cfg loom`: explores every interleaving and every stale read)
//! ```
//!
//! # Invariants
//!
//! * `ring` names no atomic, fence, lock or cell but those re-exported here, so what the models
//!   prove is the code that runs.
//! * Types here add nothing to what `std` offers at run time; under loom they only record.

mod padded;
mod tracker;

pub use padded::Padded;
pub(crate) use tracker::Trackers;

#[cfg(loom)]
pub use loom::{
    hint::spin_loop,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering, fence},
    },
    thread,
};

#[cfg(not(loom))]
pub use std::{
    hint::spin_loop,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering, fence},
    },
    thread,
};

/// Whether this run weakens the ordering `name`, as the variable `WEAKEN` says: one of the models,
/// or the stress run under ThreadSanitizer.
#[cfg(any(loom, weaken = "named"))]
pub(crate) fn weakens(name: &str) -> bool {
    // Each thread asks for itself: what one read for all would need an ordering of its own.
    std::thread_local! {
        static WEAKENED: Option<String> = std::env::var("WEAKEN").ok();
    }
    WEAKENED.with(|weakened| weakened.as_deref() == Some(name))
}

/// Locks `mutex`, also if a thread panicked while holding it.
///
/// Every value guarded in this crate's concurrent rooms is whole after each statement, so a
/// panic elsewhere leaves nothing half-changed behind a poisoned lock.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
