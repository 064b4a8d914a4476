//! Posting and voiding pending transfers.

use super::*;

impl Ledger {
    /// Posts or voids a pending transfer. Returns the timestamp of the post or void.
    pub(super) fn post_or_void(
        &mut self,
        command: &Command,
        transfer: &Transfer,
        hash: u32,
        in_chain: bool,
    ) -> Result<u64, Status> {
        let own = command.header.timestamp;
        let is_post = transfer.flags.has(TransferFlags::POST_PENDING_TRANSFER);
        let pending_hash = self.transfers.hash(transfer.pending_id);
        let pending_slot = self.transfers.find(pending_hash, transfer.pending_id, self.now);
        if pending_slot == NO_INDEX || self.transfers.hot(pending_slot).state == State::Spent {
            return Err(Status::PendingTransferNotFound);
        }
        let pending = *self.transfers.hot(pending_slot);
        let pending_cold = *self.transfers.cold(pending_slot);
        if pending.state == State::Done || pending.flags.has(TransferFlags::QUEUE) {
            return Err(Status::PendingTransferNotPending);
        }
        let amount = self.check_post_void(transfer, &pending, is_post)?;
        match pending.state {
            State::Posted => return Err(Status::PendingTransferAlreadyPosted),
            State::Voided => return Err(Status::PendingTransferAlreadyVoided),
            State::Expired => return Err(Status::PendingTransferExpired),
            // Within a chain time passes, and what is due has not expired yet.
            _ if expires_at(&pending).is_some_and(|expires_at| expires_at <= own) => {
                return Err(Status::PendingTransferExpired);
            }
            _ => {}
        }
        self.check_order(transfer)?;
        if is_post && self.accounts.is_closed(pending.debit_index) {
            return Err(Status::DebitAccountAlreadyClosed);
        }
        if is_post && self.accounts.is_closed(pending.credit_index) {
            return Err(Status::CreditAccountAlreadyClosed);
        }
        if !self.transfers.has_room(self.now) {
            return Err(Status::TransfersFull);
        }

        let is_imported = transfer.flags.has(TransferFlags::IMPORTED);
        let timestamp = if is_imported { transfer.timestamp } else { own };
        let hot = Hot {
            id: transfer.id,
            amount,
            timestamp,
            timeout: 0,
            user_data_32: or(transfer.user_data_32, pending.user_data_32),
            flags: transfer.flags,
            state: State::Done,
            ..pending
        };
        let cold = Cold {
            user_data_128: or(transfer.user_data_128, pending_cold.user_data_128),
            user_data_64: or(transfer.user_data_64, pending_cold.user_data_64),
            settled_at: own,
            pending_slot,
            spend_index: NO_INDEX,
        };
        let slot = self.transfers.insert(hash, hot, cold);
        if in_chain {
            self.note(slot, pending_slot, pending_cold.spend_index);
        }
        if expires_at(&pending).is_some() {
            self.timers.remove(pending_slot);
        }
        if is_post {
            self.release_pending(pending_slot, amount);
            self.give_back(pending_slot, pending.amount - amount, 0);
            self.transfers.settle(pending_slot, State::Posted, own);
        } else {
            self.void_pending(pending_slot);
            self.transfers.settle(pending_slot, State::Voided, own);
        }
        self.transfers.enqueue(slot);
        self.last_timestamp = timestamp;
        Ok(timestamp)
    }

    /// Voids or expires the pending transfer in `slot`, as far as accounts and windows go.
    pub(super) fn void_pending(&mut self, slot: u32) {
        self.release_pending(slot, 0);
        self.reopen(slot);
        self.give_back(slot, self.transfers.hot(slot).amount, 1);
    }

    /// Compares a post or void with its pending transfer. Returns the amount that it means.
    fn check_post_void(
        &self,
        transfer: &Transfer,
        pending: &Hot,
        is_post: bool,
    ) -> Result<u128, Status> {
        let differs = |given: u128, recorded: u128| given != 0 && given != recorded;
        if differs(transfer.debit_account_id, self.accounts.id(pending.debit_index)) {
            return Err(Status::PendingTransferHasDifferentDebitAccountId);
        }
        if differs(transfer.credit_account_id, self.accounts.id(pending.credit_index)) {
            return Err(Status::PendingTransferHasDifferentCreditAccountId);
        }
        let ledger = self.accounts.ledger(pending.debit_index);
        if differs(transfer.ledger.into(), ledger.into()) {
            return Err(Status::PendingTransferHasDifferentLedger);
        }
        if differs(transfer.code.into(), pending.code.into()) {
            return Err(Status::PendingTransferHasDifferentCode);
        }
        let amount = meant_amount(transfer, pending.amount);
        if amount > pending.amount {
            return Err(Status::ExceedsPendingTransferAmount);
        }
        if !is_post && amount != pending.amount {
            return Err(Status::PendingTransferHasDifferentAmount);
        }
        Ok(amount)
    }
}

/// The amount that a post or void means: MAX in a post, and 0 in a void, is the whole.
pub(super) fn meant_amount(transfer: &Transfer, pending_amount: u128) -> u128 {
    let is_post = transfer.flags.has(TransferFlags::POST_PENDING_TRANSFER);
    let whole = if is_post { AMOUNT_MAX } else { 0 };
    if transfer.amount == whole { pending_amount } else { transfer.amount }
}

/// The value given, or else that of the pending transfer.
pub(super) fn or<T: Default + PartialEq>(given: T, pending: T) -> T {
    if given == T::default() { pending } else { given }
}
