//! A stage: reads lanes, may write one lane of its own, and moves its cursor.
//!
//! ```text
//!               released        taken        barrier
//!                  │              │             │
//!   ───────────────┼──────────────┼─────────────┼──────────────▶ sequence
//!    handed on     │ taken, not   │ next batch  │ not published
//!                  │ handed on    │             │
//! ```
//!
//! In most stages `released` and `taken` are equal between batches: they `poll`, then
//! [`Batch::publish`]. A stage whose work ends later than it begins, such as a journal, takes
//! batches with [`Stage::poll_ahead`] and [`Batch::take`], and hands them on with
//! [`Stage::release`].
//!
//! # Invariants
//!
//! * `released ≤ taken ≤ barrier`; the slots in `released .. barrier` do not change until the stage
//!   releases them.
//! * A stage that is dropped before the end halts the ring.

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

/// A stage of a [`Graph`](super::Graph): reads lanes of the types `R`, a tuple, and writes a lane
/// of type `W`; `()` if it writes none.
///
/// A stage belongs to the thread that polls it. Dropped before the ring has ended, it halts the
/// ring: the others would wait for it for ever.
pub struct Stage<R: Lanes, W: Slot = ()> {
    ring: Arc<RingState>,
    slots: StageSlots<R, W>,
    barrier: Barrier,
}

/// The result of a [`Stage::poll`].
#[derive(Debug)]
pub enum Poll<'a, R: Lanes, W: Slot> {
    /// Nothing new at the moment.
    Empty,
    /// A batch of at least one slot.
    Ready(Batch<'a, R, W>),
    /// All producers have closed, and this stage has handed on all slots.
    Ended,
}

/// What follows behind the slots that a stage has taken.
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

    /// The name it was declared with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.slots.cursor.name
    }

    /// The bell of the thread that polls this stage.
    #[must_use]
    pub fn bell(&self) -> &Bell {
        &self.slots.cursor.bell
    }

    /// The sequence behind the last slot that this stage has handed on.
    #[must_use]
    pub fn released(&self) -> u64 {
        self.slots.released
    }

    /// The sequence behind the last slot that this stage has taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.slots.taken
    }

    /// Looks for work: returns all available slots as one batch, but at most `most`. Never waits.
    ///
    /// With `most` 0 it returns no batch, but still finds the end and a halt.
    ///
    /// # Errors
    ///
    /// [`Halted`] once the ring is halted; slots that are still in it are given up.
    ///
    /// # Panics
    ///
    /// If slots are taken and not released: use [`poll_ahead`](Self::poll_ahead) then.
    #[inline(always)]
    pub fn poll(&mut self, most: usize) -> Result<Poll<'_, R, W>, Halted> {
        assert!(
            self.slots.taken == self.slots.released,
            "{}: taken but not released",
            self.slots.cursor.name
        );
        self.poll_ahead(most)
    }

    /// As [`poll`](Self::poll), but starts behind the slots that are already taken.
    ///
    /// Returns [`Poll::Ended`] only after all taken slots are released.
    ///
    /// # Errors
    ///
    /// [`Halted`] once the ring is halted.
    #[inline(always)]
    pub fn poll_ahead(&mut self, most: usize) -> Result<Poll<'_, R, W>, Halted> {
        Ok(match self.seek(most)? {
            Found::Nothing => Poll::Empty,
            Found::Slots(len) => Poll::Ready(Batch::new(&mut self.slots, len)),
            Found::End => Poll::Ended,
        })
    }

    /// As [`poll_ahead`](Self::poll_ahead), but waits for a batch or the end, for at most `limit`
    /// (`None`: no limit). Returns [`Poll::Empty`] only if the time has run out. With `most` 0 it
    /// waits for the end alone. Needs the feature `std`.
    ///
    /// For a thread that has only this stage: `waiter` must be on the stage's [`bell`](Self::bell).
    ///
    /// # Errors
    ///
    /// [`Halted`] once the ring is halted.
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

    /// Number of available slots behind the taken ones, at most `most`.
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

    /// For a stage that asks for no slots: the end, if it has come.
    #[cold]
    fn seek_nothing(&mut self) -> Result<Found, Halted> {
        Ok(match self.seek(1)? {
            Found::End => Found::End,
            Found::Nothing | Found::Slots(_) => Found::Nothing,
        })
    }

    /// Looks again how far the stage may go, and jumps over skipped sequences in front of it.
    #[inline]
    fn look(&mut self) {
        let next = self.barrier.look(self.slots.taken);
        if next != self.slots.taken {
            self.jump_over(next);
        }
    }

    /// Continues at `next`; the sequences up to there were skipped.
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

    /// Hands on all taken slots up to and including `sequence`. Does nothing if they are already
    /// released.
    ///
    /// # Panics
    ///
    /// If `sequence` is not taken yet.
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

    /// Halts the ring: producers and stages get [`Halted`] with `message`, unless it was already
    /// halted for another reason.
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
        // Perhaps only skipped sequences are left before the end.
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
