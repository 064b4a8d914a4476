//! Linked chains: all or nothing, over everything.

use ringfence::types::{Account, AccountPolicy, PolicyLimits};
use ringfence::types::{
    AccountFlags, NANOSECONDS_PER_SECOND, PendingStatus, Status, Transfer, TransferFlags,
};
use tools::script::{Say, Script, account, pending, post, transfer, void};

use Status::{Created, LinkedEventChainOpen, LinkedEventFailed};

fn broken(id: u128) -> Transfer {
    Transfer { code: 0, ..transfer(id) }
}

#[test]
fn a_chain_succeeds_whole() {
    Script::new()
        .with_two_accounts()
        .batch([
            (transfer(8).linked(), Created),
            (pending(9).linked(), Created),
            (post(10, 9).command(), Created),
            (transfer(11).command(), Created),
        ])
        .holds(1, [0, 30, 0, 0])
        .run("three linked, one alone");
}

#[test]
fn the_member_that_fails_says_why_and_the_others_that_they_failed_with_it() {
    for position in 0..4 {
        let mut batch = Vec::new();
        for index in 0..4_u128 {
            let is_broken = index == position;
            let event = if is_broken { broken(10 + index) } else { transfer(10 + index) };
            let status = if is_broken { Status::CodeMustNotBeZero } else { LinkedEventFailed };
            batch.push((if index < 3 { event.linked() } else { event.command() }, status));
        }
        batch.push((transfer(20).command(), Created));
        Script::new()
            .with_two_accounts()
            .batch(batch)
            .holds(1, [0, 10, 0, 0])
            .has_no_transfer(10)
            // No id of it is spent.
            .says(transfer(10), Created)
            .says(transfer(13), Created)
            .run(&format!("broken at {position}"));
    }
}

#[test]
fn only_the_event_that_broke_the_chain_spends_its_id() {
    let missing = Transfer { debit_account_id: 99, ..transfer(9) };
    Script::new()
        .with_two_accounts()
        .batch([
            (transfer(8).linked(), LinkedEventFailed),
            (missing.linked(), Status::DebitAccountNotFound),
            (Transfer { debit_account_id: 99, ..transfer(10) }.command(), LinkedEventFailed),
        ])
        .says(transfer(8), Created)
        .says(transfer(9), Status::IdAlreadyFailed)
        .says(transfer(10), Created)
        .run("spent");
}

#[test]
fn a_chain_that_its_batch_leaves_open_fails() {
    let missing = |id| Transfer { debit_account_id: 99, ..transfer(id) };
    Script::new()
        .with_two_accounts()
        .batch([(transfer(9).linked(), LinkedEventChainOpen)])
        .batch([
            (transfer(9).linked(), LinkedEventFailed),
            (transfer(10).linked(), LinkedEventChainOpen),
        ])
        .batch([
            (missing(11).linked(), Status::DebitAccountNotFound),
            (transfer(12).linked(), LinkedEventFailed),
            (missing(13).linked(), LinkedEventChainOpen),
        ])
        .batch([(transfer(14).command(), Created), (transfer(15).linked(), LinkedEventChainOpen)])
        .batch([(account(9).linked(), LinkedEventChainOpen)])
        .has_no_account(9)
        .says(transfer(9), Created)
        .says(transfer(11), Status::IdAlreadyFailed)
        .says(transfer(13), Created)
        .run("open");
}

#[test]
fn a_repeat_inside_a_chain_breaks_it() {
    Script::new()
        .with_two_accounts()
        .says(transfer(9), Created)
        .batch([(transfer(8).linked(), LinkedEventFailed), (transfer(9).command(), Status::Exists)])
        .has_no_transfer(8)
        .run("repeat in a chain");
    // A chain that was executed, sent again.
    let chain = |first, second| [(transfer(8).linked(), first), (transfer(9).command(), second)];
    Script::new()
        .with_two_accounts()
        .batch(chain(Created, Created))
        .batch(chain(Status::Exists, LinkedEventFailed))
        .holds(1, [0, 20, 0, 0])
        .run("chain again");
}

#[test]
fn the_same_id_twice_in_a_chain_breaks_it() {
    Script::new()
        .with_two_accounts()
        .batch([
            (transfer(9).linked(), LinkedEventFailed),
            (transfer(9).command(), Status::ExistsWithDifferentFlags),
        ])
        .says(transfer(9), Created)
        .run("twice");
}

#[test]
fn accounts_of_a_failed_chain_do_not_exist() {
    Script::with_capacities(2, 10, 10)
        .batch([
            (account(1).linked(), LinkedEventFailed),
            (account(2).linked(), LinkedEventFailed),
            (account(3).command(), Status::AccountsFull),
        ])
        .has_no_account(1)
        .batch([(account(3).linked(), Created), (account(2).command(), Created)])
        .shows_account(Account { flags: AccountFlags::LINKED, ..account(3) })
        .says(account(3), Status::ExistsWithDifferentFlags)
        .says(account(1), Status::AccountsFull)
        .run("accounts");
}

#[test]
fn everything_a_failed_chain_did_is_undone() {
    let closing = Transfer {
        flags: TransferFlags::PENDING.with(TransferFlags::CLOSING_DEBIT),
        debit_account_id: 3,
        ..transfer(21)
    };
    let reopening = void(22, 20);
    Script::new()
        .with_two_accounts()
        .says(account(3), Created)
        .says(account(4), Created)
        .says(Transfer { timeout: 5, ..pending(8) }, Created)
        .says(pending(9), Created)
        .says(
            Transfer {
                flags: TransferFlags::PENDING.with(TransferFlags::CLOSING_DEBIT),
                debit_account_id: 4,
                ..transfer(20)
            },
            Created,
        )
        .batch([
            (post(10, 8).linked(), LinkedEventFailed),
            (void(11, 9).linked(), LinkedEventFailed),
            (transfer(12).linked(), LinkedEventFailed),
            (closing.linked(), LinkedEventFailed),
            (reopening.linked(), LinkedEventFailed),
            (Transfer { timeout: 3, ..pending(13) }.linked(), LinkedEventFailed),
            (broken(14).command(), Status::CodeMustNotBeZero),
        ])
        .holds(1, [20, 0, 0, 0])
        .holds(2, [0, 0, 30, 0])
        .has_flags(3, AccountFlags::NONE)
        .has_flags(4, AccountFlags::CLOSED)
        .is_now(8, PendingStatus::Pending)
        .is_now(9, PendingStatus::Pending)
        .has_no_transfer(13)
        // It still expires, and what never was does not.
        .at_second(4)
        .holds(1, [20, 0, 0, 0])
        .at_second(6)
        .holds(1, [10, 0, 0, 0])
        .is_now(8, PendingStatus::Expired)
        .says(post(10, 9), Created)
        .run("undone");
}

#[test]
fn members_see_what_earlier_members_did() {
    let limited = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
    let back = |id| Transfer { debit_account_id: 2, credit_account_id: 1, ..transfer(id) };
    Script::new()
        .says(Account { flags: limited, ..account(1) }, Created)
        .says(account(2), Created)
        .batch([(back(8).linked(), Created), (transfer(9).command(), Created)])
        .batch([
            (back(10).linked(), LinkedEventFailed),
            (transfer(11).linked(), LinkedEventFailed),
            (transfer(12).command(), Status::ExceedsCredits),
        ])
        .holds(1, [0, 10, 0, 10])
        .run("funds inside a chain");
}

#[test]
fn nothing_expires_within_a_chain_but_nothing_due_can_be_posted_there_either() {
    let second = NANOSECONDS_PER_SECOND;
    // The pending transfer expires at the timestamp of the chain's second member.
    let start = || {
        Script::new()
            .with_two_accounts()
            .says(account(3), Created)
            .at_second(1)
            .says(Transfer { timeout: 1, ..pending(9) }, Created)
            .at_ns(2 * second - 1)
    };
    start()
        .batch([
            (transfer(10).linked(), LinkedEventFailed),
            (post(11, 9).command(), Status::PendingTransferExpired),
        ])
        .is_now(9, PendingStatus::Expired)
        .run("post within");
    start()
        .batch([
            (transfer(10).linked(), LinkedEventFailed),
            (void(11, 9).command(), Status::PendingTransferExpired),
        ])
        .run("void within");
    start()
        .batch([(post(11, 9).linked(), Created), (transfer(10).command(), Created)])
        .is_now(9, PendingStatus::Posted)
        .run("posted by the first member, in time");
    // Funds that would be released are not there yet for a member, and are for what follows.
    let balancing =
        |id| Transfer { flags: TransferFlags::BALANCING_DEBIT, amount: 100, ..transfer(id) };
    let back = Transfer { debit_account_id: 2, credit_account_id: 1, ..transfer(8) };
    Script::new()
        .with_two_accounts()
        .says(back, Created)
        .at_second(1)
        .says(Transfer { timeout: 1, amount: 4, ..pending(9) }, Created)
        .at_ns(2 * second - 1)
        .batch([
            (Transfer { amount: 0, ..transfer(10) }.linked(), Created),
            (balancing(11).command(), Created),
            (balancing(12).command(), Created),
        ])
        .moved(11, 6)
        .moved(12, 4)
        .run("released after the chain");
}

#[test]
fn a_chain_that_filled_the_table_leaves_no_room_to_spend_an_id() {
    let missing = Transfer { debit_account_id: 99, ..transfer(10) };
    Script::with_capacities(10, 2, 10)
        .with_two_accounts()
        .batch([
            (transfer(8).linked(), LinkedEventFailed),
            (transfer(9).linked(), LinkedEventFailed),
            (missing.command(), Status::TransfersFull),
        ])
        .says(transfer(10), Created)
        .run("full within a chain");
}

#[test]
fn spending_of_a_failed_chain_is_given_back() {
    let policy = AccountPolicy {
        account_id: 1,
        limits: PolicyLimits::DEBIT_SPEND_AMOUNT.with(PolicyLimits::DEBIT_SPEND_COUNT),
        debit_spend_amount: 20,
        debit_spend_count: 2,
        debit_spend_window_seconds: 60,
        ..AccountPolicy::default()
    };
    Script::new()
        .with_two_accounts()
        .says(policy, Status::Ok)
        .says(pending(7), Created)
        .batch([
            (transfer(8).linked(), LinkedEventFailed),
            (Transfer { amount: 1, ..transfer(9) }.command(), Status::RiskSpendAmountExceeded),
        ])
        .batch([
            (void(10, 7).linked(), LinkedEventFailed),
            (broken(11).command(), Status::CodeMustNotBeZero),
        ])
        .says(transfer(12), Created)
        .says(Transfer { amount: 0, ..transfer(13) }, Status::RiskSpendCountExceeded)
        .run("spending undone");
}
