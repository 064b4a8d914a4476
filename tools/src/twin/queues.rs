//! Payments that wait for funds: how they arrive, settle, offset each other, and leave.
//!
//! Written after the semantics' own words; the line of stirred accounts is the one they speak of.

use std::collections::{BTreeMap, BTreeSet};

use ringfence::types::{
    Account, AccountFlags, Event, EventBody, EventKind, QueueBody, QueueStatus, SettledBy, Status,
    Transfer, TransferEvent,
};

use super::moves::Wide;
use super::state::{Executed, Known};
use super::transfers::URGENT;
use super::{Twin, ensure};

impl Twin {
    /// Notes something that happened in the course of the command under way.
    pub(super) fn tell(&mut self, kind: EventKind, body: EventBody) {
        let number = if kind.is_numbered() {
            self.event_count += 1;
            self.event_count
        } else {
            0
        };
        self.events.push(Event {
            sequence: self.course.sequence,
            timestamp: self.course.timestamp,
            number,
            session: self.course.session,
            kind: kind as u8,
            lead: self.course.lead,
            body,
            ..Event::default()
        });
    }

    fn tell_of_transfer(&mut self, kind: EventKind, body: TransferEvent) {
        self.tell(kind, EventBody::of_transfer_event(body));
    }

    pub(super) fn tell_of_expiry(&mut self, id: u128) {
        let body = TransferEvent { id, ..TransferEvent::default() };
        self.tell_of_transfer(EventKind::TransferExpired, body);
    }

    /// An account waits in line, if it does not already.
    fn stir(&mut self, account_id: u128) {
        if !self.line.contains(&account_id) {
            self.line.push_back(account_id);
        }
    }

    /// Stirs those of the accounts that have more left now than they had.
    pub(super) fn stir_grown(&mut self, before: &[Account]) {
        for before in before {
            let after = self.state.account(before.id).expect("accounts stay");
            let mut more = Wide::default();
            more.add(after.credits_posted);
            more.add(before.debits_posted);
            more.add(before.debits_pending);
            let mut less = Wide::default();
            less.add(before.credits_posted);
            less.add(after.debits_posted);
            less.add(after.debits_pending);
            if more > less {
                self.stir(before.id);
            }
        }
    }

    /// Does something to the queue of an account, which is stirred if that changes its head.
    fn change_queue(&mut self, account_id: u128, change: impl FnOnce(&mut Twin)) {
        let head = |twin: &Twin| twin.settlement.head(account_id).map(|payment| payment.id);
        let before = head(self);
        change(self);
        if head(self) != before {
            self.stir(account_id);
        }
    }

    /// A payment that passed all other checks settles at once or waits. Says which.
    pub(super) fn arrive(&mut self, payment: &Transfer) -> QueueStatus {
        let account_id = payment.debit_account_id;
        let is_urgent = payment.flags.has(URGENT);
        if !self.settlement.bars(account_id, is_urgent) && self.has_funds(payment) {
            return QueueStatus::Settled;
        }
        self.change_queue(account_id, |twin| twin.settlement.enqueue(payment, is_urgent));
        QueueStatus::Queued
    }

    /// Whether the payment passes `exceeds_credits` now.
    fn has_funds(&self, payment: &Transfer) -> bool {
        self.has_funds_with(payment, 0)
    }

    /// As `has_funds`, with `more` coming in at the same time.
    fn has_funds_with(&self, payment: &Transfer, more: u128) -> bool {
        let debit = self.account(payment.debit_account_id);
        if !debit.flags.has(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS) {
            return true;
        }
        let mut debits = Wide::default();
        debits.add(debit.debits_pending);
        debits.add(debit.debits_posted);
        debits.add(payment.amount);
        let mut credits = Wide::default();
        credits.add(debit.credits_posted);
        credits.add(more);
        debits <= credits
    }

    pub(super) fn account(&self, id: u128) -> Account {
        *self.state.account(id).expect("accounts of transfers and orders stay")
    }

    fn closed_status(&self, payment: &Transfer) -> Option<Status> {
        let is_closed = |id| self.account(id).flags.has(AccountFlags::CLOSED);
        if is_closed(payment.debit_account_id) {
            Some(Status::DebitAccountAlreadyClosed)
        } else if is_closed(payment.credit_account_id) {
            Some(Status::CreditAccountAlreadyClosed)
        } else {
            None
        }
    }

    fn overflow_status(&self, payment: &Transfer) -> Option<Status> {
        let debit = self.account(payment.debit_account_id);
        let credit = self.account(payment.credit_account_id);
        let overflows = |balance: u128| balance.checked_add(payment.amount).is_none();
        let checks = [
            (debit.debits_posted, Status::OverflowsDebitsPosted),
            (credit.credits_posted, Status::OverflowsCreditsPosted),
            (debit.debits_posted + debit.debits_pending, Status::OverflowsDebits),
            (credit.credits_posted + credit.credits_pending, Status::OverflowsCredits),
        ];
        checks.into_iter().find(|(balance, _)| overflows(*balance)).map(|(_, status)| status)
    }

    fn exceeds_debits(&self, payment: &Transfer) -> bool {
        let credit = self.account(payment.credit_account_id);
        let mut credits = Wide::default();
        credits.add(credit.credits_pending);
        credits.add(credit.credits_posted);
        credits.add(payment.amount);
        let mut debits = Wide::default();
        debits.add(credit.debits_posted);
        credit.flags.has(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS) && credits > debits
    }

    /// The queues settle what can be settled: the line of stirred accounts, to its end.
    pub(super) fn settle_queues(&mut self) {
        while let Some(account_id) = self.line.pop_front() {
            while let Some(head) = self.settlement.head(account_id).copied() {
                if !self.settle_head(&head) {
                    break;
                }
            }
        }
    }

    /// Settles or drops the head of a queue; `false` if it has to go on waiting.
    fn settle_head(&mut self, head: &Transfer) -> bool {
        let exceeds = self.exceeds_debits(head).then_some(Status::ExceedsDebits);
        if self.has_funds(head) {
            let overflow = self.overflow_status(head);
            if let Some(status) = self.closed_status(head).or(overflow).or(exceeds) {
                self.drop_queued(head, status);
            } else {
                self.pay_queued(head, SettledBy::Release);
                self.stir(head.credit_account_id);
            }
            return true;
        }
        let Some(back) = self.settlement.head(head.credit_account_id).copied() else {
            return false;
        };
        if back.credit_account_id != head.debit_account_id
            || !self.has_funds_with(head, back.amount)
            || !self.has_funds_with(&back, head.amount)
            || self.balances_after(&[*head, back]).is_none()
        {
            return false;
        }
        if let Some(status) = self.closed_status(head).or(exceeds) {
            self.drop_queued(head, status);
        } else {
            self.pay_queued(head, SettledBy::Offset);
            self.pay_queued(&back, SettledBy::Offset);
            self.stir(head.credit_account_id);
        }
        true
    }

    /// The posted balances of all accounts concerned if all these payments were made at once, or
    /// `None` where one would overflow.
    fn balances_after(&self, payments: &[Transfer]) -> Option<BTreeMap<u128, Account>> {
        let mut accounts: BTreeMap<u128, Account> = BTreeMap::new();
        for payment in payments {
            for (id, is_debit) in
                [(payment.debit_account_id, true), (payment.credit_account_id, false)]
            {
                let account = accounts.entry(id).or_insert_with(|| self.account(id));
                let (posted, pending) = if is_debit {
                    (&mut account.debits_posted, account.debits_pending)
                } else {
                    (&mut account.credits_posted, account.credits_pending)
                };
                *posted = posted.checked_add(payment.amount)?;
                posted.checked_add(pending)?;
            }
        }
        Some(accounts)
    }

    /// Moves the money of a queued payment. What it stirs is the caller's to say.
    fn pay_queued(&mut self, payment: &Transfer, by: SettledBy) {
        self.state.change_account(payment.debit_account_id, |debit| {
            debit.debits_posted += payment.amount;
        });
        self.state.change_account(payment.credit_account_id, |credit| {
            credit.credits_posted += payment.amount;
        });
        self.leave_queue(payment, QueueStatus::Settled);
        let body = TransferEvent { id: payment.id, by: by as u8, ..TransferEvent::default() };
        self.tell_of_transfer(EventKind::TransferSettled, body);
    }

    fn drop_queued(&mut self, payment: &Transfer, status: Status) {
        self.leave_queue(payment, QueueStatus::Dropped);
        let status = status as u16;
        let body = TransferEvent { id: payment.id, status, ..TransferEvent::default() };
        self.tell_of_transfer(EventKind::TransferDropped, body);
    }

    /// A payment leaves its queue; where it did not settle, its spend window gets it back.
    fn leave_queue(&mut self, payment: &Transfer, status: QueueStatus) {
        self.settlement.dequeue(payment);
        let executed = *self.state.executed(payment.id).expect("queued payments are remembered");
        if status != QueueStatus::Settled {
            self.give_back(&executed, payment.amount, 1);
        }
        let left = Executed { queue: Some(status), since: self.course.timestamp, ..executed };
        self.state.set_known(payment.id, Some(Known::Executed(left)));
    }

    /// The time of a queued payment is over.
    pub(super) fn expire_queued(&mut self, executed: &Executed, now: u64) {
        let payment = executed.transfer;
        self.change_queue(payment.debit_account_id, |twin| {
            twin.leave_queue(&payment, QueueStatus::Expired);
        });
        // It expired before the event that follows, whatever else that brings about.
        let expired = *self.state.executed(payment.id).expect("it was just there");
        let known = Known::Executed(Executed { since: now, ..expired });
        self.state.set_known(payment.id, Some(known));
    }

    fn queued(&self, id: u128) -> Result<Transfer, Status> {
        let executed = self.state.executed(id).ok_or(Status::TransferNotFound)?;
        ensure(executed.is_queued(), Status::TransferNotQueued)?;
        Ok(executed.transfer)
    }

    /// Answers `cancel_queued_transfer`.
    pub(super) fn cancel_queued(&mut self, id: u128) -> Result<(), Status> {
        let payment = self.queued(id)?;
        self.change_queue(payment.debit_account_id, |twin| {
            twin.leave_queue(&payment, QueueStatus::Cancelled);
        });
        Ok(())
    }

    /// Answers `requeue_transfer`.
    pub(super) fn requeue(&mut self, id: u128, is_urgent: bool) -> Result<(), Status> {
        let payment = self.queued(id)?;
        self.change_queue(payment.debit_account_id, |twin| {
            twin.settlement.enqueue(&payment, is_urgent);
        });
        Ok(())
    }

    /// What `lookup_queue` shows.
    pub(super) fn show_queue(&self, account_id: u128) -> QueueBody {
        let amount = self.settlement.queue(account_id).map(|payment| payment.amount);
        QueueBody {
            amount: amount.fold(0, u128::saturating_add),
            head_id: self.settlement.head(account_id).map_or(0, |payment| payment.id),
            count: self.settlement.queue(account_id).count() as u64,
            ..QueueBody::default()
        }
    }

    /// Answers `resolve_queues`: how many payments settled, and their sum.
    pub(super) fn resolve_queues(&mut self, ledger: u32) -> Result<(u64, u128), Status> {
        ensure(ledger != 0, Status::LedgerMustNotBeZero)?;
        let waiting = self.settlement.waiting(ledger);
        let closed: Vec<(Transfer, Status)> = waiting
            .iter()
            .filter_map(|payment| Some((*payment, self.closed_status(payment)?)))
            .collect();
        let set = self.largest_set(&closed, &waiting);
        let chosen: Vec<&Transfer> =
            waiting.iter().filter(|payment| set.contains(&payment.id)).collect();

        // Those to whom nobody may pay so much are dropped in their turn, which moves nothing.
        let mut paid: Vec<Transfer> = Vec::new();
        let mut exceeding = BTreeSet::new();
        for payment in &chosen {
            let after = self.credits_after(&paid, payment);
            let credit = self.account(payment.credit_account_id);
            let limit = credit.flags.has(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS);
            // Such an account owes nothing in a queue, so its debits stay as they are.
            let mut debits = Wide::default();
            debits.add(credit.debits_posted);
            if limit && after > debits {
                exceeding.insert(payment.id);
            } else {
                paid.push(**payment);
            }
        }
        if self.balances_after(&paid).is_none() {
            return Err(Status::OverflowsBalances);
        }

        for (payment, status) in closed {
            self.change_queue(payment.debit_account_id, |twin| twin.drop_queued(&payment, status));
        }
        for payment in &chosen {
            if exceeding.contains(&payment.id) {
                self.drop_queued(payment, Status::ExceedsDebits);
            } else {
                self.pay_queued(payment, SettledBy::Resolution);
            }
        }
        for payment in &chosen {
            self.stir(payment.debit_account_id);
            self.stir(payment.credit_account_id);
        }
        let amount = paid.iter().map(|payment| payment.amount).fold(0, u128::saturating_add);
        Ok((paid.len() as u64, amount))
    }

    /// Pending and posted credits of the payee of `payment` after it and those of `paid`.
    fn credits_after(&self, paid: &[Transfer], payment: &Transfer) -> Wide {
        let credit = self.account(payment.credit_account_id);
        let mut credits = Wide::default();
        credits.add(credit.credits_pending);
        credits.add(credit.credits_posted);
        credits.add(payment.amount);
        for other in paid.iter().filter(|other| other.credit_account_id == credit.id) {
            credits.add(other.amount);
        }
        credits
    }

    /// The largest set of payments that can settle at once, each queue kept in order: all but the
    /// `closed` ones, less the last payment of an account that could not pay them all, again and again.
    fn largest_set(&self, closed: &[(Transfer, Status)], waiting: &[Transfer]) -> BTreeSet<u128> {
        let closed: BTreeSet<u128> = closed.iter().map(|(payment, _)| payment.id).collect();
        let mut set: BTreeSet<u128> = waiting.iter().map(|payment| payment.id).collect();
        set.retain(|id| !closed.contains(id));
        let payers: BTreeSet<u128> =
            waiting.iter().map(|payment| payment.debit_account_id).collect();
        loop {
            let mut left: BTreeMap<u128, (Wide, Wide)> = BTreeMap::new();
            for &id in &payers {
                let account = self.account(id);
                let (mut had, mut owed) = (Wide::default(), Wide::default());
                had.add(account.credits_posted);
                owed.add(account.debits_posted);
                owed.add(account.debits_pending);
                left.insert(id, (had, owed));
            }
            for payment in waiting.iter().filter(|payment| set.contains(&payment.id)) {
                left.get_mut(&payment.debit_account_id).expect("it pays").1.add(payment.amount);
                if let Some((had, _)) = left.get_mut(&payment.credit_account_id) {
                    had.add(payment.amount);
                }
            }
            let short = left.into_iter().find(|(id, (had, owed))| {
                let limited = AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS;
                self.account(*id).flags.has(limited) && owed > had
            });
            let Some((short, _)) = short else { return set };
            let last = self.settlement.queue(short).rev().find(|payment| set.contains(&payment.id));
            set.remove(&last.expect("with no payment of its own it is not short").id);
        }
    }

    /// Between commands no head could settle alone, and no two heads against each other.
    pub(super) fn assert_queues_at_rest(&self) {
        assert!(self.line.is_empty());
        for account_id in self.settlement.owing() {
            let head = self.settlement.head(account_id).expect("it owes something");
            assert!(!self.has_funds(head), "this could settle alone: {head:?}");
            let Some(back) = self.settlement.head(head.credit_account_id) else { continue };
            let offsets = back.credit_account_id == account_id
                && self.has_funds_with(head, back.amount)
                && self.has_funds_with(back, head.amount);
            assert!(
                !offsets || self.balances_after(&[*head, *back]).is_none(),
                "these could settle against each other: {head:?} {back:?}"
            );
        }
    }
}
