//! One word for each slot of a ring with several producers: what became of it in this round.
//!
//! ```text
//!   claimed up to ───────────────────────────────┐
//!   sequence    8    9    10   11   12   13   14 │ 15        ring of 4 slots: round = sequence / 4
//!   mark        ✓    ✓    ✗    ✓    ·    ✓    ·  │
//!   stage       ├─batch─┤ jump ├─┤  waits
//! ```
//!
//! Producers finish in any order, so no cursor can say how far the ring is filled. Each slot's
//! word says it instead: *present* (✓) or *skipped* (✗) in this round; as long as it still names
//! the round before (·), a producer is at work there. Stages wait for the first slot that is
//! neither, and jump over those that were skipped.
//!
//! # Invariants
//!
//! * Only the owner of a claim stores the words of its slots, each once in a round.
//! * A slot that is present holds a value that was written whole; the value of a skipped slot is
//!   seen by nobody.
//! * `skips` counts a skipped slot before its word says so.

use super::order;
use crate::sync::Ordering::Relaxed;
use crate::sync::{AtomicU32, AtomicU64, Padded};

/// Words in one pair of cache lines.
const GROUP_WORDS: usize = 32;

#[repr(align(128))]
struct Group([AtomicU32; GROUP_WORDS]);

/// The words of all slots of a ring.
pub struct Marks {
    groups: Box<[Group]>,
    mask: u64,
    /// A sequence shifted right by this is its round.
    shift: u32,
    /// Sequences skipped so far.
    skips: Padded<AtomicU64>,
}

/// The lowest bit of a word: the slot was skipped.
const SKIPPED: u32 = 1;

impl Marks {
    /// Words for `slots` slots, a power of two, none of them present from `first_sequence` on.
    pub(super) fn new(slots: usize, first_sequence: u64) -> Self {
        let mask = slots as u64 - 1;
        let shift = slots.trailing_zeros();
        // A round that nobody waits for: the one before the first.
        let before = stamp(first_sequence >> shift).wrapping_sub(stamp(1));
        let group = || Group(core::array::from_fn(|_| AtomicU32::new(before)));
        let groups = (0..slots.div_ceil(GROUP_WORDS)).map(|_| group()).collect();
        Self { groups, mask, shift, skips: Padded(AtomicU64::new(0)) }
    }

    #[inline(always)]
    fn word(&self, sequence: u64) -> &AtomicU32 {
        #[allow(clippy::cast_possible_truncation, reason = "masked to an index")]
        let index = (sequence & self.mask) as usize;
        &self.groups[index / GROUP_WORDS].0[index % GROUP_WORDS]
    }

    /// What the word of `sequence` says once it is present.
    #[inline(always)]
    fn present(&self, sequence: u64) -> u32 {
        stamp(sequence >> self.shift)
    }

    /// Hands the `count` slots from `first` on to the stages. They are the caller's claim.
    #[inline(always)]
    pub(super) fn publish(&self, first: u64, count: usize) {
        for sequence in first..first + count as u64 {
            self.word(sequence).store(self.present(sequence), order::mark());
        }
    }

    /// Gives the `count` slots from `first` on up: the stages jump over them. They are the
    /// caller's claim.
    #[cold]
    pub(super) fn skip(&self, first: u64, count: usize) {
        // Relaxed: ordered before the words by their Release. Who has seen one of them, be it by
        // way of other stages' cursors, sees it counted.
        self.skips.fetch_add(count as u64, Relaxed);
        for sequence in first..first + count as u64 {
            self.word(sequence).store(self.present(sequence) | SKIPPED, order::mark());
        }
    }

    /// How many sequences were skipped so far.
    #[inline(always)]
    pub(super) fn skips(&self) -> u64 {
        // Relaxed: see `skip`.
        self.skips.load(Relaxed)
    }

    /// The first sequence from `from` on that is not present. Everything from `from` on must be
    /// unreleased by the caller.
    #[inline]
    pub(super) fn present_until(&self, from: u64) -> u64 {
        let mut sequence = from;
        // Ends after a round at the latest: what the caller has not released is not claimed again.
        while self.word(sequence).load(order::marked()) == self.present(sequence) {
            sequence += 1;
        }
        sequence
    }

    /// The first sequence from `from` on that is not skipped, at most `limit`. Everything from
    /// `from` on must be unreleased by the caller.
    #[inline]
    pub(super) fn skipped_until(&self, from: u64, limit: u64) -> u64 {
        let mut sequence = from;
        while sequence < limit
            && self.word(sequence).load(order::marked()) == self.present(sequence) | SKIPPED
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
        while sequence < limit && self.word(sequence).load(Relaxed) & SKIPPED == 0 {
            sequence += 1;
        }
        sequence
    }
}

/// A round as it stands in a word, beside the bit for skipped slots.
#[inline(always)]
fn stamp(round: u64) -> u32 {
    // Bits are lost, but a word is only ever one round behind the one that is waited for, or two
    // at the start: two neighbours differ in the lowest bits.
    #[allow(clippy::cast_possible_truncation, reason = "see above")]
    let low = round as u32;
    low << 1
}
