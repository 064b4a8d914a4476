//! Sums of balances: on each ledger debits equal credits, after every event.
//!
//! Running totals are kept in builds with assertions alone; the sums are checked in every build when
//! contents are restored. Sums wrap, on both sides alike.

use alloc::vec;

use super::accounts::Balances;
use super::transfers::State;
use super::{Hold, Ledger};
use ringfence_types::{Misfit, Section};

/// Sums over all accounts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Audit {
    #[cfg(debug_assertions)]
    totals: Totals,
}

#[cfg(debug_assertions)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Totals {
    debits_pending: u128,
    debits_posted: u128,
    credits_pending: u128,
    credits_posted: u128,
}

#[cfg(debug_assertions)]
impl Totals {
    fn add(&mut self, balances: &Balances) {
        self.debits_pending = self.debits_pending.wrapping_add(balances.debits_pending);
        self.debits_posted = self.debits_posted.wrapping_add(balances.debits_posted);
        self.credits_pending = self.credits_pending.wrapping_add(balances.credits_pending);
        self.credits_posted = self.credits_posted.wrapping_add(balances.credits_posted);
    }

    fn subtract(&mut self, balances: &Balances) {
        self.debits_pending = self.debits_pending.wrapping_sub(balances.debits_pending);
        self.debits_posted = self.debits_posted.wrapping_sub(balances.debits_posted);
        self.credits_pending = self.credits_pending.wrapping_sub(balances.credits_pending);
        self.credits_posted = self.credits_posted.wrapping_sub(balances.credits_posted);
    }

    fn check(&self) {
        assert_eq!(self.debits_pending, self.credits_pending, "pending debits equal credits");
        assert_eq!(self.debits_posted, self.credits_posted, "posted debits equal credits");
    }
}

impl Audit {
    #[inline(always)]
    pub(super) fn change(&mut self, before: &Balances, after: &Balances) {
        #[cfg(debug_assertions)]
        {
            self.totals.subtract(before);
            self.totals.add(after);
        }
        #[cfg(not(debug_assertions))]
        let _ = (before, after);
    }
}

impl Ledger {
    /// Checks the running totals, in builds with assertions.
    #[inline(always)]
    pub(super) fn check_totals(&self) {
        #[cfg(debug_assertions)]
        self.audit.totals.check();
    }

    /// Checks that on each ledger debits equal credits. Reads all accounts.
    ///
    /// # Errors
    ///
    /// The first account of the first ledger where they do not.
    pub(super) fn check_sums(&self) -> Result<(), Misfit> {
        /// Debits less credits, of each ledger; and its first account.
        #[derive(Default)]
        struct Sums {
            pending: u128,
            posted: u128,
            first: usize,
        }
        let mut ledgers = alloc::collections::BTreeMap::<u32, Sums>::new();
        for index in 0..self.accounts.count() {
            let balances = self.accounts.balances(index as u32);
            let sums = ledgers
                .entry(self.accounts.ledger(index as u32))
                .or_insert_with(|| Sums { first: index, ..Sums::default() });
            let add = |sum: u128, debits: u128, credits: u128| {
                sum.wrapping_add(debits).wrapping_sub(credits)
            };
            sums.pending = add(sums.pending, balances.debits_pending, balances.credits_pending);
            sums.posted = add(sums.posted, balances.debits_posted, balances.credits_posted);
        }
        for Sums { pending, posted, first } in ledgers.into_values() {
            let (section, what) = (Section::Accounts, "debits and credits of its ledger differ");
            Misfit::unless(pending == 0 && posted == 0, section, first, what)?;
        }
        Ok(())
    }

    /// Checks all that must always be true, from the records themselves and the holds of all open
    /// orders. Slow.
    ///
    /// # Panics
    ///
    /// If something is not as it must be: a bug in this room.
    pub(crate) fn check_in_full(&self, holds: &[Hold]) {
        let balanced = self.check_sums();
        assert_eq!(balanced, Ok(()), "debits equal credits on each ledger");
        // What is pending on each account is that of pending transfers and of holds.
        let mut pending = vec![[0_u128; 2]; self.accounts.count()];
        let mut add = |debit: u32, credit: u32, amount: u128| {
            let [debits, _] = &mut pending[debit as usize];
            *debits = debits.wrapping_add(amount);
            let [_, credits] = &mut pending[credit as usize];
            *credits = credits.wrapping_add(amount);
        };
        for slot in self.transfers.held(self.now) {
            let record = self.transfers.hot(slot);
            if record.state == State::Pending {
                add(record.debit_index, record.credit_index, record.amount);
            }
        }
        self.check_queues();
        for hold in holds {
            add(hold.owner, hold.market, hold.amount);
        }
        for (index, sums) in pending.into_iter().enumerate() {
            let balances = self.accounts.balances(index as u32);
            let found = [balances.debits_pending, balances.credits_pending];
            assert_eq!(found, sums, "what is pending on account {index} is held or promised");
        }
    }
}
