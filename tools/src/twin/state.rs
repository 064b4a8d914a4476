//! Accounts and transfers in plain maps, and how a broken chain is undone.
//!
//! ```text
//!   set_account, set_known, … ──▶ remember what stood there ──▶ change ──▶ totals and indexes follow
//!   undo: the same setters, backwards          keep: forget what stood there
//! ```
//!
//! # Invariants
//!
//! * Every change goes through a setter, so totals and indexes always follow the maps.
//! * `undo` restores the state of the last `keep` or `undo`.

use std::collections::{BTreeMap, BTreeSet};

use ringfence::types::{
    Account, AccountFlags, Command, NANOSECONDS_PER_SECOND, PendingStatus, QueueStatus, Transfer,
};

use super::moves::Wide;
use super::risk::{Counted, Spending};

/// What is known of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// A transfer was executed under it.
    Executed(Executed),
    /// A transfer was refused in a way that spent it.
    Spent {
        /// When, by the engine's timestamp.
        since: u64,
    },
}

/// A transfer that was executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Executed {
    /// As look-ups show it: with the amount that really moved.
    pub transfer: Transfer,
    /// What became of it, if it ever was pending.
    pub fate: Option<PendingStatus>,
    /// What became of it, if it was sent with `queue`.
    pub queue: Option<QueueStatus>,
    /// From when retention counts: the engine's timestamp of the command that created it, or later
    /// resolved or expired it.
    pub since: u64,
    /// In which spend window it was counted.
    pub counted: Option<Counted>,
}

impl Known {
    /// The id of `command` is spent.
    pub fn spent(command: &Command) -> Known {
        Known::Spent { since: command.header.timestamp }
    }
}

impl Executed {
    pub fn is_pending(&self) -> bool {
        self.fate == Some(PendingStatus::Pending)
    }

    pub fn is_queued(&self) -> bool {
        self.queue == Some(QueueStatus::Queued)
    }

    /// Whether it still waits for its end, and so can expire and cannot be forgotten.
    fn waits(&self) -> bool {
        self.is_pending() || self.is_queued()
    }

    /// When it expires, if it was given a timeout.
    pub fn expires_at(&self) -> Option<u64> {
        let timeout_ns = u64::from(self.transfer.timeout) * NANOSECONDS_PER_SECOND;
        (timeout_ns > 0).then(|| self.transfer.timestamp + timeout_ns)
    }
}

/// Where something stood before a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Account(u128, Option<Account>),
    Known(u128, Option<Known>),
    Spending(u128, Option<Spending>),
    LatestTransferTimestamp(u64),
}

/// The sums of one ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Totals {
    debits_pending: Wide,
    debits_posted: Wide,
    credits_pending: Wide,
    credits_posted: Wide,
    /// Amounts of the transfers that are pending, and of the holds of open orders.
    pending: Wide,
}

impl Totals {
    fn assert_balanced(&self, ledger: u32) {
        assert_eq!(self.debits_posted, self.credits_posted, "posted, ledger {ledger}");
        assert_eq!(self.debits_pending, self.credits_pending, "pending, ledger {ledger}");
        assert_eq!(self.pending, self.debits_pending, "pending transfers, ledger {ledger}");
    }
}

/// All accounts, and all ids of transfers that are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct State {
    accounts: BTreeMap<u128, Account>,
    known: BTreeMap<u128, Known>,
    /// What accounts with a limit on spending spent in the window that was looked at last.
    spending: BTreeMap<u128, Spending>,
    /// Of the latest transfer that was created, 0 before the first.
    latest_transfer_timestamp: u64,
    /// The timestamps of `accounts`.
    account_timestamps: BTreeSet<u64>,
    /// The holds of open orders, by order: ledger and amount.
    holds: BTreeMap<u128, (u32, u128)>,
    /// The pending and queued ones of `known` that expire: when, when created, id.
    due: BTreeSet<(u64, u64, u128)>,
    /// Those of `known` that are neither pending nor queued: since when remembered, id.
    forgettable: BTreeSet<(u64, u128)>,
    /// Of `accounts` and `known`, by ledger; none where every sum is 0.
    totals: BTreeMap<u32, Totals>,
    /// Since the last `keep`, in order.
    changes: Vec<Before>,
}

impl State {
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    pub fn account_count(&self) -> usize {
        self.accounts.len()
    }

    pub fn account(&self, id: u128) -> Option<&Account> {
        self.accounts.get(&id)
    }

    pub fn known(&self, id: u128) -> Option<&Known> {
        self.known.get(&id)
    }

    /// Ids that fill the table: of transfers, and spent ones.
    pub fn known_count(&self) -> usize {
        self.known.len()
    }

    pub fn transfer_count(&self) -> usize {
        self.known.values().filter(|known| matches!(known, Known::Executed(_))).count()
    }

    /// The transfer that was executed under this id.
    pub fn executed(&self, id: u128) -> Option<&Executed> {
        match self.known.get(&id) {
            Some(Known::Executed(executed)) => Some(executed),
            _ => None,
        }
    }

    pub fn latest_account_timestamp(&self) -> u64 {
        self.account_timestamps.last().copied().unwrap_or(0)
    }

    pub fn latest_transfer_timestamp(&self) -> u64 {
        self.latest_transfer_timestamp
    }

    pub fn is_account_timestamp(&self, timestamp: u64) -> bool {
        self.account_timestamps.contains(&timestamp)
    }

    /// The transfer that expires first: when, when created, id.
    pub fn first_due(&self) -> Option<(u64, u64, u128)> {
        self.due.first().copied()
    }

    /// What is held for an order.
    pub fn hold(&self, order_id: u128) -> u128 {
        self.holds.get(&order_id).map_or(0, |(_, amount)| *amount)
    }

    pub fn hold_count(&self) -> usize {
        self.holds.values().filter(|(_, amount)| *amount > 0).count()
    }

    /// What is held for an order changes; the balances are changed apart.
    pub fn set_hold(&mut self, order_id: u128, ledger: u32, amount: u128) {
        let before = self.hold(order_id);
        self.change_totals(ledger, |totals| {
            totals.pending.subtract(before);
            totals.pending.add(amount);
        });
        if amount == 0 {
            self.holds.remove(&order_id);
        } else {
            self.holds.insert(order_id, (ledger, amount));
        }
    }

    /// What the pending transfers to each account come to.
    pub fn pending_credits(&self) -> BTreeMap<u128, u128> {
        let mut pending = BTreeMap::new();
        for known in self.known.values() {
            let Known::Executed(executed) = known else { continue };
            if executed.is_pending() {
                let account = executed.transfer.credit_account_id;
                *pending.entry(account).or_default() += executed.transfer.amount;
            }
        }
        pending
    }

    /// The id that is forgotten first, if it is at or before `timestamp`.
    pub fn first_forgotten(&self, timestamp: u64, retention_ns: u64) -> Option<u128> {
        let &(since, id) = self.forgettable.first()?;
        (timestamp - since >= retention_ns).then_some(id)
    }

    pub fn set_account(&mut self, id: u128, account: Option<Account>) {
        let before = match account {
            Some(account) => self.accounts.insert(id, account),
            None => self.accounts.remove(&id),
        };
        if let Some(before) = &before {
            self.account_timestamps.remove(&before.timestamp);
            self.change_totals(before.ledger, |totals| {
                totals.debits_pending.subtract(before.debits_pending);
                totals.debits_posted.subtract(before.debits_posted);
                totals.credits_pending.subtract(before.credits_pending);
                totals.credits_posted.subtract(before.credits_posted);
            });
        }
        if let Some(account) = &account {
            self.account_timestamps.insert(account.timestamp);
            self.change_totals(account.ledger, |totals| {
                totals.debits_pending.add(account.debits_pending);
                totals.debits_posted.add(account.debits_posted);
                totals.credits_pending.add(account.credits_pending);
                totals.credits_posted.add(account.credits_posted);
            });
        }
        self.changes.push(Before::Account(id, before));
    }

    /// Changes an account that exists.
    pub fn change_account(&mut self, id: u128, change: impl FnOnce(&mut Account)) {
        let mut account = self.accounts[&id];
        change(&mut account);
        self.set_account(id, Some(account));
    }

    pub fn set_known(&mut self, id: u128, known: Option<Known>) {
        let before = match known {
            Some(known) => self.known.insert(id, known),
            None => self.known.remove(&id),
        };
        match &before {
            Some(Known::Executed(executed)) if executed.waits() => {
                if let Some(expires_at) = executed.expires_at() {
                    self.due.remove(&(expires_at, executed.transfer.timestamp, id));
                }
                if executed.is_pending() {
                    let amount = executed.transfer.amount;
                    self.change_totals(executed.transfer.ledger, |totals| {
                        totals.pending.subtract(amount);
                    });
                }
            }
            Some(Known::Executed(Executed { since, .. }) | Known::Spent { since }) => {
                self.forgettable.remove(&(*since, id));
            }
            None => {}
        }
        match &known {
            Some(Known::Executed(executed)) if executed.waits() => {
                if let Some(expires_at) = executed.expires_at() {
                    self.due.insert((expires_at, executed.transfer.timestamp, id));
                }
                if executed.is_pending() {
                    let amount = executed.transfer.amount;
                    self.change_totals(executed.transfer.ledger, |totals| {
                        totals.pending.add(amount);
                    });
                }
            }
            Some(Known::Executed(Executed { since, .. }) | Known::Spent { since }) => {
                self.forgettable.insert((*since, id));
            }
            None => {}
        }
        self.changes.push(Before::Known(id, before));
    }

    pub fn spending(&self, account_id: u128) -> Option<Spending> {
        self.spending.get(&account_id).copied()
    }

    pub fn set_spending(&mut self, account_id: u128, spending: Option<Spending>) {
        let before = match spending {
            Some(spending) => self.spending.insert(account_id, spending),
            None => self.spending.remove(&account_id),
        };
        self.changes.push(Before::Spending(account_id, before));
    }

    pub fn set_latest_transfer_timestamp(&mut self, timestamp: u64) {
        self.changes.push(Before::LatestTransferTimestamp(self.latest_transfer_timestamp));
        self.latest_transfer_timestamp = timestamp;
    }

    /// Makes what was changed since the last `keep` final.
    ///
    /// # Panics
    ///
    /// If an account exceeds its limit by it.
    pub fn keep(&mut self) {
        for change in &self.changes {
            if let Before::Account(id, _) = change
                && let Some(account) = self.accounts.get(id)
            {
                assert_limits(account);
            }
        }
        self.changes.clear();
    }

    /// Takes back what was changed since the last `keep`.
    pub fn undo(&mut self) {
        for before in std::mem::take(&mut self.changes).into_iter().rev() {
            match before {
                Before::Account(id, account) => self.set_account(id, account),
                Before::Known(id, known) => self.set_known(id, known),
                Before::Spending(id, spending) => self.set_spending(id, spending),
                Before::LatestTransferTimestamp(timestamp) => {
                    self.latest_transfer_timestamp = timestamp;
                }
            }
        }
        self.changes.clear();
    }

    fn change_totals(&mut self, ledger: u32, change: impl FnOnce(&mut Totals)) {
        let totals = self.totals.entry(ledger).or_default();
        change(totals);
        if *totals == Totals::default() {
            self.totals.remove(&ledger);
        }
    }

    pub fn assert_running_totals(&self) {
        for (&ledger, totals) in &self.totals {
            totals.assert_balanced(ledger);
        }
    }

    /// Builds totals and indexes anew from the maps and compares.
    pub fn check_in_full(&self) {
        let mut anew = State {
            latest_transfer_timestamp: self.latest_transfer_timestamp,
            spending: self.spending.clone(),
            ..State::default()
        };
        for (&id, &account) in &self.accounts {
            assert_eq!(id, account.id);
            anew.set_account(id, Some(account));
        }
        for (&id, &known) in &self.known {
            anew.set_known(id, Some(known));
        }
        for (&order_id, &(ledger, amount)) in &self.holds {
            anew.set_hold(order_id, ledger, amount);
        }
        anew.changes.clone_from(&self.changes);
        anew.assert_running_totals();
        assert_eq!(anew, *self, "totals or indexes do not follow the maps");
    }
}

fn assert_limits(account: &Account) {
    if account.flags.has(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS) {
        assert!(
            account.debits_pending + account.debits_posted <= account.credits_posted,
            "debits exceed credits: {account:?}"
        );
    }
    if account.flags.has(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS) {
        assert!(
            account.credits_pending + account.credits_posted <= account.debits_posted,
            "credits exceed debits: {account:?}"
        );
    }
}
