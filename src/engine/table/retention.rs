//! In which order ids are forgotten: a queue of slots, oldest first.
//!
//! ```text
//!   settled ──▶ [ . | . | slot | slot | slot | . ]     around the end
//!                          ▲ first: forgotten from its time on, plus the retention
//! ```
//!
//! # Invariants
//!
//! * Slots come in order of the time at which they were settled, so what is to be forgotten stands
//!   in front.
//! * A queue that grows is moved piece by piece, with each change: what stood in it comes before
//!   what was added since, wherever it lies.
//! * Nothing is due before [`Retention::is_due`] says so, and nothing ever where ids are remembered
//!   for ever.

use alloc::sync::Arc;

use super::growth::{Grow, Memory};
use super::spare::Spare;
use super::{Array, EngineError, Prepare};

/// The queue, and for how long what stands in it is remembered. When each slot was settled is the
/// caller's to keep: it is handed in where it is needed.
#[derive(Debug)]
pub struct Retention {
    slots: Array<u32>,
    first: usize,
    count: usize,
    /// What stood in the queue when it grew, as far as it is not moved: before all others.
    old: Option<Old>,
    spare: Arc<Spare<u32>>,
    /// Nanoseconds; 0: for ever.
    retention_ns: u64,
    /// Nothing in the queue is forgotten before this time.
    due: u64,
}

/// The queue before it grew.
#[derive(Debug)]
struct Old {
    slots: Array<u32>,
    first: usize,
    count: usize,
}

/// Slots that each change of a growing queue moves.
const MOVED_PER_CHANGE: usize = 16;

impl Retention {
    /// An empty queue for up to `capacity` slots of `what`, remembered for `retention_ns`
    /// nanoseconds; 0: for ever.
    ///
    /// # Errors
    ///
    /// [`EngineError::OutOfMemory`].
    pub fn new(
        what: &'static str,
        capacity: usize,
        retention_ns: u64,
    ) -> Result<Retention, EngineError> {
        let slots = Array::zeroed(what, capacity)?;
        let spare = Spare::new(what, capacity);
        Ok(Retention { slots, first: 0, count: 0, old: None, spare, retention_ns, due: u64::MAX })
    }

    /// Makes room for `capacity` slots and takes over another retention; what is due under the one
    /// before was taken out.
    ///
    /// # Errors
    ///
    /// [`EngineError::OutOfMemory`]; the queue is then as before.
    pub fn configure(
        &mut self,
        capacity: usize,
        retention_ns: u64,
        settled_at: impl Fn(u32) -> u64,
    ) -> Result<(), EngineError> {
        if capacity > self.slots.len() {
            while self.old.is_some() {
                self.move_some();
            }
            let larger = self.spare.take(capacity)?;
            let slots = core::mem::replace(&mut self.slots, larger);
            self.old = Some(Old { slots, first: self.first, count: self.count });
            (self.first, self.count) = (0, 0);
        }
        self.retention_ns = retention_ns;
        self.look_at_first(settled_at);
        Ok(())
    }

    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.slots.bytes() + self.old.as_ref().map_or(0, |old| old.slots.bytes())
    }

    /// True if what was settled at `settled_at` is forgotten at `now`.
    #[inline(always)]
    #[must_use]
    pub fn is_over(&self, settled_at: u64, now: u64) -> bool {
        self.retention_ns != 0 && settled_at.saturating_add(self.retention_ns) <= now
    }

    /// For how long settled records are remembered, in nanoseconds; 0: for ever.
    #[must_use]
    pub fn retention_ns(&self) -> u64 {
        self.retention_ns
    }

    /// True if the slot in front is forgotten at `now`.
    #[inline(always)]
    #[must_use]
    pub fn is_due(&self, now: u64) -> bool {
        now >= self.due
    }

    /// The slot `place` places behind the front, if there is one.
    #[inline(always)]
    #[must_use]
    pub fn ahead(&self, place: usize) -> Option<u32> {
        match &self.old {
            Some(old) => self.ahead_while_moving(old, place),
            None => (place < self.count).then(|| self.slots[self.position(place)]),
        }
    }

    #[cold]
    #[inline(never)]
    fn ahead_while_moving(&self, old: &Old, place: usize) -> Option<u32> {
        match place.checked_sub(old.count) {
            None => Some(old.slots[around(&old.slots, old.first + place)]),
            Some(place) => (place < self.count).then(|| self.slots[self.position(place)]),
        }
    }

    /// How many slots stand in the queue.
    fn len(&self) -> usize {
        self.count + self.old.as_ref().map_or(0, |old| old.count)
    }

    /// All slots, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.len()).map(|place| self.ahead(place).expect("it is one of them"))
    }

    /// Adds a slot that was settled just now, at a time not before that of any other.
    ///
    /// # Panics
    ///
    /// If the capacity is 0.
    #[inline(always)]
    pub fn push(&mut self, slot: u32, settled_at: impl Fn(u32) -> u64) {
        let last = self.position(self.count);
        self.slots[last] = slot;
        self.count += 1;
        if self.old.is_some() {
            self.move_some();
        }
        if self.retention_ns != 0 && self.count == 1 {
            self.look_at_first(settled_at);
        }
    }

    /// Takes back the slot that was added last.
    pub fn unpush(&mut self) {
        match &mut self.old {
            Some(old) if self.count == 0 => old.count -= 1,
            _ => self.count -= 1,
        }
        if self.len() == 0 {
            self.due = u64::MAX;
        }
    }

    /// Takes the slot in front out.
    #[inline(always)]
    pub fn pop(&mut self, settled_at: impl Fn(u32) -> u64) {
        match &mut self.old {
            Some(old) if old.count > 0 => {
                old.first = around(&old.slots, old.first + 1);
                old.count -= 1;
            }
            _ => {
                self.first = self.position(1);
                self.count -= 1;
            }
        }
        self.look_at_first(settled_at);
    }

    /// Moves a few slots from behind in the old queue to the front of the larger one.
    #[cold]
    #[inline(never)]
    fn move_some(&mut self) {
        let Some(old) = &mut self.old else { return };
        for _ in 0..MOVED_PER_CHANGE {
            if old.count == 0 {
                break;
            }
            old.count -= 1;
            let slot = old.slots[around(&old.slots, old.first + old.count)];
            self.first = self.first.checked_sub(1).unwrap_or(self.slots.len() - 1);
            self.slots[self.first] = slot;
            self.count += 1;
        }
        if old.count == 0 {
            let old = self.old.take().expect("it is there");
            self.spare.give_back(old.slots);
        }
    }

    #[inline(always)]
    fn look_at_first(&mut self, settled_at: impl Fn(u32) -> u64) {
        self.due = u64::MAX;
        if self.retention_ns != 0
            && let Some(first) = self.ahead(0)
        {
            self.due = settled_at(first).saturating_add(self.retention_ns);
        }
    }

    /// Where the entry number `place` is.
    #[inline(always)]
    fn position(&self, place: usize) -> usize {
        around(&self.slots, self.first + place)
    }
}

impl Grow for Retention {
    fn room(&self) -> Arc<dyn Prepare> {
        self.spare.clone()
    }

    fn memory(&self) -> Arc<dyn Memory> {
        self.slots.memory()
    }
}

/// The position, around the end.
#[inline(always)]
fn around(slots: &[u32], position: usize) -> usize {
    if position >= slots.len() { position - slots.len() } else { position }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_settled_first_is_due_first_around_the_end_and_after_growth() {
        let settled_at = |slot: u32| u64::from(slot) * 10;
        let mut queue = Retention::new("slots", 3, 100).unwrap();
        assert!(!queue.is_due(u64::MAX - 1), "nothing is in it");
        for slot in 1..=3 {
            queue.push(slot, settled_at);
        }
        //  now, whether the slot in front is due
        for (now, is_due) in [(109, false), (110, true), (1_000, true)] {
            assert_eq!(queue.is_due(now), is_due, "at {now}");
        }
        queue.pop(settled_at);
        assert!(!queue.is_due(119) && queue.is_due(120));
        queue.push(4, settled_at);
        assert_eq!(queue.iter().collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!((queue.ahead(2), queue.ahead(3)), (Some(4), None));

        queue.configure(5, 200, settled_at).unwrap();
        assert_eq!(queue.iter().collect::<Vec<_>>(), [2, 3, 4]);
        assert!(!queue.is_due(219) && queue.is_due(220));
        assert!(!queue.is_over(21, 220) && queue.is_over(20, 220));

        for _ in 0..3 {
            queue.unpush();
        }
        assert!(!queue.is_due(u64::MAX - 1), "nothing is in it any more");
    }

    #[test]
    fn without_a_retention_nothing_is_ever_due() {
        let mut queue = Retention::new("slots", 2, 0).unwrap();
        queue.push(1, |_| 1);
        assert!(!queue.is_due(u64::MAX - 1) && !queue.is_over(1, u64::MAX));
    }
}
