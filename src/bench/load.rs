//! A load: accounts, and random transfers between them, from a seed.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use ringfence_types::{
    AMOUNT_MAX, Account, BATCH_COMMANDS_MAX, Capacities, Command, Transfer, TransferFlags,
    stamp_batch,
};

/// The ledger that all of a load lies on.
const LEDGER: u32 = 978;

/// What kind of transfers a load is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// Single-phase transfers.
    Single,
    /// Batches of pending transfers and, after each, a batch that posts them.
    PendingPost,
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Mix, String> {
        match text {
            "single" => Ok(Mix::Single),
            "pending:post" => Ok(Mix::PendingPost),
            _ => Err("neither single nor pending:post".to_owned()),
        }
    }
}

/// Commands that lie ready, stamped as the engine shall stamp them: with their sequence.
#[derive(Debug, Clone)]
pub struct Load {
    /// Creates the accounts.
    pub accounts: Arc<[Command]>,
    /// What has to happen after that and before the measurement; each part is of one operation.
    pub prepared: Vec<Arc<[Command]>>,
    /// The commands that are measured, each batch of one operation.
    pub transfers: Arc<[Command]>,
    /// Commands in a batch of these.
    pub batch: usize,
    /// Markets in which orders are placed.
    pub markets: u64,
    /// Orders placed in all.
    pub orders: u64,
}

impl Load {
    /// `transfers` transfers between `accounts` accounts, in batches of `batch`.
    ///
    /// Debit and credit account are drawn uniformly, and differ; amounts from 1 to 1000.
    ///
    /// # Panics
    ///
    /// If there are fewer than 2 accounts or no transfers, or `batch` is not between 1 and
    /// [`BATCH_COMMANDS_MAX`].
    #[must_use]
    pub fn generate(accounts: u64, transfers: u64, batch: usize, mix: Mix, seed: u64) -> Load {
        assert!(accounts >= 2 && transfers >= 1);
        assert!((1..=BATCH_COMMANDS_MAX).contains(&batch));
        let mut random = Pcg64::seed_from_u64(seed);
        let mut created: Vec<Command> = (1..=accounts)
            .map(|id| {
                Command::create_account(Account {
                    id: id.into(),
                    ledger: LEDGER,
                    code: 1,
                    ..Account::default()
                })
            })
            .collect();
        let mut moved: Vec<Command> = (0..transfers)
            .map(|index| {
                let debit = random.random_range(1..=accounts);
                let credit = (debit + random.random_range(1..accounts) - 1) % accounts + 1;
                let transfer = Transfer {
                    // Above the ids of accounts: a mix-up of the two would show.
                    id: (1 << 40) + u128::from(index),
                    debit_account_id: debit.into(),
                    credit_account_id: credit.into(),
                    amount: random.random_range(1..=1000),
                    ledger: LEDGER,
                    code: 1,
                    ..Transfer::default()
                };
                Command::create_transfer(match mix {
                    Mix::Single => transfer,
                    Mix::PendingPost => half(transfer, index, batch as u64),
                })
            })
            .collect();
        let last = stamp(&mut created, BATCH_COMMANDS_MAX, 0);
        stamp(&mut moved, batch, last);
        Load {
            accounts: created.into(),
            prepared: Vec::new(),
            transfers: moved.into(),
            batch,
            markets: 0,
            orders: 0,
        }
    }

    /// Capacities that hold the whole load.
    #[must_use]
    pub fn capacities(&self) -> Capacities {
        Capacities {
            accounts: self.accounts.len() as u64,
            transfers: match self.prepared.is_empty() {
                true => self.transfers.len() as u64,
                // What is measured is orders, and what is prepared has the transfers.
                false => self.accounts.len() as u64,
            },
            markets: self.markets,
            orders: self.orders,
            ..Capacities::default()
        }
    }

    /// The same load with ids of transfers that no earlier load had, for an engine that may have
    /// seen one.
    #[must_use]
    pub fn with_ids_of_its_own(mut self) -> Load {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let offset = since_epoch.as_nanos() << 48;
        let moved = |id: u128| if id == 0 { 0 } else { id + offset };
        let renumbered = |command: &Command| {
            let transfer = command.body.transfer();
            let (id, pending_id) = (moved(transfer.id), moved(transfer.pending_id));
            let renumbered = Command::create_transfer(Transfer { id, pending_id, ..*transfer });
            Command { header: command.header, ..renumbered }
        };
        self.transfers = self.transfers.iter().map(renumbered).collect();
        self
    }

    /// The batches of transfers.
    pub fn batches(&self) -> impl ExactSizeIterator<Item = &[Command]> {
        self.transfers.chunks(self.batch)
    }
}

/// Even batches promise, odd ones post what the batch before promised.
fn half(transfer: Transfer, index: u64, batch: u64) -> Transfer {
    if (index / batch).is_multiple_of(2) {
        return Transfer { flags: TransferFlags::PENDING, ..transfer };
    }
    Transfer {
        id: transfer.id,
        pending_id: transfer.id - u128::from(batch),
        amount: AMOUNT_MAX,
        flags: TransferFlags::POST_PENDING_TRANSFER,
        ..Transfer::default()
    }
}

/// Stamps batches one nanosecond a command after `last`; returns the last timestamp.
pub(super) fn stamp(commands: &mut [Command], batch: usize, mut last: u64) -> u64 {
    for batch in commands.chunks_mut(batch) {
        last = stamp_batch(batch, last, 0);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_load_and_another_seed_another() {
        let load = |seed| Load::generate(10, 100, 7, Mix::Single, seed);
        assert_eq!(load(1).transfers, load(1).transfers);
        assert_ne!(load(1).transfers, load(2).transfers);
    }

    #[test]
    fn timestamps_are_the_sequences_whatever_the_batch() {
        for batch in [1, 7, 100] {
            let load = Load::generate(10, 100, batch, Mix::Single, 1);
            for (index, command) in load.accounts.iter().chain(&*load.transfers).enumerate() {
                assert_eq!(command.header.timestamp, index as u64 + 1);
            }
        }
    }

    #[test]
    fn no_transfer_pays_the_account_it_takes_from() {
        let load = Load::generate(2, 1000, 10, Mix::Single, 3);
        for command in &*load.transfers {
            let transfer = command.body.transfer();
            assert_ne!(transfer.debit_account_id, transfer.credit_account_id);
            assert!((1..=2).contains(&transfer.debit_account_id));
            assert!((1..=2).contains(&transfer.credit_account_id));
        }
    }
}
