//! Policies and their windows.

use ringfence::types::{
    AMOUNT_MAX, AccountPolicy, Frozen, LedgerPolicy, NANOSECONDS_PER_SECOND, PairPolicy,
    PolicyLimits, Status, Transfer, TransferFlags,
};
use tools::script::{Say, Script, account, pending, post, transfer, void};

use Status::{Created, Ok};

const SECOND: u64 = NANOSECONDS_PER_SECOND;

fn of_account(account_id: u128) -> AccountPolicy {
    AccountPolicy { account_id, ..AccountPolicy::default() }
}

fn of_ledger(ledger: u32) -> LedgerPolicy {
    LedgerPolicy { ledger, ..LedgerPolicy::default() }
}

fn rate(count: u64, window_seconds: u32) -> AccountPolicy {
    AccountPolicy {
        limits: PolicyLimits::DEBIT_RATE,
        debit_rate_count: count,
        debit_rate_window_seconds: window_seconds,
        ..of_account(1)
    }
}

fn spend_amount(amount: u128, window_seconds: u32) -> AccountPolicy {
    AccountPolicy {
        limits: PolicyLimits::DEBIT_SPEND_AMOUNT,
        debit_spend_amount: amount,
        debit_spend_window_seconds: window_seconds,
        ..of_account(1)
    }
}

fn spend_count(count: u64, window_seconds: u32) -> AccountPolicy {
    AccountPolicy {
        limits: PolicyLimits::DEBIT_SPEND_COUNT,
        debit_spend_count: count,
        debit_spend_window_seconds: window_seconds,
        ..of_account(1)
    }
}

fn back(id: u128) -> Transfer {
    Transfer { debit_account_id: 2, credit_account_id: 1, ..transfer(id) }
}

fn of(amount: u128, transfer: Transfer) -> Transfer {
    Transfer { amount, ..transfer }
}

#[test]
fn policies_are_checked_before_they_are_set() {
    let zero_rate = AccountPolicy { debit_rate_window_seconds: 0, ..rate(1, 1) };
    let zero_spend = AccountPolicy { debit_spend_window_seconds: 0, ..spend_amount(1, 1) };
    let zero_count = AccountPolicy { debit_spend_window_seconds: 0, ..spend_count(1, 1) };
    let pair = |debit_account_id, credit_account_id| PairPolicy {
        debit_account_id,
        credit_account_id,
        blocked: 1,
        ..PairPolicy::default()
    };
    Script::new()
        .with_two_accounts()
        .says(of_account(3), Status::AccountNotFound)
        .says(AccountPolicy { account_id: 3, ..zero_rate }, Status::AccountNotFound)
        .says(zero_rate, Status::InvalidPolicy)
        .says(zero_spend, Status::InvalidPolicy)
        .says(zero_count, Status::InvalidPolicy)
        .says(LedgerPolicy { open_second: 86_400, ..of_ledger(1) }, Status::InvalidPolicy)
        .says(LedgerPolicy { close_second: 86_400, ..of_ledger(1) }, Status::InvalidPolicy)
        .says(LedgerPolicy { close_second: 86_399, ..of_ledger(9) }, Ok)
        .says(pair(1, 3), Status::AccountNotFound)
        .says(pair(3, 1), Status::AccountNotFound)
        .says(transfer(9), Created)
        .run("refused policies");
}

#[test]
fn a_policy_that_is_refused_leaves_the_old_one() {
    let zero_rate = AccountPolicy { debit_rate_window_seconds: 0, ..rate(1, 1) };
    Script::new()
        .with_two_accounts()
        .says(AccountPolicy { frozen: Frozen::Debits as u8, ..of_account(1) }, Ok)
        .says(zero_rate, Status::InvalidPolicy)
        .says(transfer(9), Status::RiskDebitAccountFrozen)
        .says(of_account(1), Ok)
        .says(transfer(10), Created)
        .run("kept");
}

#[test]
fn frozen_accounts_do_not_move_in_that_direction() {
    let (debit, credit) = (Status::RiskDebitAccountFrozen, Status::RiskCreditAccountFrozen);
    //  frozen          pays     is paid
    let cases = [
        (Frozen::None, Created, Created),
        (Frozen::Debits, debit, Created),
        (Frozen::Credits, Created, credit),
        (Frozen::All, debit, credit),
    ];
    for (frozen, pays, is_paid) in cases {
        Script::new()
            .with_two_accounts()
            .says(AccountPolicy { frozen: frozen as u8, ..of_account(1) }, Ok)
            .says(transfer(9), pays)
            .says(back(10), is_paid)
            .says(of(0, pending(11)), pays)
            .run(&format!("{frozen:?}"));
    }
}

#[test]
fn amounts_are_limited_as_requested() {
    let debit = AccountPolicy {
        limits: PolicyLimits::DEBIT_AMOUNT_MAX,
        debit_amount_max: 10,
        ..of_account(1)
    };
    let credit = AccountPolicy {
        limits: PolicyLimits::CREDIT_AMOUNT_MAX,
        credit_amount_max: 10,
        ..of_account(2)
    };
    let ledger = LedgerPolicy { limits: PolicyLimits::AMOUNT_MAX, amount_max: 10, ..of_ledger(1) };
    let balancing =
        |id| Transfer { flags: TransferFlags::BALANCING_DEBIT, amount: 11, ..transfer(id) };
    let table = [
        (debit.command(), Status::RiskDebitAmountExceeded),
        (credit.command(), Status::RiskCreditAmountExceeded),
        (ledger.command(), Status::RiskLedgerAmountExceeded),
    ];
    for (policy, status) in table {
        Script::new()
            .with_two_accounts()
            .says(policy, Ok)
            .says(of(10, transfer(9)), Created)
            .says(of(11, transfer(10)), status)
            // It would move 0.
            .says(balancing(11), status)
            .says(of(AMOUNT_MAX, pending(12)), status)
            .says(of(0, transfer(13)), Created)
            .run(&format!("{status:?}"));
    }
}

#[test]
fn a_limit_of_zero_is_a_limit() {
    let debit = AccountPolicy { limits: PolicyLimits::DEBIT_AMOUNT_MAX, ..of_account(1) };
    Script::new()
        .with_two_accounts()
        .says(debit, Ok)
        .says(of(0, transfer(9)), Created)
        .says(of(1, transfer(10)), Status::RiskDebitAmountExceeded)
        .says(rate(0, 1), Ok)
        .says(of(0, transfer(11)), Status::RiskDebitRateExceeded)
        .says(spend_count(0, 1), Ok)
        .says(of(0, transfer(12)), Status::RiskSpendCountExceeded)
        .says(spend_amount(0, 1), Ok)
        .says(of(0, transfer(13)), Created)
        .says(of(1, transfer(14)), Status::RiskSpendAmountExceeded)
        .run("zero");
}

#[test]
fn a_pair_is_blocked_in_one_direction() {
    let pair = |blocked| PairPolicy {
        debit_account_id: 1,
        credit_account_id: 2,
        blocked,
        ..PairPolicy::default()
    };
    Script::new()
        .with_two_accounts()
        .says(pair(1), Ok)
        .says(transfer(9), Status::RiskPairBlocked)
        .says(back(10), Created)
        .says(pair(0), Ok)
        .says(transfer(11), Created)
        .run("pair");
}

#[test]
fn a_ledger_opens_and_closes_by_the_second_of_the_day() {
    let hours =
        |open_second, close_second| LedgerPolicy { open_second, close_second, ..of_ledger(1) };
    let closed = Status::RiskLedgerClosed;
    let day = 86_400;
    //  open    close   second         status
    let cases = [
        (100, 200, 99, closed),
        (100, 200, 100, Created),
        (100, 200, 199, Created),
        (100, 200, 200, closed),
        (100, 200, day + 99, closed),
        (100, 200, day + 100, Created),
        (200, 100, 199, closed),
        (200, 100, 200, Created),
        (200, 100, day - 1, Created),
        (200, 100, day, Created),
        (200, 100, day + 99, Created),
        (200, 100, day + 100, closed),
        (100, 100, 99, Created),
        (100, 100, 100, Created),
        (0, 86_399, day - 1, closed),
        (86_399, 0, day - 1, Created),
        (86_399, 0, day, closed),
    ];
    for (open_second, close_second, second, status) in cases {
        Script::new()
            .with_two_accounts()
            .says(hours(open_second, close_second), Ok)
            .at_second(second)
            .says(transfer(9), status)
            .run(&format!("{open_second} to {close_second} at {second}"));
    }
}

#[test]
fn a_halted_ledger_moves_nothing_new() {
    Script::new()
        .with_two_accounts()
        .says(pending(8), Created)
        .says(pending(9), Created)
        .says(LedgerPolicy { halted: 1, ..of_ledger(1) }, Ok)
        .says(transfer(10), Status::RiskLedgerHalted)
        .says(pending(11), Status::RiskLedgerHalted)
        // What is committed may be completed.
        .says(post(12, 8), Created)
        .says(void(13, 9), Created)
        .says(of_ledger(1), Ok)
        .says(transfer(14), Created)
        .run("halted");
}

#[test]
fn attempts_count_whatever_becomes_of_them() {
    let tries: &[(&str, Transfer, Status, bool)] = &[
        ("executed", transfer(9), Created, true),
        ("pending", pending(9), Created, true),
        ("repeat", transfer(8), Status::Exists, true),
        ("different repeat", of(11, transfer(8)), Status::ExistsWithDifferentAmount, true),
        ("spent id", transfer(7), Status::IdAlreadyFailed, true),
        ("no code", Transfer { code: 0, ..transfer(9) }, Status::CodeMustNotBeZero, true),
        ("no id", transfer(0), Status::IdMustNotBeZero, true),
        (
            "timeout",
            Transfer { timeout: 1, ..transfer(9) },
            Status::TimeoutReservedForPendingTransfer,
            true,
        ),
        ("timestamp", Transfer { timestamp: 1, ..transfer(9) }, Status::TimestampMustBeZero, true),
        (
            "other account missing",
            Transfer { credit_account_id: 99, ..transfer(9) },
            Status::CreditAccountNotFound,
            false,
        ),
        (
            "same account",
            Transfer { credit_account_id: 1, ..transfer(9) },
            Status::AccountsMustBeDifferent,
            false,
        ),
        (
            "other ledger",
            Transfer { ledger: 2, ..transfer(9) },
            Status::TransferMustHaveTheSameLedgerAsAccounts,
            false,
        ),
        (
            "refused by an earlier check",
            of(51, transfer(9)),
            Status::RiskDebitAmountExceeded,
            false,
        ),
        ("post", post(9, 6), Created, false),
        ("void", void(9, 6), Created, false),
        ("credit", back(9), Created, false),
    ];
    for (name, event, status, counts) in tries {
        let policy = AccountPolicy {
            limits: PolicyLimits::DEBIT_RATE.with(PolicyLimits::DEBIT_AMOUNT_MAX),
            debit_amount_max: 50,
            ..rate(1, 60)
        };
        let next = if *counts { Status::RiskDebitRateExceeded } else { Created };
        Script::new()
            .with_two_accounts()
            .says(transfer(8), Created)
            .says(Transfer { debit_account_id: 99, ..transfer(7) }, Status::DebitAccountNotFound)
            .says(pending(6), Created)
            .says(policy, Ok)
            .says(*event, *status)
            .says(transfer(10), next)
            .run(name);
    }
}

#[test]
fn attempts_of_failing_chains_count_too() {
    // Two members, one of which comes after the one that broke the chain.
    let chain = [
        (Transfer { code: 0, ..transfer(9) }.linked(), Status::CodeMustNotBeZero),
        (transfer(10).command(), Status::LinkedEventFailed),
    ];
    for (most, status) in [(3, Created), (2, Status::RiskDebitRateExceeded)] {
        Script::new()
            .with_two_accounts()
            .says(rate(most, 60), Ok)
            .batch(chain)
            .says(transfer(11), status)
            .run(&format!("at most {most}"));
    }
    Script::new()
        .with_two_accounts()
        .says(rate(1, 60), Ok)
        .batch([(transfer(9).linked(), Status::LinkedEventChainOpen)])
        .says(transfer(10), Status::RiskDebitRateExceeded)
        .run("open chain");
}

#[test]
fn attempts_over_the_limit_count_and_a_new_window_starts_at_zero() {
    let over = Status::RiskDebitRateExceeded;
    Script::new()
        .with_two_accounts()
        .at_second(10)
        .says(rate(2, 10), Ok)
        .says(transfer(9), Created)
        .says(transfer(10), Created)
        .says(transfer(11), over)
        .at_ns(20 * SECOND - 1)
        .says(transfer(12), over)
        .says(transfer(13), Created)
        .says(transfer(14), Created)
        .says(transfer(15), over)
        .says(rate(2, 10), Ok)
        .says(transfer(16), Created)
        .run("windows");
}

#[test]
fn spending_counts_what_was_moved() {
    let balancing =
        |id| Transfer { flags: TransferFlags::BALANCING_DEBIT, amount: 1_000, ..transfer(id) };
    Script::new()
        .with_two_accounts()
        .says(of(10, back(8)), Created)
        .says(spend_amount(20, 60), Ok)
        .says(balancing(9), Created)
        .says(of(11, transfer(10)), Status::RiskSpendAmountExceeded)
        .says(of(10, transfer(11)), Created)
        .says(of(1, pending(12)), Status::RiskSpendAmountExceeded)
        .says(of(0, transfer(13)), Created)
        .run("moved");
}

#[test]
fn spending_counts_only_what_is_created() {
    Script::new()
        .with_two_accounts()
        .says(spend_count(1, 60), Ok)
        .says(Transfer { code: 0, ..transfer(9) }, Status::CodeMustNotBeZero)
        .says(Transfer { credit_account_id: 99, ..transfer(10) }, Status::CreditAccountNotFound)
        .says(transfer(11), Created)
        .says(transfer(11), Status::Exists)
        .says(transfer(12), Status::RiskSpendCountExceeded)
        .says(back(13), Created)
        .run("created");
}

#[test]
fn spending_starts_at_zero_in_a_new_window_of_its_own() {
    let over = Status::RiskSpendAmountExceeded;
    Script::new()
        .with_two_accounts()
        .at_second(10)
        .says(spend_amount(10, 10), Ok)
        .says(transfer(9), Created)
        .at_ns(20 * SECOND - 1)
        .says(of(1, transfer(10)), over)
        .says(transfer(11), Created)
        .says(of(1, transfer(12)), over)
        .says(spend_amount(10, 10), Ok)
        .says(transfer(13), Created)
        .run("windows");
}

#[test]
fn amount_comes_before_count_where_both_are_spent() {
    let both = AccountPolicy {
        limits: PolicyLimits::DEBIT_SPEND_AMOUNT.with(PolicyLimits::DEBIT_SPEND_COUNT),
        debit_spend_count: 1,
        ..spend_amount(10, 60)
    };
    Script::new()
        .with_two_accounts()
        .says(both, Ok)
        .says(of(5, transfer(9)), Created)
        .says(of(6, transfer(10)), Status::RiskSpendAmountExceeded)
        .says(of(5, transfer(11)), Status::RiskSpendCountExceeded)
        .run("both");
}

#[test]
fn what_is_voided_expired_or_not_posted_is_given_back_in_the_same_window() {
    let both = AccountPolicy {
        limits: PolicyLimits::DEBIT_SPEND_AMOUNT.with(PolicyLimits::DEBIT_SPEND_COUNT),
        debit_spend_count: 1,
        ..spend_amount(10, 60)
    };
    let amount = Status::RiskSpendAmountExceeded;
    let count = Status::RiskSpendCountExceeded;
    let hold = Transfer { timeout: 30, ..pending(9) };
    //  name                     resolution                at  10 more   0 more
    let cases = [
        ("still pending", None, 61, amount, count),
        ("voided", Some(void(10, 9)), 61, Created, count),
        ("posted whole", Some(post(10, 9)), 61, amount, count),
        ("posted in part", Some(of(4, post(10, 9))), 61, amount, count),
        ("expired", None, 95, Created, count),
    ];
    for (name, resolution, second, ten_more, none_more) in cases {
        let mut script =
            Script::new().with_two_accounts().at_second(60).says(both, Ok).says(hold, Created);
        if let Some(resolution) = resolution {
            script = script.says(resolution, Created);
        }
        script
            .at_second(second)
            .says(transfer(11), ten_more)
            .says(of(0, transfer(12)), none_more)
            .run(name);
    }
    Script::new()
        .with_two_accounts()
        .at_second(60)
        .says(spend_amount(10, 60), Ok)
        .says(pending(9), Created)
        .says(of(4, post(10, 9)), Created)
        .says(of(7, transfer(11)), amount)
        .says(of(6, transfer(12)), Created)
        .run("the difference");
}

#[test]
fn nothing_is_given_back_to_a_later_window() {
    let over = Status::RiskSpendAmountExceeded;
    for resolution in [void(12, 9), of(0, post(12, 9))] {
        Script::new()
            .with_two_accounts()
            .at_second(60)
            .says(spend_amount(10, 60), Ok)
            .says(pending(9), Created)
            .at_second(120)
            .says(transfer(11), Created)
            .says(resolution, Created)
            .says(of(1, transfer(13)), over)
            .run(&format!("{resolution:?}"));
    }
}

#[test]
fn nothing_is_given_back_that_was_not_counted_since_the_policy_was_set() {
    let over = Status::RiskSpendAmountExceeded;
    Script::new()
        .with_two_accounts()
        .says(pending(8), Created)
        .says(spend_amount(10, 60), Ok)
        .says(transfer(9), Created)
        .says(void(10, 8), Created)
        .says(of(1, transfer(11)), over)
        .run("before there was a policy");
    Script::new()
        .with_two_accounts()
        .says(spend_amount(10, 60), Ok)
        .says(pending(8), Created)
        .says(spend_amount(10, 60), Ok)
        .says(transfer(9), Created)
        .says(void(10, 8), Created)
        .says(of(1, transfer(11)), over)
        .run("under the policy before");
    Script::new()
        .with_two_accounts()
        .says(spend_amount(10, 60), Ok)
        .says(pending(8), Created)
        .says(of_account(1), Ok)
        .says(spend_amount(10, 60), Ok)
        .says(transfer(9), Created)
        .says(void(10, 8), Created)
        .says(of(1, transfer(11)), over)
        .run("under a policy lifted since");
}

#[test]
fn a_window_may_be_as_long_as_its_field_allows() {
    let over = Status::RiskSpendCountExceeded;
    Script::new()
        .with_two_accounts()
        .says(spend_count(1, u32::MAX), Ok)
        .says(transfer(9), Created)
        .at_ns(u64::from(u32::MAX) * SECOND - 1)
        .says(transfer(10), over)
        .says(transfer(11), Created)
        .run("136 years");
}

#[test]
fn a_refusal_by_policy_spends_the_id() {
    Script::new()
        .with_two_accounts()
        .says(spend_count(0, 1), Ok)
        .says(transfer(9), Status::RiskSpendCountExceeded)
        .says(rate(0, 1), Ok)
        .says(transfer(10), Status::RiskDebitRateExceeded)
        .says(of_account(1), Ok)
        .says(transfer(9), Status::IdAlreadyFailed)
        .says(transfer(10), Status::IdAlreadyFailed)
        .run("spent");
}

#[test]
fn policies_of_all_kinds_share_their_places() {
    let frozen = |account_id| AccountPolicy { frozen: Frozen::All as u8, ..of_account(account_id) };
    let halted = |ledger, halted| LedgerPolicy { halted, ..of_ledger(ledger) };
    let pair = |debit_account_id, credit_account_id, blocked| PairPolicy {
        debit_account_id,
        credit_account_id,
        blocked,
        ..PairPolicy::default()
    };
    let full = Status::PoliciesFull;
    Script::with_capacities(10, 10, 3)
        .with_two_accounts()
        .says(account(3), Created)
        .says(frozen(1), Ok)
        .says(halted(7, 1), Ok)
        .says(pair(1, 2, 1), Ok)
        .says(frozen(2), full)
        .says(halted(8, 1), full)
        .says(pair(2, 1, 1), full)
        // What limits nothing, and what replaces, takes no place.
        .says(of_account(2), Ok)
        .says(halted(8, 0), Ok)
        .says(pair(2, 1, 0), Ok)
        .says(LedgerPolicy { open_second: 5, close_second: 5, ..of_ledger(8) }, Ok)
        .says(rate(1, 1), Ok)
        .says(halted(7, 1), Ok)
        .says(pair(1, 2, 1), Ok)
        // What is lifted makes room, once.
        .says(of_account(1), Ok)
        .says(frozen(2), Ok)
        .says(frozen(1), full)
        .says(halted(7, 0), Ok)
        .says(halted(7, 0), Ok)
        .says(pair(2, 1, 1), Ok)
        .says(halted(7, 1), full)
        .says(pair(1, 2, 0), Ok)
        .says(frozen(1), Ok)
        .says(AccountPolicy { debit_rate_window_seconds: 0, ..rate(1, 1) }, Status::InvalidPolicy)
        .run("places");
}
