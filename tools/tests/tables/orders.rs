//! Markets and orders.

use ringfence::types::{
    Account, AccountFlags, AmendOrder, Command, Lookup, Market, Op, OrderStatus, PlaceOrder, Side,
    Status, TimeInForce, Transfer,
};
use tools::script::{Script, account, transfer};

use OrderStatus::{Cancelled, Filled, Open};

const SECOND: u64 = 1_000_000_000;

/// Ledger 1 is sold for money of ledger 2, ten units a lot, two for a step of price.
fn market() -> Market {
    Market {
        id: 1,
        base_ledger: 1,
        quote_ledger: 2,
        lot: 10,
        tick: 2,
        base_account_id: 91,
        quote_account_id: 92,
        fee_account_id: 93,
        maker_fee: 1,
        taker_fee: 3,
        ..Market::default()
    }
}

fn of_ledger(ledger: u32, id: u128) -> Account {
    Account { ledger, ..account(id) }
}

fn limited(ledger: u32, id: u128) -> Account {
    let flags = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
    Account { flags, ..of_ledger(ledger, id) }
}

/// Three owners, 11 and 12, 21 and 22, 31 and 32, each with 1000 of both ledgers, limited.
fn traders() -> Script {
    let mut script = Script::new()
        .says(of_ledger(1, 91), Status::Created)
        .says(of_ledger(2, 92), Status::Created)
        .says(of_ledger(2, 93), Status::Created)
        .says(of_ledger(1, 81), Status::Created)
        .says(of_ledger(2, 82), Status::Created)
        .says(Command::create_market(market()), Status::Created);
    for owner in 1..=3 {
        for ledger in 1..=2 {
            let id = 10 * owner + u128::from(ledger);
            let fund = Transfer {
                debit_account_id: 80 + u128::from(ledger),
                credit_account_id: id,
                amount: 1_000,
                ledger,
                ..transfer(id)
            };
            script = script.says(limited(ledger, id), Status::Created).says(fund, Status::Created);
        }
    }
    script
}

/// An order of owner 1, 2 or 3.
fn order(id: u128, owner: u128, side: Side, quantity: u64, price: u64) -> PlaceOrder {
    PlaceOrder {
        id,
        market: 1,
        side: side as u8,
        base_account_id: 10 * owner + 1,
        quote_account_id: 10 * owner + 2,
        price,
        quantity,
        ..PlaceOrder::default()
    }
}

fn place(order: PlaceOrder) -> Command {
    Command::place_order(order)
}

fn buy(id: u128, owner: u128, quantity: u64, price: u64) -> Command {
    place(order(id, owner, Side::Buy, quantity, price))
}

fn sell(id: u128, owner: u128, quantity: u64, price: u64) -> Command {
    place(order(id, owner, Side::Sell, quantity, price))
}

fn with(order: PlaceOrder, time_in_force: TimeInForce) -> PlaceOrder {
    PlaceOrder { time_in_force: time_in_force as u8, ..order }
}

fn cancel(id: u128) -> Command {
    Command::of_lookup(Op::CancelOrder, Lookup { id, ..Lookup::default() })
}

fn amend(id: u128, price: u64, quantity: u64) -> Command {
    Command::amend_order(AmendOrder { id, price, quantity, ..AmendOrder::default() })
}

#[test]
fn a_trade_moves_both_legs_and_both_fees_and_gives_back_what_was_held_too_much() {
    traders()
        .says(sell(1, 1, 5, 10), Status::Created)
        .holds(11, [50, 0, 0, 1_000])
        .holds(91, [0, 0, 50, 0])
        .says(buy(2, 2, 3, 12), Status::Created)
        // 3 lots at 10: 30 base, 60 quote; 9 from the taker, 3 from the maker.
        .tells(&["trade 2 with 1: 3 at 10, fees 9 and 3"])
        .has_order(2, Filled, 3, 0)
        .has_order(1, Open, 3, 2)
        .holds(11, [20, 30, 0, 1_000])
        .holds(12, [0, 3, 0, 1_060])
        .holds(21, [0, 0, 0, 1_030])
        .holds(22, [0, 69, 0, 1_000])
        .holds(93, [0, 0, 0, 12])
        .holds(91, [0, 0, 20, 0])
        .holds(92, [0, 0, 0, 0])
        .has_levels(1, &[], &[[10, 2, 1]])
        .run("trade");
}

#[test]
fn the_best_price_goes_first_and_at_one_price_the_oldest() {
    traders()
        .says(sell(1, 1, 1, 12), Status::Created)
        .says(sell(2, 1, 1, 11), Status::Created)
        .says(sell(3, 3, 1, 11), Status::Created)
        .says(sell(4, 3, 1, 10), Status::Created)
        .has_levels(1, &[], &[[10, 1, 1], [11, 2, 2], [12, 1, 1]])
        .says(buy(5, 2, 9, 11), Status::Created)
        .tells(&[
            "trade 5 with 4: 1 at 10, fees 3 and 1",
            "trade 5 with 2: 1 at 11, fees 3 and 1",
            "trade 5 with 3: 1 at 11, fees 3 and 1",
        ])
        .has_order(5, Open, 3, 6)
        // What rests holds 6 × (11 × 2 + 3).
        .holds(22, [150, 73, 0, 1_000])
        .has_levels(1, &[[11, 6, 1]], &[[12, 1, 1]])
        .run("priority");
}

#[test]
fn each_time_in_force_ends_in_its_way() {
    let start = || traders().says(sell(1, 1, 3, 10), Status::Created);
    let taker = order(2, 2, Side::Buy, 5, 10);
    start()
        .says(place(with(taker, TimeInForce::Ioc)), Status::Created)
        .tells(&["trade 2 with 1: 3 at 10, fees 9 and 3"])
        .has_order(2, Cancelled, 3, 2)
        .holds(22, [0, 69, 0, 1_000])
        .run("ioc");
    start()
        .says(place(with(taker, TimeInForce::Fok)), Status::WouldNotFill)
        .tells(&[])
        .holds(22, [0, 0, 0, 1_000])
        .says(place(with(taker, TimeInForce::Fok)), Status::IdAlreadyFailed)
        .says(
            place(with(PlaceOrder { id: 3, quantity: 3, ..taker }, TimeInForce::Fok)),
            Status::Created,
        )
        .has_order(3, Filled, 3, 0)
        .run("fok");
    let budget = |id, amount| {
        with(
            PlaceOrder { id, quantity: 3, price: 0, budget: amount, ..taker },
            TimeInForce::FokBudget,
        )
    };
    start()
        .says(place(budget(3, 68)), Status::WouldNotFill)
        .says(place(budget(4, 70)), Status::Created)
        .tells(&["trade 4 with 1: 3 at 10, fees 9 and 3"])
        .holds(22, [0, 69, 0, 1_000])
        .run("fok_budget");
    let post_only = |id, price| PlaceOrder { id, price, post_only: 1, ..taker };
    start()
        .says(place(post_only(3, 10)), Status::WouldTake)
        .says(place(post_only(4, 9)), Status::Created)
        .has_levels(1, &[[9, 5, 1]], &[[10, 3, 1]])
        .run("post_only");
}

#[test]
fn nobody_trades_with_oneself_or_with_a_closed_account() {
    traders()
        .says(sell(1, 2, 3, 10), Status::Created)
        .says(sell(2, 1, 3, 10), Status::Created)
        .says(buy(3, 2, 4, 10), Status::Created)
        .tells(&["order_cancelled 1 self_trade 3", "trade 3 with 2: 3 at 10, fees 9 and 3"])
        .has_order(1, Cancelled, 0, 3)
        .has_levels(1, &[[10, 1, 1]], &[])
        .run("self trade");
    traders()
        .says(sell(1, 2, 3, 10), Status::Created)
        .says(place(PlaceOrder { post_only: 1, ..order(3, 2, Side::Buy, 4, 10) }), Status::Created)
        .tells(&["order_cancelled 1 self_trade 3"])
        .has_order(3, Open, 0, 4)
        .run("post_only meets its own");
    let close = Transfer {
        id: 500,
        debit_account_id: 11,
        credit_account_id: 81,
        amount: 0,
        flags: ringfence::types::TransferFlags::PENDING
            .with(ringfence::types::TransferFlags::CLOSING_DEBIT),
        ..transfer(500)
    };
    traders()
        .says(sell(1, 1, 3, 10), Status::Created)
        .says(close, Status::Created)
        .says(sell(2, 1, 3, 10), Status::BaseAccountAlreadyClosed)
        .says(buy(3, 2, 4, 10), Status::Created)
        .tells(&["order_cancelled 1 account_closed 3"])
        .run("closed");
}

#[test]
fn orders_are_cancelled_amended_and_expire() {
    traders()
        .says(sell(1, 1, 5, 10), Status::Created)
        .says(sell(2, 3, 5, 10), Status::Created)
        .says(amend(1, 0, 5), Status::QuantityMustBeLower)
        .says(amend(1, 10, 0), Status::NothingToAmend)
        .says(amend(7, 10, 0), Status::OrderNotFound)
        .says(amend(1, 0, 2), Status::Ok)
        .holds(11, [20, 0, 0, 1_000])
        // It has kept its place.
        .says(buy(3, 2, 3, 10), Status::Created)
        .tells(&["trade 3 with 1: 2 at 10, fees 6 and 2", "trade 3 with 2: 1 at 10, fees 3 and 1"])
        .says(amend(1, 0, 1), Status::OrderAlreadyFilled)
        .says(cancel(1), Status::OrderAlreadyFilled)
        .says(cancel(2), Status::Ok)
        .has_order(2, Cancelled, 1, 4)
        .says(cancel(2), Status::OrderAlreadyCancelled)
        .says(cancel(99), Status::OrderNotFound)
        .run("cancelled and amended");
    traders()
        .says(sell(1, 1, 5, 10), Status::Created)
        .says(buy(2, 2, 5, 8), Status::Created)
        .holds(22, [95, 0, 0, 1_000])
        .says(amend(2, 10, 4), Status::Ok)
        .tells(&["trade 2 with 1: 4 at 10, fees 12 and 4"])
        .has_order(2, Filled, 4, 0)
        .holds(22, [0, 92, 0, 1_000])
        .run("another price");
    traders()
        .at_second(1)
        .says(place(PlaceOrder { timeout: 1, ..order(1, 1, Side::Sell, 5, 10) }), Status::Created)
        .at_ns(2 * SECOND - 1)
        .says(Command::pulse(), Status::Ok)
        .tells(&[])
        .says(Command::pulse(), Status::Ok)
        .tells(&["order_cancelled 1 expired 5"])
        .holds(11, [0, 0, 0, 1_000])
        .run("expired");
}

#[test]
fn a_repeat_answers_with_what_became_of_the_order() {
    let first = order(1, 1, Side::Sell, 5, 10);
    traders()
        .says(place(first), Status::Created)
        .says(amend(1, 11, 4), Status::Ok)
        .says(place(first), Status::Exists)
        .says(
            place(PlaceOrder { price: 11, quantity: 4, ..first }),
            Status::ExistsWithDifferentFields,
        )
        .says(Command::create_market(market()), Status::Exists)
        .says(
            Command::create_market(Market { lot: 9, ..market() }),
            Status::ExistsWithDifferentFields,
        )
        .run("repeats");
}
