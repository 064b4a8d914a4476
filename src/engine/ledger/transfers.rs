//! Transfers and spent ids: records by slot, found by id, forgotten in order of time.
//!
//! ```text
//!   id ──Table──▶ slot ──▶ hot[slot]   what posting, voiding and expiry read
//!                     └──▶ cold[slot]  what only repeats and look-ups read
//!   queue  [ slot | slot | … ]         resolved ones, oldest first: the order of forgetting
//! ```
//!
//! # Invariants
//!
//! * A slot is in the queue exactly if its transfer is not pending.
//! * The queue is ordered by `settled_at`, the engine's timestamp of the command that created,
//!   refused, resolved or expired it last. So what is to be forgotten stands in front.
//! * A forgotten id is never answered for, whether its slot was freed already or not.

use alloc::vec::Vec;

use crate::table::{Array, EngineError, IdHasher, NO_INDEX, Retention, Table, prefetch};
use ringfence_types::{Rules, TransferFlags};

/// What became of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    /// Single-phase, a post or a void: done when created.
    Done = 1,
    /// Pending.
    Pending = 2,
    /// Was pending, and was posted.
    Posted = 3,
    /// Was pending, and was voided.
    Voided = 4,
    /// Was pending, and expired.
    Expired = 5,
    /// No transfer: an id that a refusal has spent.
    Spent = 6,
    /// No longer found; waits in the queue for its slot to be freed.
    Forgotten = 7,
    /// Waits in a queue.
    Queued = 8,
    /// Waited in a queue, and was taken out.
    Cancelled = 9,
    /// Waited in a queue, and could not settle any more.
    Dropped = 10,
}

impl State {
    /// Whether it has not come to its end.
    pub(super) const fn is_open(self) -> bool {
        matches!(self, State::Pending | State::Queued)
    }
}

impl State {
    /// The state with this number, of what is held.
    pub(super) fn of_record(number: u8) -> Option<State> {
        Some(match number {
            1 => State::Done,
            2 => State::Pending,
            3 => State::Posted,
            4 => State::Voided,
            5 => State::Expired,
            6 => State::Spent,
            8 => State::Queued,
            9 => State::Cancelled,
            10 => State::Dropped,
            _ => return None,
        })
    }
}

/// The first line of a record.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Hot {
    pub(super) id: u128,
    pub(super) amount: u128,
    /// As shown: of an imported transfer, its own.
    pub(super) timestamp: u64,
    pub(super) debit_index: u32,
    pub(super) credit_index: u32,
    pub(super) timeout: u32,
    pub(super) user_data_32: u32,
    pub(super) flags: TransferFlags,
    pub(super) code: u16,
    pub(super) state: State,
}

/// The rest of a record.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Cold {
    pub(super) user_data_128: u128,
    pub(super) user_data_64: u64,
    /// Engine's timestamp of the command that created, refused, resolved or expired it last.
    pub(super) settled_at: u64,
    /// Slot of the pending transfer that a post or void resolved, else [`NO_INDEX`].
    pub(super) pending_slot: u32,
    /// Index of the spend window that counted a pending transfer, else [`NO_INDEX`].
    pub(super) spend_index: u32,
}

const _: () = assert!(size_of::<Hot>() == 64 && size_of::<Cold>() == 48);

pub(super) const NO_HOT: Hot = Hot {
    id: 0,
    amount: 0,
    timestamp: 0,
    debit_index: 0,
    credit_index: 0,
    timeout: 0,
    user_data_32: 0,
    flags: TransferFlags::NONE,
    code: 0,
    state: State::Forgotten,
};

pub(super) const NO_COLD: Cold = Cold {
    user_data_128: 0,
    user_data_64: 0,
    settled_at: 0,
    pending_slot: NO_INDEX,
    spend_index: NO_INDEX,
};

const WHAT: &str = "transfers";

/// How many places in the queue ahead of the one that is freed records are fetched, and how many
/// ahead the places of their ids.
const RECORDS_AHEAD: usize = 16;
const IDS_AHEAD: usize = 8;

/// Slots freed at most before each event while ids are forgotten: more than an event fills.
const FREED_PER_EVENT: usize = 4;

#[derive(Debug)]
pub(super) struct Transfers {
    hasher: IdHasher,
    ids: Table,
    hot: Array<Hot>,
    cold: Array<Cold>,
    /// Slots that are not pending.
    queue: Retention,
    /// Slots from here on were never used.
    fresh: u32,
    /// The slot freed last; each free slot leads to the next in `debit_index`.
    free: u32,
    /// How many slots hold something.
    used: usize,
}

impl Transfers {
    pub(super) fn new(rules: &Rules) -> Result<Transfers, EngineError> {
        let capacity = EngineError::check_capacity(WHAT, rules.capacities.transfers)?;
        Ok(Transfers {
            hasher: IdHasher::new(rules.hash_key),
            ids: Table::new("ids of transfers", capacity)?,
            hot: Array::new(WHAT, capacity, NO_HOT)?,
            cold: Array::new(WHAT, capacity, NO_COLD)?,
            queue: Retention::new(WHAT, capacity, rules.retention_ns)?,
            fresh: 0,
            free: NO_INDEX,
            used: 0,
        })
    }

    /// Takes over later rules, after all that is to be forgotten at `now` under the earlier ones was.
    pub(super) fn configure(&mut self, rules: &Rules, now: u64) -> Result<usize, EngineError> {
        let capacity = EngineError::check_growth(WHAT, self.hot.len(), rules.capacities.transfers)?;
        while self.forget_first(now) {}
        self.ids.grow(capacity)?;
        self.hot.grow(WHAT, capacity, NO_HOT)?;
        self.cold.grow(WHAT, capacity, NO_COLD)?;
        let settled_at = |slot: u32| self.cold[slot as usize].settled_at;
        self.queue.configure(WHAT, capacity, rules.retention_ns, settled_at)?;
        Ok(capacity)
    }

    pub(super) fn capacity(&self) -> usize {
        self.hot.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.ids.bytes() + self.hot.bytes() + self.cold.bytes() + self.queue.bytes()
    }

    /// Brings closer where `id` would be found and gives its hash.
    #[inline(always)]
    pub(super) fn fetch_slot(&self, id: u128) -> u32 {
        let hash = self.hasher.hash(id);
        self.ids.prefetch(hash);
        hash
    }

    /// Brings closer what is probably the record with this hash.
    #[inline(always)]
    pub(super) fn fetch_record(&self, hash: u32) {
        let slot = self.ids.guess(hash);
        // A new id leads nowhere, and a hint about nowhere costs a walk of the page tables.
        if slot != NO_INDEX {
            prefetch(&self.hot, slot as usize);
            prefetch(&self.cold, slot as usize);
        }
    }

    #[inline(always)]
    pub(super) fn hash(&self, id: u128) -> u32 {
        self.hasher.hash(id)
    }

    #[inline(always)]
    pub(super) fn hot(&self, slot: u32) -> &Hot {
        &self.hot[slot as usize]
    }

    #[inline(always)]
    pub(super) fn cold(&self, slot: u32) -> &Cold {
        &self.cold[slot as usize]
    }

    /// The slot of the transfer or spent id with this hash, or [`NO_INDEX`]. One that is forgotten
    /// at `now` is not found.
    #[inline(always)]
    pub(super) fn find(&mut self, hash: u32, id: u128, now: u64) -> u32 {
        let slot = self.ids.find(hash, |slot| self.hot[slot as usize].id == id);
        if slot != NO_INDEX && self.is_forgotten(slot, now) {
            self.forget(hash, slot);
            return NO_INDEX;
        }
        slot
    }

    fn is_forgotten(&self, slot: u32, now: u64) -> bool {
        !self.hot(slot).state.is_open() && self.queue.is_over(self.cold(slot).settled_at, now)
    }

    /// Takes the id out of the table; its slot is freed when its turn comes in the queue.
    fn forget(&mut self, hash: u32, slot: u32) {
        self.ids.remove(hash, slot);
        self.hot[slot as usize].state = State::Forgotten;
    }

    /// Whether one more can be held at `now`.
    #[inline(always)]
    pub(super) fn has_room(&mut self, now: u64) -> bool {
        self.used < self.hot.len() || self.forget_first(now)
    }

    /// Frees a few slots of forgotten ids.
    #[inline(always)]
    pub(super) fn forget_some(&mut self, now: u64) {
        if self.queue.is_due(now) {
            for _ in 0..FREED_PER_EVENT {
                self.forget_first(now);
            }
        }
    }

    /// Frees the slot at the front of the queue, if it is forgotten at `now`.
    fn forget_first(&mut self, now: u64) -> bool {
        if !self.queue.is_due(now) {
            return false;
        }
        self.fetch_next();
        let slot = self.queue.ahead(0).expect("what is due is there");
        let Hot { id, state, .. } = *self.hot(slot);
        if state != State::Forgotten {
            self.forget(self.hasher.hash(id), slot);
        }
        self.queue.pop(|slot| self.cold[slot as usize].settled_at);
        self.release(slot);
        true
    }

    /// Brings closer what will be forgotten next: old records are in no cache any more.
    #[inline(always)]
    fn fetch_next(&self) {
        if let (Some(slot), Some(sooner)) =
            (self.queue.ahead(RECORDS_AHEAD), self.queue.ahead(IDS_AHEAD))
        {
            prefetch(&self.hot, slot as usize);
            prefetch(&self.cold, slot as usize);
            self.ids.prefetch(self.hasher.hash(self.hot(sooner).id));
        }
    }

    /// Adds a record under an id that is not held; [`Transfers::has_room`] said that it fits.
    #[inline(always)]
    pub(super) fn insert(&mut self, hash: u32, hot: Hot, cold: Cold) -> u32 {
        let slot = if self.free == NO_INDEX {
            self.fresh += 1;
            self.fresh - 1
        } else {
            let slot = self.free;
            self.free = self.hot(slot).debit_index;
            slot
        };
        self.used += 1;
        self.hot[slot as usize] = hot;
        self.cold[slot as usize] = cold;
        self.ids.insert(hash, slot);
        slot
    }

    /// Takes back the record inserted last but for those taken back already.
    pub(super) fn uninsert(&mut self, slot: u32) {
        let hash = self.hasher.hash(self.hot(slot).id);
        self.ids.remove(hash, slot);
        self.release(slot);
    }

    fn release(&mut self, slot: u32) {
        let record = &mut self.hot[slot as usize];
        record.state = State::Forgotten;
        record.debit_index = self.free;
        self.free = slot;
        self.used -= 1;
    }

    /// Puts a slot, no longer or never pending, at the end of the queue.
    #[inline(always)]
    pub(super) fn enqueue(&mut self, slot: u32) {
        self.queue.push(slot, |slot| self.cold[slot as usize].settled_at);
    }

    /// Takes back the slot that was put into the queue last.
    pub(super) fn unenqueue(&mut self) {
        self.queue.unpush();
    }

    /// Gives a pending or queued transfer its end, at the engine's timestamp `settled_at`.
    pub(super) fn settle(&mut self, slot: u32, state: State, settled_at: u64) {
        self.hot[slot as usize].state = state;
        self.cold[slot as usize].settled_at = settled_at;
        self.enqueue(slot);
    }

    /// Takes back [`Transfers::settle`]: the transfer is pending again.
    pub(super) fn unsettle(&mut self, slot: u32, settled_at: u64) {
        self.hot[slot as usize].state = State::Pending;
        self.cold[slot as usize].settled_at = settled_at;
        self.unenqueue();
    }

    /// Slots of all that is held at `now`, in no particular order. Not for the hot path.
    pub(super) fn held(&self, now: u64) -> impl Iterator<Item = u32> {
        (0..self.fresh).filter(move |&slot| self.is_held(slot, now))
    }

    /// How many more can be held before anything is forgotten.
    pub(super) fn room(&self) -> usize {
        self.hot.len() - self.used
    }

    /// How many slots were ever used.
    pub(super) fn slots(&self) -> usize {
        self.fresh as usize
    }

    /// Slots of all that is held at `now` and not pending: in the order in which it is forgotten,
    /// by id where that is at one time.
    pub(super) fn settled(&self, now: u64) -> Vec<u32> {
        let mut settled: Vec<u32> =
            self.queue.iter().filter(|&slot| self.is_held(slot, now)).collect();
        let settled_at = |slot: &u32| self.cold(*slot).settled_at;
        for together in settled.chunk_by_mut(|one, other| settled_at(one) == settled_at(other)) {
            together.sort_unstable_by_key(|&slot| self.hot(slot).id);
        }
        settled
    }

    /// Slots of all pending and queued transfers, in order of creation.
    pub(super) fn pending(&self) -> Vec<u32> {
        let is_pending = |&slot: &u32| self.hot(slot).state.is_open();
        let mut pending: Vec<u32> = (0..self.fresh).filter(is_pending).collect();
        pending.sort_unstable_by_key(|&slot| self.hot(slot).timestamp);
        pending
    }

    fn is_held(&self, slot: u32, now: u64) -> bool {
        self.hot(slot).state != State::Forgotten && !self.is_forgotten(slot, now)
    }
}
