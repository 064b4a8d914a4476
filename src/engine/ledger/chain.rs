//! Undoing a linked chain.
//!
//! Each member that succeeds notes what it found; undoing puts that back, the last member first.

use crate::table::{Array, EngineError, NO_INDEX};
use ringfence_types::BATCH_COMMANDS_MAX;

use super::accounts::Balances;
use super::spend::SpendWindow;
use super::transfers::State;
use super::{Ledger, expires_at};

/// State that one member of a chain found before it changed anything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    /// The slot that it filled.
    pub(super) slot: u32,
    pub(super) debit_index: u32,
    pub(super) credit_index: u32,
    /// The pending transfer that it resolved, or [`NO_INDEX`].
    pub(super) pending_slot: u32,
    /// The spend window that it touched, or [`NO_INDEX`].
    pub(super) spend_index: u32,
    pub(super) debit_closed: bool,
    pub(super) credit_closed: bool,
    pub(super) debit: Balances,
    pub(super) credit: Balances,
    pub(super) spend: SpendWindow,
    /// `settled_at` of that pending transfer.
    pub(super) pending_settled_at: u64,
    pub(super) last_timestamp: u64,
}

/// Notes of the chain under way.
#[derive(Debug)]
pub(super) struct Notes {
    notes: Array<Before>,
    count: usize,
}

const NOTHING: Before = Before {
    slot: NO_INDEX,
    debit_index: NO_INDEX,
    credit_index: NO_INDEX,
    pending_slot: NO_INDEX,
    spend_index: NO_INDEX,
    debit_closed: false,
    credit_closed: false,
    debit: Balances { debits_pending: 0, debits_posted: 0, credits_pending: 0, credits_posted: 0 },
    credit: Balances { debits_pending: 0, debits_posted: 0, credits_pending: 0, credits_posted: 0 },
    spend: SpendWindow::NONE,
    pending_settled_at: 0,
    last_timestamp: 0,
};

impl Notes {
    /// Room for the longest chain: a whole batch.
    pub(super) fn new() -> Result<Notes, EngineError> {
        Ok(Notes { notes: Array::new("chains", BATCH_COMMANDS_MAX, NOTHING)?, count: 0 })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.notes.bytes()
    }

    pub(super) fn push(&mut self, before: Before) {
        self.notes[self.count] = before;
        self.count += 1;
    }

    fn pop(&mut self) -> Option<Before> {
        self.count = self.count.checked_sub(1)?;
        Some(self.notes[self.count])
    }
}

impl Ledger {
    /// Drops the notes: the chain has succeeded.
    pub(crate) fn commit_chain(&mut self) {
        self.notes.count = 0;
    }

    /// Restores the state before the chain.
    pub(crate) fn undo_chain(&mut self) {
        // No account was scheduled before the chain.
        self.queues.clear_schedule();
        while let Some(before) = self.notes.pop() {
            self.undo(&before);
        }
    }

    fn undo(&mut self, before: &Before) {
        let record = *self.transfers.hot(before.slot);
        if before.pending_slot != NO_INDEX {
            self.transfers.unsettle(before.pending_slot, State::Pending, before.pending_settled_at);
            if expires_at(self.transfers.hot(before.pending_slot)).is_some() {
                self.timers.restore(before.pending_slot);
            }
        }
        if record.state != State::Pending {
            self.transfers.unenqueue();
        } else if expires_at(&record).is_some() {
            self.timers.remove(before.slot);
        }
        self.transfers.uninsert(before.slot);
        if before.spend_index != NO_INDEX {
            self.spends[before.spend_index as usize] = before.spend;
        }
        self.accounts.set_closed(before.debit_index, before.debit_closed);
        self.accounts.set_closed(before.credit_index, before.credit_closed);
        self.change(before.debit_index, |balances| *balances = before.debit);
        self.change(before.credit_index, |balances| *balances = before.credit);
        self.last_timestamp = before.last_timestamp;
    }
}
