//! A stage: reads some lanes, may write one of its own, and moves its cursor.
//!
//! ```text
//!               released        taken        barrier
//!                  │              │             │
//!   ───────────────┼──────────────┼─────────────┼──────────────▶ sequence
//!    handed on     │ taken, not   │ next batch  │ not there yet
//!                  │ handed on    │             │
//! ```
//!
//! Most stages keep `released` and `taken` together: `poll`, then [`Batch::publish`]. A stage
//! whose work ends later than it begins (a journal) takes batches with [`Stage::poll_ahead`] and
//! [`Batch::take`], and hands on with [`Stage::release`].
//!
//! # Invariants
//!
//! * `released ≤ taken ≤ barrier`, and the slots in `released .. barrier` stay as they are until
//!   the stage releases them: the producer waits for it.
//! * A stage that goes away before the end halts the ring.

use alloc::boxed::Box;
use core::fmt;
#[cfg(feature = "std")]
use core::time::Duration;

use super::barrier::Barrier;
use super::batch::Batch;
use super::bell::Bell;
use super::cursor::Cursor;
use super::error::Halted;
use super::reads::{Lanes, Slot};
use super::slots::Slots;
use super::stage_slots::StageSlots;
use super::state::RingState;
#[cfg(feature = "std")]
use super::waiter::Waiter;
use crate::sync::{Arc, thread};

/// A stage of a [`Graph`](super::Graph): reads the lanes `R` and writes a lane of `W`; `()` for
/// a stage without one.
pub struct Stage<R: Lanes, W: Slot = ()> {
    ring: Arc<RingState>,
    slots: StageSlots<R, W>,
    barrier: Barrier,
}

/// What a [`Stage::poll`] found.
#[derive(Debug)]
pub enum Poll<'a, R: Lanes, W: Slot> {
    /// Nothing new yet.
    Empty,
    /// At least one slot, to be processed and published.
    Ready(Batch<'a, R, W>),
    /// The producer has closed, and this stage has handed on everything.
    Ended,
}

/// What is behind the slots that a stage has taken.
enum Found {
    Nothing,
    /// At least one slot.
    Slots(usize),
    End,
}

impl<R: Lanes, W: Slot> Stage<R, W> {
    /// A stage that starts at the ring's first sequence and waits for the cursors `upstream`.
    pub(super) fn new(
        ring: Arc<RingState>,
        cursor: Arc<Cursor>,
        upstream: Box<[Arc<Cursor>]>,
        reads: R::Held,
        out: Slots<W>,
        is_sink: bool,
    ) -> Self {
        let slots = StageSlots::new(cursor, ring.first_sequence, reads, out, is_sink);
        let barrier = Barrier::new(Arc::clone(&ring), upstream);
        Self { ring, slots, barrier }
    }

    pub(super) fn cursor(&self) -> &Arc<Cursor> {
        &self.slots.cursor
    }

    pub(super) fn ring(&self) -> &Arc<RingState> {
        &self.ring
    }

    /// The stage's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.slots.cursor.name
    }

    /// The bell of the thread that steps this stage.
    #[must_use]
    pub fn bell(&self) -> &Bell {
        &self.slots.cursor.bell
    }

    /// Sequence behind the last one this stage has handed on.
    #[must_use]
    pub fn released(&self) -> u64 {
        self.slots.released
    }

    /// Sequence behind the last one this stage has taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.slots.taken
    }

    /// Looks for work: a batch of all that is there, but at most `most` slots. Never waits.
    ///
    /// A batch that is dropped without [`Batch::publish`] changes nothing: the next poll sees it
    /// again.
    ///
    /// # Errors
    ///
    /// [`Halted`] once the ring was halted; what is left in it is given up.
    ///
    /// # Panics
    ///
    /// If something is taken and not released: such a stage goes on with
    /// [`poll_ahead`](Self::poll_ahead).
    #[inline(always)]
    pub fn poll(&mut self, most: usize) -> Result<Poll<'_, R, W>, Halted> {
        assert!(
            self.slots.taken == self.slots.released,
            "{}: taken but not released",
            self.slots.cursor.name
        );
        self.poll_ahead(most)
    }

    /// Like [`poll`](Self::poll), but starts behind what was already taken.
    ///
    /// Says [`Poll::Ended`] only once all that was taken is released too.
    ///
    /// # Errors
    ///
    /// [`Halted`] once the ring was halted.
    #[inline(always)]
    pub fn poll_ahead(&mut self, most: usize) -> Result<Poll<'_, R, W>, Halted> {
        Ok(match self.seek(most)? {
            Found::Nothing => Poll::Empty,
            Found::Slots(len) => Poll::Ready(Batch::new(&mut self.slots, len)),
            Found::End => Poll::Ended,
        })
    }

    /// Like [`poll_ahead`](Self::poll_ahead), but waits until there is something, for `limit` at
    /// most (`None`: without limit). Says [`Poll::Empty`] only when the time is over.
    ///
    /// For a thread with this one stage: `waiter` must be on the stage's [`bell`](Self::bell).
    ///
    /// # Errors
    ///
    /// [`Halted`] once the ring was halted.
    #[cfg(feature = "std")]
    pub fn poll_within(
        &mut self,
        most: usize,
        waiter: &mut Waiter,
        limit: Option<Duration>,
    ) -> Result<Poll<'_, R, W>, Halted> {
        let found = waiter.wait_for(limit, || match self.seek(most) {
            Ok(Found::Nothing) => None,
            found => Some(found),
        });
        Ok(match found.unwrap_or(Ok(Found::Nothing))? {
            Found::Nothing => Poll::Empty,
            Found::Slots(len) => Poll::Ready(Batch::new(&mut self.slots, len)),
            Found::End => Poll::Ended,
        })
    }

    /// How many slots there are behind what was taken, at most `most`.
    #[inline(always)]
    fn seek(&mut self, most: usize) -> Result<Found, Halted> {
        self.ring.check()?;
        let mut there = self.barrier.until() - self.slots.taken;
        if there < most as u64 {
            self.look();
            there = self.barrier.until() - self.slots.taken;
            if there == 0 {
                let ended = self.ring.is_end(self.slots.released);
                return Ok(if ended { Found::End } else { Found::Nothing });
            }
        }
        let len = usize::try_from(there).map_or(most, |there| there.min(most));
        if len == 0 { self.seek_nothing() } else { Ok(Found::Slots(len)) }
    }

    /// What there is for a stage that asks for no slots: the end, if it has come.
    #[cold]
    fn seek_nothing(&mut self) -> Result<Found, Halted> {
        Ok(match self.seek(1)? {
            Found::End => Found::End,
            Found::Nothing | Found::Slots(_) => Found::Nothing,
        })
    }

    /// Finds out how far the stage may go, and jumps over what was skipped in front of it.
    #[inline]
    fn look(&mut self) {
        let next = self.barrier.look(self.slots.taken);
        if next != self.slots.taken {
            self.jump_over(next);
        }
    }

    /// Goes on at `next`; what is in between was skipped.
    #[cold]
    fn jump_over(&mut self, next: u64) {
        let is_behind_all = self.slots.released == self.slots.taken;
        self.slots.taken = next;
        if is_behind_all {
            self.slots.hand_on(next);
        } else {
            self.barrier.jumped_ahead();
        }
    }

    /// Hands on everything up to and including `sequence`, taken before; earlier ones change
    /// nothing.
    ///
    /// # Panics
    ///
    /// If `sequence` was not taken yet.
    #[inline]
    pub fn release(&mut self, sequence: u64) {
        let taken = self.slots.taken;
        assert!(
            sequence < taken,
            "{}: sequence {sequence} is not taken, only those before {taken}",
            self.name()
        );
        if sequence >= self.slots.released {
            let position = self.barrier.released_until(sequence + 1, taken);
            self.slots.hand_on(position);
        }
    }

    /// Halts the ring: producer and all stages get `message` as an error.
    pub fn halt(&self, message: &str) {
        self.ring.halt(&self.slots.cursor.name, message);
    }
}

impl<R: Lanes, W: Slot> Drop for Stage<R, W> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.ring.halt(&self.slots.cursor.name, "it panicked");
            return;
        }
        // What was skipped last is all that is missing to the end, perhaps.
        self.look();
        if !self.ring.is_end(self.slots.released) {
            self.ring.halt(&self.slots.cursor.name, "it went away before the end");
        }
    }
}

impl<R: Lanes, W: Slot> fmt::Debug for Stage<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("name", &self.slots.cursor.name)
            .field("released", &self.slots.released)
            .field("taken", &self.slots.taken)
            .field("barrier", &self.barrier.until())
            .finish_non_exhaustive()
    }
}
