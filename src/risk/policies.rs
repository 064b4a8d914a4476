//! Policies of accounts, ledgers and pairs, and the windows in which attempts are counted.
//!
//! A policy that was set keeps its place for good, also one without any limit: what is set can be
//! set again. Policies of all three kinds share one capacity.

use crate::table::{Array, EngineError, IdHasher, NO_INDEX, Table};
use crate::types::{
    AccountPolicy, Frozen, LedgerPolicy, NANOSECONDS_PER_SECOND, PolicyLimits, Rules,
    SECONDS_PER_DAY, Status,
};

const WHAT: &str = "policies";

/// An account's policy as risk applies it.
#[derive(Debug, Clone, Copy, Default)]
struct OfAccount {
    debit_amount_max: u128,
    credit_amount_max: u128,
    rate_count: u64,
    rate_window_ns: u64,
    /// Number of the window in which attempts were counted last.
    window: u64,
    /// Attempts in that window.
    attempts: u64,
    /// Index of the account.
    account: u32,
    debits_frozen: bool,
    credits_frozen: bool,
    limits: PolicyLimits,
}

#[derive(Debug, Clone, Copy, Default)]
struct OfLedger {
    amount_max: u128,
    ledger: u32,
    open_second: u32,
    close_second: u32,
    halted: bool,
    limits: PolicyLimits,
}

#[derive(Debug, Clone, Copy, Default)]
struct OfPair {
    accounts: u64,
    blocked: bool,
}

/// Whom and what a payment concerns.
pub(super) struct Pair {
    pub(super) debit_index: u32,
    pub(super) credit_index: u32,
    /// Index of the debit account's policy, or [`NO_INDEX`].
    pub(super) debit_policy: u32,
    /// Index of the credit account's policy, or [`NO_INDEX`].
    pub(super) credit_policy: u32,
    pub(super) ledger: u32,
}

impl Pair {
    fn key(debit_index: u32, credit_index: u32) -> u64 {
        u64::from(debit_index) << 32 | u64::from(credit_index)
    }
}

#[derive(Debug)]
pub(super) struct Policies {
    hasher: IdHasher,
    capacity: usize,
    accounts: Array<OfAccount>,
    account_count: u32,
    ledgers: Array<OfLedger>,
    ledger_count: u32,
    ledger_table: Table,
    pairs: Array<OfPair>,
    pair_count: u32,
    pair_table: Table,
}

impl Policies {
    pub(super) fn new(rules: &Rules) -> Result<Policies, EngineError> {
        let capacity = EngineError::check_capacity(WHAT, rules.capacities.policies)?;
        Ok(Policies {
            hasher: IdHasher::new(rules.hash_key),
            capacity,
            accounts: Array::new(WHAT, capacity, OfAccount::default())?,
            account_count: 0,
            ledgers: Array::new(WHAT, capacity, OfLedger::default())?,
            ledger_count: 0,
            ledger_table: Table::new(WHAT, capacity)?,
            pairs: Array::new(WHAT, capacity, OfPair::default())?,
            pair_count: 0,
            pair_table: Table::new(WHAT, capacity)?,
        })
    }

    pub(super) fn configure(&mut self, rules: &Rules) -> Result<(), EngineError> {
        let asked = rules.capacities.policies;
        let capacity = EngineError::check_growth(WHAT, self.capacity, asked)?;
        self.accounts.grow(WHAT, capacity, OfAccount::default())?;
        self.ledgers.grow(WHAT, capacity, OfLedger::default())?;
        self.ledger_table.grow(capacity)?;
        self.pairs.grow(WHAT, capacity, OfPair::default())?;
        self.pair_table.grow(capacity)?;
        self.capacity = capacity;
        Ok(())
    }

    pub(super) fn bytes(&self) -> u64 {
        let tables = self.ledger_table.bytes() + self.pair_table.bytes();
        self.accounts.bytes() + self.ledgers.bytes() + self.pairs.bytes() + tables
    }

    fn count(&self) -> usize {
        (self.account_count + self.ledger_count + self.pair_count) as usize
    }

    /// Whether no policy was ever set.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.account_count | self.ledger_count | self.pair_count == 0
    }

    /// Whether the account with this policy has a spend window.
    #[inline(always)]
    pub(super) fn limits_spending(&self, policy: u32) -> bool {
        let spend = PolicyLimits::DEBIT_SPEND_AMOUNT.with(PolicyLimits::DEBIT_SPEND_COUNT);
        policy != NO_INDEX && self.accounts[policy as usize].limits.has(spend)
    }

    /// Sets the policy of `account`; `index` says where it is, and is set where it was nowhere.
    pub(super) fn set_account(
        &mut self,
        policy: &AccountPolicy,
        account: u32,
        index: &mut u32,
    ) -> Option<Status> {
        let rate = policy.limits.has(PolicyLimits::DEBIT_RATE);
        let spend = policy
            .limits
            .has(PolicyLimits::DEBIT_SPEND_AMOUNT.with(PolicyLimits::DEBIT_SPEND_COUNT));
        let Some(frozen) = Frozen::from_number(policy.frozen) else {
            return Some(Status::InvalidPolicy);
        };
        if (rate && policy.debit_rate_window_seconds == 0)
            || (spend && policy.debit_spend_window_seconds == 0)
        {
            return Some(Status::InvalidPolicy);
        }
        if *index == NO_INDEX {
            if self.count() == self.capacity {
                return Some(Status::PoliciesFull);
            }
            *index = self.account_count;
            self.account_count += 1;
        }
        self.accounts[*index as usize] = OfAccount {
            debit_amount_max: policy.debit_amount_max,
            credit_amount_max: policy.credit_amount_max,
            rate_count: policy.debit_rate_count,
            rate_window_ns: u64::from(policy.debit_rate_window_seconds) * NANOSECONDS_PER_SECOND,
            window: 0,
            attempts: 0,
            account,
            debits_frozen: matches!(frozen, Frozen::Debits | Frozen::All),
            credits_frozen: matches!(frozen, Frozen::Credits | Frozen::All),
            limits: policy.limits,
        };
        None
    }

    fn find_ledger(&self, ledger: u32) -> u32 {
        let hash = self.hasher.hash(u128::from(ledger));
        self.ledger_table.find(hash, |index| self.ledgers[index as usize].ledger == ledger)
    }

    /// Sets a ledger's policy.
    pub(super) fn set_ledger(&mut self, policy: &LedgerPolicy) -> Option<Status> {
        if policy.open_second >= SECONDS_PER_DAY || policy.close_second >= SECONDS_PER_DAY {
            return Some(Status::InvalidPolicy);
        }
        let mut index = self.find_ledger(policy.ledger);
        if index == NO_INDEX {
            if self.count() == self.capacity {
                return Some(Status::PoliciesFull);
            }
            index = self.ledger_count;
            self.ledger_count += 1;
            self.ledger_table.insert(self.hasher.hash(u128::from(policy.ledger)), index);
        }
        self.ledgers[index as usize] = OfLedger {
            amount_max: policy.amount_max,
            ledger: policy.ledger,
            open_second: policy.open_second,
            close_second: policy.close_second,
            halted: policy.halted != 0,
            limits: policy.limits,
        };
        None
    }

    fn find_pair(&self, accounts: u64) -> u32 {
        let hash = self.hasher.hash(u128::from(accounts));
        self.pair_table.find(hash, |index| self.pairs[index as usize].accounts == accounts)
    }

    /// Forbids or allows payments from one account to another.
    pub(super) fn set_pair(&mut self, debit: u32, credit: u32, blocked: bool) -> Option<Status> {
        let accounts = Pair::key(debit, credit);
        let mut index = self.find_pair(accounts);
        if index == NO_INDEX {
            if self.count() == self.capacity {
                return Some(Status::PoliciesFull);
            }
            index = self.pair_count;
            self.pair_count += 1;
            self.pair_table.insert(self.hasher.hash(u128::from(accounts)), index);
        }
        self.pairs[index as usize] = OfPair { accounts, blocked };
        None
    }

    /// What the policies have against a payment of the amount requested. Counts the attempt.
    pub(super) fn judge(&mut self, pair: &Pair, amount: u128, timestamp: u64) -> Option<Status> {
        if self.ledger_count != 0 {
            let index = self.find_ledger(pair.ledger);
            let ledger = self.ledgers.get(index as usize);
            if let Some(status) = ledger.and_then(|ledger| ledger.judge(amount, timestamp)) {
                return Some(status);
            }
        }
        let credit = self.accounts.get(pair.credit_policy as usize).copied().unwrap_or_default();
        let no_policy = &mut OfAccount::default();
        let debit = match pair.debit_policy {
            NO_INDEX => no_policy,
            index => &mut self.accounts[index as usize],
        };
        if debit.debits_frozen {
            return Some(Status::RiskDebitAccountFrozen);
        }
        if credit.credits_frozen {
            return Some(Status::RiskCreditAccountFrozen);
        }
        if self.pair_count != 0 {
            let accounts = Pair::key(pair.debit_index, pair.credit_index);
            let hash = self.hasher.hash(u128::from(accounts));
            let pairs = &self.pairs;
            let index =
                self.pair_table.find(hash, |index| pairs[index as usize].accounts == accounts);
            if pairs.get(index as usize).is_some_and(|pair| pair.blocked) {
                return Some(Status::RiskPairBlocked);
            }
        }
        if debit.limits.has(PolicyLimits::DEBIT_AMOUNT_MAX) && amount > debit.debit_amount_max {
            return Some(Status::RiskDebitAmountExceeded);
        }
        if credit.limits.has(PolicyLimits::CREDIT_AMOUNT_MAX) && amount > credit.credit_amount_max {
            return Some(Status::RiskCreditAmountExceeded);
        }
        if debit.limits.has(PolicyLimits::DEBIT_RATE) && !debit.attempt(timestamp) {
            return Some(Status::RiskDebitRateExceeded);
        }
        None
    }

    /// All policies in the order in which they were first set, by kind.
    pub(super) fn contents(&self, put: &mut impl FnMut(&[u8])) {
        put(&self.account_count.to_le_bytes());
        for policy in &self.accounts[..self.account_count as usize] {
            put(&policy.debit_amount_max.to_le_bytes());
            put(&policy.credit_amount_max.to_le_bytes());
            put(&policy.rate_count.to_le_bytes());
            put(&policy.rate_window_ns.to_le_bytes());
            put(&policy.window.to_le_bytes());
            put(&policy.attempts.to_le_bytes());
            put(&policy.account.to_le_bytes());
            put(&[policy.debits_frozen.into(), policy.credits_frozen.into(), policy.limits.0]);
        }
        put(&self.ledger_count.to_le_bytes());
        for policy in &self.ledgers[..self.ledger_count as usize] {
            put(&policy.amount_max.to_le_bytes());
            put(&policy.ledger.to_le_bytes());
            put(&policy.open_second.to_le_bytes());
            put(&policy.close_second.to_le_bytes());
            put(&[policy.halted.into(), policy.limits.0]);
        }
        put(&self.pair_count.to_le_bytes());
        for policy in &self.pairs[..self.pair_count as usize] {
            put(&policy.accounts.to_le_bytes());
            put(&[policy.blocked.into()]);
        }
    }
}

impl OfAccount {
    /// Counts an attempt at `timestamp`; whether it is within the limit.
    fn attempt(&mut self, timestamp: u64) -> bool {
        let window = timestamp / self.rate_window_ns;
        if window != self.window {
            self.window = window;
            self.attempts = 0;
        }
        self.attempts += 1;
        self.attempts <= self.rate_count
    }
}

impl OfLedger {
    fn judge(&self, amount: u128, timestamp: u64) -> Option<Status> {
        if self.halted {
            Some(Status::RiskLedgerHalted)
        } else if !self.is_open(timestamp) {
            Some(Status::RiskLedgerClosed)
        } else if self.limits.has(PolicyLimits::AMOUNT_MAX) && amount > self.amount_max {
            Some(Status::RiskLedgerAmountExceeded)
        } else {
            None
        }
    }

    /// Whether `timestamp` is in the ledger's hours, the first second included, the last not.
    fn is_open(&self, timestamp: u64) -> bool {
        let second = (timestamp / NANOSECONDS_PER_SECOND % u64::from(SECONDS_PER_DAY)) as u32;
        let (open, close) = (self.open_second, self.close_second);
        match open.cmp(&close) {
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Less => open <= second && second < close,
            std::cmp::Ordering::Greater => open <= second || second < close,
        }
    }
}
