//! Marks: which of the slots claimed by several producers are published, and which are skipped.
//!
//! ```text
//!   claims     ├──── A ────┤─B─┤── C ──┤─A─┤
//!   sequence   8   9   10    11  12  13  14  15        ring of 8 slots
//!   word       11  ·   ·     12  ✗   ✗   ·
//!   stage      ├──── batch ────┤ jump  │ waits: A is still at work
//! ```
//!
//! Producers finish in any order, so one cursor cannot tell which slots are published. Each slot
//! has a word for that. When slots are published, the word of the *first* one is set to the
//! sequence behind the last one. So a publication of any length costs one store and one load. A
//! stage directly behind the producers goes from one end to the next. Of skipped slots (✗) each has
//! its own word set, because stages further down can meet them at any place.
//!
//! A valid end is above the word's own sequence. A word left from an earlier round (·) is at most a
//! ring's length above an earlier sequence, so not above this one: words are never reset.
//!
//! # Invariants
//!
//! * Only the owner of a claim stores words of its slots, each at most once in a round.
//! * Slots up to an end hold values that are completely written; no stage sees the value of a
//!   skipped slot.
//! * `skips` counts a skipped slot before its word is stored.

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
    /// Words count from here, so that one bit is free for [`SKIPPED`].
    first_sequence: u64,
    /// Sequences skipped so far.
    skips: Padded<AtomicU64>,
}

/// The lowest bit of a word: the slot was skipped.
const SKIPPED: u64 = 1;

impl Marks {
    /// Words for `slots` slots, a power of two; nothing is published from `first_sequence` on.
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

    /// The word for published slots that end before `end`.
    #[inline(always)]
    fn ending(&self, end: u64) -> u64 {
        (end - self.first_sequence) << 1
    }

    /// The word for `sequence` if it is skipped.
    #[inline(always)]
    fn skipped(&self, sequence: u64) -> u64 {
        self.ending(sequence + 1) | SKIPPED
    }

    /// Publishes the `count` slots from `first` on, at least one: the next ones of the caller's
    /// claim.
    #[inline(always)]
    pub(super) fn publish(&self, first: u64, count: usize) {
        self.word(first).store(self.ending(first + count as u64), order::mark());
    }

    /// Skips the `count` slots from `first` on, so that stages jump over them: the rest of the
    /// caller's claim.
    #[cold]
    pub(super) fn skip(&self, first: u64, count: usize) {
        // Relaxed: ordered before the words by their Release. A stage that sees such a word, also
        // by way of other stages' cursors, sees it counted.
        self.skips.fetch_add(count as u64, Relaxed);
        for sequence in first..first + count as u64 {
            self.word(sequence).store(self.skipped(sequence), order::mark());
        }
    }

    /// Number of sequences skipped so far.
    #[inline(always)]
    pub(super) fn skips(&self) -> u64 {
        // Relaxed: see `skip`.
        self.skips.load(Relaxed)
    }

    /// The end of the published slots from `from` on. `from` must be such an end, or the sequence
    /// behind skipped ones, or the first one; the caller has released nothing from there on.
    #[inline]
    pub(super) fn published_until(&self, from: u64) -> u64 {
        let mut sequence = from;
        loop {
            // Ends after one round at the latest: slots are not claimed again before the release.
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
        // Relaxed: the stage that is past them has seen the words, which do not change until this
        // stage releases the slots.
        while sequence < limit && self.word(sequence).load(Relaxed) != self.skipped(sequence) {
            sequence += 1;
        }
        sequence
    }
}
