//! Single-phase transfers: balances, limits, balancing amounts, edge amounts.

use ringfence::types::{AMOUNT_MAX, Account, AccountFlags, Status, Transfer, TransferFlags};
use tools::script::{Script, account, pending, transfer};

const MAX: u128 = AMOUNT_MAX;

fn back(id: u128) -> Transfer {
    Transfer { debit_account_id: 2, credit_account_id: 1, ..transfer(id) }
}

#[test]
fn a_transfer_moves_its_amount_and_is_shown_as_it_was_sent() {
    let full = Transfer {
        user_data_128: u128::MAX,
        user_data_64: u64::MAX,
        user_data_32: u32::MAX,
        code: u16::MAX,
        ..transfer(u128::MAX - 1)
    };
    Script::new()
        .with_two_accounts()
        .says(full, Status::Created)
        .shows_transfer(full)
        .is_now(u128::MAX - 1, None)
        .holds(1, [0, 10, 0, 0])
        .holds(2, [0, 0, 0, 10])
        .says(Transfer { amount: 0, ..transfer(9) }, Status::Created)
        .holds(1, [0, 10, 0, 0])
        .run("full transfer");
}

#[test]
fn limits_are_met_exactly_and_not_passed_by_one() {
    let limited = |flags| Account { flags, ..account(1) };
    let debits = limited(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS);
    let credits = limited(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
    Script::new()
        .says(debits, Status::Created)
        .says(account(2), Status::Created)
        .says(Transfer { amount: 0, ..transfer(9) }, Status::Created)
        .says(Transfer { amount: 1, ..transfer(10) }, Status::ExceedsCredits)
        .says(back(11), Status::Created)
        .says(Transfer { amount: 4, ..pending(12) }, Status::Created)
        .says(Transfer { amount: 7, ..transfer(13) }, Status::ExceedsCredits)
        .says(Transfer { amount: 6, ..transfer(14) }, Status::Created)
        .says(Transfer { amount: 1, ..pending(15) }, Status::ExceedsCredits)
        .says(Transfer { amount: 0, ..transfer(16) }, Status::Created)
        .holds(1, [4, 6, 0, 10])
        .run("debits must not exceed credits");
    Script::new()
        .says(credits, Status::Created)
        .says(account(2), Status::Created)
        .says(Transfer { amount: 1, ..back(10) }, Status::ExceedsDebits)
        .says(transfer(11), Status::Created)
        .says(Transfer { flags: TransferFlags::PENDING, amount: 4, ..back(12) }, Status::Created)
        .says(Transfer { amount: 7, ..back(13) }, Status::ExceedsDebits)
        .says(Transfer { amount: 6, ..back(14) }, Status::Created)
        .holds(1, [0, 10, 4, 6])
        .run("credits must not exceed debits");
}

#[test]
fn pending_credits_are_no_funds() {
    Script::new()
        .says(
            Account { flags: AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS, ..account(1) },
            Status::Created,
        )
        .says(account(2), Status::Created)
        .says(Transfer { flags: TransferFlags::PENDING, ..back(9) }, Status::Created)
        .says(Transfer { amount: 1, ..transfer(10) }, Status::ExceedsCredits)
        .run("pending credits");
}

#[test]
fn balancing_takes_the_least_of_what_is_asked_had_and_owed() {
    use TransferFlags as F;
    let both = F::BALANCING_DEBIT.with(F::BALANCING_CREDIT);
    // Account 1 has 100 credits posted, 30 debits posted, 20 debits pending: 50 to give.
    // Account 2 has 90 debits posted, 40 credits posted, 10 credits pending: 40 to take.
    //  flags               asked  moved
    let cases = [
        (F::BALANCING_DEBIT, MAX, 50),
        (F::BALANCING_DEBIT, 51, 50),
        (F::BALANCING_DEBIT, 50, 50),
        (F::BALANCING_DEBIT, 49, 49),
        (F::BALANCING_DEBIT, 0, 0),
        (F::BALANCING_CREDIT, MAX, 40),
        (F::BALANCING_CREDIT, 41, 40),
        (F::BALANCING_CREDIT, 40, 40),
        (F::BALANCING_CREDIT, 39, 39),
        (both, MAX, 40),
        (both, 41, 40),
        (both, 1, 1),
        (F::BALANCING_DEBIT.with(F::PENDING), MAX, 50),
        (both.with(F::PENDING), MAX, 40),
    ];
    for (flags, asked, moved) in cases {
        let pay = |id, debit_account_id, credit_account_id, amount, flags| Transfer {
            debit_account_id,
            credit_account_id,
            amount,
            flags,
            ..transfer(id)
        };
        let event = Transfer { amount: asked, flags, ..transfer(9) };
        let (pending, posted) = if flags.has(F::PENDING) { (moved, 0) } else { (0, moved) };
        Script::new()
            .with_two_accounts()
            .says(account(3), Status::Created)
            .says(pay(101, 3, 1, 100, F::NONE), Status::Created)
            .says(pay(102, 1, 3, 30, F::NONE), Status::Created)
            .says(pay(103, 1, 3, 20, F::PENDING), Status::Created)
            .says(pay(104, 2, 3, 90, F::NONE), Status::Created)
            .says(pay(105, 3, 2, 40, F::NONE), Status::Created)
            .says(pay(106, 3, 2, 10, F::PENDING), Status::Created)
            .says(event, Status::Created)
            .moved(9, moved)
            .holds(1, [20 + pending, 30 + posted, 0, 100])
            .holds(2, [0, 90, 10 + pending, 40 + posted])
            .run(&format!("{flags:?} of {asked}"));
    }
}

#[test]
fn balancing_an_account_that_has_nothing_moves_nothing() {
    let balancing = |id, flags| Transfer { amount: MAX, flags, ..transfer(id) };
    Script::new()
        .with_two_accounts()
        .says(transfer(8), Status::Created)
        .says(balancing(9, TransferFlags::BALANCING_DEBIT), Status::Created)
        .moved(9, 0)
        .says(balancing(10, TransferFlags::BALANCING_CREDIT), Status::Created)
        .moved(10, 0)
        .holds(1, [0, 10, 0, 0])
        .run("nothing there");
}

#[test]
fn balances_reach_the_edge_and_do_not_pass_it() {
    let of = |amount, transfer: Transfer| Transfer { amount, ..transfer };
    // Each line: what was moved before, and what becomes of the transfer after it.
    let cases: &[(&str, &[Transfer], Transfer, Status)] = &[
        ("all at once", &[], of(MAX, transfer(9)), Status::Created),
        ("one left", &[of(MAX - 1, transfer(8))], of(1, transfer(9)), Status::Created),
        (
            "one too many",
            &[of(MAX - 1, transfer(8))],
            of(2, transfer(9)),
            Status::OverflowsDebitsPosted,
        ),
        ("all pending", &[], of(MAX, pending(9)), Status::Created),
        (
            "pending beyond",
            &[of(MAX, pending(8))],
            of(1, pending(9)),
            Status::OverflowsDebitsPending,
        ),
        ("pending and posted", &[of(1, pending(8))], of(MAX, transfer(9)), Status::OverflowsDebits),
        (
            "posted and pending",
            &[of(MAX, transfer(8))],
            of(1, pending(9)),
            Status::OverflowsDebitsPosted,
        ),
        (
            "pending and posted meet the edge",
            &[of(MAX / 2, pending(7)), of(MAX / 2, transfer(8))],
            of(1, transfer(9)),
            Status::Created,
        ),
        (
            "pending and posted pass the edge",
            &[of(MAX / 2, pending(7)), of(MAX / 2, transfer(8))],
            of(2, transfer(9)),
            Status::OverflowsDebits,
        ),
        (
            "nothing on top of everything",
            &[of(MAX, transfer(8))],
            of(0, transfer(9)),
            Status::Created,
        ),
    ];
    for (name, before, event, status) in cases {
        let mut script = Script::new().with_two_accounts();
        for moved in *before {
            script = script.says(*moved, Status::Created);
        }
        script.says(*event, *status).run(name);
    }
}

#[test]
fn the_credit_side_overflows_where_the_debit_side_does_not() {
    let to_2 = |id, amount, flags| Transfer { debit_account_id: 3, amount, flags, ..transfer(id) };
    let (none, pending) = (TransferFlags::NONE, TransferFlags::PENDING);
    //  before         the event      becomes
    let cases = [
        (MAX, none, 1, none, Status::OverflowsCreditsPosted),
        (MAX, pending, 1, pending, Status::OverflowsCreditsPending),
        (MAX, pending, 1, none, Status::OverflowsCredits),
        (MAX, none, 1, pending, Status::OverflowsCreditsPosted),
        (MAX - 1, none, 1, none, Status::Created),
        (MAX - 1, pending, 1, none, Status::Created),
    ];
    for (before, before_flags, amount, flags, status) in cases {
        Script::new()
            .with_two_accounts()
            .says(account(3), Status::Created)
            .says(to_2(8, before, before_flags), Status::Created)
            .says(Transfer { amount, flags, ..transfer(9) }, status)
            .run(&format!("{amount} {flags:?} on {before} {before_flags:?}"));
    }
}

#[test]
fn a_spent_id_stays_spent_whatever_it_is_used_for() {
    Script::new()
        .with_two_accounts()
        .says(Transfer { debit_account_id: 3, ..transfer(9) }, Status::DebitAccountNotFound)
        .says(Transfer { debit_account_id: 3, ..transfer(9) }, Status::IdAlreadyFailed)
        .says(transfer(9), Status::IdAlreadyFailed)
        .says(Transfer { debit_account_id: 0, ..transfer(9) }, Status::IdAlreadyFailed)
        .says(tools::script::post(9, 9), Status::IdAlreadyFailed)
        .says(account(9), Status::Created)
        .has_no_transfer(9)
        .run("spent");
}

#[test]
fn a_refusal_that_does_not_depend_on_the_moment_spends_nothing() {
    Script::new()
        .with_two_accounts()
        .says(Transfer { code: 0, ..transfer(9) }, Status::CodeMustNotBeZero)
        .says(
            Transfer { ledger: 2, ..transfer(9) },
            Status::TransferMustHaveTheSameLedgerAsAccounts,
        )
        .says(Transfer { credit_account_id: 1, ..transfer(9) }, Status::AccountsMustBeDifferent)
        .says(transfer(9), Status::Created)
        .run("not spent");
}

#[test]
fn where_no_id_can_be_remembered_nothing_is_executed_and_nothing_spent() {
    Script::with_capacities(10, 2, 10)
        .with_two_accounts()
        .says(transfer(8), Status::Created)
        .says(Transfer { debit_account_id: 3, ..transfer(9) }, Status::DebitAccountNotFound)
        .says(transfer(10), Status::TransfersFull)
        .says(Transfer { debit_account_id: 3, ..transfer(10) }, Status::TransfersFull)
        .says(Transfer { code: 0, ..transfer(10) }, Status::CodeMustNotBeZero)
        .says(transfer(8), Status::Exists)
        .says(Transfer { code: 2, ..transfer(8) }, Status::ExistsWithDifferentCode)
        .says(transfer(9), Status::IdAlreadyFailed)
        .says(tools::script::post(10, 77), Status::TransfersFull)
        .says(tools::script::post(10, 8), Status::PendingTransferNotPending)
        .holds(1, [0, 10, 0, 0])
        .run("full");
}
