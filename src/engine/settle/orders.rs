//! Commands about markets and orders.

use super::emitter::Emitter;
use super::exchange::{Answer, Exchange};
use super::{Settle, outcome};
use crate::emit::{Emit, Paused};
use crate::ledger::Ledger;
use ringfence_types::{Command, EventBody, EventKind, Op, Outbox, Outcome, Side, Status, Verdict};

/// Places, amends or cancels an order.
#[inline]
pub(super) fn execute(
    ledger: &mut Ledger,
    exchange: &mut Exchange,
    command: &Command,
    verdict: &Verdict,
    hash: u32,
    emitter: &mut impl Emit,
) -> Result<Outcome, Paused> {
    let now = command.header.timestamp;
    let begun = if exchange.is_under_way() {
        None
    } else {
        match command.op() {
            Op::PlaceOrder => exchange.place(ledger, command, verdict, hash),
            Op::AmendOrder => exchange.amend(ledger, command.body.amendment(), hash, now),
            _ => Some(exchange.cancel(ledger, command.body.lookup().id, hash, now)),
        }
    };
    let answer = match begun {
        Some(answer) => answer,
        None => exchange.go_on(ledger, now, emitter)?,
    };
    Ok(outcome_of(command, &answer))
}

/// Shows an order.
pub(super) fn look_up_order<O: Outbox>(
    ledger: &Ledger,
    exchange: &mut Exchange,
    command: &Command,
    emitter: &mut Emitter<'_, O>,
) -> Result<Status, Paused> {
    emitter.make_sure_of_room()?;
    let id = command.body.lookup().id;
    let Some(order) = exchange.find_order(ledger, id, command.header.timestamp) else {
        return Ok(Status::OrderNotFound);
    };
    emitter.emit_body(EventKind::OrderBody, EventBody::of_order(order));
    Ok(Status::Found)
}

/// Shows a market and its best prices.
pub(super) fn look_up_market<O: Outbox>(
    exchange: &Exchange,
    bodies_emitted: &mut u8,
    verdict: &Verdict,
    emitter: &mut Emitter<'_, O>,
) -> Result<Status, Paused> {
    let index = verdict.market();
    if index == Verdict::NONE {
        return Ok(Status::MarketNotFound);
    }
    while *bodies_emitted < 3 {
        emitter.make_sure_of_room()?;
        let levels = |side| EventBody::of_levels(exchange.show_levels(index, side));
        let (kind, body) = match *bodies_emitted {
            0 => (EventKind::MarketBody, EventBody::of_market(exchange.show_market(index))),
            1 => (EventKind::BidsBody, levels(Side::Buy)),
            _ => (EventKind::AsksBody, levels(Side::Sell)),
        };
        emitter.emit_body(kind, body);
        *bodies_emitted += 1;
    }
    *bodies_emitted = 0;
    Ok(Status::Found)
}

impl Settle {
    /// Prefetches what an order that comes soon will touch.
    #[inline(always)]
    pub(super) fn prefetch_order(&self, command: &Command, verdict: &Verdict, hash: u32) {
        if command.op() == Op::PlaceOrder {
            let buys = command.body.order().side == Side::Buy as u8;
            let side = if buys { Side::Buy } else { Side::Sell };
            self.ledger.prefetch_balances(verdict.order().payer(side));
        } else {
            self.exchange.prefetch_record(hash);
        }
    }
}

#[inline(always)]
fn outcome_of(command: &Command, answer: &Answer) -> Outcome {
    let outcome = outcome(command, (answer.status, answer.timestamp));
    match answer.order {
        None => outcome,
        Some((status, filled, remaining)) => outcome.with_order(status, filled, remaining),
    }
}
