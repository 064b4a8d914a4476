//! Records by slot, found by id, forgotten in order of time.
//!
//! ```text
//!   id ──Table──▶ slot ──▶ hot[slot]    what the hot path reads: a cache line
//!                     └──▶ cold[slot]   the rest, and when the record was settled
//!   retention  [ slot | slot | … ]      settled records, oldest first: the order of forgetting
//! ```
//!
//! A record is *open* (a pending transfer, a resting order) until it is *settled*. Open records are
//! never forgotten.
//!
//! # Invariants
//!
//! * A slot is in the retention queue exactly if its record is settled.
//! * The queue is ordered by `settled_at`, so the records to be forgotten next stand in front.
//! * A forgotten id is never found, whether its slot was freed already or not.

use alloc::vec::Vec;

use zerocopy::FromZeros;

use super::growth::LengthOf;
use super::{Array, EngineError, Growth, IdHasher, NO_INDEX, Retention, Table, prefetch};
use ringfence_types::Rules;

/// The part of a record that the hot path reads.
pub trait HotPart: Copy {
    /// What became of the record.
    type State: Copy + PartialEq;
    /// The state of a record that is no longer found and waits for its slot to be freed, and of a
    /// slot that was never used.
    const FORGOTTEN: Self::State;

    /// The memory of `length` slots that were never used.
    ///
    /// # Errors
    ///
    /// [`EngineError::OutOfMemory`].
    fn array(what: &'static str, length: usize) -> Result<Array<Self>, EngineError>;

    /// The id under which it is found.
    fn id(&self) -> u128;

    fn state(&self) -> Self::State;

    fn set_state(&mut self, state: Self::State);

    /// True if the record is not settled.
    fn is_open(&self) -> bool;

    /// The next free slot. It is kept in a field that a free slot has no other use for.
    fn next_free(&self) -> u32;

    fn set_next_free(&mut self, slot: u32);
}

/// The rest of a record. A slot that was never used holds zeros.
pub trait ColdPart: Copy + FromZeros {
    /// Engine's timestamp of the command that settled the record, or that created it if it still is
    /// open.
    fn settled_at(&self) -> u64;

    fn set_settled_at(&mut self, timestamp: u64);
}

/// How many places ahead in the retention queue records are prefetched, and how many ahead the
/// table slots of their ids.
const RECORDS_AHEAD: usize = 16;
const IDS_AHEAD: usize = 8;

/// Slots freed at most before each event while ids are forgotten: more than an event fills.
const FREED_PER_EVENT: usize = 4;

/// Names of the records and of their ids, for errors.
#[derive(Debug, Clone, Copy)]
pub struct StoreNames {
    pub records: &'static str,
    pub ids: &'static str,
}

/// Records of one kind. All memory is allocated at start.
#[derive(Debug)]
pub struct Store<H, C> {
    names: StoreNames,
    hasher: IdHasher,
    ids: Table,
    hot: Array<H>,
    cold: Array<C>,
    retention: Retention,
    /// Slots from here on were never used.
    fresh: u32,
    /// The slot freed last; each free slot leads to the next.
    free: u32,
    /// How many slots hold a record.
    used: usize,
}

impl<H: HotPart, C: ColdPart> Store<H, C> {
    /// An empty store for `asked` records.
    ///
    /// # Errors
    ///
    /// [`EngineError`] if there are too many to be counted, or not so much memory.
    pub fn new(names: StoreNames, asked: u64, rules: &Rules) -> Result<Store<H, C>, EngineError> {
        let capacity = EngineError::check_capacity(names.records, asked)?;
        Ok(Store {
            names,
            hasher: IdHasher::new(rules.hash_key),
            ids: Table::new(names.ids, capacity)?,
            hot: H::array(names.records, capacity)?,
            cold: Array::zeroed(names.records, capacity)?,
            retention: Retention::new(names.records, capacity, rules.retention_ns)?,
            fresh: 0,
            free: NO_INDEX,
            used: 0,
        })
    }

    /// Makes room for `asked` records and takes over the retention of later rules. Before that it
    /// frees all that is forgotten at `now` under the earlier ones. Returns the capacity.
    ///
    /// # Errors
    ///
    /// [`EngineError`] if the store would shrink, or there is not so much memory.
    pub fn configure(&mut self, asked: u64, rules: &Rules, now: u64) -> Result<usize, EngineError> {
        let what = self.names.records;
        let capacity = EngineError::check_growth(what, self.hot.len(), asked)?;
        if rules.retention_ns != self.retention.retention_ns() {
            while self.forget_first(now) {}
        }
        self.ids.grow(capacity)?;
        self.hot.grow(capacity)?;
        self.cold.grow(capacity)?;
        let settled_at = |slot: u32| self.cold[slot as usize].settled_at();
        self.retention.configure(capacity, rules.retention_ns, settled_at)?;
        Ok(capacity)
    }

    /// Adds what grows with the records; `slots` says how many slots of the table there are then.
    pub fn add_to(&self, growth: &mut Growth, records: LengthOf, slots: LengthOf)
    where
        H: Send + Sync + 'static,
        C: Send + Sync + 'static,
    {
        growth.add(&self.ids, slots);
        growth.add(&self.hot, records);
        growth.add(&self.cold, records);
        growth.add(&self.retention, records);
    }

    /// How many records fit.
    pub fn capacity(&self) -> usize {
        self.hot.len()
    }

    /// How much memory it takes, in bytes.
    pub fn bytes(&self) -> u64 {
        self.ids.bytes() + self.hot.bytes() + self.cold.bytes() + self.retention.bytes()
    }

    /// The hash of `id`.
    #[inline(always)]
    pub fn hash(&self, id: u128) -> u32 {
        self.hasher.hash(id)
    }

    /// Prefetches the table slot of `id` and returns its hash.
    #[inline(always)]
    pub fn prefetch_slot(&self, id: u128) -> u32 {
        let hash = self.hasher.hash(id);
        self.ids.prefetch(hash);
        hash
    }

    /// The slot of the first record with this hash, which may be another id's, or [`NO_INDEX`].
    #[inline(always)]
    pub fn guess(&self, hash: u32) -> u32 {
        self.ids.guess(hash)
    }

    /// Prefetches the first record with this hash, if there is one.
    #[inline(always)]
    pub fn prefetch_record(&self, hash: u32) {
        let slot = self.guess(hash);
        // A new id leads nowhere, and to prefetch nowhere costs a walk of the page tables.
        if slot != NO_INDEX {
            prefetch(&self.hot, slot as usize);
            prefetch(&self.cold, slot as usize);
        }
    }

    /// The hot part of the record in `slot`.
    #[inline(always)]
    pub fn hot(&self, slot: u32) -> &H {
        &self.hot[slot as usize]
    }

    #[inline(always)]
    pub fn hot_mut(&mut self, slot: u32) -> &mut H {
        &mut self.hot[slot as usize]
    }

    /// The cold part of the record in `slot`.
    #[inline(always)]
    pub fn cold(&self, slot: u32) -> &C {
        &self.cold[slot as usize]
    }

    #[inline(always)]
    pub fn cold_mut(&mut self, slot: u32) -> &mut C {
        &mut self.cold[slot as usize]
    }

    /// The hot parts of all records, by slot.
    #[inline(always)]
    pub fn all_hot(&self) -> &[H] {
        &self.hot
    }

    #[inline(always)]
    pub fn all_hot_mut(&mut self) -> &mut [H] {
        &mut self.hot
    }

    /// The slot of the record `id`, which has this hash, or [`NO_INDEX`]. One that is forgotten at
    /// `now` is not found.
    #[inline(always)]
    pub fn find(&mut self, hash: u32, id: u128, now: u64) -> u32 {
        let slot = self.ids.find(hash, |slot| self.hot[slot as usize].id() == id);
        if slot != NO_INDEX && self.is_forgotten(slot, now) {
            self.forget(hash, slot);
            return NO_INDEX;
        }
        slot
    }

    fn is_forgotten(&self, slot: u32, now: u64) -> bool {
        !self.hot(slot).is_open() && self.retention.is_over(self.cold(slot).settled_at(), now)
    }

    /// Takes the id out of the table; its slot is freed when its turn comes in the retention queue.
    fn forget(&mut self, hash: u32, slot: u32) {
        self.ids.remove(hash, slot);
        self.hot_mut(slot).set_state(H::FORGOTTEN);
    }

    /// True if one more record fits at `now`.
    #[inline(always)]
    pub fn has_room(&mut self, now: u64) -> bool {
        self.used < self.hot.len() || self.forget_first(now)
    }

    /// How many records take a place.
    pub fn used(&self) -> usize {
        self.used
    }

    /// How many more records fit before any is forgotten.
    pub fn room(&self) -> usize {
        self.hot.len() - self.used
    }

    /// Frees a few slots of forgotten ids.
    #[inline(always)]
    pub fn forget_some(&mut self, now: u64) {
        if self.retention.is_due(now) {
            for _ in 0..FREED_PER_EVENT {
                self.forget_first(now);
            }
        }
    }

    /// Frees the slot at the front of the retention queue, if it is forgotten at `now`.
    fn forget_first(&mut self, now: u64) -> bool {
        if !self.retention.is_due(now) {
            return false;
        }
        self.prefetch_forgotten();
        let slot = self.retention.ahead(0).expect("what is due is there");
        let record = *self.hot(slot);
        if record.state() != H::FORGOTTEN {
            self.forget(self.hasher.hash(record.id()), slot);
        }
        self.retention.pop(|slot| self.cold[slot as usize].settled_at());
        self.free_slot(slot);
        true
    }

    /// Prefetches the records that will be forgotten next: old ones are in no cache any more.
    #[inline(always)]
    fn prefetch_forgotten(&self) {
        if let (Some(slot), Some(sooner)) =
            (self.retention.ahead(RECORDS_AHEAD), self.retention.ahead(IDS_AHEAD))
        {
            prefetch(&self.hot, slot as usize);
            prefetch(&self.cold, slot as usize);
            self.ids.prefetch(self.hasher.hash(self.hot(sooner).id()));
        }
    }

    /// Adds a record under an id that is not held and returns its slot. [`Store::has_room`] said
    /// that it fits. A record that is not open has to be queued with [`Store::enqueue`] or
    /// [`Store::settle`].
    #[inline(always)]
    pub fn insert(&mut self, hash: u32, hot: H, cold: C) -> u32 {
        let slot = if self.free == NO_INDEX {
            self.fresh += 1;
            self.fresh - 1
        } else {
            let slot = self.free;
            self.free = self.hot(slot).next_free();
            slot
        };
        self.used += 1;
        self.hot[slot as usize] = hot;
        self.cold[slot as usize] = cold;
        self.ids.insert(hash, slot);
        slot
    }

    /// Undoes [`Store::insert`], the last one that was not undone yet.
    pub fn uninsert(&mut self, slot: u32) {
        let hash = self.hasher.hash(self.hot(slot).id());
        self.ids.remove(hash, slot);
        self.free_slot(slot);
    }

    fn free_slot(&mut self, slot: u32) {
        let free = self.free;
        let record = self.hot_mut(slot);
        record.set_state(H::FORGOTTEN);
        record.set_next_free(free);
        self.free = slot;
        self.used -= 1;
    }

    /// Puts the slot of a record that was inserted as settled at the end of the retention queue.
    #[inline(always)]
    pub fn enqueue(&mut self, slot: u32) {
        self.retention.push(slot, |slot| self.cold[slot as usize].settled_at());
    }

    /// Undoes [`Store::enqueue`], the last one that was not undone yet.
    pub fn unenqueue(&mut self) {
        self.retention.unpush();
    }

    /// Settles a record at the engine's timestamp `settled_at`, not before that of any other.
    #[inline(always)]
    pub fn settle(&mut self, slot: u32, state: H::State, settled_at: u64) {
        self.hot[slot as usize].set_state(state);
        self.cold[slot as usize].set_settled_at(settled_at);
        self.enqueue(slot);
    }

    /// Undoes [`Store::settle`], the last one that was not undone yet.
    pub fn unsettle(&mut self, slot: u32, state: H::State, settled_at: u64) {
        self.hot[slot as usize].set_state(state);
        self.cold[slot as usize].set_settled_at(settled_at);
        self.unenqueue();
    }

    /// How many slots were ever used.
    pub fn slots(&self) -> usize {
        self.fresh as usize
    }

    /// Slots of all that is held at `now`, in no particular order. Not for the hot path.
    pub fn held(&self, now: u64) -> impl Iterator<Item = u32> {
        (0..self.fresh).filter(move |&slot| self.is_held(slot, now))
    }

    /// Slots of all settled records that are held at `now`, in the order in which they are
    /// forgotten; by id where that is at one time. Not for the hot path.
    pub fn settled(&self, now: u64) -> Vec<u32> {
        let mut settled: Vec<u32> =
            self.retention.iter().filter(|&slot| self.is_held(slot, now)).collect();
        let settled_at = |slot: &u32| self.cold(*slot).settled_at();
        for together in settled.chunk_by_mut(|one, other| settled_at(one) == settled_at(other)) {
            together.sort_unstable_by_key(|&slot| self.hot(slot).id());
        }
        settled
    }

    fn is_held(&self, slot: u32, now: u64) -> bool {
        self.hot(slot).state() != H::FORGOTTEN && !self.is_forgotten(slot, now)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;
    use ringfence_types::Capacities;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, FromZeros)]
    #[repr(u8)]
    enum State {
        Forgotten = 0,
        Open = 1,
        Settled = 2,
    }

    #[derive(Debug, Clone, Copy, FromZeros)]
    struct Plain {
        id: u128,
        state: State,
        next_free: u32,
    }

    impl Plain {
        const VACANT: Plain = Plain { id: 0, state: State::Forgotten, next_free: NO_INDEX };
    }

    impl HotPart for Plain {
        type State = State;
        const FORGOTTEN: State = State::Forgotten;

        fn array(what: &'static str, length: usize) -> Result<Array<Plain>, EngineError> {
            Array::zeroed(what, length)
        }

        fn id(&self) -> u128 {
            self.id
        }

        fn state(&self) -> State {
            self.state
        }

        fn set_state(&mut self, state: State) {
            self.state = state;
        }

        fn is_open(&self) -> bool {
            self.state == State::Open
        }

        fn next_free(&self) -> u32 {
            self.next_free
        }

        fn set_next_free(&mut self, slot: u32) {
            self.next_free = slot;
        }
    }

    #[derive(Debug, Clone, Copy, FromZeros)]
    struct SettledAt(u64);

    impl ColdPart for SettledAt {
        fn settled_at(&self) -> u64 {
            self.0
        }

        fn set_settled_at(&mut self, timestamp: u64) {
            self.0 = timestamp;
        }
    }

    const NAMES: StoreNames = StoreNames { records: "things", ids: "ids of things" };
    const RETENTION_NS: u64 = 50;

    fn store(capacity: u64) -> Store<Plain, SettledAt> {
        Store::new(NAMES, capacity, &rules()).unwrap()
    }

    fn rules() -> Rules {
        Rules { retention_ns: RETENTION_NS, ..Rules::new(Capacities::default(), [1, 2]) }
    }

    /// A store beside a plain map from ids to the time of their settlement, `None` of open ones.
    #[test]
    fn a_store_answers_as_a_plain_map_does() {
        for seed in 0..100 {
            let mut random = Pcg64Mcg::seed_from_u64(seed);
            let mut capacity = random.random_range(1..40_u64);
            let mut store = store(capacity);
            let mut twin: BTreeMap<u128, Option<u64>> = BTreeMap::new();
            for now in 1..600 {
                twin.retain(|_, settled_at| {
                    settled_at.is_none_or(|settled_at| settled_at + RETENTION_NS > now)
                });
                if random.random_range(0..3) > 0 {
                    store.forget_some(now);
                }
                if random.random_range(0..60) == 0 {
                    capacity += random.random_range(0..30);
                    store.configure(capacity, &rules(), now).unwrap();
                }
                let id = random.random_range(0..20 + 2 * u128::from(capacity));
                let hash = store.hash(id);
                let slot = store.find(hash, id, now);
                assert_eq!(slot != NO_INDEX, twin.contains_key(&id), "seed {seed}, {id} at {now}");
                if slot != NO_INDEX && twin[&id].is_none() {
                    store.settle(slot, State::Settled, now);
                    twin.insert(id, Some(now));
                } else if slot == NO_INDEX {
                    let fits = (twin.len() as u64) < capacity;
                    assert_eq!(store.has_room(now), fits, "seed {seed} at {now}");
                    if fits {
                        let hot = Plain { id, state: State::Open, next_free: NO_INDEX };
                        store.insert(hash, hot, SettledAt(now));
                        twin.insert(id, None);
                    }
                }
                let mut held: Vec<u128> = store.held(now).map(|slot| store.hot(slot).id).collect();
                held.sort_unstable();
                assert!(held.iter().eq(twin.keys()), "seed {seed} at {now}");
            }
        }
    }

    #[test]
    fn what_is_undone_leaves_nothing_behind() {
        let mut store = store(2);
        let hash = store.hash(7);
        let open =
            store.insert(hash, Plain { id: 7, state: State::Open, ..Plain::VACANT }, SettledAt(1));
        store.settle(open, State::Settled, 2);
        let added = store.insert(
            store.hash(8),
            Plain { id: 8, state: State::Settled, ..Plain::VACANT },
            SettledAt(2),
        );
        store.enqueue(added);
        assert_eq!((store.settled(2).len(), store.room()), (2, 0));

        store.unenqueue();
        store.uninsert(added);
        store.unsettle(open, State::Open, 1);
        assert_eq!((store.settled(2).len(), store.room()), (0, 1));
        assert_eq!(store.find(store.hash(8), 8, 2), NO_INDEX);
        assert_eq!(store.find(hash, 7, u64::MAX), open, "what is open is never forgotten");
    }
}
