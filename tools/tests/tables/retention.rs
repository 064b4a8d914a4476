//! How long ids are remembered.

use ringfence::types::{Account, Command};
use ringfence::types::{
    AccountFlags, NANOSECONDS_PER_SECOND, PendingStatus, Status, Transfer, TransferFlags,
};
use tools::script::{Say, Script, account, pending, post, transfer, void};

use Status::Created;

const SECOND: u64 = NANOSECONDS_PER_SECOND;

/// Accounts 1 and 2, ids remembered for 10 s; the clock stands at 1 s.
fn forgetful() -> Script {
    Script::new().with_retention_ns(10 * SECOND).with_two_accounts().at_second(1)
}

#[test]
fn an_id_is_forgotten_at_its_nanosecond_and_not_before() {
    forgetful()
        .says(transfer(9), Created)
        .at_ns(11 * SECOND - 1)
        .says(transfer(9), Status::Exists)
        .says(transfer(9), Created)
        .holds(1, [0, 20, 0, 0])
        .run("a transfer");
    forgetful()
        .says(Transfer { debit_account_id: 99, ..transfer(9) }, Status::DebitAccountNotFound)
        .at_ns(11 * SECOND - 1)
        .says(transfer(9), Status::IdAlreadyFailed)
        .says(transfer(9), Created)
        .run("a spent id");
    forgetful()
        .says(transfer(9), Created)
        .at_ns(11 * SECOND)
        .has_no_transfer(9)
        .run("seen by a look-up");
}

#[test]
fn a_repeat_does_not_make_an_id_last() {
    forgetful()
        .says(transfer(9), Created)
        .at_second(8)
        .says(transfer(9), Status::Exists)
        .at_second(11)
        .says(transfer(9), Created)
        .run("repeat");
}

#[test]
fn a_pending_transfer_is_remembered_while_it_is_pending_and_then_as_long_as_its_resolution() {
    forgetful()
        .says(pending(9), Created)
        .at_second(100)
        .says(post(10, 9), Created)
        .at_ns(110 * SECOND - 1)
        .is_now(9, PendingStatus::Posted)
        .has_no_transfer(9)
        .has_no_transfer(10)
        .says(post(11, 9), Status::PendingTransferNotFound)
        .run("posted");
    forgetful()
        .says(pending(9), Created)
        .at_second(100)
        .says(void(10, 9), Created)
        .at_ns(110 * SECOND - 2)
        .says(void(10, 9), Status::Exists)
        .says(post(10, 9), Status::ExistsWithDifferentFlags)
        .says(post(10, 9), Status::PendingTransferNotFound)
        .run("voided");
    forgetful()
        .says(Transfer { timeout: 4, ..pending(9) }, Created)
        .at_second(50)
        // Expired in the course of this command.
        .says(Command::pulse(), Status::Ok)
        .at_ns(60 * SECOND - 1)
        .is_now(9, PendingStatus::Expired)
        .has_no_transfer(9)
        .run("expired");
}

#[test]
fn accounts_are_never_forgotten() {
    forgetful().at_second(1_000_000).says(account(1), Status::Exists).run("accounts");
}

#[test]
fn what_is_forgotten_makes_room() {
    Script::with_capacities(10, 2, 10)
        .with_retention_ns(10 * SECOND)
        .with_two_accounts()
        .at_second(1)
        .says(transfer(9), Created)
        .at_second(2)
        .says(transfer(10), Created)
        .says(transfer(11), Status::TransfersFull)
        .at_second(11)
        .batch([(transfer(11).command(), Created), (transfer(12).command(), Status::TransfersFull)])
        .at_second(12)
        .says(transfer(12), Created)
        .run("room");
}

#[test]
fn the_retention_of_imported_transfers_counts_from_when_they_were_imported() {
    let imported = |id, timestamp| {
        let flags = AccountFlags::IMPORTED;
        Account { flags, timestamp, ..account(id) }.command()
    };
    let old = Transfer { flags: TransferFlags::IMPORTED, timestamp: 300, ..transfer(9) };
    Script::new()
        .with_retention_ns(10 * SECOND)
        .at_second(100)
        .batch([(imported(1, 100), Created), (imported(2, 200), Created)])
        .at_second(101)
        .says(old, Created)
        .at_ns(111 * SECOND - 1)
        .says(old, Status::Exists)
        // Forgotten now, but it still was an earlier transfer.
        .says(old, Status::ImportedEventTimestampMustNotRegress)
        .says(Transfer { timestamp: 301, ..old }, Created)
        .run("imported");
}

#[test]
fn nothing_is_forgotten_within_a_chain() {
    let again = |first, second, third| {
        forgetful().says(transfer(9), Created).at_ns(11 * SECOND - 1).batch([
            (Transfer { amount: 0, ..transfer(10) }.linked(), first),
            (transfer(9).command(), second),
            (transfer(9).command(), third),
        ])
    };
    // The second member has the very nanosecond at which the id would be forgotten.
    again(Status::LinkedEventFailed, Status::Exists, Created).run("within a chain");
}

#[test]
fn a_failed_chain_does_not_make_what_it_touched_last() {
    forgetful()
        .says(Transfer { timeout: 2, ..pending(9) }, Created)
        .at_second(2)
        .batch([
            (void(10, 9).linked(), Status::LinkedEventFailed),
            (Transfer { code: 0, ..transfer(11) }.command(), Status::CodeMustNotBeZero),
        ])
        .at_second(3)
        .says(Command::pulse(), Status::Ok)
        .at_ns(13 * SECOND - 1)
        .is_now(9, PendingStatus::Expired)
        .has_no_transfer(9)
        .run("undone");
}
