//! Risk's checks of markets and orders: all that need no balance, no book and no earlier order.

use super::markets::Entry;
use super::*;
use ringfence_types::{NewMarketIndices, OrderIndices, PlaceOrder, Side};

impl Risk {
    /// Creates a market, if nothing speaks against it.
    #[cold]
    pub(super) fn create_market(&mut self, command: &Command) -> Verdict {
        let market = command.body.market();
        let ids = [market.base_account_id, market.quote_account_id, market.fee_account_id];
        let accounts = ids.map(|id| self.directory.find_id(id));
        let entry = Entry::new(market, accounts);
        if let Err((status, existing)) = self.markets.check(&entry) {
            let mut verdict = Verdict::of_market(existing);
            verdict.refuse(Some(status));
            return verdict;
        }
        if accounts.contains(&NO_INDEX) {
            return Verdict::refused(Status::AccountNotFound);
        }
        let [base, quote, fee] = accounts.map(|index| *self.directory.entry(index));
        if base.ledger != market.base_ledger
            || quote.ledger != market.quote_ledger
            || fee.ledger != market.quote_ledger
        {
            return Verdict::refused(Status::AccountHasDifferentLedger);
        }
        let limits = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS
            .with(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
        if [base, quote, fee].iter().any(|account| account.flags.has(limits)) {
            return Verdict::refused(Status::AccountMustNotHaveLimits);
        }
        if !self.markets.add(entry) {
            return Verdict::refused(Status::MarketsFull);
        }
        let [base, quote, fee] = accounts;
        Verdict::of_new_market(NewMarketIndices { base, quote, fee })
    }

    /// The verdict on a look-up of a market.
    pub(super) fn find_market(&self, id: u128) -> Verdict {
        Verdict::of_market(self.markets.find(id))
    }

    #[inline(always)]
    pub(super) fn judge_order(&mut self, command: &Command, trails: [Trail; 2]) -> Verdict {
        let order = command.body.order();
        let mut verdict = Verdict::of_order(OrderIndices {
            base: self.directory.find(trails[0], order.base_account_id),
            quote: self.directory.find(trails[1], order.quote_account_id),
            market: self.markets.find(order.market.into()),
        });
        let malformed = shape::of_id(order.id);
        if malformed.is_some() {
            verdict.add(Verdict::BEFORE_ID);
        }
        let refused = malformed.or_else(|| self.object_to_order(command, order, &mut verdict));
        verdict.refuse(refused);
        verdict
    }

    /// Checks an order, in the order of the table of precedence.
    #[inline(always)]
    fn object_to_order(
        &self,
        command: &Command,
        order: &PlaceOrder,
        verdict: &mut Verdict,
    ) -> Option<Status> {
        let indices = verdict.order();
        if indices.market == NO_INDEX {
            return Some(Status::MarketNotFound);
        }
        let market = self.markets.entry(indices.market);
        let refused = shape::of_order(order, market.tick, market.taker_fee);
        if refused.is_some() {
            return refused;
        }
        if indices.base == NO_INDEX {
            return Some(Status::BaseAccountNotFound);
        }
        if indices.quote == NO_INDEX {
            return Some(Status::QuoteAccountNotFound);
        }
        let base = self.directory.entry(indices.base);
        let quote = self.directory.entry(indices.quote);
        if base.ledger != market.base_ledger {
            return Some(Status::BaseAccountHasDifferentLedger);
        }
        if quote.ledger != market.quote_ledger {
            return Some(Status::QuoteAccountHasDifferentLedger);
        }
        if market.owns(indices.base) || market.owns(indices.quote) {
            return Some(Status::AccountBelongsToMarket);
        }
        let flags = base.flags.with(quote.flags);
        if flags.has(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS) {
            return Some(Status::AccountMustNotLimitCredits);
        }
        let buys = order.side == Side::Buy as u8;
        let (payer, receiver) = if buys { (quote, base) } else { (base, quote) };
        if payer.flags.has(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS) {
            verdict.add(Verdict::DEBITS_LIMITED);
        }
        if self.policies.is_empty() {
            return None;
        }
        let ledgers = [market.base_ledger, market.quote_ledger];
        self.policies.judge_order(ledgers, payer.policy, receiver.policy, command.header.timestamp)
    }
}
