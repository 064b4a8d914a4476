use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::naive::{NaiveBook, Resting};
use super::*;

use ringfence_types::Capacities;

fn rules(markets: u64, orders: u64, retention_ns: u64) -> Rules {
    let capacities = Capacities { markets, orders, ..Capacities::default() };
    Rules { retention_ns, ..Rules::new(capacities, [7, 11]) }
}

/// A book and its twin side by side.
struct Pair {
    book: Books,
    twin: NaiveBook,
    random: Pcg64Mcg,
    next_id: u128,
    now: u64,
}

/// How prices are chosen: what a tree has to bear.
#[derive(Debug, Clone, Copy)]
enum Prices {
    /// A handful of neighbours.
    Few,
    /// Some hundreds around a middle.
    Near,
    /// Any at all.
    Any,
    /// Powers of two and their neighbours: as deep as a tree can get.
    Powers,
}

impl Prices {
    fn draw(self, random: &mut Pcg64Mcg) -> u64 {
        match self {
            Prices::Few => random.random_range(1_000_000_000..1_000_000_006),
            Prices::Near => 5_000 + random.random_range(0..400),
            Prices::Any => random.random_range(1..=u64::MAX),
            Prices::Powers => {
                let power = 1_u64 << random.random_range(0..64);
                (power.wrapping_add(random.random_range(0..3)).wrapping_sub(1)).max(1)
            }
        }
    }
}

impl Pair {
    fn new(rules: &Rules, seed: u64) -> Pair {
        Pair {
            book: Books::new(rules).unwrap(),
            twin: NaiveBook::default(),
            random: Pcg64Mcg::seed_from_u64(seed),
            next_id: 1,
            now: 0,
        }
    }

    fn rest(&mut self, market: u32, side: Side, price: u64, quantity: u64) {
        let id = self.next_id;
        self.next_id += 1;
        assert!(self.book.has_room(self.now));
        let order = Order {
            id,
            price,
            remaining: quantity,
            market,
            side,
            state: State::Open,
            ..Order::VACANT
        };
        let hash = self.book.hash(id);
        let slot = self.book.insert(hash, order, Rest::VACANT);
        self.book.rest_order(slot);
        self.twin.rest(Resting { id, market, side, price, remaining: quantity });
    }

    fn slot(&mut self, id: u128) -> u32 {
        let hash = self.book.hash(id);
        self.book.find(hash, id, self.now)
    }

    fn end(&mut self, id: u128, state: State) {
        let slot = self.slot(id);
        self.book.take_out(slot);
        self.book.settle(slot, state, self.now);
        self.twin.take_out(id);
    }

    /// Compares each side's best, depth, and orders in the order of trading.
    fn compare(&mut self, markets: u32, seed: u64) {
        for market in 0..markets {
            for side in [Side::Buy, Side::Sell] {
                let depth: Vec<(u64, u128, u32)> = self
                    .book
                    .levels(market, side)
                    .map(|level| (level.price, level.quantity, level.orders))
                    .collect();
                assert_eq!(depth, self.twin.depth(market, side), "seed {seed}");
                let best = self.book.best(market, side).map(|level| level.price);
                assert_eq!(best, depth.first().map(|level| level.0), "seed {seed}");
                let resting: Vec<(u128, u64)> = self
                    .book
                    .resting(market, side)
                    .map(|slot| (self.book.order(slot).id, self.book.order(slot).remaining))
                    .collect();
                let expected: Vec<(u128, u64)> = self
                    .twin
                    .side(market, side)
                    .iter()
                    .map(|order| (order.id, order.remaining))
                    .collect();
                assert_eq!(resting, expected, "seed {seed}");
                self.book.levels.check_side(self.book.orders.all_hot(), market, side);
            }
        }
    }
}

#[test]
fn a_book_stands_as_the_slow_obvious_one_does() {
    const MARKETS: u32 = 3;
    for seed in 0..240 {
        let mut pair = Pair::new(&rules(MARKETS.into(), 150, 1), seed);
        let prices = [Prices::Few, Prices::Near, Prices::Any, Prices::Powers][(seed % 4) as usize];
        for command in 0..600 {
            pair.now += 1;
            let resting = pair.twin.all().len();
            let grows = pair.random.random_range(0..10) < 6;
            if (grows || resting == 0) && resting < 145 {
                let market = pair.random.random_range(0..MARKETS);
                let side = if pair.random.random() { Side::Buy } else { Side::Sell };
                let price = prices.draw(&mut pair.random);
                let quantity = match pair.random.random_range(0..8) {
                    0 => u64::MAX,
                    _ => pair.random.random_range(1..100),
                };
                pair.rest(market, side, price, quantity);
            } else {
                let order = pair.twin.all()[pair.random.random_range(0..resting)];
                let slot = pair.slot(order.id);
                match pair.random.random_range(0..4) {
                    0 if order.remaining > 1 => {
                        let lots = pair.random.random_range(1..order.remaining);
                        pair.book.reduce(slot, lots);
                        pair.twin.reduce(order.id, lots);
                    }
                    // Another price, and with it another place.
                    1 => {
                        let price = prices.draw(&mut pair.random);
                        pair.book.take_out(slot);
                        pair.book.set_price(slot, price);
                        pair.book.rest_order(slot);
                        let order = pair.twin.take_out(order.id);
                        pair.twin.rest(Resting { price, ..order });
                    }
                    2 => pair.end(order.id, State::Filled),
                    _ => pair.end(order.id, State::Cancelled),
                }
            }
            if command % 16 == 0 {
                pair.compare(MARKETS, seed);
            }
        }
        while let Some(order) = pair.twin.all().first() {
            let id = order.id;
            pair.end(id, State::Cancelled);
        }
        pair.compare(MARKETS, seed);
    }
}

#[test]
fn each_order_may_have_a_price_of_its_own_up_to_the_capacity() {
    let mut pair = Pair::new(&rules(1, 1_000, 1), 0);
    for round in 0..3 {
        for index in 0..1_000_u64 {
            // Odd multipliers: prices differ, and spread over all bits.
            let price = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 + 2 * round);
            pair.rest(0, Side::Buy, price, 1);
        }
        assert!(!pair.book.has_room(pair.now), "open orders are never forgotten");
        pair.compare(1, 0);
        while let Some(order) = pair.twin.all().last() {
            let id = order.id;
            pair.end(id, State::Filled);
        }
        pair.now += 1;
    }
    assert!(pair.book.best(0, Side::Buy).is_none());
}

#[test]
fn ids_are_remembered_while_open_and_for_the_retention_after() {
    let mut book = Books::new(&rules(1, 2, 100)).unwrap();
    let order = Order { id: 5, remaining: 1, price: 1, state: State::Open, ..Order::VACANT };
    let (hash, spent_hash) = (book.hash(5), book.hash(6));
    let slot = book.insert(hash, order, Rest::VACANT);
    book.rest_order(slot);
    assert_eq!(book.find(hash, 5, 1_000), slot, "an open order is held however old");
    let spent = book.insert(spent_hash, Order { id: 6, ..Order::VACANT }, Rest::VACANT);
    book.settle(spent, State::Spent, 1_000);
    assert_eq!(book.find(spent_hash, 6, 1_099), spent);
    book.take_out(slot);
    book.settle(slot, State::Cancelled, 1_050);
    assert!(!book.has_room(1_099));
    assert_eq!(book.find(spent_hash, 6, 1_100), NO_INDEX);
    assert!(book.has_room(1_100));
    assert_eq!(book.find(hash, 5, 1_149), slot);
    assert_eq!(book.find(hash, 5, 1_150), NO_INDEX);
    assert_eq!(book.held(1_150).count(), 0);
}

#[test]
fn a_grown_book_keeps_its_orders_and_their_order() {
    let mut pair = Pair::new(&rules(1, 3, 0), 0);
    for price in [7, 5, 7] {
        pair.rest(0, Side::Sell, price, 2);
    }
    assert!(!pair.book.has_room(0));
    pair.book.configure(&rules(2, 5, 0), 0).unwrap();
    pair.rest(1, Side::Buy, 9, 1);
    pair.rest(0, Side::Sell, 6, 1);
    pair.compare(2, 0);
    assert!(pair.book.configure(&rules(1, 5, 0), 0).is_err(), "nothing shrinks");
    assert!(pair.book.configure(&rules(2, 4, 0), 0).is_err(), "nothing shrinks");
}
