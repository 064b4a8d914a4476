//! The lists of checks.

use super::{Check, CheckedBy, Part};
use crate::Status;
use Status as S;

const fn risk(status: Status) -> Check {
    Check { status, by: CheckedBy::Risk, only: None }
}

const fn settle(status: Status) -> Check {
    Check { status, by: CheckedBy::Settle, only: None }
}

/// The commands that the time of their id is checked of: with `--id-time`, and not imported.
const TIMED_IDS: &str = "`--id-time`";

/// `create_account`.
pub const ACCOUNT: Part = Part {
    name: "account",
    title: "Accounts",
    checks: &[
        risk(S::LinkedEventChainOpen),
        risk(S::LinkedEventFailed),
        risk(S::ImportedEventExpected),
        risk(S::ImportedEventNotExpected),
        risk(S::TimestampMustBeZero),
        risk(S::ImportedEventTimestampOutOfRange),
        risk(S::ImportedEventTimestampMustNotAdvance),
        risk(S::ReservedFlag),
        risk(S::IdMustNotBeZero),
        risk(S::IdMustNotBeIntMax),
        // Risk finds the account; settle compares it as it is now.
        settle(S::ExistsWithDifferentFlags),
        settle(S::ExistsWithDifferentUserData128),
        settle(S::ExistsWithDifferentUserData64),
        settle(S::ExistsWithDifferentUserData32),
        settle(S::ExistsWithDifferentLedger),
        settle(S::ExistsWithDifferentCode),
        risk(S::Exists),
        risk(S::FlagsAreMutuallyExclusive),
        risk(S::DebitsPendingMustBeZero),
        risk(S::DebitsPostedMustBeZero),
        risk(S::CreditsPendingMustBeZero),
        risk(S::CreditsPostedMustBeZero),
        risk(S::LedgerMustNotBeZero),
        risk(S::CodeMustNotBeZero),
        risk(S::ImportedEventTimestampMustNotRegress),
        risk(S::AccountsFull),
    ],
};

/// What comes first for every transfer.
pub const TRANSFER: Part = Part {
    name: "transfer",
    title: "All transfers",
    checks: &[
        settle(S::LinkedEventChainOpen),
        settle(S::LinkedEventFailed),
        risk(S::ImportedEventExpected),
        risk(S::ImportedEventNotExpected),
        risk(S::TimestampMustBeZero),
        risk(S::ImportedEventTimestampOutOfRange),
        risk(S::ImportedEventTimestampMustNotAdvance),
        risk(S::ReservedFlag),
        risk(S::IdMustNotBeZero),
        risk(S::IdMustNotBeIntMax),
        settle(S::ExistsWithDifferentFlags),
        settle(S::ExistsWithDifferentPendingId),
        settle(S::ExistsWithDifferentTimeout),
        settle(S::ExistsWithDifferentDebitAccountId),
        settle(S::ExistsWithDifferentCreditAccountId),
        settle(S::ExistsWithDifferentAmount),
        settle(S::ExistsWithDifferentUserData128),
        settle(S::ExistsWithDifferentUserData64),
        settle(S::ExistsWithDifferentUserData32),
        settle(S::ExistsWithDifferentLedger),
        settle(S::ExistsWithDifferentCode),
        settle(S::Exists),
        settle(S::IdAlreadyFailed),
        settle(S::IdExpired).only(TIMED_IDS),
        settle(S::IdNotYetValid).only(TIMED_IDS),
    ],
};

/// What only posts and voids are checked for.
pub const POST_VOID: Part = Part {
    name: "post_void",
    title: "Posts and voids",
    checks: &[
        risk(S::FlagsAreMutuallyExclusive),
        risk(S::PendingIdMustNotBeZero),
        risk(S::PendingIdMustNotBeIntMax),
        risk(S::PendingIdMustBeDifferent),
        risk(S::TimeoutReservedForPendingTransfer),
        settle(S::PendingTransferNotFound),
        settle(S::PendingTransferNotPending),
        settle(S::PendingTransferHasDifferentDebitAccountId),
        settle(S::PendingTransferHasDifferentCreditAccountId),
        settle(S::PendingTransferHasDifferentLedger),
        settle(S::PendingTransferHasDifferentCode),
        settle(S::ExceedsPendingTransferAmount),
        settle(S::PendingTransferHasDifferentAmount).only("voids"),
        settle(S::PendingTransferAlreadyPosted),
        settle(S::PendingTransferAlreadyVoided),
        settle(S::PendingTransferExpired),
        settle(S::ImportedEventTimestampMustNotRegress),
        settle(S::DebitAccountAlreadyClosed).only("posts"),
        settle(S::CreditAccountAlreadyClosed).only("posts"),
        settle(S::TransfersFull),
    ],
};

/// The fields of single-phase and pending transfers.
pub const PAYMENT_FIELDS: Part = Part {
    name: "payment_fields",
    title: "Payments: fields and accounts",
    checks: &[
        risk(S::DebitAccountIdMustNotBeZero),
        risk(S::DebitAccountIdMustNotBeIntMax),
        risk(S::CreditAccountIdMustNotBeZero),
        risk(S::CreditAccountIdMustNotBeIntMax),
        risk(S::AccountsMustBeDifferent),
        risk(S::PendingIdMustBeZero),
        risk(S::TimeoutReservedForPendingTransfer),
        risk(S::ClosingTransferMustBePending),
        risk(S::LedgerMustNotBeZero),
        risk(S::CodeMustNotBeZero),
        risk(S::DebitAccountNotFound),
        risk(S::CreditAccountNotFound),
        risk(S::AccountsMustHaveTheSameLedger),
        risk(S::TransferMustHaveTheSameLedgerAsAccounts),
    ],
};

/// The timestamps of imported payments.
pub const IMPORTED_PAYMENT: Part = Part {
    name: "imported_payment",
    title: "Payments: imported ones",
    checks: &[
        settle(S::ImportedEventTimestampMustNotRegress),
        settle(S::ImportedEventTimestampMustPostdateDebitAccount),
        settle(S::ImportedEventTimestampMustPostdateCreditAccount),
        settle(S::ImportedEventTimeoutMustBeZero),
    ],
};

/// The policies that look at the amount asked for.
pub const POLICIES: Part = Part {
    name: "policies",
    title: "Payments: policies",
    checks: &[
        risk(S::RiskLedgerHalted),
        risk(S::RiskLedgerClosed),
        risk(S::RiskLedgerAmountExceeded),
        risk(S::RiskDebitAccountFrozen),
        risk(S::RiskCreditAccountFrozen),
        risk(S::RiskPairBlocked),
        risk(S::RiskDebitAmountExceeded),
        risk(S::RiskCreditAmountExceeded),
        risk(S::RiskDebitRateExceeded),
    ],
};

/// Accounts and balances as they are at the moment.
pub const PAYMENT_BALANCES: Part = Part {
    name: "payment_balances",
    title: "Payments: closed accounts and balances",
    checks: &[
        settle(S::DebitAccountAlreadyClosed),
        settle(S::CreditAccountAlreadyClosed),
        settle(S::OverflowsDebitsPending).only("pending transfers"),
        settle(S::OverflowsCreditsPending).only("pending transfers"),
        settle(S::OverflowsDebitsPosted),
        settle(S::OverflowsCreditsPosted),
        settle(S::OverflowsDebits),
        settle(S::OverflowsCredits),
        settle(S::OverflowsTimeout),
        settle(S::ExceedsCredits),
        settle(S::ExceedsDebits),
    ],
};

/// The policies that look at the amount that would move, and the room for one more transfer.
pub const SPEND_LIMITS: Part = Part {
    name: "spend_limits",
    title: "Payments: spend limits and room",
    checks: &[
        settle(S::RiskSpendAmountExceeded),
        settle(S::RiskSpendCountExceeded),
        settle(S::TransfersFull),
    ],
};

/// The fields of transfers with the flag `queue` or `urgent`.
pub const QUEUED_FIELDS: Part = Part {
    name: "queued_fields",
    title: "Queued payments: fields and accounts",
    checks: &[
        risk(S::FlagsAreMutuallyExclusive),
        risk(S::DebitAccountIdMustNotBeZero),
        risk(S::DebitAccountIdMustNotBeIntMax),
        risk(S::CreditAccountIdMustNotBeZero),
        risk(S::CreditAccountIdMustNotBeIntMax),
        risk(S::AccountsMustBeDifferent),
        risk(S::PendingIdMustBeZero),
        risk(S::LedgerMustNotBeZero),
        risk(S::CodeMustNotBeZero),
        risk(S::DebitAccountNotFound),
        risk(S::CreditAccountNotFound),
        risk(S::AccountsMustHaveTheSameLedger),
        risk(S::TransferMustHaveTheSameLedgerAsAccounts),
    ],
};

/// Accounts and balances as they are when a payment with the flag `queue` arrives.
pub const QUEUED_BALANCES: Part = Part {
    name: "queued_balances",
    title: "Queued payments: closed accounts and balances",
    checks: &[
        settle(S::DebitAccountAlreadyClosed),
        settle(S::CreditAccountAlreadyClosed),
        settle(S::OverflowsDebitsPosted),
        settle(S::OverflowsCreditsPosted),
        settle(S::OverflowsDebits),
        settle(S::OverflowsCredits),
        settle(S::OverflowsTimeout),
        settle(S::ExceedsDebits),
    ],
};

/// `create_market`.
pub const MARKET: Part = Part {
    name: "market",
    title: "Markets",
    checks: &[
        risk(S::ExistsWithDifferentFields),
        risk(S::Exists),
        risk(S::IdMustNotBeZero),
        risk(S::LedgerMustNotBeZero),
        risk(S::LedgersMustBeDifferent),
        risk(S::LotMustNotBeZero),
        risk(S::TickMustNotBeZero),
        risk(S::MakerFeeMustNotExceedTakerFee),
        risk(S::AccountNotFound),
        risk(S::AccountHasDifferentLedger),
        risk(S::AccountMustNotHaveLimits),
        risk(S::MarketsFull),
    ],
};

/// `place_order`.
pub const ORDER: Part = Part {
    name: "order",
    title: "Orders",
    checks: &[
        risk(S::IdMustNotBeZero),
        risk(S::IdMustNotBeIntMax),
        settle(S::ExistsWithDifferentFields),
        settle(S::Exists),
        settle(S::IdAlreadyFailed),
        settle(S::IdExpired).only(TIMED_IDS),
        settle(S::IdNotYetValid).only(TIMED_IDS),
        risk(S::MarketNotFound),
        risk(S::QuantityMustNotBeZero),
        risk(S::PriceMustNotBeZero).only("all but `fok_budget`"),
        risk(S::PriceMustBeZero).only("`fok_budget`"),
        risk(S::BudgetMustNotBeZero).only("`fok_budget`"),
        risk(S::BudgetMustBeZero).only("all but `fok_budget`"),
        risk(S::FlagsAreMutuallyExclusive),
        risk(S::TimeoutReservedForGtc),
        risk(S::PriceMustCoverFee).only("sells with a price"),
        risk(S::BaseAccountNotFound),
        risk(S::QuoteAccountNotFound),
        risk(S::BaseAccountHasDifferentLedger),
        risk(S::QuoteAccountHasDifferentLedger),
        risk(S::AccountBelongsToMarket),
        risk(S::AccountMustNotLimitCredits),
        risk(S::RiskLedgerHalted),
        risk(S::RiskLedgerClosed),
        risk(S::RiskDebitAccountFrozen),
        risk(S::RiskCreditAccountFrozen),
        settle(S::BaseAccountAlreadyClosed),
        settle(S::QuoteAccountAlreadyClosed),
        settle(S::MarketClosed),
        settle(S::OverflowsAmount),
        settle(S::OverflowsDebitsPending),
        settle(S::OverflowsCreditsPending),
        settle(S::OverflowsDebits),
        settle(S::OverflowsCredits),
        settle(S::OverflowsTimeout),
        settle(S::ExceedsCredits),
        settle(S::WouldTake).only("`post_only`"),
        settle(S::WouldNotFill).only("`fok` and `fok_budget`"),
        settle(S::OrdersFull),
    ],
};

/// `amend_order`. From `price_must_cover_fee` on, only where the price changes.
pub const AMENDMENT: Part = Part {
    name: "amendment",
    title: "Amendments",
    checks: &[
        settle(S::OrderNotFound),
        settle(S::OrderAlreadyFilled),
        settle(S::OrderAlreadyCancelled),
        settle(S::NothingToAmend),
        settle(S::QuantityMustBeLower),
        settle(S::PriceMustCoverFee).only("another price"),
        settle(S::BaseAccountAlreadyClosed).only("another price"),
        settle(S::QuoteAccountAlreadyClosed).only("another price"),
        settle(S::MarketClosed).only("another price"),
        settle(S::OverflowsAmount).only("another price"),
        settle(S::OverflowsDebitsPending).only("another price"),
        settle(S::OverflowsCreditsPending).only("another price"),
        settle(S::OverflowsDebits).only("another price"),
        settle(S::OverflowsCredits).only("another price"),
        settle(S::ExceedsCredits).only("another price"),
        settle(S::WouldTake).only("another price"),
    ],
};

/// `cancel_order`.
pub const CANCELLATION: Part = Part {
    name: "cancellation",
    title: "Cancellations",
    checks: &[
        settle(S::OrderNotFound),
        settle(S::OrderAlreadyFilled),
        settle(S::OrderAlreadyCancelled),
    ],
};

/// `set_account_policy`.
pub const ACCOUNT_POLICY: Part = Part {
    name: "account_policy",
    title: "Policies of accounts",
    checks: &[risk(S::AccountNotFound), risk(S::InvalidPolicy), risk(S::PoliciesFull)],
};

/// `set_ledger_policy`.
pub const LEDGER_POLICY: Part = Part {
    name: "ledger_policy",
    title: "Policies of ledgers",
    checks: &[risk(S::InvalidPolicy), risk(S::PoliciesFull)],
};

/// `set_pair_policy`.
pub const PAIR_POLICY: Part = Part {
    name: "pair_policy",
    title: "Policies of pairs",
    checks: &[risk(S::AccountNotFound), risk(S::PoliciesFull)],
};

/// `resolve_queues`.
pub const RESOLUTION: Part = Part {
    name: "resolution",
    title: "Resolutions of queues",
    checks: &[settle(S::LedgerMustNotBeZero), settle(S::OverflowsBalances)],
};

/// `cancel_queued_transfer` and `requeue_transfer`.
pub const QUEUED_TRANSFER: Part = Part {
    name: "queued_transfer",
    title: "Commands about a queued payment",
    checks: &[settle(S::TransferNotFound), settle(S::TransferNotQueued)],
};

/// `lookup_account` and `lookup_transfer`.
pub const LOOKUP: Part = Part {
    name: "lookup",
    title: "Look-ups of accounts and transfers",
    checks: &[settle(S::NotFound)],
};

/// `lookup_order`.
pub const ORDER_LOOKUP: Part =
    Part { name: "order_lookup", title: "Look-ups of orders", checks: &[settle(S::OrderNotFound)] };

/// `lookup_market`.
pub const MARKET_LOOKUP: Part = Part {
    name: "market_lookup",
    title: "Look-ups of markets",
    checks: &[settle(S::MarketNotFound)],
};

/// `lookup_queue`.
pub const QUEUE_LOOKUP: Part = Part {
    name: "queue_lookup",
    title: "Look-ups of queues",
    checks: &[settle(S::AccountNotFound)],
};

/// Every part, in the order in which the documents show them.
pub const PARTS: &[&Part] = &[
    &ACCOUNT,
    &TRANSFER,
    &POST_VOID,
    &PAYMENT_FIELDS,
    &IMPORTED_PAYMENT,
    &POLICIES,
    &PAYMENT_BALANCES,
    &SPEND_LIMITS,
    &QUEUED_FIELDS,
    &QUEUED_BALANCES,
    &MARKET,
    &ORDER,
    &AMENDMENT,
    &CANCELLATION,
    &ACCOUNT_POLICY,
    &LEDGER_POLICY,
    &PAIR_POLICY,
    &RESOLUTION,
    &QUEUED_TRANSFER,
    &LOOKUP,
    &ORDER_LOOKUP,
    &MARKET_LOOKUP,
    &QUEUE_LOOKUP,
];
