//! Holds of orders, and trades: money against money, both legs or none.
//!
//! A hold is pending on its owner's account as debit and on the market's as credit. A trade posts
//! from both holds at once:
//!
//! ```text
//!   seller's base  ──base──▶ buyer's base        out of the seller's hold
//!   buyer's quote  ──cost──▶ seller's quote      out of the buyer's hold
//!   both quotes    ──fees──▶ fee account
//! ```

use super::*;

/// An order's hold: pending as debit of its owner and as credit of its market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hold {
    /// Index of the account that pays.
    pub(crate) owner: u32,
    /// Index of the market's account.
    pub(crate) market: u32,
    /// Minor units.
    pub(crate) amount: u128,
}

/// The accounts between which a trade moves money, by index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TradeAccounts {
    pub(crate) seller_base: u32,
    pub(crate) seller_quote: u32,
    pub(crate) buyer_base: u32,
    pub(crate) buyer_quote: u32,
    pub(crate) market_base: u32,
    pub(crate) market_quote: u32,
    pub(crate) fee: u32,
}

/// What a trade moves, in minor units.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TradeAmounts {
    /// From seller to buyer, on the base ledger; leaves the seller's hold.
    pub(crate) base: u128,
    /// From buyer to seller, on the quote ledger.
    pub(crate) cost: u128,
    /// From the buyer's quote account to the fee account.
    pub(crate) buyer_fee: u128,
    /// From the seller's quote account to the fee account.
    pub(crate) seller_fee: u128,
    /// What leaves the buyer's hold: at least cost and fee.
    pub(crate) buyer_held: u128,
}

impl Ledger {
    /// True if an account is closed.
    #[inline(always)]
    pub(crate) fn is_closed(&self, index: u32) -> bool {
        self.accounts.is_closed(index)
    }

    /// The id of an account.
    pub(crate) fn account_id(&self, index: u32) -> u128 {
        self.accounts.id(index)
    }

    /// Prefetches the balances of an account.
    #[inline(always)]
    pub(crate) fn prefetch_balances(&self, index: u32) {
        self.accounts.prefetch(index);
    }

    /// Checks that `hold` can be taken once `freed` units of the same two accounts' holds are
    /// released.
    ///
    /// # Errors
    ///
    /// `overflows_debits_pending` up to `overflows_credits`.
    #[inline]
    pub(crate) fn check_hold(&self, hold: &Hold, freed: u128) -> Result<(), Status> {
        let owner = self.accounts.balances(hold.owner);
        let market = self.accounts.balances(hold.market);
        let debits_pending = (owner.debits_pending - freed)
            .checked_add(hold.amount)
            .ok_or(Status::OverflowsDebitsPending)?;
        let credits_pending = (market.credits_pending - freed)
            .checked_add(hold.amount)
            .ok_or(Status::OverflowsCreditsPending)?;
        if debits_pending.checked_add(owner.debits_posted).is_none() {
            return Err(Status::OverflowsDebits);
        }
        if credits_pending.checked_add(market.credits_posted).is_none() {
            return Err(Status::OverflowsCredits);
        }
        Ok(())
    }

    /// True if a hold that passed [`Ledger::check_hold`] takes more than its owner has.
    #[inline]
    pub(crate) fn exceeds_credits(&self, hold: &Hold, freed: u128) -> bool {
        let owner = self.accounts.balances(hold.owner);
        owner.debits_pending - freed + hold.amount + owner.debits_posted > owner.credits_posted
    }

    /// Takes a hold that passed [`Ledger::check_hold`], in place of one of `freed` units.
    #[inline]
    pub(crate) fn take_hold(&mut self, hold: &Hold, freed: u128) {
        self.change(hold.owner, |balances| {
            balances.debits_pending = balances.debits_pending - freed + hold.amount;
        });
        self.change(hold.market, |balances| {
            balances.credits_pending = balances.credits_pending - freed + hold.amount;
        });
        if freed > hold.amount {
            self.schedule(hold.owner);
        }
    }

    /// Releases a hold, or a part of one.
    #[inline]
    pub(crate) fn release_hold(&mut self, hold: &Hold) {
        self.take_hold(&Hold { amount: 0, ..*hold }, hold.amount);
    }

    /// True if `fees` more would overflow the fee account, when `held` units leave the holds of
    /// buyers.
    #[inline]
    pub(crate) fn fees_overflow(&self, accounts: &TradeAccounts, fees: u128, held: u128) -> bool {
        let fee = self.accounts.balances(accounts.fee);
        // A market's quote account may be its fee account too.
        let held = if accounts.fee == accounts.market_quote { held } else { 0 };
        let (pending, more) = match fee.credits_pending.checked_sub(held) {
            Some(pending) => (pending, fees),
            None => (0, fees.saturating_sub(held - fee.credits_pending)),
        };
        (pending + fee.credits_posted).checked_add(more).is_none()
    }

    /// True if `credits` and `debits` more, posted, would overflow an account.
    #[inline]
    pub(crate) fn would_overflow(&self, index: u32, credits: u128, debits: u128) -> bool {
        let balances = self.accounts.balances(index);
        let credited = balances.credits_pending + balances.credits_posted;
        let debited = balances.debits_pending + balances.debits_posted;
        credited.checked_add(credits).is_none() || debited.checked_add(debits).is_none()
    }

    /// Adds to the posted balances of an account, or with `back` subtracts again. For look-aheads,
    /// which undo all that they add.
    pub(crate) fn lend(&mut self, index: u32, credits: u128, debits: u128, back: bool) {
        let balances = self.accounts.balances_mut(index);
        let change = if back { u128::wrapping_sub } else { u128::wrapping_add };
        balances.credits_posted = change(balances.credits_posted, credits);
        balances.debits_posted = change(balances.debits_posted, debits);
    }

    /// Executes a trade that overflows nothing.
    #[inline]
    pub(crate) fn trade(&mut self, accounts: &TradeAccounts, amounts: &TradeAmounts) {
        let TradeAmounts { base, cost, buyer_fee, seller_fee, buyer_held } = *amounts;
        debug_assert!(buyer_held >= cost + buyer_fee, "a hold pays for its trades");
        self.change(accounts.seller_base, |balances| {
            balances.debits_pending -= base;
            balances.debits_posted += base;
        });
        self.change(accounts.market_base, |balances| balances.credits_pending -= base);
        self.change(accounts.buyer_base, |balances| balances.credits_posted += base);
        self.change(accounts.buyer_quote, |balances| {
            balances.debits_pending -= buyer_held;
            balances.debits_posted += cost + buyer_fee;
        });
        self.change(accounts.market_quote, |balances| balances.credits_pending -= buyer_held);
        self.change(accounts.seller_quote, |balances| {
            balances.credits_posted += cost;
            balances.debits_posted += seller_fee;
        });
        let fees = buyer_fee + seller_fee;
        if fees != 0 {
            self.change(accounts.fee, |balances| balances.credits_posted += fees);
        }
        // What the seller's base account has to spend stays the same: it pays what it held.
        if base != 0 {
            self.schedule(accounts.buyer_base);
        }
        if buyer_held > cost + buyer_fee {
            self.schedule(accounts.buyer_quote);
        }
        if cost > seller_fee {
            self.schedule(accounts.seller_quote);
        }
        if fees != 0 {
            self.schedule(accounts.fee);
        }
    }
}
