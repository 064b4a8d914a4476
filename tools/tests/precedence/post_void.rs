//! `create_transfer` of posts and voids.

use ringfence::types::{
    ID_MAX, NANOSECONDS_PER_SECOND, Status, TIMESTAMP_MAX, Transfer, TransferFlags,
};
use tools::script::{Say, account, pending, post, transfer, void};

use super::impossible::REPEATS;
use super::scene::{FAR_FUTURE, IdCheck, Prologue, rules};
use super::{Aspects, Condition, Impossible, Play, Scene, check, condition};
use ringfence::types::precedence::Precedence;

/// Ids of the prologue: the event's pending transfer, another one, and one that never was pending.
const PENDING_ID: u128 = 50;
const OTHER_PENDING_ID: u128 = 55;
const SINGLE_PHASE_ID: u128 = 52;

#[derive(Default, PartialEq)]
enum Fate {
    #[default]
    Pending,
    Posted,
    Voided,
    Expired,
}

struct PostVoidScene {
    event: Transfer,
    original: Transfer,
    has_original: bool,
    /// Whether the original was a post, whatever the event is.
    is_original_a_post: bool,
    is_id_spent: bool,
    id_check: IdCheck,
    is_in_broken_chain: bool,
    first: Option<Transfer>,
    fate: Fate,
    is_debit_closed: bool,
    is_credit_closed: bool,
    is_full: bool,
}

impl Default for PostVoidScene {
    fn default() -> PostVoidScene {
        // Nothing is left out, and nothing differs.
        let event = Transfer {
            pending_id: PENDING_ID,
            flags: TransferFlags::POST_PENDING_TRANSFER,
            ..transfer(60)
        };
        PostVoidScene {
            event,
            original: event,
            has_original: false,
            is_original_a_post: false,
            is_id_spent: false,
            id_check: IdCheck::None,
            is_in_broken_chain: false,
            first: None,
            fate: Fate::Pending,
            is_debit_closed: false,
            is_credit_closed: false,
            is_full: false,
        }
    }
}

fn aside(id: u128) -> Transfer {
    Transfer { debit_account_id: 3, credit_account_id: 4, amount: 0, ..transfer(id) }
}

impl PostVoidScene {
    fn import(&mut self) {
        self.begin_imported();
        if !self.event.flags.has(TransferFlags::IMPORTED) {
            self.event.flags = self.event.flags.with(TransferFlags::IMPORTED);
            self.event.timestamp = 500_000;
        }
    }

    fn begin_imported(&mut self) {
        let flags = TransferFlags::IMPORTED;
        self.first = Some(Transfer { flags, timestamp: 450_000, ..aside(100) });
    }

    fn void_instead(&mut self) {
        for it in [&mut self.event, &mut self.original] {
            it.flags = it
                .flags
                .without(TransferFlags::POST_PENDING_TRANSFER)
                .with(TransferFlags::VOID_PENDING_TRANSFER);
        }
    }

    fn exclude(&mut self, flag: TransferFlags) {
        self.event.flags = self.event.flags.with(flag);
    }
}

impl Scene for PostVoidScene {
    fn has_original(&self) -> bool {
        self.has_original
    }

    fn play(&self) -> Play {
        let mut prologue = Prologue::default();
        prologue.at_ns(1_000);
        for id in 1..=4 {
            prologue.says(account(id), Status::Created);
        }
        prologue.at_ns(10_000);
        let timeout = u32::from(self.fate == Fate::Expired);
        prologue.says(Transfer { timeout, ..pending(PENDING_ID) }, Status::Created);
        prologue.says(pending(OTHER_PENDING_ID), Status::Created);
        prologue.says(transfer(SINGLE_PHASE_ID), Status::Created);
        match self.fate {
            Fate::Posted => prologue.says(post(53, PENDING_ID), Status::Created),
            Fate::Voided => prologue.says(void(54, PENDING_ID), Status::Created),
            Fate::Pending | Fate::Expired => {}
        }
        if self.has_original {
            let mut original = self.original;
            if self.is_original_a_post {
                original.flags = TransferFlags::POST_PENDING_TRANSFER;
            }
            prologue.says(original, Status::Created);
        }
        if self.is_id_spent {
            let refused = Transfer { debit_account_id: 99, ..transfer(60) };
            prologue.says(refused, Status::DebitAccountNotFound);
        }
        let closing = |id, flag| Transfer { flags: TransferFlags::PENDING.with(flag), ..aside(id) };
        if self.is_debit_closed {
            let closing = closing(201, TransferFlags::CLOSING_DEBIT);
            prologue.says(Transfer { debit_account_id: 1, ..closing }, Status::Created);
        }
        if self.is_credit_closed {
            let closing = closing(202, TransferFlags::CLOSING_CREDIT);
            prologue.says(Transfer { credit_account_id: 2, ..closing }, Status::Created);
        }
        prologue.at_ns(400_000);
        prologue.says(account(8), Status::Created);
        let is_expired = self.fate == Fate::Expired;
        let now = if is_expired { 2 * NANOSECONDS_PER_SECOND } else { 1_000_000 };
        prologue.at_ns(self.id_check.now(now));
        let mut last = Vec::new();
        last.extend(self.first.map(Say::command));
        if self.is_in_broken_chain {
            last.push(Transfer { code: 0, ..aside(101) }.linked());
        }
        last.push(self.event.command());
        let count = prologue.known_count + u64::from(self.first.is_some());
        Play {
            rules: self.id_check.rules(rules(16, if self.is_full { count } else { 64 })),
            // Time passes for the pending transfer as well.
            is_alone: self.first.is_none() && !is_expired,
            last: prologue.stamp(last),
            prologue: prologue.batches,
        }
    }
}

fn conditions_of_all() -> Vec<Condition<PostVoidScene>> {
    vec![
        condition(Status::LinkedEventFailed, &[], &[], |scene| scene.is_in_broken_chain = true),
        condition(Status::LinkedEventChainOpen, &[], &[], |scene| {
            scene.event.flags = scene.event.flags.with(TransferFlags::LINKED);
        }),
        condition(
            Status::ImportedEventExpected,
            &[("batch", "imported"), ("event", "not imported")],
            &[],
            |scene| scene.begin_imported(),
        ),
        condition(
            Status::ImportedEventNotExpected,
            &[("batch", "not imported"), ("event", "imported")],
            &[],
            |scene| {
                scene.first = Some(aside(100));
                scene.event.flags = scene.event.flags.with(TransferFlags::IMPORTED);
                scene.event.timestamp = 500_000;
            },
        ),
        condition(
            Status::TimestampMustBeZero,
            &[("event", "not imported"), ("timestamp", "5")],
            &[],
            |scene| scene.event.timestamp = 5,
        ),
        condition(
            Status::ImportedEventTimestampOutOfRange,
            &[("batch", "imported"), ("event", "imported"), ("timestamp", "0")],
            &[],
            |scene| {
                scene.import();
                scene.event.timestamp = 0;
            },
        ),
        condition(
            Status::ImportedEventTimestampMustNotAdvance,
            &[("batch", "imported"), ("event", "imported"), ("timestamp", "late")],
            &[],
            |scene| {
                scene.import();
                scene.event.timestamp = TIMESTAMP_MAX;
            },
        ),
        condition(Status::ReservedFlag, &[], &[], |scene| scene.event.flags.0 |= 1 << 15),
        condition(Status::IdMustNotBeZero, &[("id", "0")], &[], |scene| scene.event.id = 0),
        condition(Status::IdMustNotBeIntMax, &[("id", "MAX")], &[], |scene| {
            scene.event.id = ID_MAX;
        }),
    ]
}

/// An original resolved the pending transfer itself.
const ORIGINAL: Aspects = &[("id is known", "executed"), ("fate", "original's")];

fn conditions_of_ids() -> Vec<Condition<PostVoidScene>> {
    vec![
        condition(
            Status::ExistsWithDifferentFlags,
            &[("id is known", "executed"), ("fate", "original's"), ("kind", "post")],
            &[],
            |scene| {
                scene.has_original = true;
                scene.event.flags = scene
                    .event
                    .flags
                    .without(TransferFlags::POST_PENDING_TRANSFER)
                    .with(TransferFlags::VOID_PENDING_TRANSFER);
            },
        ),
        condition(
            Status::ExistsWithDifferentFlags,
            &[("id is known", "executed"), ("fate", "original's"), ("kind", "void")],
            &[],
            |scene| {
                scene.has_original = true;
                scene.void_instead();
                scene.is_original_a_post = true;
            },
        ),
        condition(Status::ExistsWithDifferentPendingId, ORIGINAL, &[], |scene| {
            scene.has_original = true;
            scene.original.pending_id = OTHER_PENDING_ID;
        }),
        condition(Status::ExistsWithDifferentTimeout, ORIGINAL, &[], |scene| {
            scene.has_original = true;
            scene.event.timeout = 1;
        }),
        condition(Status::ExistsWithDifferentDebitAccountId, ORIGINAL, &[], |scene| {
            scene.has_original = true;
            scene.event.debit_account_id = 3;
        }),
        condition(Status::ExistsWithDifferentCreditAccountId, ORIGINAL, &[], |scene| {
            scene.has_original = true;
            scene.event.credit_account_id = 4;
        }),
        condition(
            Status::ExistsWithDifferentAmount,
            &[("id is known", "executed"), ("fate", "original's"), ("kind", "post")],
            &[],
            |scene| {
                scene.has_original = true;
                scene.original.amount = 8;
            },
        ),
        condition(Status::ExistsWithDifferentUserData128, ORIGINAL, &[], |scene| {
            scene.has_original = true;
            scene.original.user_data_128 = 1 << 100;
        }),
        condition(Status::ExistsWithDifferentUserData64, ORIGINAL, &[], |scene| {
            scene.has_original = true;
            scene.original.user_data_64 = 1;
        }),
        condition(Status::ExistsWithDifferentUserData32, ORIGINAL, &[], |scene| {
            scene.has_original = true;
            scene.original.user_data_32 = 1;
        }),
        condition(Status::ExistsWithDifferentLedger, ORIGINAL, &[], |scene| {
            scene.has_original = true;
            scene.event.ledger = 2;
        }),
        condition(Status::ExistsWithDifferentCode, ORIGINAL, &[], |scene| {
            scene.has_original = true;
            scene.event.code = 9;
        }),
        condition(Status::Exists, ORIGINAL, &[], |scene| scene.has_original = true),
        condition(Status::IdAlreadyFailed, &[("id is known", "spent")], &[], |scene| {
            scene.is_id_spent = true;
        }),
        condition(Status::IdExpired, &[("id", "old"), ("event", "not imported")], &[], |scene| {
            scene.id_check = IdCheck::Expired;
        }),
        condition(
            Status::IdNotYetValid,
            &[("id", "of the future"), ("id is known", "no"), ("event", "not imported")],
            &[],
            |scene| {
                scene.id_check = IdCheck::NotYetValid;
                scene.event.id |= FAR_FUTURE;
            },
        ),
    ]
}

fn conditions_of_posts_and_voids() -> Vec<Condition<PostVoidScene>> {
    use Status as S;
    const FLAGS: &[Status] = &[S::ExistsWithDifferentFlags];
    const PENDING: &[Status] = &[S::ExistsWithDifferentPendingId];
    const AMOUNT: &[Status] = &[S::ExistsWithDifferentAmount];
    let exclusive = |apply| condition(S::FlagsAreMutuallyExclusive, &[], FLAGS, apply);
    vec![
        condition(S::FlagsAreMutuallyExclusive, &[("kind", "both")], FLAGS, |scene| {
            scene.exclude(TransferFlags::VOID_PENDING_TRANSFER);
        }),
        exclusive(|scene| scene.exclude(TransferFlags::PENDING)),
        exclusive(|scene| scene.exclude(TransferFlags::BALANCING_DEBIT)),
        exclusive(|scene| scene.exclude(TransferFlags::BALANCING_CREDIT)),
        exclusive(|scene| scene.exclude(TransferFlags::CLOSING_DEBIT)),
        exclusive(|scene| scene.exclude(TransferFlags::CLOSING_CREDIT)),
        condition(S::PendingIdMustNotBeZero, &[("pending id", "0")], PENDING, |scene| {
            scene.event.pending_id = 0;
        }),
        condition(S::PendingIdMustNotBeIntMax, &[("pending id", "MAX")], PENDING, |scene| {
            scene.event.pending_id = ID_MAX;
        }),
        condition(S::PendingIdMustBeDifferent, &[("pending id", "id")], PENDING, |scene| {
            scene.event.pending_id = scene.event.id;
        }),
        condition(
            S::TimeoutReservedForPendingTransfer,
            &[],
            &[S::ExistsWithDifferentTimeout],
            |scene| scene.event.timeout = 1,
        ),
        condition(S::PendingTransferNotFound, &[("pending id", "51")], PENDING, |scene| {
            scene.event.pending_id = 51;
        }),
        condition(S::PendingTransferNotPending, &[("pending id", "52")], PENDING, |scene| {
            scene.event.pending_id = SINGLE_PHASE_ID;
        }),
        condition(
            S::PendingTransferHasDifferentDebitAccountId,
            &[],
            &[S::ExistsWithDifferentDebitAccountId],
            |scene| scene.event.debit_account_id = 3,
        ),
        condition(
            S::PendingTransferHasDifferentCreditAccountId,
            &[],
            &[S::ExistsWithDifferentCreditAccountId],
            |scene| scene.event.credit_account_id = 4,
        ),
        condition(
            S::PendingTransferHasDifferentLedger,
            &[],
            &[S::ExistsWithDifferentLedger],
            |scene| scene.event.ledger = 2,
        ),
        condition(
            S::PendingTransferHasDifferentCode,
            &[],
            &[S::ExistsWithDifferentCode],
            |scene| scene.event.code = 9,
        ),
        condition(
            S::ExceedsPendingTransferAmount,
            &[("amount", "11"), ("kind", "post")],
            AMOUNT,
            |scene| scene.event.amount = 11,
        ),
        condition(
            S::ExceedsPendingTransferAmount,
            &[("amount", "MAX"), ("kind", "void")],
            AMOUNT,
            |scene| {
                scene.void_instead();
                scene.event.amount = u128::MAX;
            },
        ),
        condition(
            S::PendingTransferHasDifferentAmount,
            &[("amount", "9"), ("kind", "void")],
            AMOUNT,
            |scene| {
                scene.void_instead();
                scene.event.amount = 9;
            },
        ),
        condition(S::PendingTransferAlreadyPosted, &[("fate", "posted")], &[], |scene| {
            scene.fate = Fate::Posted;
        }),
        condition(S::PendingTransferAlreadyVoided, &[("fate", "voided")], &[], |scene| {
            scene.fate = Fate::Voided;
        }),
        condition(S::PendingTransferExpired, &[("fate", "expired")], &[], |scene| {
            scene.fate = Fate::Expired;
        }),
        condition(
            S::ImportedEventTimestampMustNotRegress,
            &[("batch", "imported"), ("event", "imported"), ("timestamp", "an account's")],
            FLAGS,
            |scene| {
                scene.import();
                scene.event.timestamp = 400_000;
            },
        ),
        condition(S::DebitAccountAlreadyClosed, &[("kind", "post")], &[], |scene| {
            scene.is_debit_closed = true;
        }),
        condition(S::CreditAccountAlreadyClosed, &[("kind", "post")], &[], |scene| {
            scene.is_credit_closed = true;
        }),
        condition(S::TransfersFull, &[], &[], |scene| scene.is_full = true),
    ]
}

const IMPOSSIBLE: &[Impossible] = &[
    Impossible::between(
        "an original has posted or voided the pending transfer itself",
        REPEATS,
        &[
            Status::PendingTransferAlreadyPosted,
            Status::PendingTransferAlreadyVoided,
            Status::PendingTransferExpired,
        ],
    ),
    Impossible::among(
        "a pending id has one value",
        &[
            Status::PendingIdMustNotBeZero,
            Status::PendingIdMustNotBeIntMax,
            Status::PendingIdMustBeDifferent,
            Status::PendingTransferNotFound,
            Status::PendingTransferNotPending,
        ],
    ),
    Impossible::among(
        "an amount is too high or too low",
        &[Status::ExceedsPendingTransferAmount, Status::PendingTransferHasDifferentAmount],
    ),
    Impossible::between(
        "a void needs no open account",
        &[Status::PendingTransferHasDifferentAmount],
        &[Status::DebitAccountAlreadyClosed, Status::CreditAccountAlreadyClosed],
    ),
    Impossible::among(
        "a pending transfer has one end",
        &[
            Status::PendingTransferAlreadyPosted,
            Status::PendingTransferAlreadyVoided,
            Status::PendingTransferExpired,
        ],
    ),
];

pub(crate) fn check_all(precedence: &Precedence) {
    let mut conditions = conditions_of_all();
    conditions.extend(conditions_of_ids());
    conditions.extend(conditions_of_posts_and_voids());
    check(precedence, PostVoidScene::default, &conditions, IMPOSSIBLE);
}
