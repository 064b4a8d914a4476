//! A market and what surrounds an order in it: accounts, balances, policies, the other side of the
//! book.
//!
//! ```text
//!   ledger 1 (base)    1 pays the market  3 funds  5 is paid    11 market         101 owner  201, 501 others
//!   ledger 2 (quote)   2 pays the market  4 funds  6 is paid    12 market 13 fee  102 owner  202, 502 others
//! ```
//!
//! A lot is 10 base units, a step of price 2 quote units a lot; a lot costs the maker 1 and the
//! taker 3.

use ringfence::types::{
    AMOUNT_MAX, Account, AccountFlags, AccountPolicy, Command, LedgerPolicy, Market,
    NANOSECONDS_PER_SECOND, PlaceOrder, SECONDS_PER_DAY, Side, Status, TIMESTAMP_MAX, Transfer,
    TransferFlags,
};
use tools::script::{account, transfer};

use super::scene::{IdCheck, Prologue};

pub(crate) const LOT: u128 = 10;
pub(crate) const TICK: u128 = 2;
pub(crate) const TAKER_FEE: u128 = 3;

/// A price at which as many lots as there can be hold 2^128 − 2^65 + 1 quote units.
pub(crate) const HIGH_PRICE: u64 = (1 << 63) - 2;
/// The least amount that does not fit on top of such a hold.
pub(crate) const TOO_MUCH: u128 = 1 << 65;

/// Debits of one of the owner's accounts, or credits of one of the market's.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moved {
    pub(crate) pending: u128,
    pub(crate) posted: u128,
}

/// What surrounds an order.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Floor {
    /// Whether the owner's accounts must not pay more than they have. They have what they need for
    /// what happens before the event.
    pub(crate) is_limited: bool,
    pub(crate) owner_base: Moved,
    pub(crate) owner_quote: Moved,
    pub(crate) market_base: Moved,
    pub(crate) market_quote: Moved,
    pub(crate) is_base_closed: bool,
    pub(crate) is_quote_closed: bool,
    pub(crate) is_market_closed: bool,
    pub(crate) is_ledger_halted: bool,
    pub(crate) is_ledger_closed: bool,
    /// Of both of the owner's accounts.
    pub(crate) frozen: u8,
    pub(crate) is_end_of_time: bool,
    pub(crate) id_check: IdCheck,
}

/// An order to sell a lot for 10 steps.
pub(crate) fn sell(id: u128, owner: u128) -> PlaceOrder {
    PlaceOrder {
        id,
        market: 1,
        side: Side::Sell as u8,
        base_account_id: owner * 100 + 1,
        quote_account_id: owner * 100 + 2,
        price: 10,
        quantity: 1,
        ..PlaceOrder::default()
    }
}

/// What an order with a price holds on the base and on the quote ledger.
pub(crate) fn held(order: &PlaceOrder) -> [u128; 2] {
    let lots = u128::from(order.quantity);
    if order.side == Side::Sell as u8 {
        [lots * LOT, 0]
    } else {
        [0, lots * (u128::from(order.price) * TICK + TAKER_FEE)]
    }
}

/// A balance on top of which nothing above 5 fits.
pub(crate) const NEARLY_ALL: u128 = AMOUNT_MAX - 5;

/// What the orders of [`Floor::fill_book`] hold on the market's base account.
const BOOK_HELD: u128 = 100 * LOT;

/// Moves money on a ledger.
fn pay(
    prologue: &mut Prologue,
    ledger: u32,
    [debit_account_id, credit_account_id]: [u128; 2],
    amount: u128,
    flags: TransferFlags,
) {
    if amount > 0 {
        let id = 10_000 + u128::from(prologue.known_count);
        let moved =
            Transfer { debit_account_id, credit_account_id, amount, ledger, flags, ..transfer(id) };
        prologue.says(moved, Status::Created);
    }
}

impl Floor {
    /// The same, where balances that are nearly full are so together with what is `held`.
    pub(crate) fn beside(mut self, held: [u128; 2]) -> Floor {
        for (moved, held) in
            [(&mut self.owner_base, held[0]), (&mut self.market_base, held[0] + BOOK_HELD)]
        {
            moved.pending = moved.pending.min(NEARLY_ALL - held);
            moved.posted = moved.posted.min(NEARLY_ALL - held);
        }
        self
    }

    /// Accounts and the market; the owner has money for holds of `held`, and for what it pays.
    pub(crate) fn open(&self, prologue: &mut Prologue, held: [u128; 2]) {
        prologue.at_ns(1_000);
        let limits = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
        let owner = if self.is_limited { limits } else { AccountFlags::NONE };
        let only_credits = AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS;
        for (ids, ledger, flags) in [
            ([1, 3, 5, 11, 201, 301, 501].as_slice(), 1, AccountFlags::NONE),
            (&[2, 4, 6, 12, 13, 202, 302, 502], 2, AccountFlags::NONE),
            (&[101], 1, owner),
            (&[102], 2, owner),
            (&[401], 1, only_credits),
            (&[402], 2, only_credits),
        ] {
            for &id in ids {
                prologue.says(Account { ledger, flags, ..account(id) }, Status::Created);
            }
        }
        let market = Market {
            id: 1,
            base_ledger: 1,
            quote_ledger: 2,
            lot: LOT as u64,
            tick: TICK as u64,
            base_account_id: 11,
            quote_account_id: 12,
            fee_account_id: 13,
            maker_fee: 1,
            taker_fee: TAKER_FEE as u64,
            ..Market::default()
        };
        prologue.says(Command::create_market(market), Status::Created);
        let Moved { pending, posted } = self.owner_base;
        pay(prologue, 1, [3, 101], held[0] + pending + posted, TransferFlags::NONE);
        let Moved { pending, posted } = self.owner_quote;
        pay(prologue, 2, [4, 102], held[1] + pending + posted, TransferFlags::NONE);
    }

    /// Orders of another owner: 100 lots are bought for 5 steps each, and sold for 20.
    pub(crate) fn fill_book(prologue: &mut Prologue) {
        let bid = PlaceOrder { side: Side::Buy as u8, price: 5, quantity: 100, ..sell(501, 2) };
        prologue.says(Command::place_order(bid), Status::Created);
        let ask = PlaceOrder { price: 20, quantity: 100, ..sell(502, 2) };
        prologue.says(Command::place_order(ask), Status::Created);
    }

    /// What happens before the event, once its original or its order is placed.
    pub(crate) fn prepare(&self, prologue: &mut Prologue) {
        prologue.at_ns(10_000);
        for (ledger, accounts, Moved { pending, posted }) in [
            (1, [101, 5], self.owner_base),
            (2, [102, 6], self.owner_quote),
            (1, [1, 11], self.market_base),
            (2, [2, 12], self.market_quote),
        ] {
            pay(prologue, ledger, accounts, pending, TransferFlags::PENDING);
            pay(prologue, ledger, accounts, posted, TransferFlags::NONE);
        }
        for (is_closed, id, bank, ledger) in [
            (self.is_base_closed, 101, 5, 1),
            (self.is_quote_closed, 102, 6, 2),
            (self.is_market_closed, 13, 6, 2),
        ] {
            if is_closed {
                let closing = Transfer {
                    debit_account_id: id,
                    credit_account_id: bank,
                    amount: 0,
                    ledger,
                    flags: TransferFlags::PENDING.with(TransferFlags::CLOSING_DEBIT),
                    ..transfer(20_000 + id)
                };
                prologue.says(closing, Status::Created);
            }
        }
        for account_id in [101, 102] {
            let policy = AccountPolicy { account_id, frozen: self.frozen, ..Default::default() };
            prologue.says(policy, Status::Ok);
        }
        let late = TIMESTAMP_MAX - NANOSECONDS_PER_SECOND;
        let now = self.id_check.now(if self.is_end_of_time { late } else { 1_000_000 });
        let mut hours = LedgerPolicy { ledger: 1, ..LedgerPolicy::default() };
        hours.halted = u8::from(self.is_ledger_halted);
        if self.is_ledger_closed {
            let second = (now / NANOSECONDS_PER_SECOND % u64::from(SECONDS_PER_DAY)) as u32;
            hours.open_second = (second + 1) % SECONDS_PER_DAY;
            hours.close_second = (second + 2) % SECONDS_PER_DAY;
        }
        prologue.says(hours, Status::Ok);
        prologue.at_ns(now);
    }
}
