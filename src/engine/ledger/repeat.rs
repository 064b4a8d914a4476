//! Transfers whose id was used before: the same again, or others under the same id.

use super::create::Answer;
use super::post_void::{meant_amount, or};
use super::*;

impl Ledger {
    /// The answer to a transfer whose id is held in `slot`; `own` is its own timestamp.
    #[cold]
    pub(super) fn repeat(&self, transfer: &Transfer, slot: u32, own: u64) -> Answer {
        let hot = self.transfers.hot(slot);
        if hot.state == State::Spent {
            return (Status::IdAlreadyFailed, own);
        }
        match self.difference(transfer, slot) {
            Some(status) => (status, own),
            None => (Status::Exists, hot.timestamp),
        }
    }

    /// The first field in which `transfer` differs from what is recorded in `slot`.
    fn difference(&self, transfer: &Transfer, slot: u32) -> Option<Status> {
        let (hot, cold) = (self.transfers.hot(slot), self.transfers.cold(slot));
        if transfer.flags != hot.flags {
            return Some(Status::ExistsWithDifferentFlags);
        }
        let mut sent = *transfer;
        let recorded = self.show(slot);
        if cold.pending_slot != NO_INDEX {
            // A repeated post or void is read as the first one was.
            let (pending, pending_cold) =
                (self.transfers.hot(cold.pending_slot), self.transfers.cold(cold.pending_slot));
            sent = Transfer {
                debit_account_id: or(sent.debit_account_id, recorded.debit_account_id),
                credit_account_id: or(sent.credit_account_id, recorded.credit_account_id),
                amount: meant_amount(&sent, pending.amount),
                user_data_128: or(sent.user_data_128, pending_cold.user_data_128),
                user_data_64: or(sent.user_data_64, pending_cold.user_data_64),
                user_data_32: or(sent.user_data_32, pending.user_data_32),
                ledger: or(sent.ledger, recorded.ledger),
                code: or(sent.code, recorded.code),
                ..sent
            };
        }
        let balancing = TransferFlags::BALANCING_DEBIT.with(TransferFlags::BALANCING_CREDIT);
        let other_amount = if hot.flags.has(balancing) {
            sent.amount < recorded.amount
        } else {
            sent.amount != recorded.amount
        };
        let differences = [
            (sent.pending_id != recorded.pending_id, Status::ExistsWithDifferentPendingId),
            (sent.timeout != recorded.timeout, Status::ExistsWithDifferentTimeout),
            (
                sent.debit_account_id != recorded.debit_account_id,
                Status::ExistsWithDifferentDebitAccountId,
            ),
            (
                sent.credit_account_id != recorded.credit_account_id,
                Status::ExistsWithDifferentCreditAccountId,
            ),
            (other_amount, Status::ExistsWithDifferentAmount),
            (sent.user_data_128 != recorded.user_data_128, Status::ExistsWithDifferentUserData128),
            (sent.user_data_64 != recorded.user_data_64, Status::ExistsWithDifferentUserData64),
            (sent.user_data_32 != recorded.user_data_32, Status::ExistsWithDifferentUserData32),
            (sent.ledger != recorded.ledger, Status::ExistsWithDifferentLedger),
            (sent.code != recorded.code, Status::ExistsWithDifferentCode),
        ];
        differences.into_iter().find(|(differs, _)| *differs).map(|(_, status)| status)
    }

    /// The transfer in `slot` as a look-up shows it.
    fn show(&self, slot: u32) -> Transfer {
        let (hot, cold) = (self.transfers.hot(slot), self.transfers.cold(slot));
        let pending_id = match cold.pending_slot {
            NO_INDEX => 0,
            pending_slot => self.transfers.hot(pending_slot).id,
        };
        Transfer {
            id: hot.id,
            debit_account_id: self.accounts.id(hot.debit_index),
            credit_account_id: self.accounts.id(hot.credit_index),
            amount: hot.amount,
            pending_id,
            user_data_128: cold.user_data_128,
            user_data_64: cold.user_data_64,
            user_data_32: hot.user_data_32,
            timeout: hot.timeout,
            ledger: self.accounts.ledger(hot.debit_index),
            code: hot.code,
            flags: hot.flags,
            timestamp: hot.timestamp,
        }
    }

    /// The transfer `id`, with what became of it if it was pending.
    pub(crate) fn find_transfer(&mut self, id: u128) -> Option<TransferBody> {
        let slot = self.transfers.find(self.transfers.hash(id), id, self.now);
        if slot == NO_INDEX || self.transfers.hot(slot).state == State::Spent {
            return None;
        }
        Some(self.show_body(slot))
    }

    fn show_body(&self, slot: u32) -> TransferBody {
        let hot = self.transfers.hot(slot);
        if hot.flags.has(TransferFlags::QUEUE) {
            let queue_status = match hot.state {
                State::Queued => QueueStatus::Queued,
                State::Cancelled => QueueStatus::Cancelled,
                State::Expired => QueueStatus::Expired,
                State::Dropped => QueueStatus::Dropped,
                _ => QueueStatus::Settled,
            };
            let transfer = self.show(slot);
            let queue_status = queue_status as u8;
            return TransferBody { transfer, queue_status, ..TransferBody::default() };
        }
        let pending_status = match hot.state {
            State::Pending => PendingStatus::Pending as u8,
            State::Posted => PendingStatus::Posted as u8,
            State::Voided => PendingStatus::Voided as u8,
            State::Expired => PendingStatus::Expired as u8,
            _ => 0,
        };
        TransferBody { transfer: self.show(slot), pending_status, ..TransferBody::default() }
    }

    /// How many transfers are held now; spent ids are none.
    pub(crate) fn transfer_count(&self) -> u64 {
        let held = self.transfers.held(self.now);
        held.filter(|&slot| self.transfers.hot(slot).state != State::Spent).count() as u64
    }
}
