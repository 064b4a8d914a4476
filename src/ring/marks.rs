//! What became of the slots that several producers have claimed.
//!
//! ```text
//!   claims     ├──── A ────┤─B─┤── C ──┤─A─┤
//!   sequence   8   9   10    11  12  13  14  15        ring of 8 slots
//!   word       11  ·   ·     12  ✗   ✗   ·
//!   stage      ├──── batch ────┤ jump  │ waits: A is still at work
//! ```
//!
//! Producers finish in any order, so no cursor can say how far the ring is filled. Each slot has
//! a word for it. When slots are published, the word of the *first* of them says where they end,
//! so a publication costs one store and one load, however long it is. A stage directly behind the
//! producers goes from one end to the next. Slots that are skipped (✗) say so each for itself,
//! because stages further down may come upon them from anywhere.
//!
//! An end is above the word's own sequence. What is left there from earlier rounds (·) is at most
//! a ring's length above an earlier sequence, and so not above this one: nothing has to be reset.
//!
//! # Invariants
//!
//! * Only the owner of a claim stores words of its slots, each at most once in a round.
//! * Slots up to an end hold values that were written whole; the value of a skipped slot is seen
//!   by nobody.
//! * `skips` counts a skipped slot before its word says so.

use alloc::boxed::Box;

use super::order;
use crate::sync::Ordering::Relaxed;
use crate::sync::{AtomicU64, Padded};

/// Words in one pair of cache lines.
const GROUP_WORDS: usize = 16;

#[repr(align(128))]
struct Group([AtomicU64; GROUP_WORDS]);

/// The words of all slots of a ring.
pub struct Marks {
    groups: Box<[Group]>,
    mask: u64,
    /// Words count from here, so that a bit is left for [`SKIPPED`].
    first_sequence: u64,
    /// Sequences skipped so far.
    skips: Padded<AtomicU64>,
}

/// The lowest bit of a word: the slot was skipped.
const SKIPPED: u64 = 1;

impl Marks {
    /// Words for `slots` slots, a power of two, nothing published from `first_sequence` on.
    pub(super) fn new(slots: usize, first_sequence: u64) -> Self {
        let group = || Group(core::array::from_fn(|_| AtomicU64::new(0)));
        let groups = (0..slots.div_ceil(GROUP_WORDS)).map(|_| group()).collect();
        Self { groups, mask: slots as u64 - 1, first_sequence, skips: Padded(AtomicU64::new(0)) }
    }

    #[inline(always)]
    fn word(&self, sequence: u64) -> &AtomicU64 {
        #[allow(clippy::cast_possible_truncation, reason = "masked to an index")]
        let index = (sequence & self.mask) as usize;
        &self.groups[index / GROUP_WORDS].0[index % GROUP_WORDS]
    }

    /// The word of slots that end before `end`.
    #[inline(always)]
    fn ending(&self, end: u64) -> u64 {
        (end - self.first_sequence) << 1
    }

    /// The word of `sequence` if it is skipped.
    #[inline(always)]
    fn skipped(&self, sequence: u64) -> u64 {
        self.ending(sequence + 1) | SKIPPED
    }

    /// Hands the `count` slots from `first` on, at least one, to the stages. They are the next
    /// ones of the caller's claim.
    #[inline(always)]
    pub(super) fn publish(&self, first: u64, count: usize) {
        self.word(first).store(self.ending(first + count as u64), order::mark());
    }

    /// Gives the `count` slots from `first` on up: the stages jump over them. They are the rest
    /// of the caller's claim.
    #[cold]
    pub(super) fn skip(&self, first: u64, count: usize) {
        // Relaxed: ordered before the words by their Release. Who has seen one of them, be it by
        // way of other stages' cursors, sees it counted.
        self.skips.fetch_add(count as u64, Relaxed);
        for sequence in first..first + count as u64 {
            self.word(sequence).store(self.skipped(sequence), order::mark());
        }
    }

    /// How many sequences were skipped so far.
    #[inline(always)]
    pub(super) fn skips(&self) -> u64 {
        // Relaxed: see `skip`.
        self.skips.load(Relaxed)
    }

    /// Where the published slots from `from` on end. `from` is such an end itself, or behind
    /// skipped slots, or the start; the caller has released nothing from there on.
    #[inline]
    pub(super) fn published_until(&self, from: u64) -> u64 {
        let mut sequence = from;
        loop {
            // Ends after a round at the latest: what is not released is not claimed again.
            let word = self.word(sequence).load(order::marked());
            if word <= self.ending(sequence) || word & SKIPPED != 0 {
                return sequence;
            }
            sequence = self.first_sequence + (word >> 1);
        }
    }

    /// The first sequence from `from` on that is not skipped, at most `limit`. The caller has
    /// released nothing from `from` on.
    #[inline]
    pub(super) fn skipped_until(&self, from: u64, limit: u64) -> u64 {
        let mut sequence = from;
        while sequence < limit
            && self.word(sequence).load(order::marked()) == self.skipped(sequence)
        {
            sequence += 1;
        }
        sequence
    }

    /// The first sequence in `from..limit` that is skipped, or `limit`. The caller must have
    /// synchronised with a stage that is past all of them, and not have released them.
    #[cold]
    pub(super) fn kept_until(&self, from: u64, limit: u64) -> u64 {
        let mut sequence = from;
        // Relaxed: whoever is past them has seen the words, and they stay as they are until this
        // stage releases them.
        while sequence < limit && self.word(sequence).load(Relaxed) != self.skipped(sequence) {
            sequence += 1;
        }
        sequence
    }
}
