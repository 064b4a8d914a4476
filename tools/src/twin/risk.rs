//! Who may pay: policies of accounts, ledgers and pairs, with their windows.

use std::collections::{BTreeMap, BTreeSet};

use ringfence::types::{
    AccountPolicy, Command, Frozen, LedgerPolicy, NANOSECONDS_PER_SECOND, Op, PairPolicy,
    PolicyLimits, SECONDS_PER_DAY, Status, Transfer, TransferFlags,
};

use super::moves::Wide;
use super::state::Executed;
use super::transfers::resolves;
use super::{Twin, ensure};

/// All policies that limit something. What was spent is part of `State`, since it is undone with a
/// chain; what was attempted is not undone, and stands here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Risk {
    of_accounts: BTreeMap<u128, Limits>,
    of_ledgers: BTreeMap<u32, LedgerPolicy>,
    /// From whom to whom nothing may be paid.
    blocked_pairs: BTreeSet<(u128, u128)>,
    /// How often the policy of an account was set.
    set_count: u64,
}

/// The policy of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limits {
    policy: AccountPolicy,
    /// Tells one setting of the policy from the next.
    serial: u64,
    attempts: Attempts,
}

/// Attempts in the window with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Attempts {
    window: u64,
    count: u64,
}

/// What was debited in the window with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Spending {
    window: u64,
    /// Queued payments count too, though no balance holds them yet.
    amount: Wide,
    count: u64,
}

/// Where a transfer was counted: under which setting of the policy, in which window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    serial: u64,
    window: u64,
}

const SPEND: PolicyLimits =
    PolicyLimits(PolicyLimits::DEBIT_SPEND_AMOUNT.0 | PolicyLimits::DEBIT_SPEND_COUNT.0);

fn window_number(timestamp: u64, window_seconds: u32) -> u64 {
    timestamp / (u64::from(window_seconds) * NANOSECONDS_PER_SECOND)
}

fn is_open(policy: &LedgerPolicy, timestamp: u64) -> bool {
    let second_of_day = timestamp / NANOSECONDS_PER_SECOND % u64::from(SECONDS_PER_DAY);
    let (open, close) = (u64::from(policy.open_second), u64::from(policy.close_second));
    if open < close {
        (open..close).contains(&second_of_day)
    } else if open > close {
        second_of_day >= open || second_of_day < close
    } else {
        true
    }
}

fn is_frozen(policy: &AccountPolicy, direction: Frozen) -> bool {
    policy.frozen == direction as u8 || policy.frozen == Frozen::All as u8
}

impl Twin {
    /// What the policies have against an event, counting the attempt if they look at it at all.
    /// Called once for every event, whatever else is wrong with it.
    pub(super) fn attempt(&mut self, command: &Command) -> Option<Status> {
        if command.op() != Op::CreateTransfer {
            return None;
        }
        let transfer = command.body.transfer();
        if resolves(transfer.flags) || transfer.flags.has(TransferFlags::IMPORTED) {
            return None;
        }
        let debit = self.state.account(transfer.debit_account_id)?;
        let credit = self.state.account(transfer.credit_account_id)?;
        if debit.id == credit.id || debit.ledger != credit.ledger || transfer.ledger != debit.ledger
        {
            return None;
        }
        self.check_policies(transfer, command.header.timestamp).err()
    }

    /// Whether a ledger is neither halted nor closed.
    pub(super) fn check_ledger_open(&self, ledger: u32, now: u64) -> Result<(), Status> {
        let Some(policy) = self.risk.of_ledgers.get(&ledger) else { return Ok(()) };
        ensure(policy.halted == 0, Status::RiskLedgerHalted)?;
        ensure(is_open(policy, now), Status::RiskLedgerClosed)
    }

    /// Whether an account is frozen in this direction.
    pub(super) fn is_account_frozen(&self, account_id: u128, direction: Frozen) -> bool {
        let limits = self.risk.of_accounts.get(&account_id);
        limits.is_some_and(|limits| is_frozen(&limits.policy, direction))
    }

    fn check_policies(&mut self, transfer: &Transfer, now: u64) -> Result<(), Status> {
        let amount = transfer.amount;
        self.check_ledger_open(transfer.ledger, now)?;
        if let Some(policy) = self.risk.of_ledgers.get(&transfer.ledger) {
            ensure(
                !policy.limits.has(PolicyLimits::AMOUNT_MAX) || amount <= policy.amount_max,
                Status::RiskLedgerAmountExceeded,
            )?;
        }
        let pair = (transfer.debit_account_id, transfer.credit_account_id);
        let credit = self.risk.of_accounts.get(&pair.1).map(|limits| limits.policy);
        let debit = self.risk.of_accounts.get(&pair.0).map(|limits| limits.policy);
        let debit = debit.unwrap_or_default();
        let credit = credit.unwrap_or_default();
        ensure(!is_frozen(&debit, Frozen::Debits), Status::RiskDebitAccountFrozen)?;
        ensure(!is_frozen(&credit, Frozen::Credits), Status::RiskCreditAccountFrozen)?;
        ensure(!self.risk.blocked_pairs.contains(&pair), Status::RiskPairBlocked)?;
        ensure(
            !debit.limits.has(PolicyLimits::DEBIT_AMOUNT_MAX) || amount <= debit.debit_amount_max,
            Status::RiskDebitAmountExceeded,
        )?;
        ensure(
            !credit.limits.has(PolicyLimits::CREDIT_AMOUNT_MAX)
                || amount <= credit.credit_amount_max,
            Status::RiskCreditAmountExceeded,
        )?;
        if debit.limits.has(PolicyLimits::DEBIT_RATE) {
            let limits = self.risk.of_accounts.get_mut(&pair.0).expect("it has a policy");
            let window = window_number(now, debit.debit_rate_window_seconds);
            if limits.attempts.window != window {
                limits.attempts = Attempts { window, count: 0 };
            }
            limits.attempts.count += 1;
            ensure(limits.attempts.count <= debit.debit_rate_count, Status::RiskDebitRateExceeded)?;
        }
        Ok(())
    }

    /// The limits of `account_id` on spending, and what was spent in the window that `now` is in.
    fn spending(&self, account_id: u128, now: u64) -> Option<(Limits, Spending)> {
        let limits = *self.risk.of_accounts.get(&account_id)?;
        if !limits.policy.limits.has(SPEND) {
            return None;
        }
        let window = window_number(now, limits.policy.debit_spend_window_seconds);
        let spending = self.state.spending(account_id).filter(|spent| spent.window == window);
        Some((limits, spending.unwrap_or(Spending { window, amount: Wide::default(), count: 0 })))
    }

    /// Whether `amount` may still be debited in this window.
    pub(super) fn check_spending(
        &self,
        account_id: u128,
        amount: u128,
        now: u64,
    ) -> Result<(), Status> {
        let Some((limits, spending)) = self.spending(account_id, now) else {
            return Ok(());
        };
        let policy = limits.policy;
        let mut spent = spending.amount;
        spent.add(amount);
        ensure(
            !policy.limits.has(PolicyLimits::DEBIT_SPEND_AMOUNT)
                || spent <= Wide::of(policy.debit_spend_amount),
            Status::RiskSpendAmountExceeded,
        )?;
        ensure(
            !policy.limits.has(PolicyLimits::DEBIT_SPEND_COUNT)
                || spending.count < policy.debit_spend_count,
            Status::RiskSpendCountExceeded,
        )
    }

    /// Counts a transfer that is created, where there is a limit on spending.
    pub(super) fn count_spending(
        &mut self,
        account_id: u128,
        amount: u128,
        now: u64,
    ) -> Option<Counted> {
        let (limits, mut spending) = self.spending(account_id, now)?;
        spending.amount.add(amount);
        spending.count += 1;
        self.state.set_spending(account_id, Some(spending));
        Some(Counted { serial: limits.serial, window: spending.window })
    }

    /// Gives `amount` and `count` back to the window in which the transfer was counted. If that
    /// window has passed, nobody looks at it any more.
    pub(super) fn give_back(&mut self, executed: &Executed, amount: u128, count: u64) {
        let account_id = executed.transfer.debit_account_id;
        let Some(counted) = executed.counted else { return };
        let Some(limits) = self.risk.of_accounts.get(&account_id) else { return };
        if limits.serial != counted.serial {
            return;
        }
        let Some(mut spending) = self.state.spending(account_id) else { return };
        if spending.window != counted.window {
            return;
        }
        spending.amount.subtract(amount);
        spending.count -= count;
        self.state.set_spending(account_id, Some(spending));
    }

    /// Answers `set_account_policy`.
    pub(super) fn set_account_policy(&mut self, policy: &AccountPolicy) -> Status {
        if self.state.account(policy.account_id).is_none() {
            return Status::AccountNotFound;
        }
        let has_rate = policy.limits.has(PolicyLimits::DEBIT_RATE);
        if (has_rate && policy.debit_rate_window_seconds == 0)
            || (policy.limits.has(SPEND) && policy.debit_spend_window_seconds == 0)
        {
            return Status::InvalidPolicy;
        }
        let limits_something = policy.frozen != Frozen::None as u8 || policy.limits.0 != 0;
        let is_known = self.risk.of_accounts.contains_key(&policy.account_id);
        if limits_something && !is_known && self.has_no_place() {
            return Status::PoliciesFull;
        }
        self.risk.set_count += 1;
        self.state.set_spending(policy.account_id, None);
        if limits_something {
            let limits = Limits {
                policy: *policy,
                serial: self.risk.set_count,
                attempts: Attempts::default(),
            };
            self.risk.of_accounts.insert(policy.account_id, limits);
        } else {
            self.risk.of_accounts.remove(&policy.account_id);
        }
        Status::Ok
    }

    /// Answers `set_ledger_policy`.
    pub(super) fn set_ledger_policy(&mut self, policy: &LedgerPolicy) -> Status {
        if policy.open_second >= SECONDS_PER_DAY || policy.close_second >= SECONDS_PER_DAY {
            return Status::InvalidPolicy;
        }
        let limits_something = policy.halted != 0
            || policy.limits.has(PolicyLimits::AMOUNT_MAX)
            || policy.open_second != policy.close_second;
        let is_known = self.risk.of_ledgers.contains_key(&policy.ledger);
        if limits_something && !is_known && self.has_no_place() {
            return Status::PoliciesFull;
        }
        if limits_something {
            self.risk.of_ledgers.insert(policy.ledger, *policy);
        } else {
            self.risk.of_ledgers.remove(&policy.ledger);
        }
        Status::Ok
    }

    /// Answers `set_pair_policy`.
    pub(super) fn set_pair_policy(&mut self, policy: &PairPolicy) -> Status {
        let pair = (policy.debit_account_id, policy.credit_account_id);
        if self.state.account(pair.0).is_none() || self.state.account(pair.1).is_none() {
            return Status::AccountNotFound;
        }
        let limits_something = policy.blocked != 0;
        let is_known = self.risk.blocked_pairs.contains(&pair);
        if limits_something && !is_known && self.has_no_place() {
            return Status::PoliciesFull;
        }
        if limits_something {
            self.risk.blocked_pairs.insert(pair);
        } else {
            self.risk.blocked_pairs.remove(&pair);
        }
        Status::Ok
    }

    /// Whether no further policy can be held.
    fn has_no_place(&self) -> bool {
        let risk = &self.risk;
        let count = risk.of_accounts.len() + risk.of_ledgers.len() + risk.blocked_pairs.len();
        count as u64 >= self.rules.capacities.policies
    }
}
