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
//! * Nothing is due before [`Retention::is_due`] says so, and nothing ever where ids are remembered
//!   for ever.

use super::{Array, EngineError};

/// The queue, and for how long what stands in it is remembered. When each slot was settled is the
/// caller's to keep: it is handed in where it is needed.
#[derive(Debug)]
pub struct Retention {
    slots: Array<u32>,
    first: usize,
    count: usize,
    /// Nanoseconds; 0: for ever.
    retention_ns: u64,
    /// Nothing in the queue is forgotten before this time.
    due: u64,
}

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
        let slots = Array::new(what, capacity, 0)?;
        Ok(Retention { slots, first: 0, count: 0, retention_ns, due: u64::MAX })
    }

    /// Makes room for `capacity` slots and takes over another retention; what is due under the one
    /// before was taken out.
    ///
    /// # Errors
    ///
    /// [`EngineError::OutOfMemory`]; the queue is then as before.
    pub fn configure(
        &mut self,
        what: &'static str,
        capacity: usize,
        retention_ns: u64,
        settled_at: impl Fn(u32) -> u64,
    ) -> Result<(), EngineError> {
        let mut slots = Array::new(what, capacity, 0)?;
        for (place, slot) in self.iter().enumerate() {
            slots[place] = slot;
        }
        *self = Retention { slots, first: 0, count: self.count, retention_ns, due: u64::MAX };
        self.look_at_first(settled_at);
        Ok(())
    }

    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.slots.bytes()
    }

    /// True if what was settled at `settled_at` is forgotten at `now`.
    #[inline(always)]
    #[must_use]
    pub fn is_over(&self, settled_at: u64, now: u64) -> bool {
        self.retention_ns != 0 && settled_at.saturating_add(self.retention_ns) <= now
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
        (place < self.count).then(|| self.slots[self.position(place)])
    }

    /// All slots, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.count).map(|place| self.slots[self.position(place)])
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
        if self.retention_ns != 0 && self.count == 1 {
            self.look_at_first(settled_at);
        }
    }

    /// Takes back the slot that was added last.
    pub fn unpush(&mut self) {
        self.count -= 1;
        if self.count == 0 {
            self.due = u64::MAX;
        }
    }

    /// Takes the slot in front out.
    #[inline(always)]
    pub fn pop(&mut self, settled_at: impl Fn(u32) -> u64) {
        self.first = self.position(1);
        self.count -= 1;
        self.look_at_first(settled_at);
    }

    #[inline(always)]
    fn look_at_first(&mut self, settled_at: impl Fn(u32) -> u64) {
        self.due = u64::MAX;
        if self.retention_ns != 0 && self.count != 0 {
            let first = self.slots[self.first];
            self.due = settled_at(first).saturating_add(self.retention_ns);
        }
    }

    /// Where the entry number `place` is.
    #[inline(always)]
    fn position(&self, place: usize) -> usize {
        let position = self.first + place;
        if position >= self.slots.len() { position - self.slots.len() } else { position }
    }
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

        queue.configure("slots", 5, 200, settled_at).unwrap();
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
