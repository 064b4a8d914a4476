//! Policies of accounts, ledgers and pairs, and the windows in which attempts are counted.
//!
//! Policies of all three kinds share one capacity. One that limits nothing takes no place: setting
//! it gives back the place of the one before.

use alloc::vec;
use alloc::vec::Vec;

use crate::table::{Array, EngineError, Growth, IdHasher, NO_INDEX, Table};
use ringfence_types::{
    AccountPolicy, ContentsSink, ContentsSource, Frozen, LedgerPolicy, Misfit,
    NANOSECONDS_PER_SECOND, PolicyLimits, Rules, SECONDS_PER_DAY, Section, Status,
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

const WHAT: &str = "policies";

/// An account's policy as risk applies it.
#[derive(Debug, Clone, Copy, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
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
    /// A [`Frozen`], by its number.
    frozen: u8,
    limits: PolicyLimits,
    /// 1, or 0 where the place is free.
    is_set: u8,
    reserved: [u8; 9],
}

#[derive(Debug, Clone, Copy, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct OfLedger {
    amount_max: u128,
    ledger: u32,
    open_second: u32,
    close_second: u32,
    halted: u8,
    limits: PolicyLimits,
    reserved: [u8; 2],
}

#[derive(Debug, Clone, Copy, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct OfPair {
    accounts: u64,
}

const _: () = assert!(size_of::<OfAccount>() == 80);
const _: () = assert!(size_of::<OfLedger>() == 32 && size_of::<OfPair>() == 8);

/// The accounts of a payment, with their policies.
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

/// Places in an array, given out and taken back.
#[derive(Debug, Default)]
struct Places {
    /// Places from here on were never given out.
    fresh: u32,
    /// Places taken back, the next to be given out last.
    free: Vec<u32>,
}

impl Places {
    fn new(capacity: usize) -> Places {
        Places { fresh: 0, free: Vec::with_capacity(capacity) }
    }

    fn count(&self) -> usize {
        self.fresh as usize - self.free.len()
    }

    fn give(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.fresh += 1;
            self.fresh - 1
        })
    }

    fn take_back(&mut self, place: u32) {
        self.free.push(place);
    }

    /// Places that are given out. Slow.
    fn given(&self) -> Vec<u32> {
        let mut is_free = vec![false; self.fresh as usize];
        self.free.iter().for_each(|&place| is_free[place as usize] = true);
        (0..self.fresh).filter(|&place| !is_free[place as usize]).collect()
    }
}

#[derive(Debug)]
pub(super) struct Policies {
    hasher: IdHasher,
    capacity: usize,
    accounts: Array<OfAccount>,
    account_places: Places,
    ledgers: Array<OfLedger>,
    ledger_places: Places,
    ledger_table: Table,
    pairs: Array<OfPair>,
    pair_places: Places,
    pair_table: Table,
}

impl Policies {
    pub(super) fn new(rules: &Rules) -> Result<Policies, EngineError> {
        let capacity = EngineError::check_capacity(WHAT, rules.capacities.policies)?;
        Ok(Policies {
            hasher: IdHasher::new(rules.hash_key),
            capacity,
            accounts: Array::new(WHAT, capacity, OfAccount::default())?,
            account_places: Places::new(capacity),
            ledgers: Array::new(WHAT, capacity, OfLedger::default())?,
            ledger_places: Places::new(capacity),
            ledger_table: Table::new(WHAT, capacity)?,
            pairs: Array::new(WHAT, capacity, OfPair::default())?,
            pair_places: Places::new(capacity),
            pair_table: Table::new(WHAT, capacity)?,
        })
    }

    pub(super) fn configure(&mut self, rules: &Rules) -> Result<(), EngineError> {
        let asked = rules.capacities.policies;
        let capacity = EngineError::check_growth(WHAT, self.capacity, asked)?;
        self.accounts.grow(capacity)?;
        self.ledgers.grow(capacity)?;
        self.ledger_table.grow(capacity)?;
        self.pairs.grow(capacity)?;
        self.pair_table.grow(capacity)?;
        for places in [&mut self.account_places, &mut self.ledger_places, &mut self.pair_places] {
            places.free.reserve_exact(capacity - places.free.len());
        }
        self.capacity = capacity;
        Ok(())
    }

    /// Adds the tables, which no running engine enlarges. The arrays are written when they are
    /// made.
    pub(super) fn add_to(&self, growth: &mut Growth) {
        growth.add_fixed(&self.ledger_table);
        growth.add_fixed(&self.pair_table);
    }

    pub(super) fn bytes(&self) -> u64 {
        let tables = self.ledger_table.bytes() + self.pair_table.bytes();
        self.accounts.bytes() + self.ledgers.bytes() + self.pairs.bytes() + tables
    }

    /// How many places are taken.
    pub(super) fn count(&self) -> usize {
        self.account_places.count() + self.ledger_places.count() + self.pair_places.count()
    }

    /// True if no policy was ever set.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.account_places.fresh | self.ledger_places.fresh | self.pair_places.fresh == 0
    }

    /// True if the account with this policy has a spend window.
    #[inline(always)]
    pub(super) fn limits_spending(&self, policy: u32) -> bool {
        let spend = PolicyLimits::DEBIT_SPEND_AMOUNT.with(PolicyLimits::DEBIT_SPEND_COUNT);
        policy != NO_INDEX && self.accounts[policy as usize].limits.has(spend)
    }

    /// Sets the policy of `account`; `index` says where it is, or [`NO_INDEX`], and follows it.
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
        if frozen == Frozen::None && policy.limits == PolicyLimits::default() {
            if *index != NO_INDEX {
                self.accounts[*index as usize] = OfAccount::default();
                self.account_places.take_back(*index);
                *index = NO_INDEX;
            }
            return None;
        }
        if *index == NO_INDEX {
            if self.count() == self.capacity {
                return Some(Status::PoliciesFull);
            }
            *index = self.account_places.give();
        }
        self.accounts[*index as usize] = OfAccount {
            debit_amount_max: policy.debit_amount_max,
            credit_amount_max: policy.credit_amount_max,
            rate_count: policy.debit_rate_count,
            rate_window_ns: u64::from(policy.debit_rate_window_seconds) * NANOSECONDS_PER_SECOND,
            window: 0,
            attempts: 0,
            account,
            frozen: frozen as u8,
            limits: policy.limits,
            is_set: 1,
            reserved: [0; 9],
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
        let hash = self.hasher.hash(u128::from(policy.ledger));
        let is_always_open = policy.open_second == policy.close_second;
        if is_always_open && policy.halted == 0 && policy.limits == PolicyLimits::default() {
            if index != NO_INDEX {
                self.ledger_table.remove(hash, index);
                self.ledger_places.take_back(index);
            }
            return None;
        }
        if index == NO_INDEX {
            if self.count() == self.capacity {
                return Some(Status::PoliciesFull);
            }
            index = self.ledger_places.give();
            self.ledger_table.insert(hash, index);
        }
        self.ledgers[index as usize] = OfLedger {
            amount_max: policy.amount_max,
            ledger: policy.ledger,
            open_second: policy.open_second,
            close_second: policy.close_second,
            halted: u8::from(policy.halted != 0),
            limits: policy.limits,
            reserved: [0; 2],
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
        let index = self.find_pair(accounts);
        let hash = self.hasher.hash(u128::from(accounts));
        match (blocked, index) {
            (true, NO_INDEX) if self.count() == self.capacity => Some(Status::PoliciesFull),
            (true, NO_INDEX) => {
                let index = self.pair_places.give();
                self.pairs[index as usize] = OfPair { accounts };
                self.pair_table.insert(hash, index);
                None
            }
            (false, index) if index != NO_INDEX => {
                self.pair_table.remove(hash, index);
                self.pair_places.take_back(index);
                None
            }
            _ => None,
        }
    }

    /// Checks a payment of the amount requested. Counts the attempt.
    pub(super) fn judge(&mut self, pair: &Pair, amount: u128, timestamp: u64) -> Option<Status> {
        if self.ledger_places.fresh != 0 {
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
        if debit.freezes(Frozen::Debits) {
            return Some(Status::RiskDebitAccountFrozen);
        }
        if credit.freezes(Frozen::Credits) {
            return Some(Status::RiskCreditAccountFrozen);
        }
        if self.pair_places.fresh != 0 {
            let accounts = Pair::key(pair.debit_index, pair.credit_index);
            let hash = self.hasher.hash(u128::from(accounts));
            let pairs = &self.pairs;
            let is = |index: u32| pairs[index as usize].accounts == accounts;
            if self.pair_table.find(hash, is) != NO_INDEX {
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

    /// Checks an order: halts and hours of both ledgers, the base ledger first, and freezes of the
    /// accounts that pay and receive, which have these policies.
    pub(super) fn judge_order(
        &self,
        ledgers: [u32; 2],
        payer: u32,
        receiver: u32,
        timestamp: u64,
    ) -> Option<Status> {
        if self.ledger_places.fresh != 0 {
            for ledger in ledgers {
                let policy = self.ledgers.get(self.find_ledger(ledger) as usize);
                if let Some(status) = policy.and_then(|policy| policy.judge_time(timestamp)) {
                    return Some(status);
                }
            }
        }
        if self.accounts.get(payer as usize).is_some_and(|policy| policy.freezes(Frozen::Debits)) {
            return Some(Status::RiskDebitAccountFrozen);
        }
        if self
            .accounts
            .get(receiver as usize)
            .is_some_and(|policy| policy.freezes(Frozen::Credits))
        {
            return Some(Status::RiskCreditAccountFrozen);
        }
        None
    }

    /// All policies, in canonical order.
    pub(super) fn contents(&self, sink: &mut impl ContentsSink) {
        let places = &self.accounts[..self.account_places.fresh as usize];
        sink.section(Section::AccountPolicies, places.iter().copied());
        let free = &self.account_places.free;
        sink.section(Section::FreeAccountPolicies, free.iter().copied());
        let mut ledgers: Vec<OfLedger> =
            self.ledger_places.given().iter().map(|&place| self.ledgers[place as usize]).collect();
        ledgers.sort_unstable_by_key(|policy| policy.ledger);
        sink.section(Section::LedgerPolicies, ledgers.iter().copied());
        let mut pairs: Vec<OfPair> =
            self.pair_places.given().iter().map(|&place| self.pairs[place as usize]).collect();
        pairs.sort_unstable_by_key(|pair| pair.accounts);
        sink.section(Section::PairPolicies, pairs.iter().copied());
    }

    /// Takes over what [`Policies::contents`] gave; calls `is_at` with each account and the index
    /// of its policy.
    pub(super) fn restore<S: ContentsSource>(
        &mut self,
        source: &mut S,
        mut is_at: impl FnMut(u32, u32) -> Result<(), &'static str>,
    ) -> Result<(), S::Error> {
        let capacity = self.capacity;
        let fits = |section, end: usize| {
            Misfit::unless(end <= capacity, section, end - 1, "more than the capacity")
        };
        let section = Section::AccountPolicies;
        source.section(section, |first, policies: &[OfAccount]| {
            let end = first + policies.len();
            fits(section, end)?;
            self.accounts[first..end].copy_from_slice(policies);
            self.account_places.fresh = end as u32;
            for (index, policy) in (first..).zip(policies).filter(|(_, policy)| policy.is_set()) {
                is_at(policy.account, index as u32).map_err(|what| Misfit {
                    section,
                    index,
                    what,
                })?;
            }
            Ok(())
        })?;
        let section = Section::FreeAccountPolicies;
        source.section(section, |first, places: &[u32]| {
            for (index, &place) in (first..).zip(places) {
                let is_free = self.accounts.get(place as usize).is_some_and(|it| !it.is_set());
                Misfit::unless(is_free, section, index, "no free place")?;
                self.account_places.take_back(place);
            }
            Ok(())
        })?;
        let section = Section::LedgerPolicies;
        source.section(section, |first, policies: &[OfLedger]| {
            fits(section, first + policies.len())?;
            for policy in policies {
                let place = self.ledger_places.give();
                self.ledgers[place as usize] = *policy;
                self.ledger_table.insert(self.hasher.hash(u128::from(policy.ledger)), place);
            }
            Ok(())
        })?;
        let section = Section::PairPolicies;
        source.section(section, |first, pairs: &[OfPair]| {
            fits(section, first + pairs.len())?;
            for pair in pairs {
                let place = self.pair_places.give();
                self.pairs[place as usize] = *pair;
                self.pair_table.insert(self.hasher.hash(u128::from(pair.accounts)), place);
            }
            Ok(())
        })
    }
}

impl OfAccount {
    fn is_set(&self) -> bool {
        self.is_set != 0
    }

    /// True if the account may not pay ([`Frozen::Debits`]) or not receive ([`Frozen::Credits`]).
    #[inline(always)]
    fn freezes(&self, direction: Frozen) -> bool {
        // The numbers of the two are bits, that of `All` is both.
        self.frozen & direction as u8 != 0
    }

    /// Counts an attempt at `timestamp`. True if it is within the limit.
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
    /// True if the ledger is halted or closed.
    fn judge_time(&self, timestamp: u64) -> Option<Status> {
        if self.halted != 0 {
            Some(Status::RiskLedgerHalted)
        } else if !self.is_open(timestamp) {
            Some(Status::RiskLedgerClosed)
        } else {
            None
        }
    }

    fn judge(&self, amount: u128, timestamp: u64) -> Option<Status> {
        let refused = self.judge_time(timestamp);
        if refused.is_some() {
            refused
        } else if self.limits.has(PolicyLimits::AMOUNT_MAX) && amount > self.amount_max {
            Some(Status::RiskLedgerAmountExceeded)
        } else {
            None
        }
    }

    /// True if `timestamp` is in the ledger's hours, the first second included, the last not.
    fn is_open(&self, timestamp: u64) -> bool {
        let second = (timestamp / NANOSECONDS_PER_SECOND % u64::from(SECONDS_PER_DAY)) as u32;
        let (open, close) = (self.open_second, self.close_second);
        match open.cmp(&close) {
            core::cmp::Ordering::Equal => true,
            core::cmp::Ordering::Less => open <= second && second < close,
            core::cmp::Ordering::Greater => open <= second || second < close,
        }
    }
}
