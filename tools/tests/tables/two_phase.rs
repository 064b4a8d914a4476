//! Pending transfers: posted, voided, expired.

use ringfence::types::{
    AMOUNT_MAX, AccountFlags, NANOSECONDS_PER_SECOND, PendingStatus, Status, TIMESTAMP_MAX,
    Transfer, TransferFlags,
};
use ringfence::types::{Account, Command};
use tools::script::{Say, Script, account, pending, post, transfer, void};

const MAX: u128 = AMOUNT_MAX;
const SECOND: u64 = NANOSECONDS_PER_SECOND;

#[test]
fn a_post_moves_what_it_says_and_releases_the_rest() {
    //  posted  pending  status                               moved
    let cases = [
        (MAX, 10, Status::Created, 10),
        (10, 10, Status::Created, 10),
        (9, 10, Status::Created, 9),
        (0, 10, Status::Created, 0),
        (11, 10, Status::ExceedsPendingTransferAmount, 0),
        (MAX - 1, 10, Status::ExceedsPendingTransferAmount, 0),
        (MAX, 0, Status::Created, 0),
        (0, 0, Status::Created, 0),
        (1, 0, Status::ExceedsPendingTransferAmount, 0),
        (MAX, MAX, Status::Created, MAX),
        (MAX - 1, MAX, Status::Created, MAX - 1),
    ];
    for (amount, of, status, moved) in cases {
        let mut script = Script::new()
            .with_two_accounts()
            .says(Transfer { amount: of, ..pending(9) }, Status::Created)
            .holds(1, [of, 0, 0, 0])
            .holds(2, [0, 0, of, 0])
            .is_now(9, PendingStatus::Pending)
            .says(Transfer { amount, ..post(10, 9) }, status);
        if status == Status::Created {
            script = script
                .moved(10, moved)
                .is_now(10, None)
                .is_now(9, PendingStatus::Posted)
                .moved(9, of)
                .holds(1, [0, moved, 0, 0])
                .holds(2, [0, 0, 0, moved]);
        } else {
            script = script.is_now(9, PendingStatus::Pending).holds(1, [of, 0, 0, 0]);
        }
        script.run(&format!("{amount} of {of}"));
    }
}

#[test]
fn a_void_releases_all_or_nothing() {
    //  voided  pending  status
    let cases = [
        (0, 10, Status::Created),
        (10, 10, Status::Created),
        (9, 10, Status::PendingTransferHasDifferentAmount),
        (11, 10, Status::ExceedsPendingTransferAmount),
        (MAX, 10, Status::ExceedsPendingTransferAmount),
        (0, 0, Status::Created),
        (MAX, MAX, Status::Created),
    ];
    for (amount, of, status) in cases {
        let mut script = Script::new()
            .with_two_accounts()
            .says(Transfer { amount: of, ..pending(9) }, Status::Created)
            .says(Transfer { amount, ..void(10, 9) }, status);
        script = if status == Status::Created {
            script.moved(10, of).is_now(9, PendingStatus::Voided).holds(1, [0; 4]).holds(2, [0; 4])
        } else {
            script.is_now(9, PendingStatus::Pending).holds(2, [0, 0, of, 0])
        };
        script.run(&format!("{amount} of {of}"));
    }
}

#[test]
fn a_pending_transfer_resolves_once() {
    //  first       then
    let cases = [
        (post(10, 9), Status::PendingTransferAlreadyPosted),
        (void(10, 9), Status::PendingTransferAlreadyVoided),
    ];
    for (first, status) in cases {
        Script::new()
            .with_two_accounts()
            .says(Transfer { timeout: 1, ..pending(9) }, Status::Created)
            .says(first, Status::Created)
            .says(post(11, 9), status)
            .says(void(11, 9), status)
            // Its time passes without effect.
            .at_second(5)
            .says(post(11, 9), status)
            .says(post(12, 11), Status::PendingTransferNotFound)
            .says(post(13, 10), Status::PendingTransferNotPending)
            .run(&format!("{first:?}"));
    }
}

#[test]
fn what_a_resolution_leaves_out_it_takes_from_the_pending_transfer() {
    let original =
        Transfer { user_data_128: 1, user_data_64: 2, user_data_32: 3, code: 4, ..pending(9) };
    let own = Transfer { user_data_128: 10, user_data_64: 20, user_data_32: 30, ..post(10, 9) };
    for (name, resolution) in [
        ("post", post(10, 9)),
        ("void", void(10, 9)),
        ("post with user data", own),
        ("post with one of them", Transfer { user_data_64: 7, ..post(10, 9) }),
        (
            "post with accounts",
            Transfer { debit_account_id: 1, credit_account_id: 2, ..post(10, 9) },
        ),
        ("void with ledger and code", Transfer { ledger: 1, code: 4, ..void(10, 9) }),
    ] {
        let or = |value: u128, default| if value == 0 { default } else { value };
        let kept = Transfer {
            debit_account_id: 1,
            credit_account_id: 2,
            amount: 10,
            user_data_128: or(resolution.user_data_128, 1),
            user_data_64: or(resolution.user_data_64.into(), 2) as u64,
            user_data_32: or(resolution.user_data_32.into(), 3) as u32,
            ledger: 1,
            code: 4,
            ..resolution
        };
        Script::new()
            .with_two_accounts()
            .says(original, Status::Created)
            .says(resolution, Status::Created)
            .shows_transfer(kept)
            .says(resolution, Status::Exists)
            .says(kept, Status::Exists)
            .run(name);
    }
}

#[test]
fn limits_are_not_checked_again_when_a_pending_transfer_is_posted() {
    let limited = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
    let back = Transfer { debit_account_id: 2, credit_account_id: 1, ..transfer(8) };
    Script::new()
        .says(Account { flags: limited, ..account(1) }, Status::Created)
        .says(account(2), Status::Created)
        .says(back, Status::Created)
        .says(pending(9), Status::Created)
        .says(post(10, 9), Status::Created)
        .holds(1, [0, 10, 0, 10])
        .run("posted at the limit");
}

#[test]
fn a_pending_transfer_expires_at_its_nanosecond_and_not_before() {
    // It is executed at 1 s exactly, and expires at 3 s exactly.
    let start = || {
        Script::new()
            .with_two_accounts()
            .at_second(1)
            .says(Transfer { timeout: 2, ..pending(9) }, Status::Created)
    };
    //  name                    at          post
    let cases = [
        ("one nanosecond before", 3 * SECOND - 1, Status::Created, PendingStatus::Posted),
        ("at that nanosecond", 3 * SECOND, Status::PendingTransferExpired, PendingStatus::Expired),
        ("much later", 9 * SECOND, Status::PendingTransferExpired, PendingStatus::Expired),
    ];
    for (name, at_ns, status, fate) in cases {
        start().at_ns(at_ns).says(post(10, 9), status).is_now(9, fate).run(name);
    }
    start().at_ns(3 * SECOND - 1).holds(1, [10, 0, 0, 0]).holds(1, [0; 4]).run("released in time");
}

#[test]
fn any_command_lets_what_is_due_expire() {
    let commands = [
        Command::pulse(),
        account(7).command(),
        Transfer { code: 0, ..transfer(99) }.command(),
        Command::lookup_account(ringfence::types::Lookup { id: 77, ..Default::default() }),
        Command::set_ledger_policy(Default::default()),
    ];
    let statuses =
        [Status::Ok, Status::Created, Status::CodeMustNotBeZero, Status::NotFound, Status::Ok];
    for (command, status) in commands.into_iter().zip(statuses) {
        let script = Script::new()
            .with_two_accounts()
            .says(Transfer { timeout: 1, ..pending(9) }, Status::Created)
            .at_second(5)
            .says(command, status);
        // Forgotten a second after the command in whose course it expired, not after its time.
        script
            .with_retention_ns(SECOND)
            .at_ns(6 * SECOND - 1)
            .is_now(9, PendingStatus::Expired)
            .has_no_transfer(9)
            .run(&format!("{:?}", command.op()));
    }
}

#[test]
fn a_timeout_of_zero_never_expires() {
    Script::new()
        .with_two_accounts()
        .says(pending(9), Status::Created)
        .at_ns(TIMESTAMP_MAX - SECOND)
        .says(post(10, 9), Status::Created)
        .run("never");
}

#[test]
fn a_timeout_may_reach_the_end_of_time_and_not_pass_it() {
    // The event is stamped 2 s before the last nanosecond.
    for (timeout, status) in [(2, Status::Created), (3, Status::OverflowsTimeout)] {
        Script::new()
            .with_two_accounts()
            .at_ns(TIMESTAMP_MAX - 2 * SECOND)
            .says(Transfer { timeout, ..pending(9) }, status)
            .run(&format!("{timeout} s"));
    }
}

#[test]
fn funds_released_by_expiry_are_there_for_the_event_that_follows() {
    let limited = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
    let back = Transfer { debit_account_id: 2, credit_account_id: 1, ..transfer(8) };
    let start = || {
        Script::new()
            .says(Account { flags: limited, ..account(1) }, Status::Created)
            .says(account(2), Status::Created)
            .says(back, Status::Created)
            .at_second(1)
            .says(Transfer { timeout: 1, ..pending(9) }, Status::Created)
    };
    start().at_ns(2 * SECOND - 1).says(transfer(10), Status::ExceedsCredits).run("too early");
    start().at_ns(2 * SECOND).says(transfer(10), Status::Created).run("in time");
    // Within one batch each event has its own nanosecond.
    start()
        .at_ns(2 * SECOND - 1)
        .batch([
            (transfer(10).command(), Status::ExceedsCredits),
            (transfer(11).command(), Status::Created),
        ])
        .run("in the middle of a batch");
}

#[test]
fn many_expire_in_the_same_nanosecond() {
    let mut script = Script::new().with_two_accounts();
    // 100 events 1 ns apart, all of which are due when the next command comes.
    script = script.batch((0..100).map(|index| {
        (Transfer { timeout: 1, amount: 1, ..pending(1_000 + index) }.command(), Status::Created)
    }));
    script = script.holds(1, [100, 0, 0, 0]).at_second(60).holds(1, [0; 4]).holds(2, [0; 4]);
    for index in [0, 50, 99] {
        script = script.is_now(1_000 + index, PendingStatus::Expired);
    }
    script.run("many");
}

#[test]
fn a_post_or_void_cannot_be_posted_or_voided() {
    let flags = TransferFlags::VOID_PENDING_TRANSFER;
    Script::new()
        .with_two_accounts()
        .says(pending(9), Status::Created)
        .says(post(10, 9), Status::Created)
        .says(Transfer { flags, amount: 0, ..post(11, 10) }, Status::PendingTransferNotPending)
        .says(post(12, 12), Status::PendingIdMustBeDifferent)
        .run("twice removed");
}
