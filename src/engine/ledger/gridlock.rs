//! Gridlock: the largest set of queued payments of a ledger that can settle at once.
//!
//! ```text
//!   plan      take all; while an account would owe more than it has, its last payment waits on
//!   drop      payments of closed accounts, in order of arrival
//!   settle    the set, in order of arrival
//!   schedule  its accounts for release, in the same order
//! ```
//!
//! The set is unique, whatever the order in which accounts are looked at (Bech and Soramäki, 2001):
//! a payment that is taken out only leaves others with less. So each account is looked at only when
//! it has less than before, and each payment is taken out at most once: the plan is linear in the
//! number of payments. It changes nothing: where a balance would overflow, nothing has happened.

use zerocopy::FromZeros;

use super::*;

/// A whole number of 256 bits with sign: sums of 2^31 amounts fit by far.
#[derive(Debug, Clone, Copy, Default, FromZeros)]
struct Wide {
    low: u128,
    high: i64,
}

impl Wide {
    fn add(&mut self, amount: u128) {
        let (low, carries) = self.low.overflowing_add(amount);
        self.low = low;
        self.high += i64::from(carries);
    }

    fn subtract(&mut self, amount: u128) {
        let (low, borrows) = self.low.overflowing_sub(amount);
        self.low = low;
        self.high -= i64::from(borrows);
    }

    fn is_negative(&self) -> bool {
        self.high < 0
    }
}

/// One account in the plan.
#[derive(Debug, Clone, Copy, FromZeros)]
struct Sketch {
    /// What it would have if the set settled.
    available: Wide,
    /// Its credits, pending ones included, once the set has settled.
    credits: u128,
    /// The last payment of its queue that may still be in the set.
    last: u32,
    /// The next account that would owe too much.
    next: u32,
    is_listed: bool,
}

const BLANK: Sketch = Sketch {
    available: Wide { low: 0, high: 0 },
    credits: 0,
    last: NO_INDEX,
    next: NO_INDEX,
    is_listed: false,
};

/// What comes next of the `resolve_queues` under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Plan,
    Drop,
    Settle,
}

/// Memory for plans, and how far the `resolve_queues` under way has come.
#[derive(Debug)]
pub(super) struct Gridlock {
    sketches: Array<Sketch>,
    pass: Pass,
    /// The payment that is looked at next.
    cursor: u32,
    /// The settled ones, in order.
    first_settled: u32,
    last_settled: u32,
    count: u64,
    amount: u128,
}

const WHAT: &str = "resolutions";

impl Gridlock {
    pub(super) fn new(accounts: usize) -> Result<Gridlock, EngineError> {
        Ok(Gridlock {
            sketches: Array::zeroed(WHAT, accounts)?,
            pass: Pass::Plan,
            cursor: NO_INDEX,
            first_settled: NO_INDEX,
            last_settled: NO_INDEX,
            count: 0,
            amount: 0,
        })
    }

    pub(super) fn grow(&mut self, accounts: usize) -> Result<(), EngineError> {
        self.sketches.grow(accounts)
    }

    /// Adds what grows with the capacities.
    pub(super) fn add_to(&self, growth: &mut Growth) {
        growth.add(&self.sketches, growth::accounts);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.sketches.bytes()
    }

    fn sketch(&mut self, account: u32) -> &mut Sketch {
        &mut self.sketches[account as usize]
    }
}

impl Ledger {
    /// Resolves the queues of `ledger`, in the course of an event at `now`. Gives how many payments
    /// settled and their sum, which stops at 2^128 − 1; or that a balance would overflow.
    pub(crate) fn resolve_queues(
        &mut self,
        ledger: u32,
        now: u64,
        emitter: &mut impl Emit,
    ) -> Result<Result<(u64, u128), Status>, Paused> {
        if self.gridlock.pass == Pass::Plan {
            if !self.plan(ledger) {
                return Ok(Err(Status::OverflowsBalances));
            }
            self.gridlock.pass = Pass::Drop;
            self.gridlock.cursor = self.queues.oldest();
        }
        if self.gridlock.pass == Pass::Drop {
            while self.gridlock.cursor != NO_INDEX {
                let slot = self.gridlock.cursor;
                let closed = self.closed_status(slot).filter(|_| self.is_of(slot, ledger));
                if closed.is_some() {
                    emitter.make_sure_of_room()?;
                }
                self.gridlock.cursor = self.queues.newer(slot);
                if let Some(status) = closed {
                    let account = self.transfers.hot(slot).debit_index;
                    let was_head = self.queues.head(account) == slot;
                    self.drop_queued(slot, status, now, emitter);
                    if was_head {
                        self.schedule(account);
                    }
                }
            }
            self.gridlock.pass = Pass::Settle;
            self.gridlock.cursor = self.queues.oldest();
        }
        while self.gridlock.cursor != NO_INDEX {
            let slot = self.gridlock.cursor;
            let settles = self.is_of(slot, ledger) && self.queues.is_kept(slot);
            if settles {
                emitter.make_sure_of_room()?;
            }
            self.gridlock.cursor = self.queues.newer(slot);
            if settles {
                self.settle_planned(slot, now, emitter);
            }
        }
        self.gridlock.pass = Pass::Plan;
        let mut slot = self.gridlock.first_settled;
        while slot != NO_INDEX {
            let Hot { debit_index, credit_index, .. } = *self.transfers.hot(slot);
            self.schedule(debit_index);
            self.schedule(credit_index);
            slot = self.queues.newer(slot);
        }
        self.check_totals();
        Ok(Ok((self.gridlock.count, self.gridlock.amount)))
    }

    fn settle_planned(&mut self, slot: u32, now: u64, emitter: &mut impl Emit) {
        let amount = self.transfers.hot(slot).amount;
        if self.exceeds_debits(slot) {
            self.drop_queued(slot, Status::ExceedsDebits, now, emitter);
        } else {
            self.settle_queued(slot, now);
            self.emit_settled(slot, SettledBy::Resolution, emitter);
            self.gridlock.count += 1;
            self.gridlock.amount = self.gridlock.amount.saturating_add(amount);
        }
        match self.gridlock.last_settled {
            NO_INDEX => self.gridlock.first_settled = slot,
            last => self.queues.chain_up(last, slot),
        }
        self.gridlock.last_settled = slot;
    }

    fn is_of(&self, slot: u32, ledger: u32) -> bool {
        self.accounts.ledger(self.transfers.hot(slot).debit_index) == ledger
    }

    fn closed_status(&self, slot: u32) -> Option<Status> {
        let Hot { debit_index, credit_index, .. } = *self.transfers.hot(slot);
        if self.accounts.is_closed(debit_index) {
            Some(Status::DebitAccountAlreadyClosed)
        } else if self.accounts.is_closed(credit_index) {
            Some(Status::CreditAccountAlreadyClosed)
        } else {
            None
        }
    }

    /// Marks the set that settles. `false`: a balance would overflow.
    fn plan(&mut self, ledger: u32) -> bool {
        self.gridlock.first_settled = NO_INDEX;
        self.gridlock.last_settled = NO_INDEX;
        self.gridlock.count = 0;
        self.gridlock.amount = 0;
        self.sketch_all(ledger);
        self.trim(ledger);
        let mut slot = self.queues.oldest();
        while slot != NO_INDEX {
            if self.is_of(slot, ledger) && self.queues.is_kept(slot) && !self.sketch_credit(slot) {
                return false;
            }
            slot = self.queues.newer(slot);
        }
        true
    }

    /// Takes all into the set but payments of closed accounts.
    fn sketch_all(&mut self, ledger: u32) {
        let mut slot = self.queues.oldest();
        while slot != NO_INDEX {
            if self.is_of(slot, ledger) {
                let Hot { debit_index, credit_index, .. } = *self.transfers.hot(slot);
                for account in [debit_index, credit_index] {
                    let balances = self.accounts.balances(account);
                    let mut available = Wide { low: balances.credits_posted, high: 0 };
                    available.subtract(balances.debits_pending + balances.debits_posted);
                    let credits = balances.credits_pending + balances.credits_posted;
                    let last = self.queues.tail(account);
                    *self.gridlock.sketch(account) = Sketch { available, credits, last, ..BLANK };
                }
                let is_kept = self.closed_status(slot).is_none();
                self.queues.keep(slot, is_kept);
            }
            slot = self.queues.newer(slot);
        }
        let mut slot = self.queues.oldest();
        while slot != NO_INDEX {
            if self.is_of(slot, ledger) && self.queues.is_kept(slot) {
                let Hot { debit_index, credit_index, amount, .. } = *self.transfers.hot(slot);
                self.gridlock.sketch(debit_index).available.subtract(amount);
                self.gridlock.sketch(credit_index).available.add(amount);
            }
            slot = self.queues.newer(slot);
        }
    }

    /// Removes last payments from the set until no account would owe more than it has.
    fn trim(&mut self, ledger: u32) {
        let mut first = NO_INDEX;
        let mut slot = self.queues.oldest();
        while slot != NO_INDEX {
            if self.is_of(slot, ledger) {
                let account = self.transfers.hot(slot).debit_index;
                first = self.list_if_poor(account, first);
            }
            slot = self.queues.newer(slot);
        }
        while first != NO_INDEX {
            let account = first;
            first = self.gridlock.sketch(account).next;
            self.gridlock.sketch(account).is_listed = false;
            while self.gridlock.sketch(account).available.is_negative() {
                let last = self.gridlock.sketch(account).last;
                assert!(last != NO_INDEX, "an account owes no more than its queue holds");
                self.gridlock.sketch(account).last = self.queues.before(account, last);
                if self.queues.is_kept(last) {
                    self.queues.keep(last, false);
                    let Hot { credit_index, amount, .. } = *self.transfers.hot(last);
                    self.gridlock.sketch(account).available.add(amount);
                    self.gridlock.sketch(credit_index).available.subtract(amount);
                    let limits = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
                    if self.accounts.flags(credit_index).has(limits) {
                        first = self.list_if_poor(credit_index, first);
                    }
                }
            }
        }
    }

    /// Puts `account` in front of the list if it would owe too much and is not in it; gives the
    /// list's first account.
    fn list_if_poor(&mut self, account: u32, first: u32) -> u32 {
        let sketch = self.gridlock.sketch(account);
        if sketch.is_listed || !sketch.available.is_negative() {
            return first;
        }
        sketch.is_listed = true;
        sketch.next = first;
        account
    }

    /// Adds a payment of the set to its payee's credits, unless it will be dropped. `false`: they
    /// would overflow.
    fn sketch_credit(&mut self, slot: u32) -> bool {
        let Hot { credit_index, amount, .. } = *self.transfers.hot(slot);
        let limits = AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS;
        let is_limited = self.accounts.flags(credit_index).has(limits);
        let most =
            if is_limited { self.accounts.balances(credit_index).debits_posted } else { u128::MAX };
        let sketch = self.gridlock.sketch(credit_index);
        match sketch.credits.checked_add(amount) {
            Some(credits) if credits <= most => sketch.credits = credits,
            // Such a payee pays nothing from a queue, so `most` stays as it is.
            _ if is_limited => {}
            _ => return false,
        }
        true
    }
}
