//! What a transfer costs on one core, by how far away the memory is that it needs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use ringfence::engine::Engine;
use ringfence::node::replay::Discard;
use ringfence::types::{
    Account, BATCH_COMMANDS_MAX, Capacities, Command, NANOSECONDS_PER_SECOND, Rules, Transfer,
    TransferFlags, stamp_batch,
};

const KEY: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03];

/// An engine, what it is fed with, and where that has come to.
struct World {
    engine: Engine,
    random: Pcg64,
    accounts: u64,
    batch: Vec<Command>,
    sequence: u64,
    timestamp: u64,
    next_id: u128,
}

impl World {
    /// `accounts` accounts, no transfer yet; ids are remembered for so many nanoseconds, 0: for ever.
    fn new(accounts: u64, transfers: u64, retention_ns: u64) -> World {
        let capacities = Capacities { accounts, transfers, ..Capacities::default() };
        let rules = Rules { retention_ns, ..Rules::new(capacities, KEY) };
        let engine = Engine::new(&rules).expect("there is so much memory");
        // As in a node: no command waits for the system to give a page.
        let pieces = engine.growth().pieces();
        while pieces.back_next().is_some() {}
        let mut world = World {
            engine,
            random: Pcg64::seed_from_u64(1),
            accounts,
            batch: Vec::with_capacity(BATCH_COMMANDS_MAX),
            sequence: 1,
            timestamp: 0,
            next_id: 1 << 40,
        };
        let account = |id| Account { id, ledger: 978, code: 1, ..Account::default() };
        let ids: Vec<u64> = (1..=accounts).collect();
        for ids in ids.chunks(BATCH_COMMANDS_MAX) {
            world.batch.clear();
            world.batch.extend(ids.iter().map(|&id| Command::create_account(account(id.into()))));
            world.apply();
        }
        world
    }

    /// A batch of single-phase transfers between accounts drawn at random, with ids of their own.
    fn draw(&mut self) {
        self.batch.clear();
        for _ in 0..BATCH_COMMANDS_MAX {
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

    fn stamp(&mut self, clock_ns: u64) {
        self.timestamp = stamp_batch(&mut self.batch, self.timestamp, clock_ns);
    }

    fn apply(&mut self) {
        self.stamp(0);
        self.engine.apply(self.sequence, &self.batch, &mut Discard);
        self.sequence += self.batch.len() as u64;
    }

    /// How long `batches` batches take, without drawing them, handed over `window` commands at a
    /// time: the engine looks ahead within what it is handed, and no further.
    fn time(&mut self, batches: u64, window: usize) -> Duration {
        let mut spent = Duration::ZERO;
        for _ in 0..batches {
            self.draw();
            self.stamp(0);
            let start = Instant::now();
            let mut sequence = self.sequence;
            for commands in black_box(&self.batch).chunks(window) {
                self.engine.apply(sequence, commands, &mut Discard);
                sequence += commands.len() as u64;
            }
            spent += start.elapsed();
            self.sequence = sequence;
        }
        spent
    }
}

/// Regressing this means every payment got slower: with a thousand accounts its instructions, with
/// ten million the memory behind it. The rows that hand over one command at a time leave nothing to
/// prefetch, so they suffer each miss; where the others come close to them, prefetching has stopped
/// working. With a thousand accounts, which are in the cache, they show what a call costs.
///
/// Ids are forgotten after a million commands, so that the tables stay as full as they are.
fn transfers(c: &mut Criterion) {
    let mut group = c.benchmark_group("ledger/transfers");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements(BATCH_COMMANDS_MAX as u64));
    for accounts in [1_000, 1_000_000, 10_000_000] {
        let mut world = World::new(accounts, 1 << 21, 1_000_000);
        // Until as much is forgotten as comes.
        world.time(2_000_000 / BATCH_COMMANDS_MAX as u64, BATCH_COMMANDS_MAX);
        for (name, window) in [("batches", BATCH_COMMANDS_MAX), ("one by one", 1)] {
            group.bench_function(BenchmarkId::new(name, accounts), |b| {
                b.iter_custom(|batches| world.time(batches, window));
            });
        }
    }
    group.finish();
}

/// Regressing this means that forgetting old ids holds up new transfers: each batch forgets as many
/// as it adds, or, in the other row, nothing.
fn retention(c: &mut Criterion) {
    const BATCHES: u64 = 64;
    let mut group = c.benchmark_group("ledger/retention");
    group.sample_size(10);
    group.throughput(Throughput::Elements(BATCHES * BATCH_COMMANDS_MAX as u64));
    for (name, retention_ns) in [("forgets", 500_000), ("remembers", 0)] {
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| {
                (0..rounds)
                    .map(|_| {
                        let mut world = World::new(1_000, 2 << 20, retention_ns);
                        world.time(BATCHES, BATCH_COMMANDS_MAX);
                        world.time(BATCHES, BATCH_COMMANDS_MAX)
                    })
                    .sum()
            });
        });
    }
    group.finish();
}

/// Regressing this means that a moment in which much falls due takes longer: a million pending
/// transfers, all of which expire in the same nanosecond, before one command.
fn expiry(c: &mut Criterion) {
    const COUNT: u64 = 1_000_000;
    let mut group = c.benchmark_group("ledger/expiry");
    group.sample_size(10);
    group.throughput(Throughput::Elements(COUNT));
    group.bench_function("a million at once", |b| {
        b.iter_custom(|rounds| (0..rounds).map(|_| expire_at_once(COUNT as u32)).sum());
    });
    group.finish();
}

/// How long the one command takes before which `count` pending transfers expire.
fn expire_at_once(count: u32) -> Duration {
    let mut world = World::new(1_000, u64::from(count), 0);
    let moment = u64::from(count + 1) * NANOSECONDS_PER_SECOND;
    for index in 0..count {
        // Each a second later than the one before, and waiting a second less.
        world.batch.clear();
        world.batch.push(Command::create_transfer(Transfer {
            id: (1 << 40) + u128::from(index),
            debit_account_id: u128::from(index % 999) + 1,
            credit_account_id: 1_000,
            amount: 1,
            timeout: count - index,
            ledger: 978,
            code: 1,
            flags: TransferFlags::PENDING,
            ..Transfer::default()
        }));
        world.stamp(u64::from(index + 1) * NANOSECONDS_PER_SECOND);
        world.engine.apply(world.sequence, &world.batch, &mut Discard);
        world.sequence += 1;
    }
    world.batch.clear();
    world.batch.push(Command::pulse());
    world.stamp(moment);
    let start = Instant::now();
    world.engine.apply(world.sequence, &world.batch, &mut Discard);
    let spent = start.elapsed();
    let pending: u128 = world.engine.accounts().map(|account| account.debits_pending).sum();
    assert_eq!(pending, 0, "all have expired");
    spent
}

criterion_group!(benches, transfers, retention, expiry);
criterion_main!(benches);
