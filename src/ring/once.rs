//! A cell that is set once and read from any thread, without a lock.
//!
//! ```text
//!   set:  value ──▶ heap ──▶ compare-and-swap of the address, if there is none yet
//!   get:  address ──▶ value, for as long as the cell lives
//! ```
//!
//! # Invariants
//!
//! * The address changes from null to one value and never again.
//! * If several threads set the cell at once, exactly one succeeds. After its own call, each of
//!   them finds the value of that one.

use alloc::boxed::Box;
use core::marker::PhantomData;
use core::ptr::{NonNull, null_mut};

use super::order;
use crate::sync::Ordering::Relaxed;
use crate::sync::{AtomicPtr, Trackers};

/// A cell that is set once.
pub struct Once<T: Send + Sync> {
    held: AtomicPtr<Held<T>>,
    owns: PhantomData<Box<T>>,
}

/// The value on the heap.
struct Held<T> {
    value: T,
    tracker: Trackers,
}

impl<T: Send + Sync> Once<T> {
    /// An empty cell.
    pub(super) fn new() -> Self {
        Self { held: AtomicPtr::new(null_mut()), owns: PhantomData }
    }

    /// Sets the value. Returns false, and drops `value`, if the cell is already set.
    pub(super) fn set(&self, value: T) -> bool {
        let tracker = Trackers::new(1);
        tracker.write(0);
        let new = Box::into_raw(Box::new(Held { value, tracker }));
        // Relaxed if it fails: the value that is there is not looked at here.
        let set = self.held.compare_exchange(null_mut(), new, order::once_set(), Relaxed);
        if set.is_err() {
            // SAFETY: the address came from `Box::into_raw` above, and since the exchange failed,
            // no other thread has seen it.
            drop(unsafe { Box::from_raw(new) });
        }
        set.is_ok()
    }

    /// True if the cell is set; then [`get`](Self::get) finds the value.
    #[inline(always)]
    pub(super) fn is_set(&self) -> bool {
        // Relaxed: nothing is read on its strength; `get` synchronises.
        !self.held.load(Relaxed).is_null()
    }

    /// The value, if it is set.
    #[inline]
    pub(super) fn get(&self) -> Option<&T> {
        let held = NonNull::new(self.held.load(order::once_get()))?;
        // SAFETY: an address that is not null is that of a `Held` which `set` had written before
        // it stored the address; the load synchronised with that. It is freed only by `drop`,
        // which cannot run while `self` is borrowed, and it is never written again.
        let held = unsafe { held.as_ref() };
        held.tracker.read(0);
        Some(&held.value)
    }
}

impl<T: Send + Sync> Drop for Once<T> {
    fn drop(&mut self) {
        // Relaxed: because of `&mut self`, no other thread uses the cell any more.
        let held = self.held.load(Relaxed);
        if !held.is_null() {
            // SAFETY: the address came from `Box::into_raw` in `set`, and is freed only here.
            drop(unsafe { Box::from_raw(held) });
        }
    }
}
