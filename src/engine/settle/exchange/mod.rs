//! Markets: orders that wait for a counterparty, and trades that pay both sides at once.
//!
//! ```text
//!   place, amend ──▶ checks ──▶ hold ──▶ matching ──▶ rests, or what is left is released
//!                                          │ one meeting a step
//!                                          ├─▶ trade
//!                                          └─▶ order_cancelled (self_trade, account_closed, overflow)
//! ```
//!
//! The books know the orders and no money, the ledger the money and no orders; the exchange uses
//! both.
//!
//! # Invariants
//!
//! * An open order's hold is what its remaining lots could cost: pending on its owner's account and
//!   on the market's. So is that of the order under way, until it is finished.
//! * Every meeting emits one event. If there is no room for it, matching stops before the meeting
//!   and goes on from there.
//! * A book is never crossed between commands.

mod ahead;
mod amend;
mod contents;
mod matching;
mod place;
mod show;

use crate::book::{Books, Order, State};
use crate::emit::{Emit, Paused};
use crate::ledger::{Hold, Ledger, Timers, TradeAccounts};
use crate::table::{Array, EngineError, Growth, NO_INDEX, growth};
use ringfence_types::{
    CancelReason, EventBody, EventKind, Market as MarketFields, NANOSECONDS_PER_SECOND,
    NewMarketIndices, OrderCancelled, OrderStatus, Rules, Side, Status, TimeInForce, Verdict,
};

pub(super) use matching::Taker;

/// A market as settle knows it.
#[derive(Debug, Clone, Copy)]
struct Market {
    fields: MarketFields,
    timestamp: u64,
    base_index: u32,
    quote_index: u32,
    fee_index: u32,
}

/// What a command about an order is answered with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) status: Status,
    pub(super) timestamp: u64,
    /// What became of the order, with lots traded and not.
    pub(super) order: Option<(OrderStatus, u64, u64)>,
}

/// Markets, their books, and the order under way.
#[derive(Debug)]
pub(super) struct Exchange {
    books: Books,
    markets: Array<Market>,
    market_count: usize,
    timers: Timers,
    /// The order whose matching is not finished.
    taker: Option<Taker>,
}

impl Market {
    const NONE: Market = Market {
        fields: MarketFields {
            base_account_id: 0,
            quote_account_id: 0,
            fee_account_id: 0,
            lot: 0,
            tick: 0,
            maker_fee: 0,
            taker_fee: 0,
            id: 0,
            base_ledger: 0,
            quote_ledger: 0,
            reserved: 0,
            reserved_more: [0; 2],
        },
        timestamp: 0,
        base_index: NO_INDEX,
        quote_index: NO_INDEX,
        fee_index: NO_INDEX,
    };

    /// Quote units for a lot at `price` steps.
    #[inline(always)]
    fn lot_price(&self, price: u64) -> u128 {
        u128::from(price) * u128::from(self.fields.tick)
    }

    /// What `lots` at `price` hold at most, `None` where no amount is so large.
    #[inline(always)]
    fn held(&self, side: Side, price: u64, lots: u64) -> Option<u128> {
        match side {
            // Fits: (2^64 − 1)^2 + 2^64 − 1 < 2^128.
            Side::Buy => {
                (self.lot_price(price) + u128::from(self.fields.taker_fee)).checked_mul(lots.into())
            }
            Side::Sell => Some(self.base_of(lots)),
        }
    }

    /// Base units of `lots`.
    #[inline(always)]
    fn base_of(&self, lots: u64) -> u128 {
        u128::from(lots) * u128::from(self.fields.lot)
    }

    /// A hold for an order on `side` with these accounts.
    #[inline(always)]
    fn hold(&self, side: Side, base_index: u32, quote_index: u32, amount: u128) -> Hold {
        let (owner, market) = match side {
            Side::Buy => (quote_index, self.quote_index),
            Side::Sell => (base_index, self.base_index),
        };
        Hold { owner, market, amount }
    }

    /// What an order that was placed holds for `lots` of its remaining ones.
    #[inline(always)]
    fn hold_of(&self, order: &Order, lots: u64) -> Hold {
        let amount = self.held(order.side, order.price, lots).expect("it was held when placed");
        self.hold(order.side, order.base_index, order.quote_index, amount)
    }
}

fn opposite(side: Side) -> Side {
    match side {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
    }
}

impl Exchange {
    pub(super) fn new(rules: &Rules) -> Result<Exchange, EngineError> {
        let books = Books::new(rules)?;
        let markets = EngineError::check_capacity("markets", rules.capacities.markets)?;
        Ok(Exchange {
            timers: Timers::new(books.capacity())?,
            books,
            markets: Array::new("markets", markets, Market::NONE)?,
            market_count: 0,
            taker: None,
        })
    }

    /// Takes over later rules, at the time `now`. Not for the hot path.
    pub(super) fn configure(&mut self, rules: &Rules, now: u64) -> Result<(), EngineError> {
        self.books.configure(rules, now)?;
        self.timers.grow(self.books.capacity())?;
        let markets = EngineError::check_capacity("markets", rules.capacities.markets)?;
        self.markets.grow(markets)
    }

    /// Adds what grows with the capacities.
    pub(super) fn add_to(&self, growth: &mut Growth) {
        self.books.add_to(growth);
        self.timers.add_to(growth, |rules| Timers::nodes_for(growth::orders(rules)));
        growth.add(&self.markets, growth::markets);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.books.bytes() + self.markets.bytes() + self.timers.bytes()
    }

    #[inline(always)]
    fn market(&self, index: u32) -> &Market {
        &self.markets[index as usize]
    }

    /// Prefetches the table slot of the order `id` and returns the hash of its id.
    #[inline(always)]
    pub(super) fn prefetch_slot(&self, id: u128) -> u32 {
        self.books.prefetch_slot(id)
    }

    /// Prefetches the first order with this hash, if there is one.
    #[inline(always)]
    pub(super) fn prefetch_record(&self, hash: u32) {
        self.books.prefetch_record(hash);
    }

    /// Prefetches the neighbours of the order that [`Exchange::prefetch_record`] prefetched, and
    /// its owner's balances.
    #[inline(always)]
    pub(super) fn prefetch_neighbours(&self, ledger: &Ledger, hash: u32) {
        if let Some(order) = self.books.prefetch_neighbours(hash) {
            let buys = order.side == Side::Buy;
            ledger.prefetch_balances(if buys { order.quote_index } else { order.base_index });
        }
    }

    /// Frees a few slots of forgotten ids.
    #[inline(always)]
    pub(super) fn forget_some(&mut self, now: u64) {
        self.books.forget_some(now);
    }

    /// True if no order expires at `now`; O(1).
    #[inline(always)]
    pub(super) fn sleeps_at(&self, now: u64) -> bool {
        self.timers.sleeps_at(now)
    }

    /// How many places of the table of orders are taken.
    pub(super) fn orders_used(&self) -> u64 {
        self.books.orders_used() as u64
    }

    /// Timestamp at which the next order expires, if any does.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.timers.next_due()
    }

    /// Expiry and placement time of the order that expires first at `now`. `None`: none is due.
    pub(super) fn first_due(&mut self, now: u64) -> Option<(u64, u64)> {
        let (expires_at, slot) = self.timers.peek(now)?;
        Some((expires_at, self.books.rest(slot).timestamp))
    }

    /// Cancels the order that [`Exchange::first_due`] found.
    pub(super) fn expire_first(&mut self, ledger: &mut Ledger, now: u64, emitter: &mut impl Emit) {
        let (_, slot) = self.timers.peek(now).expect("one is due");
        self.drop_resting(ledger, slot, CancelReason::Expired, now, emitter);
    }

    /// Creates a market, unless risk has refused it.
    pub(super) fn create_market(
        &mut self,
        fields: &MarketFields,
        verdict: &Verdict,
        own: u64,
    ) -> (Status, u64) {
        match verdict.refusal() {
            None => {
                let NewMarketIndices { base, quote, fee } = verdict.new_market();
                self.markets[self.market_count] = Market {
                    fields: *fields,
                    timestamp: own,
                    base_index: base,
                    quote_index: quote,
                    fee_index: fee,
                };
                self.market_count += 1;
                (Status::Created, own)
            }
            Some(Status::Exists) => (Status::Exists, self.market(verdict.market()).timestamp),
            Some(status) => (status, own),
        }
    }

    /// Cancels an order for its owner.
    #[inline]
    pub(super) fn cancel(&mut self, ledger: &mut Ledger, id: u128, hash: u32, now: u64) -> Answer {
        let slot = self.books.find(hash, id, now);
        let answer = |status| Answer { status, timestamp: now, order: None };
        if slot == NO_INDEX {
            return answer(Status::OrderNotFound);
        }
        if let Some(status) = self.is_over(slot) {
            return answer(status);
        }
        self.take_out(ledger, slot, now);
        Answer { order: Some(self.shown(slot)), ..answer(Status::Ok) }
    }

    /// Reason for which the order in `slot` can be neither cancelled nor amended, if there is one.
    #[inline(always)]
    fn is_over(&self, slot: u32) -> Option<Status> {
        match self.books.order(slot).state {
            State::Open => None,
            State::Filled => Some(Status::OrderAlreadyFilled),
            State::Cancelled => Some(Status::OrderAlreadyCancelled),
            State::Spent | State::Forgotten => Some(Status::OrderNotFound),
        }
    }

    /// Cancels a resting order: removes it from its book and releases its hold.
    #[inline]
    fn take_out(&mut self, ledger: &mut Ledger, slot: u32, now: u64) {
        let order = *self.books.order(slot);
        self.books.take_out(slot);
        let hold = self.market(order.market).hold_of(&order, order.remaining);
        ledger.release_hold(&hold);
        self.settle(slot, State::Cancelled, now);
    }

    /// Settles an order that does not rest, and stops its timer.
    #[inline]
    fn settle(&mut self, slot: u32, state: State, now: u64) {
        if self.books.order(slot).timed {
            self.timers.remove(slot);
            self.books.set_timed(slot, false);
        }
        self.books.settle(slot, state, now);
    }

    /// Cancels a resting order for another reason than its owner's wish.
    fn drop_resting(
        &mut self,
        ledger: &mut Ledger,
        slot: u32,
        reason: CancelReason,
        now: u64,
        emitter: &mut impl Emit,
    ) {
        let Order { id, remaining, .. } = *self.books.order(slot);
        self.take_out(ledger, slot, now);
        let cancelled =
            OrderCancelled { id, remaining, reason: reason as u8, ..OrderCancelled::default() };
        emitter.emit(EventKind::OrderCancelled, EventBody::of_cancellation(cancelled));
    }

    /// Status of the order in `slot`, with lots traded and not.
    #[inline(always)]
    fn shown(&self, slot: u32) -> (OrderStatus, u64, u64) {
        let order = self.books.order(slot);
        (order.status(), self.books.rest(slot).quantity - order.remaining, order.remaining)
    }
}

/// Expiry of an order placed at `own` with a timeout in seconds; `None` if it has none.
fn expires_at(own: u64, timeout: u32) -> Option<u64> {
    (timeout != 0).then(|| own + u64::from(timeout) * NANOSECONDS_PER_SECOND)
}
