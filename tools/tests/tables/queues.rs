//! Payments that wait for funds.

use ringfence::types::{
    AMOUNT_MAX, Account, AccountFlags, Command, Lookup, Op, QueueStatus, RequeueTransfer,
    ResolveQueues, Status, Transfer, TransferFlags,
};
use tools::script::{Say, Script, account, transfer};

const QUEUE: TransferFlags = TransferFlags(1 << 9);
const URGENT: TransferFlags = TransferFlags(1 << 10);
const SECOND: u64 = 1_000_000_000;

fn limited(id: u128) -> Account {
    Account { flags: AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS, ..account(id) }
}

fn pay(id: u128, from: u128, to: u128, amount: u128) -> Transfer {
    Transfer { debit_account_id: from, credit_account_id: to, amount, ..transfer(id) }
}

fn queue(id: u128, from: u128, to: u128, amount: u128) -> Transfer {
    Transfer { flags: QUEUE, ..pay(id, from, to, amount) }
}

fn urgent(id: u128, from: u128, to: u128, amount: u128) -> Transfer {
    Transfer { flags: QUEUE.with(URGENT), ..pay(id, from, to, amount) }
}

fn cancel(id: u128) -> Command {
    Command::of_lookup(Op::CancelQueuedTransfer, Lookup { id, ..Lookup::default() })
}

fn requeue(id: u128, urgent: bool) -> Command {
    let urgent = u8::from(urgent);
    Command::requeue_transfer(RequeueTransfer { id, urgent, ..RequeueTransfer::default() })
}

fn resolve(ledger: u32) -> Command {
    Command::resolve_queues(ResolveQueues { ledger, ..ResolveQueues::default() })
}

/// Limited accounts 1 to 4, and account 9, which has no limit.
fn banks() -> Script {
    let mut script = Script::new();
    for id in 1..=4 {
        script = script.says(limited(id), Status::Created);
    }
    script.says(account(9), Status::Created)
}

#[test]
fn a_payment_waits_for_funds_and_settles_when_they_come() {
    banks()
        .says(queue(10, 1, 2, 50), Status::Queued)
        .tells(&[])
        .owes(1, 1, 50, 10)
        .is_queued_as(10, QueueStatus::Queued)
        .says(pay(11, 9, 1, 49), Status::Created)
        .tells(&[])
        .says(pay(12, 9, 1, 1), Status::Created)
        .tells(&["transfer_settled 10 release"])
        .is_queued_as(10, QueueStatus::Settled)
        .owes(1, 0, 0, 0)
        .holds(2, [0, 0, 0, 50])
        .says(queue(10, 1, 2, 50), Status::Exists)
        .run("release");
    banks()
        .says(pay(11, 9, 1, 50), Status::Created)
        .says(queue(10, 1, 2, 50), Status::Created)
        .tells(&[])
        .is_queued_as(10, QueueStatus::Settled)
        .is_queued_as(11, None)
        .run("at once");
}

#[test]
fn urgent_payments_go_first_and_only_payments_with_queue_wait_in_line() {
    banks()
        .says(queue(10, 1, 2, 50), Status::Queued)
        .says(queue(11, 1, 3, 5), Status::Queued)
        .says(urgent(12, 1, 4, 20), Status::Queued)
        .says(urgent(13, 1, 4, 1), Status::Queued)
        .owes(1, 4, 76, 12)
        // What does not wait in line goes ahead.
        .says(pay(14, 9, 1, 19), Status::Created)
        .says(pay(15, 1, 2, 19), Status::Created)
        .tells(&[])
        .says(pay(16, 9, 1, 26), Status::Created)
        .tells(&["transfer_settled 12 release", "transfer_settled 13 release"])
        .says(urgent(17, 1, 4, 5), Status::Created)
        .tells(&[])
        .says(pay(18, 9, 1, 55), Status::Created)
        .tells(&["transfer_settled 10 release", "transfer_settled 11 release"])
        .run("urgent");
}

#[test]
fn a_release_runs_on_through_the_accounts_that_it_pays() {
    banks()
        .says(queue(10, 2, 3, 30), Status::Queued)
        .says(queue(11, 3, 4, 25), Status::Queued)
        .says(queue(12, 1, 2, 30), Status::Queued)
        .says(pay(13, 9, 1, 30), Status::Created)
        .tells(&[
            "transfer_settled 12 release",
            "transfer_settled 10 release",
            "transfer_settled 11 release",
        ])
        .holds(3, [0, 25, 0, 30])
        .run("cascade");
}

#[test]
fn heads_that_pay_each_other_settle_against_each_other() {
    banks()
        .says(queue(10, 1, 2, 100), Status::Queued)
        .says(pay(11, 9, 2, 10), Status::Created)
        // 2 has 10 and gets 100; 1 gets 110 and pays 100.
        .says(queue(12, 2, 1, 110), Status::Created)
        .tells(&["transfer_settled 12 offset", "transfer_settled 10 offset"])
        .holds(1, [0, 100, 0, 110])
        .holds(2, [0, 110, 0, 110])
        .run("offset");
    banks()
        .says(queue(10, 1, 2, 100), Status::Queued)
        // 1 would still lack 1.
        .says(queue(12, 2, 1, 99), Status::Queued)
        .tells(&[])
        .says(pay(13, 9, 1, 1), Status::Created)
        .tells(&["transfer_settled 10 offset", "transfer_settled 12 offset"])
        .run("offset with what is there");
}

#[test]
fn a_ring_that_no_two_can_settle_is_resolved_at_once() {
    banks()
        .says(queue(10, 1, 2, 100), Status::Queued)
        .says(queue(11, 2, 3, 100), Status::Queued)
        .says(queue(12, 3, 1, 90), Status::Queued)
        .says(resolve(1), Status::Ok)
        .tells(&[])
        .says(pay(13, 9, 1, 10), Status::Created)
        .tells(&[])
        .says(queue(14, 1, 4, 5), Status::Queued)
        .says(resolve(1), Status::Ok)
        .tells(&[
            "transfer_settled 10 resolution",
            "transfer_settled 11 resolution",
            "transfer_settled 12 resolution",
        ])
        .owes(1, 1, 5, 14)
        .holds(2, [0, 100, 0, 100])
        .says(resolve(0), Status::LedgerMustNotBeZero)
        .says(resolve(77), Status::Ok)
        .run("gridlock");
}

#[test]
fn a_resolution_that_would_overflow_a_balance_changes_nothing() {
    // Two of them are one more than a balance holds.
    let half = AMOUNT_MAX / 2 + 1;
    banks()
        .says(queue(10, 1, 2, half), Status::Queued)
        .says(queue(11, 1, 2, half), Status::Queued)
        .says(queue(12, 2, 3, half), Status::Queued)
        .says(queue(13, 2, 3, half), Status::Queued)
        .says(queue(14, 3, 1, half), Status::Queued)
        .says(queue(15, 3, 1, half), Status::Queued)
        .owes(1, 2, AMOUNT_MAX, 10)
        .says(resolve(1), Status::OverflowsBalances)
        .tells(&[])
        .owes(1, 2, AMOUNT_MAX, 10)
        .says(cancel(11), Status::Ok)
        .says(cancel(13), Status::Ok)
        .says(cancel(15), Status::Ok)
        .says(resolve(1), Status::Ok)
        .tells(&[
            "transfer_settled 10 resolution",
            "transfer_settled 12 resolution",
            "transfer_settled 14 resolution",
        ])
        .run("overflow");
}

#[test]
fn what_only_a_closed_account_or_a_limit_keeps_back_is_dropped() {
    let close = |id, from, to| Transfer {
        flags: TransferFlags::PENDING.with(TransferFlags::CLOSING_CREDIT),
        amount: 0,
        ..pay(id, from, to, 0)
    };
    banks()
        .says(queue(10, 1, 2, 50), Status::Queued)
        .says(queue(11, 1, 3, 20), Status::Queued)
        .says(close(12, 9, 2), Status::Created)
        .says(pay(13, 9, 1, 50), Status::Created)
        .tells(&[
            "transfer_dropped 10 credit_account_already_closed",
            "transfer_settled 11 release",
        ])
        .is_queued_as(10, QueueStatus::Dropped)
        .run("closed");
    banks()
        .says(queue(10, 1, 2, 50), Status::Queued)
        .says(queue(11, 3, 2, 50), Status::Queued)
        .says(close(12, 9, 2), Status::Created)
        .says(resolve(1), Status::Ok)
        .tells(&[
            "transfer_dropped 10 credit_account_already_closed",
            "transfer_dropped 11 credit_account_already_closed",
        ])
        .run("closed, in a resolution");
}

#[test]
fn payments_leave_their_queue_by_their_owners_word_or_in_time() {
    banks()
        .says(queue(10, 1, 2, 50), Status::Queued)
        .says(queue(11, 1, 3, 20), Status::Queued)
        .says(pay(12, 9, 1, 20), Status::Created)
        .tells(&[])
        .says(cancel(10), Status::Ok)
        .tells(&["transfer_settled 11 release"])
        .is_queued_as(10, QueueStatus::Cancelled)
        .says(cancel(10), Status::TransferNotQueued)
        .says(cancel(11), Status::TransferNotQueued)
        .says(cancel(12), Status::TransferNotQueued)
        .says(cancel(77), Status::TransferNotFound)
        .says(requeue(77, true), Status::TransferNotFound)
        .run("cancelled");
    banks()
        .says(queue(10, 1, 2, 50), Status::Queued)
        .says(queue(11, 1, 3, 20), Status::Queued)
        .says(pay(12, 9, 1, 20), Status::Created)
        .says(requeue(11, true), Status::Ok)
        .tells(&["transfer_settled 11 release"])
        .run("requeued");
    banks()
        .at_second(1)
        .says(Transfer { timeout: 2, ..queue(10, 1, 2, 50) }, Status::Queued)
        .says(queue(11, 1, 3, 20), Status::Queued)
        .says(pay(12, 9, 1, 20), Status::Created)
        .at_ns(3 * SECOND - 1)
        .says(Command::pulse(), Status::Ok)
        .tells(&[])
        .says(Command::pulse(), Status::Ok)
        .tells(&["transfer_expired 10", "transfer_settled 11 release"])
        .is_queued_as(10, QueueStatus::Expired)
        .run("expired");
}

#[test]
fn queue_goes_with_urgent_alone_and_not_into_chains() {
    let with = |flags| Transfer { flags, ..pay(20, 1, 2, 5) };
    let excluded = [
        QUEUE.with(TransferFlags::PENDING),
        QUEUE.with(TransferFlags::POST_PENDING_TRANSFER),
        QUEUE.with(TransferFlags::VOID_PENDING_TRANSFER),
        QUEUE.with(TransferFlags::BALANCING_DEBIT),
        QUEUE.with(TransferFlags::CLOSING_DEBIT),
        URGENT,
        URGENT.with(TransferFlags::PENDING),
    ];
    for flags in excluded {
        banks().says(with(flags), Status::FlagsAreMutuallyExclusive).run(&format!("{flags:?}"));
    }
    banks()
        .batch([
            (pay(10, 9, 1, 5).linked(), Status::LinkedEventFailed),
            (queue(11, 1, 2, 5).command(), Status::FlagsAreMutuallyExclusive),
        ])
        .batch([
            (queue(11, 9, 2, 5).linked(), Status::FlagsAreMutuallyExclusive),
            (pay(10, 9, 1, 5).command(), Status::LinkedEventFailed),
        ])
        .run("in chains");
}
