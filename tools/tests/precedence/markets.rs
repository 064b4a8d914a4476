//! `create_market`.

use ringfence::types::precedence::Precedence;
use ringfence::types::{Account, AccountFlags, Capacities, Command, Market, Status};
use tools::script::account;

use super::scene::{Prologue, SMALL, rules_of};
use super::{Condition, Impossible, Play, Scene, check, condition};

struct MarketScene {
    event: Market,
    original: Market,
    has_original: bool,
    is_full: bool,
}

impl Default for MarketScene {
    fn default() -> MarketScene {
        let event = Market {
            id: 1,
            base_ledger: 1,
            quote_ledger: 2,
            lot: 10,
            tick: 2,
            base_account_id: 11,
            quote_account_id: 12,
            fee_account_id: 13,
            maker_fee: 1,
            taker_fee: 3,
            ..Market::default()
        };
        MarketScene { event, original: event, has_original: false, is_full: false }
    }
}

impl Scene for MarketScene {
    fn has_original(&self) -> bool {
        self.has_original
    }

    fn play(&self) -> Play {
        let mut prologue = Prologue::default();
        prologue.says(account(11), Status::Created);
        for id in [12, 13] {
            prologue.says(Account { ledger: 2, ..account(id) }, Status::Created);
        }
        let flags = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
        prologue.says(Account { ledger: 2, flags, ..account(14) }, Status::Created);
        let mut markets = 0;
        if self.has_original {
            prologue.says(Command::create_market(self.original), Status::Created);
            markets = 1;
        }
        let markets = if self.is_full { markets } else { 4 };
        Play {
            rules: rules_of(Capacities { markets, ..SMALL }),
            is_alone: true,
            last: prologue.stamp(vec![Command::create_market(self.event)]),
            prologue: prologue.batches,
        }
    }
}

const OTHER: &[Status] = &[Status::ExistsWithDifferentFields];

const CONDITIONS: &[Condition<MarketScene>] = &[
    condition(Status::ExistsWithDifferentFields, &[("id", "1")], &[], |scene| {
        scene.has_original = true;
        scene.original.maker_fee = 0;
    }),
    condition(Status::Exists, &[("id", "1")], &[], |scene| scene.has_original = true),
    condition(Status::IdMustNotBeZero, &[("id", "0")], &[], |scene| scene.event.id = 0),
    condition(Status::LedgerMustNotBeZero, &[], OTHER, |scene| scene.event.base_ledger = 0),
    // Of whatever number: it comes after a ledger that is zero.
    condition(Status::LedgersMustBeDifferent, &[], OTHER, |scene| {
        scene.event.quote_ledger = scene.event.base_ledger;
    }),
    condition(Status::LotMustNotBeZero, &[], OTHER, |scene| scene.event.lot = 0),
    condition(Status::TickMustNotBeZero, &[], OTHER, |scene| scene.event.tick = 0),
    condition(Status::MakerFeeMustNotExceedTakerFee, &[], OTHER, |scene| {
        scene.event.taker_fee = 0;
    }),
    condition(Status::AccountNotFound, &[], OTHER, |scene| scene.event.base_account_id = 99),
    condition(Status::AccountHasDifferentLedger, &[], OTHER, |scene| {
        scene.event.quote_account_id = 11;
    }),
    condition(Status::AccountMustNotHaveLimits, &[], OTHER, |scene| {
        scene.event.fee_account_id = 14;
    }),
    condition(Status::MarketsFull, &[], &[], |scene| scene.is_full = true),
];

const IMPOSSIBLE: &[Impossible] = &[Impossible::between(
    "no market has the id 0",
    &[Status::ExistsWithDifferentFields, Status::Exists],
    &[Status::IdMustNotBeZero],
)];

pub(crate) fn check_all(precedence: &Precedence) {
    check(precedence, MarketScene::default, CONDITIONS, IMPOSSIBLE);
}
