//! Checks of a command's own fields, before any look at accounts or earlier transfers.
//!
//! Every function returns the first status that applies, in the order of the table of precedence.

use ringfence_types::{
    Account, AccountFlags, Command, ID_MAX, Op, PlaceOrder, Side, Status, TIMESTAMP_MAX,
    TimeInForce, Transfer, TransferFlags,
};

/// True if the batch under way is one of imported events: its first event decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Imports(bool);

impl Imports {
    /// Of the batch that begins with `command`.
    #[inline(always)]
    pub(crate) fn of_batch(command: &Command) -> Imports {
        Imports(match command.op() {
            Op::CreateAccount => command.body.account().flags.has(AccountFlags::IMPORTED),
            Op::CreateTransfer => command.body.transfer().flags.has(TransferFlags::IMPORTED),
            _ => false,
        })
    }
}

/// The timestamp that the account of an accepted `create_account` gets.
pub(super) fn account_timestamp(command: &Command) -> u64 {
    let account = command.body.account();
    if account.flags.has(AccountFlags::IMPORTED) {
        account.timestamp
    } else {
        command.header.timestamp
    }
}

/// `imported_event_expected` up to `imported_event_timestamp_must_not_advance`.
#[inline(always)]
fn of_timestamp(
    command: &Command,
    timestamp: u64,
    is_imported: bool,
    imports: Imports,
) -> Option<Status> {
    if is_imported != imports.0 {
        return Some(match imports.0 {
            true => Status::ImportedEventExpected,
            false => Status::ImportedEventNotExpected,
        });
    }
    if !is_imported {
        return (timestamp != 0).then_some(Status::TimestampMustBeZero);
    }
    let header = &command.header;
    let batch_end = header.timestamp + u64::from(header.batch_length - 1 - header.batch_index);
    if timestamp == 0 || timestamp > TIMESTAMP_MAX {
        Some(Status::ImportedEventTimestampOutOfRange)
    } else if timestamp >= batch_end {
        Some(Status::ImportedEventTimestampMustNotAdvance)
    } else {
        None
    }
}

#[inline(always)]
pub(super) fn of_id(id: u128) -> Option<Status> {
    match id {
        0 => Some(Status::IdMustNotBeZero),
        ID_MAX => Some(Status::IdMustNotBeIntMax),
        _ => None,
    }
}

/// Checks an account before its id is looked up.
#[inline]
pub(super) fn of_account(command: &Command, imports: Imports) -> Option<Status> {
    let account = command.body.account();
    let is_imported = account.flags.has(AccountFlags::IMPORTED);
    if let Some(status) = of_timestamp(command, account.timestamp, is_imported, imports) {
        return Some(status);
    }
    if account.flags.has_reserved() {
        return Some(Status::ReservedFlag);
    }
    of_id(account.id)
}

/// Checks an account whose id is free, up to `code_must_not_be_zero`.
#[inline]
pub(super) fn of_new_account(account: &Account) -> Option<Status> {
    let limits = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS
        .with(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
    let checks = [
        (account.flags.0 & limits.0 == limits.0, Status::FlagsAreMutuallyExclusive),
        (account.debits_pending != 0, Status::DebitsPendingMustBeZero),
        (account.debits_posted != 0, Status::DebitsPostedMustBeZero),
        (account.credits_pending != 0, Status::CreditsPendingMustBeZero),
        (account.credits_posted != 0, Status::CreditsPostedMustBeZero),
        (account.ledger == 0, Status::LedgerMustNotBeZero),
        (account.code == 0, Status::CodeMustNotBeZero),
    ];
    checks.into_iter().find(|(applies, _)| *applies).map(|(_, status)| status)
}

/// Checks a transfer before its id is looked up.
#[inline(always)]
pub(super) fn of_transfer(command: &Command, imports: Imports) -> Option<Status> {
    let transfer = command.body.transfer();
    let is_imported = transfer.flags.has(TransferFlags::IMPORTED);
    if let Some(status) = of_timestamp(command, transfer.timestamp, is_imported, imports) {
        return Some(status);
    }
    if transfer.flags.has_reserved() {
        return Some(Status::ReservedFlag);
    }
    of_id(transfer.id)
}

/// Checks a transfer with `queue` or `urgent`: no other flag, no chain, and no `urgent` alone.
/// Comes right after the id.
#[cold]
pub(super) fn of_queueing(transfer: &Transfer, in_chain: bool) -> Option<Status> {
    let others = transfer.flags.without(TransferFlags::QUEUE).without(TransferFlags::URGENT);
    let is_plain = transfer.flags.has(TransferFlags::QUEUE) && others == TransferFlags::NONE;
    (in_chain || !is_plain).then_some(Status::FlagsAreMutuallyExclusive)
}

const POST: TransferFlags = TransferFlags::POST_PENDING_TRANSFER;
const VOID: TransferFlags = TransferFlags::VOID_PENDING_TRANSFER;
const BALANCING: TransferFlags =
    TransferFlags::BALANCING_DEBIT.with(TransferFlags::BALANCING_CREDIT);
const CLOSING: TransferFlags = TransferFlags::CLOSING_DEBIT.with(TransferFlags::CLOSING_CREDIT);

/// Checks a post or void before its pending transfer is looked up.
#[inline]
pub(super) fn of_post_void(transfer: &Transfer) -> Option<Status> {
    let flags = transfer.flags;
    let excluded = TransferFlags::PENDING.with(BALANCING).with(CLOSING);
    if (flags.has(POST) && flags.has(VOID)) || flags.has(excluded) {
        Some(Status::FlagsAreMutuallyExclusive)
    } else if transfer.pending_id == 0 {
        Some(Status::PendingIdMustNotBeZero)
    } else if transfer.pending_id == ID_MAX {
        Some(Status::PendingIdMustNotBeIntMax)
    } else if transfer.pending_id == transfer.id {
        Some(Status::PendingIdMustBeDifferent)
    } else if transfer.timeout != 0 {
        Some(Status::TimeoutReservedForPendingTransfer)
    } else {
        None
    }
}

/// Checks a single-phase or pending transfer before its accounts are looked up.
#[inline(always)]
pub(super) fn of_payment(transfer: &Transfer) -> Option<Status> {
    let is_pending = transfer.flags.has(TransferFlags::PENDING);
    if transfer.debit_account_id == 0 {
        Some(Status::DebitAccountIdMustNotBeZero)
    } else if transfer.debit_account_id == ID_MAX {
        Some(Status::DebitAccountIdMustNotBeIntMax)
    } else if transfer.credit_account_id == 0 {
        Some(Status::CreditAccountIdMustNotBeZero)
    } else if transfer.credit_account_id == ID_MAX {
        Some(Status::CreditAccountIdMustNotBeIntMax)
    } else if transfer.debit_account_id == transfer.credit_account_id {
        Some(Status::AccountsMustBeDifferent)
    } else if transfer.pending_id != 0 {
        Some(Status::PendingIdMustBeZero)
    } else if transfer.timeout != 0 && !is_pending && !transfer.flags.has(TransferFlags::QUEUE) {
        Some(Status::TimeoutReservedForPendingTransfer)
    } else if transfer.flags.has(CLOSING) && !is_pending {
        Some(Status::ClosingTransferMustBePending)
    } else if transfer.ledger == 0 {
        Some(Status::LedgerMustNotBeZero)
    } else if transfer.code == 0 {
        Some(Status::CodeMustNotBeZero)
    } else {
        None
    }
}

/// Checks an order from `quantity_must_not_be_zero` to `price_must_cover_fee`, in a market with
/// this tick and taker fee.
#[inline(always)]
pub(super) fn of_order(order: &PlaceOrder, tick: u64, taker_fee: u64) -> Option<Status> {
    let has_budget = order.time_in_force == TimeInForce::FokBudget as u8;
    let rests = order.time_in_force == TimeInForce::Gtc as u8;
    let proceeds = u128::from(order.price) * u128::from(tick);
    if order.quantity == 0 {
        Some(Status::QuantityMustNotBeZero)
    } else if !has_budget && order.price == 0 {
        Some(Status::PriceMustNotBeZero)
    } else if has_budget && order.price != 0 {
        Some(Status::PriceMustBeZero)
    } else if has_budget && order.budget == 0 {
        Some(Status::BudgetMustNotBeZero)
    } else if !has_budget && order.budget != 0 {
        Some(Status::BudgetMustBeZero)
    } else if order.post_only != 0 && !rests {
        Some(Status::FlagsAreMutuallyExclusive)
    } else if order.timeout != 0 && !rests {
        Some(Status::TimeoutReservedForGtc)
    } else if order.side == Side::Sell as u8 && !has_budget && proceeds < taker_fee.into() {
        Some(Status::PriceMustCoverFee)
    } else {
        None
    }
}
