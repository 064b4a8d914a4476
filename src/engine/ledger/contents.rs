//! What the ledger holds, to sections and back.
//!
//! A restored ledger answers as the one before, but lies in memory otherwise: slots are given anew,
//! in the order of the records.

use alloc::vec;
use alloc::vec::Vec;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::*;
use ringfence_types::{ContentsSink, ContentsSource, Misfit, Section};

/// A transfer or a spent id. Accounts are named by their indices, transfers by their place in
/// [`Section::SettledTransfers`].
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct TransferRecord {
    id: u128,
    amount: u128,
    user_data_128: u128,
    user_data_64: u64,
    timestamp: u64,
    settled_at: u64,
    debit_index: u32,
    credit_index: u32,
    timeout: u32,
    user_data_32: u32,
    /// Of a post or void, where its pending transfer stands; else [`NO_INDEX`].
    pending_index: u32,
    spend_index: u32,
    flags: TransferFlags,
    code: u16,
    /// A [`State`], by its number.
    state: u8,
    reserved: [u8; 11],
}

const _: () = assert!(size_of::<TransferRecord>() == 112);

/// A queued payment: its place in [`Section::PendingTransfers`], and its kind.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct QueuedRecord {
    place: u32,
    is_urgent: u32,
}

/// What the ledger holds besides.
#[derive(Debug, Clone, Copy, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct LedgerRecord {
    last_timestamp: u64,
    /// Ids whose time is not after this are expired, whatever the retention; where ids never
    /// carried their time, 0.
    id_floor_ns: u64,
    reserved: [u64; 6],
}

impl Ledger {
    /// All that it holds, in canonical order.
    pub(crate) fn contents(&self, sink: &mut impl ContentsSink) {
        let accounts = 0..self.accounts.count() as u32;
        sink.section(Section::Accounts, accounts.map(|index| self.accounts.show(index)));
        sink.section(Section::SpendWindows, self.spends[..self.spend_count].iter().copied());
        let settled = self.transfers.settled(self.now);
        let mut places = vec![NO_INDEX; self.transfers.slots()];
        for (place, &slot) in (0..).zip(&settled) {
            places[slot as usize] = place;
        }
        let record = |slot: &u32| self.record(*slot, &places);
        sink.section(Section::SettledTransfers, settled.iter().map(record));
        let pending = self.pending_in_order();
        sink.section(Section::PendingTransfers, pending.iter().map(record));
        for (place, &slot) in (0..).zip(&pending) {
            places[slot as usize] = place;
        }
        let queued: Vec<QueuedRecord> = self
            .queues
            .in_order_of_arrival()
            .map(|slot| QueuedRecord {
                place: places[slot as usize],
                is_urgent: u32::from(self.queues.is_urgent(slot)),
            })
            .collect();
        sink.section(Section::QueuedTransfers, queued.into_iter());
        let (last_timestamp, id_floor_ns) = (self.last_timestamp, self.id_times.floor_ns());
        let besides = LedgerRecord { last_timestamp, id_floor_ns, reserved: [0; 6] };
        sink.section(Section::Ledger, core::iter::once(besides));
    }

    /// Takes over what [`Ledger::contents`] gave, at the time of the event before.
    pub(crate) fn restore<S: ContentsSource>(
        &mut self,
        now: u64,
        source: &mut S,
    ) -> Result<(), S::Error> {
        self.now = now;
        source.section(Section::Accounts, |first, accounts: &[Account]| {
            self.accounts.restore(first, accounts)?;
            for index in first..first + accounts.len() {
                self.audit.change(&Balances::default(), self.accounts.balances(index as u32));
            }
            Ok(())
        })?;
        self.check_sums()?;
        let capacity = self.spends.len();
        source.section(Section::SpendWindows, |first, windows: &[SpendWindow]| {
            let end = first + windows.len();
            Misfit::unless(end <= capacity, Section::SpendWindows, first, "more than policies")?;
            self.spends[first..end].copy_from_slice(windows);
            self.spend_count = end;
            Ok(())
        })?;
        let settled = source.count::<TransferRecord>(Section::SettledTransfers)?;
        source.section(Section::SettledTransfers, |first, records: &[TransferRecord]| {
            self.restore_transfers(Section::SettledTransfers, settled, first, records)
        })?;
        source.section(Section::PendingTransfers, |first, records: &[TransferRecord]| {
            self.restore_transfers(Section::PendingTransfers, settled, first, records)
        })?;
        source.section(Section::QueuedTransfers, |first, records: &[QueuedRecord]| {
            for (index, record) in (first..).zip(records) {
                let slot = settled as u64 + u64::from(record.place);
                let is_held = slot < self.transfers.slots() as u64;
                let slot = slot as u32;
                let waits = is_held
                    && self.transfers.hot(slot).state == State::Queued
                    && !self.queues.holds(slot);
                Misfit::unless(waits, Section::QueuedTransfers, index, "no queued payment")?;
                let Hot { debit_index, amount, .. } = *self.transfers.hot(slot);
                self.queues.join(debit_index, slot, amount, record.is_urgent != 0);
            }
            Ok(())
        })?;
        source.section(Section::Ledger, |_, records: &[LedgerRecord]| {
            self.last_timestamp = records[0].last_timestamp;
            self.id_times.restore(records[0].id_floor_ns);
            Ok(())
        })
    }

    /// Slots of all pending and queued transfers, in order of creation.
    fn pending_in_order(&self) -> Vec<u32> {
        let is_open = |&slot: &u32| self.transfers.hot(slot).state.is_open();
        let mut pending: Vec<u32> = self.transfers.held(self.now).filter(is_open).collect();
        pending.sort_unstable_by_key(|&slot| self.transfers.hot(slot).timestamp);
        pending
    }

    fn record(&self, slot: u32, places: &[u32]) -> TransferRecord {
        let (hot, cold) = (self.transfers.hot(slot), self.transfers.cold(slot));
        let pending_index = match cold.pending_slot {
            NO_INDEX => NO_INDEX,
            slot => places[slot as usize],
        };
        TransferRecord {
            id: hot.id,
            amount: hot.amount,
            user_data_128: cold.user_data_128,
            user_data_64: cold.user_data_64,
            timestamp: hot.timestamp,
            settled_at: cold.settled_at,
            debit_index: hot.debit_index,
            credit_index: hot.credit_index,
            timeout: hot.timeout,
            user_data_32: hot.user_data_32,
            pending_index,
            spend_index: cold.spend_index,
            flags: hot.flags,
            code: hot.code,
            state: hot.state as u8,
            reserved: [0; 11],
        }
    }

    /// Adds records to the next slots; `settled` of all are not pending.
    fn restore_transfers(
        &mut self,
        section: Section,
        settled: usize,
        first: usize,
        records: &[TransferRecord],
    ) -> Result<(), Misfit> {
        let fits = self.transfers.room() >= records.len();
        Misfit::unless(fits, section, first, "more than the capacity")?;
        let accounts = self.accounts.count() as u32;
        let mut hashes = [0; RESTORED_AHEAD];
        for (ahead, record) in records.iter().take(RESTORED_AHEAD).enumerate() {
            hashes[ahead] = self.transfers.prefetch_slot(record.id);
        }
        for (place, record) in records.iter().enumerate() {
            let index = first + place;
            let hash = hashes[place % RESTORED_AHEAD];
            if let Some(ahead) = records.get(place + RESTORED_AHEAD) {
                hashes[place % RESTORED_AHEAD] = self.transfers.prefetch_slot(ahead.id);
            }
            let Some(state) = State::of_record(record.state) else {
                return Err(Misfit { section, index, what: "no state of a transfer" });
            };
            let is_pending = state.is_open();
            let belongs = is_pending == (section == Section::PendingTransfers);
            Misfit::unless(belongs, section, index, "a state of the other kind of transfers")?;
            let is_paid = state != State::Spent;
            let both = record.debit_index.max(record.credit_index);
            Misfit::unless(!is_paid || both < accounts, section, index, "no such account")?;
            let pending = record.pending_index;
            let leads = pending == NO_INDEX || (pending as usize) < settled;
            Misfit::unless(leads, section, index, "no such pending transfer")?;
            let spend = record.spend_index;
            let counts = spend == NO_INDEX || (spend as usize) < self.spend_count;
            Misfit::unless(counts, section, index, "no such spend window")?;
            let hot = Hot {
                id: record.id,
                amount: record.amount,
                timestamp: record.timestamp,
                debit_index: record.debit_index,
                credit_index: record.credit_index,
                timeout: record.timeout,
                user_data_32: record.user_data_32,
                flags: record.flags,
                code: record.code,
                state,
            };
            let cold = Cold {
                user_data_128: record.user_data_128,
                user_data_64: record.user_data_64,
                settled_at: record.settled_at,
                // Slots are given in the order of the records, the settled ones first.
                pending_slot: record.pending_index,
                spend_index: record.spend_index,
            };
            let slot = self.transfers.insert(hash, hot, cold);
            if !is_pending {
                self.transfers.enqueue(slot);
            } else if let Some(expires_at) = expires_at(&hot) {
                let is_later = expires_at > self.now;
                Misfit::unless(is_later, section, index, "it should have expired")?;
                self.timers.add(slot, expires_at, self.now);
            }
        }
        Ok(())
    }
}

/// How many records ahead table slots of ids are prefetched.
const RESTORED_AHEAD: usize = 16;
