//! Amending orders: fewer lots in the same place, or another price and a new place.

use super::place::check_open;
use super::*;
use ringfence_types::AmendOrder;

impl Exchange {
    /// Amends an order. `None`: it has a new price and is under way; [`Exchange::go_on`] matches
    /// it.
    pub(in crate::settle) fn amend(
        &mut self,
        ledger: &mut Ledger,
        amendment: &AmendOrder,
        hash: u32,
        now: u64,
    ) -> Option<Answer> {
        let slot = self.books.find(hash, amendment.id, now);
        let answer = |status| Answer { status, timestamp: now, order: None };
        if slot == NO_INDEX {
            return Some(answer(Status::OrderNotFound));
        }
        match self.try_amend(ledger, amendment, slot) {
            Err(status) => Some(answer(status)),
            Ok(true) => None,
            Ok(false) => Some(Answer { order: Some(self.shown(slot)), ..answer(Status::Ok) }),
        }
    }

    /// True if the order has another price now and is under way.
    fn try_amend(
        &mut self,
        ledger: &mut Ledger,
        amendment: &AmendOrder,
        slot: u32,
    ) -> Result<bool, Status> {
        if let Some(status) = self.is_over(slot) {
            return Err(status);
        }
        let order = *self.books.order(slot);
        let AmendOrder { price, quantity, .. } = *amendment;
        let has_other_price = price != 0 && price != order.price;
        if quantity == 0 && !has_other_price {
            return Err(Status::NothingToAmend);
        }
        if quantity >= order.remaining {
            return Err(Status::QuantityMustBeLower);
        }
        let lots = if quantity == 0 { order.remaining } else { quantity };
        let dropped = order.remaining - lots;
        let market = *self.market(order.market);
        if !has_other_price {
            ledger.release_hold(&market.hold_of(&order, dropped));
            self.books.reduce(slot, dropped);
            self.books.rest_mut(slot).quantity -= dropped;
            return Ok(false);
        }

        if order.side == Side::Sell && market.lot_price(price) < market.fields.taker_fee.into() {
            return Err(Status::PriceMustCoverFee);
        }
        check_open(ledger, &market, order.base_index, order.quote_index)?;
        let amount = market.held(order.side, price, lots).ok_or(Status::OverflowsAmount)?;
        let freed = market.hold_of(&order, order.remaining).amount;
        let hold = market.hold(order.side, order.base_index, order.quote_index, amount);
        ledger.check_hold(&hold, freed)?;
        if order.limited && ledger.exceeds_credits(&hold, freed) {
            return Err(Status::ExceedsCredits);
        }
        let amended = Order { price, remaining: lots, ..order };
        if order.post_only && self.would_take(ledger, &amended) {
            return Err(Status::WouldTake);
        }
        ledger.take_hold(&hold, freed);
        self.books.take_out(slot);
        self.books.reduce(slot, dropped);
        self.books.rest_mut(slot).quantity -= dropped;
        self.books.set_price(slot, price);
        self.taker = Some(Taker::new(slot, Status::Ok, None));
        Ok(true)
    }
}
