//! Matching: the order under way meets resting ones, one at a time, until it is filled, rests or is
//! dropped.

use super::*;
use crate::ledger::TradeAmounts;
use ringfence_types::Trade;

/// The order under way.
#[derive(Debug, Clone, Copy)]
pub(in crate::settle) struct Taker {
    slot: u32,
    /// Status of the answer to its command.
    status: Status,
    /// What is left of the hold, where it has no price: of a `fok_budget` buy the budget less what
    /// its trades cost.
    held: Option<u128>,
}

impl Taker {
    pub(super) fn new(slot: u32, status: Status, held: Option<u128>) -> Taker {
        Taker { slot, status, held }
    }
}

/// Result of a meeting with a resting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meeting {
    /// A trade.
    Trade,
    /// The resting order is cancelled.
    Cancel(CancelReason),
    /// The incoming order can trade no more: a balance of its owner, or of the fee account, is
    /// full.
    Stop,
}

/// Terms of a possible trade.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) accounts: TradeAccounts,
    pub(super) amounts: TradeAmounts,
}

impl Exchange {
    /// True if the incoming order takes a resting one's price.
    #[inline(always)]
    pub(super) fn crosses(taker: &Order, price: u64) -> bool {
        match taker.side {
            _ if taker.time_in_force == TimeInForce::FokBudget => true,
            Side::Buy => price <= taker.price,
            Side::Sell => price >= taker.price,
        }
    }

    /// The terms of a trade of `lots` between two orders. `None`: it would move more than any
    /// amount.
    #[inline(always)]
    pub(super) fn terms(&self, taker: &Order, maker: &Order, lots: u64) -> Option<Terms> {
        let market = self.market(taker.market);
        let MarketFields { taker_fee, maker_fee, .. } = market.fields;
        let cost = market.lot_price(maker.price).checked_mul(lots.into())?;
        let taker_fee = u128::from(lots) * u128::from(taker_fee);
        let maker_fee = u128::from(lots) * u128::from(maker_fee);
        let (buyer, seller, buyer_fee, seller_fee) = match taker.side {
            Side::Buy => (taker, maker, taker_fee, maker_fee),
            Side::Sell => (maker, taker, maker_fee, taker_fee),
        };
        let buyer_held = if buyer.time_in_force == TimeInForce::FokBudget {
            cost.checked_add(buyer_fee)?
        } else {
            market.held(Side::Buy, buyer.price, lots)?
        };
        Some(Terms {
            accounts: TradeAccounts {
                seller_base: seller.base_index,
                seller_quote: seller.quote_index,
                buyer_base: buyer.base_index,
                buyer_quote: buyer.quote_index,
                market_base: market.base_index,
                market_quote: market.quote_index,
                fee: market.fee_index,
            },
            amounts: TradeAmounts {
                base: market.base_of(lots),
                cost,
                buyer_fee,
                seller_fee,
                buyer_held,
            },
        })
    }

    /// Reason for which a resting order is cancelled when the incoming one meets it, independent of
    /// the terms.
    #[inline(always)]
    pub(super) fn objection(ledger: &Ledger, taker: &Order, maker: &Order) -> Option<CancelReason> {
        if maker.base_index == taker.base_index || maker.quote_index == taker.quote_index {
            Some(CancelReason::SelfTrade)
        } else if ledger.is_closed(maker.base_index) || ledger.is_closed(maker.quote_index) {
            Some(CancelReason::AccountClosed)
        } else {
            None
        }
    }

    /// True if a trade would overflow a balance of the resting order's owner.
    #[inline(always)]
    pub(super) fn maker_overflows(ledger: &Ledger, taker: &Order, terms: &Terms) -> bool {
        let Terms { accounts, amounts } = terms;
        match taker.side {
            Side::Buy => {
                ledger.would_overflow(accounts.seller_quote, amounts.cost, amounts.seller_fee)
            }
            Side::Sell => ledger.would_overflow(accounts.buyer_base, amounts.base, 0),
        }
    }

    /// The result of a meeting, once all trades before it are settled.
    #[inline(always)]
    fn meet(ledger: &Ledger, taker: &Order, maker: &Order, terms: &Terms) -> Meeting {
        if let Some(reason) = Exchange::objection(ledger, taker, maker) {
            return Meeting::Cancel(reason);
        }
        if Exchange::maker_overflows(ledger, taker, terms) {
            return Meeting::Cancel(CancelReason::Overflow);
        }
        let Terms { accounts, amounts } = terms;
        let overflows = match taker.side {
            Side::Buy => ledger.would_overflow(accounts.buyer_base, amounts.base, 0),
            Side::Sell => {
                ledger.would_overflow(accounts.seller_quote, amounts.cost, amounts.seller_fee)
            }
        };
        let fees = amounts.buyer_fee.checked_add(amounts.seller_fee);
        let fees_overflow =
            fees.is_none_or(|fees| ledger.fees_overflow(accounts, fees, amounts.buyer_held));
        if overflows || fees_overflow { Meeting::Stop } else { Meeting::Trade }
    }

    /// True if an order is under way whose matching is not finished.
    pub(in crate::settle) fn is_under_way(&self) -> bool {
        self.taker.is_some()
    }

    /// Matches the order under way until it is finished. Returns the answer to its command.
    #[inline]
    pub(in crate::settle) fn go_on(
        &mut self,
        ledger: &mut Ledger,
        now: u64,
        emitter: &mut impl Emit,
    ) -> Result<Answer, Paused> {
        let Taker { slot, status, .. } = self.taker.expect("an order is under way");
        let mut stopped = false;
        loop {
            let taker = *self.books.order(slot);
            if taker.remaining == 0 {
                break;
            }
            let Some(level) = self.books.best(taker.market, opposite(taker.side)) else { break };
            if !Exchange::crosses(&taker, level.price) {
                break;
            }
            emitter.make_sure_of_room()?;
            let maker_slot = level.first;
            let maker = *self.books.order(maker_slot);
            self.prefetch_next(ledger, &taker, maker_slot);
            let lots = taker.remaining.min(maker.remaining);
            let terms = self.terms(&taker, &maker, lots).expect("both sides hold what they trade");
            match Exchange::meet(ledger, &taker, &maker, &terms) {
                Meeting::Trade => self.trade(ledger, maker_slot, lots, &terms, now, emitter),
                Meeting::Cancel(reason) => {
                    self.drop_resting(ledger, maker_slot, reason, now, emitter);
                }
                Meeting::Stop => {
                    stopped = true;
                    break;
                }
            }
        }
        self.finish(ledger, stopped, now);
        let timestamp = now;
        Ok(Answer { status, timestamp, order: Some(self.shown(slot)) })
    }

    /// Prefetches the balances of the order that is met next, and the order behind it.
    #[inline(always)]
    fn prefetch_next(&self, ledger: &Ledger, taker: &Order, maker_slot: u32) {
        let next = self.books.next(maker_slot);
        if next != NO_INDEX {
            let next = self.books.order(next);
            ledger.prefetch_balances(next.quote_index);
            ledger.prefetch_balances(next.base_index);
            self.books.prefetch_order(next.after());
        }
        let _ = taker;
    }

    /// Executes a trade and emits its event.
    #[inline]
    fn trade(
        &mut self,
        ledger: &mut Ledger,
        maker_slot: u32,
        lots: u64,
        terms: &Terms,
        now: u64,
        emitter: &mut impl Emit,
    ) {
        let Taker { slot, held, .. } = self.taker.expect("an order is under way");
        let (taker, maker) = (*self.books.order(slot), *self.books.order(maker_slot));
        let amounts = &terms.amounts;
        ledger.trade(&terms.accounts, amounts);
        if let (Some(held), Side::Buy) = (held, taker.side) {
            self.taker = Some(Taker {
                held: Some(held - amounts.buyer_held),
                ..self.taker.expect("as before")
            });
        }
        if maker.remaining == lots {
            self.books.take_out(maker_slot);
            self.books.reduce(maker_slot, lots);
            self.settle(maker_slot, State::Filled, now);
        } else {
            self.books.reduce(maker_slot, lots);
        }
        self.books.reduce(slot, lots);
        let (taker_fee, maker_fee) = match taker.side {
            Side::Buy => (amounts.buyer_fee, amounts.seller_fee),
            Side::Sell => (amounts.seller_fee, amounts.buyer_fee),
        };
        let trade = Trade {
            taker_order_id: taker.id,
            maker_order_id: maker.id,
            taker_fee,
            maker_fee,
            price: maker.price,
            quantity: lots,
            market: self.market(taker.market).fields.id,
            ..Trade::default()
        };
        emitter.emit(EventKind::Trade, EventBody::of_trade(trade));
    }

    /// Finishes the order under way: it is filled, rests, or what is left of it is dropped.
    #[inline]
    fn finish(&mut self, ledger: &mut Ledger, stopped: bool, now: u64) {
        let Taker { slot, held, .. } = self.taker.take().expect("an order is under way");
        let order = *self.books.order(slot);
        let market = *self.market(order.market);
        if let (Some(held), Side::Buy) = (held, order.side)
            && held != 0
        {
            ledger.release_hold(&market.hold(
                order.side,
                order.base_index,
                order.quote_index,
                held,
            ));
        }
        if order.remaining == 0 {
            self.settle(slot, State::Filled, now);
        } else if order.time_in_force == TimeInForce::Gtc && !stopped {
            self.books.rest_order(slot);
            let rest = self.books.rest(slot);
            if !order.timed
                && let Some(expires_at) = expires_at(rest.timestamp, rest.timeout)
            {
                self.timers.add(slot, expires_at, now);
                self.books.set_timed(slot, true);
            }
        } else {
            if held.is_none() || order.side == Side::Sell {
                ledger.release_hold(&market.hold_of(&order, order.remaining));
            }
            self.settle(slot, State::Cancelled, now);
        }
    }
}
