//! Commands about markets and orders, as the stage runs them.

use super::exchange::Answer;
use super::*;

/// Places, amends or cancels an order. `None`: nothing more can be told; called again, it goes on
/// from there.
#[inline]
pub(super) fn settle<O: Outbox>(
    ledger: &mut Ledger,
    exchange: &mut Exchange,
    command: &Command,
    verdict: &Verdict,
    hash: u32,
    teller: &mut Teller<'_, O>,
) -> Option<Outcome> {
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
        None => exchange.go_on(ledger, now, teller)?,
    };
    Some(outcome_of(command, &answer))
}

/// Shows an order. `None`: there is no room for its body.
pub(super) fn look_up_order<O: Outbox>(
    ledger: &Ledger,
    exchange: &mut Exchange,
    command: &Command,
    teller: &mut Teller<'_, O>,
) -> Option<Status> {
    if !teller.may_tell() {
        return None;
    }
    let id = command.body.lookup().id;
    let Some(order) = exchange.find_order(ledger, id, command.header.timestamp) else {
        return Some(Status::OrderNotFound);
    };
    teller.show(EventKind::OrderBody, EventBody::of_order(order));
    Some(Status::Found)
}

/// Shows a market and its best prices. `None`: there is no room for the next body; called again, it
/// goes on from there.
pub(super) fn look_up_market<O: Outbox>(
    exchange: &Exchange,
    bodies_put: &mut u8,
    verdict: &Verdict,
    teller: &mut Teller<'_, O>,
) -> Option<Status> {
    let index = verdict.debit_index;
    if index == Verdict::NONE {
        return Some(Status::MarketNotFound);
    }
    while *bodies_put < 3 {
        if !teller.may_tell() {
            return None;
        }
        let levels = |side| EventBody::of_levels(exchange.show_levels(index, side));
        let (kind, body) = match *bodies_put {
            0 => (EventKind::MarketBody, EventBody::of_market(exchange.show_market(index))),
            1 => (EventKind::BidsBody, levels(Side::Buy)),
            _ => (EventKind::AsksBody, levels(Side::Sell)),
        };
        teller.show(kind, body);
        *bodies_put += 1;
    }
    *bodies_put = 0;
    Some(Status::Found)
}

impl Settle {
    /// Brings closer what an order that comes soon will touch.
    pub(super) fn fetch_order(&self, command: &Command, verdict: &Verdict, hash: u32) {
        if command.op() == Op::PlaceOrder {
            let buys = command.body.order().side == Side::Buy as u8;
            let pays = if buys { verdict.credit_index } else { verdict.debit_index };
            self.ledger.fetch_balances(pays);
        } else {
            self.exchange.fetch_record(hash);
        }
    }

    /// Brings closer what stands around the order that the command at `index` takes out of its place,
    /// if it does.
    pub(super) fn fetch_neighbours(
        &self,
        commands: &(impl Window<Command> + ?Sized),
        index: usize,
    ) {
        if index < commands.len()
            && commands.at(index).is_of_order()
            && commands.at(index).op() != Op::PlaceOrder
        {
            self.exchange.fetch_neighbours(&self.ledger, self.hashes[index % HASHES_KEPT]);
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
