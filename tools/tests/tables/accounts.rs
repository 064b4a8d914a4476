//! Accounts: what is kept, what is compared, and how many there is room for.

use ringfence::types::{
    Account, AccountFlags, Lookup, PendingStatus, Status, Transfer, TransferFlags,
};
use tools::script::{Script, account, pending, transfer, void};

#[test]
fn an_account_is_shown_as_it_was_sent_with_its_timestamp() {
    let full = Account {
        user_data_128: u128::MAX,
        user_data_64: u64::MAX,
        user_data_32: u32::MAX,
        ledger: u32::MAX,
        code: u16::MAX,
        flags: AccountFlags::HISTORY.with(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS),
        ..account(u128::MAX - 1)
    };
    Script::new()
        .says(full, Status::Created)
        .shows_account(full)
        .says(full, Status::Exists)
        .has_no_account(1)
        .has_no_account(0)
        .has_no_account(u128::MAX)
        .run("full account");
}

#[test]
fn a_repeat_is_compared_with_the_flags_as_they_are_now() {
    let closing = Transfer {
        flags: TransferFlags::PENDING.with(TransferFlags::CLOSING_DEBIT),
        ..transfer(9)
    };
    let closed = Account { flags: AccountFlags::CLOSED, ..account(1) };
    Script::new()
        .with_two_accounts()
        .says(account(1), Status::Exists)
        .says(closing, Status::Created)
        .says(account(1), Status::ExistsWithDifferentFlags)
        .says(closed, Status::Exists)
        .says(void(10, 9), Status::Created)
        .says(closed, Status::ExistsWithDifferentFlags)
        .says(account(1), Status::Exists)
        .run("closed and opened again");
}

#[test]
fn an_account_created_closed_takes_part_in_nothing() {
    Script::new()
        .says(Account { flags: AccountFlags::CLOSED, ..account(1) }, Status::Created)
        .says(account(2), Status::Created)
        .says(transfer(9), Status::DebitAccountAlreadyClosed)
        .says(
            Transfer { debit_account_id: 2, credit_account_id: 1, ..transfer(10) },
            Status::CreditAccountAlreadyClosed,
        )
        .says(pending(11), Status::DebitAccountAlreadyClosed)
        .says(Transfer { amount: 0, ..transfer(12) }, Status::DebitAccountAlreadyClosed)
        .run("created closed");
}

#[test]
fn closing_transfers_close_their_accounts_until_they_are_voided_or_expire() {
    let closing = |id, flags, timeout| Transfer {
        flags: TransferFlags::PENDING.with(flags),
        timeout,
        ..transfer(id)
    };
    let both = TransferFlags::CLOSING_DEBIT.with(TransferFlags::CLOSING_CREDIT);
    let (open, closed) = (AccountFlags::NONE, AccountFlags::CLOSED);
    Script::new()
        .with_two_accounts()
        .says(closing(9, TransferFlags::CLOSING_DEBIT, 0), Status::Created)
        .has_flags(1, closed)
        .has_flags(2, open)
        .says(Transfer { amount: 0, ..transfer(10) }, Status::DebitAccountAlreadyClosed)
        .says(tools::script::post(11, 9), Status::DebitAccountAlreadyClosed)
        .is_now(9, PendingStatus::Pending)
        .says(void(12, 9), Status::Created)
        .has_flags(1, open)
        .says(closing(13, both, 1), Status::Created)
        .has_flags(1, closed)
        .has_flags(2, closed)
        .says(transfer(14), Status::DebitAccountAlreadyClosed)
        .at_second(2)
        .has_flags(1, open)
        .has_flags(2, open)
        .is_now(13, PendingStatus::Expired)
        .says(transfer(15), Status::Created)
        .run("closing");
}

#[test]
fn a_closed_account_lets_older_pending_transfers_be_voided_but_not_posted() {
    let closing = Transfer {
        flags: TransferFlags::PENDING.with(TransferFlags::CLOSING_CREDIT),
        amount: 0,
        ..transfer(11)
    };
    Script::new()
        .with_two_accounts()
        .says(pending(9), Status::Created)
        .says(pending(10), Status::Created)
        .says(closing, Status::Created)
        .says(tools::script::post(12, 9), Status::CreditAccountAlreadyClosed)
        .says(void(13, 9), Status::Created)
        .says(Transfer { timeout: 0, ..void(14, 11) }, Status::Created)
        .says(tools::script::post(15, 10), Status::Created)
        .holds(1, [0, 10, 0, 0])
        .run("closed between");
}

#[test]
fn accounts_beyond_the_capacity_are_refused_and_repeats_are_not() {
    Script::with_capacities(2, 10, 10)
        .with_two_accounts()
        .says(account(3), Status::AccountsFull)
        .says(account(2), Status::Exists)
        .says(Account { code: 0, ..account(3) }, Status::CodeMustNotBeZero)
        .has_no_account(3)
        .run("full");
}

#[test]
fn a_look_up_finds_what_is_there_and_nothing_else() {
    let lookup =
        |id| ringfence::types::Command::lookup_transfer(Lookup { id, ..Lookup::default() });
    Script::new()
        .with_two_accounts()
        .says(transfer(9), Status::Created)
        .says(Transfer { debit_account_id: 99, ..transfer(10) }, Status::DebitAccountNotFound)
        .batch([
            (lookup(9), Status::Found),
            (lookup(10), Status::NotFound),
            (lookup(11), Status::NotFound),
            (lookup(0), Status::NotFound),
            (lookup(u128::MAX), Status::NotFound),
        ])
        .run("look-ups");
}
