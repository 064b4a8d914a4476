//! An open-addressing hash table of 8-byte slots that lead to dense records.
//!
//! ```text
//!   slots  [ . | f i | f i | . | f i | . | . | f i ]      f: 32 bits of the hash, i: index + 1
//!                ▲ home of a hash: hash × slots / 2^32, then one by one to the right
//! ```
//!
//! # Invariants
//!
//! * At most half of the slots are taken ([`Table::SLOTS_PER_ENTRY`]), so an empty one ends every
//!   search after a few steps.
//! * Between an entry and its home no slot is empty. Removal moves the entries behind it up, so
//!   there are no tombstones and nothing is ever rehashed.

use super::{Array, EngineError, NO_INDEX, prefetch};

/// Leads from hashes to indices. The records themselves, and with them the full ids, are the
/// caller's.
#[derive(Debug)]
pub struct Table {
    slots: Array<u64>,
    what: &'static str,
}

const EMPTY: u64 = 0;

#[inline(always)]
const fn slot_of(hash: u32, index: u32) -> u64 {
    (hash as u64) << 32 | (index as u64 + 1)
}

#[inline(always)]
const fn hash_of(slot: u64) -> u32 {
    (slot >> 32) as u32
}

#[inline(always)]
const fn index_of(slot: u64) -> u32 {
    (slot as u32).wrapping_sub(1)
}

impl Table {
    /// Slots for each entry of the capacity: a load of one half when full.
    pub const SLOTS_PER_ENTRY: usize = 2;

    /// A table for up to `capacity` entries. `what` names it in an error.
    ///
    /// # Errors
    ///
    /// [`EngineError::OutOfMemory`].
    pub fn new(what: &'static str, capacity: usize) -> Result<Table, EngineError> {
        // One slot more than entries at least: a search has to meet an empty one.
        let slots = Array::new(what, capacity * Table::SLOTS_PER_ENTRY + 2, EMPTY)?;
        Ok(Table { slots, what })
    }

    /// Makes room for `capacity` entries; the entries stay.
    ///
    /// # Errors
    ///
    /// [`EngineError::OutOfMemory`]; the table is then as before.
    pub fn grow(&mut self, capacity: usize) -> Result<(), EngineError> {
        let mut larger = Table::new(self.what, capacity)?;
        if larger.slots.len() > self.slots.len() {
            for &slot in self.slots.iter().filter(|&&slot| slot != EMPTY) {
                larger.insert(hash_of(slot), index_of(slot));
            }
            *self = larger;
        }
        Ok(())
    }

    /// How much memory it takes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.slots.bytes()
    }

    #[inline(always)]
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.slots.len() as u64) >> 32) as usize
    }

    #[inline(always)]
    fn after(&self, position: usize) -> usize {
        let next = position + 1;
        if next == self.slots.len() { 0 } else { next }
    }

    /// Prefetches the slots in which `hash` would be.
    #[inline(always)]
    pub fn prefetch(&self, hash: u32) {
        prefetch(&self.slots, self.home(hash));
    }

    /// The first index under `hash`, which may be another id's, or [`NO_INDEX`]: a guess, to
    /// prefetch its record.
    #[inline(always)]
    #[must_use]
    pub fn guess(&self, hash: u32) -> u32 {
        let mut position = self.home(hash);
        loop {
            let slot = self.slots[position];
            if slot == EMPTY {
                return NO_INDEX;
            }
            if hash_of(slot) == hash {
                return index_of(slot);
            }
            position = self.after(position);
        }
    }

    /// The index under `hash` for which `matches` is true, or [`NO_INDEX`].
    #[inline(always)]
    #[must_use]
    pub fn find(&self, hash: u32, mut matches: impl FnMut(u32) -> bool) -> u32 {
        let mut position = self.home(hash);
        loop {
            let slot = self.slots[position];
            if slot == EMPTY {
                return NO_INDEX;
            }
            if hash_of(slot) == hash && matches(index_of(slot)) {
                return index_of(slot);
            }
            position = self.after(position);
        }
    }

    /// Adds an entry. The caller keeps their number within the capacity.
    #[inline]
    pub fn insert(&mut self, hash: u32, index: u32) {
        let mut position = self.home(hash);
        while self.slots[position] != EMPTY {
            position = self.after(position);
        }
        self.slots[position] = slot_of(hash, index);
    }

    /// Removes the entry that was inserted with this hash and index.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn remove(&mut self, hash: u32, index: u32) {
        let gone = slot_of(hash, index);
        let mut hole = self.home(hash);
        while self.slots[hole] != gone {
            assert!(self.slots[hole] != EMPTY, "an entry is removed from {} once", self.what);
            hole = self.after(hole);
        }
        // Backward-shift deletion: entries that were displaced move up.
        let mut position = hole;
        loop {
            position = self.after(position);
            let slot = self.slots[position];
            if slot == EMPTY {
                break;
            }
            let home = self.home(hash_of(slot));
            if self.distance(home, position) >= self.distance(hole, position) {
                self.slots[hole] = slot;
                hole = position;
            }
        }
        self.slots[hole] = EMPTY;
    }

    /// Steps from `from` to `to`, around the end.
    #[inline(always)]
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.slots.len() - from }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    /// A table and a plain map side by side, with hashes so poor that entries pile up and wrap
    /// around.
    #[test]
    fn a_table_answers_as_a_plain_map_does() {
        for seed in 0..200 {
            let mut random = Pcg64Mcg::seed_from_u64(seed);
            let capacity = random.random_range(1..40);
            let distinct = random.random_range(1..20_u32);
            let hash = |id: u32| (id % distinct).wrapping_mul(u32::MAX / distinct) | 0xf;
            let mut table = Table::new("ids", capacity).unwrap();
            let mut twin: BTreeMap<u32, u32> = BTreeMap::new();
            let mut ids = vec![0_u32; capacity];
            for _ in 0..400 {
                let id = random.random_range(0..60);
                let found = table.find(hash(id), |index| ids[index as usize] == id);
                let expected = twin.get(&id).copied().unwrap_or(NO_INDEX);
                assert_eq!(found, expected, "id {id}, seed {seed}");
                if found != NO_INDEX {
                    table.remove(hash(id), found);
                    twin.remove(&id);
                } else if twin.len() < capacity {
                    let taken: Vec<u32> = twin.values().copied().collect();
                    let free = (0..).find(|index| !taken.contains(index)).unwrap();
                    ids[free as usize] = id;
                    table.insert(hash(id), free);
                    twin.insert(id, free);
                }
                if random.random_range(0..100) == 0 {
                    table.grow(capacity + random.random_range(0..40)).unwrap();
                }
            }
            let entries = table.slots.iter().filter(|&&slot| slot != EMPTY).count();
            assert_eq!(entries, twin.len(), "seed {seed}");
        }
    }

    #[test]
    fn a_table_without_capacity_finds_nothing() {
        let table = Table::new("ids", 0).unwrap();
        assert_eq!(table.find(u32::MAX, |_| true), NO_INDEX);
        assert_eq!(table.guess(0), NO_INDEX);
    }
}
