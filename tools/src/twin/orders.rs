//! Markets and orders: how an order is placed, what it meets, how it ends.
//!
//! ```text
//!   order ──▶ checks ──▶ hold ──▶ plan: what it meets, one after the other ──▶ refused, no trace
//!                                   └─▶ executed, step by step ──▶ rests, or is over
//! ```

use std::collections::BTreeMap;

use ringfence::types::{
    Account, AccountFlags, AmendOrder, CancelReason, Command, EventBody, EventKind, Frozen, ID_MAX,
    LEVELS_SHOWN, Level, LevelsBody, Market, MarketBody, NANOSECONDS_PER_SECOND, OrderBody,
    OrderCancelled, OrderStatus, PlaceOrder, Side, Status, TIMESTAMP_MAX, TimeInForce, Trade,
};

use super::moves::{Column, Moves};
use super::settlement::{KnownOrder, OpenMarket, Order};
use super::{Refusal, Twin, ensure};

/// What an order that comes meets next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A resting order that is cancelled.
    Cancel { id: u128, reason: CancelReason },
    /// A resting order that it trades with.
    Trade { id: u128, quantity: u64 },
}

/// What becomes of an order that comes.
#[derive(Debug, Default)]
struct Plan {
    steps: Vec<Step>,
    /// Lots that it does not trade.
    remaining: u64,
    /// Whether matching stopped at an overflow, and what remains is dropped.
    is_stopped: bool,
    /// What it costs, fees included, or brings, fees taken off, in quote units: out and in.
    paid: u128,
    received: u128,
}

impl Plan {
    fn trades(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Trade { .. }))
    }
}

/// The accounts as they would be, part of the way into a plan.
struct Outlook<'a> {
    twin: &'a Twin,
    changed: BTreeMap<u128, Account>,
}

impl Outlook<'_> {
    fn account(&self, id: u128) -> Account {
        self.changed.get(&id).copied().unwrap_or_else(|| self.twin.account(id))
    }

    fn apply(&mut self, moves: &Moves) {
        for (id, (_, after)) in moves.applied(|id| self.account(id)) {
            self.changed.insert(id, after.expect("it was found not to overflow"));
        }
    }
}

/// Quote units of `quantity` lots at `price`, or `None` beyond 128 bits.
fn value(market: &Market, quantity: u64, price: u64) -> Option<u128> {
    u128::from(quantity).checked_mul(u128::from(price) * u128::from(market.tick))
}

/// What has to be held for `remaining` lots of an order, or `None` beyond 128 bits.
fn hold(market: &Market, order: &PlaceOrder, price: u64, remaining: u64) -> Option<u128> {
    let lots = u128::from(remaining);
    if order.side == Side::Sell as u8 {
        Some(lots * u128::from(market.lot))
    } else if order.time_in_force == TimeInForce::FokBudget as u8 {
        Some(order.budget)
    } else {
        let lot = u128::from(price) * u128::from(market.tick) + u128::from(market.taker_fee);
        lots.checked_mul(lot)
    }
}

/// The side of the market's holds that an order's hold stands against.
fn holding_account_id(market: &Market, side: Side) -> u128 {
    match side {
        Side::Buy => market.quote_account_id,
        Side::Sell => market.base_account_id,
    }
}

/// A hold shrinks by this much.
fn release(moves: &mut Moves, market: &Market, order: &Order, amount: u128) {
    moves.subtract(order.paying_account_id(), Column::DebitsPending, amount);
    let holding = holding_account_id(market, order.side());
    moves.subtract(holding, Column::CreditsPending, amount);
}

/// The same the other way.
fn take(moves: &mut Moves, market: &Market, order: &Order, amount: u128) {
    moves.add(order.paying_account_id(), Column::DebitsPending, amount);
    moves.add(holding_account_id(market, order.side()), Column::CreditsPending, amount);
}

/// What a trade of `quantity` lots moves, and what it takes out of each hold.
struct Deal {
    moves: Moves,
    taker_fee: u128,
    maker_fee: u128,
    /// What the buyer pays, fee included; what the seller gets, fee taken off, out and in.
    cost: u128,
    value: u128,
}

/// A trade at the maker's price, or `None` where what it moves is beyond 128 bits.
fn deal(market: &Market, taker: &Order, maker: &Order, quantity: u64) -> Option<Deal> {
    let lots = u128::from(quantity);
    let base = lots * u128::from(market.lot);
    let value = value(market, quantity, maker.price)?;
    let taker_fee = lots * u128::from(market.taker_fee);
    let maker_fee = lots * u128::from(market.maker_fee);
    let (buyer, seller, buyer_fee, seller_fee) = match taker.side() {
        Side::Buy => (taker, maker, taker_fee, maker_fee),
        Side::Sell => (maker, taker, maker_fee, taker_fee),
    };
    let cost = value.checked_add(buyer_fee)?;
    let buyer_hold = if buyer.time_in_force() == TimeInForce::FokBudget {
        cost
    } else {
        hold(market, &buyer.placed, buyer.price, quantity)?
    };
    let mut moves = Moves::default();
    release(&mut moves, market, seller, base);
    moves.add(seller.placed.base_account_id, Column::DebitsPosted, base);
    moves.add(buyer.placed.base_account_id, Column::CreditsPosted, base);
    release(&mut moves, market, buyer, buyer_hold);
    moves.add(buyer.placed.quote_account_id, Column::DebitsPosted, value);
    moves.add(buyer.placed.quote_account_id, Column::DebitsPosted, buyer_fee);
    moves.add(seller.placed.quote_account_id, Column::CreditsPosted, value);
    moves.add(seller.placed.quote_account_id, Column::DebitsPosted, seller_fee);
    moves.add(market.fee_account_id, Column::CreditsPosted, buyer_fee);
    moves.add(market.fee_account_id, Column::CreditsPosted, seller_fee);
    Some(Deal { moves, taker_fee, maker_fee, cost, value })
}

impl Twin {
    /// Answers `create_market`.
    pub(super) fn create_market(&mut self, market: &Market, now: u64) -> Result<u64, Refusal> {
        if let Some(open) = self.settlement.markets.get(&market.id) {
            ensure(open.market == *market, Status::ExistsWithDifferentFields)?;
            let original_timestamp = Some(open.timestamp);
            return Err(Refusal { status: Status::Exists, original_timestamp });
        }
        ensure(market.id != 0, Status::IdMustNotBeZero)?;
        ensure(market.base_ledger != 0 && market.quote_ledger != 0, Status::LedgerMustNotBeZero)?;
        ensure(market.base_ledger != market.quote_ledger, Status::LedgersMustBeDifferent)?;
        ensure(market.lot != 0, Status::LotMustNotBeZero)?;
        ensure(market.tick != 0, Status::TickMustNotBeZero)?;
        ensure(market.maker_fee <= market.taker_fee, Status::MakerFeeMustNotExceedTakerFee)?;
        let accounts = [
            (market.base_account_id, market.base_ledger),
            (market.quote_account_id, market.quote_ledger),
            (market.fee_account_id, market.quote_ledger),
        ];
        for (id, _) in accounts {
            ensure(self.state.account(id).is_some(), Status::AccountNotFound)?;
        }
        for (id, ledger) in accounts {
            ensure(self.account(id).ledger == ledger, Status::AccountHasDifferentLedger)?;
        }
        let limits = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS
            .with(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
        for (id, _) in accounts {
            ensure(!self.account(id).flags.has(limits), Status::AccountMustNotHaveLimits)?;
        }
        let count = self.settlement.markets.len() as u64;
        ensure(count < self.rules.capacities.markets, Status::MarketsFull)?;
        let open = OpenMarket { market: *market, timestamp: now };
        self.settlement.markets.insert(market.id, open);
        Ok(now)
    }

    fn is_orders_full(&self) -> bool {
        self.settlement.known_order_count() as u64 >= self.rules.capacities.orders
    }

    /// Answers `place_order`.
    pub(super) fn place_order(&mut self, command: &Command) -> Result<u64, Refusal> {
        let placed = *command.body.order();
        let now = command.header.timestamp;
        ensure(placed.id != 0, Status::IdMustNotBeZero)?;
        ensure(placed.id != ID_MAX, Status::IdMustNotBeIntMax)?;
        match self.settlement.known_order(placed.id) {
            Some(KnownOrder::Placed(order)) => {
                ensure(order.placed == placed, Status::ExistsWithDifferentFields)?;
                let original_timestamp = Some(order.timestamp);
                return Err(Refusal { status: Status::Exists, original_timestamp });
            }
            Some(KnownOrder::Spent { .. }) => return Err(Status::IdAlreadyFailed.into()),
            None => {}
        }
        self.check_id_time(placed.id, now)?;
        let mut result = self.try_place(&placed, now);
        if let Err(status) = result
            && spends_order_id(status)
        {
            if self.is_orders_full() {
                result = Err(Status::OrdersFull);
            } else {
                self.settlement.set_order(placed.id, Some(KnownOrder::Spent { since: now }));
            }
        }
        result?;
        Ok(now)
    }

    fn try_place(&mut self, placed: &PlaceOrder, now: u64) -> Result<(), Status> {
        let open = self.settlement.markets.get(&placed.market).ok_or(Status::MarketNotFound)?;
        let market = open.market;
        let is_budget = placed.time_in_force == TimeInForce::FokBudget as u8;
        ensure(placed.quantity != 0, Status::QuantityMustNotBeZero)?;
        ensure(is_budget || placed.price != 0, Status::PriceMustNotBeZero)?;
        ensure(!is_budget || placed.price == 0, Status::PriceMustBeZero)?;
        ensure(!is_budget || placed.budget != 0, Status::BudgetMustNotBeZero)?;
        ensure(is_budget || placed.budget == 0, Status::BudgetMustBeZero)?;
        let is_gtc = placed.time_in_force == TimeInForce::Gtc as u8;
        ensure(placed.post_only == 0 || is_gtc, Status::FlagsAreMutuallyExclusive)?;
        ensure(placed.timeout == 0 || is_gtc, Status::TimeoutReservedForGtc)?;
        check_price(&market, placed, placed.price)?;
        let base =
            *self.state.account(placed.base_account_id).ok_or(Status::BaseAccountNotFound)?;
        let quote =
            *self.state.account(placed.quote_account_id).ok_or(Status::QuoteAccountNotFound)?;
        ensure(base.ledger == market.base_ledger, Status::BaseAccountHasDifferentLedger)?;
        ensure(quote.ledger == market.quote_ledger, Status::QuoteAccountHasDifferentLedger)?;
        let of_market = [market.base_account_id, market.quote_account_id, market.fee_account_id];
        ensure(
            !of_market.contains(&base.id) && !of_market.contains(&quote.id),
            Status::AccountBelongsToMarket,
        )?;
        let limits_credits =
            |account: &Account| account.flags.has(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
        ensure(
            !limits_credits(&base) && !limits_credits(&quote),
            Status::AccountMustNotLimitCredits,
        )?;
        self.check_order_policies(&market, placed, now)?;

        let order = Order {
            placed: *placed,
            timestamp: now,
            price: placed.price,
            filled: 0,
            remaining: placed.quantity,
            status: OrderStatus::Open,
            since: now,
            place: self.settlement.next_place(),
        };
        let timeout_ns = u64::from(placed.timeout) * NANOSECONDS_PER_SECOND;
        let timeout_fits = now <= TIMESTAMP_MAX - timeout_ns;
        let (held, plan) = self.check_entry(&market, &order, 0, timeout_fits)?;
        ensure(!self.is_orders_full(), Status::OrdersFull)?;
        self.enter(&market, order, 0, held, &plan);
        Ok(())
    }

    /// Of policies, orders heed halts, hours and freezes.
    fn check_order_policies(
        &self,
        market: &Market,
        placed: &PlaceOrder,
        now: u64,
    ) -> Result<(), Status> {
        for ledger in [market.base_ledger, market.quote_ledger] {
            self.check_ledger_open(ledger, now)?;
        }
        let accounts = (placed.base_account_id, placed.quote_account_id);
        let (payer, payee) =
            if placed.side == Side::Sell as u8 { accounts } else { (accounts.1, accounts.0) };
        ensure(!self.is_account_frozen(payer, Frozen::Debits), Status::RiskDebitAccountFrozen)?;
        ensure(!self.is_account_frozen(payee, Frozen::Credits), Status::RiskCreditAccountFrozen)
    }

    /// What an order that comes to its book may be refused for by the state of the moment: from
    /// `base_account_already_closed` to `would_not_fill`. `held_before` is what was held for it so
    /// far and counts as released. Gives what has to be held for it, and what it meets.
    fn check_entry(
        &self,
        market: &Market,
        order: &Order,
        held_before: u128,
        timeout_fits: bool,
    ) -> Result<(u128, Plan), Status> {
        let is_closed = |id| self.account(id).flags.has(AccountFlags::CLOSED);
        ensure(!is_closed(order.placed.base_account_id), Status::BaseAccountAlreadyClosed)?;
        ensure(!is_closed(order.placed.quote_account_id), Status::QuoteAccountAlreadyClosed)?;
        let of_market = [market.base_account_id, market.quote_account_id, market.fee_account_id];
        ensure(!of_market.into_iter().any(is_closed), Status::MarketClosed)?;
        let held = hold(market, &order.placed, order.price, order.remaining)
            .ok_or(Status::OverflowsAmount)?;
        let mut outlook = Outlook { twin: self, changed: BTreeMap::new() };
        let mut released = Moves::default();
        release(&mut released, market, order, held_before);
        outlook.apply(&released);
        let debit = outlook.account(order.paying_account_id());
        let credit = outlook.account(holding_account_id(market, order.side()));
        let fits = |balance: u128| balance.checked_add(held).is_some();
        ensure(fits(debit.debits_pending), Status::OverflowsDebitsPending)?;
        ensure(fits(credit.credits_pending), Status::OverflowsCreditsPending)?;
        ensure(fits(debit.debits_pending + debit.debits_posted), Status::OverflowsDebits)?;
        ensure(fits(credit.credits_pending + credit.credits_posted), Status::OverflowsCredits)?;
        ensure(timeout_fits, Status::OverflowsTimeout)?;
        ensure(
            !debit.flags.has(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS)
                || debit.debits_pending + debit.debits_posted + held <= debit.credits_posted,
            Status::ExceedsCredits,
        )?;
        let mut taken = Moves::default();
        take(&mut taken, market, order, held);
        outlook.apply(&taken);
        let plan = plan(outlook, market, order);
        let is_filled = plan.remaining == 0;
        ensure(order.placed.post_only == 0 || !plan.trades(), Status::WouldTake)?;
        let fills = match order.time_in_force() {
            TimeInForce::Gtc | TimeInForce::Ioc => true,
            TimeInForce::Fok => is_filled,
            TimeInForce::FokBudget => is_filled && keeps_budget(order, &plan),
        };
        ensure(fills, Status::WouldNotFill)?;
        Ok((held, plan))
    }

    /// An order comes to its book: it is held for, meets what was planned, and rests or is over.
    fn enter(
        &mut self,
        market: &Market,
        order: Order,
        held_before: u128,
        mut held: u128,
        plan: &Plan,
    ) {
        let mut moves = Moves::default();
        release(&mut moves, market, &order, held_before);
        take(&mut moves, market, &order, held);
        self.move_all(&moves, &[order.paying_account_id()]);
        self.state.set_hold(order.placed.id, self.hold_ledger(market, order.side()), held);

        let mut taker = order;
        for step in &plan.steps {
            match *step {
                Step::Cancel { id, reason } => self.cancel_resting(id, reason),
                Step::Trade { id, quantity } => {
                    let maker = *self.settlement.order(id).expect("it rests");
                    let cost = self.trade(market, &taker, &maker, quantity);
                    taker.filled += quantity;
                    taker.remaining -= quantity;
                    held = if taker.time_in_force() == TimeInForce::FokBudget
                        && taker.side() == Side::Buy
                    {
                        held - cost
                    } else {
                        hold(market, &taker.placed, taker.price, taker.remaining)
                            .expect("it shrinks")
                    };
                    let ledger = self.hold_ledger(market, taker.side());
                    self.state.set_hold(taker.placed.id, ledger, held);
                }
            }
        }
        assert_eq!(taker.remaining, plan.remaining, "all went as planned");
        taker.status = if taker.remaining == 0 {
            OrderStatus::Filled
        } else if taker.time_in_force() == TimeInForce::Gtc && !plan.is_stopped {
            OrderStatus::Open
        } else {
            OrderStatus::Cancelled
        };
        if !taker.is_open() {
            taker.since = self.course.timestamp;
            self.release_hold(market, &taker, held);
        }
        self.settlement.set_order(taker.placed.id, Some(KnownOrder::Placed(taker)));
    }

    fn hold_ledger(&self, market: &Market, side: Side) -> u32 {
        match side {
            Side::Buy => market.quote_ledger,
            Side::Sell => market.base_ledger,
        }
    }

    /// Changes balances at once, and stirs those of the accounts, in this order, that have more
    /// left then.
    fn move_all(&mut self, moves: &Moves, stirred: &[u128]) {
        let before: Vec<Account> = stirred.iter().map(|&id| self.account(id)).collect();
        for (id, (_, after)) in moves.applied(|id| self.account(id)) {
            self.state.set_account(id, Some(after.expect("it was found not to overflow")));
        }
        self.stir_grown(&before);
    }

    fn release_hold(&mut self, market: &Market, order: &Order, amount: u128) {
        let mut moves = Moves::default();
        release(&mut moves, market, order, amount);
        self.move_all(&moves, &[order.paying_account_id()]);
        self.state.set_hold(order.placed.id, self.hold_ledger(market, order.side()), 0);
    }

    /// The order that comes trades with one that rests. Returns what the buyer pays, fee included.
    fn trade(&mut self, market: &Market, taker: &Order, maker: &Order, quantity: u64) -> u128 {
        let deal = deal(market, taker, maker, quantity).expect("it was planned");
        let (buyer, seller) = match taker.side() {
            Side::Buy => (taker, maker),
            Side::Sell => (maker, taker),
        };
        let stirred = [
            seller.placed.base_account_id,
            buyer.placed.base_account_id,
            buyer.placed.quote_account_id,
            seller.placed.quote_account_id,
        ];
        self.move_all(&deal.moves, &stirred);
        let remaining = maker.remaining - quantity;
        let status = if remaining == 0 { OrderStatus::Filled } else { OrderStatus::Open };
        let since = if remaining == 0 { self.course.timestamp } else { maker.since };
        let filled = maker.filled + quantity;
        let after = Order { filled, remaining, status, since, ..*maker };
        self.settlement.set_order(maker.placed.id, Some(KnownOrder::Placed(after)));
        let held = hold(market, &after.placed, after.price, remaining).expect("it shrinks");
        let ledger = self.hold_ledger(market, after.side());
        self.state.set_hold(maker.placed.id, ledger, held);
        self.tell(
            EventKind::Trade,
            EventBody::of_trade(Trade {
                taker_order_id: taker.placed.id,
                maker_order_id: maker.placed.id,
                taker_fee: deal.taker_fee,
                maker_fee: deal.maker_fee,
                price: maker.price,
                quantity,
                market: market.id,
                ..Trade::default()
            }),
        );
        deal.cost
    }

    /// A resting order leaves its book without its owner's word.
    fn cancel_resting(&mut self, id: u128, reason: CancelReason) {
        let remaining = self.end_order(id, self.course.timestamp);
        let body =
            OrderCancelled { id, remaining, reason: reason as u8, ..OrderCancelled::default() };
        self.tell(EventKind::OrderCancelled, EventBody::of_cancellation(body));
    }

    /// The time of a resting order is over.
    pub(super) fn expire_order(&mut self, id: u128, now: u64) {
        let remaining = self.end_order(id, now);
        let reason = CancelReason::Expired as u8;
        let body = OrderCancelled { id, remaining, reason, ..OrderCancelled::default() };
        self.tell(EventKind::OrderCancelled, EventBody::of_cancellation(body));
    }

    /// Takes a resting order out of its book. Returns what remains of it.
    fn end_order(&mut self, id: u128, since: u64) -> u64 {
        let order = *self.settlement.order(id).expect("it rests");
        let market = self.settlement.markets[&order.placed.market].market;
        let held = hold(&market, &order.placed, order.price, order.remaining).expect("it is held");
        self.release_hold(&market, &order, held);
        let ended = Order { status: OrderStatus::Cancelled, since, ..order };
        self.settlement.set_order(id, Some(KnownOrder::Placed(ended)));
        order.remaining
    }

    fn resting(&self, id: u128) -> Result<Order, Status> {
        let order = *self.settlement.order(id).ok_or(Status::OrderNotFound)?;
        ensure(order.status != OrderStatus::Filled, Status::OrderAlreadyFilled)?;
        ensure(order.status != OrderStatus::Cancelled, Status::OrderAlreadyCancelled)?;
        Ok(order)
    }

    /// Answers `cancel_order`.
    pub(super) fn cancel_order(&mut self, id: u128) -> Result<(), Status> {
        self.resting(id)?;
        self.end_order(id, self.course.timestamp);
        Ok(())
    }

    /// Answers `amend_order`.
    pub(super) fn amend_order(&mut self, amendment: &AmendOrder) -> Result<(), Status> {
        let order = self.resting(amendment.id)?;
        let market = self.settlement.markets[&order.placed.market].market;
        let price = if amendment.price == 0 { order.price } else { amendment.price };
        let remaining = if amendment.quantity == 0 { order.remaining } else { amendment.quantity };
        ensure(price != order.price || amendment.quantity != 0, Status::NothingToAmend)?;
        ensure(
            amendment.quantity == 0 || amendment.quantity < order.remaining,
            Status::QuantityMustBeLower,
        )?;
        let held_before =
            hold(&market, &order.placed, order.price, order.remaining).expect("it is held");
        let mut amended = Order { price, remaining, ..order };
        if price == order.price {
            let held = hold(&market, &order.placed, price, remaining).expect("it shrinks");
            let mut moves = Moves::default();
            release(&mut moves, &market, &order, held_before - held);
            self.move_all(&moves, &[order.paying_account_id()]);
            let ledger = self.hold_ledger(&market, order.side());
            self.state.set_hold(amendment.id, ledger, held);
            self.settlement.set_order(amendment.id, Some(KnownOrder::Placed(amended)));
            return Ok(());
        }
        check_price(&market, &order.placed, price)?;
        let (held, plan) = self.check_entry(&market, &amended, held_before, true)?;
        // It gives up its place, and comes to the book anew. `place` is no part of what is shown.
        self.settlement.set_order(amendment.id, None);
        amended.place = self.settlement.next_place();
        self.enter(&market, amended, held_before, held, &plan);
        Ok(())
    }

    /// What `lookup_order` shows.
    pub(super) fn show_order(&self, id: u128) -> Option<OrderBody> {
        let order = self.settlement.order(id)?;
        let quantity = order.filled + order.remaining;
        Some(OrderBody {
            order: PlaceOrder { price: order.price, quantity, ..order.placed },
            timestamp: order.timestamp,
            filled: order.filled,
            remaining: order.remaining,
            order_status: order.status as u8,
            ..OrderBody::default()
        })
    }

    /// What `lookup_market` shows: the market, the best bids, the best asks.
    pub(super) fn show_market(&self, id: u32) -> Option<(MarketBody, LevelsBody, LevelsBody)> {
        let open = self.settlement.markets.get(&id)?;
        let market =
            MarketBody { market: open.market, timestamp: open.timestamp, ..MarketBody::default() };
        Some((market, self.levels(id, Side::Buy), self.levels(id, Side::Sell)))
    }

    fn levels(&self, market: u32, side: Side) -> LevelsBody {
        let mut body = LevelsBody::default();
        let mut count = 0;
        for order in self.settlement.book(market, side) {
            if count == 0 || body.levels[count - 1].price != order.price {
                if count == LEVELS_SHOWN {
                    break;
                }
                body.levels[count] = Level { price: order.price, ..Level::default() };
                count += 1;
            }
            let level = &mut body.levels[count - 1];
            level.quantity += u128::from(order.remaining);
            level.orders += 1;
        }
        body
    }

    /// The pending credits of markets' accounts, without those of pending transfers: what the holds
    /// of open orders come to.
    pub(super) fn check_holds(&self) {
        let mut held: BTreeMap<u128, u128> = BTreeMap::new();
        for order in self.settlement.open_orders() {
            let market = self.settlement.markets[&order.placed.market].market;
            let amount =
                hold(&market, &order.placed, order.price, order.remaining).expect("it is held");
            assert_eq!(self.state.hold(order.placed.id), amount, "{order:?}");
            *held.entry(holding_account_id(&market, order.side())).or_default() += amount;
            *held.entry(order.paying_account_id()).or_default() += 0;
        }
        let pending = self.state.pending_credits();
        for open in self.settlement.markets.values() {
            for id in [open.market.base_account_id, open.market.quote_account_id] {
                let of_orders = held.get(&id).copied().unwrap_or(0);
                let of_transfers = pending.get(&id).copied().unwrap_or(0);
                let account = self.account(id);
                assert_eq!(account.credits_pending, of_orders + of_transfers, "{account:?}");
            }
        }
        assert_eq!(
            self.state.hold_count(),
            self.settlement.open_orders().count(),
            "only open orders are held for"
        );
    }
}

/// `price_must_cover_fee`: of a sell that has a price.
fn check_price(market: &Market, placed: &PlaceOrder, price: u64) -> Result<(), Status> {
    let covers = u128::from(price) * u128::from(market.tick) >= u128::from(market.taker_fee);
    let is_priced_sell =
        placed.side == Side::Sell as u8 && placed.time_in_force != TimeInForce::FokBudget as u8;
    ensure(!is_priced_sell || covers, Status::PriceMustCoverFee)
}

fn keeps_budget(order: &Order, plan: &Plan) -> bool {
    match order.side() {
        Side::Buy => plan.paid <= order.placed.budget,
        Side::Sell => {
            plan.received >= plan.paid && plan.received - plan.paid >= order.placed.budget
        }
    }
}

/// What an order that comes meets, the accounts being as `outlook` has them.
fn plan(mut outlook: Outlook<'_>, market: &Market, order: &Order) -> Plan {
    let mut plan = Plan { remaining: order.remaining, ..Plan::default() };
    let other_side = match order.side() {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
    };
    let is_budget = order.time_in_force() == TimeInForce::FokBudget;
    for maker in outlook.twin.settlement.book(market.id, other_side) {
        let crosses = match order.side() {
            Side::Buy => maker.price <= order.price,
            Side::Sell => maker.price >= order.price,
        };
        if plan.remaining == 0 || !(crosses || is_budget) {
            break;
        }
        let quantity = plan.remaining.min(maker.remaining);
        let deal = deal(market, order, maker, quantity);
        if let Some(reason) = cancel_reason(&outlook, order, maker, deal.as_ref()) {
            let held = hold(market, &maker.placed, maker.price, maker.remaining);
            let mut moves = Moves::default();
            release(&mut moves, market, maker, held.expect("it is held"));
            outlook.apply(&moves);
            plan.steps.push(Step::Cancel { id: maker.placed.id, reason });
            continue;
        }
        // Only the cost of an order without a price can be beyond any amount.
        let Some(deal) = deal else {
            plan.is_stopped = true;
            break;
        };
        if is_budget
            && order.side() == Side::Buy
            && plan.paid.checked_add(deal.cost).is_none_or(|paid| paid > order.placed.budget)
        {
            plan.is_stopped = true;
            break;
        }
        let after = deal.moves.applied(|id| outlook.account(id));
        if after.values().any(|(_, after)| after.is_none()) {
            plan.is_stopped = true;
            break;
        }
        outlook.apply(&deal.moves);
        plan.remaining -= quantity;
        match order.side() {
            Side::Buy => plan.paid += deal.cost,
            Side::Sell => {
                plan.received = plan.received.saturating_add(deal.value);
                plan.paid += deal.taker_fee;
            }
        }
        plan.steps.push(Step::Trade { id: maker.placed.id, quantity });
    }
    plan
}

/// Why a resting order is cancelled when it is met, if it is.
fn cancel_reason(
    outlook: &Outlook<'_>,
    order: &Order,
    maker: &Order,
    deal: Option<&Deal>,
) -> Option<CancelReason> {
    let owned = [maker.placed.base_account_id, maker.placed.quote_account_id];
    let own = [order.placed.base_account_id, order.placed.quote_account_id];
    if owned.iter().any(|id| own.contains(id)) {
        return Some(CancelReason::SelfTrade);
    }
    if owned.iter().any(|&id| outlook.account(id).flags.has(AccountFlags::CLOSED)) {
        return Some(CancelReason::AccountClosed);
    }
    let after = deal?.moves.applied(|id| outlook.account(id));
    if owned.iter().any(|id| after.get(id).is_some_and(|(_, after)| after.is_none())) {
        return Some(CancelReason::Overflow);
    }
    None
}

/// The statuses of `place_order` marked † in the semantics.
fn spends_order_id(status: Status) -> bool {
    [
        Status::BaseAccountNotFound,
        Status::QuoteAccountNotFound,
        Status::RiskLedgerHalted,
        Status::RiskLedgerClosed,
        Status::RiskDebitAccountFrozen,
        Status::RiskCreditAccountFrozen,
        Status::BaseAccountAlreadyClosed,
        Status::QuoteAccountAlreadyClosed,
        Status::MarketClosed,
        Status::ExceedsCredits,
        Status::WouldTake,
        Status::WouldNotFill,
    ]
    .contains(&status)
}
