//! A load of orders: markets with books of a given depth, and what comes to them, from a seed.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::str::FromStr;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::Load;
use super::load::stamp;
use ringfence_types::{
    Account, AmendOrder, BATCH_COMMANDS_MAX, Command, Lookup, Market, Op, PlaceOrder, Side,
    TimeInForce, Transfer,
};

/// The two ledgers between which all markets exchange.
const BASE_LEDGER: u32 = 1;
const QUOTE_LEDGER: u32 = 2;
/// Accounts of the markets and of the bank that pays everybody's money in; owners' come after.
const BANK_BASE: u128 = 1;
const BANK_QUOTE: u128 = 2;
const MARKET_BASE: u128 = 3;
const MARKET_QUOTE: u128 = 4;
const FEE: u128 = 5;
const OWNERS_FROM: u128 = 6;
/// Between the best bid and the best ask.
const MIDDLE: u64 = 1_000_000;
/// Money that each owner has on each ledger: no order is refused for the want of it.
const MONEY: u128 = 1 << 100;

/// How many of a hundred commands are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderMix {
    /// New orders that rest.
    pub new: u32,
    /// Cancellations.
    pub cancel: u32,
    /// Amendments to another price.
    pub amend: u32,
    /// Orders that trade at once, with one that rests.
    pub crossing: u32,
}

impl FromStr for OrderMix {
    type Err = String;

    fn from_str(text: &str) -> Result<OrderMix, String> {
        let parts: Result<Vec<u32>, _> = text.split(':').map(str::parse).collect();
        match parts.as_deref() {
            Ok(&[new, cancel, amend, crossing])
                if new + cancel + amend + crossing == 100 && new + crossing > 0 =>
            {
                Ok(OrderMix { new, cancel, amend, crossing })
            }
            _ => Err("not NEW:CANCEL:AMEND:CROSSING that sum up to 100".to_owned()),
        }
    }
}

/// What a load of orders is made of.
#[derive(Debug, Clone, Copy)]
pub struct OrderLoad {
    /// Owners of orders, with an account on each ledger each; at least 2.
    pub owners: u64,
    /// Markets, at least 1.
    pub markets: u32,
    /// Orders that rest before the first command that is measured, in all markets together.
    pub resting: u64,
    /// Prices on each side of a market among which orders rest, at least 1.
    pub prices: u64,
    /// Commands that are measured.
    pub commands: u64,
    /// Commands in a batch. Each batch is of one operation.
    pub batch: usize,
    /// Kinds of commands.
    pub mix: OrderMix,
}

/// An order that rests, as far as the load has to know.
#[derive(Debug, Clone, Copy)]
struct Resting {
    market: u32,
    side: Side,
    price: u64,
    owner: u64,
    /// Where it stands in the list of all that rest.
    place: usize,
}

/// What rests, so that cancellations find something and crossing orders meet another owner.
struct Books {
    /// By id.
    orders: Vec<Option<Resting>>,
    /// Ids of all that rest, in no order.
    resting: Vec<usize>,
    /// By market and side, then by price, the best first: ids in the order of arrival. Some are gone.
    queues: Vec<BTreeMap<u64, VecDeque<usize>>>,
}

impl Books {
    fn queue(&mut self, market: u32, side: Side) -> &mut BTreeMap<u64, VecDeque<usize>> {
        &mut self.queues[market as usize * 2 + usize::from(side == Side::Sell)]
    }

    /// Prices as keys: the better ones are lower.
    fn key(side: Side, price: u64) -> u64 {
        if side == Side::Buy { u64::MAX - price } else { price }
    }

    fn rest(&mut self, id: usize, order: Resting) {
        let place = self.resting.len();
        self.resting.push(id);
        self.orders[id] = Some(Resting { place, ..order });
        let key = Books::key(order.side, order.price);
        self.queue(order.market, order.side).entry(key).or_default().push_back(id);
    }

    fn take_out(&mut self, id: usize) -> Resting {
        let order = self.orders[id].take().expect("it rests");
        self.resting.swap_remove(order.place);
        if let Some(&moved) = self.resting.get(order.place) {
            self.orders[moved].as_mut().expect("it rests").place = order.place;
        }
        order
    }

    /// The order that the next one crossing meets.
    fn best(&mut self, market: u32, side: Side) -> Option<usize> {
        loop {
            let orders = std::mem::take(&mut self.orders);
            let queue = self.queue(market, side);
            let mut entry = queue.first_entry();
            let mut found = None;
            if let Some(entry) = &mut entry {
                let key = *entry.key();
                let ids = entry.get_mut();
                // An amended order stands elsewhere now.
                let rests = |id: usize| {
                    orders[id].is_some_and(|order| Books::key(side, order.price) == key)
                };
                while ids.front().is_some_and(|&id| !rests(id)) {
                    ids.pop_front();
                }
                found = ids.front().copied();
            }
            let is_over = entry.is_none() || found.is_some();
            if let (None, Some(entry)) = (found, entry) {
                entry.remove();
            }
            self.orders = orders;
            if is_over {
                return found;
            }
        }
    }
}

impl OrderLoad {
    /// The load, generated from `seed`.
    ///
    /// # Panics
    ///
    /// If a number is below what its field says, or `batch` is not between 1 and
    /// [`BATCH_COMMANDS_MAX`].
    #[must_use]
    pub fn generate(&self, seed: u64) -> Load {
        assert!(self.owners >= 2 && self.markets >= 1 && self.prices >= 1 && self.commands >= 1);
        assert!((1..=BATCH_COMMANDS_MAX).contains(&self.batch));
        let mut random = Pcg64::seed_from_u64(seed);
        let placed_most = (self.resting + self.commands + 1) as usize;
        let mut books = Books {
            orders: vec![None; placed_most],
            resting: Vec::new(),
            queues: vec![BTreeMap::new(); self.markets as usize * 2],
        };
        let mut next_id = 1;
        let mut placed: Vec<Command> = (0..self.resting)
            .map(|index| {
                let market = (index % u64::from(self.markets)) as u32;
                self.new_order(&mut random, &mut books, &mut next_id, Some(market))
            })
            .collect();
        let mut commands = Vec::with_capacity(self.commands as usize);
        // Batches of each operation take turns, each as often as the mix says.
        let shares = [self.mix.new + self.mix.crossing, self.mix.cancel, self.mix.amend];
        let mut due = [0_u32; 3];
        while commands.len() < self.commands as usize {
            for (due, share) in due.iter_mut().zip(shares) {
                *due += share;
            }
            let kind = (0..3).max_by_key(|&kind| (due[kind], 3 - kind)).expect("there are three");
            due[kind] = due[kind].saturating_sub(100);
            let left = self.commands as usize - commands.len();
            for _ in 0..self.batch.min(left) {
                commands.push(match kind {
                    0 => {
                        if self.is_new(&mut random, books.resting.len() as u64) {
                            self.new_order(&mut random, &mut books, &mut next_id, None)
                        } else {
                            self.crossing_order(&mut random, &mut books, &mut next_id)
                        }
                    }
                    1 => cancel(&mut random, &mut books),
                    _ => self.amend(&mut random, &mut books),
                });
            }
        }
        let mut last = 0;
        let mut stamped = |mut commands: Vec<Command>, batch| {
            last = stamp(&mut commands, batch, last);
            commands.into()
        };
        let accounts = stamped(self.accounts(), BATCH_COMMANDS_MAX);
        let markets = stamped(self.markets(), BATCH_COMMANDS_MAX);
        let money = stamped(self.money(), BATCH_COMMANDS_MAX);
        let mut prepared = vec![markets, money];
        if !placed.is_empty() {
            prepared.push(stamped(std::mem::take(&mut placed), BATCH_COMMANDS_MAX));
        }
        Load {
            accounts,
            prepared,
            transfers: stamped(commands, self.batch),
            batch: self.batch,
            markets: self.markets.into(),
            orders: next_id as u64,
        }
    }

    /// Whether the next order is to rest, where `resting` do. A mix that is even keeps the depth: left
    /// to chance alone, it would wander away.
    fn is_new(&self, random: &mut Pcg64, resting: u64) -> bool {
        let OrderMix { new, cancel, crossing, .. } = self.mix;
        let slack = self.resting / 10 + self.batch as u64;
        if new == cancel + crossing && resting.abs_diff(self.resting) > slack {
            return resting < self.resting;
        }
        random.random_range(0..new + crossing) < new
    }

    fn accounts(&self) -> Vec<Command> {
        let own = (1..OWNERS_FROM).map(|id| {
            (id, if [BANK_BASE, MARKET_BASE].contains(&id) { BASE_LEDGER } else { QUOTE_LEDGER })
        });
        let owners = (0..self.owners).flat_map(|owner| {
            let [base, quote] = accounts_of(owner);
            [(base, BASE_LEDGER), (quote, QUOTE_LEDGER)]
        });
        own.chain(owners)
            .map(|(id, ledger)| {
                Command::create_account(Account { id, ledger, code: 1, ..Account::default() })
            })
            .collect()
    }

    fn markets(&self) -> Vec<Command> {
        (1..=self.markets)
            .map(|id| {
                Command::create_market(Market {
                    id,
                    base_ledger: BASE_LEDGER,
                    quote_ledger: QUOTE_LEDGER,
                    base_account_id: MARKET_BASE,
                    quote_account_id: MARKET_QUOTE,
                    fee_account_id: FEE,
                    lot: 100,
                    tick: 1,
                    maker_fee: 1,
                    taker_fee: 2,
                    ..Market::default()
                })
            })
            .collect()
    }

    fn money(&self) -> Vec<Command> {
        let pay = |id: u64, from: u128, to: u128, ledger: u32| {
            Command::create_transfer(Transfer {
                id: (1 << 40) + u128::from(id),
                debit_account_id: from,
                credit_account_id: to,
                amount: MONEY,
                ledger,
                code: 1,
                ..Transfer::default()
            })
        };
        (0..self.owners)
            .flat_map(|owner| {
                let [base, quote] = accounts_of(owner);
                [
                    pay(2 * owner, BANK_BASE, base, BASE_LEDGER),
                    pay(2 * owner + 1, BANK_QUOTE, quote, QUOTE_LEDGER),
                ]
            })
            .collect()
    }

    /// A price at which nothing trades; those near the middle are more frequent.
    fn price(&self, random: &mut Pcg64, side: Side) -> u64 {
        let away = random.random_range(0..self.prices).min(random.random_range(0..self.prices));
        if side == Side::Buy { MIDDLE - 1 - away } else { MIDDLE + 1 + away }
    }

    fn new_order(
        &self,
        random: &mut Pcg64,
        books: &mut Books,
        next_id: &mut usize,
        market: Option<u32>,
    ) -> Command {
        let market = market.unwrap_or_else(|| random.random_range(0..self.markets));
        let side = if random.random() { Side::Buy } else { Side::Sell };
        let price = self.price(random, side);
        let owner = random.random_range(0..self.owners);
        let id = *next_id;
        *next_id += 1;
        books.rest(id, Resting { market, side, price, owner, place: 0 });
        place(id, market, side, price, owner)
    }

    /// An order for one lot that meets the best of the other side; a new one where there is none.
    fn crossing_order(
        &self,
        random: &mut Pcg64,
        books: &mut Books,
        next_id: &mut usize,
    ) -> Command {
        let market = random.random_range(0..self.markets);
        let side = if random.random() { Side::Buy } else { Side::Sell };
        let other = if side == Side::Buy { Side::Sell } else { Side::Buy };
        let Some(met) = books.best(market, other) else {
            return self.new_order(random, books, next_id, Some(market));
        };
        let maker = books.take_out(met);
        let owner = (maker.owner + random.random_range(1..self.owners)) % self.owners;
        let id = *next_id;
        *next_id += 1;
        place(id, market, side, maker.price, owner)
    }

    fn amend(&self, random: &mut Pcg64, books: &mut Books) -> Command {
        let Some(id) = any(random, books) else { return lookup(1) };
        let order = books.take_out(id);
        let mut price = self.price(random, order.side);
        if price == order.price {
            // The same price would be nothing to amend.
            price = if order.side == Side::Buy { price - 1 } else { price + 1 };
        }
        books.rest(id, Resting { price, ..order });
        Command::amend_order(AmendOrder { id: id as u128, price, ..AmendOrder::default() })
    }
}

fn any(random: &mut Pcg64, books: &Books) -> Option<usize> {
    let count = books.resting.len();
    (count > 0).then(|| books.resting[random.random_range(0..count)])
}

fn cancel(random: &mut Pcg64, books: &mut Books) -> Command {
    let Some(id) = any(random, books) else { return lookup(1) };
    books.take_out(id);
    lookup(id as u128)
}

/// A cancellation; of what does not rest where nothing does.
fn lookup(id: u128) -> Command {
    Command::of_lookup(Op::CancelOrder, Lookup { id, ..Lookup::default() })
}

fn accounts_of(owner: u64) -> [u128; 2] {
    let base = OWNERS_FROM + 2 * u128::from(owner);
    [base, base + 1]
}

fn place(id: usize, market: u32, side: Side, price: u64, owner: u64) -> Command {
    let [base_account_id, quote_account_id] = accounts_of(owner);
    Command::place_order(PlaceOrder {
        id: id as u128,
        base_account_id,
        quote_account_id,
        price,
        quantity: 1,
        market: market + 1,
        side: side as u8,
        time_in_force: TimeInForce::Gtc as u8,
        ..PlaceOrder::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::settle_fold;

    #[test]
    fn a_load_of_orders_does_what_it_says() {
        let mix = "50:38:2:10".parse().unwrap();
        let load = OrderLoad {
            owners: 20,
            markets: 3,
            resting: 300,
            prices: 40,
            commands: 20_000,
            batch: 50,
            mix,
        };
        let report = settle_fold(&load.generate(7), 7).unwrap();
        assert_eq!(report.report.refused, 0, "every cancellation finds its order");
        let trades = report.events;
        assert!((1_800..2_200).contains(&trades), "one in ten trades: {trades}");
        let again = settle_fold(&load.generate(7), 7).unwrap();
        assert_eq!(report.report.digest, again.report.digest);
    }

    #[test]
    fn a_mix_sums_up_to_a_hundred() {
        assert!("50:40:0:10".parse::<OrderMix>().is_ok());
        for text in ["50:40:10", "50:40:0:11", "0:50:50:0", "a:b:c:d", ""] {
            assert!(text.parse::<OrderMix>().is_err(), "{text}");
        }
    }
}
