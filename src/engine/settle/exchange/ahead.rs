//! Looking ahead: would an order trade at once, or in full? Nothing trades by that.
//!
//! # Invariants
//!
//! * A look-ahead gets the same result as matching, order by order, and changes nothing that lasts.
//! * It ends as soon as the answer is known: at the first trade if any is too many, at the price
//!   from which on the budget cannot be kept, and before the first order if all of them together
//!   have too few lots.

use super::matching::Terms;
use super::*;

/// The look-ahead has to begin anew and carefully: a resting order's owner has a balance so high
/// that the trades before have to be counted.
struct Careful;

/// Sums of the trades seen so far, for the incoming order's owner and the fee account.
#[derive(Debug, Default)]
struct Sums {
    base: u128,
    cost: u128,
    own_fee: u128,
    fees: u128,
    buyers_held: u128,
}

impl Exchange {
    /// True if the order, which is not placed yet, would trade at once.
    pub(super) fn would_take(&self, ledger: &Ledger, taker: &Order) -> bool {
        for slot in self.books.resting(taker.market, opposite(taker.side)) {
            let maker = self.books.order(slot);
            if !Exchange::crosses(taker, maker.price) {
                break;
            }
            if Exchange::objection(ledger, taker, maker).is_some() {
                continue;
            }
            let lots = taker.remaining.min(maker.remaining);
            let terms = self.terms(taker, maker, lots).expect("both sides hold what they trade");
            if Exchange::maker_overflows(ledger, taker, &terms) {
                continue;
            }
            return Sums::default().add(ledger, taker, &terms).is_some();
        }
        false
    }

    /// True if the order, which is not placed yet and would hold `held`, would trade in full, and
    /// keep `budget` if it has no price.
    pub(super) fn would_fill(
        &mut self,
        ledger: &mut Ledger,
        taker: &Order,
        budget: u128,
        held: u128,
    ) -> bool {
        if !self.has_lots(taker) {
            return false;
        }
        match self.fills(ledger, taker, budget, held, false) {
            Ok(fills) => fills,
            Err(Careful) => {
                let fills = self.fills(ledger, taker, budget, held, true);
                self.take_back(ledger, taker);
                fills.unwrap_or_else(|Careful| unreachable!("it is careful already"))
            }
        }
    }

    /// True if the other side has enough lots at prices that the order takes.
    fn has_lots(&self, taker: &Order) -> bool {
        let mut left = u128::from(taker.remaining);
        for level in self.books.levels(taker.market, opposite(taker.side)) {
            if !Exchange::crosses(taker, level.price) {
                return false;
            }
            if level.quantity >= left {
                return true;
            }
            left -= level.quantity;
        }
        false
    }

    /// Goes through the resting orders in the order of matching. If `careful`, it changes balances
    /// of their owners as the trades would, and marks every order that would trade, for
    /// [`Exchange::take_back`].
    fn fills(
        &mut self,
        ledger: &mut Ledger,
        taker: &Order,
        budget: u128,
        held: u128,
        careful: bool,
    ) -> Result<bool, Careful> {
        let has_budget = taker.time_in_force == TimeInForce::FokBudget;
        let market = *self.market(taker.market);
        let mut sums = Sums::default();
        let mut left = taker.remaining;
        let mut next = self.first(taker);
        while next != NO_INDEX {
            let slot = next;
            let maker = *self.books.order(slot);
            if !Exchange::crosses(taker, maker.price) {
                return Ok(false);
            }
            if has_budget && !keeps_budget(&market, taker.side, &sums, left, maker.price, budget) {
                return Ok(false);
            }
            next = self.books.next(slot);
            self.books.prefetch_order(next);
            if Exchange::objection(ledger, taker, &maker).is_some() {
                continue;
            }
            let lots = left.min(maker.remaining);
            // No budget is so large.
            let Some(terms) = self.terms(taker, &maker, lots) else { return Ok(false) };
            let maker_account = match taker.side {
                Side::Buy => terms.accounts.seller_quote,
                Side::Sell => terms.accounts.buyer_base,
            };
            if careful {
                if Exchange::maker_overflows(ledger, taker, &terms) {
                    continue;
                }
                ledger_lend(ledger, taker.side, maker_account, &terms, false);
                self.books.mark(slot, true);
            } else if ledger.would_overflow(maker_account, held, held) {
                // An order brings one account at most what it holds.
                return Err(Careful);
            }
            let Some(()) = sums.add(ledger, taker, &terms) else { return Ok(false) };
            left -= lots;
            if left == 0 {
                let own = match taker.side {
                    Side::Buy => {
                        sums.cost.checked_add(sums.own_fee).is_some_and(|all| all <= budget)
                    }
                    Side::Sell => {
                        sums.own_fee.checked_add(budget).is_some_and(|least| sums.cost >= least)
                    }
                };
                return Ok(!has_budget || own);
            }
        }
        Ok(false)
    }

    /// Undoes the changes of a careful look-ahead.
    fn take_back(&mut self, ledger: &mut Ledger, taker: &Order) {
        let mut left = taker.remaining;
        let mut next = self.first(taker);
        while next != NO_INDEX && left > 0 {
            let slot = next;
            let maker = *self.books.order(slot);
            next = self.books.next(slot);
            if maker.marked {
                let lots = left.min(maker.remaining);
                let terms = self.terms(taker, &maker, lots).expect("it was looked at before");
                let account = match taker.side {
                    Side::Buy => terms.accounts.seller_quote,
                    Side::Sell => terms.accounts.buyer_base,
                };
                ledger_lend(ledger, taker.side, account, &terms, true);
                self.books.mark(slot, false);
                left -= lots;
            }
        }
    }

    fn first(&self, taker: &Order) -> u32 {
        let best = self.books.best(taker.market, opposite(taker.side));
        best.map_or(NO_INDEX, |level| level.first)
    }
}

fn ledger_lend(ledger: &mut Ledger, side: Side, account: u32, terms: &Terms, back: bool) {
    let amounts = &terms.amounts;
    match side {
        Side::Buy => ledger.lend(account, amounts.cost, amounts.seller_fee, back),
        Side::Sell => ledger.lend(account, amounts.base, 0, back),
    }
}

/// True if `left` more lots at `price` would keep the budget. All further prices are worse: if this
/// one does not keep it, none does.
fn keeps_budget(
    market: &Market,
    side: Side,
    sums: &Sums,
    left: u64,
    price: u64,
    budget: u128,
) -> bool {
    let rest = market.lot_price(price).checked_mul(left.into());
    let rest_fee = u128::from(left) * u128::from(market.fields.taker_fee);
    match side {
        Side::Buy => {
            let all = rest
                .and_then(|rest| rest.checked_add(sums.cost))
                .and_then(|cost| cost.checked_add(sums.own_fee))
                .and_then(|cost| cost.checked_add(rest_fee));
            all.is_some_and(|all| all <= budget)
        }
        Side::Sell => {
            let proceeds = rest.and_then(|rest| rest.checked_add(sums.cost));
            let least =
                sums.own_fee.checked_add(rest_fee).and_then(|fees| fees.checked_add(budget));
            match (proceeds, least) {
                // Fees and budget together are more than any account can hold.
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(proceeds), Some(least)) => proceeds >= least,
            }
        }
    }
}

impl Sums {
    /// Counts one more trade. `None`: matching would stop at it.
    fn add(&mut self, ledger: &Ledger, taker: &Order, terms: &Terms) -> Option<()> {
        let Terms { accounts, amounts } = terms;
        let own_fee = match taker.side {
            Side::Buy => amounts.buyer_fee,
            Side::Sell => amounts.seller_fee,
        };
        self.base = self.base.checked_add(amounts.base)?;
        self.cost = self.cost.checked_add(amounts.cost)?;
        self.own_fee = self.own_fee.checked_add(own_fee)?;
        let fees = amounts.buyer_fee.checked_add(amounts.seller_fee)?;
        self.fees = self.fees.checked_add(fees)?;
        let overflows = match taker.side {
            Side::Buy => ledger.would_overflow(accounts.buyer_base, self.base, 0),
            Side::Sell => ledger.would_overflow(accounts.seller_quote, self.cost, self.own_fee),
        };
        // A buy's own hold, not taken yet, brings the market's account as much as its trades take
        // from it, and no fee exceeds what it holds.
        let buyers_held = match taker.side {
            Side::Buy => 0,
            Side::Sell => amounts.buyer_held,
        };
        self.buyers_held = self.buyers_held.checked_add(buyers_held)?;
        let fees_overflow = match taker.side {
            Side::Buy if accounts.fee == accounts.market_quote => false,
            _ => ledger.fees_overflow(accounts, self.fees, self.buyers_held),
        };
        (!overflows && !fees_overflow).then_some(())
    }
}
