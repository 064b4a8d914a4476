//! An open-addressing hash table of 8-byte slots that lead to dense records.
//!
//! ```text
//!   slots  [ . | f i | f i | . | f i | . | . | f i ]      f: 32 bits of the hash, i: index + 1
//!                ▲ home of a hash: hash × slots / 2^32, then one by one to the right
//!   old    [ . . . . . . | f i | . | f i ]                while it grows: what is not moved yet
//! ```
//!
//! # Invariants
//!
//! * At most half of the slots are taken ([`Table::SLOTS_PER_ENTRY`]), so an empty one ends every
//!   search after a few steps.
//! * Between an entry and its home no slot is empty. Removal moves the entries behind it up, so
//!   there are no tombstones.
//! * A table that grows is rehashed piece by piece: each change moves a few entries from the old
//!   slots to the larger ones. An entry is in one of the two, a new one in the larger. What the
//!   table answers does not depend on how far that has come.

use alloc::sync::Arc;

use super::growth::{Grow, Memory};
use super::spare::Spare;
use super::{Array, EngineError, NO_INDEX, Prepare, prefetch};

/// Leads from hashes to indices. The records themselves, and with them the full ids, are the
/// caller's.
#[derive(Debug)]
pub struct Table {
    slots: Array<u64>,
    /// The slots before the table grew, while entries are left in them.
    old: Option<Array<u64>>,
    /// Old slots before this one are empty.
    moved: usize,
    spare: Arc<Spare<u64>>,
    what: &'static str,
}

/// What a slot without an entry holds: what fresh memory is.
const EMPTY: u64 = 0;
/// Old slots that each change of a growing table looks at: the entries in them are moved.
const MOVED_PER_CHANGE: usize = 32;

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

/// Where the search for a hash begins.
#[inline(always)]
fn home(slots: &[u64], hash: u32) -> usize {
    ((u64::from(hash) * slots.len() as u64) >> 32) as usize
}

#[inline(always)]
fn after(slots: &[u64], position: usize) -> usize {
    let next = position + 1;
    if next == slots.len() { 0 } else { next }
}

/// Steps from `from` to `to`, around the end.
#[inline(always)]
fn distance(slots: &[u64], from: usize, to: usize) -> usize {
    if to >= from { to - from } else { to + slots.len() - from }
}

#[inline(always)]
fn insert(slots: &mut [u64], entry: u64) {
    let mut position = home(slots, hash_of(entry));
    while slots[position] != EMPTY {
        position = after(slots, position);
    }
    slots[position] = entry;
}

/// Removes an entry. False: it is not there.
#[inline(always)]
fn remove(slots: &mut [u64], entry: u64) -> bool {
    let mut hole = home(slots, hash_of(entry));
    while slots[hole] != entry {
        if slots[hole] == EMPTY {
            return false;
        }
        hole = after(slots, hole);
    }
    close(slots, hole);
    true
}

/// Backward-shift deletion: entries that were displaced move up into the hole.
#[inline(always)]
fn close(slots: &mut [u64], mut hole: usize) {
    let mut position = hole;
    loop {
        position = after(slots, position);
        let slot = slots[position];
        if slot == EMPTY {
            break;
        }
        let home = home(slots, hash_of(slot));
        if distance(slots, home, position) >= distance(slots, hole, position) {
            slots[hole] = slot;
            hole = position;
        }
    }
    slots[hole] = EMPTY;
}

impl Table {
    /// Slots for each entry of the capacity: a load of one half when full.
    pub const SLOTS_PER_ENTRY: usize = 2;

    /// Slots for `capacity` entries. One slot more than entries at least: a search has to meet an
    /// empty one.
    pub const fn slots_for(capacity: u64) -> usize {
        capacity as usize * Table::SLOTS_PER_ENTRY + 2
    }

    /// A table for up to `capacity` entries. `what` names it in an error.
    ///
    /// # Errors
    ///
    /// [`EngineError::OutOfMemory`].
    pub fn new(what: &'static str, capacity: usize) -> Result<Table, EngineError> {
        let length = Table::slots_for(capacity as u64);
        let slots = Array::zeroed(what, length)?;
        Ok(Table { slots, old: None, moved: 0, spare: Spare::new(what, length), what })
    }

    /// Makes room for `capacity` entries; the entries stay, and are moved by later changes.
    ///
    /// # Errors
    ///
    /// [`EngineError::OutOfMemory`]; the table is then as before.
    pub fn grow(&mut self, capacity: usize) -> Result<(), EngineError> {
        let length = Table::slots_for(capacity as u64);
        if length > self.slots.len() {
            while self.old.is_some() {
                self.move_some();
            }
            let larger = self.spare.take(length)?;
            self.old = Some(core::mem::replace(&mut self.slots, larger));
            self.moved = 0;
        }
        Ok(())
    }

    /// How much memory it takes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.slots.bytes() + self.old.as_ref().map_or(0, Array::bytes)
    }

    /// Prefetches the slots in which `hash` would be.
    #[inline(always)]
    pub fn prefetch(&self, hash: u32) {
        // While the table grows, what is in the old slots comes without: to ask would cost always.
        prefetch(&self.slots, home(&self.slots, hash));
    }

    /// The first index under `hash`, which may be another id's, or [`NO_INDEX`]: a guess, to
    /// prefetch its record. What a growing table has not moved yet is not found.
    #[inline(always)]
    #[must_use]
    pub fn guess(&self, hash: u32) -> u32 {
        let mut position = home(&self.slots, hash);
        loop {
            let slot = self.slots[position];
            if slot == EMPTY {
                return NO_INDEX;
            }
            if hash_of(slot) == hash {
                return index_of(slot);
            }
            position = after(&self.slots, position);
        }
    }

    /// The index under `hash` for which `matches` is true, or [`NO_INDEX`].
    #[inline(always)]
    #[must_use]
    pub fn find(&self, hash: u32, mut matches: impl FnMut(u32) -> bool) -> u32 {
        let mut position = home(&self.slots, hash);
        loop {
            let slot = self.slots[position];
            if slot == EMPTY {
                return match &self.old {
                    None => NO_INDEX,
                    Some(old) => find_in_old(old, hash, matches),
                };
            }
            if hash_of(slot) == hash && matches(index_of(slot)) {
                return index_of(slot);
            }
            position = after(&self.slots, position);
        }
    }

    /// Adds an entry. The caller keeps their number within the capacity.
    #[inline]
    pub fn insert(&mut self, hash: u32, index: u32) {
        if self.old.is_some() {
            self.move_some();
        }
        insert(&mut self.slots, slot_of(hash, index));
    }

    /// Removes the entry that was inserted with this hash and index.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn remove(&mut self, hash: u32, index: u32) {
        let entry = slot_of(hash, index);
        let is_removed = remove(&mut self.slots, entry)
            || self.old.as_mut().is_some_and(|old| remove(old, entry));
        assert!(is_removed, "an entry is removed from {} once", self.what);
        if self.old.is_some() {
            self.move_some();
        }
    }

    /// Moves a few entries to the larger slots.
    #[cold]
    #[inline(never)]
    fn move_some(&mut self) {
        let Some(old) = &mut self.old else { return };
        for _ in 0..MOVED_PER_CHANGE {
            let Some(&entry) = old.get(self.moved) else {
                self.spare.give_back(self.old.take().expect("it is there"));
                return;
            };
            if entry == EMPTY {
                self.moved += 1;
            } else {
                insert(&mut self.slots, entry);
                // Another entry may move up into this slot. None moves into an earlier one: they
                // are empty, and so end every run of entries.
                close(old, self.moved);
            }
        }
    }
}

impl Grow for Table {
    fn room(&self) -> Arc<dyn Prepare> {
        self.spare.clone()
    }

    fn memory(&self) -> Arc<dyn Memory> {
        self.slots.memory()
    }
}

/// As [`Table::find`], in the slots of a growing table that are not all moved yet.
#[cold]
#[inline(never)]
fn find_in_old(slots: &[u64], hash: u32, mut matches: impl FnMut(u32) -> bool) -> u32 {
    let mut position = home(slots, hash);
    while slots[position] != EMPTY {
        let slot = slots[position];
        if hash_of(slot) == hash && matches(index_of(slot)) {
            return index_of(slot);
        }
        position = after(slots, position);
    }
    NO_INDEX
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
            let old = table.old.as_deref().unwrap_or_default();
            let entries = table.slots.iter().chain(old).filter(|&&slot| slot != EMPTY).count();
            assert_eq!(entries, twin.len(), "seed {seed}");
        }
    }

    /// The same for a table that is large enough to be half moved for a while.
    #[test]
    fn a_table_answers_as_a_plain_map_does_while_its_entries_move() {
        for seed in 0..60 {
            let mut random = Pcg64Mcg::seed_from_u64(seed);
            let capacity = random.random_range(200..800_u32);
            // Some share a hash, and some lie so near that they pile up and wrap around.
            let hash = |id: u32| (id / 3).wrapping_mul(0x9e37_79b9) | 0xfff;
            let mut table = Table::new("ids", capacity as usize).unwrap();
            let mut twin = BTreeMap::new();
            let mut free: Vec<u32> = (0..2 * capacity).rev().collect();
            let mut ids = vec![u32::MAX; 2 * capacity as usize];
            let (mut half_moved, mut has_grown) = (0, false);
            for step in 0..6 * capacity {
                let id = random.random_range(0..3 * capacity);
                let found = table.find(hash(id), |index| ids[index as usize] == id);
                let expected = twin.get(&id).copied().unwrap_or(NO_INDEX);
                assert_eq!(found, expected, "id {id}, step {step}, seed {seed}");
                let most = if has_grown { 2 * capacity } else { capacity };
                if found != NO_INDEX && random.random_range(0..3) == 0 {
                    table.remove(hash(id), found);
                    free.push(found);
                    twin.remove(&id);
                } else if found == NO_INDEX && twin.len() < most as usize {
                    let index = free.pop().unwrap();
                    ids[index as usize] = id;
                    table.insert(hash(id), index);
                    twin.insert(id, index);
                }
                if !has_grown && step > capacity && twin.len() > capacity as usize * 2 / 3 {
                    table.grow(2 * capacity as usize).unwrap();
                    has_grown = true;
                }
                half_moved += u32::from(table.old.is_some());
            }
            assert!(half_moved > 10, "seed {seed}: it was looked at while entries moved");
            assert!(table.old.is_none(), "seed {seed}: they all have moved");
        }
    }

    #[test]
    fn a_table_without_capacity_finds_nothing() {
        let table = Table::new("ids", 0).unwrap();
        assert_eq!(table.find(u32::MAX, |_| true), NO_INDEX);
        assert_eq!(table.guess(0), NO_INDEX);
    }
}
