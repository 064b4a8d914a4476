//! The slow, obvious book: a list of orders in the order of arrival. Twin of [`super::Books`].

use ringfence_types::Side;

/// An order that rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resting {
    pub(super) id: u128,
    pub(super) market: u32,
    pub(super) side: Side,
    pub(super) price: u64,
    pub(super) remaining: u64,
}

/// All orders that rest, in the order in which they came to.
#[derive(Debug, Default)]
pub(super) struct NaiveBook {
    orders: Vec<Resting>,
}

impl NaiveBook {
    pub(super) fn rest(&mut self, order: Resting) {
        self.orders.push(order);
    }

    pub(super) fn take_out(&mut self, id: u128) -> Resting {
        let index = self.orders.iter().position(|order| order.id == id).expect("it rests");
        self.orders.remove(index)
    }

    pub(super) fn reduce(&mut self, id: u128, lots: u64) {
        let order = self.orders.iter_mut().find(|order| order.id == id).expect("it rests");
        order.remaining -= lots;
    }

    pub(super) fn all(&self) -> &[Resting] {
        &self.orders
    }

    /// A side's orders as they would trade: the best price first, then the oldest.
    pub(super) fn side(&self, market: u32, side: Side) -> Vec<Resting> {
        let of_side = |order: &&Resting| order.market == market && order.side == side;
        let mut orders: Vec<Resting> = self.orders.iter().filter(of_side).copied().collect();
        // Stable: what came first stays first.
        match side {
            Side::Buy => orders.sort_by_key(|order| core::cmp::Reverse(order.price)),
            Side::Sell => orders.sort_by_key(|order| order.price),
        }
        orders
    }

    /// Price, lots and number of orders at each price of a side, the best first.
    pub(super) fn depth(&self, market: u32, side: Side) -> Vec<(u64, u128, u32)> {
        let mut depth: Vec<(u64, u128, u32)> = Vec::new();
        for order in self.side(market, side) {
            match depth.last_mut().filter(|level| level.0 == order.price) {
                Some(level) => {
                    level.1 += u128::from(order.remaining);
                    level.2 += 1;
                }
                None => depth.push((order.price, order.remaining.into(), 1)),
            }
        }
        depth
    }
}
