//! How money is first committed: the statuses of `create_transfer`, from the top down, for
//! single-phase and pending transfers. What resolves a pending transfer is in `resolve`.

use ringfence::types::{
    AMOUNT_MAX, AccountFlags, Command, ID_MAX, IdTime, NANOSECONDS_PER_SECOND, PendingStatus,
    QueueStatus, Status, TIMESTAMP_MAX, Transfer, TransferFlags,
};

use super::state::{Executed, Known};
use super::{Refusal, Surroundings, Twin, ensure};

/// Whether the flags say that a pending transfer is posted or voided.
pub(super) fn resolves(flags: TransferFlags) -> bool {
    flags.has(TransferFlags::POST_PENDING_TRANSFER.with(TransferFlags::VOID_PENDING_TRANSFER))
}

/// The flags of payments that wait.
pub(super) const QUEUE: TransferFlags = WAITS.with(URGENT);
/// `queue`, by its bit.
pub(super) const WAITS: TransferFlags = TransferFlags(1 << 9);
/// `urgent`, by its bit.
pub(super) const URGENT: TransferFlags = TransferFlags(1 << 10);

/// Whether a transfer refused with this status spends its id: the statuses marked † in the
/// semantics.
pub(super) fn spends_id(status: Status) -> bool {
    [
        Status::PendingTransferNotFound,
        Status::DebitAccountNotFound,
        Status::CreditAccountNotFound,
        Status::RiskLedgerHalted,
        Status::RiskLedgerClosed,
        Status::RiskLedgerAmountExceeded,
        Status::RiskDebitAccountFrozen,
        Status::RiskCreditAccountFrozen,
        Status::RiskPairBlocked,
        Status::RiskDebitAmountExceeded,
        Status::RiskCreditAmountExceeded,
        Status::RiskDebitRateExceeded,
        Status::DebitAccountAlreadyClosed,
        Status::CreditAccountAlreadyClosed,
        Status::ExceedsCredits,
        Status::ExceedsDebits,
        Status::RiskSpendAmountExceeded,
        Status::RiskSpendCountExceeded,
        // Of orders alone.
        Status::BaseAccountNotFound,
        Status::QuoteAccountNotFound,
        Status::BaseAccountAlreadyClosed,
        Status::QuoteAccountAlreadyClosed,
        Status::MarketClosed,
        Status::WouldTake,
        Status::WouldNotFill,
    ]
    .contains(&status)
}

impl Twin {
    /// Executes a transfer, or says why not. Returns the timestamp that it got.
    ///
    /// `objection` is what the policies have against it; a member of a chain cannot wait.
    pub(super) fn create_transfer(
        &mut self,
        command: &Command,
        surroundings: Surroundings,
        objection: Option<Status>,
        is_in_chain: bool,
    ) -> Result<u64, Refusal> {
        let transfer = *command.body.transfer();
        let flags = transfer.flags;
        let timestamp = Twin::check_preamble(
            command,
            surroundings,
            flags.has(TransferFlags::IMPORTED),
            transfer.timestamp,
            flags.has_reserved(),
        )?;
        match self.state.known(transfer.id) {
            Some(Known::Executed(original)) => return Err(self.repeat(&transfer, original)),
            Some(Known::Spent { .. }) => return Err(Status::IdAlreadyFailed.into()),
            None => {}
        }
        let now = command.header.timestamp;
        if !flags.has(TransferFlags::IMPORTED) {
            self.check_id_time(transfer.id, now)?;
        }
        let stamped = Transfer { timestamp, ..transfer };
        if flags.has(QUEUE) {
            ensure(
                flags.has(WAITS) && flags.without(QUEUE).0 == 0 && !is_in_chain,
                Status::FlagsAreMutuallyExclusive,
            )?;
        }
        let result = if resolves(flags) {
            self.resolve(&stamped, now)
        } else {
            self.commit(&stamped, now, objection)
        };
        // A refusal that would spend the id has to be remembered too.
        if let Err(status) = result
            && spends_id(status)
            && self.is_full()
        {
            return Err(Status::TransfersFull.into());
        }
        result?;
        Ok(timestamp)
    }

    /// What is wrong with the time that a new id carries, if ids carry one.
    pub(super) fn check_id_time(&self, id: u128, now: u64) -> Result<(), Status> {
        if self.rules.id_time != IdTime::Ulid as u32 {
            return Ok(());
        }
        let minute = 60 * u128::from(NANOSECONDS_PER_SECOND);
        let (made, now) = ((id >> 80) * 1_000_000, u128::from(now));
        let retention = u128::from(self.rules.retention_ns);
        ensure(retention == 0 || made + retention - minute > now, Status::IdExpired)?;
        ensure(made <= now + minute, Status::IdNotYetValid)
    }

    /// Whether no further id can be remembered.
    pub(super) fn is_full(&self) -> bool {
        self.state.known_count() as u64 >= self.rules.capacities.transfers
    }

    /// What every imported transfer has to be: later than any before it, and unlike any account.
    pub(super) fn check_imported_order(&self, transfer: &Transfer) -> Result<(), Status> {
        ensure(
            !transfer.flags.has(TransferFlags::IMPORTED)
                || (transfer.timestamp > self.state.latest_transfer_timestamp()
                    && !self.state.is_account_timestamp(transfer.timestamp)),
            Status::ImportedEventTimestampMustNotRegress,
        )
    }

    /// Moves or reserves money.
    fn commit(
        &mut self,
        transfer: &Transfer,
        now: u64,
        objection: Option<Status>,
    ) -> Result<(), Status> {
        let flags = transfer.flags;
        let is_imported = flags.has(TransferFlags::IMPORTED);
        let is_pending = flags.has(TransferFlags::PENDING);
        ensure(transfer.debit_account_id != 0, Status::DebitAccountIdMustNotBeZero)?;
        ensure(transfer.debit_account_id != ID_MAX, Status::DebitAccountIdMustNotBeIntMax)?;
        ensure(transfer.credit_account_id != 0, Status::CreditAccountIdMustNotBeZero)?;
        ensure(transfer.credit_account_id != ID_MAX, Status::CreditAccountIdMustNotBeIntMax)?;
        ensure(
            transfer.debit_account_id != transfer.credit_account_id,
            Status::AccountsMustBeDifferent,
        )?;
        ensure(transfer.pending_id == 0, Status::PendingIdMustBeZero)?;
        let is_queue = flags.has(WAITS);
        ensure(
            is_pending || is_queue || transfer.timeout == 0,
            Status::TimeoutReservedForPendingTransfer,
        )?;
        let closes = flags.has(TransferFlags::CLOSING_DEBIT.with(TransferFlags::CLOSING_CREDIT));
        ensure(is_pending || !closes, Status::ClosingTransferMustBePending)?;
        ensure(transfer.ledger != 0, Status::LedgerMustNotBeZero)?;
        ensure(transfer.code != 0, Status::CodeMustNotBeZero)?;
        let debit =
            *self.state.account(transfer.debit_account_id).ok_or(Status::DebitAccountNotFound)?;
        let credit =
            *self.state.account(transfer.credit_account_id).ok_or(Status::CreditAccountNotFound)?;
        ensure(debit.ledger == credit.ledger, Status::AccountsMustHaveTheSameLedger)?;
        ensure(transfer.ledger == debit.ledger, Status::TransferMustHaveTheSameLedgerAsAccounts)?;
        if is_imported {
            self.check_imported_order(transfer)?;
            ensure(
                transfer.timestamp > debit.timestamp,
                Status::ImportedEventTimestampMustPostdateDebitAccount,
            )?;
            ensure(
                transfer.timestamp > credit.timestamp,
                Status::ImportedEventTimestampMustPostdateCreditAccount,
            )?;
            ensure(transfer.timeout == 0, Status::ImportedEventTimeoutMustBeZero)?;
        }
        if let Some(status) = objection {
            return Err(status);
        }
        ensure(!debit.flags.has(AccountFlags::CLOSED), Status::DebitAccountAlreadyClosed)?;
        ensure(!credit.flags.has(AccountFlags::CLOSED), Status::CreditAccountAlreadyClosed)?;

        let debits = debit.debits_posted + debit.debits_pending;
        let credits = credit.credits_posted + credit.credits_pending;
        let mut amount = transfer.amount;
        if flags.has(TransferFlags::BALANCING_DEBIT) {
            amount = amount.min(debit.credits_posted.saturating_sub(debits));
        }
        if flags.has(TransferFlags::BALANCING_CREDIT) {
            amount = amount.min(credit.debits_posted.saturating_sub(credits));
        }
        let fits = |balance: u128| balance <= AMOUNT_MAX - amount;
        if is_pending {
            ensure(fits(debit.debits_pending), Status::OverflowsDebitsPending)?;
            ensure(fits(credit.credits_pending), Status::OverflowsCreditsPending)?;
        }
        ensure(fits(debit.debits_posted), Status::OverflowsDebitsPosted)?;
        ensure(fits(credit.credits_posted), Status::OverflowsCreditsPosted)?;
        ensure(fits(debits), Status::OverflowsDebits)?;
        ensure(fits(credits), Status::OverflowsCredits)?;
        let timeout_ns = u64::from(transfer.timeout) * NANOSECONDS_PER_SECOND;
        ensure(transfer.timestamp <= TIMESTAMP_MAX - timeout_ns, Status::OverflowsTimeout)?;
        ensure(
            is_queue
                || !debit.flags.has(AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS)
                || debits + amount <= debit.credits_posted,
            Status::ExceedsCredits,
        )?;
        ensure(
            !credit.flags.has(AccountFlags::CREDITS_MUST_NOT_EXCEED_DEBITS)
                || credits + amount <= credit.debits_posted,
            Status::ExceedsDebits,
        )?;
        if !is_imported {
            self.check_spending(debit.id, amount, now)?;
        }
        ensure(!self.is_full(), Status::TransfersFull)?;

        let counted = if is_imported { None } else { self.count_spending(debit.id, amount, now) };
        let queue = is_queue.then(|| self.arrive(transfer));
        let executed = Executed {
            transfer: Transfer { amount, ..*transfer },
            fate: is_pending.then_some(PendingStatus::Pending),
            queue,
            since: now,
            counted,
        };
        self.state.set_known(transfer.id, Some(Known::Executed(executed)));
        self.state.set_latest_transfer_timestamp(transfer.timestamp);
        if queue == Some(QueueStatus::Queued) {
            return Ok(());
        }
        let closing = |flag| {
            let closes = flags.has(flag);
            if closes { AccountFlags::CLOSED } else { AccountFlags::NONE }
        };
        self.state.change_account(debit.id, |debit| {
            let balance =
                if is_pending { &mut debit.debits_pending } else { &mut debit.debits_posted };
            *balance += amount;
            debit.flags = debit.flags.with(closing(TransferFlags::CLOSING_DEBIT));
        });
        self.state.change_account(credit.id, |credit| {
            let balance =
                if is_pending { &mut credit.credits_pending } else { &mut credit.credits_posted };
            *balance += amount;
            credit.flags = credit.flags.with(closing(TransferFlags::CLOSING_CREDIT));
        });
        self.stir_grown(&[debit, credit]);
        Ok(())
    }

    /// What is answered where the id is a transfer's.
    fn repeat(&self, transfer: &Transfer, original: &Executed) -> Refusal {
        let original = &original.transfer;
        let flags = transfer.flags;
        if flags != original.flags {
            return Status::ExistsWithDifferentFlags.into();
        }
        if transfer.pending_id != original.pending_id {
            return Status::ExistsWithDifferentPendingId.into();
        }
        if transfer.timeout != original.timeout {
            return Status::ExistsWithDifferentTimeout.into();
        }
        let transfer = if resolves(flags) {
            let pending = self.state.executed(transfer.pending_id);
            pending.expect("remembered as long as what resolved it").complete(transfer)
        } else {
            *transfer
        };
        let balancing = TransferFlags::BALANCING_DEBIT.with(TransferFlags::BALANCING_CREDIT);
        let has_other_amount = if flags.has(balancing) {
            transfer.amount < original.amount
        } else {
            transfer.amount != original.amount
        };
        let status = if transfer.debit_account_id != original.debit_account_id {
            Status::ExistsWithDifferentDebitAccountId
        } else if transfer.credit_account_id != original.credit_account_id {
            Status::ExistsWithDifferentCreditAccountId
        } else if has_other_amount {
            Status::ExistsWithDifferentAmount
        } else if transfer.user_data_128 != original.user_data_128 {
            Status::ExistsWithDifferentUserData128
        } else if transfer.user_data_64 != original.user_data_64 {
            Status::ExistsWithDifferentUserData64
        } else if transfer.user_data_32 != original.user_data_32 {
            Status::ExistsWithDifferentUserData32
        } else if transfer.ledger != original.ledger {
            Status::ExistsWithDifferentLedger
        } else if transfer.code != original.code {
            Status::ExistsWithDifferentCode
        } else {
            let original_timestamp = Some(original.timestamp);
            return Refusal { status: Status::Exists, original_timestamp };
        };
        status.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_and_its_twin_spend_ids_on_the_same_statuses() {
        for &status in Status::ALL {
            assert_eq!(spends_id(status), status.spends_id(), "{status:?}");
        }
    }
}
