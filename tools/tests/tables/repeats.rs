//! Idempotency: the same again, and nearly the same again, for each kind of transfer.

use ringfence::types::{AMOUNT_MAX, Status, Transfer, TransferFlags};
use tools::script::{Script, account, pending, post, transfer, void};

/// One field of a repeat changed, and what that answers.
type Change = (&'static str, fn(&mut Transfer), Status);

const CHANGES: &[Change] = &[
    ("nothing", |_| {}, Status::Exists),
    (
        "flags",
        |it| it.flags.0 ^= TransferFlags::BALANCING_DEBIT.0,
        Status::ExistsWithDifferentFlags,
    ),
    ("pending_id", |it| it.pending_id ^= 64, Status::ExistsWithDifferentPendingId),
    ("timeout", |it| it.timeout += 1, Status::ExistsWithDifferentTimeout),
    ("debit account", |it| it.debit_account_id = 3, Status::ExistsWithDifferentDebitAccountId),
    ("credit account", |it| it.credit_account_id = 3, Status::ExistsWithDifferentCreditAccountId),
    ("amount, more", |it| it.amount += 1, Status::ExistsWithDifferentAmount),
    ("amount, less", |it| it.amount -= 1, Status::ExistsWithDifferentAmount),
    ("user_data_128", |it| it.user_data_128 += 1, Status::ExistsWithDifferentUserData128),
    ("user_data_64", |it| it.user_data_64 += 1, Status::ExistsWithDifferentUserData64),
    ("user_data_32", |it| it.user_data_32 += 1, Status::ExistsWithDifferentUserData32),
    ("ledger", |it| it.ledger += 1, Status::ExistsWithDifferentLedger),
    ("code", |it| it.code += 1, Status::ExistsWithDifferentCode),
];

#[test]
fn a_repeat_of_any_kind_is_compared_field_by_field() {
    let spoken = |transfer: Transfer| Transfer {
        debit_account_id: 1,
        credit_account_id: 2,
        amount: 10,
        user_data_128: 5,
        user_data_64: 6,
        user_data_32: 7,
        ledger: 1,
        code: 1,
        ..transfer
    };
    let kinds = [
        ("single-phase", spoken(transfer(9))),
        ("pending", spoken(Transfer { timeout: 3, ..pending(9) })),
        ("post", spoken(post(9, 8))),
        ("void", spoken(void(9, 8))),
    ];
    for (kind, original) in kinds {
        for (field, change, status) in CHANGES {
            let mut repeat = original;
            change(&mut repeat);
            Script::new()
                .with_two_accounts()
                .says(account(3), Status::Created)
                .says(pending(8), Status::Created)
                .says(original, Status::Created)
                .says(repeat, *status)
                .says(original, Status::Exists)
                .run(&format!("{kind}, {field}"));
        }
    }
}

#[test]
fn a_repeat_answers_exists_whatever_has_happened_since() {
    Script::new()
        .with_two_accounts()
        .says(Transfer { timeout: 1, ..pending(8) }, Status::Created)
        .says(pending(9), Status::Created)
        .says(post(10, 9), Status::Created)
        .at_second(9)
        .says(Transfer { timeout: 1, ..pending(8) }, Status::Exists)
        .says(pending(9), Status::Exists)
        .says(post(10, 9), Status::Exists)
        .says(post(11, 9), Status::PendingTransferAlreadyPosted)
        .run("later");
}

#[test]
fn a_repeat_of_a_balancing_transfer_may_ask_for_no_less_than_was_moved() {
    let balancing =
        |amount| Transfer { flags: TransferFlags::BALANCING_DEBIT, amount, ..transfer(9) };
    let back = Transfer { debit_account_id: 2, credit_account_id: 1, ..transfer(8) };
    Script::new()
        .with_two_accounts()
        .says(back, Status::Created)
        .says(balancing(100), Status::Created)
        .moved(9, 10)
        .says(balancing(100), Status::Exists)
        .says(balancing(AMOUNT_MAX), Status::Exists)
        .says(balancing(10), Status::Exists)
        .says(balancing(9), Status::ExistsWithDifferentAmount)
        .says(balancing(0), Status::ExistsWithDifferentAmount)
        .run("balancing");
}

#[test]
fn a_repeat_of_a_post_reads_its_amount_as_the_post_did() {
    let partial = |amount| Transfer { amount, ..post(9, 8) };
    //  posted      repeated     status
    let cases = [
        (AMOUNT_MAX, AMOUNT_MAX, Status::Exists),
        (AMOUNT_MAX, 10, Status::Exists),
        (10, AMOUNT_MAX, Status::Exists),
        (9, 9, Status::Exists),
        (9, AMOUNT_MAX, Status::ExistsWithDifferentAmount),
        (9, 10, Status::ExistsWithDifferentAmount),
        (AMOUNT_MAX, 9, Status::ExistsWithDifferentAmount),
        (AMOUNT_MAX, 0, Status::ExistsWithDifferentAmount),
        (0, 0, Status::Exists),
        (0, AMOUNT_MAX, Status::ExistsWithDifferentAmount),
    ];
    for (posted, repeated, status) in cases {
        Script::new()
            .with_two_accounts()
            .says(pending(8), Status::Created)
            .says(partial(posted), Status::Created)
            .says(partial(repeated), status)
            .run(&format!("{repeated} after {posted}"));
    }
}

#[test]
fn a_repeat_of_a_void_reads_its_amount_as_the_void_did() {
    let whole = |amount| Transfer { amount, ..void(9, 8) };
    //  voided  repeated     status
    let cases = [
        (0, 0, Status::Exists),
        (0, 10, Status::Exists),
        (10, 0, Status::Exists),
        (0, 9, Status::ExistsWithDifferentAmount),
        (0, AMOUNT_MAX, Status::ExistsWithDifferentAmount),
    ];
    for (voided, repeated, status) in cases {
        Script::new()
            .with_two_accounts()
            .says(pending(8), Status::Created)
            .says(whole(voided), Status::Created)
            .says(whole(repeated), status)
            .run(&format!("{repeated} after {voided}"));
    }
}

#[test]
fn what_a_repeated_post_leaves_out_is_read_as_the_pending_transfers() {
    let hold = Transfer { user_data_128: 1, user_data_64: 2, user_data_32: 3, ..pending(8) };
    let own = Transfer { user_data_128: 4, ..post(9, 8) };
    let spoken = Transfer { debit_account_id: 1, credit_account_id: 2, ledger: 1, code: 1, ..own };
    Script::new()
        .with_two_accounts()
        .says(hold, Status::Created)
        .says(own, Status::Created)
        .says(own, Status::Exists)
        .says(spoken, Status::Exists)
        .says(Transfer { user_data_64: 2, user_data_32: 3, ..own }, Status::Exists)
        // Read as 1, while 4 is recorded.
        .says(Transfer { user_data_128: 0, ..own }, Status::ExistsWithDifferentUserData128)
        .says(Transfer { user_data_128: 1, ..own }, Status::ExistsWithDifferentUserData128)
        .says(Transfer { user_data_32: 9, ..own }, Status::ExistsWithDifferentUserData32)
        .says(Transfer { debit_account_id: 2, ..own }, Status::ExistsWithDifferentDebitAccountId)
        .says(Transfer { ledger: 2, ..own }, Status::ExistsWithDifferentLedger)
        .says(Transfer { code: 2, ..own }, Status::ExistsWithDifferentCode)
        .run("left out");
}

#[test]
fn a_repeat_as_another_kind_has_different_flags() {
    Script::new()
        .with_two_accounts()
        .says(pending(8), Status::Created)
        .says(transfer(9), Status::Created)
        .says(pending(9), Status::ExistsWithDifferentFlags)
        .says(post(9, 8), Status::ExistsWithDifferentFlags)
        .says(transfer(8), Status::ExistsWithDifferentFlags)
        .says(void(8, 8), Status::ExistsWithDifferentFlags)
        .run("another kind");
}
