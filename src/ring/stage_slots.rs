//! The slots that one stage works on: the lanes that it reads, the lane that it writes, and its
//! place in them.
//!
//! ```text
//!               released        taken
//!                  │              │
//!   ───────────────┼──────────────┼──────────────▶ sequence
//!    handed on     │ taken, not   │ next batch
//!                  │ handed on    │
//! ```
//!
//! # Invariants
//!
//! * `released ≤ taken`; the slots from `released` on do not change until the stage hands them on.

use super::bell::Bell;
use super::cursor::Cursor;
use super::reads::{Lanes, Slot};
use super::slots::Slots;
use crate::sync::Arc;

/// The slots that a [`Stage`](super::Stage) and its batches work on.
pub struct StageSlots<R: Lanes, W: Slot> {
    pub(super) cursor: Arc<Cursor>,
    pub(super) reads: R::Held,
    pub(super) out: Slots<W>,
    /// A sink has no lane to fill before it hands on.
    pub(super) is_sink: bool,
    /// Everything before this sequence is handed on; the cursor's position.
    pub(super) released: u64,
    /// Everything before this sequence was taken.
    pub(super) taken: u64,
    /// Bells to ring when the cursor moves; fetched with the first batch.
    wakes: Option<alloc::sync::Arc<[Bell]>>,
}

impl<R: Lanes, W: Slot> StageSlots<R, W> {
    /// Slots from `first_sequence` on, none of them taken.
    pub(super) fn new(
        cursor: Arc<Cursor>,
        first_sequence: u64,
        reads: R::Held,
        out: Slots<W>,
        is_sink: bool,
    ) -> Self {
        let (released, taken) = (first_sequence, first_sequence);
        Self { cursor, reads, out, is_sink, released, taken, wakes: None }
    }

    /// Takes `count` slots and hands on everything before their end.
    #[inline]
    pub(super) fn advance(&mut self, count: usize) {
        if count > 0 {
            self.taken += count as u64;
            self.hand_on(self.taken);
        }
    }

    /// Moves the cursor to `position`, at most `taken`.
    #[inline(always)]
    pub(super) fn hand_on(&mut self, position: u64) {
        self.released = position;
        let wakes = self.wakes.get_or_insert_with(|| {
            // The graph was built before the first slot could be published. Shared, not copied:
            // nothing is allocated here.
            self.cursor.wakes.get().cloned().unwrap_or_default()
        });
        self.cursor.publish(position, wakes);
    }
}
