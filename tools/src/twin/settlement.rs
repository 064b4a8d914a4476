//! What waits: queued payments, markets, orders. None of it is ever undone with a chain, for no
//! queued payment and no order can stand in one.

use std::collections::{BTreeMap, BTreeSet};

use ringfence::types::{
    Market, NANOSECONDS_PER_SECOND, OrderStatus, PlaceOrder, Side, TimeInForce, Transfer,
};

/// Where a payment stands in the queue of its debit account: urgent ones first (`false` sorts
/// before `true`), each kind by arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    pub is_not_urgent: bool,
    pub arrival: u64,
}

/// A market, and when it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenMarket {
    pub market: Market,
    pub timestamp: u64,
}

/// What is known of an order's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownOrder {
    Placed(Order),
    /// An order was refused in a way that spent the id, at this timestamp of the engine.
    Spent {
        since: u64,
    },
}

/// An order that was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    /// As first placed.
    pub placed: PlaceOrder,
    pub timestamp: u64,
    /// As it is now.
    pub price: u64,
    pub filled: u64,
    pub remaining: u64,
    pub status: OrderStatus,
    /// From when retention counts.
    pub since: u64,
    /// Its place among the orders of its price: the lowest is the oldest.
    pub place: u64,
}

impl Order {
    pub fn side(&self) -> Side {
        Side::from_number(self.placed.side).expect("the gateway lets no others pass")
    }

    pub fn time_in_force(&self) -> TimeInForce {
        TimeInForce::from_number(self.placed.time_in_force)
            .expect("the gateway lets no others pass")
    }

    pub fn is_open(&self) -> bool {
        self.status == OrderStatus::Open
    }

    /// The account that pays, and so carries the hold.
    pub fn paying_account_id(&self) -> u128 {
        match self.side() {
            Side::Buy => self.placed.quote_account_id,
            Side::Sell => self.placed.base_account_id,
        }
    }

    pub fn expires_at(&self) -> Option<u64> {
        let timeout_ns = u64::from(self.placed.timeout) * NANOSECONDS_PER_SECOND;
        (timeout_ns > 0).then(|| self.timestamp + timeout_ns)
    }

    /// Where it stands in its book: the best price first, then the oldest.
    fn rank(&self) -> (u64, u64) {
        match self.side() {
            Side::Buy => (u64::MAX - self.price, self.place),
            Side::Sell => (self.price, self.place),
        }
    }
}

/// All that waits, and all that is remembered of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Settlement {
    /// By debit account.
    queues: BTreeMap<u128, BTreeMap<Turn, Transfer>>,
    /// By id of the payment.
    turns: BTreeMap<u128, Turn>,
    arrivals: u64,
    pub markets: BTreeMap<u32, OpenMarket>,
    orders: BTreeMap<u128, KnownOrder>,
    /// Open orders by market and side, the best first.
    books: BTreeMap<(u32, u8), BTreeMap<(u64, u64), u128>>,
    /// Those of `orders` that are not open: since when remembered, id.
    forgettable: BTreeSet<(u64, u128)>,
    /// Open orders that expire: when, when placed, id.
    due: BTreeSet<(u64, u64, u128)>,
    places: u64,
}

impl Settlement {
    /// The payment that an account owes next.
    pub fn head(&self, account_id: u128) -> Option<&Transfer> {
        self.queues.get(&account_id)?.values().next()
    }

    /// The payments that an account owes, in the order of its queue.
    pub fn queue(&self, account_id: u128) -> impl DoubleEndedIterator<Item = &Transfer> {
        self.queues.get(&account_id).into_iter().flat_map(BTreeMap::values)
    }

    /// Whether an account's queue lets a new payment past it.
    pub fn bars(&self, account_id: u128, is_urgent: bool) -> bool {
        let Some(queue) = self.queues.get(&account_id) else { return false };
        queue.keys().next().is_some_and(|first| !is_urgent || !first.is_not_urgent)
    }

    /// A payment arrives at the end of its kind, anew if it stood in the queue before.
    pub fn enqueue(&mut self, payment: &Transfer, is_urgent: bool) {
        self.dequeue(payment);
        self.arrivals += 1;
        let turn = Turn { is_not_urgent: !is_urgent, arrival: self.arrivals };
        self.turns.insert(payment.id, turn);
        self.queues.entry(payment.debit_account_id).or_default().insert(turn, *payment);
    }

    pub fn dequeue(&mut self, payment: &Transfer) {
        let Some(turn) = self.turns.remove(&payment.id) else { return };
        let queue = self.queues.get_mut(&payment.debit_account_id).expect("it stands in one");
        queue.remove(&turn);
        if queue.is_empty() {
            self.queues.remove(&payment.debit_account_id);
        }
    }

    /// All payments of a ledger that wait, in order of arrival.
    pub fn waiting(&self, ledger: u32) -> Vec<Transfer> {
        let mut waiting: Vec<(u64, Transfer)> = Vec::new();
        for (turn, payment) in self.queues.values().flatten() {
            if payment.ledger == ledger {
                waiting.push((turn.arrival, *payment));
            }
        }
        waiting.sort_by_key(|(arrival, _)| *arrival);
        waiting.into_iter().map(|(_, payment)| payment).collect()
    }

    /// Accounts whose queues are not empty.
    pub fn owing(&self) -> impl Iterator<Item = u128> {
        self.queues.keys().copied()
    }

    pub fn known_order(&self, id: u128) -> Option<&KnownOrder> {
        self.orders.get(&id)
    }

    /// Ids that fill the table of orders: of orders, and spent ones.
    pub fn known_order_count(&self) -> usize {
        self.orders.len()
    }

    pub fn order(&self, id: u128) -> Option<&Order> {
        match self.orders.get(&id) {
            Some(KnownOrder::Placed(order)) => Some(order),
            _ => None,
        }
    }

    pub fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.books.values().flat_map(BTreeMap::values).map(|id| self.order(*id).expect("it rests"))
    }

    /// Open orders of one side of a market, the best first.
    pub fn book(&self, market: u32, side: Side) -> impl Iterator<Item = &Order> {
        let ids = self.books.get(&(market, side as u8)).into_iter().flat_map(BTreeMap::values);
        ids.map(|id| self.order(*id).expect("it rests"))
    }

    /// The place behind all orders so far.
    pub fn next_place(&mut self) -> u64 {
        self.places += 1;
        self.places
    }

    /// What is known of an id changes; books and indexes follow.
    pub fn set_order(&mut self, id: u128, known: Option<KnownOrder>) {
        let before = match known {
            Some(known) => self.orders.insert(id, known),
            None => self.orders.remove(&id),
        };
        match before {
            Some(KnownOrder::Placed(order)) if order.is_open() => {
                let key = (order.placed.market, order.placed.side);
                let book = self.books.get_mut(&key).expect("it rested");
                book.remove(&order.rank());
                if book.is_empty() {
                    self.books.remove(&key);
                }
                if let Some(expires_at) = order.expires_at() {
                    self.due.remove(&(expires_at, order.timestamp, id));
                }
            }
            Some(KnownOrder::Placed(Order { since, .. }) | KnownOrder::Spent { since }) => {
                self.forgettable.remove(&(since, id));
            }
            None => {}
        }
        match known {
            Some(KnownOrder::Placed(order)) if order.is_open() => {
                let key = (order.placed.market, order.placed.side);
                let before = self.books.entry(key).or_default().insert(order.rank(), id);
                assert_eq!(before, None, "one order to a place");
                if let Some(expires_at) = order.expires_at() {
                    self.due.insert((expires_at, order.timestamp, id));
                }
            }
            Some(KnownOrder::Placed(Order { since, .. }) | KnownOrder::Spent { since }) => {
                self.forgettable.insert((since, id));
            }
            None => {}
        }
    }

    /// The open order that expires first: when, when placed, id.
    pub fn first_due(&self) -> Option<(u64, u64, u128)> {
        self.due.first().copied()
    }

    /// The order id that is forgotten first, if it is at or before `timestamp`.
    pub fn first_forgotten(&self, timestamp: u64, retention_ns: u64) -> Option<u128> {
        let &(since, id) = self.forgettable.first()?;
        (timestamp - since >= retention_ns).then_some(id)
    }

    /// No book is crossed.
    pub fn assert_uncrossed(&self) {
        for &market in self.markets.keys() {
            let bid = self.book(market, Side::Buy).next();
            let ask = self.book(market, Side::Sell).next();
            if let (Some(bid), Some(ask)) = (bid, ask) {
                assert!(bid.price < ask.price, "crossed: {bid:?} {ask:?}");
            }
        }
    }
}
