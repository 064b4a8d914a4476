//! The single producer: claims slots, fills them, publishes them.
//!
//! # Invariants
//!
//! * A slot is claimed only once every last reader has released it in the round before.
//! * Only slots that were written can be published, in order. What a claim does not publish was
//!   never claimed: a dropped claim leaves no hole.

use core::fmt;

use super::core::{Core, Node};
use super::error::ClaimError;
use super::lane::Writer;
use super::order;
use super::reads::Slot;
use super::slots::Slots;
use super::wait::Bell;
use crate::sync::Arc;

/// Puts values into a ring, alone.
///
/// Dropping it closes the ring: the stages process what is there and end. Dropped while its
/// thread panics, it halts the ring instead.
pub struct Producer<T: Slot> {
    core: Arc<Core>,
    node: Arc<Node>,
    slots: Arc<Slots<T>>,
    /// Cursors of the stages that nobody waits for; all others are ahead of them.
    gates: Box<[Arc<Node>]>,
    wakes: std::sync::Arc<[Bell]>,
    bell: Bell,
    /// Everything before this sequence is published; what the cursor says.
    next: u64,
    /// Everything before this sequence may be claimed, as far as the producer has looked.
    limit: u64,
}

impl<T: Slot> Producer<T> {
    pub(super) fn new(
        core: Arc<Core>,
        node: Arc<Node>,
        slots: Arc<Slots<T>>,
        gates: Box<[Arc<Node>]>,
        bell: Bell,
    ) -> Self {
        let wakes = node.wakes.get().cloned().unwrap_or_default();
        let next = core.first_sequence;
        let limit = next + slots.count() as u64;
        Self { core, node, slots, gates, wakes, bell, next, limit }
    }

    /// Number of slots of the ring.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots.count()
    }

    /// Sequence that the next published slot gets.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.next
    }

    /// The bell of the producer's thread.
    #[must_use]
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// How many slots can be claimed now.
    #[must_use]
    pub fn capacity_free(&mut self) -> usize {
        self.look();
        usize::try_from(self.limit - self.next).expect("at most the ring's slots")
    }

    /// Claims the next `count` slots, or nothing if they are not all free. Never waits.
    ///
    /// # Errors
    ///
    /// [`ClaimError::BatchTooLong`] if the ring has fewer slots, [`ClaimError::Halted`] once the
    /// ring was halted.
    #[inline]
    pub fn try_claim(&mut self, count: usize) -> Result<Option<Claim<'_, T>>, ClaimError> {
        self.core.check()?;
        let end = self.next + count as u64;
        if end > self.limit {
            if count > self.slots.count() {
                return Err(ClaimError::BatchTooLong { asked: count, slots: self.slots.count() });
            }
            self.look();
            if end > self.limit {
                return Ok(None);
            }
        }
        let first = self.next;
        Ok(Some(Claim { producer: self, first, len: count, published: 0, written: 0 }))
    }

    /// Puts one value in, or hands it back if the ring is full. Returns its sequence.
    ///
    /// # Errors
    ///
    /// The value, and why.
    #[inline]
    pub fn try_publish(&mut self, value: T) -> Result<u64, TryPublishError<T>> {
        match self.try_claim(1) {
            Ok(Some(mut claim)) => {
                let sequence = claim.first_sequence();
                claim.set(0, value);
                claim.publish(1);
                Ok(sequence)
            }
            Ok(None) => Err(TryPublishError { value, halted: None }),
            Err(ClaimError::Halted(halted)) => Err(TryPublishError { value, halted: Some(halted) }),
            Err(ClaimError::BatchTooLong { .. }) => unreachable!("every ring has one slot"),
        }
    }

    /// Reads the cursors of the last readers.
    fn look(&mut self) {
        let mut released = u64::MAX;
        for gate in &self.gates {
            released = released.min(gate.cursor.load(order::GATE));
        }
        self.limit = released + self.slots.count() as u64;
    }

    /// Ends the ring: the stages process what is there, and end.
    pub fn close(self) {}

    /// Halts the ring: the stages get `message` as an error, and what is still in it is given up.
    pub fn halt(&self, message: &str) {
        self.core.halt(&self.node.name, message);
    }
}

impl<T: Slot> Drop for Producer<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.core.halt(&self.node.name, "it panicked");
        } else {
            self.core.close(self.next);
        }
    }
}

impl<T: Slot> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("next_sequence", &self.next)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// A value that could not be published now, handed back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TryPublishError<T> {
    /// The value.
    pub value: T,
    /// Set if the ring was halted; otherwise it is full for the moment.
    pub halted: Option<super::error::Halted>,
}

/// Slots claimed by the producer, to be filled and published.
///
/// Dropped early, it publishes nothing more: the slots behind the last published one are free
/// again and no reader ever sees them.
pub struct Claim<'a, T: Slot> {
    producer: &'a mut Producer<T>,
    first: u64,
    len: usize,
    published: usize,
    written: usize,
}

impl<T: Slot> Claim<'_, T> {
    /// Number of slots.
    #[inline(always)]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it is a claim of no slots.
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

    /// How many slots are published.
    #[inline(always)]
    #[must_use]
    pub fn published(&self) -> usize {
        self.published
    }

    /// Write access to the slots that are not published yet.
    #[inline(always)]
    pub fn writer(&mut self) -> Writer<'_, T> {
        let Self { producer, first, len, published, written } = self;
        // SAFETY: the producer is the lane's only writer, this claim borrows it mutably, and
        // `&mut self` admits no second `Writer`. The last readers have released these slots in
        // the round before: `try_claim` synchronised with their cursors. None behind the first
        // `published` is published.
        unsafe { Writer::new(&producer.slots, *first, *len, *published, written) }
    }

    /// Puts `value` into slot `offset`: the next one, or one written before and not published.
    ///
    /// # Panics
    ///
    /// If `offset` leaves a gap, is not below [`len`](Self::len), or was published already.
    #[inline(always)]
    pub fn set(&mut self, offset: usize, value: T) {
        self.writer().set(offset, value);
    }

    /// Puts `value` into the next slot.
    ///
    /// # Panics
    ///
    /// If all slots are written.
    #[inline(always)]
    pub fn push(&mut self, value: T) {
        self.writer().push(value);
    }

    /// The slot `offset`, to be written in place; see [`Writer::slot`].
    ///
    /// # Panics
    ///
    /// As [`set`](Self::set).
    #[inline(always)]
    pub fn slot(&mut self, offset: usize) -> &mut T {
        self.writer().into_slot(offset)
    }

    /// Publishes the first `count` slots of the claim. May be called again with more, to publish
    /// in parts; with fewer it changes nothing.
    ///
    /// # Panics
    ///
    /// If fewer than `count` slots are written.
    #[inline]
    pub fn publish(&mut self, count: usize) {
        assert!(count <= self.written, "only {} of {count} slots are written", self.written);
        if count > self.published {
            self.published = count;
            let producer = &mut *self.producer;
            producer.next = self.first + count as u64;
            producer.node.publish(producer.next, &producer.wakes);
        }
    }

    /// Publishes all that is written, and gives up the rest.
    #[inline]
    pub fn finish(mut self) {
        self.publish(self.written);
    }
}

impl<T: Slot> fmt::Debug for Claim<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("first_sequence", &self.first)
            .field("len", &self.len)
            .field("written", &self.written)
            .field("published", &self.published)
            .finish()
    }
}
