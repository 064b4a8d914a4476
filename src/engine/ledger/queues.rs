//! Payments that wait for funds: the queue of each account, and the accounts whose queue is to be
//! looked at.
//!
//! ```text
//!   account ──▶ urgent   [ slot ⇄ slot ]              the account's queue: urgent ones first,
//!           └─▶ others   [ slot ⇄ slot ⇄ slot ]       in order of arrival within each kind
//!   all     ──▶ arrivals  [ slot ⇄ slot ⇄ slot ⇄ … ]  oldest first
//!   all     ──▶ scheduled [ account → account ]       to be looked at by release, each at most once
//! ```
//!
//! # Invariants
//!
//! * A slot is in its account's queue and among the arrivals exactly if its transfer is queued.
//! * Joining, leaving and changing the kind are O(1): they touch neighbours alone.
//! * Only accounts whose debits must not exceed their credits have a queue.

use zerocopy::FromZeros;

use crate::table::{Array, EngineError, Growth, NO_INDEX, growth};

/// The queue of one account.
#[derive(Debug, Clone, Copy)]
struct Queue {
    /// Low 128 bits of the sum of its payments, in minor units.
    amount: u128,
    /// The rest of it: there are fewer payments than 2^32.
    amount_high: u32,
    count: u32,
    /// First slots by kind: urgent ones, others.
    first: [u32; 2],
    last: [u32; 2],
    /// The next scheduled account, if this one is scheduled.
    next_scheduled: u32,
    is_scheduled: bool,
}

const EMPTY: Queue = Queue {
    amount: 0,
    amount_high: 0,
    count: 0,
    first: [NO_INDEX; 2],
    last: [NO_INDEX; 2],
    next_scheduled: NO_INDEX,
    is_scheduled: false,
};

/// Where a queued payment stands. Of a slot that is in no queue it means nothing.
#[derive(Debug, Clone, Copy, FromZeros)]
struct Links {
    before: u32,
    after: u32,
    older: u32,
    newer: u32,
}

const ALONE: Links = Links { before: NO_INDEX, after: NO_INDEX, older: NO_INDEX, newer: NO_INDEX };

/// What is known of a slot besides: is it in a queue, and in which.
const HELD: u8 = 1 << 0;
const URGENT: u8 = 1 << 1;
/// The plan of a `resolve_queues` settles it.
const KEPT: u8 = 1 << 2;

#[derive(Debug)]
pub(super) struct Queues {
    queues: Array<Queue>,
    links: Array<Links>,
    marks: Array<u8>,
    oldest: u32,
    newest: u32,
    count: u32,
    first_scheduled: u32,
    last_scheduled: u32,
    /// The account whose queue is being looked at.
    pub(super) current: u32,
    /// The second payment of an offset that has settled, while its event is not emitted.
    pub(super) not_emitted: u32,
}

const WHAT: &str = "queued payments";

impl Queues {
    pub(super) fn new(accounts: usize, transfers: usize) -> Result<Queues, EngineError> {
        Ok(Queues {
            queues: Array::new(WHAT, accounts, EMPTY)?,
            links: Array::zeroed(WHAT, transfers)?,
            marks: Array::zeroed(WHAT, transfers)?,
            oldest: NO_INDEX,
            newest: NO_INDEX,
            count: 0,
            first_scheduled: NO_INDEX,
            last_scheduled: NO_INDEX,
            current: NO_INDEX,
            not_emitted: NO_INDEX,
        })
    }

    pub(super) fn grow(&mut self, accounts: usize, transfers: usize) -> Result<(), EngineError> {
        self.queues.grow(accounts)?;
        self.links.grow(transfers)?;
        self.marks.grow(transfers)
    }

    /// Adds what grows with the capacities.
    pub(super) fn add_to(&self, growth: &mut Growth) {
        growth.add(&self.queues, growth::accounts);
        growth.add(&self.links, growth::transfers);
        growth.add(&self.marks, growth::transfers);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.queues.bytes() + self.links.bytes() + self.marks.bytes()
    }

    /// True if nothing waits.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// True if the queue of some account is to be looked at.
    #[inline(always)]
    pub(super) fn has_scheduled(&self) -> bool {
        self.first_scheduled != NO_INDEX
    }

    /// The payment of `account` that settles next, or [`NO_INDEX`].
    pub(super) fn head(&self, account: u32) -> u32 {
        let [urgent, other] = self.queues[account as usize].first;
        if urgent == NO_INDEX { other } else { urgent }
    }

    /// The payment of `account` that settles last, or [`NO_INDEX`].
    pub(super) fn tail(&self, account: u32) -> u32 {
        let [urgent, other] = self.queues[account as usize].last;
        if other == NO_INDEX { urgent } else { other }
    }

    /// The payment before `slot` in the queue of `account`, or [`NO_INDEX`].
    pub(super) fn before(&self, account: u32, slot: u32) -> u32 {
        let before = self.links[slot as usize].before;
        if before == NO_INDEX && !self.is_urgent(slot) {
            return self.queues[account as usize].last[0];
        }
        before
    }

    /// The payment after `slot` in the queue of `account`, or [`NO_INDEX`].
    pub(super) fn after(&self, account: u32, slot: u32) -> u32 {
        let after = self.links[slot as usize].after;
        if after == NO_INDEX && self.is_urgent(slot) {
            return self.queues[account as usize].first[1];
        }
        after
    }

    pub(super) fn has_urgent(&self, account: u32) -> bool {
        self.queues[account as usize].first[0] != NO_INDEX
    }

    pub(super) fn is_urgent(&self, slot: u32) -> bool {
        self.marks[slot as usize] & URGENT != 0
    }

    /// True if the transfer in `slot` waits.
    pub(super) fn holds(&self, slot: u32) -> bool {
        self.marks[slot as usize] & HELD != 0
    }

    pub(super) fn is_kept(&self, slot: u32) -> bool {
        self.marks[slot as usize] & KEPT != 0
    }

    /// True if the plan of a `resolve_queues` settles `slot`.
    pub(super) fn keep(&mut self, slot: u32, is_kept: bool) {
        let mark = &mut self.marks[slot as usize];
        *mark = if is_kept { *mark | KEPT } else { *mark & !KEPT };
    }

    /// How many payments wait in the queue of `account`, and their sum, which stops at 2^128 − 1.
    pub(super) fn sum(&self, account: u32) -> (u64, u128) {
        let queue = &self.queues[account as usize];
        let amount = if queue.amount_high == 0 { queue.amount } else { u128::MAX };
        (queue.count.into(), amount)
    }

    pub(super) fn oldest(&self) -> u32 {
        self.oldest
    }

    pub(super) fn newer(&self, slot: u32) -> u32 {
        self.links[slot as usize].newer
    }

    /// Slots of all that waits, oldest first.
    pub(super) fn in_order_of_arrival(&self) -> impl Iterator<Item = u32> {
        let at = |slot: u32| (slot != NO_INDEX).then_some(slot);
        core::iter::successors(at(self.oldest), move |&slot| at(self.newer(slot)))
    }

    /// Puts the payment in `slot` at the end of its kind.
    pub(super) fn join(&mut self, account: u32, slot: u32, amount: u128, is_urgent: bool) {
        let queue = &mut self.queues[account as usize];
        let kind = usize::from(!is_urgent);
        let before = queue.last[kind];
        self.links[slot as usize] =
            Links { before, after: NO_INDEX, older: self.newest, newer: NO_INDEX };
        match before {
            NO_INDEX => queue.first[kind] = slot,
            before => self.links[before as usize].after = slot,
        }
        queue.last[kind] = slot;
        match self.newest {
            NO_INDEX => self.oldest = slot,
            newest => self.links[newest as usize].newer = slot,
        }
        self.newest = slot;
        let (sum, carries) = queue.amount.overflowing_add(amount);
        queue.amount = sum;
        queue.amount_high += u32::from(carries);
        queue.count += 1;
        self.count += 1;
        self.marks[slot as usize] = if is_urgent { HELD | URGENT } else { HELD };
    }

    /// Takes the payment in `slot` out of the queue of `account`.
    pub(super) fn leave(&mut self, account: u32, slot: u32, amount: u128) {
        let Links { before, after, older, newer } = self.links[slot as usize];
        let kind = usize::from(!self.is_urgent(slot));
        let queue = &mut self.queues[account as usize];
        match before {
            NO_INDEX => queue.first[kind] = after,
            before => self.links[before as usize].after = after,
        }
        match after {
            NO_INDEX => queue.last[kind] = before,
            after => self.links[after as usize].before = before,
        }
        match older {
            NO_INDEX => self.oldest = newer,
            older => self.links[older as usize].newer = newer,
        }
        match newer {
            NO_INDEX => self.newest = older,
            newer => self.links[newer as usize].older = older,
        }
        let (rest, borrows) = queue.amount.overflowing_sub(amount);
        queue.amount = rest;
        queue.amount_high -= u32::from(borrows);
        queue.count -= 1;
        self.count -= 1;
        self.marks[slot as usize] = 0;
        self.links[slot as usize] = ALONE;
    }

    /// Makes `slot`, which waits no longer, follow `last` in a list that [`Queues::newer`] walks.
    pub(super) fn chain_up(&mut self, last: u32, slot: u32) {
        self.links[last as usize].newer = slot;
    }

    /// Schedules `account` behind all others, if it has queued payments, is not scheduled yet and
    /// is not the one that is being looked at.
    #[cold]
    pub(super) fn schedule(&mut self, account: u32) {
        let is_empty = self.head(account) == NO_INDEX;
        let queue = &mut self.queues[account as usize];
        if is_empty || queue.is_scheduled || account == self.current {
            return;
        }
        queue.is_scheduled = true;
        queue.next_scheduled = NO_INDEX;
        match self.last_scheduled {
            NO_INDEX => self.first_scheduled = account,
            last => self.queues[last as usize].next_scheduled = account,
        }
        self.last_scheduled = account;
    }

    /// Takes out the account that was scheduled first.
    pub(super) fn pop_scheduled(&mut self) -> Option<u32> {
        let account = self.first_scheduled;
        if account == NO_INDEX {
            return None;
        }
        let queue = &mut self.queues[account as usize];
        queue.is_scheduled = false;
        self.first_scheduled = queue.next_scheduled;
        if self.first_scheduled == NO_INDEX {
            self.last_scheduled = NO_INDEX;
        }
        Some(account)
    }

    /// Takes out all scheduled accounts: the changes that scheduled them were undone.
    pub(super) fn clear_schedule(&mut self) {
        while self.pop_scheduled().is_some() {}
    }

    /// Accounts with a queue of their own: how many there can be.
    pub(super) fn accounts(&self) -> u32 {
        self.queues.len() as u32
    }
}
