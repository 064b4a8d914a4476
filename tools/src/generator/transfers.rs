//! Transfers: fresh ones, repeats, posts and voids, and what can be wrong with each.

use ringfence::types::{
    AMOUNT_MAX, Account, Command, ID_MAX, NANOSECONDS_PER_SECOND, Transfer, TransferFlags,
};

use super::settlement::{QUEUE, URGENT};
use super::{Generator, LATEST_NS, MEMORY_TRANSFERS};

const CLOSING: TransferFlags =
    TransferFlags(TransferFlags::CLOSING_DEBIT.0 | TransferFlags::CLOSING_CREDIT.0);

/// What the events of one batch have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchStyle {
    pub is_imported: bool,
    pub linked_percent: u64,
    pub broken_percent: u64,
}

impl Generator {
    /// Decides what a batch is like: most have nothing wrong with them, so that chains can succeed.
    pub(super) fn batch_style(&mut self) -> BatchStyle {
        let profile = self.profile;
        let linked_percent = match self.dice.below(10) {
            0..4 => 0,
            4..9 => profile.linked_percent,
            _ => 95,
        };
        BatchStyle {
            is_imported: self.dice.chance(profile.imported_percent),
            linked_percent,
            broken_percent: if self.dice.chance(50) { profile.broken_percent } else { 0 },
        }
    }

    /// Whether an event is linked; the last of a batch rarely is, since that breaks its chain.
    pub(super) fn is_linked(&mut self, style: BatchStyle, is_last: bool) -> bool {
        self.dice.chance(style.linked_percent) && (!is_last || self.dice.chance(10))
    }

    pub(super) fn transfers(&mut self, length: usize) -> Vec<Command> {
        let mut style = self.batch_style();
        let latest_accounts = std::mem::take(&mut self.latest_accounts);
        let may_predate = !latest_accounts.is_empty() && self.profile.imported_percent > 0;
        style.is_imported |= may_predate && self.dice.chance(50);
        if style.is_imported {
            // What was executed before bars all earlier timestamps.
            let latest = self.previous_timestamp;
            if self.dice.chance(70) {
                self.imported_timestamp = self.imported_timestamp.max(latest);
            }
        }
        let mut batch = Vec::with_capacity(length);
        for index in 0..length {
            let mut transfer = match self.dice.below(100) {
                0..10 if !self.sent.is_empty() => self.repeated_transfer(),
                10..35 if !self.sent_pending.is_empty() => self.resolution(style),
                _ => self.fresh_transfer(style),
            };
            if style.is_imported && may_predate && self.dice.chance(30) {
                let account = self.dice.pick(&latest_accounts);
                self.predate(account, &mut transfer);
            }
            if self.dice.chance(style.broken_percent) {
                self.break_transfer(&mut transfer);
            }
            transfer.flags = transfer.flags.without(TransferFlags::LINKED);
            if self.is_linked(style, index + 1 == length) {
                transfer.flags = transfer.flags.with(TransferFlags::LINKED);
            }
            self.remember_moments(&transfer, index as u64);
            batch.push(Command::create_transfer(transfer));
            let Generator { dice, sent, sent_pending, .. } = self;
            dice.remember(sent, transfer, MEMORY_TRANSFERS);
            if transfer.flags.has(TransferFlags::PENDING) {
                dice.remember(sent_pending, transfer, MEMORY_TRANSFERS);
            }
        }
        batch
    }

    /// Remembers when a transfer that is sent now will expire, and when it will be forgotten.
    fn remember_moments(&mut self, transfer: &Transfer, index: u64) {
        let sent_at = self.now() + index;
        let timeout_ns = u64::from(transfer.timeout) * NANOSECONDS_PER_SECOND;
        let due = (timeout_ns > 0).then_some((sent_at.saturating_add(timeout_ns), Some(*transfer)));
        let retention_ns = self.rules.retention_ns;
        let forgotten = (retention_ns > 0).then_some((sent_at.saturating_add(retention_ns), None));
        let Generator { dice, moments, .. } = self;
        for moment in [due, forgotten].into_iter().flatten() {
            if moment.0 < LATEST_NS {
                dice.remember(moments, moment, 24);
            }
        }
    }

    fn fresh_transfer_id(&mut self) -> u128 {
        let id = self.fresh_id();
        // Now and then one out of order, which something later will meet.
        if self.dice.chance(3) { id + 7 } else { id }
    }

    fn fresh_transfer(&mut self, style: BatchStyle) -> Transfer {
        let debit_account_id = self.account_id();
        let ledger = self.ledger_of(debit_account_id);
        let mut credit_account_id = self.account_id();
        // Mostly another account of the same ledger.
        for _ in 0..16 {
            if credit_account_id != debit_account_id && self.ledger_of(credit_account_id) == ledger
            {
                break;
            }
            credit_account_id = self.account_id();
        }
        let mut flags = TransferFlags::NONE;
        let is_pending = self.dice.chance(40);
        if is_pending {
            flags = flags.with(TransferFlags::PENDING);
            if self.dice.chance(self.profile.closing_percent) {
                flags = flags.with(self.dice.pick(&[
                    TransferFlags::CLOSING_DEBIT,
                    TransferFlags::CLOSING_CREDIT,
                    TransferFlags::CLOSING_DEBIT.with(TransferFlags::CLOSING_CREDIT),
                ]));
            }
        }
        let is_balancing = self.dice.chance(10);
        if is_balancing {
            flags = flags.with(self.dice.pick(&[
                TransferFlags::BALANCING_DEBIT,
                TransferFlags::BALANCING_CREDIT,
                TransferFlags::BALANCING_DEBIT.with(TransferFlags::BALANCING_CREDIT),
            ]));
        }
        let mut transfer = Transfer {
            id: self.fresh_transfer_id(),
            debit_account_id,
            credit_account_id,
            amount: if is_balancing && self.dice.chance(50) { AMOUNT_MAX } else { self.amount() },
            user_data_128: u128::from(self.dice.below(3)),
            user_data_64: self.dice.below(3),
            user_data_32: self.dice.below(3) as u32,
            ledger,
            code: 1 + self.dice.below(2) as u16,
            flags,
            ..Transfer::default()
        };
        if flags == TransferFlags::NONE
            && TransferFlags::KNOWN.has(QUEUE)
            && !style.is_imported
            && (style.linked_percent == 0 || self.dice.chance(3))
            && self.dice.chance(self.profile.queue_percent)
        {
            transfer.flags = if self.dice.chance(25) { QUEUE.with(URGENT) } else { QUEUE };
            if self.dice.chance(25) {
                transfer.timeout = self.dice.pick(&[1, 1, 2, 10, u32::MAX]);
            }
        }
        let closes = flags.has(CLOSING);
        if is_pending && !style.is_imported && self.dice.chance(if closes { 90 } else { 60 }) {
            transfer.timeout = self.dice.pick(&[1, 1, 1, 2, 2, 3, 10, 100, 86_400, u32::MAX]);
        }
        self.import(transfer, style)
    }

    /// A transfer sent before, the same or with one field changed.
    fn repeated_transfer(&mut self) -> Transfer {
        let mut transfer = self.dice.pick(&self.sent);
        match self.dice.below(26) {
            0 => transfer.flags.0 ^= 1 << self.dice.below(9),
            1 => transfer.pending_id ^= 1,
            2 => transfer.timeout ^= 1,
            3 => transfer.debit_account_id = self.account_id(),
            4 => transfer.credit_account_id = self.account_id(),
            5 => transfer.amount = transfer.amount.wrapping_add(1),
            6 => transfer.amount = transfer.amount.wrapping_sub(1),
            7 => transfer.user_data_128 ^= 1,
            8 => transfer.user_data_64 ^= 1,
            9 => transfer.user_data_32 ^= 1,
            10 => transfer.ledger ^= 1,
            11 => transfer.code ^= 3,
            // What a post or void may leave out.
            12 => (transfer.debit_account_id, transfer.credit_account_id) = (0, 0),
            13 => transfer.amount = self.dice.pick(&[0, AMOUNT_MAX]),
            14 => transfer.user_data_128 = 0,
            15 => (transfer.user_data_64, transfer.user_data_32) = (0, 0),
            16 => (transfer.ledger, transfer.code) = (0, 0),
            _ => {}
        }
        transfer
    }

    /// A post or void of a pending transfer sent before.
    fn resolution(&mut self, style: BatchStyle) -> Transfer {
        let mut pending = self.dice.pick(&self.sent_pending);
        for _ in 0..4 {
            // What closes accounts should not do so for ever.
            if pending.flags.has(CLOSING) {
                break;
            }
            pending = self.dice.pick(&self.sent_pending);
        }
        if let Some(about_to_expire) = self.about_to_expire
            && self.dice.chance(50)
        {
            pending = about_to_expire;
        }
        let is_post = self.dice.chance(60);
        let mut resolution = Transfer {
            id: self.fresh_transfer_id(),
            pending_id: pending.id,
            user_data_128: u128::from(self.dice.below(3)),
            user_data_64: self.dice.below(3),
            user_data_32: self.dice.below(3) as u32,
            ..Transfer::default()
        };
        if self.dice.chance(40) {
            resolution.debit_account_id = pending.debit_account_id;
            resolution.credit_account_id = pending.credit_account_id;
        }
        if self.dice.chance(40) {
            resolution.ledger = pending.ledger;
            resolution.code = pending.code;
        }
        if is_post {
            resolution.flags = TransferFlags::POST_PENDING_TRANSFER;
            resolution.amount = match self.dice.below(10) {
                0..4 => AMOUNT_MAX,
                4..6 => pending.amount,
                6 => pending.amount.saturating_add(1),
                7 => pending.amount.saturating_sub(1),
                8 => 0,
                _ => self.amount(),
            };
        } else {
            resolution.flags = TransferFlags::VOID_PENDING_TRANSFER;
            resolution.amount = match self.dice.below(20) {
                0..12 => 0,
                12..16 => pending.amount,
                16 => pending.amount.saturating_add(1),
                17 => pending.amount.saturating_sub(1),
                18 => AMOUNT_MAX,
                _ => self.amount(),
            };
        }
        self.import(resolution, style)
    }

    /// Makes a transfer about as old as one of its accounts, which was sent a moment ago.
    fn predate(&mut self, account: Account, transfer: &mut Transfer) {
        if self.dice.chance(50) {
            transfer.debit_account_id = account.id;
        } else {
            transfer.credit_account_id = account.id;
        }
        transfer.ledger = account.ledger;
        transfer.timestamp = account.timestamp + 1 - self.dice.below(3).min(account.timestamp);
    }

    fn import(&mut self, transfer: Transfer, style: BatchStyle) -> Transfer {
        if !style.is_imported {
            return transfer;
        }
        let flags = transfer.flags.with(TransferFlags::IMPORTED);
        Transfer { flags, timestamp: self.brought_timestamp(), ..transfer }
    }

    fn break_transfer(&mut self, transfer: &mut Transfer) {
        match self.dice.below(31) {
            0 => transfer.id = 0,
            1 => transfer.id = ID_MAX,
            2 => transfer.flags.0 |= self.dice.pick(&[1 << 15, 1 << 11]),
            3 => transfer.flags.0 ^= 1 << self.dice.below(9),
            4 => transfer.flags.0 = self.dice.below(1 << 9) as u16,
            5 => transfer.debit_account_id = 0,
            6 => transfer.debit_account_id = ID_MAX,
            7 => transfer.credit_account_id = 0,
            8 => transfer.credit_account_id = ID_MAX,
            9 => transfer.credit_account_id = transfer.debit_account_id,
            10 => transfer.debit_account_id ^= 1 << 70,
            11 => transfer.credit_account_id ^= 1 << 70,
            12 => transfer.debit_account_id = self.account_id(),
            13 => transfer.credit_account_id = self.account_id(),
            14 => transfer.ledger = 0,
            15 => transfer.ledger ^= 1,
            16 => transfer.code = 0,
            17 => transfer.code ^= 1,
            18 => transfer.timeout ^= 1,
            19 => transfer.pending_id = self.dice.pick(&[0, 1, ID_MAX]),
            20 => transfer.pending_id = transfer.id,
            21 => {
                // A transfer that never was pending, if luck will have it.
                if !self.sent.is_empty() {
                    transfer.pending_id = self.dice.pick(&self.sent).id;
                }
            }
            22 | 23 => transfer.timestamp ^= 1,
            24 | 25 => transfer.flags.0 ^= TransferFlags::IMPORTED.0,
            26 => transfer.timestamp = self.brought_timestamp(),
            27 => transfer.flags = transfer.flags.with(TransferFlags::CLOSING_DEBIT),
            28 => transfer.timeout = u32::MAX,
            29 if TransferFlags::KNOWN.has(QUEUE) => {
                transfer.flags.0 |= self.dice.pick(&[QUEUE.0, URGENT.0]);
            }
            _ => transfer.amount = self.dice.pick(&[AMOUNT_MAX, AMOUNT_MAX - 1, AMOUNT_MAX / 2]),
        }
    }
}
