//! The account directory: id → dense index, and what risk needs to know of an account.

use zerocopy::FromZeros;

use crate::table::{Array, EngineError, Growth, IdHasher, NO_INDEX, Table, growth, prefetch};
use ringfence_types::{Account, AccountFlags, Misfit, Rules, Section};

const WHAT: &str = "accounts";

/// What risk knows of one account: two to a cache line.
#[derive(Debug, Clone, Copy, FromZeros)]
#[repr(C, align(32))]
pub(super) struct Entry {
    id: u128,
    pub(super) ledger: u32,
    /// Index of its policy, or [`NO_INDEX`].
    pub(super) policy: u32,
    /// As created: of these, only limits are asked for here, and they never change.
    pub(super) flags: AccountFlags,
}

const _: () = assert!(size_of::<Entry>() == 32);

/// What prefetching found out on the way from an id to its entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trail {
    pub(super) hash: u32,
    /// The first index under the hash at that time: perhaps another account's, or [`NO_INDEX`].
    guess: u32,
}

impl Trail {
    /// Of a command that names no account.
    pub(super) const NONE: Trail = Trail { hash: 0, guess: NO_INDEX };
}

/// What the fields of a new entry are that nothing else says.
const VACANT: Entry = Entry { id: 0, ledger: 0, policy: NO_INDEX, flags: AccountFlags::NONE };

#[derive(Debug)]
pub(super) struct Directory {
    hasher: IdHasher,
    ids: Table,
    entries: Array<Entry>,
    count: u32,
}

impl Directory {
    pub(super) fn new(rules: &Rules) -> Result<Directory, EngineError> {
        let capacity = EngineError::check_capacity(WHAT, rules.capacities.accounts)?;
        Ok(Directory {
            hasher: IdHasher::new(rules.hash_key),
            ids: Table::new("ids of accounts", capacity)?,
            entries: Array::zeroed(WHAT, capacity)?,
            count: 0,
        })
    }

    pub(super) fn configure(&mut self, rules: &Rules) -> Result<(), EngineError> {
        let before = self.entries.len();
        let capacity = EngineError::check_growth(WHAT, before, rules.capacities.accounts)?;
        self.ids.grow(capacity)?;
        self.entries.grow(capacity)
    }

    /// Adds what grows with the capacities.
    pub(super) fn add_to(&self, growth: &mut Growth) {
        growth.add(&self.ids, |rules| Table::slots_for(rules.capacities.accounts));
        growth.add(&self.entries, growth::accounts);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.ids.bytes() + self.entries.bytes()
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Prefetches the table slot of `id` and returns the trail that begins there.
    #[inline(always)]
    pub(super) fn prefetch_slot(&self, id: u128) -> Trail {
        let hash = self.hasher.hash(id);
        self.ids.prefetch(hash);
        Trail { hash, guess: NO_INDEX }
    }

    /// Prefetches the first entry with the hash of `trail`, and keeps its index there.
    #[inline(always)]
    pub(super) fn prefetch_record(&self, trail: &mut Trail) {
        trail.guess = self.ids.guess(trail.hash);
        prefetch(&self.entries, trail.guess as usize);
    }

    /// Index of the account `id`, to which `trail` leads, or [`NO_INDEX`].
    #[inline(always)]
    pub(super) fn find(&self, trail: Trail, id: u128) -> u32 {
        // Since the guess, accounts may have come, and those of a failed chain may have gone.
        if trail.guess < self.count && self.entries[trail.guess as usize].id == id {
            return trail.guess;
        }
        self.ids.find(trail.hash, |index| self.entries[index as usize].id == id)
    }

    /// Index of the account `id`, or [`NO_INDEX`].
    pub(super) fn find_id(&self, id: u128) -> u32 {
        self.find(Trail { hash: self.hasher.hash(id), guess: NO_INDEX }, id)
    }

    #[inline(always)]
    pub(super) fn entry(&self, index: u32) -> &Entry {
        &self.entries[index as usize]
    }

    pub(super) fn entry_mut(&mut self, index: u32) -> &mut Entry {
        &mut self.entries[index as usize]
    }

    /// Adds an account and gives its index, or [`NO_INDEX`] where there is no room.
    pub(super) fn add(&mut self, hash: u32, account: &Account) -> u32 {
        let index = self.count;
        let Some(entry) = self.entries.get_mut(index as usize) else {
            return NO_INDEX;
        };
        *entry = Entry { id: account.id, ledger: account.ledger, flags: account.flags, ..VACANT };
        self.ids.insert(hash, index);
        self.count += 1;
        index
    }

    /// Removes the newest accounts, down to `count`: their chain has failed.
    pub(super) fn shrink(&mut self, count: u32) {
        while self.count > count {
            self.count -= 1;
            let id = self.entries[self.count as usize].id;
            self.ids.remove(self.hasher.hash(id), self.count);
        }
    }

    /// Adds the accounts that come next, as they were shown.
    pub(super) fn restore(&mut self, first: usize, accounts: &[Account]) -> Result<(), Misfit> {
        const SECTION: Section = Section::Accounts;
        let fits = first + accounts.len() <= self.entries.len();
        Misfit::unless(fits, SECTION, first, "more than the capacity")?;
        let mut hashes = [0; RESTORED_AHEAD];
        for (ahead, account) in accounts.iter().take(RESTORED_AHEAD).enumerate() {
            hashes[ahead] = self.prefetch_slot(account.id).hash;
        }
        for (place, account) in accounts.iter().enumerate() {
            let hash = hashes[place % RESTORED_AHEAD];
            if let Some(ahead) = accounts.get(place + RESTORED_AHEAD) {
                hashes[place % RESTORED_AHEAD] = self.prefetch_slot(ahead.id).hash;
            }
            let added = self.add(hash, account);
            Misfit::unless(
                added as usize == first + place,
                SECTION,
                first,
                "not the next account",
            )?;
        }
        Ok(())
    }
}

/// How many accounts ahead table slots of ids are prefetched.
const RESTORED_AHEAD: usize = 16;
