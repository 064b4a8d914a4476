//! `place_order`, and look-ups of orders and markets.

use ringfence::types::precedence::Precedence;
use ringfence::types::{
    Capacities, Command, Frozen, ID_MAX, Lookup, PlaceOrder, Side, Status, TimeInForce,
};

use super::floor::{Floor, HIGH_PRICE, NEARLY_ALL, TOO_MUCH, held, sell};
use super::scene::{FAR_FUTURE, IdCheck, Prologue, SMALL, rules_of};
use super::{Aspects, Condition, Impossible, Play, Scene, check, condition};

struct OrderScene {
    event: PlaceOrder,
    original: PlaceOrder,
    has_original: bool,
    is_id_spent: bool,
    id_check: IdCheck,
    floor: Floor,
    is_full: bool,
}

impl Default for OrderScene {
    fn default() -> OrderScene {
        OrderScene {
            event: sell(9, 1),
            original: sell(9, 1),
            has_original: false,
            is_id_spent: false,
            id_check: IdCheck::None,
            floor: Floor::default(),
            is_full: false,
        }
    }
}

impl OrderScene {
    fn be(&mut self, time_in_force: TimeInForce) {
        self.event.time_in_force = time_in_force as u8;
        if time_in_force == TimeInForce::FokBudget && self.event.price != 0 {
            self.event.price = 0;
            self.event.budget = 1;
        }
    }

    /// A buy of all lots that there can be, at this price at least.
    fn buy_much(&mut self, price: u64) {
        self.event.side = Side::Buy as u8;
        self.event.price = self.event.price.max(price);
        self.event.quantity = u64::MAX;
    }
}

impl Scene for OrderScene {
    fn has_original(&self) -> bool {
        self.has_original
    }

    fn play(&self) -> Play {
        let mut prologue = Prologue::default();
        let held = if self.has_original { held(&self.original) } else { [0, 0] };
        let floor = Floor { id_check: self.id_check, ..self.floor.beside(held) };
        floor.open(&mut prologue, held);
        Floor::fill_book(&mut prologue);
        if self.has_original {
            prologue.says(Command::place_order(self.original), Status::Created);
        }
        if self.is_id_spent {
            let refused = PlaceOrder { base_account_id: 98, ..self.original };
            prologue.says(Command::place_order(refused), Status::BaseAccountNotFound);
        }
        floor.prepare(&mut prologue);
        let orders = if self.is_full { prologue.order_count } else { SMALL.orders };
        Play {
            rules: self.id_check.rules(rules_of(Capacities { orders, ..SMALL })),
            is_alone: true,
            last: prologue.stamp(vec![Command::place_order(self.event)]),
            prologue: prologue.batches,
        }
    }
}

const OTHER: &[Status] = &[Status::ExistsWithDifferentFields];

const GTC: Aspects = &[("time in force", "gtc"), ("price", "limit"), ("quantity", "some")];
const IOC: Aspects = &[("time in force", "ioc"), ("price", "limit")];
const FOK: Aspects = &[("time in force", "fok"), ("price", "limit")];
const BUDGET: Aspects = &[("time in force", "fok_budget"), ("price", "none")];

fn conditions_of_ids() -> Vec<Condition<OrderScene>> {
    vec![
        condition(Status::IdMustNotBeZero, &[("id", "0")], &[], |scene| scene.event.id = 0),
        condition(Status::IdMustNotBeIntMax, &[("id", "MAX")], &[], |scene| {
            scene.event.id = ID_MAX;
        }),
        condition(Status::ExistsWithDifferentFields, &[("id is known", "placed")], &[], |scene| {
            scene.has_original = true;
            scene.original.user_data_128 = 1;
        }),
        condition(Status::Exists, &[("id is known", "placed")], &[], |scene| {
            scene.has_original = true;
        }),
        condition(Status::IdAlreadyFailed, &[("id is known", "spent")], &[], |scene| {
            scene.is_id_spent = true;
        }),
        condition(Status::IdExpired, &[("id", "old")], &[], |scene| {
            scene.id_check = IdCheck::Expired;
        }),
        condition(
            Status::IdNotYetValid,
            &[("id", "of the future"), ("id is known", "no")],
            &[],
            |scene| {
                scene.id_check = IdCheck::NotYetValid;
                scene.event.id |= FAR_FUTURE;
            },
        ),
    ]
}

fn conditions_of_fields() -> Vec<Condition<OrderScene>> {
    use Status as S;
    use TimeInForce as T;
    vec![
        condition(S::MarketNotFound, &[], OTHER, |scene| scene.event.market = 9),
        condition(S::QuantityMustNotBeZero, &[("quantity", "0")], OTHER, |scene| {
            scene.event.quantity = 0;
        }),
        condition(S::PriceMustNotBeZero, &[("price", "limit"), ("limit", "0")], OTHER, |scene| {
            scene.event.price = 0
        }),
        condition(S::PriceMustBeZero, BUDGET, OTHER, |scene| {
            scene.be(T::FokBudget);
            scene.event.price = 10;
        }),
        condition(S::BudgetMustNotBeZero, BUDGET, OTHER, |scene| {
            if scene.event.time_in_force != T::FokBudget as u8 {
                scene.be(T::FokBudget);
            }
            scene.event.budget = 0;
        }),
        condition(S::BudgetMustBeZero, &[("price", "limit")], OTHER, |scene| {
            scene.event.budget = 5;
        }),
        condition(S::FlagsAreMutuallyExclusive, IOC, OTHER, |scene| {
            scene.be(T::Ioc);
            scene.event.post_only = 1;
        }),
        condition(S::FlagsAreMutuallyExclusive, FOK, OTHER, |scene| {
            scene.be(T::Fok);
            scene.event.post_only = 1;
        }),
        condition(S::FlagsAreMutuallyExclusive, BUDGET, OTHER, |scene| {
            if scene.event.time_in_force != T::FokBudget as u8 {
                scene.be(T::FokBudget);
            }
            scene.event.post_only = 1;
        }),
        condition(S::TimeoutReservedForGtc, IOC, OTHER, |scene| {
            scene.be(T::Ioc);
            scene.event.timeout = 7;
        }),
        condition(S::TimeoutReservedForGtc, FOK, OTHER, |scene| {
            scene.be(T::Fok);
            scene.event.timeout = 7;
        }),
        condition(S::TimeoutReservedForGtc, BUDGET, OTHER, |scene| {
            if scene.event.time_in_force != T::FokBudget as u8 {
                scene.be(T::FokBudget);
            }
            scene.event.timeout = 7;
        }),
        condition(S::PriceMustCoverFee, &[("price", "limit"), ("side", "sell")], OTHER, |scene| {
            scene.event.price = scene.event.price.min(1)
        }),
    ]
}

fn conditions_of_accounts() -> Vec<Condition<OrderScene>> {
    use Status as S;
    vec![
        condition(S::BaseAccountNotFound, &[("base", "98")], OTHER, |scene| {
            scene.event.base_account_id = 98;
        }),
        condition(S::QuoteAccountNotFound, &[("quote", "99")], OTHER, |scene| {
            scene.event.quote_account_id = 99;
        }),
        condition(S::BaseAccountHasDifferentLedger, &[("base", "302")], OTHER, |scene| {
            scene.event.base_account_id = 302;
        }),
        condition(S::QuoteAccountHasDifferentLedger, &[("quote", "301")], OTHER, |scene| {
            scene.event.quote_account_id = 301;
        }),
        condition(S::AccountBelongsToMarket, &[("base", "11")], OTHER, |scene| {
            scene.event.base_account_id = 11;
        }),
        condition(S::AccountBelongsToMarket, &[("quote", "13")], OTHER, |scene| {
            scene.event.quote_account_id = 13;
        }),
        condition(S::AccountMustNotLimitCredits, &[("base", "401")], OTHER, |scene| {
            scene.event.base_account_id = 401;
        }),
        condition(S::AccountMustNotLimitCredits, &[("quote", "402")], OTHER, |scene| {
            scene.event.quote_account_id = 402;
        }),
        condition(S::RiskLedgerHalted, &[], &[], |scene| scene.floor.is_ledger_halted = true),
        condition(S::RiskLedgerClosed, &[], &[], |scene| scene.floor.is_ledger_closed = true),
        condition(S::RiskDebitAccountFrozen, &[], &[], |scene| {
            scene.floor.frozen |= Frozen::Debits as u8;
        }),
        condition(S::RiskCreditAccountFrozen, &[], &[], |scene| {
            scene.floor.frozen |= Frozen::Credits as u8;
        }),
        condition(S::BaseAccountAlreadyClosed, &[], &[], |scene| {
            scene.floor.is_base_closed = true;
        }),
        condition(S::QuoteAccountAlreadyClosed, &[], &[], |scene| {
            scene.floor.is_quote_closed = true;
        }),
        condition(S::MarketClosed, &[], &[], |scene| scene.floor.is_market_closed = true),
    ]
}

/// A buy of more than any balance can take beside what is there.
const MUCH: Aspects = &[
    ("side", "buy"),
    ("price", "limit"),
    ("limit", "high"),
    ("quantity", "some"),
    ("base", "101"),
    ("quote", "102"),
];

/// A sell of a little, where nothing fits any more. Each fills one balance.
const OWNER_PENDING: Aspects =
    &[("side", "sell"), ("quantity", "some"), ("owner is full", "pending")];
const OWNER_POSTED: Aspects =
    &[("side", "sell"), ("quantity", "some"), ("owner is full", "posted")];
const MARKET_PENDING: Aspects =
    &[("side", "sell"), ("quantity", "some"), ("market is full", "pending")];
const MARKET_POSTED: Aspects =
    &[("side", "sell"), ("quantity", "some"), ("market is full", "posted")];

fn conditions_of_balances() -> Vec<Condition<OrderScene>> {
    use Status as S;
    vec![
        condition(
            S::OverflowsAmount,
            &[("side", "buy"), ("price", "limit"), ("limit", "high"), ("quantity", "some")],
            OTHER,
            |scene| scene.buy_much(u64::MAX),
        ),
        condition(S::OverflowsDebitsPending, MUCH, OTHER, |scene| {
            scene.buy_much(HIGH_PRICE);
            scene.floor.owner_quote.pending += TOO_MUCH;
        }),
        condition(S::OverflowsDebitsPending, OWNER_PENDING, &[], |scene| {
            scene.floor.owner_base.pending = NEARLY_ALL;
        }),
        condition(S::OverflowsCreditsPending, MUCH, OTHER, |scene| {
            scene.buy_much(HIGH_PRICE);
            scene.floor.market_quote.pending += TOO_MUCH;
        }),
        condition(S::OverflowsCreditsPending, MARKET_PENDING, &[], |scene| {
            scene.floor.market_base.pending = NEARLY_ALL;
        }),
        condition(S::OverflowsDebits, MUCH, OTHER, |scene| {
            scene.buy_much(HIGH_PRICE);
            scene.floor.owner_quote.posted += TOO_MUCH;
        }),
        condition(S::OverflowsDebits, OWNER_POSTED, &[], |scene| {
            scene.floor.owner_base.posted = NEARLY_ALL;
        }),
        condition(S::OverflowsCredits, MUCH, OTHER, |scene| {
            scene.buy_much(HIGH_PRICE);
            scene.floor.market_quote.posted += TOO_MUCH;
        }),
        condition(S::OverflowsCredits, MARKET_POSTED, &[], |scene| {
            scene.floor.market_base.posted = NEARLY_ALL;
        }),
        condition(
            S::OverflowsTimeout,
            &[("time in force", "gtc"), ("price", "limit")],
            OTHER,
            |scene| {
                scene.event.timeout = 2;
                scene.floor.is_end_of_time = true;
            },
        ),
        condition(S::ExceedsCredits, &[("quantity", "some")], &[], |scene| {
            scene.floor.is_limited = true;
        }),
        condition(S::WouldTake, GTC, OTHER, |scene| {
            scene.event.post_only = 1;
            if scene.event.side == Side::Sell as u8 {
                scene.event.price = scene.event.price.min(3);
            }
        }),
        condition(
            S::WouldNotFill,
            &[("time in force", "fok"), ("price", "limit"), ("quantity", "some")],
            OTHER,
            |scene| {
                scene.be(TimeInForce::Fok);
                scene.event.quantity = scene.event.quantity.max(101);
            },
        ),
        condition(
            S::WouldNotFill,
            &[("time in force", "fok_budget"), ("price", "none"), ("quantity", "some")],
            OTHER,
            |scene| {
                if scene.event.time_in_force != TimeInForce::FokBudget as u8 {
                    scene.be(TimeInForce::FokBudget);
                }
                scene.event.quantity = scene.event.quantity.max(101);
            },
        ),
        condition(S::OrdersFull, &[], &[], |scene| scene.is_full = true),
    ]
}

const IMPOSSIBLE: &[Impossible] = &[
    Impossible::between(
        "no lots hold nothing and trade nothing",
        &[Status::QuantityMustNotBeZero],
        &[
            Status::OverflowsAmount,
            Status::OverflowsDebitsPending,
            Status::OverflowsCreditsPending,
            Status::OverflowsDebits,
            Status::OverflowsCredits,
            Status::ExceedsCredits,
            Status::WouldTake,
            Status::WouldNotFill,
        ],
    ),
    Impossible::between(
        "an order has a price or a budget, and only with a price it may rest",
        &[Status::PriceMustBeZero, Status::BudgetMustNotBeZero],
        &[
            Status::PriceMustNotBeZero,
            Status::BudgetMustBeZero,
            Status::PriceMustCoverFee,
            Status::OverflowsAmount,
            Status::OverflowsTimeout,
            Status::WouldTake,
        ],
    ),
    Impossible::between(
        "only buys at a high price hold more than any amount",
        &[Status::PriceMustNotBeZero, Status::PriceMustCoverFee],
        &[Status::OverflowsAmount],
    ),
    Impossible::between(
        "what does not rest has neither a timeout nor `post_only`",
        &[Status::FlagsAreMutuallyExclusive, Status::TimeoutReservedForGtc, Status::WouldNotFill],
        &[Status::OverflowsTimeout, Status::WouldTake],
    ),
    Impossible::among(
        "an unknown account has no ledger",
        &[Status::BaseAccountNotFound, Status::BaseAccountHasDifferentLedger],
    ),
    Impossible::among(
        "an unknown account has no ledger",
        &[Status::QuoteAccountNotFound, Status::QuoteAccountHasDifferentLedger],
    ),
];

pub(crate) fn check_all(precedence: &Precedence) {
    let mut conditions = conditions_of_ids();
    conditions.extend(conditions_of_fields());
    conditions.extend(conditions_of_accounts());
    conditions.extend(conditions_of_balances());
    check(precedence, OrderScene::default, &conditions, IMPOSSIBLE);
}

/// A look-up of an order, or of the market.
struct LookupScene {
    event: Command,
}

impl Scene for LookupScene {
    fn play(&self) -> Play {
        let mut prologue = Prologue::default();
        Floor::default().open(&mut prologue, [0, 0]);
        prologue.says(Command::place_order(sell(1, 1)), Status::Created);
        Play {
            rules: rules_of(SMALL),
            is_alone: true,
            last: prologue.stamp(vec![self.event]),
            prologue: prologue.batches,
        }
    }
}

/// A look-up that finds what has the id 1, or answers `status`.
pub(crate) fn look_up(precedence: &Precedence, status: Status) {
    let lookup = |id| Command::of_lookup(precedence.op, Lookup { id, ..Lookup::default() });
    let missing = condition(status, &[], &[], |scene: &mut LookupScene| {
        scene.event = Command::of_lookup(scene.event.op(), Lookup { id: 99, ..Lookup::default() });
    });
    check(precedence, || LookupScene { event: lookup(1) }, &[missing], &[]);
}
