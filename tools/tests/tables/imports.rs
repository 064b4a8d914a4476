//! Imported events: order, range, and what they do not have.

use ringfence::types::{
    Account, AccountFlags, AccountPolicy, Frozen, PendingStatus, Status, TIMESTAMP_MAX, Transfer,
    TransferFlags,
};
use tools::script::{Say, Script, account, pending, post, transfer, void};

use Status::Created;

fn old_account(id: u128, timestamp: u64) -> Account {
    Account { flags: AccountFlags::IMPORTED, timestamp, ..account(id) }
}

fn old(transfer: Transfer, timestamp: u64) -> Transfer {
    let flags = transfer.flags.with(TransferFlags::IMPORTED);
    Transfer { flags, timestamp, ..transfer }
}

/// Accounts 1 and 2, imported at 100 and 200; the clock stands at 10,000.
fn moved_in() -> Script {
    Script::new()
        .at_ns(10_000)
        .batch([(old_account(1, 100).command(), Created), (old_account(2, 200).command(), Created)])
}

#[test]
fn imported_accounts_keep_their_timestamps_in_order() {
    let late = Status::ImportedEventTimestampMustNotRegress;
    Script::new()
        .at_ns(10_000)
        .batch([
            (old_account(1, 100).command(), Created),
            (old_account(2, 100).command(), late),
            (old_account(2, 99).command(), late),
            (old_account(2, 101).command(), Created),
            (old_account(3, 0).command(), Status::ImportedEventTimestampOutOfRange),
            (old_account(3, TIMESTAMP_MAX + 1).command(), Status::ImportedEventTimestampOutOfRange),
            (old_account(3, TIMESTAMP_MAX).command(), Status::ImportedEventTimestampMustNotAdvance),
            // Its own command is at 10,007, the last of the batch at 10,008.
            (old_account(3, 10_008).command(), Status::ImportedEventTimestampMustNotAdvance),
            (old_account(4, 10_007).command(), Created),
        ])
        .shows_account(old_account(1, 100))
        .run("order of accounts");
}

#[test]
fn the_first_event_decides_whether_a_batch_is_imported() {
    let expected = Status::ImportedEventExpected;
    let not_expected = Status::ImportedEventNotExpected;
    Script::new()
        .at_ns(10_000)
        .batch([
            (old_account(1, 100).command(), Created),
            (account(2).command(), expected),
            (old_account(2, 200).command(), Created),
        ])
        .batch([(account(3).command(), Created), (old_account(4, 300).command(), not_expected)])
        .batch([(old(transfer(9), 10_001).command(), Created), (transfer(10).command(), expected)])
        .batch([
            (transfer(11).command(), Created),
            (old(transfer(12), 10_002).command(), not_expected),
        ])
        // A first event that is refused decides just as well.
        .batch([
            (
                old(Transfer { code: 0, ..transfer(13) }, 10_006).command(),
                Status::CodeMustNotBeZero,
            ),
            (transfer(14).command(), expected),
        ])
        .run("all or none");
}

#[test]
fn only_imported_events_bring_a_timestamp() {
    Script::new()
        .says(Account { timestamp: 1, ..account(1) }, Status::TimestampMustBeZero)
        .with_two_accounts()
        .says(Transfer { timestamp: u64::MAX, ..transfer(9) }, Status::TimestampMustBeZero)
        .run("brought");
}

#[test]
fn imported_transfers_are_later_than_each_other_and_than_their_accounts() {
    let regress = Status::ImportedEventTimestampMustNotRegress;
    //  timestamp  status
    let cases = [
        (99, Status::ImportedEventTimestampMustPostdateDebitAccount),
        // That of the debit account itself.
        (100, regress),
        (101, Status::ImportedEventTimestampMustPostdateCreditAccount),
        (199, Status::ImportedEventTimestampMustPostdateCreditAccount),
        (200, regress),
        (201, Created),
    ];
    for (timestamp, status) in cases {
        moved_in().says(old(transfer(9), timestamp), status).run(&format!("at {timestamp}"));
    }
    moved_in()
        .batch([
            (old(transfer(9), 300).command(), Created),
            (old(transfer(10), 300).command(), regress),
            (old(transfer(10), 299).command(), regress),
            (old(transfer(10), 301).command(), Created),
        ])
        .says(transfer(11), Created)
        // Now a transfer was executed in the present.
        .says(old(transfer(12), 400), regress)
        .run("order of transfers");
}

#[test]
fn a_failed_chain_leaves_no_timestamp_behind() {
    moved_in()
        .batch([
            (old(transfer(9), 500).linked(), Status::LinkedEventFailed),
            (old(Transfer { code: 0, ..transfer(10) }, 501).command(), Status::CodeMustNotBeZero),
            (old(transfer(11), 300).command(), Created),
        ])
        .batch([
            (old_account(3, 600).linked(), Status::LinkedEventFailed),
            (Account { code: 2, ..old_account(1, 700) }.command(), Status::ExistsWithDifferentCode),
        ])
        .batch([(old_account(3, 300).command(), Created)])
        .run("undone");
}

#[test]
fn a_repeat_of_an_imported_event_answers_with_the_timestamp_it_brought() {
    moved_in()
        .says(old_account(1, 100), Status::Exists)
        .says(old_account(1, 5_000), Status::Exists)
        .says(account(1), Status::ExistsWithDifferentFlags)
        .says(old(transfer(9), 300), Created)
        .says(old(transfer(9), 300), Status::Exists)
        .says(old(transfer(9), 4_000), Status::Exists)
        .says(transfer(9), Status::ExistsWithDifferentFlags)
        .run("repeat");
}

#[test]
fn an_imported_pending_transfer_has_no_timeout_and_can_be_resolved() {
    moved_in()
        .says(
            old(Transfer { timeout: 1, ..pending(9) }, 300),
            Status::ImportedEventTimeoutMustBeZero,
        )
        .batch([
            (old(pending(9), 300).command(), Created),
            (old(pending(10), 301).command(), Created),
            (old(post(11, 9), 302).command(), Created),
            (old(void(12, 10), 302).command(), Status::ImportedEventTimestampMustNotRegress),
            (old(void(12, 10), 303).command(), Created),
        ])
        .is_now(9, PendingStatus::Posted)
        .is_now(10, PendingStatus::Voided)
        .holds(1, [0, 10, 0, 0])
        .run("two-phase");
}

#[test]
fn policies_do_not_refuse_imported_events_but_limits_and_closing_do() {
    let frozen =
        AccountPolicy { account_id: 1, frozen: Frozen::All as u8, ..AccountPolicy::default() };
    let limited = Account {
        flags: AccountFlags::IMPORTED.with(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS),
        timestamp: 150,
        ..account(3)
    };
    let closed = Account {
        flags: AccountFlags::IMPORTED.with(AccountFlags::CLOSED),
        timestamp: 160,
        ..account(4)
    };
    let from = |debit_account_id, id| Transfer { debit_account_id, ..transfer(id) };
    Script::new()
        .at_ns(10_000)
        .batch([
            (old_account(1, 100).command(), Created),
            (limited.command(), Created),
            (closed.command(), Created),
            (old_account(2, 200).command(), Created),
        ])
        .says(frozen, Status::Ok)
        .batch([
            (old(from(1, 9), 300).command(), Created),
            (old(from(3, 10), 301).command(), Status::ExceedsCredits),
            (old(from(4, 11), 302).command(), Status::DebitAccountAlreadyClosed),
        ])
        .says(transfer(12), Status::RiskDebitAccountFrozen)
        .run("what holds for imports");
}
