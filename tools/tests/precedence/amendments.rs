//! `amend_order` and `cancel_order`.

use ringfence::types::precedence::Precedence;
use ringfence::types::{AmendOrder, Command, Lookup, Op, PlaceOrder, Side, Status};

use super::floor::{Floor, HIGH_PRICE, TOO_MUCH, held, sell};
use super::scene::{Prologue, SMALL, rules_of};
use super::{Aspects, Condition, Impossible, Play, Scene, check, condition};

#[derive(Default, Clone, Copy, PartialEq)]
enum Fate {
    #[default]
    Open,
    Filled,
    Cancelled,
}

struct AmendScene {
    event: AmendOrder,
    is_cancel: bool,
    order: PlaceOrder,
    fate: Fate,
    floor: Floor,
}

impl Default for AmendScene {
    fn default() -> AmendScene {
        AmendScene {
            event: AmendOrder { id: 9, quantity: 2, ..AmendOrder::default() },
            is_cancel: false,
            order: PlaceOrder { quantity: 5, ..sell(9, 1) },
            fate: Fate::Open,
            floor: Floor::default(),
        }
    }
}

impl AmendScene {
    /// Another price, this one if there was none yet.
    fn reprice(&mut self, price: u64) {
        if self.event.price == 0 {
            self.event.price = price;
        }
    }

    /// An order to buy as many lots as there can be, all of which get a price of at least `price`.
    fn buy_much(&mut self, price: u64) {
        self.order.side = Side::Buy as u8;
        self.order.price = 2;
        self.order.quantity = u64::MAX;
        self.event.price = self.event.price.max(price);
        if self.event.quantity == 2 {
            self.event.quantity = 0;
        }
    }
}

fn cancel(id: u128) -> Command {
    Command::of_lookup(Op::CancelOrder, Lookup { id, ..Lookup::default() })
}

impl Scene for AmendScene {
    fn play(&self) -> Play {
        let mut prologue = Prologue::default();
        self.floor.open(&mut prologue, held(&self.order));
        prologue.says(Command::place_order(self.order), Status::Created);
        match self.fate {
            Fate::Open => {}
            Fate::Filled => {
                let is_sell = self.order.side == Side::Sell as u8;
                let side = if is_sell { Side::Buy } else { Side::Sell };
                let PlaceOrder { price, quantity, .. } = self.order;
                let other = PlaceOrder { side: side as u8, price, quantity, ..sell(10, 5) };
                prologue.says(Command::place_order(other), Status::Created);
            }
            Fate::Cancelled => prologue.says(cancel(9), Status::Ok),
        }
        Floor::fill_book(&mut prologue);
        self.floor.prepare(&mut prologue);
        let event =
            if self.is_cancel { cancel(self.event.id) } else { Command::amend_order(self.event) };
        Play {
            rules: rules_of(SMALL),
            is_alone: true,
            last: prologue.stamp(vec![event]),
            prologue: prologue.batches,
        }
    }
}

const REPRICED: Aspects = &[("price", "another")];
const MUCH: Aspects = &[("price", "another"), ("side", "buy"), ("quantity", "all")];

fn conditions_of_the_order() -> Vec<Condition<AmendScene>> {
    vec![
        condition(Status::OrderNotFound, &[("order", "unknown")], &[], |scene| {
            scene.event.id = 77;
        }),
        condition(Status::OrderAlreadyFilled, &[("order", "filled")], &[], |scene| {
            scene.fate = Fate::Filled;
        }),
        condition(Status::OrderAlreadyCancelled, &[("order", "cancelled")], &[], |scene| {
            scene.fate = Fate::Cancelled;
        }),
    ]
}

fn conditions_of_amendments() -> Vec<Condition<AmendScene>> {
    use Status as S;
    vec![
        condition(
            S::NothingToAmend,
            &[("price", "the same"), ("quantity", "the same")],
            &[],
            |scene| scene.event.quantity = 0,
        ),
        condition(S::QuantityMustBeLower, &[("quantity", "all")], &[], |scene| {
            scene.event.quantity = u64::MAX;
        }),
        condition(S::PriceMustCoverFee, &[("price", "another"), ("side", "sell")], &[], |scene| {
            scene.event.price = 1
        }),
        condition(S::BaseAccountAlreadyClosed, REPRICED, &[], |scene| {
            scene.reprice(12);
            scene.floor.is_base_closed = true;
        }),
        condition(S::QuoteAccountAlreadyClosed, REPRICED, &[], |scene| {
            scene.reprice(12);
            scene.floor.is_quote_closed = true;
        }),
        condition(S::MarketClosed, REPRICED, &[], |scene| {
            scene.reprice(12);
            scene.floor.is_market_closed = true;
        }),
        condition(S::OverflowsAmount, MUCH, &[], |scene| scene.buy_much(u64::MAX)),
        condition(S::OverflowsDebitsPending, MUCH, &[], |scene| {
            scene.buy_much(HIGH_PRICE);
            scene.floor.owner_quote.pending += TOO_MUCH;
        }),
        condition(S::OverflowsCreditsPending, MUCH, &[], |scene| {
            scene.buy_much(HIGH_PRICE);
            scene.floor.market_quote.pending += TOO_MUCH;
        }),
        condition(S::OverflowsDebits, MUCH, &[], |scene| {
            scene.buy_much(HIGH_PRICE);
            scene.floor.owner_quote.posted += TOO_MUCH;
        }),
        condition(S::OverflowsCredits, MUCH, &[], |scene| {
            scene.buy_much(HIGH_PRICE);
            scene.floor.market_quote.posted += TOO_MUCH;
        }),
        condition(S::ExceedsCredits, MUCH, &[], |scene| {
            scene.buy_much(3);
            scene.floor.is_limited = true;
        }),
        condition(S::WouldTake, REPRICED, &[], |scene| {
            scene.order.post_only = 1;
            if scene.order.side == Side::Sell as u8 {
                scene.reprice(3);
                scene.event.price = scene.event.price.min(3);
            } else {
                scene.event.price = scene.event.price.max(20);
            }
        }),
    ]
}

const ONE_END: Impossible = Impossible::among(
    "an order has one end",
    &[Status::OrderNotFound, Status::OrderAlreadyFilled, Status::OrderAlreadyCancelled],
);

/// What a buy of all lots at another price may be refused for.
const OF_HOLDS: &[Status] = &[
    Status::OverflowsAmount,
    Status::OverflowsDebitsPending,
    Status::OverflowsCreditsPending,
    Status::OverflowsDebits,
    Status::OverflowsCredits,
    Status::ExceedsCredits,
];

const IMPOSSIBLE: &[Impossible] = &[
    ONE_END,
    Impossible::between("nothing is amended", &[Status::NothingToAmend], OF_HOLDS),
    Impossible::between(
        "nothing is amended",
        &[Status::NothingToAmend],
        &[
            Status::QuantityMustBeLower,
            Status::PriceMustCoverFee,
            Status::BaseAccountAlreadyClosed,
            Status::QuoteAccountAlreadyClosed,
            Status::MarketClosed,
            Status::WouldTake,
        ],
    ),
    Impossible::between(
        "a sell holds the same at every price",
        &[Status::PriceMustCoverFee],
        OF_HOLDS,
    ),
];

pub(crate) fn check_amendments(precedence: &Precedence) {
    let mut conditions = conditions_of_the_order();
    conditions.extend(conditions_of_amendments());
    check(precedence, AmendScene::default, &conditions, IMPOSSIBLE);
}

pub(crate) fn check_cancellations(precedence: &Precedence) {
    let base = || AmendScene { is_cancel: true, ..AmendScene::default() };
    check(precedence, base, &conditions_of_the_order(), &[ONE_END]);
}
