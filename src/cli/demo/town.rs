//! The accounts of a small town: its shops, its bank, and an office that changes money.

use ringfence_types::{
    Account, AccountFlags, AccountPolicy, Command, Market, PolicyLimits, Transfer,
};

/// Ledgers: cents of euros and of dollars.
pub(super) const EUR: u32 = 978;
pub(super) const USD: u32 = 840;
/// The town's only market: lots of 100 dollars for euros.
pub(super) const MARKET: u32 = 1;
/// Euro cents for a lot of dollars, in the middle.
pub(super) const PRICE: u64 = 9_210;

/// The account that money comes from: it may owe any sum.
pub(super) const BANK: u128 = 1;
pub(super) const BANK_USD: u128 = 2;
/// Counterparties of the market's holds, and who gets its fees.
const EXCHANGE: [(u128, &str, u32); 3] =
    [(3, "Exchange USD", USD), (4, "Exchange EUR", EUR), (5, "Exchange fees", EUR)];
/// The first shop; the others follow.
const FIRST_SHOP: u128 = 101;
/// The first dollar account; those of the other traders follow.
const FIRST_TRADER_USD: u128 = 201;
/// What a shop begins with, in cents.
const FLOAT: u128 = 250_000;

/// Names have at most 16 letters: they are the 128 bits of `user_data_128`.
const SHOPS: [&str; 16] = [
    "Bakery Huber",
    "Old Mill Cafe",
    "Book Corner",
    "Garden Centre",
    "Flower Stall",
    "Fish & Chips",
    "Bike Repairs",
    "Wool & Yarn",
    "Corner Pharmacy",
    "Village Cinema",
    "Town Brewery",
    "River Ferry",
    "Harbour Hotel",
    "Wine Imports",
    "Toy Box",
    "Music School",
];

/// Shops that also have dollars: they change money.
const TRADERS: [usize; 2] = [12, 13];
/// The shop whose payments have a limit, in cents.
pub(super) const LIMITED: usize = 14;
const LIMIT: u128 = 5_000;
/// The shop whose payments wait for money.
pub(super) const WAITING: usize = 15;
/// Shops that pay at once.
pub(super) const PAYING: usize = 15;

/// The account of a shop.
pub(super) fn shop(index: usize) -> u128 {
    FIRST_SHOP + index as u128
}

/// Dollar account and euro account of a trader.
pub(super) fn trader(index: usize) -> (u128, u128) {
    (FIRST_TRADER_USD + index as u128, shop(TRADERS[index]))
}

/// The commands that found the town, batches of one operation each. Given again, they change
/// nothing.
pub(super) fn founding() -> [Vec<Command>; 4] {
    let limited = AccountPolicy {
        account_id: shop(LIMITED),
        debit_amount_max: LIMIT,
        limits: PolicyLimits::DEBIT_AMOUNT_MAX,
        ..AccountPolicy::default()
    };
    [
        accounts(),
        vec![Command::create_market(market())],
        vec![Command::set_account_policy(limited)],
        floats(),
    ]
}

fn accounts() -> Vec<Command> {
    let limited = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
    let open = [(BANK, "Town Bank", EUR), (BANK_USD, "Town Bank USD", USD)];
    let open = open.into_iter().chain(EXCHANGE);
    let open = open.map(|(id, name, ledger)| account(id, name, ledger, AccountFlags::NONE));
    let shops = SHOPS.iter().zip(0..);
    let shops = shops.map(|(name, index)| account(shop(index), name, EUR, limited));
    let traders = (0..TRADERS.len()).map(|index| {
        let name = format!("{} $", SHOPS[TRADERS[index]]);
        account(trader(index).0, &name, USD, limited)
    });
    open.chain(shops).chain(traders).collect()
}

fn account(id: u128, name: &str, ledger: u32, flags: AccountFlags) -> Command {
    let user_data_128 = text(name);
    Command::create_account(Account {
        id,
        user_data_128,
        ledger,
        code: 1,
        flags,
        ..Account::default()
    })
}

/// A short text as a number: its bytes, the first in the highest bits.
fn text(text: &str) -> u128 {
    assert!(text.len() <= 16, "{text} is longer than 128 bits");
    text.bytes().fold(0, |number, byte| number << 8 | u128::from(byte))
}

fn market() -> Market {
    let [(base_account_id, ..), (quote_account_id, ..), (fee_account_id, ..)] = EXCHANGE;
    Market {
        id: MARKET,
        base_ledger: USD,
        quote_ledger: EUR,
        lot: 10_000,
        tick: 1,
        base_account_id,
        quote_account_id,
        fee_account_id,
        maker_fee: 1,
        taker_fee: 4,
        ..Market::default()
    }
}

/// What everybody begins with. The shop whose payments wait begins with nothing.
fn floats() -> Vec<Command> {
    let shops = (0..PAYING).map(|index| (BANK, shop(index), EUR));
    let traders = (0..TRADERS.len()).flat_map(|index| {
        let (dollars, euros) = trader(index);
        [(BANK_USD, dollars, USD), (BANK, euros, EUR)]
    });
    let payments = shops.chain(traders).zip(1..);
    let payment = |((debit_account_id, credit_account_id, ledger), id)| {
        // Those who change money need more of it.
        let amount = if id > PAYING as u128 { 40 * FLOAT } else { FLOAT };
        Command::create_transfer(Transfer {
            id,
            debit_account_id,
            credit_account_id,
            amount,
            ledger,
            code: 1,
            ..Transfer::default()
        })
    };
    payments.map(payment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_are_read_from_the_first_letter() {
        assert_eq!(text("AB"), 0x4142);
        assert_eq!(founding()[0].len(), 2 + EXCHANGE.len() + SHOPS.len() + TRADERS.len());
    }
}
