//! Lanes: a handle for declaring stages, a [`View`] to read slots, a [`LaneWriter`] to write them.
//!
//! # Invariants
//!
//! * A `View` covers only slots that are published and not yet released by its stage.
//! * A `LaneWriter` covers only slots that its stage or claim owns alone. It counts how many slots
//!   are written from the front without a gap: only those can be published.

use core::fmt;
use core::marker::PhantomData;

use super::cursor::Cursor;
use super::slots::{RawSpan, Slots};
use super::state::RingState;
use crate::sync::Arc;

/// The handle of a lane, for declaring stages: a stage that
/// [`reads`](super::StageBuilder::reads) the lane waits for its writer.
///
/// A handle gives no access to slots. The batches of a stage that reads the lane do.
pub struct Lane<T> {
    pub(super) ring: Arc<RingState>,
    pub(super) slots: Slots<T>,
    /// The cursor of the writer.
    pub(super) writer: Arc<Cursor>,
}

impl<T> Clone for Lane<T> {
    fn clone(&self) -> Self {
        Self {
            ring: Arc::clone(&self.ring),
            slots: self.slots.clone(),
            writer: Arc::clone(&self.writer),
        }
    }
}

impl<T> fmt::Debug for Lane<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("writer", &self.writer.name).finish_non_exhaustive()
    }
}

/// The slots of one batch in one lane, to be read.
pub struct View<'a, T> {
    span: RawSpan<'a, T>,
    shared: PhantomData<&'a [T]>,
}

impl<T> Clone for View<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for View<'_, T> {}

impl<'a, T> View<'a, T> {
    /// The `len` slots from sequence `first` on.
    ///
    /// # Safety
    ///
    /// As [`Slots::view`].
    #[inline(always)]
    pub(super) unsafe fn new(slots: &'a Slots<T>, first: u64, len: usize) -> Self {
        // SAFETY: the caller's promise.
        Self { span: unsafe { slots.view(first, len) }, shared: PhantomData }
    }

    /// Number of slots.
    #[inline(always)]
    #[must_use]
    pub fn len(&self) -> usize {
        self.span.len()
    }

    /// True only if [`Batch::advance`](super::Batch::advance) has handed on all slots of the batch.
    #[inline(always)]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sequence of the first slot.
    #[inline(always)]
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.span.first()
    }

    /// The slot `offset`, counted from 0 at the start of the batch.
    ///
    /// # Panics
    ///
    /// If `offset` is not below [`len`](Self::len).
    #[inline(always)]
    #[must_use]
    pub fn at(&self, offset: usize) -> &'a T {
        // SAFETY: the span came from `Slots::view`.
        unsafe { self.span.get(offset) }
    }

    /// All slots in order, as two slices: the slots up to the end of the lane's memory, and those
    /// from its start on. The second one is empty unless the batch wraps around.
    #[inline(always)]
    #[must_use]
    pub fn slices(&self) -> (&'a [T], &'a [T]) {
        // SAFETY: the span came from `Slots::view`.
        unsafe { self.span.slices() }
    }

    /// Iterates over all slots in order.
    #[inline(always)]
    pub fn iter(&self) -> core::iter::Chain<core::slice::Iter<'a, T>, core::slice::Iter<'a, T>> {
        let (head, tail) = self.slices();
        head.iter().chain(tail)
    }
}

impl<'a, T> IntoIterator for View<'a, T> {
    type Item = &'a T;
    type IntoIter = core::iter::Chain<core::slice::Iter<'a, T>, core::slice::Iter<'a, T>>;

    #[inline(always)]
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> core::ops::Index<usize> for View<'_, T> {
    type Output = T;

    #[inline(always)]
    fn index(&self, offset: usize) -> &T {
        self.at(offset)
    }
}

impl<T: fmt::Debug> fmt::Debug for View<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The slots of one batch or claim in one lane, to be written from the front without gaps.
pub struct LaneWriter<'a, T> {
    span: RawSpan<'a, T>,
    /// The slots before this offset are published and belong to the readers.
    from: usize,
    written: &'a mut usize,
    exclusive: PhantomData<&'a mut [T]>,
}

impl<'a, T> LaneWriter<'a, T> {
    /// The `len` slots from sequence `first` on, of which the first `from` are not to be touched.
    ///
    /// # Safety
    ///
    /// As [`Slots::span`], for the slots behind the first `from`.
    #[inline(always)]
    pub(super) unsafe fn new(
        slots: &'a Slots<T>,
        first: u64,
        len: usize,
        from: usize,
        written: &'a mut usize,
    ) -> Self {
        // SAFETY: the caller's promise.
        Self { span: unsafe { slots.span(first, len) }, from, written, exclusive: PhantomData }
    }

    /// Number of slots, written or not.
    #[inline(always)]
    #[must_use]
    pub fn len(&self) -> usize {
        self.span.len()
    }

    /// True if there are no slots.
    #[inline(always)]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of slots written, from the front: as many can be published.
    #[inline(always)]
    #[must_use]
    pub fn written(&self) -> usize {
        *self.written
    }

    /// Puts `value` into slot `offset`: the next one, or one that is already written.
    ///
    /// # Panics
    ///
    /// If `offset` leaves a gap, is not below [`len`](Self::len), or is already published.
    #[inline(always)]
    pub fn set(&mut self, offset: usize, value: T) {
        *self.slot(offset) = value;
    }

    /// Slot `offset`, to be written in place: the next one, or one that is already written. It
    /// counts as written from this call on.
    ///
    /// It still holds an older value: the default, or the value of one round before.
    ///
    /// # Panics
    ///
    /// As [`set`](Self::set).
    #[inline(always)]
    pub fn slot(&mut self, offset: usize) -> &mut T {
        self.prepare(offset);
        // SAFETY: the span came from `Slots::span`, the slot is not handed on (`prepare`), and
        // `&mut self` lets no other reference to it live.
        unsafe { self.span.get_mut(offset) }
    }

    /// As [`slot`](Self::slot), for as long as the writer was borrowed.
    #[inline(always)]
    pub(super) fn into_slot(mut self, offset: usize) -> &'a mut T {
        self.prepare(offset);
        // SAFETY: as in `slot`; the writer is used up, so no other reference follows.
        unsafe { self.span.get_mut(offset) }
    }

    /// Checks that slot `offset` may be written, and counts it.
    #[inline(always)]
    fn prepare(&mut self, offset: usize) {
        let written = *self.written;
        assert!(offset <= written, "slot {offset} after {written}: slots are written in order");
        assert!(offset >= self.from, "slot {offset} was handed on already");
        if offset == written {
            assert!(offset < self.span.len(), "slot {offset} of {}", self.span.len());
            *self.written = written + 1;
        }
    }

    /// All slots that are not published, to be written in place, as two slices: those up to the end
    /// of the lane's memory, and those from its start on. All count as written from this call on;
    /// they still hold older values, as in [`slot`](Self::slot).
    #[inline(always)]
    pub fn slices(&mut self) -> (&mut [T], &mut [T]) {
        *self.written = self.len();
        // SAFETY: the span came from `Slots::span`, the slots before `from` are left out, and
        // `&mut self` lets no other reference to the rest live.
        unsafe { self.span.slices_mut(self.from) }
    }

    /// Puts `value` into the next slot.
    ///
    /// # Panics
    ///
    /// If all slots are already written.
    #[inline(always)]
    pub fn push(&mut self, value: T) {
        let next = *self.written;
        self.set(next, value);
    }

    /// Puts `values` into the next slots until one of both is used up. Returns the number of values
    /// put.
    ///
    /// This is the fastest way to write many values, because they are counted once and not one by
    /// one. The iterator is advanced only if there is a slot for its value. If it panics, none of
    /// its values counts as written.
    #[inline(always)]
    pub fn extend(&mut self, values: impl IntoIterator<Item = T>) -> usize {
        let mut values = values.into_iter();
        let mut count = 0;
        // SAFETY: the span came from `Slots::span`, the slots before `written` are left out, of
        // which those that are handed on are a part, and `&mut self` lets no other reference to
        // the rest live.
        let (head, tail) = unsafe { self.span.slices_mut(*self.written) };
        'slots: for part in [head, tail] {
            for slot in part {
                let Some(value) = values.next() else { break 'slots };
                *slot = value;
                count += 1;
            }
        }
        *self.written += count;
        count
    }
}

impl<T> fmt::Debug for LaneWriter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaneWriter")
            .field("first_sequence", &self.span.first())
            .field("len", &self.len())
            .field("written", &self.written)
            .finish()
    }
}
