//! A batch: the slots that a stage may process now.
//!
//! # Invariants
//!
//! * The slots of a batch do not change while it lives: its stage is borrowed, and releases slots
//!   only by the batch's own methods, which end all views of it.

use core::fmt;

use super::lane::LaneWriter;
use super::reads::{Lanes, Slot, Views};
use super::stage_slots::StageSlots;

/// The slots that a stage may process now, and that it then hands on to the stages behind it.
///
/// Ends with [`finish`](Self::finish), [`publish`](Self::publish) or [`take`](Self::take). A batch
/// that is dropped without changes nothing: the next poll returns its slots again.
pub struct Batch<'a, R: Lanes, W: Slot> {
    slots: &'a mut StageSlots<R, W>,
    len: usize,
    written: usize,
}

impl<'a, R: Lanes, W: Slot> Batch<'a, R, W> {
    #[inline(always)]
    pub(super) fn new(slots: &'a mut StageSlots<R, W>, len: usize) -> Self {
        // A sink has nothing to write before it hands on.
        let written = if slots.is_sink { len } else { 0 };
        Self { slots, len, written }
    }

    /// Number of slots: at least one, until [`advance`](Self::advance) has handed on all of them.
    #[inline(always)]
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a new batch is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Sequence of the first slot.
    #[inline(always)]
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.slots.taken
    }

    /// The lanes to read, as a tuple of [`View`](super::View)s in the order of
    /// [`reads`](super::StageBuilder::reads), and the lane to write.
    #[inline(always)]
    pub fn parts(&mut self) -> (Views<'_, R>, LaneWriter<'_, W>) {
        let StageSlots { reads, out, taken, .. } = &*self.slots;
        // SAFETY: `look` synchronised with the cursors of everyone who writes these lanes (of
        // lanes further up by way of those in between), and found them behind `taken + len`.
        // This stage has not released the slots while the borrow of `self` lives, so the
        // producer, and with it every writer, stays away from them.
        let views = unsafe { R::views(reads, *taken, self.len) };
        // SAFETY: this stage is the lane's only writer (`writes` makes one stage for one lane),
        // and `&mut self` admits no second `LaneWriter`. The slots are not published, as `taken` is
        // not below the cursor. Readers of the last round have released them: the producer has
        // claimed these sequences since, after it saw the cursors of the last readers, and this
        // stage synchronised with the producer.
        let writer = unsafe { LaneWriter::new(out, *taken, self.len, 0, &mut self.written) };
        (views, writer)
    }

    /// The lanes to read, as a tuple of [`View`](super::View)s.
    #[inline(always)]
    #[must_use]
    pub fn reads(&self) -> Views<'_, R> {
        // SAFETY: as in `parts`.
        unsafe { R::views(&self.slots.reads, self.slots.taken, self.len) }
    }

    /// Takes the first `count` slots without handing them on: the next
    /// [`Stage::poll_ahead`](super::Stage::poll_ahead) starts behind them, and
    /// [`Stage::release`](super::Stage::release) hands them on later.
    ///
    /// # Panics
    ///
    /// If `count` is above [`len`](Self::len), or above the number of slots written if the stage
    /// writes a lane.
    #[inline]
    pub fn take(self, count: usize) {
        assert!(count <= self.written, "only {} of {count} slots are written", self.written);
        self.slots.taken += count as u64;
    }

    /// Hands on the first `count` slots, and all that were taken before them: the stages behind
    /// this one may read them, and if there are none, the producers may use them again.
    ///
    /// # Panics
    ///
    /// If `count` is above [`len`](Self::len), or above the number of slots written if the stage
    /// writes a lane.
    #[inline]
    pub fn publish(self, count: usize) {
        assert!(count <= self.written, "only {} of {count} slots are written", self.written);
        self.slots.advance(count);
    }

    /// Hands on the whole batch; if the stage writes a lane, the slots that it has written.
    #[inline]
    pub fn finish(self) {
        self.slots.advance(self.written);
    }

    /// Hands on the first `count` slots as [`publish`](Self::publish) does, and keeps the others:
    /// offset `count` becomes offset 0.
    ///
    /// # Panics
    ///
    /// As [`publish`](Self::publish).
    #[inline]
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.written, "only {} of {count} slots are written", self.written);
        self.len -= count;
        self.written -= count;
        self.slots.advance(count);
    }
}

impl<R: Lanes, W: Slot> fmt::Debug for Batch<'_, R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("first_sequence", &self.first_sequence())
            .field("len", &self.len)
            .field("written", &self.written)
            .finish()
    }
}
