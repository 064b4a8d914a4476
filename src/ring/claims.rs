//! Two ways to share out sequences: to one producer alone, or to several.
//!
//! ```text
//!   alone    claim ──▶ fill ──▶ cursor moves: what is not published was never claimed
//!
//!   shared   A   claim 8..11  ──▶ fill ──▶ mark: published up to 11
//!            B   claim 11     ──▶ fill ──▶ mark: published up to 12          in any order
//!            C   claim 12..14 ──▶ dropped: mark 12, 13 as skipped
//! ```
//!
//! A shared claim takes its sequences for good: others may have claimed behind it a moment later.
//! So what such a claim does not publish is *skipped*: no stage ever sees those slots, batches end
//! in front of them, and the next batch starts behind them. Sequences only grow, and every value
//! has its own; one that nobody published is simply missing.
//!
//! Marks cost a producer one store for each publication, a stage directly behind the producers one
//! load for each, and any other stage one load of a counter for each look. Only a skip costs more.
//!
//! # Invariants
//!
//! * Shared sequences are claimed by one compare-and-swap on the producers' cursor, which never
//!   passes what the last readers have released in the round before.
//! * Each slot of a shared claim is accounted for once: by its publication, or as skipped when the claim
//!   is dropped. A claim that was forgotten (`mem::forget`) is skipped by the next one of its
//!   handle, or when that goes away.
//! * The last producer that goes away closes the ring; all claims have ended then.

use super::bell::Bell;
use super::cursor::{Cursor, Gates};
use super::marks::Marks;
use super::state::RingState;
use crate::sync::Ordering::Relaxed;
use crate::sync::{Arc, spin_loop, thread};

/// Pauses of a producer that finds that others have claimed since it did, before it claims.
///
/// Producers that take turns claim by claim hand three cache lines to and fro for each: the
/// cursor's, the mark's, the slot's. A pause lets one of them make some twenty claims while it
/// owns these lines. It costs such a claim about half a microsecond; two producers of single
/// values get 1.3 to 3 times as much through, the more the further their cores are apart.
const CONTENDED_PAUSES: u32 = if cfg!(loom) { 0 } else { 32 };

/// How a producer comes by its sequences: [`Alone`] or [`Shared`]. Sealed.
pub trait Claims: sealed::Claims {}

impl<C: sealed::Claims> Claims for C {}

/// The way of the only producer of its ring: what it does not publish was never claimed.
#[derive(Debug)]
pub struct Alone {
    /// Everything before this sequence is published; what the cursor says.
    next: u64,
    /// Before this sequence, a single slot can be taken and published without a look at anything
    /// but `next` and the halt: it is free, and nobody is to be woken. At most [`Place::limit`].
    until: u64,
}

impl Alone {
    pub(super) fn new(first_sequence: u64) -> Self {
        Self { next: first_sequence, until: first_sequence }
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }
}

/// The way of one of several producers: what it does not publish is skipped.
pub struct Shared {
    marks: Arc<Marks>,
    /// Where the last claim that this producer saw ends: the first guess for the next one.
    claimed: u64,
    /// What of this producer's claim is not marked yet: first sequence and number.
    open: (u64, usize),
    /// Dropped with the last producer.
    closing: Arc<Closing>,
}

/// What a producer knows of its ring, whatever it puts in.
pub struct Place {
    pub(super) ring: Arc<RingState>,
    /// Alone: behind the last sequence published. Shared: behind the last one claimed.
    pub(super) cursor: Arc<Cursor>,
    gates: Arc<Gates>,
    wakes: alloc::sync::Arc<[Bell]>,
    /// Everything before this sequence may be claimed, as far as this producer has looked.
    pub(super) limit: u64,
}

impl Place {
    pub(super) fn new(ring: Arc<RingState>, cursor: Arc<Cursor>, gates: Gates) -> Self {
        let wakes = cursor.wakes.get().cloned().unwrap_or_default();
        let limit = ring.first_sequence + ring.slots as u64;
        Self { ring, cursor, gates: Arc::new(gates), wakes, limit }
    }

    /// Reads the cursors of the last readers.
    pub(super) fn look(&mut self) {
        self.limit = self.gates.released() + self.ring.slots as u64;
    }

    /// Says that this was the last of the ring's producers, and that `end` is the end.
    fn leave(ring: &RingState, cursor: &Cursor, end: u64) {
        if thread::panicking() {
            ring.halt(&cursor.name, "it panicked");
        } else {
            ring.close(end);
        }
    }
}

impl Clone for Place {
    fn clone(&self) -> Self {
        Self {
            ring: Arc::clone(&self.ring),
            cursor: Arc::clone(&self.cursor),
            gates: Arc::clone(&self.gates),
            wakes: alloc::sync::Arc::clone(&self.wakes),
            limit: self.limit,
        }
    }
}

pub(super) mod sealed {
    use super::Place;

    pub trait Claims {
        /// Takes the next `count` sequences; `None` if their slots are not all free as far as
        /// `place` has looked. Of those it takes, the producer has synchronised with everyone who
        /// read their slots.
        fn take(&mut self, place: &Place, count: usize) -> Option<u64>;

        /// Takes the next sequence, if that needs no more than a glance; most single values get
        /// theirs so. [`publish_simply`](Self::publish_simply) follows, or nothing.
        fn take_simply(&mut self, place: &Place) -> Option<u64>;

        /// Hands the slot `sequence`, just taken simply, to the stages.
        fn publish_simply(&mut self, place: &Place, sequence: u64);

        /// The slots before `until` need no more than a glance, as far as the caller knows.
        fn ease(&mut self, place: &Place, until: u64);

        /// Says that the claim just taken is filled slot by slot, and may be forgotten meanwhile.
        fn open(&mut self, first: u64, count: usize);

        /// Hands the `count` slots from `first` on to the stages; they are the next ones of what
        /// was taken.
        fn publish(&mut self, place: &Place, first: u64, count: usize);

        /// Gives up what was opened and not published.
        fn give_up(&mut self, place: &Place);

        /// The sequence behind the last one claimed.
        fn claimed(&self, place: &Place) -> u64;

        /// The producer goes away.
        fn leave(&mut self, place: &Place);
    }
}

impl sealed::Claims for Alone {
    #[inline(always)]
    fn take(&mut self, place: &Place, count: usize) -> Option<u64> {
        // The limit is never behind what was claimed; a sum could overflow, a difference cannot.
        (count as u64 <= place.limit - self.next).then_some(self.next)
    }

    #[inline(always)]
    fn take_simply(&mut self, place: &Place) -> Option<u64> {
        (!place.ring.is_halted() && self.next < self.until).then_some(self.next)
    }

    #[inline(always)]
    fn publish_simply(&mut self, place: &Place, sequence: u64) {
        self.next = sequence + 1;
        place.cursor.publish(self.next, &[]);
    }

    #[inline(always)]
    fn ease(&mut self, place: &Place, until: u64) {
        if place.wakes.is_empty() {
            self.until = until.min(place.limit);
        }
    }

    #[inline(always)]
    fn open(&mut self, _: u64, _: usize) {}

    #[inline(always)]
    fn publish(&mut self, place: &Place, first: u64, count: usize) {
        self.next = first + count as u64;
        place.cursor.publish(self.next, &place.wakes);
    }

    #[inline(always)]
    fn give_up(&mut self, _: &Place) {}

    fn claimed(&self, _: &Place) -> u64 {
        self.next
    }

    fn leave(&mut self, place: &Place) {
        Place::leave(&place.ring, &place.cursor, self.next);
    }
}

impl Shared {
    pub(super) fn new(marks: Arc<Marks>, ring: &Arc<RingState>, cursor: &Arc<Cursor>) -> Self {
        let closing = Arc::new(Closing { ring: Arc::clone(ring), cursor: Arc::clone(cursor) });
        Self { marks, claimed: ring.first_sequence, open: (0, 0), closing }
    }

    #[cold]
    fn skip_open(&mut self, place: &Place) {
        let (first, count) = core::mem::take(&mut self.open);
        self.marks.skip(first, count);
        Bell::ring_all(&place.wakes);
    }
}

impl sealed::Claims for Shared {
    #[inline(always)]
    fn take(&mut self, place: &Place, count: usize) -> Option<u64> {
        // Of a claim that was forgotten.
        self.give_up(place);
        let mut first = self.claimed;
        let mut pauses = CONTENDED_PAUSES;
        loop {
            // If the guess is too low, then the ring is all the fuller. Others may have claimed
            // past the limit that this producer knows.
            let free = place.limit.saturating_sub(first);
            if count as u64 > free {
                return None;
            }
            let end = first + count as u64;
            // A guess that fails brings the line here at once to be written: cheaper than to
            // load it first, and then to ask for it again.
            //
            // Relaxed: the cursor only shares out sequences. That the slots are free this
            // producer knows from the cursors of the last readers, and the stages go by the marks.
            match place.cursor.position.compare_exchange_weak(first, end, Relaxed, Relaxed) {
                Ok(_) => {
                    self.claimed = end;
                    return Some(first);
                }
                Err(claimed) => {
                    first = claimed;
                    // Once for each claim, others go first: see `CONTENDED_PAUSES`.
                    for _ in 0..core::mem::take(&mut pauses) {
                        spin_loop();
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn take_simply(&mut self, _: &Place) -> Option<u64> {
        None
    }

    #[inline(always)]
    fn publish_simply(&mut self, _: &Place, _: u64) {
        unreachable!("several producers take nothing simply");
    }

    #[inline(always)]
    fn ease(&mut self, _: &Place, _: u64) {}

    #[inline(always)]
    fn open(&mut self, first: u64, count: usize) {
        self.open = (first, count);
    }

    #[inline(always)]
    fn publish(&mut self, place: &Place, first: u64, count: usize) {
        self.marks.publish(first, count);
        self.open = (first + count as u64, self.open.1.saturating_sub(count));
        Bell::ring_all(&place.wakes);
    }

    #[inline(always)]
    fn give_up(&mut self, place: &Place) {
        if self.open.1 != 0 {
            self.skip_open(place);
        }
    }

    fn claimed(&self, place: &Place) -> u64 {
        // Relaxed: a number to look at.
        place.cursor.position.load(Relaxed)
    }

    fn leave(&mut self, place: &Place) {
        self.give_up(place);
    }
}

impl Clone for Shared {
    fn clone(&self) -> Self {
        Self {
            marks: Arc::clone(&self.marks),
            claimed: self.claimed,
            open: (0, 0),
            closing: Arc::clone(&self.closing),
        }
    }
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shared").field("open", &self.open).finish_non_exhaustive()
    }
}

/// Closes the ring when the last of several producers drops it.
struct Closing {
    ring: Arc<RingState>,
    cursor: Arc<Cursor>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        // Relaxed: whatever the other producers did happened before they dropped their share.
        Place::leave(&self.ring, &self.cursor, self.cursor.position.load(Relaxed));
    }
}
