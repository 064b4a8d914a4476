//! Single-phase and pending transfers, and what all transfers have in common.

use super::*;

/// The answer to a transfer: its status, and the timestamp of its outcome.
pub(crate) type Answer = (Status, u64);

impl Ledger {
    /// Prefetches the table slot of a transfer's id and returns its hash.
    #[inline(always)]
    pub(crate) fn prefetch_slot(&self, id: u128) -> u32 {
        self.transfers.prefetch_slot(id)
    }

    /// Prefetches the records and balances that the transfer with this hash will touch.
    #[inline(always)]
    pub(crate) fn prefetch_records(&self, hash: u32, pending_id: u128, verdict: &Verdict) {
        self.transfers.prefetch_record(hash);
        if pending_id != 0 {
            self.transfers.prefetch_record(self.transfers.hash(pending_id));
        } else {
            let TransferIndices { debit, credit, .. } = verdict.transfer();
            self.accounts.prefetch(debit);
            self.accounts.prefetch(credit);
        }
    }

    /// Executes or refuses a transfer. `hash` is that of its id. Inside a chain it notes how to
    /// undo it. If the refusal spends the id, the caller calls [`Ledger::spend_id`].
    #[inline]
    pub(crate) fn create_transfer(
        &mut self,
        command: &Command,
        verdict: &Verdict,
        hash: u32,
        in_chain: bool,
    ) -> Answer {
        let transfer = command.body.transfer();
        let own = command.header.timestamp;
        if verdict.has(Verdict::BEFORE_ID) {
            return (verdict.refusal().expect("it is one"), own);
        }
        let slot = self.transfers.find(hash, transfer.id, self.now);
        if slot != NO_INDEX {
            return self.repeat(transfer, slot, own);
        }
        let posts_or_voids =
            TransferFlags::POST_PENDING_TRANSFER.with(TransferFlags::VOID_PENDING_TRANSFER);
        // The order of imported transfers keeps them from being executed twice.
        if let Err(status) = self.check_id_time(transfer.id, own)
            && !transfer.flags.has(TransferFlags::IMPORTED)
        {
            return (status, own);
        }
        let result = match verdict.refusal() {
            Some(status) => Err(status),
            None if transfer.flags.has(posts_or_voids.with(TransferFlags::QUEUE)) => {
                if transfer.flags.has(TransferFlags::QUEUE) {
                    self.pay_or_wait(command, transfer, verdict, hash)
                } else {
                    self.post_or_void(command, transfer, hash, in_chain)
                }
            }
            None => self.pay(command, transfer, verdict, hash, in_chain),
        };
        match result {
            Ok(timestamp) => {
                self.check_totals();
                (Status::Created, timestamp)
            }
            // A refusal that spends the id has to be remembered too.
            Err(status) if status.spends_id() && !self.transfers.has_room(self.now) => {
                (Status::TransfersFull, own)
            }
            Err(status) => (status, own),
        }
    }

    /// Remembers that a refusal has spent the id of `command`.
    pub(crate) fn spend_id(&mut self, command: &Command, hash: u32) {
        let hot = Hot { id: command.body.transfer().id, state: State::Spent, ..Hot::VACANT };
        let cold = Cold { settled_at: command.header.timestamp, ..Cold::VACANT };
        assert!(self.transfers.has_room(self.now), "a refusal checked that its id fits");
        let slot = self.transfers.insert(hash, hot, cold);
        self.transfers.enqueue(slot);
    }

    /// Checks that an imported transfer is later than all transfers before it.
    pub(super) fn check_order(&self, transfer: &Transfer) -> Result<(), Status> {
        let regresses = transfer.flags.has(TransferFlags::IMPORTED)
            && (transfer.timestamp <= self.last_timestamp
                || self.accounts.has_timestamp(transfer.timestamp));
        if regresses { Err(Status::ImportedEventTimestampMustNotRegress) } else { Ok(()) }
    }

    fn check_imported(&self, transfer: &Transfer, verdict: &Verdict) -> Result<(), Status> {
        self.check_order(transfer)?;
        if transfer.timestamp <= self.accounts.timestamp(verdict.transfer().debit) {
            return Err(Status::ImportedEventTimestampMustPostdateDebitAccount);
        }
        if transfer.timestamp <= self.accounts.timestamp(verdict.transfer().credit) {
            return Err(Status::ImportedEventTimestampMustPostdateCreditAccount);
        }
        if transfer.timeout != 0 {
            return Err(Status::ImportedEventTimeoutMustBeZero);
        }
        Ok(())
    }

    /// Moves or reserves money. Returns the transfer's timestamp.
    #[inline(always)]
    fn pay(
        &mut self,
        command: &Command,
        transfer: &Transfer,
        verdict: &Verdict,
        hash: u32,
        in_chain: bool,
    ) -> Result<u64, Status> {
        let flags = transfer.flags;
        let own = command.header.timestamp;
        let TransferIndices { debit: debit_index, credit: credit_index, .. } = verdict.transfer();
        let is_imported = flags.has(TransferFlags::IMPORTED);
        if is_imported {
            self.check_imported(transfer, verdict)?;
        }
        self.check_open(debit_index, credit_index)?;
        let debit = *self.accounts.balances(debit_index);
        let credit = *self.accounts.balances(credit_index);
        let amount = balanced(transfer, &debit, &credit);
        let is_pending = flags.has(TransferFlags::PENDING);
        let (debits, credits) = check_overflows(is_pending, &debit, &credit, amount)?;
        let expires_at = expiry(transfer, own)?;
        if verdict.has(Verdict::DEBITS_LIMITED) && debits > debit.credits_posted {
            return Err(Status::ExceedsCredits);
        }
        if verdict.has(Verdict::CREDITS_LIMITED) && credits > credit.debits_posted {
            return Err(Status::ExceedsDebits);
        }
        let spend_index = self.check_spend(verdict, amount, own)?;
        if !self.transfers.has_room(self.now) {
            return Err(Status::TransfersFull);
        }

        let timestamp = if is_imported { transfer.timestamp } else { own };
        let hot = Hot {
            timestamp,
            state: if is_pending { State::Pending } else { State::Done },
            ..hot_record(transfer, verdict, amount)
        };
        let cold = cold_record(transfer, own, spend_index);
        let slot = self.transfers.insert(hash, hot, cold);
        if in_chain {
            self.note(slot, NO_INDEX, spend_index);
        }
        if is_pending {
            self.change(debit_index, |balances| balances.debits_pending += amount);
            self.change(credit_index, |balances| balances.credits_pending += amount);
            if let Some(expires_at) = expires_at {
                self.timers.add(slot, expires_at, self.now);
            }
            if flags.has(TransferFlags::CLOSING_DEBIT) {
                self.accounts.set_closed(debit_index, true);
            }
            if flags.has(TransferFlags::CLOSING_CREDIT) {
                self.accounts.set_closed(credit_index, true);
            }
        } else {
            self.post(debit_index, credit_index, amount);
            self.transfers.enqueue(slot);
            if amount > 0 {
                self.schedule(credit_index);
            }
        }
        if spend_index != NO_INDEX {
            self.spends[spend_index as usize].count(amount, own);
        }
        self.last_timestamp = timestamp;
        Ok(timestamp)
    }

    /// Checks that both accounts of a payment are open.
    #[inline(always)]
    pub(super) fn check_open(&self, debit_index: u32, credit_index: u32) -> Result<(), Status> {
        if self.accounts.is_closed(debit_index) {
            return Err(Status::DebitAccountAlreadyClosed);
        }
        if self.accounts.is_closed(credit_index) {
            return Err(Status::CreditAccountAlreadyClosed);
        }
        Ok(())
    }

    /// Checks that the debit account's spend window has room for `amount` at `own`. Returns the
    /// window's index, or [`NO_INDEX`].
    #[inline(always)]
    pub(super) fn check_spend(
        &self,
        verdict: &Verdict,
        amount: u128,
        own: u64,
    ) -> Result<u32, Status> {
        if !verdict.has(Verdict::SPEND_LIMITED) {
            return Ok(NO_INDEX);
        }
        let spend = verdict.transfer().spend;
        match self.spends[spend as usize].check(amount, own) {
            Some(status) => Err(status),
            None => Ok(spend),
        }
    }

    /// Notes the state that the transfer in `slot`, not yet executed, finds.
    pub(super) fn note(&mut self, slot: u32, pending_slot: u32, spend_index: u32) {
        let Hot { debit_index, credit_index, .. } = *self.transfers.hot(slot);
        let pending_settled_at = match pending_slot {
            NO_INDEX => 0,
            pending_slot => self.transfers.cold(pending_slot).settled_at,
        };
        let before = Before {
            slot,
            debit_index,
            credit_index,
            pending_slot,
            spend_index,
            debit_closed: self.accounts.is_closed(debit_index),
            credit_closed: self.accounts.is_closed(credit_index),
            debit: *self.accounts.balances(debit_index),
            credit: *self.accounts.balances(credit_index),
            spend: match spend_index {
                NO_INDEX => SpendWindow::NONE,
                index => self.spends[index as usize],
            },
            pending_settled_at,
            last_timestamp: self.last_timestamp,
        };
        self.notes.push(before);
    }
}

/// Expiry of a payment taken in at `own`; `None` if it has no timeout.
#[inline(always)]
pub(super) fn expiry(transfer: &Transfer, own: u64) -> Result<Option<u64>, Status> {
    if transfer.timeout == 0 {
        return Ok(None);
    }
    let expires_at = own + u64::from(transfer.timeout) * NANOSECONDS_PER_SECOND;
    if expires_at > TIMESTAMP_MAX { Err(Status::OverflowsTimeout) } else { Ok(Some(expires_at)) }
}

/// The hot part of the record of a payment of `amount`, without its timestamp and state.
#[inline(always)]
pub(super) fn hot_record(transfer: &Transfer, verdict: &Verdict, amount: u128) -> Hot {
    let TransferIndices { debit, credit, .. } = verdict.transfer();
    Hot {
        id: transfer.id,
        amount,
        debit_index: debit,
        credit_index: credit,
        timeout: transfer.timeout,
        user_data_32: transfer.user_data_32,
        flags: transfer.flags,
        code: transfer.code,
        ..Hot::VACANT
    }
}

/// The cold part of the record of a payment that was taken in at `own`.
#[inline(always)]
pub(super) fn cold_record(transfer: &Transfer, own: u64, spend_index: u32) -> Cold {
    Cold {
        user_data_128: transfer.user_data_128,
        user_data_64: transfer.user_data_64,
        settled_at: own,
        spend_index,
        ..Cold::VACANT
    }
}

/// The amount after balancing.
#[inline(always)]
fn balanced(transfer: &Transfer, debit: &Balances, credit: &Balances) -> u128 {
    let mut amount = transfer.amount;
    if transfer.flags.has(TransferFlags::BALANCING_DEBIT) {
        let taken = debit.debits_posted + debit.debits_pending;
        amount = amount.min(debit.credits_posted.saturating_sub(taken));
    }
    if transfer.flags.has(TransferFlags::BALANCING_CREDIT) {
        let brought = credit.credits_posted + credit.credits_pending;
        amount = amount.min(credit.debits_posted.saturating_sub(brought));
    }
    amount
}

/// Pending plus posted plus `amount`: the debits of one account and the credits of the other.
#[inline(always)]
pub(super) fn check_overflows(
    is_pending: bool,
    debit: &Balances,
    credit: &Balances,
    amount: u128,
) -> Result<(u128, u128), Status> {
    // One of each pair of sums is the larger of all: where it fits, so do the others.
    let debits = (debit.debits_pending + debit.debits_posted).checked_add(amount);
    let credits = (credit.credits_pending + credit.credits_posted).checked_add(amount);
    if let (Some(debits), Some(credits)) = (debits, credits) {
        return Ok((debits, credits));
    }
    let overflows = |balance: u128| balance.checked_add(amount).is_none();
    Err(if is_pending && overflows(debit.debits_pending) {
        Status::OverflowsDebitsPending
    } else if is_pending && overflows(credit.credits_pending) {
        Status::OverflowsCreditsPending
    } else if overflows(debit.debits_posted) {
        Status::OverflowsDebitsPosted
    } else if overflows(credit.credits_posted) {
        Status::OverflowsCreditsPosted
    } else if debits.is_none() {
        Status::OverflowsDebits
    } else {
        Status::OverflowsCredits
    })
}
