//! Producers: they claim slots, fill them and publish them; alone, or several on one ring.
//!
//! # Invariants
//!
//! * A slot is claimed only after all last readers have released it in the round before.
//! * Slots are published in order, and only after they are written.

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
/// Dropping the producer closes the ring: the stages process the values that are in it, and end.
/// If it is dropped by a panic, the ring is halted instead.
///
/// [`SharedProducer`] has the same methods and can be cloned, one clone for each thread.
///
/// | if the ring is full | one value | one slot in place | several slots |
/// |---|---|---|---|
/// | returns at once | `try_publish` | `try_publish_with` | `try_publish_all`, `try_claim` |
/// | waits | `publish` | `publish_with` | `publish_all`, `claim` |
/// | waits up to a limit | `publish_within` | | `claim_within` |
///
/// # Waiting
///
/// The methods that wait for room use the strategy of [`set_wait`](Self::set_wait) and the
/// producer's bell. A thread that also polls stages of the same ring must not wait for room: it
/// would wait for itself.
pub struct Producer<T: Slot, C: Claims = Alone> {
    input: InputSlots<T, C>,
    waiter: Waiter,
}

/// Puts values into a ring that it shares with its clones on other threads.
///
/// The ring closes when the last clone is dropped. If that one is dropped by a panic, the ring is
/// halted instead; a panic that drops any other clone does not affect the ring.
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

    /// The sequence that the next published slot will get.
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

    /// The bell that the ring rings when slots become free. All clones share it.
    #[must_use]
    pub fn bell(&self) -> &Bell {
        self.waiter.bell()
    }

    /// Sets the strategy by which this producer, and clones made of it later, wait for room.
    /// Without this call: [`WaitStrategy::Phased`].
    pub fn set_wait(&mut self, strategy: WaitStrategy) {
        self.waiter = Waiter::new(strategy, self.waiter.bell().clone());
    }

    /// Number of slots that can be claimed now, unless another producer is faster.
    #[must_use]
    pub fn capacity_free(&mut self) -> usize {
        self.input.free()
    }

    /// Claims `count` consecutive slots, or returns `None` if they are not all free. Never waits.
    ///
    /// # Errors
    ///
    /// [`ClaimError::BatchTooLong`] if the ring has fewer than `count` slots;
    /// [`ClaimError::Halted`] once the ring is halted.
    #[inline(always)]
    pub fn try_claim(&mut self, count: usize) -> Result<Option<Claim<'_, T, C>>, ClaimError> {
        Ok(self.input.take(count)?.map(|first| Claim::new(&mut self.input, first, count)))
    }

    /// Claims `count` consecutive slots; waits until they are all free.
    ///
    /// # Errors
    ///
    /// As [`try_claim`](Self::try_claim); a halt ends the wait.
    #[inline(always)]
    pub fn claim(&mut self, count: usize) -> Result<Claim<'_, T, C>, ClaimError> {
        let first = self.take_waiting(count)?;
        Ok(Claim::new(&mut self.input, first, count))
    }

    /// As [`claim`](Self::claim), but waits for at most `limit`. Needs the feature `std`.
    ///
    /// # Errors
    ///
    /// As `claim`; [`ClaimError::TimedOut`] if the slots were not all free within `limit`.
    #[cfg(feature = "std")]
    pub fn claim_within(
        &mut self,
        count: usize,
        limit: Duration,
    ) -> Result<Claim<'_, T, C>, ClaimError> {
        let first = self.take_within(count, limit)?;
        Ok(Claim::new(&mut self.input, first, count))
    }

    /// Publishes one value if there is room, and returns its sequence. Never waits.
    ///
    /// # Errors
    ///
    /// [`PublishError`] with the value if the ring is full or halted.
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

    /// Publishes one value, and returns its sequence; waits until there is room.
    ///
    /// # Errors
    ///
    /// [`PublishError`] with the value if the ring is halted.
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

    /// As [`publish`](Self::publish), but waits for at most `limit`. Needs the feature `std`.
    ///
    /// # Errors
    ///
    /// [`PublishError`] with the value if the ring is halted, or still full after `limit`.
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

    /// Lets `fill` write one slot in place, publishes it, and returns its sequence. If the ring is
    /// full, returns `None` and does not call `fill`. Never waits.
    ///
    /// The slot still holds an older value: the default, or the value of one round before. If
    /// `fill` panics, nothing is published.
    ///
    /// # Errors
    ///
    /// [`ClaimError::Halted`] once the ring is halted.
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
    /// [`ClaimError::Halted`] once the ring is halted.
    #[inline(always)]
    pub fn publish_with(&mut self, fill: impl FnOnce(&mut T)) -> Result<u64, ClaimError> {
        Ok(self.claim(1)?.fill_one(fill))
    }

    /// Publishes all of `values` together, in consecutive slots, and returns the sequence of the
    /// first. If there is no room for all of them, returns `None` and takes none. Never waits.
    ///
    /// An iterator that yields fewer values than its `len` publishes those that it yields.
    ///
    /// # Errors
    ///
    /// [`ClaimError::BatchTooLong`] if the ring has fewer slots than there are values;
    /// [`ClaimError::Halted`] once the ring is halted. No value is taken then.
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

    /// Halts the ring: stages and producers get [`Halted`](super::Halted) with `message`, unless it
    /// was already halted for another reason. Values that are still in the ring are given up.
    pub fn halt(&self, message: &str) {
        self.input.place.ring.halt(&self.input.place.cursor.name, message);
    }

    /// Drops this producer. The last one of a ring closes it: the stages process the values that
    /// are in it, and end.
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
