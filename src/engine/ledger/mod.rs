//! Double-entry ledger: balances change only here, and only in equal pairs.
//!
//! ```text
//!   begin_event(t) ──▶ old ids are forgotten; what was due at t has expired before
//!   Command, Verdict ──▶ create_transfer ──▶ status
//!                          ├─ debit one account, credit another, same amount
//!                          └─ a note of how to undo it, inside a chain
//! ```
//!
//! # Invariants
//!
//! * Per ledger, debits equal credits after every call, posted as well as pending.
//! * A call changes both accounts or neither; a chain changes all that it names or nothing.
//! * A refused transfer changes nothing but, for some refusals, the set of spent ids.
//! * Pending plus posted never passes 2^128 − 1 on either side of an account.
//! * The result depends on prior commands alone: no clock, I/O, randomness or
//!   thread identity, so replaying the journal rebuilds the same bytes.

mod accounts;
mod audit;
mod chain;
mod contents;
mod create;
mod gridlock;
mod holds;
mod post_void;
mod queue_release;
mod queues;
mod repeat;
mod spend;
mod timers;
mod transfers;

use crate::emit::{Emit, Paused};
use crate::table::{Array, EngineError, Growth, IdTimes, NO_INDEX, Table, growth};
use ringfence_types::{
    AMOUNT_MAX, Account, AccountFlags, AccountPolicy, Command, EventBody, EventKind,
    NANOSECONDS_PER_SECOND, PendingStatus, QueueBody, QueueStatus, Rules, SettledBy, Status,
    TIMESTAMP_MAX, Transfer, TransferBody, TransferEvent, TransferFlags, TransferIndices, Verdict,
};

pub(crate) use holds::{Hold, TradeAccounts, TradeAmounts};
pub(crate) use timers::Timers;

use accounts::{Accounts, Balances};
use audit::Audit;
use chain::{Before, Notes};
use gridlock::Gridlock;
use queues::Queues;
use spend::SpendWindow;
use transfers::{Cold, Hot, State, Transfers};

/// Accounts, transfers, spent ids, expiry and spend windows.
#[derive(Debug)]
pub(crate) struct Ledger {
    accounts: Accounts,
    transfers: Transfers,
    id_times: IdTimes,
    timers: Timers,
    queues: Queues,
    gridlock: Gridlock,
    /// By the indices that risk gives to accounts' policies.
    spends: Array<SpendWindow>,
    spend_count: usize,
    notes: Notes,
    /// The timestamp of the event under way: of a chain, that of its first member.
    now: u64,
    /// Timestamp of the transfer created last.
    last_timestamp: u64,
    audit: Audit,
}

/// Expiry of a pending or queued transfer; `None` if it has no timeout.
fn expires_at(record: &Hot) -> Option<u64> {
    // Created with a timeout only if this is at most TIMESTAMP_MAX.
    (record.timeout != 0)
        .then(|| record.timestamp + u64::from(record.timeout) * NANOSECONDS_PER_SECOND)
}

impl Ledger {
    pub(crate) fn new(rules: &Rules) -> Result<Ledger, EngineError> {
        let accounts = EngineError::check_capacity("accounts", rules.capacities.accounts)?;
        let policies = EngineError::check_capacity("policies", rules.capacities.policies)?;
        let transfers = Transfers::new(transfers::NAMES, rules.capacities.transfers, rules)?;
        Ok(Ledger {
            accounts: Accounts::new(accounts)?,
            timers: Timers::new(transfers.capacity())?,
            queues: Queues::new(accounts, transfers.capacity())?,
            gridlock: Gridlock::new(accounts)?,
            transfers,
            id_times: IdTimes::new(rules),
            spends: Array::new("policies", policies, SpendWindow::NONE)?,
            spend_count: 0,
            notes: Notes::new()?,
            now: 0,
            last_timestamp: 0,
            audit: Audit::default(),
        })
    }

    pub(crate) fn configure(&mut self, rules: &Rules) -> Result<(), EngineError> {
        let capacities = &rules.capacities;
        let before = self.accounts.capacity();
        let accounts = EngineError::check_growth("accounts", before, capacities.accounts)?;
        let before = self.spends.len();
        let policies = EngineError::check_growth("policies", before, capacities.policies)?;
        self.id_times.configure(rules, self.now);
        self.accounts.grow(accounts)?;
        self.spends.grow(policies)?;
        let transfers = self.transfers.configure(capacities.transfers, rules, self.now)?;
        self.queues.grow(accounts, transfers)?;
        self.gridlock.grow(accounts)?;
        self.timers.grow(transfers)
    }

    /// Why an id that is not remembered cannot be that of a new transfer or order at the timestamp
    /// `own`, if ids carry their time.
    #[inline(always)]
    pub(crate) fn check_id_time(&self, id: u128, own: u64) -> Result<(), Status> {
        self.id_times.check(id, own).map_or(Ok(()), Err)
    }

    /// Adds what grows with the capacities.
    pub(crate) fn add_to(&self, growth: &mut Growth) {
        self.accounts.add_to(growth);
        self.transfers.add_to(growth, growth::transfers, |rules| {
            Table::slots_for(rules.capacities.transfers)
        });
        self.queues.add_to(growth);
        self.gridlock.add_to(growth);
        self.timers.add_to(growth, |rules| Timers::nodes_for(growth::transfers(rules)));
    }

    pub(crate) fn bytes(&self) -> u64 {
        let records = self.accounts.bytes() + self.transfers.bytes() + self.timers.bytes();
        let records = records + self.queues.bytes() + self.gridlock.bytes();
        records + self.spends.bytes() + self.notes.bytes()
    }

    pub(crate) fn account_count(&self) -> u64 {
        self.accounts.count() as u64
    }

    /// How many places of the table of transfers are taken, spent ids included.
    pub(crate) fn transfers_used(&self) -> u64 {
        self.transfers.used() as u64
    }

    pub(crate) fn next_due(&self) -> Option<u64> {
        self.timers.next_due()
    }

    /// Timestamp of the event under way or just over: up to here all that was due has expired.
    pub(crate) fn event_timestamp(&self) -> u64 {
        self.now
    }

    /// Moves the time on to `now`, the timestamp of the event that follows (of a chain, that of its
    /// first member), and forgets old ids. All that is due at `now` has expired before.
    #[inline(always)]
    pub(crate) fn begin_event(&mut self, now: u64) {
        self.now = now;
        self.transfers.forget_some(now);
    }

    /// True if no transfer expires at `now`; O(1).
    #[inline(always)]
    pub(crate) fn sleeps_at(&self, now: u64) -> bool {
        self.timers.sleeps_at(now)
    }

    /// Expiry and creation time of the transfer that expires first at `now`. `None`: none is due.
    pub(crate) fn first_due(&mut self, now: u64) -> Option<(u64, u64)> {
        let (expires_at, slot) = self.timers.peek(now)?;
        Some((expires_at, self.transfers.hot(slot).timestamp))
    }

    /// Lets the transfer that [`Ledger::first_due`] found expire. Returns its id.
    pub(crate) fn expire_first(&mut self, now: u64) -> u128 {
        let slot = self.timers.pop(now).expect("one is due");
        if self.transfers.hot(slot).state == State::Queued {
            self.leave_queue(slot);
            self.give_back(slot, self.transfers.hot(slot).amount, 1);
        } else {
            self.void_pending(slot);
        }
        self.transfers.settle(slot, State::Expired, now);
        self.check_totals();
        self.transfers.hot(slot).id
    }

    /// Opens the account that has the next index, and gives that.
    pub(crate) fn open_account(&mut self, account: &Account, timestamp: u64) -> u32 {
        let index = self.accounts.count() as u32;
        self.accounts.open(account, timestamp);
        index
    }

    /// The account with this index, as a look-up shows it.
    pub(crate) fn show_account(&self, index: u32) -> Account {
        self.accounts.show(index)
    }

    /// All accounts in order of creation, as look-ups show them.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = Account> {
        (0..self.accounts.count() as u32).map(|index| self.accounts.show(index))
    }

    /// Starts the spend window of the policy with this index anew.
    pub(crate) fn set_spend(&mut self, index: u32, policy: &AccountPolicy, set_at: u64) {
        self.spends[index as usize] = SpendWindow::new(policy, set_at);
        self.spend_count = self.spend_count.max(index as usize + 1);
    }

    /// Subtracts a pending transfer from the pending balances of its accounts and posts `posted` of
    /// it.
    fn release_pending(&mut self, slot: u32, posted: u128) {
        let record = *self.transfers.hot(slot);
        self.change(record.debit_index, |balances| {
            balances.debits_pending -= record.amount;
            balances.debits_posted += posted;
        });
        self.change(record.credit_index, |balances| {
            balances.credits_pending -= record.amount;
            balances.credits_posted += posted;
        });
        if posted < record.amount {
            self.schedule(record.debit_index);
        }
        if posted > 0 {
            self.schedule(record.credit_index);
        }
    }

    /// Opens the accounts again that the pending transfer in `slot` closed.
    fn reopen(&mut self, slot: u32) {
        let record = *self.transfers.hot(slot);
        if record.flags.has(TransferFlags::CLOSING_DEBIT) {
            self.accounts.set_closed(record.debit_index, false);
        }
        if record.flags.has(TransferFlags::CLOSING_CREDIT) {
            self.accounts.set_closed(record.credit_index, false);
        }
    }

    /// Gives amount and count back to the spend window that counted the transfer in `slot`, if one
    /// did.
    fn give_back(&mut self, slot: u32, amount: u128, count: u64) {
        let spend = self.transfers.cold(slot).spend_index;
        if spend != NO_INDEX {
            let counted_at = self.transfers.hot(slot).timestamp;
            self.spends[spend as usize].give_back(amount, count, counted_at);
        }
    }

    /// Posts `amount` from one account to another.
    #[inline(always)]
    fn post(&mut self, debit_index: u32, credit_index: u32, amount: u128) {
        self.change(debit_index, |balances| balances.debits_posted += amount);
        self.change(credit_index, |balances| balances.credits_posted += amount);
    }

    /// Changes the balances of one account.
    #[inline(always)]
    fn change(&mut self, index: u32, change: impl FnOnce(&mut Balances)) {
        let balances = self.accounts.balances_mut(index);
        let before = *balances;
        change(balances);
        self.audit.change(&before, balances);
    }
}
