//! What a transfer costs on one core, by how far away the memory is that it needs.

mod world;

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringfence::node::replay::Discard;
use ringfence::types::{
    BATCH_COMMANDS_MAX, Command, NANOSECONDS_PER_SECOND, Transfer, TransferFlags,
};

use world::{World, rules};

/// How long `batches` full batches take, handed over `window` commands at a time.
fn time(world: &mut World, batches: u64, window: usize) -> Duration {
    (0..batches).map(|_| world.time(BATCH_COMMANDS_MAX, window)).sum()
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
        let mut world = World::new(&rules(accounts, 1 << 21, 1_000_000));
        // Until as much is forgotten as comes.
        time(&mut world, 2_000_000 / BATCH_COMMANDS_MAX as u64, BATCH_COMMANDS_MAX);
        for (name, window) in [("batches", BATCH_COMMANDS_MAX), ("one by one", 1)] {
            group.bench_function(BenchmarkId::new(name, accounts), |b| {
                b.iter_custom(|batches| time(&mut world, batches, window));
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
                        let mut world = World::new(&rules(1_000, 2 << 20, retention_ns));
                        time(&mut world, BATCHES, BATCH_COMMANDS_MAX);
                        time(&mut world, BATCHES, BATCH_COMMANDS_MAX)
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
    let mut world = World::new(&rules(1_000, u64::from(count), 0));
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
