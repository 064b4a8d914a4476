//! A claim: slots that belong to a producer until it publishes them.

use core::fmt;

use super::claims::{Alone, Claims};
use super::input_slots::InputSlots;
use super::lane::LaneWriter;
use super::reads::Slot;

/// Slots that a producer has claimed: it fills them in order and publishes them, all at once or in
/// parts.
///
/// Dropping a claim, also by a panic, gives up the slots that are not published: stages neither
/// see them nor wait for them. Their sequences are given to the next claim if the producer is
/// [`Alone`], and are skipped if it shares its ring with others.
pub struct Claim<'a, T: Slot, C: Claims = Alone> {
    input: &'a mut InputSlots<T, C>,
    first: u64,
    len: usize,
    published: usize,
    written: usize,
}

impl<'a, T: Slot, C: Claims> Claim<'a, T, C> {
    /// The `len` slots from `first` on, just taken.
    #[inline(always)]
    pub(super) fn new(input: &'a mut InputSlots<T, C>, first: u64, len: usize) -> Self {
        input.claims.open(first, len);
        input.slots.ask_ahead(first, len, input.place.limit);
        Self { input, first, len, published: 0, written: 0 }
    }

    /// Number of slots claimed.
    #[inline(always)]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if this is a claim of no slots.
    #[inline(always)]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sequence of the first slot.
    #[inline(always)]
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.first
    }

    /// Number of slots published so far.
    #[inline(always)]
    #[must_use]
    pub fn published(&self) -> usize {
        self.published
    }

    /// Write access to the slots that are not published yet. Offsets count from the first slot of
    /// the claim.
    #[inline(always)]
    pub fn writer(&mut self) -> LaneWriter<'_, T> {
        let Self { input, first, len, published, written } = self;
        // SAFETY: these slots were taken by this producer for this claim, which borrows it
        // mutably, and `&mut self` admits no second `LaneWriter`. The last readers have released
        // them in the round before: `Claims::take` synchronised with their cursors. None behind the
        // first `published` is published.
        unsafe { LaneWriter::new(&input.slots, *first, *len, *published, written) }
    }

    /// Puts `value` into slot `offset`: the next one, or one that is written but not published.
    ///
    /// # Panics
    ///
    /// If `offset` leaves a gap, is not below [`len`](Self::len), or is already published.
    #[inline(always)]
    pub fn set(&mut self, offset: usize, value: T) {
        self.writer().set(offset, value);
    }

    /// Puts `value` into the next slot.
    ///
    /// # Panics
    ///
    /// If all slots are already written.
    #[inline(always)]
    pub fn push(&mut self, value: T) {
        self.writer().push(value);
    }

    /// Puts `values` into the next slots until one of both is used up, and returns the number of
    /// values put; see [`LaneWriter::extend`].
    #[inline(always)]
    pub fn extend(&mut self, values: impl IntoIterator<Item = T>) -> usize {
        self.writer().extend(values)
    }

    /// Slot `offset`, to be written in place; see [`LaneWriter::slot`].
    ///
    /// # Panics
    ///
    /// As [`set`](Self::set).
    #[inline(always)]
    pub fn slot(&mut self, offset: usize) -> &mut T {
        self.writer().into_slot(offset)
    }

    /// Publishes the first `count` slots of the claim. To publish in parts, call it again with a
    /// larger `count`; one that is not larger changes nothing.
    ///
    /// # Panics
    ///
    /// If fewer than `count` slots are written.
    #[inline]
    pub fn publish(&mut self, count: usize) {
        assert!(count <= self.written, "only {} of {count} slots are written", self.written);
        if count > self.published {
            let InputSlots { claims, place, .. } = &mut *self.input;
            claims.publish(place, self.first + self.published as u64, count - self.published);
            self.published = count;
        }
    }

    /// Publishes all slots that are written, and gives up the others.
    #[inline]
    pub fn finish(mut self) {
        self.publish(self.written);
    }

    /// Publishes the one slot that `fill` writes, and returns its sequence.
    #[inline(always)]
    pub(super) fn fill_one(mut self, fill: impl FnOnce(&mut T)) -> u64 {
        fill(self.slot(0));
        let sequence = self.first;
        self.finish();
        sequence
    }

    /// Publishes as many of `values` as fit, and returns the sequence of the first.
    #[inline(always)]
    pub(super) fn fill_all(mut self, values: &mut impl Iterator<Item = T>) -> u64 {
        self.extend(values);
        let first = self.first;
        self.finish();
        first
    }
}

impl<T: Slot, C: Claims> Drop for Claim<'_, T, C> {
    #[inline(always)]
    fn drop(&mut self) {
        let InputSlots { claims, place, .. } = &mut *self.input;
        claims.give_up(place);
    }
}

impl<T: Slot, C: Claims> fmt::Debug for Claim<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("first_sequence", &self.first)
            .field("len", &self.len)
            .field("written", &self.written)
            .field("published", &self.published)
            .finish()
    }
}
