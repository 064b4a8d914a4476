//! How a larger array comes to who grows into it, and how the smaller one goes back.
//!
//! ```text
//!   another thread ── prepare ──▶ [ larger ]  ── take ──────▶ who grows, and moves a few entries
//!                  ◀── dropped ── [ smaller ] ◀─ give_back ── with each change
//! ```
//!
//! So nothing is allocated, and no memory given back, where commands are executed.

use alloc::sync::Arc;
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;

use zerocopy::FromZeros;

use super::growth::{Grow, Rest, gently};
use super::{Array, EngineError, Prepare};

/// The place where the two arrays change hands.
#[derive(Debug)]
pub struct Spare<T> {
    what: &'static str,
    /// Length of the array in use.
    length: AtomicUsize,
    /// 1 while entries are moved from the smaller array to the larger one.
    moving: AtomicUsize,
    larger: ArrayQueue<Array<T>>,
    smaller: ArrayQueue<Array<T>>,
}

impl<T: Copy + FromZeros> Spare<T> {
    /// Of an array of `what`, `length` elements long, in which zeros stand for nothing.
    pub fn new(what: &'static str, length: usize) -> Arc<Spare<T>> {
        Arc::new(Spare {
            what,
            length: AtomicUsize::new(length),
            moving: AtomicUsize::new(0),
            larger: ArrayQueue::new(1),
            smaller: ArrayQueue::new(1),
        })
    }

    /// The array of `length` elements that was prepared, or else one made now. From here on entries
    /// are being moved.
    ///
    /// # Errors
    ///
    /// [`EngineError::OutOfMemory`].
    pub fn take(&self, length: usize) -> Result<Array<T>, EngineError> {
        let prepared = self.larger.pop().filter(|larger| larger.len() == length);
        let larger = prepared.map_or_else(|| Array::zeroed(self.what, length), Ok)?;
        // Relaxed, in both: the queues order what else there is to see.
        self.length.store(length, Ordering::Relaxed);
        self.moving.store(1, Ordering::Relaxed);
        Ok(larger)
    }

    /// Gives back the array from which everything was moved.
    pub fn give_back(&self, smaller: Array<T>) {
        // Where nobody fetched the one before, this drops it.
        drop(self.smaller.force_push(smaller));
        // Release: pairs with the Acquire in `prepare`, which then finds the array.
        self.moving.store(0, Ordering::Release);
    }
}

impl<T: Copy + Send + Sync + FromZeros + 'static> Prepare for Spare<T> {
    fn prepare(&self, length: usize, rest: Rest<'_>) -> Result<(), EngineError> {
        let is_moving = self.moving.load(Ordering::Acquire) == 1;
        drop(self.smaller.pop());
        // Relaxed: the one who grows has said so before it answered the last request.
        if length <= self.length.load(Ordering::Relaxed) {
            return Ok(());
        }
        if is_moving {
            return Err(EngineError::StillGrowing { what: self.what });
        }
        // One that was broken off is gone on with: pages that are there already take no time.
        let begun = self.larger.pop().filter(|larger| larger.len() == length);
        let larger = begun.map_or_else(|| Array::zeroed(self.what, length), Ok)?;
        let memory = larger.memory();
        let backed = gently(0, memory.bytes(), rest, |from, to| memory.back(from, to));
        drop(self.larger.force_push(larger));
        match backed {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(EngineError::Interrupted { what: self.what }),
        }
    }
}
