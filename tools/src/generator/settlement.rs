//! Markets, orders, and what is done about payments that wait.

use ringfence::types::{
    AMOUNT_MAX, AmendOrder, BATCH_COMMANDS_MAX, Command, ID_MAX, Lookup, Market, Op, Outcome,
    PlaceOrder, RequeueTransfer, ResolveQueues, Side, Status, TimeInForce, Transfer, TransferFlags,
};

use super::{Generator, TransferFlags as Flags};

/// How many orders the generator remembers having sent.
const MEMORY_ORDERS: usize = 64;

/// What the generator remembers of markets, orders and queued payments.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Markets that were created.
    markets: Vec<Market>,
    /// The batch of markets before.
    sent_markets: Vec<Market>,
    /// Orders sent lately.
    orders: Vec<PlaceOrder>,
    /// Those of them that were placed, and may rest.
    resting: Vec<PlaceOrder>,
    /// Payments that were queued lately.
    queued: Vec<u128>,
    /// The ledger whose queues are to be resolved next.
    to_resolve: Option<u32>,
}

/// `queue` and `urgent`, by their bits.
pub(super) const QUEUE: TransferFlags = Flags(1 << 9);
pub(super) const URGENT: TransferFlags = Flags(1 << 10);

impl Generator {
    /// Whether the engine knows markets yet: what it does not know no gateway lets pass.
    pub(super) fn has(op: Op) -> bool {
        op.is_public()
    }

    /// Learns what became of markets, orders and queued payments.
    pub(super) fn heed_settlement(&mut self, outcome: &Outcome) {
        let memory = &mut self.memory;
        match (outcome.op(), outcome.status()) {
            (Op::CreateMarket, Status::Created) => {
                let market = memory.sent_markets.iter().find(|it| u128::from(it.id) == outcome.id);
                memory.markets.extend(market);
            }
            (Op::PlaceOrder, Status::Created) => {
                if let Some(order) = memory.orders.iter().find(|it| it.id == outcome.id).copied()
                    && order.time_in_force == TimeInForce::Gtc as u8
                {
                    self.dice.remember(&mut memory.resting, order, MEMORY_ORDERS);
                }
            }
            (Op::CreateTransfer, Status::Queued) => {
                self.dice.remember(&mut memory.queued, outcome.id, MEMORY_ORDERS);
            }
            _ => {}
        }
    }

    /// A batch of markets, some of which are as they should be.
    pub(super) fn markets(&mut self) -> Vec<Command> {
        let ids = self.rules.capacities.markets + 2;
        self.memory.sent_markets.clear();
        let mut batch = Vec::new();
        for _ in 0..1 + self.dice.below(6) {
            let mut market = if self.dice.chance(15) && !self.memory.markets.is_empty() {
                self.dice.pick(&self.memory.markets)
            } else {
                self.fresh_market(1 + self.dice_below(ids) as u32)
            };
            if self.dice.chance(self.profile.broken_percent) {
                self.break_market(&mut market);
            }
            self.memory.sent_markets.push(market);
            batch.push(Command::create_market(market));
        }
        batch
    }

    fn dice_below(&self, end: u64) -> u64 {
        // Ids of markets go round, so that all of them are tried.
        (self.previous_timestamp ^ self.fresh_id as u64) % end
    }

    /// An account of this ledger, as a rule.
    fn account_of(&mut self, ledger: u32) -> u128 {
        for _ in 0..16 {
            let id = self.account_id();
            if self.ledger_of(id) == ledger {
                return id;
            }
        }
        self.account_id()
    }

    fn fresh_market(&mut self, id: u32) -> Market {
        let base_ledger = 1 + self.dice.below(self.profile.ledgers) as u32;
        let quote_ledger = 1 + base_ledger % self.profile.ledgers as u32;
        let edge = self.dice.chance(self.profile.edge_percent);
        let mut size = |small: u64| {
            if edge {
                self.dice.pick(&[1, 1 << 32, u64::MAX / 2, u64::MAX])
            } else {
                1 + self.dice.below(small)
            }
        };
        let (lot, tick) = (size(4), size(3));
        let taker_fee = if edge { self.dice.pick(&[0, u64::MAX]) } else { self.dice.below(4) };
        let maker_fee = self.dice.below(taker_fee.min(3) + 1);
        Market {
            id,
            base_ledger,
            quote_ledger,
            lot,
            tick,
            base_account_id: self.account_of(base_ledger),
            quote_account_id: self.account_of(quote_ledger),
            fee_account_id: self.account_of(quote_ledger),
            maker_fee,
            taker_fee,
            ..Market::default()
        }
    }

    fn break_market(&mut self, market: &mut Market) {
        match self.dice.below(12) {
            0 => market.id = 0,
            1 => market.base_ledger = 0,
            2 => market.quote_ledger = 0,
            3 => market.quote_ledger = market.base_ledger,
            4 => market.lot = 0,
            5 => market.tick = 0,
            6 => market.maker_fee = market.taker_fee.wrapping_add(1),
            7 => market.base_account_id ^= 1 << 70,
            8 => market.fee_account_id ^= 1 << 70,
            9 => market.base_account_id = self.account_id(),
            10 => market.fee_account_id = self.account_id(),
            _ => market.lot ^= 2,
        }
    }

    pub(super) fn orders(&mut self, length: usize) -> Vec<Command> {
        let broken_percent = if self.dice.chance(50) { self.profile.broken_percent } else { 0 };
        (0..length.min(BATCH_COMMANDS_MAX))
            .map(|_| {
                let mut order = if self.dice.chance(8) && !self.memory.orders.is_empty() {
                    self.repeated_order()
                } else {
                    self.fresh_order()
                };
                if self.dice.chance(broken_percent) {
                    self.break_order(&mut order);
                }
                let Generator { dice, memory, .. } = self;
                dice.remember(&mut memory.orders, order, MEMORY_ORDERS);
                Command::place_order(order)
            })
            .collect()
    }

    fn fresh_order(&mut self) -> PlaceOrder {
        let market = if self.memory.markets.is_empty() {
            self.fresh_market(1)
        } else {
            self.dice.pick(&self.memory.markets)
        };
        let side = self.dice.pick(&[Side::Buy, Side::Sell]);
        let time_in_force = self.dice.pick(&[
            TimeInForce::Gtc,
            TimeInForce::Gtc,
            TimeInForce::Gtc,
            TimeInForce::Gtc,
            TimeInForce::Ioc,
            TimeInForce::Fok,
            TimeInForce::FokBudget,
        ]);
        let id = self.fresh_id();
        let is_gtc = time_in_force == TimeInForce::Gtc;
        let is_budget = time_in_force == TimeInForce::FokBudget;
        let is_edge = self.dice.chance(self.profile.edge_percent / 2);
        let quantity = if is_edge {
            self.dice.pick(&[u64::MAX, u64::MAX / 2, 1 << 40])
        } else {
            1 + self.dice.up_to_bits(self.profile.quantity_bits)
        };
        let price = if is_edge && self.dice.chance(30) {
            self.dice.pick(&[1, u64::MAX, u64::MAX / 2])
        } else {
            // Buyers a little below sellers, so that the book fills, with a lot of overlap.
            let shift = if side == Side::Sell { self.profile.prices / 4 } else { 0 };
            1 + shift + self.dice.below(self.profile.prices)
        };
        let about = u128::from(quantity).saturating_mul(u128::from(market.tick) * 8);
        let budget = match self.dice.below(8) {
            0 => AMOUNT_MAX,
            1 => 1,
            2 => about.saturating_mul(4),
            _ => {
                (about / 8).saturating_mul(u128::from(1 + self.dice.below(self.profile.prices))) | 1
            }
        };
        PlaceOrder {
            id,
            market: market.id,
            side: side as u8,
            time_in_force: time_in_force as u8,
            post_only: u8::from(is_gtc && self.dice.chance(20)),
            base_account_id: self.account_of(market.base_ledger),
            quote_account_id: self.account_of(market.quote_ledger),
            price: if is_budget { 0 } else { price },
            quantity,
            budget: if is_budget { budget } else { 0 },
            timeout: if is_gtc && self.dice.chance(20) {
                self.dice.pick(&[1, 1, 2, 10, u32::MAX])
            } else {
                0
            },
            user_data_128: u128::from(self.dice.below(2)),
            ..PlaceOrder::default()
        }
    }

    fn repeated_order(&mut self) -> PlaceOrder {
        let mut order = self.dice.pick(&self.memory.orders);
        match self.dice.below(12) {
            0 => order.price ^= 1,
            1 => order.quantity ^= 1,
            2 => order.user_data_128 ^= 1,
            3 => order.timeout ^= 1,
            4 => order.post_only ^= 1,
            _ => {}
        }
        order
    }

    fn break_order(&mut self, order: &mut PlaceOrder) {
        match self.dice.below(20) {
            0 => order.id = 0,
            1 => order.id = ID_MAX,
            2 => order.market = self.dice.pick(&[0, u32::MAX]),
            3 => order.quantity = 0,
            4 => order.price = 0,
            5 => order.price = 1,
            6 => order.budget = 0,
            7 => order.budget = 1,
            8 => order.post_only = 1,
            9 => order.timeout = 1,
            10 => order.timeout = u32::MAX,
            11 => order.base_account_id ^= 1 << 70,
            12 => order.quote_account_id ^= 1 << 70,
            13 => order.base_account_id = self.account_id(),
            14 => order.quote_account_id = self.account_id(),
            15 | 16 => {
                if !self.memory.markets.is_empty() {
                    let market = self.dice.pick(&self.memory.markets);
                    order.base_account_id = market.base_account_id;
                }
            }
            17 => order.time_in_force = self.dice.below(4) as u8,
            18 => order.side = 3 - order.side,
            _ => order.price = u64::MAX,
        }
    }

    pub(super) fn amendments(&mut self, length: usize) -> Vec<Command> {
        (0..length).map(|_| Command::amend_order(self.amendment())).collect()
    }

    fn amendment(&mut self) -> AmendOrder {
        let id = self.order_id();
        let price = if self.dice.chance(60) { 1 + self.dice.below(self.profile.prices) } else { 0 };
        let quantity =
            if self.dice.chance(50) { self.dice.up_to_bits(self.profile.quantity_bits) } else { 0 };
        AmendOrder { id, price, quantity, ..AmendOrder::default() }
    }

    fn order_id(&mut self) -> u128 {
        match self.dice.below(20) {
            0 => self.dice.pick(&[0, 7, ID_MAX]),
            1..4 if !self.memory.orders.is_empty() => self.dice.pick(&self.memory.orders).id,
            _ if !self.memory.resting.is_empty() => self.dice.pick(&self.memory.resting).id,
            _ => self.fresh_id,
        }
    }

    /// A batch of one of the operations that name an id alone.
    pub(super) fn of_orders(&mut self, op: Op, length: usize) -> Vec<Command> {
        (0..length)
            .map(|_| {
                let id = match op {
                    Op::LookupMarket => {
                        u128::from(self.dice.below(self.rules.capacities.markets + 2))
                    }
                    _ => self.order_id(),
                };
                Command::of_lookup(op, Lookup { id, ..Lookup::default() })
            })
            .collect()
    }

    /// Payments round a ring of accounts that no two of them can settle, of which each account
    /// would pay more in all than a balance holds.
    fn ring(&mut self) -> Vec<Command> {
        let first = self.account_id();
        let ledger = self.ledger_of(first);
        let accounts = [first, self.account_of(ledger), self.account_of(ledger)];
        let mut batch = Vec::new();
        for (index, &debit_account_id) in accounts.iter().enumerate() {
            for _ in 0..2 {
                batch.push(Command::create_transfer(Transfer {
                    id: self.fresh_id(),
                    debit_account_id,
                    credit_account_id: accounts[(index + 1) % accounts.len()],
                    amount: AMOUNT_MAX / 2 + 1,
                    ledger,
                    code: 1,
                    flags: QUEUE,
                    ..Transfer::default()
                }));
            }
        }
        self.memory.to_resolve = Some(ledger);
        batch
    }

    /// A batch about payments that wait.
    pub(super) fn of_queues(&mut self, length: usize) -> Vec<Command> {
        if let Some(ledger) = self.memory.to_resolve.take() {
            let resolve = ResolveQueues { ledger, ..ResolveQueues::default() };
            return vec![Command::resolve_queues(resolve)];
        }
        if self.dice.chance(self.profile.edge_percent / 2) {
            return self.ring();
        }
        let op = self.dice.pick(&[
            Op::LookupQueue,
            Op::LookupQueue,
            Op::CancelQueuedTransfer,
            Op::RequeueTransfer,
            Op::RequeueTransfer,
            Op::ResolveQueues,
        ]);
        let length = if op == Op::ResolveQueues { 1 } else { length.min(8) };
        (0..length)
            .map(|_| match op {
                Op::ResolveQueues => {
                    let ledger = self.dice.below(self.profile.ledgers + 2) as u32;
                    Command::resolve_queues(ResolveQueues { ledger, ..ResolveQueues::default() })
                }
                Op::RequeueTransfer => {
                    let id = self.queued_id();
                    let urgent = u8::from(self.dice.chance(50));
                    let requeue = RequeueTransfer { id, urgent, ..RequeueTransfer::default() };
                    Command::requeue_transfer(requeue)
                }
                Op::CancelQueuedTransfer => {
                    let id = self.queued_id();
                    Command::of_lookup(op, Lookup { id, ..Lookup::default() })
                }
                _ => {
                    let id = if self.dice.chance(5) { 1 << 90 } else { self.account_id() };
                    Command::of_lookup(op, Lookup { id, ..Lookup::default() })
                }
            })
            .collect()
    }

    fn queued_id(&mut self) -> u128 {
        match self.dice.below(20) {
            0 => self.dice.pick(&[0, 7, ID_MAX]),
            1 if !self.sent.is_empty() => self.dice.pick(&self.sent).id,
            _ if !self.memory.queued.is_empty() => self.dice.pick(&self.memory.queued),
            _ => self.fresh_id,
        }
    }
}
