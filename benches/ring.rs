//! What the ring costs, with its peers and the bare machine beside it: read the ratios, not the
//! times. `cargo bench --bench ring_peers` runs the same in turns, for ratios to be trusted.

mod rings;

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use rings::bare::{self, Form};
use rings::{Event, Run, Wide, ours, peers};

/// Times `run`, which sends so many events, in bursts of `burst`.
fn bursts(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    burst: usize,
    run: impl Fn(u64) -> Run,
) {
    group.throughput(Throughput::Elements(burst as u64));
    group.bench_function(BenchmarkId::new(name, burst), |b| {
        // Threads start and end in there, but not while its clock runs.
        b.iter_custom(|bursts| run(bursts * burst as u64).elapsed);
    });
}

fn one_to_one<E: Event>(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("ring/one-to-one/{}-bytes", E::BYTES));
    for burst in [1, 16, 128] {
        let group = &mut group;
        bursts(group, "ringfence", burst, |events| ours::one_to_one::<E>(events, burst));
        bursts(group, "disruptor", burst, |events| peers::disruptor_one_to_one::<E>(events, burst));
        bursts(group, "rtrb", burst, |events| peers::rtrb_one_to_one::<E>(events, burst, false));
        if burst == 1 {
            bursts(group, "crossbeam-channel", burst, peers::channel_one_to_one::<E>);
            bursts(group, "crossbeam-queue", burst, peers::queue_one_to_one::<E>);
        }
        if E::BYTES == 8 {
            bursts(group, "bare", burst, |events| bare::one_to_one(events, burst, Form::Full));
        }
    }
}

/// Regressing at burst 1 means that publishing or polling takes more instructions, or that a
/// reader looks more often than it has to and takes the cursor's cache line away from the
/// producer. Regressing at bursts alone means that slots are no longer written and read in plain
/// loops. Both are paid at every hop of the pipeline.
fn small(c: &mut Criterion) {
    one_to_one::<u64>(c);
}

/// Events of 128 bytes, about the size of a command. Regressing where [`small`] does not means
/// that events are copied more than once.
fn wide(c: &mut Criterion) {
    one_to_one::<Wide>(c);
}

/// Regressing means that producers of a shared ring disturb each other more: the claim's
/// compare-and-swap, or the marks. On two cores the reader shares one with a producer.
fn two_to_one(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring/two-to-one");
    for burst in [1, 16, 128] {
        bursts(&mut group, "ringfence", burst, |events| ours::two_to_one(events, burst));
        bursts(&mut group, "disruptor", burst, |events| peers::disruptor_two_to_one(events, burst));
        if burst == 1 {
            bursts(&mut group, "crossbeam-channel", burst, peers::channel_two_to_one);
        }
    }
}

/// A chain of three stages and a diamond. Regressing where one-to-one does not means that a
/// stage pays more for those it waits for. With fewer than four cores threads take turns, and
/// what is timed is mostly how a full batch is handled.
fn graphs(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring/graphs");
    bursts(&mut group, "chain/ringfence", 16, |events| ours::chain(events, 16));
    bursts(&mut group, "chain/disruptor", 16, |events| peers::disruptor_chain(events, 16));
    bursts(&mut group, "diamond/ringfence", 16, |events| ours::diamond(events, 16));
    bursts(&mut group, "diamond/disruptor", 16, |events| peers::disruptor_diamond(events, 16));
}

/// There through one ring and back through another. Regressing against `bare` means that a
/// value takes longer from its publication to its reader: what one payment alone waits for, at
/// every hop.
fn round_trip(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring/round-trip");
    let mut trips = |name: &str, run: fn(u64) -> f64| {
        group.bench_function(name, |b| {
            b.iter_custom(|trips| Duration::from_secs_f64(run(trips) * trips as f64 * 1e-9));
        });
    };
    trips("ringfence", ours::round_trip);
    trips("bare", bare::round_trip);
    trips("disruptor", peers::disruptor_round_trip);
    trips("rtrb", peers::rtrb_round_trip);
}

/// What the ring's layout is worth, on bare atomics: with both cursors in one cache line, and
/// with the reader's cursor looked at for each event. These are what the ring would lose.
fn layout(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring/layout");
    for (name, form) in
        [("as-the-ring", Form::Full), ("unpadded", Form::Unpadded), ("uncached", Form::Uncached)]
    {
        bursts(&mut group, name, 1, |events| bare::one_to_one(events, 1, form));
    }
}

fn quick() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = benches;
    config = quick();
    targets = small, wide, two_to_one, graphs, round_trip, layout
}
criterion_main!(benches);
