//! The only way to atomics, locks and threads, so that loom can take their place.
//!
//! ```text
//!              ┌─ core and alloc (always, but for models), std for locks and threads
//!   ring ──▶ sync
//!              └─ loom (`--cfg loom`: explores every interleaving and every stale read)
//! ```
//!
//! # Invariants
//!
//! * `ring` names no atomic, fence, lock or cell but those re-exported here, so what the models
//!   prove is the code that runs.
//! * Types here add nothing to what the library offers at run time; under loom they only record.

#[cfg(all(not(loom), not(feature = "std")))]
pub mod no_threads;
mod padded;
mod tracker;

pub use padded::Padded;
pub(crate) use tracker::Trackers;

#[cfg(all(loom, feature = "std"))]
pub use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(loom)]
pub use loom::{
    hint::spin_loop,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering, fence},
    },
    thread,
};

#[cfg(not(loom))]
pub use alloc::sync::Arc;
#[cfg(not(loom))]
pub use core::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering, fence},
};
#[cfg(all(not(loom), feature = "std"))]
pub use std::{
    sync::{Condvar, Mutex, MutexGuard},
    thread,
};

#[cfg(all(not(loom), not(feature = "std")))]
pub use no_threads as thread;

/// Whether this run weakens the ordering `name`, as the variable `WEAKEN` says: one of the models,
/// or the stress run under ThreadSanitizer.
#[cfg(any(loom, weaken = "named"))]
pub(crate) fn weakens(name: &str) -> bool {
    // Each thread asks for itself: what one read for all would need an ordering of its own.
    std::thread_local! {
        static WEAKENED: Option<std::string::String> = std::env::var("WEAKEN").ok();
    }
    WEAKENED.with(|weakened| weakened.as_deref() == Some(name))
}

/// Locks `mutex`, also if a thread panicked while holding it.
///
/// Every value guarded here is whole after each statement, so a panic elsewhere leaves nothing
/// half-changed behind a poisoned lock.
#[cfg(feature = "std")]
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
