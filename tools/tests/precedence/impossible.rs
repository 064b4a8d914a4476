//! Pairs of statuses that cannot decide between them, of more than one operation.

use ringfence::types::Status as S;

use super::{Impossible, Status};

const IMPORTED: &[Status] = &[
    S::ImportedEventNotExpected,
    S::ImportedEventTimestampOutOfRange,
    S::ImportedEventTimestampMustNotAdvance,
    S::ImportedEventTimestampMustNotRegress,
    S::ImportedEventTimestampMustPostdateDebitAccount,
    S::ImportedEventTimestampMustPostdateCreditAccount,
    S::ImportedEventTimeoutMustBeZero,
];

const POLICIES_AND_TIMEOUT: &[Status] = &[
    S::RiskLedgerHalted,
    S::RiskLedgerClosed,
    S::RiskLedgerAmountExceeded,
    S::RiskDebitAccountFrozen,
    S::RiskCreditAccountFrozen,
    S::RiskPairBlocked,
    S::RiskDebitAmountExceeded,
    S::RiskCreditAmountExceeded,
    S::RiskDebitRateExceeded,
    S::RiskSpendAmountExceeded,
    S::RiskSpendCountExceeded,
    S::OverflowsTimeout,
];

/// What a repeat is answered with.
pub(crate) const REPEATS: &[Status] = &[
    S::ExistsWithDifferentFlags,
    S::ExistsWithDifferentPendingId,
    S::ExistsWithDifferentTimeout,
    S::ExistsWithDifferentDebitAccountId,
    S::ExistsWithDifferentCreditAccountId,
    S::ExistsWithDifferentAmount,
    S::ExistsWithDifferentUserData128,
    S::ExistsWithDifferentUserData64,
    S::ExistsWithDifferentUserData32,
    S::ExistsWithDifferentLedger,
    S::ExistsWithDifferentCode,
    S::ExistsWithDifferentFields,
    S::Exists,
];

/// Of every operation.
pub(crate) const ALWAYS: &[Impossible] = &[
    Impossible::among(
        "an id has one value",
        &[S::IdMustNotBeZero, S::IdMustNotBeIntMax, S::IdExpired, S::IdNotYetValid],
    ),
    Impossible::between("an id is taken or spent", REPEATS, &[S::IdAlreadyFailed]),
    Impossible::between("the time of a known id has come", REPEATS, &[S::IdNotYetValid]),
    Impossible::between(
        "the time of a known id has come",
        &[S::IdAlreadyFailed],
        &[S::IdNotYetValid],
    ),
    Impossible::between(
        "the time of an imported event's id is not looked at",
        IMPORTED,
        &[S::IdExpired, S::IdNotYetValid],
    ),
    Impossible::between(
        "an event is imported or not",
        &[S::ImportedEventExpected, S::TimestampMustBeZero],
        IMPORTED,
    ),
    Impossible::between("a batch is imported or not", &[S::ImportedEventNotExpected], IMPORTED),
    Impossible::among(
        "a timestamp has one value",
        &[
            S::ImportedEventTimestampOutOfRange,
            S::ImportedEventTimestampMustNotAdvance,
            S::ImportedEventTimestampMustNotRegress,
        ],
    ),
    Impossible::between(
        "no policy applies to an imported event, and a timeout of its refuses it before",
        IMPORTED,
        POLICIES_AND_TIMEOUT,
    ),
];

/// Of all payments.
pub(crate) const OF_PAYMENTS: &[Impossible] = &[
    Impossible::among(
        "a debit account id has one value",
        &[
            S::DebitAccountIdMustNotBeZero,
            S::DebitAccountIdMustNotBeIntMax,
            S::DebitAccountNotFound,
        ],
    ),
    Impossible::among(
        "a credit account id has one value",
        &[
            S::CreditAccountIdMustNotBeZero,
            S::CreditAccountIdMustNotBeIntMax,
            S::AccountsMustBeDifferent,
            S::CreditAccountNotFound,
            S::AccountsMustHaveTheSameLedger,
        ],
    ),
];
