//! Orders and spent ids: records by slot, found by id, forgotten in order of time.
//!
//! ```text
//!   id ──Table──▶ slot ──▶ orders[slot]  what matching and cancelling touch: a cache line
//!                     └──▶ rest[slot]    what only repeats and look-ups read
//!   queue  [ slot | slot | … ]           filled, cancelled and spent ones, oldest first
//! ```
//!
//! # Invariants
//!
//! * A slot is in the queue exactly if its order is not open.
//! * The queue is ordered by `settled_at`; so what is to be forgotten stands in front.
//! * A forgotten id is never answered for, whether its slot was freed already or not.

use crate::table::{Array, EngineError, IdHasher, NO_INDEX, Retention, Table, prefetch};
use ringfence_types::{OrderStatus, Rules, Side, TimeInForce};

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// Trades or rests.
    Open = 1,
    /// Nothing is left of it.
    Filled = 2,
    /// What was left of it was dropped.
    Cancelled = 3,
    /// No order: an id that a refusal has spent.
    Spent = 4,
    /// No longer found; waits in the queue for its slot to be freed.
    Forgotten = 5,
}

impl State {
    /// The state that a record of contents names by its number; none is forgotten there.
    pub(crate) fn from_number(number: u8) -> Option<State> {
        Some(match number {
            1 => State::Open,
            2 => State::Filled,
            3 => State::Cancelled,
            4 => State::Spent,
            _ => return None,
        })
    }
}

/// The first line of a record.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Order {
    pub(crate) id: u128,
    /// In steps, as it is now; 0 of `fok_budget`.
    pub(crate) price: u64,
    /// Lots not traded; of a cancelled order, those that were dropped.
    pub(crate) remaining: u64,
    /// The owner's account on the market's base ledger.
    pub(crate) base_index: u32,
    /// The owner's account on the market's quote ledger.
    pub(crate) quote_index: u32,
    pub(crate) market: u32,
    /// Neighbours in the queue of its level, or [`NO_INDEX`].
    pub(crate) before: u32,
    pub(crate) after: u32,
    /// Its price level while it rests, else [`NO_INDEX`].
    pub(crate) level: u32,
    pub(crate) side: Side,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) state: State,
    pub(crate) post_only: bool,
    /// Scratch of one look-ahead.
    pub(crate) marked: bool,
    /// Whether its owner's account must not pay more than it has.
    pub(crate) limited: bool,
    /// Whether a timer runs for it.
    pub(crate) timed: bool,
}

/// The rest of a record.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Rest {
    pub(crate) user_data_128: u128,
    /// Quote units, of `fok_budget`.
    pub(crate) budget: u128,
    /// As first placed, in steps.
    pub(crate) placed_price: u64,
    /// As first placed, in lots.
    pub(crate) placed_quantity: u64,
    /// Filled and remaining lots together.
    pub(crate) quantity: u64,
    /// When it was placed.
    pub(crate) timestamp: u64,
    /// Engine's timestamp of the command that placed, filled or cancelled it, or refused it, last.
    pub(crate) settled_at: u64,
    /// Seconds; 0: never.
    pub(crate) timeout: u32,
}

const _: () = assert!(size_of::<Order>() == 64 && size_of::<Rest>() == 80);

pub(crate) const NO_ORDER: Order = Order {
    id: 0,
    price: 0,
    remaining: 0,
    base_index: 0,
    quote_index: 0,
    market: 0,
    before: NO_INDEX,
    after: NO_INDEX,
    level: NO_INDEX,
    side: Side::Buy,
    time_in_force: TimeInForce::Gtc,
    state: State::Forgotten,
    post_only: false,
    marked: false,
    limited: false,
    timed: false,
};

pub(crate) const NO_REST: Rest = Rest {
    user_data_128: 0,
    budget: 0,
    placed_price: 0,
    placed_quantity: 0,
    quantity: 0,
    timestamp: 0,
    settled_at: 0,
    timeout: 0,
};

const WHAT: &str = "orders";

/// Slots freed at most before each event while ids are forgotten: more than an event fills.
const FREED_PER_EVENT: usize = 4;

#[derive(Debug)]
pub(crate) struct Orders {
    hasher: IdHasher,
    ids: Table,
    pub(super) orders: Array<Order>,
    rest: Array<Rest>,
    /// Slots that are not open.
    queue: Retention,
    /// Slots from here on were never used.
    fresh: u32,
    /// The slot freed last; each free slot leads to the next in `after`.
    free: u32,
    /// How many slots hold something.
    used: usize,
}

impl Order {
    /// How the order stands, for those who ask.
    ///
    /// # Panics
    ///
    /// If it is no order.
    pub(crate) fn status(&self) -> OrderStatus {
        match self.state {
            State::Open => OrderStatus::Open,
            State::Filled => OrderStatus::Filled,
            State::Cancelled => OrderStatus::Cancelled,
            State::Spent | State::Forgotten => panic!("a spent id has no status"),
        }
    }

    /// The order behind it at its price, or [`NO_INDEX`].
    #[inline(always)]
    pub(crate) fn after(&self) -> u32 {
        self.after
    }
}

impl Orders {
    pub(super) fn new(rules: &Rules) -> Result<Orders, EngineError> {
        let capacity = EngineError::check_capacity(WHAT, rules.capacities.orders)?;
        Ok(Orders {
            hasher: IdHasher::new(rules.hash_key),
            ids: Table::new("ids of orders", capacity)?,
            orders: Array::new(WHAT, capacity, NO_ORDER)?,
            rest: Array::new(WHAT, capacity, NO_REST)?,
            queue: Retention::new(WHAT, capacity, rules.retention_ns)?,
            fresh: 0,
            free: NO_INDEX,
            used: 0,
        })
    }

    /// Takes over later rules, after all that is to be forgotten at `now` under the earlier ones was.
    pub(super) fn configure(&mut self, rules: &Rules, now: u64) -> Result<usize, EngineError> {
        let capacity = EngineError::check_growth(WHAT, self.orders.len(), rules.capacities.orders)?;
        while self.forget_first(now) {}
        self.ids.grow(capacity)?;
        self.orders.grow(WHAT, capacity, NO_ORDER)?;
        self.rest.grow(WHAT, capacity, NO_REST)?;
        let settled_at = |slot: u32| self.rest[slot as usize].settled_at;
        self.queue.configure(WHAT, capacity, rules.retention_ns, settled_at)?;
        Ok(capacity)
    }

    pub(super) fn capacity(&self) -> usize {
        self.orders.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.ids.bytes() + self.orders.bytes() + self.rest.bytes() + self.queue.bytes()
    }

    /// Brings closer where `id` would be found and gives its hash.
    #[inline(always)]
    pub(super) fn fetch_slot(&self, id: u128) -> u32 {
        let hash = self.hasher.hash(id);
        self.ids.prefetch(hash);
        hash
    }

    /// Slot of what is probably the record with this hash, or [`NO_INDEX`].
    #[inline(always)]
    pub(super) fn guess(&self, hash: u32) -> u32 {
        self.ids.guess(hash)
    }

    /// Brings closer what is probably the record with this hash.
    #[inline(always)]
    pub(super) fn fetch_record(&self, hash: u32) {
        let slot = self.guess(hash);
        // As for transfers: no hint about what is not there.
        if slot != NO_INDEX {
            prefetch(&self.orders, slot as usize);
            prefetch(&self.rest, slot as usize);
        }
    }

    #[inline(always)]
    pub(super) fn hash(&self, id: u128) -> u32 {
        self.hasher.hash(id)
    }

    #[inline(always)]
    pub(super) fn order(&self, slot: u32) -> &Order {
        &self.orders[slot as usize]
    }

    #[inline(always)]
    pub(super) fn order_mut(&mut self, slot: u32) -> &mut Order {
        &mut self.orders[slot as usize]
    }

    #[inline(always)]
    pub(super) fn rest(&self, slot: u32) -> &Rest {
        &self.rest[slot as usize]
    }

    #[inline(always)]
    pub(super) fn rest_mut(&mut self, slot: u32) -> &mut Rest {
        &mut self.rest[slot as usize]
    }

    /// The slot of the order or spent id with this hash, or [`NO_INDEX`]. One that is forgotten at
    /// `now` is not found.
    #[inline(always)]
    pub(super) fn find(&mut self, hash: u32, id: u128, now: u64) -> u32 {
        let slot = self.ids.find(hash, |slot| self.orders[slot as usize].id == id);
        if slot != NO_INDEX && self.is_forgotten(slot, now) {
            self.forget(hash, slot);
            return NO_INDEX;
        }
        slot
    }

    fn is_forgotten(&self, slot: u32, now: u64) -> bool {
        self.order(slot).state != State::Open && self.queue.is_over(self.rest(slot).settled_at, now)
    }

    /// Takes the id out of the table; its slot is freed when its turn comes in the queue.
    fn forget(&mut self, hash: u32, slot: u32) {
        self.ids.remove(hash, slot);
        self.order_mut(slot).state = State::Forgotten;
    }

    /// Whether one more can be held at `now`.
    #[inline(always)]
    pub(super) fn has_room(&mut self, now: u64) -> bool {
        self.used < self.orders.len() || self.forget_first(now)
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
        let slot = self.queue.ahead(0).expect("what is due is there");
        let Order { id, state, .. } = *self.order(slot);
        if state != State::Forgotten {
            self.forget(self.hasher.hash(id), slot);
        }
        self.queue.pop(|slot| self.rest[slot as usize].settled_at);
        self.order_mut(slot).after = self.free;
        self.free = slot;
        self.used -= 1;
        true
    }

    /// Adds a record under an id that is not held; [`Orders::has_room`] said that it fits.
    #[inline(always)]
    pub(super) fn insert(&mut self, hash: u32, order: Order, rest: Rest) -> u32 {
        let slot = if self.free == NO_INDEX {
            self.fresh += 1;
            self.fresh - 1
        } else {
            let slot = self.free;
            self.free = self.order(slot).after;
            slot
        };
        self.used += 1;
        self.orders[slot as usize] = order;
        self.rest[slot as usize] = rest;
        self.ids.insert(hash, slot);
        slot
    }

    /// Gives an order its end, at the engine's timestamp `settled_at`.
    #[inline(always)]
    pub(super) fn settle(&mut self, slot: u32, state: State, settled_at: u64) {
        self.orders[slot as usize].state = state;
        self.rest[slot as usize].settled_at = settled_at;
        self.queue.push(slot, |slot| self.rest[slot as usize].settled_at);
    }

    /// Slots of all that is held at `now`, in no particular order. Not for the hot path.
    pub(super) fn held(&self, now: u64) -> impl Iterator<Item = u32> {
        (0..self.fresh).filter(move |&slot| {
            self.order(slot).state != State::Forgotten && !self.is_forgotten(slot, now)
        })
    }
}
