//! The producer's side of the input lane: takes free slots, fills them, publishes them.
//!
//! # Invariants
//!
//! * A slot is taken only once every last reader has released it in the round before.

use super::claims::{Claims, Place};
use super::error::ClaimError;
use super::lane::LaneWriter;
use super::reads::Slot;
use super::slots::Slots;

/// What a [`Producer`](super::Producer) and its claims work on.
pub struct InputSlots<T: Slot, C: Claims> {
    pub(super) slots: Slots<T>,
    pub(super) place: Place,
    pub(super) claims: C,
}

impl<T: Slot, C: Claims> InputSlots<T, C> {
    /// Number of free slots, after a new look.
    pub(super) fn free(&mut self) -> usize {
        self.place.look();
        // Others may have claimed past what this producer has seen released.
        let free = self.place.limit.saturating_sub(self.claims.claimed(&self.place));
        usize::try_from(free).expect("at most the ring's slots")
    }

    /// The fast path of a single value: takes the next sequence if that is known to be free and
    /// there is no thread to wake. [`put_simply`](Self::put_simply) follows.
    #[inline(always)]
    pub(super) fn take_simply(&mut self) -> Option<u64> {
        self.claims.take_simply(&self.place)
    }

    /// Takes the next `count` sequences; `None` if they are not all free.
    #[inline(always)]
    pub(super) fn take(&mut self, count: usize) -> Result<Option<u64>, ClaimError> {
        match self.take_known(count) {
            Some(first) => Ok(Some(first)),
            None => self.look_and_take(count),
        }
    }

    /// As [`take`](Self::take), but `None` too if a look at the last readers is needed or there is
    /// an error. Nearly every claim succeeds here, and it is short enough to be inlined into loops.
    #[inline(always)]
    pub(super) fn take_known(&mut self, count: usize) -> Option<u64> {
        // A claim longer than the ring is never free, so it ends in `look_and_take`.
        if self.place.ring.is_halted() { None } else { self.claims.take(&self.place, count) }
    }

    #[cold]
    #[inline(never)]
    fn look_and_take(&mut self, count: usize) -> Result<Option<u64>, ClaimError> {
        self.place.ring.check()?;
        if count > self.slots.count() {
            return Err(ClaimError::BatchTooLong { asked: count, slots: self.slots.count() });
        }
        loop {
            let known = self.place.limit;
            self.place.look();
            let first = self.claims.take(&self.place, count);
            // If others were faster, readers may have released more since: look again.
            if first.is_some() || self.place.limit == known {
                return Ok(first);
            }
        }
    }

    /// Fills the one slot `sequence`, just taken, and publishes it.
    #[inline(always)]
    pub(super) fn put(&mut self, sequence: u64, value: T) -> u64 {
        let old = self.replace(sequence, value);
        let asked_until = self.slots.ask_ahead(sequence, 1, self.place.limit);
        self.claims.publish(&self.place, sequence, 1);
        self.claims.ease(&self.place, asked_until);
        // Dropped last: if it panics, the slot is already published.
        drop(old);
        sequence
    }

    /// As [`put`](Self::put), for a slot taken simply.
    #[inline(always)]
    pub(super) fn put_simply(&mut self, sequence: u64, value: T) -> u64 {
        let old = self.replace(sequence, value);
        if const { Slots::<T>::ASKS_FOR_EACH } {
            self.slots.ask_ahead(sequence, 1, self.place.limit);
        }
        self.claims.publish_simply(&self.place, sequence);
        drop(old); // as in `put`
        sequence
    }

    /// Puts `value` into the one slot `sequence`, just taken, and returns what was there.
    #[inline(always)]
    fn replace(&mut self, sequence: u64, value: T) -> T {
        let mut written = 0;
        // SAFETY: `take` gave this slot to this producer, which is borrowed mutably and has not
        // published it. The last readers have released it in the round before: `Claims::take`
        // synchronised with their cursors.
        let writer = unsafe { LaneWriter::new(&self.slots, sequence, 1, 0, &mut written) };
        core::mem::replace(writer.into_slot(0), value)
    }
}
