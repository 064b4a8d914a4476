//! Commands about markets and orders, as the stage runs them.

use super::exchange::{Answer, Report};
use super::*;
use crate::types::Side;

/// What commands bring about, put into the outbox as events with numbers.
pub(super) struct Reporter<'a, O> {
    pub(super) outbox: &'a mut O,
    pub(super) sequence: u64,
    /// How many commands before that one the events go out.
    pub(super) lead: u16,
    pub(super) command: &'a Command,
    /// Number of the event put last.
    pub(super) last_number: &'a mut u64,
}

impl<O: Outbox> Report for Reporter<'_, O> {
    #[inline(always)]
    fn is_full(&self) -> bool {
        self.outbox.events_free() == 0
    }

    #[inline]
    fn put(&mut self, kind: EventKind, body: EventBody) {
        *self.last_number += 1;
        let number = *self.last_number;
        let event = event(self.sequence, self.command, kind, body);
        self.outbox.put_event(&Event { number, lead: self.lead, ..event });
    }
}

impl Settle {
    /// Places, amends or cancels an order. `None`: there is no room for an event; called again, it
    /// goes on from there.
    #[inline]
    pub(super) fn settle_order(
        &mut self,
        sequence: u64,
        command: &Command,
        verdict: &Verdict,
        hash: u32,
        outbox: &mut impl Outbox,
    ) -> Option<Outcome> {
        let now = command.header.timestamp;
        let Settle { ledger, exchange, last_event_number, .. } = self;
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
            None => {
                let report = &mut Reporter {
                    outbox,
                    sequence,
                    lead: 0,
                    command,
                    last_number: last_event_number,
                };
                exchange.go_on(ledger, now, report)?
            }
        };
        Some(outcome_of(command, &answer))
    }

    /// Shows an order or a market. `None`: there is no room for the next body; called again, it goes
    /// on from there.
    pub(super) fn look_up_exchange(
        &mut self,
        sequence: u64,
        command: &Command,
        verdict: &Verdict,
        outbox: &mut impl Outbox,
    ) -> Option<Status> {
        let now = command.header.timestamp;
        if command.op() == Op::LookupOrder {
            if outbox.events_free() == 0 {
                return None;
            }
            let id = command.body.lookup().id;
            let Some(order) = self.exchange.find_order(&self.ledger, id, now) else {
                return Some(Status::OrderNotFound);
            };
            let body = EventBody::of_order(order);
            outbox.put_event(&event(sequence, command, EventKind::OrderBody, body));
            return Some(Status::Found);
        }
        let index = verdict.debit_index;
        if index == Verdict::NONE {
            return Some(Status::MarketNotFound);
        }
        while self.bodies_put < 3 {
            if outbox.events_free() == 0 {
                return None;
            }
            let levels = |side| EventBody::of_levels(self.exchange.show_levels(index, side));
            let (kind, body) = match self.bodies_put {
                0 => {
                    let market = self.exchange.show_market(index);
                    (EventKind::MarketBody, EventBody::of_market(market))
                }
                1 => (EventKind::BidsBody, levels(Side::Buy)),
                _ => (EventKind::AsksBody, levels(Side::Sell)),
            };
            outbox.put_event(&event(sequence, command, kind, body));
            self.bodies_put += 1;
        }
        self.bodies_put = 0;
        Some(Status::Found)
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
