//! What happens in the town, second by second: payments, holds, payments that wait, refusals,
//! orders.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::town::{
    BANK, BANK_USD, EUR, LIMITED, MARKET, PAYING, PRICE, USD, WAITING, shop, trader,
};
use ringfence_types::{
    Command, PlaceOrder, ResolveQueues, Side, TimeInForce, Transfer, TransferFlags,
};

/// A hold expires after this time; most are posted or voided before.
const HOLD_SECONDS: u32 = 30;
/// An order rests at most this long.
const ORDER_SECONDS: u32 = 90;
/// Steps of the price that orders are away from the middle, at most.
const SPREAD: u64 = 40;

/// Decides what happens next.
pub(super) struct Day {
    random: Pcg64,
    next_id: u128,
    /// Holds that will be posted or voided, and when.
    holds: VecDeque<(Instant, u128)>,
    /// The last payment: it is sent again now and then.
    last: Option<Transfer>,
}

impl Day {
    /// A day whose transfers and orders have ids from `next_id` on.
    pub(super) fn new(next_id: u128, seed: u64) -> Day {
        let random = Pcg64::seed_from_u64(seed);
        Day { random, next_id, holds: VecDeque::new(), last: None }
    }

    /// What happens next.
    pub(super) fn next_command(&mut self) -> Command {
        let now = Instant::now();
        if self.holds.front().is_some_and(|(due, _)| *due <= now) {
            let (_, id) = self.holds.pop_front().expect("it was there just now");
            return self.resolve(id);
        }
        match self.random.random_range(0..1000) {
            0..600 => self.payment(),
            600..680 => self.hold(now),
            680..730 => self.invoice(),
            730..745 => self.too_much(),
            745..770 => self.above_limit(),
            770..780 => self.again(),
            780..840 => self.top_up(),
            840..855 => {
                Command::resolve_queues(ResolveQueues { ledger: EUR, ..ResolveQueues::default() })
            }
            _ => self.order(),
        }
    }

    fn id(&mut self) -> u128 {
        self.next_id += 1;
        self.next_id
    }

    /// A shop that pays at once, other than `not`.
    fn any_shop(&mut self, not: Option<usize>) -> usize {
        loop {
            let index = self.random.random_range(0..PAYING);
            if Some(index) != not && index != LIMITED {
                return index;
            }
        }
    }

    fn transfer(&mut self, from: u128, to: u128, amount: u128) -> Transfer {
        Transfer {
            id: self.id(),
            debit_account_id: from,
            credit_account_id: to,
            amount,
            ledger: EUR,
            code: 1,
            ..Transfer::default()
        }
    }

    /// Small sums are more frequent than large ones.
    fn sum(&mut self) -> u128 {
        let most = self.random.random_range(200..20_000);
        self.random.random_range(100..most)
    }

    fn between_shops(&mut self) -> Transfer {
        let from = self.any_shop(None);
        let to = self.any_shop(Some(from));
        let amount = self.sum();
        self.transfer(shop(from), shop(to), amount)
    }

    fn payment(&mut self) -> Command {
        let transfer = self.between_shops();
        self.last = Some(transfer);
        Command::create_transfer(transfer)
    }

    fn hold(&mut self, now: Instant) -> Command {
        let transfer = Transfer {
            flags: TransferFlags::PENDING,
            timeout: HOLD_SECONDS,
            ..self.between_shops()
        };
        // One of ten is forgotten, and expires.
        if self.random.random_range(0..10) > 0 {
            let seconds = self.random.random_range(2..u64::from(HOLD_SECONDS) - 5);
            let due = now + Duration::from_secs(seconds);
            let at = self.holds.partition_point(|(other, _)| *other <= due);
            self.holds.insert(at, (due, transfer.id));
        }
        Command::create_transfer(transfer)
    }

    /// Posts a hold, or voids it.
    fn resolve(&mut self, pending_id: u128) -> Command {
        let is_posted = self.random.random_range(0..4) > 0;
        let (flags, amount) = if is_posted {
            (TransferFlags::POST_PENDING_TRANSFER, u128::MAX)
        } else {
            (TransferFlags::VOID_PENDING_TRANSFER, 0)
        };
        let id = self.id();
        Command::create_transfer(Transfer { id, pending_id, amount, flags, ..Transfer::default() })
    }

    /// A payment of the shop whose payments wait.
    fn invoice(&mut self) -> Command {
        let to = self.any_shop(None);
        let amount = self.sum();
        let invoice = self.transfer(shop(WAITING), shop(to), amount);
        let urgent = self.random.random_range(0..8) == 0;
        let flags = if urgent { TransferFlags::URGENT } else { TransferFlags::NONE };
        Command::create_transfer(Transfer { flags: TransferFlags::QUEUE.with(flags), ..invoice })
    }

    /// More than a shop has.
    fn too_much(&mut self) -> Command {
        let transfer = self.between_shops();
        Command::create_transfer(Transfer { amount: 90_000_000, ..transfer })
    }

    /// A payment of the shop with a limit: often above it.
    fn above_limit(&mut self) -> Command {
        let to = self.any_shop(None);
        let amount = self.sum();
        let transfer = self.transfer(shop(LIMITED), shop(to), amount);
        Command::create_transfer(transfer)
    }

    /// The last payment once more, as after a lost connection: it is not executed again.
    fn again(&mut self) -> Command {
        self.last.map_or_else(|| self.payment(), Command::create_transfer)
    }

    /// The bank brings money, most of it to where payments wait.
    fn top_up(&mut self) -> Command {
        let to = match self.random.random_range(0..20) {
            0..6 => WAITING,
            6 => LIMITED,
            _ => self.any_shop(None),
        };
        let amount = 3 * self.sum();
        let transfer = self.transfer(BANK, shop(to), amount);
        Command::create_transfer(transfer)
    }

    /// An order, or money for those who place them.
    fn order(&mut self) -> Command {
        let (is_second, away) = (self.random.random::<bool>(), self.random.random_range(0..SPREAD));
        let (base_account_id, quote_account_id) = trader(usize::from(is_second));
        if self.random.random_range(0..20) == 0 {
            let transfer = self.transfer(BANK_USD, base_account_id, 1_000_000);
            return Command::create_transfer(Transfer { ledger: USD, ..transfer });
        }
        let is_sale: bool = self.random.random();
        let takes = self.random.random_range(0..5) == 0;
        // A taker's price is beyond the middle, a maker's before it.
        let is_above = is_sale != takes;
        let order = PlaceOrder {
            id: self.id(),
            base_account_id,
            quote_account_id,
            price: if is_above { PRICE + 5 + away } else { PRICE - 5 - away },
            quantity: self.random.random_range(1..6),
            market: MARKET,
            timeout: if takes { 0 } else { ORDER_SECONDS },
            side: if is_sale { Side::Sell } else { Side::Buy } as u8,
            time_in_force: if takes { TimeInForce::Ioc } else { TimeInForce::Gtc } as u8,
            ..PlaceOrder::default()
        };
        Command::place_order(order)
    }
}
