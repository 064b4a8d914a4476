//! Commands of which most have no id of their own, so that only a session keeps them from taking
//! effect twice.

use super::wire::{account, lookup, policy, transfer};
use rand::RngExt;
use rand_pcg::Pcg64;
use ringfence_types::{
    Account, AccountFlags, AmendOrder, Command, Market, PlaceOrder, RequeueTransfer, Side,
    TimeInForce, Transfer, TransferFlags,
};

/// The commands of one request: most kinds have no id of their own.
pub fn commands(session: u128, number: u64, random: &mut Pcg64) -> Vec<Command> {
    let id = session << 32 | u128::from(number) << 8;
    let length = random.random_range(1..20);
    let kind = random.random_range(0..6);
    let command = |index: u128| match kind {
        0 => transfer(id + index, 1),
        1 => policy(1),
        2 => lookup(2),
        3 => amendment((1 + number) ^ index as u64),
        4 => requeue(index.is_multiple_of(2)),
        _ => account(id + index),
    };
    (0..length).map(command).collect()
}

/// An order that amendments change.
const ORDER: u128 = 600;
/// A payment that waits in a queue.
const QUEUED: u128 = 700;

pub fn amendment(price: u64) -> Command {
    Command::amend_order(AmendOrder { id: ORDER, price, ..AmendOrder::default() })
}

fn requeue(is_urgent: bool) -> Command {
    let urgent = u8::from(is_urgent);
    Command::requeue_transfer(RequeueTransfer { id: QUEUED, urgent, ..RequeueTransfer::default() })
}

/// What these commands are about, one batch each.
pub fn beginning() -> [Vec<Command>; 4] {
    let on = |id, ledger, flags| {
        Command::create_account(Account { id, ledger, code: 1, flags, ..Account::default() })
    };
    let none = AccountFlags::default();
    let accounts = vec![
        account(1),
        account(2),
        account(3),
        on(4, 2, none),
        on(5, 2, none),
        on(6, 2, none),
        on(7, 1, AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS),
    ];
    let market = Market {
        base_account_id: 3,
        quote_account_id: 4,
        fee_account_id: 5,
        lot: 1,
        tick: 1,
        id: 1,
        base_ledger: 1,
        quote_ledger: 2,
        ..Market::default()
    };
    let order = PlaceOrder {
        id: ORDER,
        base_account_id: 1,
        quote_account_id: 6,
        price: 10,
        quantity: 100,
        market: 1,
        side: Side::Sell as u8,
        time_in_force: TimeInForce::Gtc as u8,
        ..PlaceOrder::default()
    };
    let queued = Transfer {
        id: QUEUED,
        debit_account_id: 7,
        credit_account_id: 2,
        amount: 5,
        ledger: 1,
        code: 1,
        flags: TransferFlags::QUEUE,
        ..Transfer::default()
    };
    [
        accounts,
        vec![Command::create_market(market)],
        vec![Command::place_order(order)],
        vec![Command::create_transfer(queued)],
    ]
}
