//! `create_transfer` of what is neither a post nor a void.

use ringfence::types::{
    AMOUNT_MAX, Account, AccountFlags, AccountPolicy, Frozen, ID_MAX, LedgerPolicy,
    NANOSECONDS_PER_SECOND, PairPolicy, PolicyLimits, SECONDS_PER_DAY, Status, TIMESTAMP_MAX,
    Transfer, TransferFlags,
};
use tools::script::{Say, account, transfer};

use super::impossible::{self, REPEATS};
use super::scene::{FAR_FUTURE, IdCheck, Prologue, rules};
use super::{Aspects, Condition, Impossible, Play, Scene, check, condition};
use ringfence::types::precedence::Precedence;

/// What a balance is raised to: three of them fit.
const HIGH: u128 = 1 << 126;
/// The least amount that does not fit on top of one such balance, or of two halves of it.
const TOO_MUCH: u128 = AMOUNT_MAX - HIGH + 1;

/// When the accounts are created, in nanoseconds; later than the imported event if they are late.
const EARLY_NS: u64 = 2_000;
const LATE_NS: u64 = 600_000;
/// The timestamp that the event brings if it is imported.
const IMPORTED_NS: u64 = 500_000;
/// When an account is created that has nothing to do with the event.
const BYSTANDER_NS: u64 = 400_000;

/// One of the event's two accounts.
#[derive(Default)]
struct Side {
    flags: AccountFlags,
    policy: AccountPolicy,
    is_closed: bool,
    is_late: bool,
    /// What it owes, or is owed, before the event.
    pending: u128,
    posted: u128,
}

impl Side {
    fn limit(&mut self, limit: PolicyLimits) {
        self.policy.limits = self.policy.limits.with(limit);
    }
}

pub(crate) struct PaymentScene {
    pub(crate) event: Transfer,
    pub(crate) original: Transfer,
    has_original: bool,
    original_amount_differs: bool,
    is_id_spent: bool,
    id_check: IdCheck,
    is_in_broken_chain: bool,
    /// Whether it is the last of a chain that was in order so far.
    pub(crate) is_in_chain: bool,
    first: Option<Transfer>,
    /// Whether the event's credit account is its debit account, whichever that is.
    is_paid_to_itself: bool,
    debit: Side,
    credit: Side,
    ledger: LedgerPolicy,
    is_ledger_closed: bool,
    is_pair_blocked: bool,
    is_full: bool,
    pub(crate) is_end_of_time: bool,
}

impl Default for PaymentScene {
    fn default() -> PaymentScene {
        PaymentScene {
            event: transfer(9),
            original: transfer(9),
            has_original: false,
            original_amount_differs: false,
            is_id_spent: false,
            id_check: IdCheck::None,
            is_in_broken_chain: false,
            is_in_chain: false,
            first: None,
            is_paid_to_itself: false,
            debit: Side::default(),
            credit: Side::default(),
            ledger: LedgerPolicy { ledger: 1, ..LedgerPolicy::default() },
            is_ledger_closed: false,
            is_pair_blocked: false,
            is_full: false,
            is_end_of_time: false,
        }
    }
}

/// A transfer of the prologue, between accounts that the event does not name.
fn aside(id: u128) -> Transfer {
    Transfer { debit_account_id: 3, credit_account_id: 4, amount: 0, ..transfer(id) }
}

impl PaymentScene {
    fn import(&mut self) {
        self.begin_imported();
        if !self.event.flags.has(TransferFlags::IMPORTED) {
            self.event.flags = self.event.flags.with(TransferFlags::IMPORTED);
            self.event.timestamp = IMPORTED_NS;
        }
    }

    fn begin_imported(&mut self) {
        let flags = TransferFlags::IMPORTED;
        self.first = Some(Transfer { flags, timestamp: 450_000, ..aside(100) });
    }

    fn make_pending(&mut self) {
        self.event.flags = self.event.flags.with(TransferFlags::PENDING);
        self.original.flags = self.original.flags.with(TransferFlags::PENDING);
    }

    fn ask_for(&mut self, amount: u128) {
        self.event.amount = self.event.amount.max(amount);
        self.original.amount = self.original.amount.max(amount);
    }

    fn open_account(&self, prologue: &mut Prologue, id: u128, side: &Side) {
        let mut flags = side.flags;
        if side.is_closed && side.is_late {
            flags = flags.with(AccountFlags::CLOSED);
        }
        prologue.says(Account { flags, ..account(id) }, Status::Created);
    }

    /// Money moves before the event does: its original, and what fills the balances.
    fn move_money(&self, prologue: &mut Prologue) {
        let mut id = 10_000;
        let mut pay = |debit_account_id, credit_account_id, amount, flags| {
            id += 1;
            let moved =
                Transfer { debit_account_id, credit_account_id, amount, flags, ..transfer(id) };
            prologue.says(moved, Status::Created);
        };
        // Whatever the two accounts pay or receive here is paid back before, so that no limit
        // stands in the way and nothing is left of what they may pay or receive.
        let (none, pending) = (TransferFlags::NONE, TransferFlags::PENDING);
        if self.has_original {
            pay(3, 1, self.original.amount, none);
            pay(2, 5, self.original.amount, none);
        } else {
            for (amount, flags) in [(self.debit.pending, pending), (self.debit.posted, none)] {
                if amount > 0 {
                    pay(3, 1, amount, none);
                    pay(1, 4, amount, flags);
                }
            }
            for (amount, flags) in [(self.credit.pending, pending), (self.credit.posted, none)] {
                if amount > 0 {
                    pay(2, 5, amount, none);
                    pay(6, 2, amount, flags);
                }
            }
        }
        if self.has_original {
            let differs = u128::from(self.original_amount_differs);
            let original = Transfer { amount: self.original.amount - differs, ..self.original };
            prologue.says(original, Status::Created);
        }
        if self.is_id_spent {
            let refused = Transfer { debit_account_id: 99, ..transfer(9) };
            prologue.says(refused, Status::DebitAccountNotFound);
        }
    }

    fn close_accounts(&self, prologue: &mut Prologue) {
        let closing = |id, flag| Transfer { flags: TransferFlags::PENDING.with(flag), ..aside(id) };
        if self.debit.is_closed && !self.debit.is_late {
            let closing = closing(20_001, TransferFlags::CLOSING_DEBIT);
            prologue.says(Transfer { debit_account_id: 1, ..closing }, Status::Created);
        }
        if self.credit.is_closed && !self.credit.is_late {
            let closing = closing(20_002, TransferFlags::CLOSING_CREDIT);
            prologue.says(Transfer { credit_account_id: 2, ..closing }, Status::Created);
        }
    }

    fn set_policies(&self, prologue: &mut Prologue, now: u64) {
        prologue.says(AccountPolicy { account_id: 1, ..self.debit.policy }, Status::Ok);
        prologue.says(AccountPolicy { account_id: 2, ..self.credit.policy }, Status::Ok);
        let mut ledger = self.ledger;
        if self.is_ledger_closed {
            let second = (now / NANOSECONDS_PER_SECOND % u64::from(SECONDS_PER_DAY)) as u32;
            ledger.open_second = (second + 1) % SECONDS_PER_DAY;
            ledger.close_second = (second + 2) % SECONDS_PER_DAY;
        }
        prologue.says(ledger, Status::Ok);
        let blocked = u8::from(self.is_pair_blocked);
        let pair =
            PairPolicy { debit_account_id: 1, credit_account_id: 2, blocked, ..Default::default() };
        prologue.says(pair, Status::Ok);
    }
}

impl Scene for PaymentScene {
    fn has_original(&self) -> bool {
        self.has_original
    }

    fn play(&self) -> Play {
        let mut prologue = Prologue::default();
        prologue.at_ns(1_000);
        for id in [3, 4, 5, 6, 10, 11] {
            prologue.says(account(id), Status::Created);
        }
        for id in [7, 12] {
            prologue.says(Account { ledger: 2, ..account(id) }, Status::Created);
        }
        prologue.at_ns(EARLY_NS);
        for (id, side) in [(1, &self.debit), (2, &self.credit)] {
            if !side.is_late {
                self.open_account(&mut prologue, id, side);
            }
        }
        prologue.at_ns(10_000);
        prologue.says(aside(10_000), Status::Created);
        self.move_money(&mut prologue);
        self.close_accounts(&mut prologue);
        prologue.at_ns(BYSTANDER_NS);
        prologue.says(account(8), Status::Created);
        prologue.at_ns(LATE_NS);
        for (id, side) in [(1, &self.debit), (2, &self.credit)] {
            if side.is_late {
                self.open_account(&mut prologue, id, side);
            }
        }
        let now =
            if self.is_end_of_time { TIMESTAMP_MAX - NANOSECONDS_PER_SECOND } else { 1_000_000 };
        let now = self.id_check.now(now);
        self.set_policies(&mut prologue, now);
        prologue.at_ns(now);
        let mut last = Vec::new();
        last.extend(self.first.map(Say::command));
        if self.is_in_broken_chain {
            last.push(Transfer { code: 0, ..aside(101) }.linked());
        }
        if self.is_in_chain {
            // On a ledger of its own, where no policy refuses it.
            let accounts = Transfer {
                debit_account_id: 7,
                credit_account_id: 12,
                ..aside(self.id_check.good_id(102))
            };
            last.push(Transfer { ledger: 2, ..accounts }.linked());
        }
        let mut event = self.event;
        if self.is_paid_to_itself {
            event.credit_account_id = event.debit_account_id;
        }
        last.push(event.command());
        let before_it = u64::from(self.first.is_some()) + u64::from(self.is_in_chain);
        let count = prologue.known_count + before_it;
        Play {
            rules: self.id_check.rules(rules(16, if self.is_full { count } else { 64 })),
            is_alone: before_it == 0,
            last: prologue.stamp(last),
            prologue: prologue.batches,
        }
    }
}

const ORIGINAL: Aspects =
    &[("id is known", "executed"), ("debit account", "early"), ("credit account", "early")];

/// A condition that has to do with nothing but itself.
const fn plain(status: Status, apply: fn(&mut PaymentScene)) -> Condition<PaymentScene> {
    Condition { status, aspects: &[], induced: &[], apply }
}

/// A condition in which the event's original differs from it.
const fn differs(status: Status, apply: fn(&mut PaymentScene)) -> Condition<PaymentScene> {
    Condition { status, aspects: ORIGINAL, induced: &[], apply }
}

/// A condition that fixes something about the scene.
const fn fixes(
    status: Status,
    aspects: Aspects,
    apply: fn(&mut PaymentScene),
) -> Condition<PaymentScene> {
    Condition { status, aspects, induced: &[], apply }
}

pub(crate) fn conditions_of_all() -> Vec<Condition<PaymentScene>> {
    vec![
        plain(Status::LinkedEventFailed, |scene| scene.is_in_broken_chain = true),
        plain(Status::LinkedEventChainOpen, |scene| {
            scene.event.flags = scene.event.flags.with(TransferFlags::LINKED);
        }),
        fixes(
            Status::ImportedEventExpected,
            &[("batch", "imported"), ("event", "not imported")],
            |scene| scene.begin_imported(),
        ),
        fixes(
            Status::ImportedEventNotExpected,
            &[("batch", "not imported"), ("event", "imported")],
            |scene| {
                scene.first = Some(aside(100));
                scene.event.flags = scene.event.flags.with(TransferFlags::IMPORTED);
                scene.event.timestamp = IMPORTED_NS;
            },
        ),
        fixes(
            Status::TimestampMustBeZero,
            &[("event", "not imported"), ("timestamp", "5")],
            |scene| scene.event.timestamp = 5,
        ),
        fixes(
            Status::ImportedEventTimestampOutOfRange,
            &[("batch", "imported"), ("event", "imported"), ("timestamp", "0")],
            |scene| {
                scene.import();
                scene.event.timestamp = 0;
            },
        ),
        fixes(
            Status::ImportedEventTimestampMustNotAdvance,
            &[("batch", "imported"), ("event", "imported"), ("timestamp", "late")],
            |scene| {
                scene.import();
                scene.event.timestamp = TIMESTAMP_MAX;
            },
        ),
        plain(Status::ReservedFlag, |scene| scene.event.flags.0 |= 1 << 15),
        fixes(Status::IdMustNotBeZero, &[("id", "0")], |scene| scene.event.id = 0),
        fixes(Status::IdMustNotBeIntMax, &[("id", "MAX")], |scene| scene.event.id = ID_MAX),
    ]
}

pub(crate) fn conditions_of_ids() -> Vec<Condition<PaymentScene>> {
    vec![
        Condition {
            status: Status::ExistsWithDifferentFlags,
            aspects: &[
                ("id is known", "executed"),
                ("debit account", "early"),
                ("credit account", "early"),
                ("event's kind", "single-phase"),
            ],
            induced: &[],
            apply: |scene| {
                scene.has_original = true;
                scene.original.flags = TransferFlags::PENDING;
            },
        },
        condition(
            Status::ExistsWithDifferentPendingId,
            ORIGINAL,
            &[Status::ExistsWithDifferentPendingId],
            |scene| {
                scene.has_original = true;
                scene.event.pending_id = 55;
            },
        ),
        Condition {
            status: Status::ExistsWithDifferentTimeout,
            aspects: &[
                ("id is known", "executed"),
                ("debit account", "early"),
                ("credit account", "early"),
            ],
            induced: &[],
            apply: |scene| {
                scene.has_original = true;
                scene.event.timeout = 5;
            },
        },
        differs(Status::ExistsWithDifferentDebitAccountId, |scene| {
            scene.has_original = true;
            scene.original.debit_account_id = 10;
        }),
        differs(Status::ExistsWithDifferentCreditAccountId, |scene| {
            scene.has_original = true;
            scene.original.credit_account_id = 11;
        }),
        differs(Status::ExistsWithDifferentAmount, |scene| {
            scene.has_original = true;
            scene.original_amount_differs = true;
        }),
        differs(Status::ExistsWithDifferentUserData128, |scene| {
            scene.has_original = true;
            scene.original.user_data_128 = 1 << 100;
        }),
        differs(Status::ExistsWithDifferentUserData64, |scene| {
            scene.has_original = true;
            scene.original.user_data_64 = 1;
        }),
        differs(Status::ExistsWithDifferentUserData32, |scene| {
            scene.has_original = true;
            scene.original.user_data_32 = 1;
        }),
        Condition {
            status: Status::ExistsWithDifferentLedger,
            aspects: &[
                ("id is known", "executed"),
                ("debit account", "early"),
                ("credit account", "early"),
            ],
            induced: &[],
            apply: |scene| {
                scene.has_original = true;
                scene.event.ledger = 2;
            },
        },
        differs(Status::ExistsWithDifferentCode, |scene| {
            scene.has_original = true;
            scene.original.code = 2;
        }),
        differs(Status::Exists, |scene| scene.has_original = true),
        fixes(Status::IdAlreadyFailed, &[("id is known", "spent")], |scene| {
            scene.is_id_spent = true;
        }),
        fixes(Status::IdExpired, &[("id", "old"), ("event", "not imported")], |scene| {
            scene.id_check = IdCheck::Expired;
        }),
        fixes(
            Status::IdNotYetValid,
            &[("id", "of the future"), ("id is known", "no"), ("event", "not imported")],
            |scene| {
                scene.id_check = IdCheck::NotYetValid;
                scene.event.id |= FAR_FUTURE;
            },
        ),
    ]
}

pub(crate) fn conditions_of_fields() -> Vec<Condition<PaymentScene>> {
    const DEBIT: &[Status] = &[Status::ExistsWithDifferentDebitAccountId];
    const CREDIT: &[Status] = &[Status::ExistsWithDifferentCreditAccountId];
    vec![
        condition(Status::DebitAccountIdMustNotBeZero, &[("debit id", "0")], DEBIT, |scene| {
            scene.event.debit_account_id = 0;
        }),
        condition(Status::DebitAccountIdMustNotBeIntMax, &[("debit id", "MAX")], DEBIT, |scene| {
            scene.event.debit_account_id = ID_MAX;
        }),
        condition(Status::CreditAccountIdMustNotBeZero, &[("credit id", "0")], CREDIT, |scene| {
            scene.event.credit_account_id = 0;
        }),
        condition(
            Status::CreditAccountIdMustNotBeIntMax,
            &[("credit id", "MAX")],
            CREDIT,
            |scene| {
                scene.event.credit_account_id = ID_MAX;
            },
        ),
        condition(
            Status::AccountsMustBeDifferent,
            &[("credit id", "the debit id")],
            CREDIT,
            |scene| scene.is_paid_to_itself = true,
        ),
        condition(
            Status::PendingIdMustBeZero,
            &[],
            &[Status::ExistsWithDifferentPendingId],
            |scene| scene.event.pending_id = 55,
        ),
        condition(
            Status::TimeoutReservedForPendingTransfer,
            &[("event's kind", "single-phase")],
            &[Status::ExistsWithDifferentTimeout],
            |scene| scene.event.timeout = 5,
        ),
        condition(
            Status::ClosingTransferMustBePending,
            &[("event's kind", "single-phase")],
            &[Status::ExistsWithDifferentFlags],
            |scene| scene.event.flags = scene.event.flags.with(TransferFlags::CLOSING_CREDIT),
        ),
        condition(
            Status::LedgerMustNotBeZero,
            &[],
            &[Status::ExistsWithDifferentLedger],
            |scene| scene.event.ledger = 0,
        ),
        condition(Status::CodeMustNotBeZero, &[], &[Status::ExistsWithDifferentCode], |scene| {
            scene.event.code = 0
        }),
        condition(Status::DebitAccountNotFound, &[("debit id", "99")], DEBIT, |scene| {
            scene.event.debit_account_id = 99;
        }),
        condition(Status::CreditAccountNotFound, &[("credit id", "98")], CREDIT, |scene| {
            scene.event.credit_account_id = 98;
        }),
        condition(Status::AccountsMustHaveTheSameLedger, &[("credit id", "7")], CREDIT, |scene| {
            scene.event.credit_account_id = 7;
        }),
        condition(
            Status::TransferMustHaveTheSameLedgerAsAccounts,
            &[],
            &[Status::ExistsWithDifferentLedger],
            // Of whatever number: it comes after a ledger that is zero.
            |scene| {
                if scene.event.ledger != 0 {
                    scene.event.ledger = 2;
                }
            },
        ),
    ]
}

pub(crate) fn conditions_of_imports() -> Vec<Condition<PaymentScene>> {
    const FLAGS: &[Status] = &[Status::ExistsWithDifferentFlags];
    vec![
        condition(
            Status::ImportedEventTimestampMustNotRegress,
            &[("batch", "imported"), ("event", "imported"), ("timestamp", "an account's")],
            FLAGS,
            |scene| {
                scene.import();
                scene.event.timestamp = BYSTANDER_NS;
            },
        ),
        condition(
            Status::ImportedEventTimestampMustPostdateDebitAccount,
            &[("batch", "imported"), ("event", "imported"), ("debit account", "late")],
            FLAGS,
            |scene| {
                scene.import();
                scene.debit.is_late = true;
            },
        ),
        condition(
            Status::ImportedEventTimestampMustPostdateCreditAccount,
            &[("batch", "imported"), ("event", "imported"), ("credit account", "late")],
            FLAGS,
            |scene| {
                scene.import();
                scene.credit.is_late = true;
            },
        ),
        condition(
            Status::ImportedEventTimeoutMustBeZero,
            &[("batch", "imported"), ("event", "imported"), ("event's kind", "pending")],
            // The original, which is not imported, has no timeout.
            &[Status::ExistsWithDifferentFlags, Status::ExistsWithDifferentTimeout],
            |scene| {
                scene.import();
                scene.make_pending();
                scene.event.timeout = 2;
            },
        ),
    ]
}

pub(crate) fn conditions_of_policies() -> Vec<Condition<PaymentScene>> {
    // Imported events are never refused by policy.
    const KIND: Aspects = &[("event", "not imported")];
    vec![
        fixes(Status::RiskLedgerHalted, KIND, |scene| scene.ledger.halted = 1),
        fixes(Status::RiskLedgerClosed, KIND, |scene| scene.is_ledger_closed = true),
        fixes(Status::RiskLedgerAmountExceeded, KIND, |scene| {
            scene.ledger.limits = PolicyLimits::AMOUNT_MAX;
            scene.ledger.amount_max = 9;
        }),
        fixes(Status::RiskDebitAccountFrozen, KIND, |scene| {
            scene.debit.policy.frozen = Frozen::Debits as u8;
        }),
        fixes(Status::RiskCreditAccountFrozen, KIND, |scene| {
            scene.credit.policy.frozen = Frozen::All as u8;
        }),
        fixes(Status::RiskPairBlocked, KIND, |scene| scene.is_pair_blocked = true),
        fixes(Status::RiskDebitAmountExceeded, KIND, |scene| {
            scene.debit.limit(PolicyLimits::DEBIT_AMOUNT_MAX);
            scene.debit.policy.debit_amount_max = 9;
        }),
        fixes(Status::RiskCreditAmountExceeded, KIND, |scene| {
            scene.credit.limit(PolicyLimits::CREDIT_AMOUNT_MAX);
        }),
        fixes(Status::RiskDebitRateExceeded, KIND, |scene| {
            scene.debit.limit(PolicyLimits::DEBIT_RATE);
            scene.debit.policy.debit_rate_window_seconds = 1;
        }),
        fixes(Status::RiskSpendAmountExceeded, KIND, |scene| {
            scene.debit.limit(PolicyLimits::DEBIT_SPEND_AMOUNT);
            scene.debit.policy.debit_spend_amount = 9;
            scene.debit.policy.debit_spend_window_seconds = 1;
        }),
        fixes(Status::RiskSpendCountExceeded, KIND, |scene| {
            scene.debit.limit(PolicyLimits::DEBIT_SPEND_COUNT);
            scene.debit.policy.debit_spend_window_seconds = 1;
        }),
    ]
}

pub(crate) fn conditions_of_balances() -> Vec<Condition<PaymentScene>> {
    vec![
        plain(Status::DebitAccountAlreadyClosed, |scene| scene.debit.is_closed = true),
        plain(Status::CreditAccountAlreadyClosed, |scene| scene.credit.is_closed = true),
        fixes(
            Status::OverflowsDebitsPending,
            &[("debit account", "early"), ("event's kind", "pending")],
            |scene| {
                scene.make_pending();
                scene.debit.pending += HIGH;
                scene.ask_for(TOO_MUCH);
            },
        ),
        fixes(
            Status::OverflowsCreditsPending,
            &[("credit account", "early"), ("event's kind", "pending")],
            |scene| {
                scene.make_pending();
                scene.credit.pending += HIGH;
                scene.ask_for(TOO_MUCH);
            },
        ),
        fixes(Status::OverflowsDebitsPosted, &[("debit account", "early")], |scene| {
            scene.debit.posted += HIGH;
            scene.ask_for(TOO_MUCH);
        }),
        fixes(Status::OverflowsCreditsPosted, &[("credit account", "early")], |scene| {
            scene.credit.posted += HIGH;
            scene.ask_for(TOO_MUCH);
        }),
        fixes(Status::OverflowsDebits, &[("debit account", "early")], |scene| {
            scene.debit.pending += HIGH / 2;
            scene.debit.posted += HIGH / 2;
            scene.ask_for(TOO_MUCH);
        }),
        fixes(Status::OverflowsCredits, &[("credit account", "early")], |scene| {
            scene.credit.pending += HIGH / 2;
            scene.credit.posted += HIGH / 2;
            scene.ask_for(TOO_MUCH);
        }),
        condition(
            Status::OverflowsTimeout,
            &[("event", "not imported"), ("event's kind", "pending")],
            // The original was executed long before, without a timeout.
            &[Status::ExistsWithDifferentTimeout],
            |scene| {
                scene.make_pending();
                scene.event.timeout = 2;
                scene.is_end_of_time = true;
            },
        ),
        plain(Status::ExceedsCredits, |scene| {
            scene.debit.flags = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
        }),
        plain(Status::ExceedsDebits, |scene| {
            scene.credit.flags = AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS;
        }),
        plain(Status::TransfersFull, |scene| scene.is_full = true),
    ]
}

const IMPOSSIBLE: &[Impossible] = &[
    Impossible::between(
        "an original is younger than its accounts, and the event, if imported, as old as it",
        REPEATS,
        &[
            Status::ImportedEventTimestampMustPostdateDebitAccount,
            Status::ImportedEventTimestampMustPostdateCreditAccount,
        ],
    ),
    Impossible::between(
        "only a pending transfer has a timeout and pending balances",
        &[Status::TimeoutReservedForPendingTransfer, Status::ClosingTransferMustBePending],
        &[
            Status::ImportedEventTimeoutMustBeZero,
            Status::OverflowsDebitsPending,
            Status::OverflowsCreditsPending,
            Status::OverflowsTimeout,
        ],
    ),
    Impossible::between(
        "an account that is so young has moved nothing",
        &[Status::ImportedEventTimestampMustPostdateDebitAccount],
        &[Status::OverflowsDebitsPending, Status::OverflowsDebitsPosted, Status::OverflowsDebits],
    ),
    Impossible::between(
        "an account that is so young has moved nothing",
        &[Status::ImportedEventTimestampMustPostdateCreditAccount],
        &[
            Status::OverflowsCreditsPending,
            Status::OverflowsCreditsPosted,
            Status::OverflowsCredits,
        ],
    ),
];

pub(crate) fn check_all(precedence: &Precedence) {
    let mut conditions = conditions_of_all();
    conditions.extend(conditions_of_ids());
    conditions.push(differs(Status::ExistsWithDifferentFlags, |scene| {
        scene.has_original = true;
        scene.original.flags = scene.original.flags.with(TransferFlags::BALANCING_CREDIT);
    }));
    conditions.extend(conditions_of_fields());
    conditions.extend(conditions_of_imports());
    conditions.extend(conditions_of_policies());
    conditions.extend(conditions_of_balances());
    let impossible = [IMPOSSIBLE, impossible::OF_PAYMENTS].concat();
    check(precedence, PaymentScene::default, &conditions, &impossible);
}
