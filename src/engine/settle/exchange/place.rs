//! Placing orders: repeats, checks, hold.

use super::*;
use crate::book::Rest;
use ringfence_types::{Command, OrderIndices, PlaceOrder, TIMESTAMP_MAX};

impl Exchange {
    /// Places an order. `None`: it is placed and under way; [`Exchange::go_on`] matches it.
    #[inline]
    pub(in crate::settle) fn place(
        &mut self,
        ledger: &mut Ledger,
        command: &Command,
        verdict: &Verdict,
        hash: u32,
    ) -> Option<Answer> {
        let order = command.body.order();
        let own = command.header.timestamp;
        if verdict.has(Verdict::BEFORE_ID) {
            let status = verdict.refusal().expect("it is one");
            return Some(Answer { status, timestamp: own, order: None });
        }
        let slot = self.books.find(hash, order.id, own);
        if slot != NO_INDEX {
            return Some(self.repeat(order, verdict, slot, own));
        }
        let refused = match (ledger.check_id_time(order.id, own), verdict.refusal()) {
            (Err(status), _) | (Ok(()), Some(status)) => Err(status),
            (Ok(()), None) => self.try_place(ledger, order, verdict, hash, own),
        };
        let mut status = refused.err()?;
        if status.spends_id() {
            if self.books.has_room(own) {
                let spent =
                    self.books.insert(hash, Order { id: order.id, ..Order::VACANT }, Rest::VACANT);
                self.books.settle(spent, State::Spent, own);
            } else {
                status = Status::OrdersFull;
            }
        }
        Some(Answer { status, timestamp: own, order: None })
    }

    /// The answer to a repeat of the order in `slot`.
    #[cold]
    fn repeat(&self, order: &PlaceOrder, verdict: &Verdict, slot: u32, own: u64) -> Answer {
        let (placed, rest) = (self.books.order(slot), self.books.rest(slot));
        let answer = |status| Answer { status, timestamp: own, order: None };
        if placed.state == State::Spent {
            return answer(Status::IdAlreadyFailed);
        }
        let sent = verdict.order();
        let is_same = placed.market == sent.market
            && placed.base_index == sent.base
            && placed.quote_index == sent.quote
            && placed.side as u8 == order.side
            && placed.time_in_force as u8 == order.time_in_force
            && placed.post_only == (order.post_only != 0)
            && rest.placed_price == order.price
            && rest.placed_quantity == order.quantity
            && rest.budget == order.budget
            && rest.timeout == order.timeout
            && rest.user_data_128 == order.user_data_128;
        if !is_same {
            return answer(Status::ExistsWithDifferentFields);
        }
        let shown = Some(self.shown(slot));
        Answer { timestamp: rest.timestamp, order: shown, ..answer(Status::Exists) }
    }

    /// Checks what risk could not, takes the hold and makes the order the one under way.
    #[inline(always)]
    fn try_place(
        &mut self,
        ledger: &mut Ledger,
        order: &PlaceOrder,
        verdict: &Verdict,
        hash: u32,
        own: u64,
    ) -> Result<(), Status> {
        let side = Side::from_number(order.side).expect("no other side enters the ring");
        let time_in_force = TimeInForce::from_number(order.time_in_force);
        let time_in_force = time_in_force.expect("no other time in force enters the ring");
        let OrderIndices { base: base_index, quote: quote_index, market: market_index } =
            verdict.order();
        let market = *self.market(market_index);
        check_open(ledger, &market, base_index, quote_index)?;
        let has_budget = time_in_force == TimeInForce::FokBudget;
        let amount = if has_budget && side == Side::Buy {
            order.budget
        } else {
            market.held(side, order.price, order.quantity).ok_or(Status::OverflowsAmount)?
        };
        let hold = market.hold(side, base_index, quote_index, amount);
        ledger.check_hold(&hold, 0)?;
        if expires_at(own, order.timeout).is_some_and(|expires_at| expires_at > TIMESTAMP_MAX) {
            return Err(Status::OverflowsTimeout);
        }
        let limited = verdict.has(Verdict::DEBITS_LIMITED);
        if limited && ledger.exceeds_credits(&hold, 0) {
            return Err(Status::ExceedsCredits);
        }
        let placed = Order {
            id: order.id,
            price: order.price,
            remaining: order.quantity,
            base_index,
            quote_index,
            market: market_index,
            side,
            time_in_force,
            state: State::Open,
            post_only: order.post_only != 0,
            limited,
            ..Order::VACANT
        };
        if order.post_only != 0 && self.would_take(ledger, &placed) {
            return Err(Status::WouldTake);
        }
        let fills = matches!(time_in_force, TimeInForce::Fok | TimeInForce::FokBudget);
        if fills && !self.would_fill(ledger, &placed, order.budget, amount) {
            return Err(Status::WouldNotFill);
        }
        if !self.books.has_room(own) {
            return Err(Status::OrdersFull);
        }
        ledger.take_hold(&hold, 0);
        let rest = Rest {
            user_data_128: order.user_data_128,
            budget: order.budget,
            placed_price: order.price,
            placed_quantity: order.quantity,
            quantity: order.quantity,
            timestamp: own,
            settled_at: own,
            timeout: order.timeout,
        };
        let slot = self.books.insert(hash, placed, rest);
        self.taker = Some(Taker::new(slot, Status::Created, has_budget.then_some(amount)));
        Ok(())
    }
}

/// Checks that neither these accounts nor those of the market are closed.
#[inline(always)]
pub(super) fn check_open(
    ledger: &Ledger,
    market: &Market,
    base_index: u32,
    quote_index: u32,
) -> Result<(), Status> {
    if ledger.is_closed(base_index) {
        return Err(Status::BaseAccountAlreadyClosed);
    }
    if ledger.is_closed(quote_index) {
        return Err(Status::QuoteAccountAlreadyClosed);
    }
    let own = [market.base_index, market.quote_index, market.fee_index];
    if own.into_iter().any(|index| ledger.is_closed(index)) {
        return Err(Status::MarketClosed);
    }
    Ok(())
}
