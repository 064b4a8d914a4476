//! What look-ups show.

use alloc::vec::Vec;

use super::*;
use ringfence_types::{LEVELS_SHOWN, Level, LevelsBody, MarketBody, OrderBody, PlaceOrder};

impl Exchange {
    /// The order `id` as a look-up shows it.
    pub(in crate::settle) fn find_order(
        &mut self,
        ledger: &Ledger,
        id: u128,
        now: u64,
    ) -> Option<OrderBody> {
        let slot = self.books.find(self.books.hash(id), id, now);
        (slot != NO_INDEX && self.books.order(slot).state != State::Spent)
            .then(|| self.show_order(ledger, slot))
    }

    fn show_order(&self, ledger: &Ledger, slot: u32) -> OrderBody {
        let (order, rest) = (self.books.order(slot), self.books.rest(slot));
        let (order_status, filled, remaining) = self.shown(slot);
        OrderBody {
            order: PlaceOrder {
                id: order.id,
                base_account_id: ledger.account_id(order.base_index),
                quote_account_id: ledger.account_id(order.quote_index),
                budget: rest.budget,
                user_data_128: rest.user_data_128,
                price: order.price,
                quantity: rest.quantity,
                market: self.market(order.market).fields.id,
                timeout: rest.timeout,
                side: order.side as u8,
                time_in_force: order.time_in_force as u8,
                post_only: order.post_only.into(),
                ..PlaceOrder::default()
            },
            timestamp: rest.timestamp,
            filled,
            remaining,
            order_status: order_status as u8,
            reserved: [0; 7],
        }
    }

    /// The market with this index as a look-up shows it.
    pub(in crate::settle) fn show_market(&self, index: u32) -> MarketBody {
        let Market { fields, timestamp, .. } = *self.market(index);
        MarketBody { market: fields, timestamp, ..MarketBody::default() }
    }

    /// The best prices of one side of the market with this index.
    pub(in crate::settle) fn show_levels(&self, index: u32, side: Side) -> LevelsBody {
        let mut body = LevelsBody::default();
        for (shown, level) in body.levels.iter_mut().zip(self.books.levels(index, side)) {
            let (quantity, price, orders) = (level.quantity, level.price, level.orders.into());
            *shown = Level { quantity, price, orders };
        }
        const { assert!(LEVELS_SHOWN == 5, "the public interface shows five") };
        body
    }

    /// Checks all that must always be true, from the records themselves. Slow. Gives the holds of
    /// all open orders by the two accounts on which they are pending.
    ///
    /// # Panics
    ///
    /// If something is not as it must be: a bug in this room.
    pub(in crate::settle) fn check_in_full(&self, now: u64) -> Vec<Hold> {
        self.books.check_in_full(now);
        let open = self.books.held(now).filter(|&slot| self.books.order(slot).state == State::Open);
        open.map(|slot| {
            let order = self.books.order(slot);
            self.market(order.market).hold_of(order, order.remaining)
        })
        .collect()
    }
}
