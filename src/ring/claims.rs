//! Two ways to claim sequences: by one producer alone, or by several that share a ring.
//!
//! ```text
//!   alone    claim ──▶ fill ──▶ cursor moves: what is not published was never claimed
//!
//!   shared   A   claim 8..11  ──▶ fill ──▶ mark: published up to 11
//!            B   claim 11     ──▶ fill ──▶ mark: published up to 12          in any order
//!            C   claim 12..14 ──▶ dropped: mark 12, 13 as skipped
//! ```
//!
//! A shared claim cannot give its sequences back: another producer may already have claimed the
//! ones behind them. So sequences that such a claim does not publish are *skipped*: a batch ends in
//! front of them, and the next batch starts behind them. Stages see growing sequences, in which
//! skipped ones are missing.
//!
//! The cost of marks: one store for each publication; one load for each publication in a stage
//! directly behind the producers; one load of a counter for each look in any other stage. Only
//! skipping costs more.
//!
//! # Invariants
//!
//! * Shared sequences are claimed by one compare-and-swap on the producers' cursor, which never
//!   passes what the last readers have released in the round before.
//! * Each slot of a shared claim is marked exactly once: as published, or as skipped when the claim
//!   is dropped. A claim that was leaked (`mem::forget`) is skipped by the next claim of the same
//!   producer, or when that producer is dropped.
//! * The ring closes when the last producer is dropped; all claims have ended then.

use super::bell::Bell;
use super::cursor::{Cursor, Gates};
use super::marks::Marks;
use super::state::RingState;
use crate::sync::Ordering::Relaxed;
use crate::sync::{Arc, spin_loop, thread};

/// Pauses of a producer before it claims, if another one has claimed since its last claim.
///
/// Producers that alternate claim by claim transfer three cache lines for each claim: those of the
/// cursor, the mark and the slot. A pause lets the other one make some twenty claims while it owns
/// these lines. It delays such a claim by about half a microsecond. Two producers of single values
/// get 1.3 to 3 times as many through; the further apart their cores are, the more.
const CONTENDED_PAUSES: u32 = if cfg!(loom) { 0 } else { 32 };

/// How a producer claims its sequences: [`Alone`] or [`Shared`]. Other crates cannot implement it.
pub trait Claims: sealed::Claims {}

impl<C: sealed::Claims> Claims for C {}

/// The only producer of its ring. Sequences that it claims and does not publish go to its next
/// claim.
#[derive(Debug)]
pub struct Alone {
    /// Everything before this sequence is published; what the cursor says.
    next: u64,
    /// Before this sequence, a single slot can be taken and published after a look at `next` and
    /// the halt alone: it is free, and no thread has to be woken. At most [`Place::limit`].
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

/// One of several producers of a ring. Sequences that it claims and does not publish are skipped.
pub struct Shared {
    marks: Arc<Marks>,
    /// End of the last claim that this producer has seen: the first guess for its next one.
    claimed: u64,
    /// The sequences of this producer's claim that are not marked yet: the first, and how many.
    open: (u64, usize),
    /// Closes the ring when the last producer drops it.
    closing: Arc<Closing>,
}

/// What a producer knows about its ring, for values of any type.
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

    /// Reads the cursors of the last readers again.
    pub(super) fn look(&mut self) {
        self.limit = self.gates.released() + self.ring.slots as u64;
    }

    /// Ends the ring at `end`, after its last producer.
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
        /// Takes the next `count` sequences; `None` if their slots are not all free, as far as
        /// `place` has looked. The producer has synchronised with all stages that read the slots
        /// it takes.
        fn take(&mut self, place: &Place, count: usize) -> Option<u64>;

        /// The fast path of a single value: takes the next sequence if `until` of `Alone`
        /// allows. Followed by [`publish_simply`](Self::publish_simply), or by nothing.
        fn take_simply(&mut self, place: &Place) -> Option<u64>;

        /// Publishes the slot `sequence`, which `take_simply` has just returned.
        fn publish_simply(&mut self, place: &Place, sequence: u64);

        /// Allows the fast path for the slots before `until`, if they are free and there is no
        /// thread to wake.
        fn ease(&mut self, place: &Place, until: u64);

        /// Notes a claim that was just taken and that its holder may drop or leak.
        fn open(&mut self, first: u64, count: usize);

        /// Publishes the `count` slots from `first` on: the next ones of those taken.
        fn publish(&mut self, place: &Place, first: u64, count: usize);

        /// Gives up the slots that were opened and not published.
        fn give_up(&mut self, place: &Place);

        /// The sequence behind the last one claimed.
        fn claimed(&self, place: &Place) -> u64;

        /// The producer is dropped.
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
        // The slots of a claim that was leaked.
        self.give_up(place);
        let mut first = self.claimed;
        let mut pauses = CONTENDED_PAUSES;
        loop {
            // If the guess is too low, even less is free. Others may have claimed past the limit
            // that this producer knows.
            let free = place.limit.saturating_sub(first);
            if count as u64 > free {
                return None;
            }
            let end = first + count as u64;
            // A wrong guess fetches the line at once for writing: cheaper than to load it first
            // and to fetch it for writing afterwards.
            //
            // Relaxed: the cursor only distributes sequences. That the slots are free is known
            // from the cursors of the last readers, and stages synchronise with the marks.
            match place.cursor.position.compare_exchange_weak(first, end, Relaxed, Relaxed) {
                Ok(_) => {
                    self.claimed = end;
                    return Some(first);
                }
                Err(claimed) => {
                    first = claimed;
                    // Once for each claim, other producers go first: see `CONTENDED_PAUSES`.
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
        // Relaxed: a number for people; nothing is read on its strength.
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
        // Relaxed: the `Arc` around this orders it after everything the other producers did.
        Place::leave(&self.ring, &self.cursor, self.cursor.position.load(Relaxed));
    }
}
