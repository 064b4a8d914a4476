//! How a pending transfer ends: posted, voided or expired.

use ringfence::types::{
    AMOUNT_MAX, AccountFlags, ID_MAX, PendingStatus, Status, Transfer, TransferFlags,
};

use super::state::{Executed, Known};
use super::transfers::QUEUE;
use super::{Twin, ensure};

impl Executed {
    /// `resolution` of this pending transfer with what it left out filled in: zero takes the pending
    /// transfer's value, and so does the amount that stands for the whole.
    pub(super) fn complete(&self, resolution: &Transfer) -> Transfer {
        fn or<T: Default + PartialEq>(value: T, default: T) -> T {
            if value == T::default() { default } else { value }
        }
        let is_post = resolution.flags.has(TransferFlags::POST_PENDING_TRANSFER);
        let whole = if is_post { AMOUNT_MAX } else { 0 };
        let pending = &self.transfer;
        Transfer {
            debit_account_id: or(resolution.debit_account_id, pending.debit_account_id),
            credit_account_id: or(resolution.credit_account_id, pending.credit_account_id),
            amount: if resolution.amount == whole { pending.amount } else { resolution.amount },
            user_data_128: or(resolution.user_data_128, pending.user_data_128),
            user_data_64: or(resolution.user_data_64, pending.user_data_64),
            user_data_32: or(resolution.user_data_32, pending.user_data_32),
            ledger: or(resolution.ledger, pending.ledger),
            code: or(resolution.code, pending.code),
            ..*resolution
        }
    }
}

impl Twin {
    /// Posts or voids a pending transfer.
    pub(super) fn resolve(&mut self, resolution: &Transfer, now: u64) -> Result<(), Status> {
        let flags = resolution.flags;
        let is_post = flags.has(TransferFlags::POST_PENDING_TRANSFER);
        let is_void = flags.has(TransferFlags::VOID_PENDING_TRANSFER);
        let of_others = TransferFlags::PENDING
            .with(TransferFlags::BALANCING_DEBIT)
            .with(TransferFlags::BALANCING_CREDIT)
            .with(TransferFlags::CLOSING_DEBIT)
            .with(TransferFlags::CLOSING_CREDIT)
            .with(QUEUE);
        ensure(is_post != is_void && !flags.has(of_others), Status::FlagsAreMutuallyExclusive)?;
        ensure(resolution.pending_id != 0, Status::PendingIdMustNotBeZero)?;
        ensure(resolution.pending_id != ID_MAX, Status::PendingIdMustNotBeIntMax)?;
        ensure(resolution.pending_id != resolution.id, Status::PendingIdMustBeDifferent)?;
        ensure(resolution.timeout == 0, Status::TimeoutReservedForPendingTransfer)?;
        let executed =
            *self.state.executed(resolution.pending_id).ok_or(Status::PendingTransferNotFound)?;
        let pending = executed.transfer;
        let fate = executed.fate.ok_or(Status::PendingTransferNotPending)?;
        let resolution = executed.complete(resolution);
        ensure(
            resolution.debit_account_id == pending.debit_account_id,
            Status::PendingTransferHasDifferentDebitAccountId,
        )?;
        ensure(
            resolution.credit_account_id == pending.credit_account_id,
            Status::PendingTransferHasDifferentCreditAccountId,
        )?;
        ensure(resolution.ledger == pending.ledger, Status::PendingTransferHasDifferentLedger)?;
        ensure(resolution.code == pending.code, Status::PendingTransferHasDifferentCode)?;
        ensure(resolution.amount <= pending.amount, Status::ExceedsPendingTransferAmount)?;
        ensure(
            is_post || resolution.amount == pending.amount,
            Status::PendingTransferHasDifferentAmount,
        )?;
        ensure(fate != PendingStatus::Posted, Status::PendingTransferAlreadyPosted)?;
        ensure(fate != PendingStatus::Voided, Status::PendingTransferAlreadyVoided)?;
        let is_past = executed.expires_at().is_some_and(|expires_at| expires_at <= now);
        ensure(fate != PendingStatus::Expired && !is_past, Status::PendingTransferExpired)?;
        self.check_imported_order(&resolution)?;
        if is_post {
            let is_closed = |id| {
                let account = self.state.account(id).expect("accounts of transfers stay");
                account.flags.has(AccountFlags::CLOSED)
            };
            ensure(!is_closed(pending.debit_account_id), Status::DebitAccountAlreadyClosed)?;
            ensure(!is_closed(pending.credit_account_id), Status::CreditAccountAlreadyClosed)?;
        }
        ensure(!self.is_full(), Status::TransfersFull)?;

        let before =
            [self.account(pending.debit_account_id), self.account(pending.credit_account_id)];
        if is_post {
            self.release(&executed, PendingStatus::Posted, now);
            let amount = resolution.amount;
            self.give_back(&executed, pending.amount - amount, 0);
            self.state.change_account(pending.debit_account_id, |debit| {
                debit.debits_posted += amount;
            });
            self.state.change_account(pending.credit_account_id, |credit| {
                credit.credits_posted += amount;
            });
        } else {
            self.release(&executed, PendingStatus::Voided, now);
            self.give_back(&executed, pending.amount, 1);
        }
        self.stir_grown(&before);
        let executed =
            Executed { transfer: resolution, fate: None, queue: None, since: now, counted: None };
        self.state.set_known(resolution.id, Some(Known::Executed(executed)));
        self.state.set_latest_transfer_timestamp(resolution.timestamp);
        Ok(())
    }

    /// The pending transfer `id` was not resolved in time, or the queued one not settled.
    pub(super) fn expire(&mut self, id: u128, now: u64) {
        let executed = *self.state.executed(id).expect("only transfers fall due");
        self.tell_of_expiry(id);
        if executed.is_queued() {
            self.expire_queued(&executed, now);
            return;
        }
        let pending = executed.transfer;
        let before =
            [self.account(pending.debit_account_id), self.account(pending.credit_account_id)];
        self.release(&executed, PendingStatus::Expired, now);
        self.give_back(&executed, pending.amount, 1);
        self.stir_grown(&before);
    }

    /// A pending transfer leaves both pending balances, and what it closed opens.
    fn release(&mut self, executed: &Executed, fate: PendingStatus, now: u64) {
        let pending = executed.transfer;
        // A transfer that closed an account cannot be posted: the account is closed.
        let reopens = |flag| {
            let reopens = pending.flags.has(flag);
            if reopens { AccountFlags::CLOSED } else { AccountFlags::NONE }
        };
        self.state.change_account(pending.debit_account_id, |debit| {
            debit.debits_pending -= pending.amount;
            debit.flags = debit.flags.without(reopens(TransferFlags::CLOSING_DEBIT));
        });
        self.state.change_account(pending.credit_account_id, |credit| {
            credit.credits_pending -= pending.amount;
            credit.flags = credit.flags.without(reopens(TransferFlags::CLOSING_CREDIT));
        });
        let resolved = Executed { fate: Some(fate), since: now, ..*executed };
        self.state.set_known(pending.id, Some(Known::Executed(resolved)));
    }
}
