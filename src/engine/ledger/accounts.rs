//! Accounts as settle holds them: balances apart from the rest, a cache line each.

use zerocopy::FromZeros;

use crate::table::{Array, EngineError, Growth, growth, prefetch};
use ringfence_types::{Account, AccountFlags, Misfit, Section};

/// The four balances of an account, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromZeros)]
#[repr(C, align(64))]
pub(super) struct Balances {
    pub(super) debits_pending: u128,
    pub(super) debits_posted: u128,
    pub(super) credits_pending: u128,
    pub(super) credits_posted: u128,
}

/// What of an account never changes, and whether it is closed.
#[derive(Debug, Clone, Copy, FromZeros)]
#[repr(C, align(64))]
struct Attributes {
    id: u128,
    user_data_128: u128,
    user_data_64: u64,
    timestamp: u64,
    user_data_32: u32,
    ledger: u32,
    code: u16,
    /// As created, without `closed`.
    flags: AccountFlags,
}

const _: () = assert!(size_of::<Balances>() == 64 && size_of::<Attributes>() == 64);

const WHAT: &str = "accounts";

#[derive(Debug)]
pub(super) struct Accounts {
    balances: Array<Balances>,
    attributes: Array<Attributes>,
    /// A bit for each account. Apart, so that it stays in the cache.
    closed: Array<u64>,
    closed_count: u64,
    count: usize,
}

impl Accounts {
    pub(super) fn new(capacity: usize) -> Result<Accounts, EngineError> {
        Ok(Accounts {
            balances: Array::zeroed(WHAT, capacity)?,
            attributes: Array::zeroed(WHAT, capacity)?,
            closed: Array::zeroed(WHAT, capacity.div_ceil(64))?,
            closed_count: 0,
            count: 0,
        })
    }

    pub(super) fn grow(&mut self, capacity: usize) -> Result<(), EngineError> {
        self.balances.grow(capacity)?;
        self.attributes.grow(capacity)?;
        self.closed.grow(capacity.div_ceil(64))
    }

    /// Adds what grows with the capacities.
    pub(super) fn add_to(&self, growth: &mut Growth) {
        growth.add(&self.balances, growth::accounts);
        growth.add(&self.attributes, growth::accounts);
        growth.add(&self.closed, |rules| growth::accounts(rules).div_ceil(64));
    }

    pub(super) fn capacity(&self) -> usize {
        self.balances.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.balances.bytes() + self.attributes.bytes() + self.closed.bytes()
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Prefetches the balances of an account.
    #[inline(always)]
    pub(super) fn prefetch(&self, index: u32) {
        prefetch(&self.balances, index as usize);
    }

    /// Opens the account that has the next index.
    pub(super) fn open(&mut self, account: &Account, timestamp: u64) {
        let index = self.count;
        self.attributes[index] = Attributes {
            id: account.id,
            user_data_128: account.user_data_128,
            user_data_64: account.user_data_64,
            timestamp,
            user_data_32: account.user_data_32,
            ledger: account.ledger,
            code: account.code,
            flags: account.flags.without(AccountFlags::CLOSED),
        };
        self.balances[index] = Balances::default();
        self.count += 1;
        self.set_closed(index as u32, account.flags.has(AccountFlags::CLOSED));
    }

    /// Opens the accounts that come next, as they were shown.
    pub(super) fn restore(&mut self, first: usize, accounts: &[Account]) -> Result<(), Misfit> {
        const SECTION: Section = Section::Accounts;
        Misfit::unless(first == self.count, SECTION, first, "not the next account")?;
        let fits = first + accounts.len() <= self.capacity();
        Misfit::unless(fits, SECTION, first, "more than the capacity")?;
        for account in accounts {
            let index = self.count;
            self.open(account, account.timestamp);
            self.balances[index] = Balances {
                debits_pending: account.debits_pending,
                debits_posted: account.debits_posted,
                credits_pending: account.credits_pending,
                credits_posted: account.credits_posted,
            };
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn balances(&self, index: u32) -> &Balances {
        &self.balances[index as usize]
    }

    #[inline(always)]
    pub(super) fn balances_mut(&mut self, index: u32) -> &mut Balances {
        &mut self.balances[index as usize]
    }

    #[inline(always)]
    pub(super) fn is_closed(&self, index: u32) -> bool {
        self.closed_count != 0 && self.closed[index as usize / 64] >> (index % 64) & 1 != 0
    }

    pub(super) fn set_closed(&mut self, index: u32, closed: bool) {
        if closed != self.is_closed(index) {
            self.closed[index as usize / 64] ^= 1 << (index % 64);
            self.closed_count = self.closed_count.wrapping_add(if closed { 1 } else { u64::MAX });
        }
    }

    pub(super) fn id(&self, index: u32) -> u128 {
        self.attributes[index as usize].id
    }

    /// As created, without `closed`.
    pub(super) fn flags(&self, index: u32) -> AccountFlags {
        self.attributes[index as usize].flags
    }

    pub(super) fn ledger(&self, index: u32) -> u32 {
        self.attributes[index as usize].ledger
    }

    pub(super) fn timestamp(&self, index: u32) -> u64 {
        self.attributes[index as usize].timestamp
    }

    /// True if an account was created at exactly this time.
    pub(super) fn has_timestamp(&self, timestamp: u64) -> bool {
        // In order of creation, so in order of time.
        let accounts = &self.attributes[..self.count];
        accounts.binary_search_by_key(&timestamp, |account| account.timestamp).is_ok()
    }

    /// The account as a look-up shows it.
    pub(super) fn show(&self, index: u32) -> Account {
        let attributes = &self.attributes[index as usize];
        let balances = &self.balances[index as usize];
        let closed = if self.is_closed(index) { AccountFlags::CLOSED } else { AccountFlags::NONE };
        Account {
            id: attributes.id,
            debits_pending: balances.debits_pending,
            debits_posted: balances.debits_posted,
            credits_pending: balances.credits_pending,
            credits_posted: balances.credits_posted,
            user_data_128: attributes.user_data_128,
            user_data_64: attributes.user_data_64,
            user_data_32: attributes.user_data_32,
            reserved: 0,
            ledger: attributes.ledger,
            code: attributes.code,
            flags: attributes.flags.with(closed),
            timestamp: attributes.timestamp,
        }
    }
}
