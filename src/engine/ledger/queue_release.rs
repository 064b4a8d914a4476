//! Queued payments arrive, settle, and leave.
//!
//! ```text
//!   more to spend, or another head ──▶ the account is scheduled
//!   first scheduled account ──▶ head settles alone (release), or against the payee's head (offset),
//!                               or is dropped, or waits: next account
//! ```

use super::create::{check_overflows, cold_record, expiry, hot_record};
use super::*;

/// How the head of a queue can settle.
enum Way {
    /// The account has the money.
    Alone,
    /// The payee's head pays it back, and together they settle.
    With(u32),
    /// It waits.
    Not,
}

impl Ledger {
    /// Schedules `account` for release: it has more to spend, or its queue has another head.
    #[inline(always)]
    pub(crate) fn schedule(&mut self, account: u32) {
        if !self.queues.is_empty() {
            self.queues.schedule(account);
        }
    }

    /// True if [`Ledger::release`] has something to do.
    #[inline(always)]
    pub(crate) fn is_release_due(&self) -> bool {
        self.queues.has_scheduled()
    }

    /// A payment that waits if its account lacks funds. `Err` with [`Status::Queued`]: it waits.
    pub(super) fn pay_or_wait(
        &mut self,
        command: &Command,
        transfer: &Transfer,
        verdict: &Verdict,
        hash: u32,
    ) -> Result<u64, Status> {
        let own = command.header.timestamp;
        let TransferIndices { debit: debit_index, credit: credit_index, .. } = verdict.transfer();
        self.check_open(debit_index, credit_index)?;
        let debit = *self.accounts.balances(debit_index);
        let credit = *self.accounts.balances(credit_index);
        let amount = transfer.amount;
        let (debits, credits) = check_overflows(false, &debit, &credit, amount)?;
        let expires_at = expiry(transfer, own)?;
        if verdict.has(Verdict::CREDITS_LIMITED) && credits > credit.debits_posted {
            return Err(Status::ExceedsDebits);
        }
        let spend_index = self.check_spend(verdict, amount, own)?;
        if !self.transfers.has_room(self.now) {
            return Err(Status::TransfersFull);
        }

        let is_urgent = transfer.flags.has(TransferFlags::URGENT);
        let comes_after = self.queues.has_urgent(debit_index)
            || (!is_urgent && self.queues.head(debit_index) != NO_INDEX);
        let lacks = verdict.has(Verdict::DEBITS_LIMITED) && debits > debit.credits_posted;
        let waits = comes_after || lacks;
        let hot = Hot {
            timestamp: own,
            state: if waits { State::Queued } else { State::Done },
            ..hot_record(transfer, verdict, amount)
        };
        let cold = cold_record(transfer, own, spend_index);
        let slot = self.transfers.insert(hash, hot, cold);
        if spend_index != NO_INDEX {
            self.spends[spend_index as usize].count(amount, own);
        }
        self.last_timestamp = own;
        if !waits {
            self.post(debit_index, credit_index, amount);
            self.transfers.enqueue(slot);
            if amount > 0 {
                self.schedule(credit_index);
            }
            return Ok(own);
        }
        self.queues.join(debit_index, slot, amount, is_urgent);
        if let Some(expires_at) = expires_at {
            self.timers.add(slot, expires_at, self.now);
        }
        if self.queues.head(debit_index) == slot {
            self.schedule(debit_index);
        }
        Err(Status::Queued)
    }

    /// True if the payment `id`, which had joined a queue, has settled by now.
    pub(crate) fn has_settled(&mut self, id: u128) -> bool {
        let slot = self.transfers.find(self.transfers.hash(id), id, self.now);
        slot != NO_INDEX && self.transfers.hot(slot).state == State::Done
    }

    /// Takes a payment out of its queue. If it was the head, its account is scheduled.
    pub(super) fn leave_queue(&mut self, slot: u32) {
        let Hot { debit_index, amount, .. } = *self.transfers.hot(slot);
        let was_head = self.queues.head(debit_index) == slot;
        self.queues.leave(debit_index, slot, amount);
        if was_head {
            self.schedule(debit_index);
        }
    }

    /// As [`Ledger::leave_queue`], with its timer, but does not schedule the account.
    pub(super) fn take_out(&mut self, slot: u32) {
        let record = *self.transfers.hot(slot);
        self.queues.leave(record.debit_index, slot, record.amount);
        if expires_at(&record).is_some() {
            self.timers.remove(slot);
        }
    }

    /// Settles a queued payment, in the course of an event at `now`.
    pub(super) fn settle_queued(&mut self, slot: u32, now: u64) {
        let Hot { debit_index, credit_index, amount, .. } = *self.transfers.hot(slot);
        self.take_out(slot);
        self.post(debit_index, credit_index, amount);
        self.transfers.settle(slot, State::Done, now);
    }

    /// Drops a queued payment, in the course of an event at `now`.
    pub(super) fn drop_queued(
        &mut self,
        slot: u32,
        status: Status,
        now: u64,
        emitter: &mut impl Emit,
    ) {
        let Hot { id, amount, .. } = *self.transfers.hot(slot);
        self.take_out(slot);
        self.give_back(slot, amount, 1);
        self.transfers.settle(slot, State::Dropped, now);
        let event = TransferEvent { id, status: status as u16, ..TransferEvent::default() };
        emitter.emit(EventKind::TransferDropped, EventBody::of_transfer_event(event));
    }

    pub(super) fn emit_settled(&self, slot: u32, by: SettledBy, emitter: &mut impl Emit) {
        let id = self.transfers.hot(slot).id;
        let event = TransferEvent { id, by: by as u8, ..TransferEvent::default() };
        emitter.emit(EventKind::TransferSettled, EventBody::of_transfer_event(event));
    }

    /// Settles what the queues of the scheduled accounts can settle, in the course of an event at
    /// `now`.
    #[cold]
    pub(crate) fn release(&mut self, now: u64, emitter: &mut impl Emit) -> Result<(), Paused> {
        if self.queues.not_emitted != NO_INDEX {
            emitter.make_sure_of_room()?;
            self.emit_settled(self.queues.not_emitted, SettledBy::Offset, emitter);
            self.queues.not_emitted = NO_INDEX;
        }
        loop {
            if self.queues.current == NO_INDEX {
                let Some(account) = self.queues.pop_scheduled() else { break };
                self.queues.current = account;
            }
            let account = self.queues.current;
            loop {
                let head = self.queues.head(account);
                if head == NO_INDEX {
                    break;
                }
                let way = self.way_of(head);
                if matches!(way, Way::Not) {
                    break;
                }
                emitter.make_sure_of_room()?;
                if let Some(status) = self.obstacle(head) {
                    self.drop_queued(head, status, now, emitter);
                    continue;
                }
                let payee = self.transfers.hot(head).credit_index;
                self.settle_queued(head, now);
                match way {
                    Way::With(partner) => {
                        self.settle_queued(partner, now);
                        self.schedule(payee);
                        self.emit_settled(head, SettledBy::Offset, emitter);
                        if !emitter.has_room() {
                            self.queues.not_emitted = partner;
                            return Err(Paused);
                        }
                        self.emit_settled(partner, SettledBy::Offset, emitter);
                    }
                    _ => {
                        self.schedule(payee);
                        self.emit_settled(head, SettledBy::Release, emitter);
                    }
                }
            }
            self.queues.current = NO_INDEX;
        }
        self.check_totals();
        Ok(())
    }

    /// How the head of a queue could settle, as far as money goes.
    fn way_of(&self, head: u32) -> Way {
        let Hot { debit_index, credit_index, amount, .. } = *self.transfers.hot(head);
        let payer = self.accounts.balances(debit_index);
        let debits = payer.debits_pending + payer.debits_posted;
        if debits.checked_add(amount).is_some_and(|debits| debits <= payer.credits_posted) {
            return Way::Alone;
        }
        let partner = self.queues.head(credit_index);
        if partner == NO_INDEX {
            return Way::Not;
        }
        let Hot { credit_index: paid_back, amount: back, .. } = *self.transfers.hot(partner);
        let payee = self.accounts.balances(credit_index);
        // `None`: something would overflow.
        let fits = |account: &Balances, out: u128, into: u128| {
            let debits = (account.debits_pending + account.debits_posted).checked_add(out)?;
            (account.credits_pending + account.credits_posted).checked_add(into)?;
            Some(debits <= account.credits_posted + into)
        };
        let both = paid_back == debit_index
            && fits(payer, amount, back) == Some(true)
            && fits(payee, back, amount) == Some(true);
        if both { Way::With(partner) } else { Way::Not }
    }

    /// Reason for which a payment is dropped although the money is there.
    fn obstacle(&self, slot: u32) -> Option<Status> {
        let Hot { debit_index, credit_index, amount, .. } = *self.transfers.hot(slot);
        if self.accounts.is_closed(debit_index) {
            return Some(Status::DebitAccountAlreadyClosed);
        }
        if self.accounts.is_closed(credit_index) {
            return Some(Status::CreditAccountAlreadyClosed);
        }
        let payee = self.accounts.balances(credit_index);
        // In an offset nothing overflows together, and so nothing alone.
        if payee.credits_posted.checked_add(amount).is_none() {
            return Some(Status::OverflowsCreditsPosted);
        }
        let credits = (payee.credits_pending + payee.credits_posted).checked_add(amount);
        match credits {
            None => Some(Status::OverflowsCredits),
            Some(_) => self.exceeds_debits(slot).then_some(Status::ExceedsDebits),
        }
    }

    /// True if the payee's credits would exceed its debits, which they must not.
    pub(super) fn exceeds_debits(&self, slot: u32) -> bool {
        let Hot { credit_index, amount, .. } = *self.transfers.hot(slot);
        let limits = AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS;
        let payee = self.accounts.balances(credit_index);
        self.accounts.flags(credit_index).has(limits)
            && (payee.credits_pending + payee.credits_posted)
                .checked_add(amount)
                .is_none_or(|credits| credits > payee.debits_posted)
    }

    /// Slot of the queued payment `id`.
    fn find_queued(&mut self, id: u128) -> Result<u32, Status> {
        let slot = self.transfers.find(self.transfers.hash(id), id, self.now);
        if slot == NO_INDEX || self.transfers.hot(slot).state == State::Spent {
            return Err(Status::TransferNotFound);
        }
        if self.transfers.hot(slot).state != State::Queued {
            return Err(Status::TransferNotQueued);
        }
        Ok(slot)
    }

    /// Cancels the queued payment `id`.
    pub(crate) fn cancel_queued(&mut self, id: u128) -> Status {
        let slot = match self.find_queued(id) {
            Ok(slot) => slot,
            Err(status) => return status,
        };
        let record = *self.transfers.hot(slot);
        self.leave_queue(slot);
        if expires_at(&record).is_some() {
            self.timers.remove(slot);
        }
        self.give_back(slot, record.amount, 1);
        self.transfers.settle(slot, State::Cancelled, self.now);
        Status::Ok
    }

    /// Moves the queued payment `id` to the end of the urgent ones or of the others.
    pub(crate) fn requeue(&mut self, id: u128, is_urgent: bool) -> Status {
        let slot = match self.find_queued(id) {
            Ok(slot) => slot,
            Err(status) => return status,
        };
        let Hot { debit_index, amount, .. } = *self.transfers.hot(slot);
        let head = self.queues.head(debit_index);
        self.queues.leave(debit_index, slot, amount);
        self.queues.join(debit_index, slot, amount, is_urgent);
        if self.queues.head(debit_index) != head {
            self.schedule(debit_index);
        }
        Status::Ok
    }

    /// The queue of an account, as a look-up shows it.
    pub(crate) fn show_queue(&self, account: u32) -> QueueBody {
        let (count, amount) = self.queues.sum(account);
        let head_id = match self.queues.head(account) {
            NO_INDEX => 0,
            head => self.transfers.hot(head).id,
        };
        QueueBody { amount, head_id, count, ..QueueBody::default() }
    }

    /// Checks that the queues are well formed and at rest, in builds with assertions.
    ///
    /// # Panics
    ///
    /// If they are not: a bug in this room.
    pub(super) fn check_queues(&self) {
        assert!(!self.queues.has_scheduled() && self.queues.current == NO_INDEX, "queues rest");
        let mut waiting = 0;
        for account in 0..self.queues.accounts() {
            let (mut count, mut sum) = (0, 0_u128);
            let mut slot = self.queues.head(account);
            while slot != NO_INDEX {
                let record = self.transfers.hot(slot);
                assert_eq!(record.state, State::Queued, "what stands in a queue is queued");
                assert_eq!(record.debit_index, account, "each stands in its own queue");
                count += 1;
                sum = sum.saturating_add(record.amount);
                slot = self.queues.after(account, slot);
            }
            assert_eq!(self.queues.sum(account), (count, sum), "the sum of a queue");
            waiting += count;
            let head = self.queues.head(account);
            if head != NO_INDEX && !matches!(self.way_of(head), Way::Not) {
                panic!("the head of account {account}'s queue could settle");
            }
        }
        let arrivals = self.queues.in_order_of_arrival().count() as u64;
        assert_eq!(arrivals, waiting, "what waits has arrived");
        let held = self.transfers.held(self.now);
        let queued = held.filter(|&slot| self.transfers.hot(slot).state == State::Queued).count();
        assert_eq!(queued as u64, waiting, "what is queued stands in a queue");
    }
}
