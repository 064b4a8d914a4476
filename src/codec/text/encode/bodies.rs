//! What look-ups find: accounts, transfers, orders, markets, queues.

use super::json::{narrow, number, put, text, wide};
use super::names::{KNOWN, account_flags, side, time_in_force, transfer_flags};
use ringfence_types::{
    Account, Event, EventKind, LevelsBody, Market, OrderBody, OrderStatus, PendingStatus,
    QueueBody, QueueStatus, TransferBody,
};

/// Appends what a look-up found to the line of its outcome. The body of a market opens an object
/// that its asks, the last of three events, close.
pub(super) fn body(event: &Event, out: &mut Vec<u8>) {
    match event.kind() {
        EventKind::AccountBody => {
            put(out, br#","account":"#);
            encode_account(event.body.account(), out);
        }
        EventKind::TransferBody => {
            put(out, br#","transfer":"#);
            transfer(event.body.transfer(), out);
        }
        EventKind::OrderBody => order(event.body.order(), out),
        EventKind::MarketBody => {
            let body = event.body.market();
            market(&body.market, out);
            wide(out, ",\"timestamp\":", body.timestamp);
        }
        EventKind::BidsBody => levels(",\"bids\":[", event.body.levels(), out),
        EventKind::AsksBody => {
            levels(",\"asks\":[", event.body.levels(), out);
            put(out, b"}");
        }
        EventKind::QueueBody => {
            let QueueBody { amount, head_id, count, .. } = *event.body.queue();
            put(out, b",\"count\":");
            number(out, count);
            wide(out, ",\"amount\":", amount);
            wide(out, ",\"head_id\":", head_id);
        }
        kind => unreachable!("{kind:?} is not what a look-up finds"),
    }
}

fn order(body: &OrderBody, out: &mut Vec<u8>) {
    let order = &body.order;
    put(out, b",\"order\":{");
    wide(out, "\"id\":", order.id);
    narrow(out, ",\"market\":", order.market);
    text(out, ",\"side\":", side(order));
    text(out, ",\"time_in_force\":", time_in_force(order));
    put(out, if order.post_only == 0 { b",\"post_only\":false" } else { b",\"post_only\":true" });
    wide(out, ",\"base_account_id\":", order.base_account_id);
    wide(out, ",\"quote_account_id\":", order.quote_account_id);
    wide(out, ",\"price\":", order.price);
    wide(out, ",\"quantity\":", order.quantity);
    wide(out, ",\"budget\":", order.budget);
    narrow(out, ",\"timeout\":", order.timeout);
    wide(out, ",\"user_data_128\":", order.user_data_128);
    wide(out, ",\"timestamp\":", body.timestamp);
    let status = OrderStatus::from_number(body.order_status).expect(KNOWN);
    order_status(status, body.filled, body.remaining, out);
    put(out, b"}");
}

fn market(market: &Market, out: &mut Vec<u8>) {
    put(out, b",\"market\":{");
    narrow(out, "\"id\":", market.id);
    narrow(out, ",\"base_ledger\":", market.base_ledger);
    narrow(out, ",\"quote_ledger\":", market.quote_ledger);
    wide(out, ",\"lot\":", market.lot);
    wide(out, ",\"tick\":", market.tick);
    wide(out, ",\"base_account_id\":", market.base_account_id);
    wide(out, ",\"quote_account_id\":", market.quote_account_id);
    wide(out, ",\"fee_account_id\":", market.fee_account_id);
    wide(out, ",\"maker_fee\":", market.maker_fee);
    wide(out, ",\"taker_fee\":", market.taker_fee);
}

fn levels(opening: &str, body: &LevelsBody, out: &mut Vec<u8>) {
    put(out, opening.as_bytes());
    let mut key = "{\"price\":";
    for level in body.levels.iter().filter(|level| level.orders != 0) {
        wide(out, key, level.price);
        wide(out, ",\"quantity\":", level.quantity);
        put(out, b",\"orders\":");
        number(out, level.orders);
        put(out, b"}");
        key = ",{\"price\":";
    }
    put(out, b"]");
}

/// Appends `account` as look-ups show it: the object alone, no line end.
pub fn encode_account(account: &Account, out: &mut Vec<u8>) {
    put(out, b"{");
    wide(out, "\"id\":", account.id);
    wide(out, ",\"debits_pending\":", account.debits_pending);
    wide(out, ",\"debits_posted\":", account.debits_posted);
    wide(out, ",\"credits_pending\":", account.credits_pending);
    wide(out, ",\"credits_posted\":", account.credits_posted);
    wide(out, ",\"user_data_128\":", account.user_data_128);
    wide(out, ",\"user_data_64\":", account.user_data_64);
    narrow(out, ",\"user_data_32\":", account.user_data_32);
    narrow(out, ",\"ledger\":", account.ledger);
    narrow(out, ",\"code\":", account.code);
    put(out, b",\"flags\":");
    account_flags(account.flags, out);
    wide(out, ",\"timestamp\":", account.timestamp);
    put(out, b"}");
}

fn transfer(body: &TransferBody, out: &mut Vec<u8>) {
    let transfer = &body.transfer;
    put(out, b"{");
    wide(out, "\"id\":", transfer.id);
    wide(out, ",\"debit_account_id\":", transfer.debit_account_id);
    wide(out, ",\"credit_account_id\":", transfer.credit_account_id);
    wide(out, ",\"amount\":", transfer.amount);
    wide(out, ",\"pending_id\":", transfer.pending_id);
    wide(out, ",\"user_data_128\":", transfer.user_data_128);
    wide(out, ",\"user_data_64\":", transfer.user_data_64);
    narrow(out, ",\"user_data_32\":", transfer.user_data_32);
    narrow(out, ",\"timeout\":", transfer.timeout);
    narrow(out, ",\"ledger\":", transfer.ledger);
    narrow(out, ",\"code\":", transfer.code);
    put(out, b",\"flags\":");
    transfer_flags(transfer.flags, out);
    wide(out, ",\"timestamp\":", transfer.timestamp);
    if let Some(status) = PendingStatus::from_number(body.pending_status) {
        put(out, b",\"pending_status\":\"");
        put(out, status.name().as_bytes());
        put(out, b"\"");
    }
    if let Some(status) = QueueStatus::from_number(body.queue_status) {
        put(out, b",\"queue_status\":\"");
        put(out, status.name().as_bytes());
        put(out, b"\"");
    }
    put(out, b"}");
}

pub(super) fn order_status(status: OrderStatus, filled: u64, remaining: u64, out: &mut Vec<u8>) {
    text(out, ",\"order_status\":", status.name());
    wide(out, ",\"filled\":", filled);
    wide(out, ",\"remaining\":", remaining);
}
