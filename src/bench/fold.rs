//! The work of a load on one thread, through the engine alone.

use std::time::Instant;

use super::latency_histogram;
use super::{Load, Report, Series, SettleReport, round_trip_ns};
use ringfence_engine::{Engine, EngineError, OutcomeSink};
use ringfence_types::OutcomeCounts;
use ringfence_types::{Event, Outcome, Rules};

/// Keys of hash tables show nowhere; a fixed one makes runs alike.
const HASH_KEY: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03];

/// The rules that a load runs under.
pub(super) fn rules(load: &Load) -> Rules {
    Rules::new(load.capacities(), HASH_KEY)
}

#[derive(Default)]
struct Counter {
    counts: OutcomeCounts,
    events: u64,
}

impl OutcomeSink for Counter {
    fn event(&mut self, _: &Event) {
        self.events += 1;
    }

    #[inline]
    fn outcome(&mut self, _: u64, outcome: &Outcome) {
        self.counts.add(outcome.status);
    }
}

/// Runs `load`, generated from `seed`, through the engine alone.
///
/// # Errors
///
/// If the engine cannot be set up.
///
/// # Panics
///
/// If a transfer has no outcome.
pub fn fold(load: &Load, seed: u64) -> Result<Report, EngineError> {
    measure(load, seed).map(|(report, _)| report)
}

/// Runs a load of orders, generated from `seed`, through the engine alone.
///
/// # Errors
///
/// If the engine cannot be set up.
///
/// # Panics
///
/// If a command has no outcome.
pub fn settle_fold(load: &Load, seed: u64) -> Result<SettleReport, EngineError> {
    measure(load, seed).map(|(report, events)| SettleReport::new(report, load, events))
}

/// The report, and how many events were counted.
fn measure(load: &Load, seed: u64) -> Result<(Report, u64), EngineError> {
    let mut engine = Engine::new(&rules(load))?;
    // As in a node: no command waits for the system to give a page.
    let pieces = engine.growth().pieces();
    while pieces.back_next().is_some() {}
    let mut sink = Counter::default();
    engine.apply(1, &load.accounts, &mut sink);
    let mut sequence = load.accounts.len() as u64 + 1;
    for part in &load.prepared {
        engine.apply(sequence, part, &mut sink);
        sequence += part.len() as u64;
    }
    assert_eq!(sink.counts.refused(), 0, "what is prepared is in order");
    let mut sink = Counter::default();
    let mut latency_ns = latency_histogram();
    let probe_before = round_trip_ns();

    let start = Instant::now();
    let mut batch_start = start;
    for batch in load.batches() {
        engine.apply(sequence, batch, &mut sink);
        sequence += batch.len() as u64;
        let now = Instant::now();
        latency_ns.saturating_record((now - batch_start).as_nanos() as u64);
        batch_start = now;
    }
    let seconds = (batch_start - start).as_secs_f64();

    let transfers = load.transfers.len() as u64;
    assert_eq!(sink.counts.total(), transfers, "every transfer has one outcome");
    let report = Report {
        bench: "fold",
        transfers,
        accounts: load.accounts.len() as u64,
        batch: load.batch,
        seed,
        seconds,
        transfers_per_second: transfers as f64 / seconds,
        refused: sink.counts.refused(),
        latency_ns: (&latency_ns).into(),
        raw_latency_ns: None,
        digest: engine.digest().to_string(),
        placement: "risk+settle".to_owned(),
        wait: "never".to_owned(),
        durability: "volatile",
        probe_round_trip_ns: [probe_before, round_trip_ns()],
        series: vec![Series::new("engine alone", &latency_ns)],
    };
    Ok((report, sink.events))
}
