//! `create_account`.

use ringfence::types::{Account, AccountFlags, ID_MAX, Status, TIMESTAMP_MAX};
use tools::script::{Say, account};

use super::scene::{Prologue, rules};
use super::{Condition, Play, Scene, check};
use ringfence::types::precedence::Precedence;

struct AccountScene {
    event: Account,
    /// What the event's id names already.
    original: Account,
    has_original: bool,
    /// Whether a chain ends with the event, and was broken before it.
    is_in_broken_chain: bool,
    /// What the batch begins with, if not with the event.
    first: Option<Account>,
    is_full: bool,
}

impl Default for AccountScene {
    fn default() -> AccountScene {
        AccountScene {
            event: account(9),
            original: account(9),
            has_original: false,
            is_in_broken_chain: false,
            first: None,
            is_full: false,
        }
    }
}

impl AccountScene {
    /// An imported event in an imported batch.
    fn import(&mut self) {
        self.begin_imported();
        if !self.event.flags.has(AccountFlags::IMPORTED) {
            self.event.flags = self.event.flags.with(AccountFlags::IMPORTED);
            self.event.timestamp = 600_000;
        }
    }

    fn begin_imported(&mut self) {
        let flags = AccountFlags::IMPORTED;
        self.first = Some(Account { flags, timestamp: 500_000, ..account(100) });
    }
}

impl Scene for AccountScene {
    fn has_original(&self) -> bool {
        self.has_original
    }

    fn play(&self) -> Play {
        let mut prologue = Prologue::default();
        prologue.at_ns(1_000);
        prologue.says(account(1), Status::Created);
        if self.has_original {
            prologue.says(self.original, Status::Created);
        }
        prologue.at_ns(1_000_000);
        let mut last = Vec::new();
        last.extend(self.first.map(Say::command));
        if self.is_in_broken_chain {
            last.push(Account { code: 0, ..account(101) }.linked());
        }
        last.push(self.event.command());
        let count = prologue.account_count + u64::from(self.first.is_some());
        Play {
            rules: rules(if self.is_full { count } else { 16 }, 16),
            is_alone: self.first.is_none(),
            last: prologue.stamp(last),
            prologue: prologue.batches,
        }
    }
}

const CONDITIONS: &[Condition<AccountScene>] = &[
    Condition {
        status: Status::LinkedEventFailed,
        aspects: &[],
        induced: &[],
        apply: |scene| scene.is_in_broken_chain = true,
    },
    Condition {
        status: Status::LinkedEventChainOpen,
        aspects: &[],
        induced: &[],
        apply: |scene| scene.event.flags = scene.event.flags.with(AccountFlags::LINKED),
    },
    Condition {
        status: Status::ImportedEventExpected,
        aspects: &[("batch", "imported"), ("event", "not imported")],
        induced: &[],
        apply: |scene| scene.begin_imported(),
    },
    Condition {
        status: Status::ImportedEventNotExpected,
        aspects: &[("batch", "not imported"), ("event", "imported")],
        induced: &[],
        apply: |scene| {
            scene.first = Some(account(100));
            scene.event.flags = scene.event.flags.with(AccountFlags::IMPORTED);
            scene.event.timestamp = 600_000;
        },
    },
    Condition {
        status: Status::TimestampMustBeZero,
        aspects: &[("event", "not imported"), ("timestamp", "5")],
        induced: &[],
        apply: |scene| scene.event.timestamp = 5,
    },
    Condition {
        status: Status::ImportedEventTimestampOutOfRange,
        aspects: &[("batch", "imported"), ("event", "imported"), ("timestamp", "0")],
        induced: &[],
        apply: |scene| {
            scene.import();
            scene.event.timestamp = 0;
        },
    },
    Condition {
        status: Status::ImportedEventTimestampOutOfRange,
        aspects: &[("batch", "imported"), ("event", "imported"), ("timestamp", "2^63")],
        induced: &[],
        apply: |scene| {
            scene.import();
            scene.event.timestamp = TIMESTAMP_MAX + 1;
        },
    },
    Condition {
        status: Status::ImportedEventTimestampMustNotAdvance,
        aspects: &[("batch", "imported"), ("event", "imported"), ("timestamp", "late")],
        induced: &[],
        apply: |scene| {
            scene.import();
            scene.event.timestamp = TIMESTAMP_MAX;
        },
    },
    Condition {
        status: Status::ReservedFlag,
        aspects: &[],
        induced: &[],
        apply: |scene| scene.event.flags.0 |= 1 << 15,
    },
    Condition {
        status: Status::IdMustNotBeZero,
        aspects: &[("id", "0")],
        induced: &[],
        apply: |scene| scene.event.id = 0,
    },
    Condition {
        status: Status::IdMustNotBeIntMax,
        aspects: &[("id", "MAX")],
        induced: &[],
        apply: |scene| scene.event.id = ID_MAX,
    },
    Condition {
        status: Status::ExistsWithDifferentFlags,
        aspects: &[],
        induced: &[],
        apply: |scene| {
            scene.has_original = true;
            scene.original.flags = AccountFlags::HISTORY;
        },
    },
    Condition {
        status: Status::ExistsWithDifferentUserData128,
        aspects: &[],
        induced: &[],
        apply: |scene| {
            scene.has_original = true;
            scene.original.user_data_128 = u128::MAX;
        },
    },
    Condition {
        status: Status::ExistsWithDifferentUserData64,
        aspects: &[],
        induced: &[],
        apply: |scene| {
            scene.has_original = true;
            scene.original.user_data_64 = 1;
        },
    },
    Condition {
        status: Status::ExistsWithDifferentUserData32,
        aspects: &[],
        induced: &[],
        apply: |scene| {
            scene.has_original = true;
            scene.original.user_data_32 = 1;
        },
    },
    Condition {
        status: Status::ExistsWithDifferentLedger,
        aspects: &[],
        induced: &[],
        apply: |scene| {
            scene.has_original = true;
            scene.original.ledger = 2;
        },
    },
    Condition {
        status: Status::ExistsWithDifferentCode,
        aspects: &[],
        induced: &[],
        apply: |scene| {
            scene.has_original = true;
            scene.original.code = 2;
        },
    },
    Condition {
        status: Status::Exists,
        aspects: &[],
        induced: &[],
        apply: |scene| scene.has_original = true,
    },
    Condition {
        status: Status::FlagsAreMutuallyExclusive,
        aspects: &[],
        induced: &[Status::ExistsWithDifferentFlags],
        apply: |scene| {
            let limits = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS
                .with(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
            scene.event.flags = scene.event.flags.with(limits);
        },
    },
    Condition {
        status: Status::DebitsPendingMustBeZero,
        aspects: &[],
        induced: &[],
        apply: |scene| scene.event.debits_pending = 1,
    },
    Condition {
        status: Status::DebitsPostedMustBeZero,
        aspects: &[],
        induced: &[],
        apply: |scene| scene.event.debits_posted = u128::MAX,
    },
    Condition {
        status: Status::CreditsPendingMustBeZero,
        aspects: &[],
        induced: &[],
        apply: |scene| scene.event.credits_pending = 1 << 64,
    },
    Condition {
        status: Status::CreditsPostedMustBeZero,
        aspects: &[],
        induced: &[],
        apply: |scene| scene.event.credits_posted = 1,
    },
    Condition {
        status: Status::LedgerMustNotBeZero,
        aspects: &[],
        induced: &[Status::ExistsWithDifferentLedger],
        apply: |scene| scene.event.ledger = 0,
    },
    Condition {
        status: Status::CodeMustNotBeZero,
        aspects: &[],
        induced: &[Status::ExistsWithDifferentCode],
        apply: |scene| scene.event.code = 0,
    },
    Condition {
        status: Status::ImportedEventTimestampMustNotRegress,
        aspects: &[("batch", "imported"), ("event", "imported"), ("timestamp", "early")],
        induced: &[Status::ExistsWithDifferentFlags],
        apply: |scene| {
            scene.import();
            // Exactly that of the batch's first account: equal is not later.
            scene.event.timestamp = 500_000;
        },
    },
    Condition {
        status: Status::AccountsFull,
        aspects: &[],
        induced: &[],
        apply: |scene| scene.is_full = true,
    },
];

pub(crate) fn check_all(precedence: &Precedence) {
    check(precedence, AccountScene::default, CONDITIONS, &[]);
}
