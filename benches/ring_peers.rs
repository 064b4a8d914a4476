//! The ring against its peers, in turns: `cargo bench --bench ring_peers -- [ROUNDS] [CASE…]`.
//!
//! Two cores of a shared machine lie near one moment and far the next, and a reader of small
//! events either chases its writer or lags behind it. So one run says little: here every
//! contender of a case runs once a round, for [`ROUNDS`] rounds, with a bare round trip between
//! the cores before each; the ratio that counts is that of the medians, and those of the single
//! rounds show how far it can be trusted.
//!
//! `cargo bench --bench ring` has the same cases for criterion.

mod rings;

use std::env;

use rings::bare::{self, Form};
use rings::{Event, Run, Wide, median, ours, peers};

/// Rounds if nothing else is asked for.
const ROUNDS: usize = 10;
/// Events of a run of small bursts, and trips of a run.
const EVENTS: u64 = 4_000_000;
const TRIPS: u64 = 100_000;

/// A figure of one run: millions a second, or nanoseconds; and events that a look found.
type Figure = (f64, Option<f64>);

struct Contender {
    name: &'static str,
    /// Whether the target is a ratio to the best of these.
    rival: bool,
    run: Box<dyn Fn() -> Figure>,
}

struct Case {
    name: String,
    unit: &'static str,
    /// The ring is the first.
    contenders: Vec<Contender>,
}

fn contender(name: &'static str, rival: bool, run: impl Fn() -> Run + 'static) -> Contender {
    let run = move || {
        let run = run();
        (run.millions(), run.batch())
    };
    Contender { name, rival, run: Box::new(run) }
}

fn latency(name: &'static str, rival: bool, run: fn(u64) -> f64) -> Contender {
    Contender { name, rival, run: Box::new(move || (run(TRIPS), None)) }
}

fn one_to_one<E: Event>(burst: usize) -> Case {
    let events = EVENTS * if burst == 1 { 2 } else { 4 } / if E::BYTES > 8 { 4 } else { 1 };
    let mut contenders = vec![
        contender("ringfence", false, move || ours::one_to_one::<E>(events, burst)),
        contender("disruptor", true, move || peers::disruptor_one_to_one::<E>(events, burst)),
        contender("rtrb, chunks", true, move || peers::rtrb_one_to_one::<E>(events, burst, false)),
        contender("rtrb, pop", true, move || peers::rtrb_one_to_one::<E>(events, burst, true)),
    ];
    if burst == 1 {
        contenders.push(contender("crossbeam channel", false, move || {
            peers::channel_one_to_one::<E>(events / 8)
        }));
        contenders.push(contender("crossbeam queue", false, move || {
            peers::queue_one_to_one::<E>(events / 8)
        }));
    }
    if E::BYTES == 8 {
        contenders.push(contender("bare atomics", false, move || {
            bare::one_to_one(events, burst, Form::Full)
        }));
    }
    Case { name: format!("one-{}-{burst}", E::BYTES), unit: "M/s", contenders }
}

fn two_to_one(burst: usize) -> Case {
    let events = EVENTS / 2;
    let mut contenders = vec![
        contender("ringfence", false, move || ours::two_to_one(events, burst)),
        contender("disruptor", true, move || peers::disruptor_two_to_one(events, burst)),
    ];
    if burst == 1 {
        contenders
            .push(contender("crossbeam channel", false, move || peers::channel_two_to_one(events)));
    }
    Case { name: format!("two-8-{burst}"), unit: "M/s", contenders }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for burst in [1, 16, 128] {
        cases.push(one_to_one::<u64>(burst));
    }
    for burst in [1, 16, 128] {
        cases.push(one_to_one::<Wide>(burst));
    }
    for burst in [1, 16, 128] {
        cases.push(two_to_one(burst));
    }
    cases.push(Case {
        name: "chain".to_owned(),
        unit: "M/s",
        contenders: vec![
            contender("ringfence", false, || ours::chain(EVENTS / 4, 16)),
            contender("disruptor", true, || peers::disruptor_chain(EVENTS / 4, 16)),
        ],
    });
    cases.push(Case {
        name: "diamond".to_owned(),
        unit: "M/s",
        contenders: vec![
            contender("ringfence", false, || ours::diamond(EVENTS / 4, 16)),
            contender("disruptor", true, || peers::disruptor_diamond(EVENTS / 4, 16)),
        ],
    });
    cases.push(Case {
        name: "trip".to_owned(),
        unit: "ns",
        contenders: vec![
            latency("ringfence", false, ours::round_trip),
            latency("bare atomics", true, bare::round_trip),
            latency("disruptor", false, peers::disruptor_round_trip),
            latency("rtrb", false, peers::rtrb_round_trip),
        ],
    });
    let form = |form| move || bare::one_to_one(EVENTS, 1, form);
    cases.push(Case {
        name: "layout".to_owned(),
        unit: "M/s",
        contenders: vec![
            contender("bare, as the ring is", false, form(Form::Full)),
            contender("bare, cursors in one line", true, form(Form::Unpadded)),
            contender("bare, no cursor cached", true, form(Form::Uncached)),
        ],
    });
    cases
}

fn main() {
    // cargo adds `--bench`.
    let mut words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let rounds = words.first().and_then(|word| word.parse().ok());
    if rounds.is_some() {
        words.remove(0);
    }
    for case in cases() {
        // `one-8` are all bursts of eight bytes, `one-8-1` is one of them.
        let meant = |word: &String| format!("{}-", case.name).starts_with(&format!("{word}-"));
        if words.is_empty() || words.iter().any(meant) {
            report(&case, rounds.unwrap_or(ROUNDS).max(1));
        }
    }
}

/// Runs the case, and prints a table of it.
fn report(case: &Case, rounds: usize) {
    let mut figures = vec![Vec::new(); case.contenders.len()];
    let mut batches = vec![Vec::new(); case.contenders.len()];
    let mut probes = vec![Vec::new(); case.contenders.len()];
    for round in 0..rounds {
        // Whoever goes first in one round goes last in the next.
        for turn in 0..case.contenders.len() {
            let index = (turn + round) % case.contenders.len();
            probes[index].push(bare::round_trip(5_000));
            let (figure, batch) = (case.contenders[index].run)();
            figures[index].push(figure);
            batches[index].extend(batch);
        }
    }
    println!(
        "\n{} ({}, {rounds} rounds)\n{:26} {:>8} {:>8} {:>8} {:>8} {:>22}",
        case.name, case.unit, "", "min", "median", "max", "batch", "probe ns"
    );
    for (index, contender) in case.contenders.iter().enumerate() {
        let [min, mid, max] = spread(&figures[index]);
        let batch = if batches[index].is_empty() {
            "-".to_owned()
        } else {
            format!("{:.1}", median(&mut batches[index].clone()))
        };
        let probe = spread(&probes[index]).map(|ns| format!("{ns:.0}")).join(", ");
        println!("{:26} {min:8.1} {mid:8.1} {max:8.1} {batch:>8} {probe:>22}", contender.name);
    }
    let rivals = || (0..case.contenders.len()).filter(|&index| case.contenders[index].rival);
    // Throughput: the higher the better; a round trip's rival is the machine alone.
    let best = rivals().map(|index| spread(&figures[index])[1]).fold(0.0, f64::max);
    let ratios: Vec<f64> = (0..rounds)
        .map(|round| {
            let best = rivals().map(|index| figures[index][round]).fold(0.0, f64::max);
            figures[0][round] / best
        })
        .collect();
    let [min, mid, max] = spread(&ratios);
    println!(
        "{} to its best rival: {:.2} by medians; in single rounds {min:.2}, {mid:.2}, {max:.2}",
        case.contenders[0].name,
        spread(&figures[0])[1] / best
    );
}

/// Minimum, median and maximum.
fn spread(figures: &[f64]) -> [f64; 3] {
    let mut sorted = figures.to_vec();
    let mid = median(&mut sorted);
    [sorted[0], mid, sorted[sorted.len() - 1]]
}
