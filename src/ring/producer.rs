//! Producers: they claim slots, fill them, publish them; alone or beside others.
//!
//! | | full: | one value | written in place | a batch |
//! |---|---|---|---|---|
//! | `try_…` | says so, at once | [`try_publish`] hands it back | [`try_publish_with`] | [`try_publish_all`], [`try_claim`] |
//! | | waits | [`publish`] | [`publish_with`] | [`publish_all`], [`claim`] |
//! | `…_within` | waits for so long | [`publish_within`] hands it back | | [`claim_within`] |
//!
//! [`try_publish`]: Producer::try_publish
//! [`try_publish_with`]: Producer::try_publish_with
//! [`try_publish_all`]: Producer::try_publish_all
//! [`try_claim`]: Producer::try_claim
//! [`publish`]: Producer::publish
//! [`publish_with`]: Producer::publish_with
//! [`publish_all`]: Producer::publish_all
//! [`claim`]: Producer::claim
//! [`publish_within`]: Producer::publish_within
//! [`claim_within`]: Producer::claim_within
//!
//! # Invariants
//!
//! * A slot is claimed only once every last reader has released it in the round before.
//! * Only slots that were written can be published, in order.

use core::fmt;
#[cfg(feature = "std")]
use core::time::Duration;

use super::bell::Bell;
use super::claim::Claim;
use super::claims::{Alone, Claims, Place, Shared};
use super::cursor::{Cursor, Gates};
use super::error::{ClaimError, PublishError};
use super::input_slots::InputSlots;
use super::marks::Marks;
use super::reads::Slot;
use super::slots::Slots;
use super::state::RingState;
use super::strategy::WaitStrategy;
use super::waiter::Waiter;
use crate::sync::Arc;

/// Puts values into a ring.
///
/// Dropping it closes the ring: the stages process what is there and end. Dropped while its
/// thread panics, it halts the ring instead.
///
/// [`SharedProducer`] has the same methods and can be cloned.
///
/// # Waiting
///
/// The forms that wait do so on the producer's bell, by the strategy of
/// [`set_wait`](Self::set_wait). A thread that steps the ring's stages itself must not wait for
/// room: it would wait for itself.
pub struct Producer<T: Slot, C: Claims = Alone> {
    input: InputSlots<T, C>,
    waiter: Waiter,
}

/// Puts values into a ring, beside its clones on other threads.
///
/// The ring closes when the last clone is dropped. One that is dropped while its thread panics
/// leaves the others to go on; the last one that goes so halts the ring.
pub type SharedProducer<T> = Producer<T, Shared>;

impl<T: Slot> Producer<T> {
    pub(super) fn new(
        ring: Arc<RingState>,
        cursor: Arc<Cursor>,
        slots: Slots<T>,
        gates: Gates,
        bell: Bell,
    ) -> Self {
        let claims = Alone::new(ring.first_sequence);
        let waiter = Waiter::new(WaitStrategy::default(), bell);
        let input = InputSlots { slots, place: Place::new(ring, cursor, gates), claims };
        Self { input, waiter }
    }

    /// Sequence that the next published slot gets.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.input.claims.next()
    }
}

impl<T: Slot> SharedProducer<T> {
    pub(super) fn new_shared(
        ring: Arc<RingState>,
        cursor: Arc<Cursor>,
        slots: Slots<T>,
        marks: Arc<Marks>,
        gates: Gates,
        bell: Bell,
    ) -> Self {
        let claims = Shared::new(marks, &ring, &cursor);
        let waiter = Waiter::new(WaitStrategy::default(), bell);
        let input = InputSlots { slots, place: Place::new(ring, cursor, gates), claims };
        Self { input, waiter }
    }
}

impl<T: Slot> Clone for SharedProducer<T> {
    fn clone(&self) -> Self {
        Self {
            input: InputSlots {
                slots: self.input.slots.clone(),
                place: self.input.place.clone(),
                claims: self.input.claims.clone(),
            },
            waiter: self.waiter.another(),
        }
    }
}

impl<T: Slot, C: Claims> Producer<T, C> {
    /// Number of slots of the ring.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.input.slots.count()
    }

    /// The bell that is rung for this producer when slots become free.
    #[must_use]
    pub fn bell(&self) -> &Bell {
        self.waiter.bell()
    }

    /// Lets this producer wait for room by `strategy`; [`WaitStrategy::Phased`] at first. Clones
    /// made from it later wait the same way.
    pub fn set_wait(&mut self, strategy: WaitStrategy) {
        self.waiter = Waiter::new(strategy, self.waiter.bell().clone());
    }

    /// How many slots can be claimed now, if no other producer is faster.
    #[must_use]
    pub fn capacity_free(&mut self) -> usize {
        self.input.free()
    }

    /// Claims `count` slots in a row, or nothing if they are not all free. Never waits.
    ///
    /// # Errors
    ///
    /// [`ClaimError::BatchTooLong`] if the ring has fewer slots, [`ClaimError::Halted`] once the
    /// ring was halted.
    #[inline(always)]
    pub fn try_claim(&mut self, count: usize) -> Result<Option<Claim<'_, T, C>>, ClaimError> {
        Ok(self.input.take(count)?.map(|first| Claim::new(&mut self.input, first, count)))
    }

    /// Claims `count` slots in a row, and waits until they are all free.
    ///
    /// # Errors
    ///
    /// [`ClaimError::BatchTooLong`] at once if the ring has fewer slots, [`ClaimError::Halted`]
    /// once the ring was halted.
    #[inline(always)]
    pub fn claim(&mut self, count: usize) -> Result<Claim<'_, T, C>, ClaimError> {
        let first = self.take_waiting(count)?;
        Ok(Claim::new(&mut self.input, first, count))
    }

    /// As [`claim`](Self::claim), but waits for `limit` at most.
    ///
    /// # Errors
    ///
    /// As `claim`, and [`ClaimError::TimedOut`].
    #[cfg(feature = "std")]
    pub fn claim_within(
        &mut self,
        count: usize,
        limit: Duration,
    ) -> Result<Claim<'_, T, C>, ClaimError> {
        let first = self.take_within(count, limit)?;
        Ok(Claim::new(&mut self.input, first, count))
    }

    /// Puts one value in, or hands it back if the ring is full. Returns its sequence.
    ///
    /// # Errors
    ///
    /// The value, and why.
    #[inline(always)]
    pub fn try_publish(&mut self, value: T) -> Result<u64, PublishError<T>> {
        if let Some(sequence) = self.input.take_simply() {
            return Ok(self.input.put_simply(sequence, value));
        }
        match self.input.take(1) {
            Ok(Some(sequence)) => Ok(self.input.put(sequence, value)),
            Ok(None) => Err(PublishError { value, halted: None }),
            Err(error) => Err(PublishError { value, halted: error.halted() }),
        }
    }

    /// Puts one value in, and waits until there is room. Returns its sequence.
    ///
    /// # Errors
    ///
    /// The value, if the ring was halted.
    #[inline(always)]
    pub fn publish(&mut self, value: T) -> Result<u64, PublishError<T>> {
        if let Some(sequence) = self.input.take_simply() {
            return Ok(self.input.put_simply(sequence, value));
        }
        match self.input.take_known(1) {
            Some(sequence) => Ok(self.input.put(sequence, value)),
            None => self.publish_waiting(value),
        }
    }

    /// As [`publish`](Self::publish), but waits for `limit` at most.
    ///
    /// # Errors
    ///
    /// The value, if the ring was halted, or is still full.
    #[cfg(feature = "std")]
    pub fn publish_within(&mut self, value: T, limit: Duration) -> Result<u64, PublishError<T>> {
        match self.take_within(1, limit) {
            Ok(sequence) => Ok(self.input.put(sequence, value)),
            Err(error) => Err(PublishError { value, halted: error.halted() }),
        }
    }

    #[cold]
    #[inline(never)]
    fn publish_waiting(&mut self, value: T) -> Result<u64, PublishError<T>> {
        match self.wait_and_take(1) {
            Ok(sequence) => Ok(self.input.put(sequence, value)),
            Err(error) => Err(PublishError { value, halted: error.halted() }),
        }
    }

    /// Lets `fill` write one slot in place, and publishes it; `None`, and `fill` is not called,
    /// if the ring is full. Returns its sequence.
    ///
    /// The slot holds what was written there last; at the start a default. If `fill` panics,
    /// nothing is published.
    ///
    /// # Errors
    ///
    /// [`ClaimError::Halted`] once the ring was halted.
    #[inline(always)]
    pub fn try_publish_with(
        &mut self,
        fill: impl FnOnce(&mut T),
    ) -> Result<Option<u64>, ClaimError> {
        Ok(self.try_claim(1)?.map(|claim| claim.fill_one(fill)))
    }

    /// As [`try_publish_with`](Self::try_publish_with), but waits until there is room.
    ///
    /// # Errors
    ///
    /// [`ClaimError::Halted`] once the ring was halted.
    #[inline(always)]
    pub fn publish_with(&mut self, fill: impl FnOnce(&mut T)) -> Result<u64, ClaimError> {
        Ok(self.claim(1)?.fill_one(fill))
    }

    /// Puts all of `values` in, in a row and at once, or takes none of them and returns `None` if
    /// the ring has no room for all now. Returns the sequence of the first.
    ///
    /// # Errors
    ///
    /// [`ClaimError::BatchTooLong`] if the ring has fewer slots, [`ClaimError::Halted`] once the
    /// ring was halted; no value was taken then.
    #[inline(always)]
    pub fn try_publish_all(
        &mut self,
        values: &mut impl ExactSizeIterator<Item = T>,
    ) -> Result<Option<u64>, ClaimError> {
        Ok(self.try_claim(values.len())?.map(|claim| claim.fill_all(values)))
    }

    /// As [`try_publish_all`](Self::try_publish_all), but waits until there is room.
    ///
    /// # Errors
    ///
    /// As `try_publish_all`.
    #[inline(always)]
    pub fn publish_all(
        &mut self,
        values: &mut impl ExactSizeIterator<Item = T>,
    ) -> Result<u64, ClaimError> {
        Ok(self.claim(values.len())?.fill_all(values))
    }

    /// Halts the ring: the stages get `message` as an error, and what is still in it is given up.
    pub fn halt(&self, message: &str) {
        self.input.place.ring.halt(&self.input.place.cursor.name, message);
    }

    /// Ends this producer; the last one of a ring ends the ring: the stages process what is there,
    /// and end.
    pub fn close(self) {}

    /// Takes the next `count` sequences, and waits until they are all free.
    #[inline(always)]
    fn take_waiting(&mut self, count: usize) -> Result<u64, ClaimError> {
        match self.input.take_known(count) {
            Some(first) => Ok(first),
            None => self.wait_and_take(count),
        }
    }

    #[cold]
    #[inline(never)]
    fn wait_and_take(&mut self, count: usize) -> Result<u64, ClaimError> {
        self.waiter.another().wait_until(|| self.input.take(count).transpose())
    }

    #[cfg(feature = "std")]
    #[cold]
    #[inline(never)]
    fn take_within(&mut self, count: usize, limit: Duration) -> Result<u64, ClaimError> {
        let mut waiter = self.waiter.another();
        waiter
            .wait_for(Some(limit), || self.input.take(count).transpose())
            .unwrap_or(Err(ClaimError::TimedOut { asked: count, limit }))
    }
}

impl<T: Slot, C: Claims> Drop for Producer<T, C> {
    fn drop(&mut self) {
        self.input.claims.leave(&self.input.place);
    }
}

impl<T: Slot, C: Claims> fmt::Debug for Producer<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("claimed", &self.input.claims.claimed(&self.input.place))
            .field("limit", &self.input.place.limit)
            .finish_non_exhaustive()
    }
}
