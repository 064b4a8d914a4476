//! What risk found out about a command, for settle.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Side, Status};

/// Dense indices of what the command names, and what risk would refuse it with.
///
/// A verdict is not a status: settle puts `refusal` at its place in the precedence, so that
/// `exists` and `id_already_failed` come before it.
///
/// What the indices mean depends on the command. Each kind has a view: [`Verdict::transfer`],
/// [`Verdict::order`], [`Verdict::new_market`], [`Verdict::market`], [`Verdict::account`],
/// [`Verdict::new_policy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Verdict {
    first_index: u32,
    second_index: u32,
    /// A [`Status`] by its number, or 0: risk has no objection.
    refusal: u16,
    /// Zero, or more of what risk found, by the kind of command.
    detail: u16,
    third_index: u32,
}

const _: () = assert!(size_of::<Verdict>() == 16);

/// Indices of what a transfer names; each may be [`Verdict::NONE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferIndices {
    /// The account that pays.
    pub debit: u32,
    /// The account that receives.
    pub credit: u32,
    /// The spend window of the debit account.
    pub spend: u32,
}

/// Indices of what an order names; each may be [`Verdict::NONE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderIndices {
    /// The owner's account on the market's base ledger.
    pub base: u32,
    /// The owner's account on the market's quote ledger.
    pub quote: u32,
    /// The market.
    pub market: u32,
}

impl OrderIndices {
    /// The account that pays for an order on `side`: a buy is paid on the quote ledger.
    #[inline(always)]
    #[must_use]
    pub const fn payer(&self, side: Side) -> u32 {
        match side {
            Side::Buy => self.quote,
            Side::Sell => self.base,
        }
    }
}

/// Indices of the accounts of a market that comes into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewMarketIndices {
    /// The account on its base ledger.
    pub base: u32,
    /// The account on its quote ledger.
    pub quote: u32,
    /// The account that takes the fees.
    pub fee: u32,
}

impl Verdict {
    /// No such thing.
    pub const NONE: u32 = u32::MAX;

    /// Detail: the refusal comes before any look at the id, not after `id_already_failed`.
    pub const BEFORE_ID: u16 = 1 << 0;
    /// Detail: the debits of the account that pays must not exceed its credits.
    pub const DEBITS_LIMITED: u16 = 1 << 1;
    /// Detail: the credits of the account that receives must not exceed its debits.
    pub const CREDITS_LIMITED: u16 = 1 << 2;
    /// Detail: the debit account has a spend window.
    pub const SPEND_LIMITED: u16 = 1 << 3;
    /// Detail: the id that `create_account` repeats was taken by an earlier member of the same
    /// chain, which fails by this.
    const TAKEN_IN_CHAIN: u16 = 1 << 4;

    /// Nothing found, no objection.
    pub const EMPTY: Verdict = Verdict {
        first_index: Verdict::NONE,
        second_index: Verdict::NONE,
        refusal: 0,
        detail: 0,
        third_index: Verdict::NONE,
    };

    /// Nothing found, and this refusal.
    #[inline]
    #[must_use]
    pub const fn refused(status: Status) -> Verdict {
        Verdict { refusal: status as u16, ..Verdict::EMPTY }
    }

    /// Nothing found, and this refusal, before any look at the id.
    #[inline]
    #[must_use]
    pub const fn refused_before_id(status: Status) -> Verdict {
        Verdict { detail: Verdict::BEFORE_ID, ..Verdict::refused(status) }
    }

    /// The same with this refusal in place of an earlier one; `None` leaves that.
    #[inline(always)]
    pub fn refuse(&mut self, status: Option<Status>) {
        if let Some(status) = status {
            self.refusal = status as u16;
        }
    }

    /// True if risk would refuse the command.
    #[inline(always)]
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        self.refusal != 0
    }

    /// What risk would refuse with, if anything.
    ///
    /// # Panics
    ///
    /// If the number is none of a status: only risk writes it.
    #[inline]
    #[must_use]
    pub fn refusal(&self) -> Option<Status> {
        match self.refusal {
            0 => None,
            number => Some(Status::from_number(number).expect("risk writes only known statuses")),
        }
    }

    /// Adds a detail, one of the constants above.
    #[inline(always)]
    pub fn add(&mut self, detail: u16) {
        self.detail |= detail;
    }

    /// True if it has this detail.
    #[inline(always)]
    #[must_use]
    pub const fn has(&self, detail: u16) -> bool {
        self.detail & detail != 0
    }

    /// The verdict on a transfer.
    #[inline(always)]
    #[must_use]
    pub const fn of_transfer(indices: TransferIndices) -> Verdict {
        let TransferIndices { debit, credit, spend } = indices;
        Verdict { first_index: debit, second_index: credit, third_index: spend, ..Verdict::EMPTY }
    }

    /// Of a transfer: what it names.
    #[inline(always)]
    #[must_use]
    pub const fn transfer(&self) -> TransferIndices {
        let Verdict { first_index, second_index, third_index, .. } = *self;
        TransferIndices { debit: first_index, credit: second_index, spend: third_index }
    }

    /// Of a transfer: the spend window of its debit account is `spend`.
    #[inline(always)]
    pub fn limit_spending(&mut self, spend: u32) {
        self.detail |= Verdict::SPEND_LIMITED;
        self.third_index = spend;
    }

    /// The verdict on an order that is placed.
    #[inline(always)]
    #[must_use]
    pub const fn of_order(indices: OrderIndices) -> Verdict {
        let OrderIndices { base, quote, market } = indices;
        Verdict { first_index: base, second_index: quote, third_index: market, ..Verdict::EMPTY }
    }

    /// Of an order that is placed: what it names.
    #[inline(always)]
    #[must_use]
    pub const fn order(&self) -> OrderIndices {
        let Verdict { first_index, second_index, third_index, .. } = *self;
        OrderIndices { base: first_index, quote: second_index, market: third_index }
    }

    /// The verdict on a market that comes into being.
    #[must_use]
    pub const fn of_new_market(indices: NewMarketIndices) -> Verdict {
        let NewMarketIndices { base, quote, fee } = indices;
        Verdict { first_index: base, second_index: quote, third_index: fee, ..Verdict::EMPTY }
    }

    /// Of a market that comes into being: its accounts.
    #[must_use]
    pub const fn new_market(&self) -> NewMarketIndices {
        let Verdict { first_index, second_index, third_index, .. } = *self;
        NewMarketIndices { base: first_index, quote: second_index, fee: third_index }
    }

    /// The verdict on a command that names a market, which may be [`Verdict::NONE`].
    #[must_use]
    pub const fn of_market(market: u32) -> Verdict {
        Verdict { first_index: market, ..Verdict::EMPTY }
    }

    /// Of a look-up of a market, or a repeated `create_market`: the market there is.
    #[must_use]
    pub const fn market(&self) -> u32 {
        self.first_index
    }

    /// The verdict on a command that names an account, which may be [`Verdict::NONE`].
    #[inline]
    #[must_use]
    pub const fn of_account(account: u32) -> Verdict {
        Verdict { first_index: account, ..Verdict::EMPTY }
    }

    /// Of `create_account`, or a look-up of an account or of its queue: the account.
    #[inline]
    #[must_use]
    pub const fn account(&self) -> u32 {
        self.first_index
    }

    /// The verdict on a `create_account` whose id `account` has.
    #[must_use]
    pub const fn of_repeat(account: u32) -> Verdict {
        Verdict { first_index: account, ..Verdict::refused(Status::Exists) }
    }

    /// The verdict on a `create_account` whose id was taken by the command `distance` places before
    /// it, in the chain that fails by this.
    #[must_use]
    pub const fn of_repeat_in_chain(account: u32, distance: u32) -> Verdict {
        let detail = Verdict::TAKEN_IN_CHAIN;
        Verdict { detail, third_index: distance, ..Verdict::of_repeat(account) }
    }

    /// Of a repeated `create_account`: how many places before it the command stands that took its
    /// id, if that is in the same chain.
    #[must_use]
    pub const fn taken_in_chain(&self) -> Option<u32> {
        if self.has(Verdict::TAKEN_IN_CHAIN) { Some(self.third_index) } else { None }
    }

    /// The verdict on `set_account_policy`: the index of the account's policy, and so of its spend
    /// window, or [`Verdict::NONE`].
    #[must_use]
    pub const fn of_new_policy(policy: u32) -> Verdict {
        Verdict { third_index: policy, ..Verdict::EMPTY }
    }

    /// Of `set_account_policy`: the index of the spend window.
    #[must_use]
    pub const fn new_policy(&self) -> u32 {
        self.third_index
    }
}

impl Default for Verdict {
    fn default() -> Verdict {
        Verdict::EMPTY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_view_gives_what_its_verdict_was_made_of() {
        let transfer = TransferIndices { debit: 1, credit: 2, spend: Verdict::NONE };
        let mut verdict = Verdict::of_transfer(transfer);
        assert_eq!((verdict.transfer(), verdict.has(Verdict::SPEND_LIMITED)), (transfer, false));
        verdict.limit_spending(3);
        assert_eq!(verdict.transfer(), TransferIndices { spend: 3, ..transfer });
        assert!(verdict.has(Verdict::SPEND_LIMITED) && !verdict.is_refused());

        let order = OrderIndices { base: 4, quote: 5, market: 6 };
        assert_eq!(Verdict::of_order(order).order(), order);
        assert_eq!((order.payer(Side::Buy), order.payer(Side::Sell)), (5, 4));
        let market = NewMarketIndices { base: 7, quote: 8, fee: 9 };
        assert_eq!(Verdict::of_new_market(market).new_market(), market);
        assert_eq!(Verdict::of_market(10).market(), 10);
        assert_eq!(Verdict::of_account(11).account(), 11);
        assert_eq!(Verdict::of_new_policy(12).new_policy(), 12);

        let repeat = Verdict::of_repeat(13);
        assert_eq!((repeat.account(), repeat.refusal()), (13, Some(Status::Exists)));
        assert_eq!(repeat.taken_in_chain(), None);
        assert_eq!(Verdict::of_repeat_in_chain(14, 2).taken_in_chain(), Some(2));
        let refused = Verdict::refused_before_id(Status::ReservedFlag);
        assert!(refused.has(Verdict::BEFORE_ID) && refused.is_refused());
    }
}
