//! Order books: resting orders by price and then by time. Knows no money.
//!
//! ```text
//!   id ──▶ Order ◀──▶ Level ◀──▶ best price of its side of its market
//!          64 bytes   48 bytes   levels.rs
//! ```
//!
//! All markets share one pool of orders and one of levels, allocated at start: an order has at most
//! one level, so neither can run out before the other. An order leaves its book, or gets smaller,
//! in O(1); it joins the best price in O(1), another in a few steps down a tree of 16-byte nodes.
//!
//! # Invariants
//!
//! * An open order that rests is in the queue of the level of its price; nothing else is.
//! * The caller keeps the book uncrossed: an order is matched before it rests.

mod levels;
#[cfg(test)]
mod naive;
mod orders;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use crate::table::{EngineError, Growth, NO_INDEX, Table, growth, prefetch};
use ringfence_types::{Rules, Side};

pub(crate) use levels::Level;
pub(crate) use orders::{Order, Rest, State};

use levels::Levels;
use orders::Orders;

/// The books of all markets, and every order that is remembered.
#[derive(Debug)]
pub(crate) struct Books {
    orders: Orders,
    levels: Levels,
    markets: usize,
}

impl Books {
    pub(crate) fn new(rules: &Rules) -> Result<Books, EngineError> {
        let markets = EngineError::check_capacity("markets", rules.capacities.markets)?;
        let orders = Orders::new(orders::NAMES, rules.capacities.orders, rules)?;
        let levels = Levels::new(markets, orders.capacity())?;
        Ok(Books { orders, levels, markets })
    }

    /// Takes over later rules, at the time `now`. Not for the hot path.
    pub(crate) fn configure(&mut self, rules: &Rules, now: u64) -> Result<(), EngineError> {
        let asked = rules.capacities.markets;
        self.markets = EngineError::check_growth("markets", self.markets, asked)?;
        let orders = self.orders.configure(rules.capacities.orders, rules, now)?;
        self.levels.grow(self.markets, orders)
    }

    /// Adds what grows with the capacities.
    pub(crate) fn add_to(&self, growth: &mut Growth) {
        self.orders
            .add_to(growth, growth::orders, |rules| Table::slots_for(rules.capacities.orders));
        self.levels.add_to(growth);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.orders.bytes() + self.levels.bytes()
    }

    /// How many orders can be held.
    pub(crate) fn capacity(&self) -> usize {
        self.orders.capacity()
    }

    /// Prefetches the table slot of `id` and returns its hash.
    #[inline(always)]
    pub(crate) fn prefetch_slot(&self, id: u128) -> u32 {
        self.orders.prefetch_slot(id)
    }

    /// Prefetches the first record with this hash, if there is one.
    #[inline(always)]
    pub(crate) fn prefetch_record(&self, hash: u32) {
        self.orders.prefetch_record(hash);
    }

    /// Prefetches the level and the neighbours of the first order with this hash, and returns it.
    /// Its record was prefetched before; its id may be another one.
    #[inline(always)]
    pub(crate) fn prefetch_neighbours(&self, hash: u32) -> Option<&Order> {
        let order = self.orders.all_hot().get(self.orders.guess(hash) as usize)?;
        self.levels.prefetch(order.level);
        self.prefetch_order(order.before);
        self.prefetch_order(order.after);
        Some(order)
    }

    /// Prefetches an order.
    #[inline(always)]
    pub(crate) fn prefetch_order(&self, slot: u32) {
        prefetch(self.orders.all_hot(), slot as usize);
    }

    #[inline(always)]
    pub(crate) fn hash(&self, id: u128) -> u32 {
        self.orders.hash(id)
    }

    /// The slot of the order or spent id with this hash, or [`NO_INDEX`]; one that is forgotten at
    /// `now` is not found.
    #[inline(always)]
    pub(crate) fn find(&mut self, hash: u32, id: u128, now: u64) -> u32 {
        self.orders.find(hash, id, now)
    }

    #[inline(always)]
    pub(crate) fn order(&self, slot: u32) -> &Order {
        self.orders.hot(slot)
    }

    #[inline(always)]
    pub(crate) fn rest(&self, slot: u32) -> &Rest {
        self.orders.cold(slot)
    }

    #[inline(always)]
    pub(crate) fn rest_mut(&mut self, slot: u32) -> &mut Rest {
        self.orders.cold_mut(slot)
    }

    /// Sets whether a timer runs for an order.
    pub(crate) fn set_timed(&mut self, slot: u32, timed: bool) {
        self.orders.hot_mut(slot).timed = timed;
    }

    /// Marks an order or removes its mark, which look-aheads use.
    pub(crate) fn mark(&mut self, slot: u32, marked: bool) {
        self.orders.hot_mut(slot).marked = marked;
    }

    /// True if one more order can be held at `now`.
    #[inline(always)]
    pub(crate) fn has_room(&mut self, now: u64) -> bool {
        self.orders.has_room(now)
    }

    /// How many orders take a place.
    pub(crate) fn orders_used(&self) -> usize {
        self.orders.used()
    }

    /// Frees a few slots of forgotten ids.
    #[inline(always)]
    pub(crate) fn forget_some(&mut self, now: u64) {
        self.orders.forget_some(now);
    }

    /// Adds an open order that does not rest yet, under an id that is not held;
    /// [`Books::has_room`] said that it fits.
    #[inline(always)]
    pub(crate) fn insert(&mut self, hash: u32, order: Order, rest: Rest) -> u32 {
        self.orders.insert(hash, order, rest)
    }

    /// Settles an order that does not rest, or a spent id, at the engine's timestamp `settled_at`.
    #[inline(always)]
    pub(crate) fn settle(&mut self, slot: u32, state: State, settled_at: u64) {
        debug_assert!(state == State::Spent || self.order(slot).level == NO_INDEX);
        self.orders.settle(slot, state, settled_at);
    }

    /// Adds an open order to its book, behind all orders at its price.
    #[inline]
    pub(crate) fn rest_order(&mut self, slot: u32) {
        self.levels.append(self.orders.all_hot_mut(), slot);
    }

    /// Removes a resting order from its book.
    #[inline]
    pub(crate) fn take_out(&mut self, slot: u32) {
        self.levels.take_out(self.orders.all_hot_mut(), slot);
    }

    /// Takes `lots` off an order, fewer than remain of it if it rests.
    #[inline(always)]
    pub(crate) fn reduce(&mut self, slot: u32, lots: u64) {
        let order = self.orders.hot_mut(slot);
        order.remaining -= lots;
        if order.level != NO_INDEX {
            debug_assert!(order.remaining > 0, "what rests has something left");
            let level = order.level;
            self.levels.reduce(level, lots);
        }
    }

    /// Gives an order that does not rest another price.
    pub(crate) fn set_price(&mut self, slot: u32, price: u64) {
        debug_assert!(self.order(slot).level == NO_INDEX, "the level has the price");
        self.orders.hot_mut(slot).price = price;
    }

    /// The level with the best price of a side, if it has any.
    #[inline(always)]
    pub(crate) fn best(&self, market: u32, side: Side) -> Option<&Level> {
        let best = self.levels.best(market, side);
        (best != NO_INDEX).then(|| self.levels.level(best))
    }

    /// The levels of a side, the best price first.
    pub(crate) fn levels(&self, market: u32, side: Side) -> impl Iterator<Item = &Level> {
        let mut next = self.levels.best(market, side);
        core::iter::from_fn(move || {
            let level = (next != NO_INDEX).then(|| self.levels.level(next))?;
            next = self.levels.worse(next);
            Some(level)
        })
    }

    /// The slot of the order that stands behind a resting one in its side of the book, or
    /// [`NO_INDEX`].
    #[inline(always)]
    pub(crate) fn next(&self, slot: u32) -> u32 {
        let order = self.order(slot);
        if order.after() != NO_INDEX {
            return order.after();
        }
        match self.levels.worse(order.level) {
            NO_INDEX => NO_INDEX,
            worse => self.levels.level(worse).first,
        }
    }

    /// Slots of a side's orders, in the order in which they would trade.
    pub(crate) fn resting(&self, market: u32, side: Side) -> impl Iterator<Item = u32> {
        let mut next = self.best(market, side).map_or(NO_INDEX, |level| level.first);
        core::iter::from_fn(move || {
            let slot = (next != NO_INDEX).then_some(next)?;
            next = self.next(slot);
            Some(slot)
        })
    }

    /// Slots of all that is held at `now`, in no particular order. Not for the hot path.
    pub(crate) fn held(&self, now: u64) -> impl Iterator<Item = u32> {
        self.orders.held(now)
    }

    /// Slots of all that is held at `now` and not open, in the order in which it is forgotten; by
    /// id where that is at one time. Not for the hot path.
    pub(crate) fn settled(&self, now: u64) -> Vec<u32> {
        self.orders.settled(now)
    }

    /// Checks everything that must always be true, from the records themselves. Slow.
    ///
    /// # Panics
    ///
    /// If something is not as it must be: a bug in this room.
    pub(crate) fn check_in_full(&self, now: u64) {
        let mut resting = 0;
        for market in 0..self.markets as u32 {
            for side in [Side::Buy, Side::Sell] {
                self.levels.check_side(self.orders.all_hot(), market, side);
                resting += self.resting(market, side).count();
            }
            let bid = self.best(market, Side::Buy).map(|level| level.price);
            let ask = self.best(market, Side::Sell).map(|level| level.price);
            assert!(bid.zip(ask).is_none_or(|(bid, ask)| bid < ask), "a book is never crossed");
        }
        let open = self.held(now).filter(|&slot| self.order(slot).state == State::Open).count();
        assert_eq!(resting, open, "between commands exactly the open orders rest");
    }
}
