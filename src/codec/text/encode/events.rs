//! Numbered events: what commands bring about besides their outcomes.

use super::json::{narrow, put, text, wide};
use super::names::KNOWN;
use ringfence_types::{
    CancelReason, Event, EventKind, OrderCancelled, SettledBy, Status, Trade, TransferEvent,
};

/// Appends the line of a numbered event.
///
/// # Panics
///
/// If it is the body of a look-up, or a number in it is unknown: only the engine writes them, and
/// the wire's decoder lets no others pass.
pub fn encode_event(event: &Event, out: &mut Vec<u8>) {
    wide(out, "{\"event\":", event.number);
    text(out, ",\"type\":", event.kind().name());
    wide(out, ",\"sequence\":", event.sequence);
    wide(out, ",\"timestamp\":", event.timestamp);
    match event.kind() {
        EventKind::TransferExpired => wide(out, ",\"id\":", event.body.transfer_event().id),
        EventKind::TransferSettled => {
            let TransferEvent { id, by, .. } = *event.body.transfer_event();
            wide(out, ",\"id\":", id);
            text(out, ",\"by\":", SettledBy::from_number(by).expect(KNOWN).name());
        }
        EventKind::TransferDropped => {
            let TransferEvent { id, status, .. } = *event.body.transfer_event();
            wide(out, ",\"id\":", id);
            text(out, ",\"status\":", Status::from_number(status).expect(KNOWN).name());
        }
        EventKind::Trade => {
            let trade: &Trade = event.body.trade();
            narrow(out, ",\"market\":", trade.market);
            wide(out, ",\"taker_order_id\":", trade.taker_order_id);
            wide(out, ",\"maker_order_id\":", trade.maker_order_id);
            wide(out, ",\"price\":", trade.price);
            wide(out, ",\"quantity\":", trade.quantity);
            wide(out, ",\"taker_fee\":", trade.taker_fee);
            wide(out, ",\"maker_fee\":", trade.maker_fee);
        }
        EventKind::OrderCancelled => {
            let OrderCancelled { id, reason, remaining, .. } = *event.body.cancellation();
            wide(out, ",\"id\":", id);
            text(out, ",\"reason\":", CancelReason::from_number(reason).expect(KNOWN).name());
            wide(out, ",\"remaining\":", remaining);
        }
        kind => unreachable!("{kind:?} is the body of a look-up"),
    }
    put(out, b"}\n");
}
