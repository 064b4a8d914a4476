//! Sums wider than a balance, and several changes of balances that happen at once.

use std::collections::BTreeMap;

use ringfence::types::Account;

/// A sum that may be wider than 128 bits, or negative on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Wide {
    high: i64,
    low: u128,
}

impl Wide {
    pub fn of(amount: u128) -> Wide {
        Wide { high: 0, low: amount }
    }

    pub fn add(&mut self, amount: u128) {
        let (low, carries) = self.low.overflowing_add(amount);
        (self.low, self.high) = (low, self.high + i64::from(carries));
    }

    pub fn subtract(&mut self, amount: u128) {
        let (low, borrows) = self.low.overflowing_sub(amount);
        (self.low, self.high) = (low, self.high - i64::from(borrows));
    }

    /// As a balance, if it is one.
    pub fn balance(self) -> Option<u128> {
        (self.high == 0).then_some(self.low)
    }
}

/// One of an account's four balances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    DebitsPending,
    DebitsPosted,
    CreditsPending,
    CreditsPosted,
}

/// Changes of balances that happen at once: only what they come to counts.
#[derive(Debug, Default)]
pub(super) struct Moves(Vec<(u128, Column, bool, u128)>);

impl Moves {
    pub fn add(&mut self, account_id: u128, column: Column, amount: u128) {
        self.0.push((account_id, column, true, amount));
    }

    pub fn subtract(&mut self, account_id: u128, column: Column, amount: u128) {
        self.0.push((account_id, column, false, amount));
    }

    /// The accounts that change, as they would be; `None` for one of which a balance, or pending
    /// and posted together, would overflow.
    pub fn applied(
        &self,
        account: impl Fn(u128) -> Account,
    ) -> BTreeMap<u128, (Account, Option<Account>)> {
        let mut sums: BTreeMap<u128, [Wide; 4]> = BTreeMap::new();
        for &(id, column, is_added, amount) in &self.0 {
            let sums = sums.entry(id).or_insert_with(|| {
                let account = account(id);
                [
                    Wide::of(account.debits_pending),
                    Wide::of(account.debits_posted),
                    Wide::of(account.credits_pending),
                    Wide::of(account.credits_posted),
                ]
            });
            let sum = &mut sums[column as usize];
            if is_added { sum.add(amount) } else { sum.subtract(amount) }
        }
        sums.into_iter()
            .map(|(id, sums)| {
                let before = account(id);
                (id, (before, after(&before, sums)))
            })
            .collect()
    }
}

fn after(before: &Account, sums: [Wide; 4]) -> Option<Account> {
    let [debits_pending, debits_posted, credits_pending, credits_posted] = sums.map(Wide::balance);
    let after = Account {
        debits_pending: debits_pending?,
        debits_posted: debits_posted?,
        credits_pending: credits_pending?,
        credits_posted: credits_posted?,
        ..*before
    };
    after.debits_pending.checked_add(after.debits_posted)?;
    after.credits_pending.checked_add(after.credits_posted)?;
    Some(after)
}
