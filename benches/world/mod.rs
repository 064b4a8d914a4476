//! An engine with accounts, and transfers for it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use ringfence::engine::Engine;
use ringfence::node::replay::Discard;
use ringfence::types::{
    Account, BATCH_COMMANDS_MAX, Capacities, Command, Rules, Transfer, stamp_batch,
};

const KEY: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03];

/// Rules for so many accounts and transfers; ids are remembered for so many nanoseconds, 0: for
/// ever.
pub fn rules(accounts: u64, transfers: u64, retention_ns: u64) -> Rules {
    let capacities = Capacities { accounts, transfers, ..Capacities::default() };
    Rules { retention_ns, ..Rules::new(capacities, KEY) }
}

/// An engine, what it is fed with, and where that has come to.
pub struct World {
    pub engine: Engine,
    pub batch: Vec<Command>,
    pub sequence: u64,
    random: Pcg64,
    accounts: u64,
    timestamp: u64,
    next_id: u128,
}

impl World {
    /// As many accounts as the rules allow, no transfer yet.
    pub fn new(rules: &Rules) -> World {
        let engine = Engine::new(rules).expect("there is so much memory");
        // As in a node: no command waits for the system to give a page.
        let pieces = engine.growth().pieces();
        while pieces.back_next().is_some() {}
        let mut world = World {
            engine,
            batch: Vec::with_capacity(BATCH_COMMANDS_MAX),
            sequence: 1,
            random: Pcg64::seed_from_u64(1),
            accounts: rules.capacities.accounts,
            timestamp: 0,
            next_id: 1 << 40,
        };
        let account = |id| Account { id, ledger: 978, code: 1, ..Account::default() };
        let ids: Vec<u64> = (1..=world.accounts).collect();
        for ids in ids.chunks(BATCH_COMMANDS_MAX) {
            world.batch.clear();
            world.batch.extend(ids.iter().map(|&id| Command::create_account(account(id.into()))));
            world.apply();
        }
        world
    }

    /// A batch of `count` single-phase transfers between accounts drawn at random, with new ids.
    fn draw(&mut self, count: usize) {
        self.batch.clear();
        for _ in 0..count {
            let debit = self.random.random_range(1..=self.accounts);
            let credit = (debit + self.random.random_range(1..self.accounts) - 1) % self.accounts;
            self.next_id += 1;
            self.batch.push(Command::create_transfer(Transfer {
                id: self.next_id,
                debit_account_id: debit.into(),
                credit_account_id: u128::from(credit) + 1,
                amount: 1,
                ledger: 978,
                code: 1,
                ..Transfer::default()
            }));
        }
    }

    pub fn stamp(&mut self, clock_ns: u64) {
        self.timestamp = stamp_batch(&mut self.batch, self.timestamp, clock_ns);
    }

    fn apply(&mut self) {
        self.stamp(0);
        self.engine.apply(self.sequence, &self.batch, &mut Discard);
        self.sequence += self.batch.len() as u64;
    }

    /// How long a batch of `count` transfers takes, without drawing them, handed over `window`
    /// commands at a time: the engine looks ahead within what it is handed, and no further.
    pub fn time(&mut self, count: usize, window: usize) -> Duration {
        let (start, end) = self.time_by(count, window, Instant::now);
        end - start
    }

    /// The same by another clock: what it showed before and after.
    pub fn time_by<T>(&mut self, count: usize, window: usize, clock: impl Fn() -> T) -> (T, T) {
        self.draw(count);
        self.stamp(0);
        let start = clock();
        let mut sequence = self.sequence;
        for commands in black_box(&self.batch).chunks(window) {
            self.engine.apply(sequence, commands, &mut Discard);
            sequence += commands.len() as u64;
        }
        let end = clock();
        self.sequence = sequence;
        (start, end)
    }
}
