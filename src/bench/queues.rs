//! A load of payments that wait: some for money that comes later, some for each other.

use super::Load;
use super::load::stamp;
use ringfence_types::{
    Account, AccountFlags, BATCH_COMMANDS_MAX, Command, ResolveQueues, Transfer, TransferFlags,
};

/// The ledger that all of it lies on.
const LEDGER: u32 = 978;
/// Minor units of each payment.
const AMOUNT: u128 = 100;
/// Accounts that wait for each other: no two of them pay each other, so that offset settles nothing.
const RING_ACCOUNTS: u64 = 3;

/// What a load of queued payments is made of.
#[derive(Debug, Clone, Copy)]
pub struct QueueLoad {
    /// Accounts that owe payments, at least 3.
    pub accounts: u64,
    /// Payments that wait, at least 1; rounded up, so that each account owes as many.
    pub queued: u64,
    /// Of a hundred accounts, how many are in gridlock: only `resolve_queues`, the last command,
    /// settles what they owe. What the others owe, one incoming payment each releases.
    pub gridlocked: u32,
    /// Commands in a batch.
    pub batch: usize,
}

impl QueueLoad {
    /// The load. Nothing in it is left to chance.
    ///
    /// # Panics
    ///
    /// If a number is out of the range that its field says, or `batch` is not between 1 and
    /// [`BATCH_COMMANDS_MAX`].
    #[must_use]
    pub fn generate(&self) -> Load {
        let QueueLoad { accounts, queued, gridlocked, batch } = *self;
        assert!(accounts >= RING_ACCOUNTS && queued >= 1 && gridlocked <= 100);
        assert!((1..=BATCH_COMMANDS_MAX).contains(&batch));
        let rounds = queued.div_ceil(accounts);
        let in_rings = accounts * u64::from(gridlocked) / 100 / RING_ACCOUNTS * RING_ACCOUNTS;
        // Two accounts without limits: one that pays in, one that is paid.
        let (payer, payee) = (accounts + 1, accounts + 2);

        let mut created: Vec<Command> = (1..=payee)
            .map(|id| {
                let flags = match id <= accounts {
                    true => AccountFlags::DEBITS_MUST_NOT_EXCEED_CREDITS,
                    false => AccountFlags::NONE,
                };
                let id = id.into();
                Command::create_account(Account {
                    id,
                    ledger: LEDGER,
                    code: 1,
                    flags,
                    ..Account::default()
                })
            })
            .collect();

        let mut commands = Vec::new();
        let mut pay = |debit: u64, credit: u64, amount: u128, flags: TransferFlags| {
            commands.push(Command::create_transfer(Transfer {
                id: (1 << 40) + commands.len() as u128,
                debit_account_id: debit.into(),
                credit_account_id: credit.into(),
                amount,
                ledger: LEDGER,
                code: 1,
                flags,
                ..Transfer::default()
            }));
            commands.len()
        };
        let mut count = 0;
        for _ in 0..rounds {
            for account in 1..=accounts {
                let to = if account <= in_rings { next_in_ring(account) } else { payee };
                count = pay(account, to, AMOUNT, TransferFlags::QUEUE);
            }
        }
        for account in in_rings + 1..=accounts {
            count = pay(payer, account, AMOUNT * u128::from(rounds), TransferFlags::NONE);
        }
        // A batch is of one operation: the one that resolves stands in the next.
        while !count.is_multiple_of(batch) {
            count = pay(payer, payee, AMOUNT, TransferFlags::NONE);
        }
        commands.push(Command::resolve_queues(ResolveQueues {
            ledger: LEDGER,
            ..ResolveQueues::default()
        }));

        let last = stamp(&mut created, BATCH_COMMANDS_MAX, 0);
        stamp(&mut commands, batch, last);
        Load {
            accounts: created.into(),
            prepared: Vec::new(),
            transfers: commands.into(),
            batch,
            markets: 0,
            orders: 0,
        }
    }
}

/// Whom an account of a ring pays: 1, 2, 3 and 1 again, then 4, 5, 6 and 4 again, and so on.
fn next_in_ring(account: u64) -> u64 {
    if account.is_multiple_of(RING_ACCOUNTS) { account + 1 - RING_ACCOUNTS } else { account + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::settle_fold;

    #[test]
    fn every_payment_that_waits_settles_in_the_end() {
        //  accounts queued gridlocked payments
        let cases = [(10, 1_000, 0, 1_000), (10, 1_001, 50, 1_010), (9, 900, 100, 900)];
        for (accounts, queued, gridlocked, payments) in cases {
            let load = QueueLoad { accounts, queued, gridlocked, batch: 64 }.generate();
            let report = settle_fold(&load, 0).unwrap();
            assert_eq!(report.report.refused, 0, "{gridlocked} of a hundred in gridlock");
            assert_eq!(report.events, payments, "{gridlocked} of a hundred in gridlock");
        }
    }
}
