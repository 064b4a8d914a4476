//! What the bench found, for programs and for people.

use std::fmt;

use hdrhistogram::Histogram;
use ringfence::bench::{LatencyNs, Report, UNKNOWN};
use serde::Serialize;

use crate::broker::Broker;
use crate::load::Measured;
use crate::options::Options;

/// One bench of a bridge.
#[derive(Debug, Serialize)]
pub struct BridgeReport {
    /// What every measurement says, of the payments through the bridge: the turn with the median
    /// rate, and the latencies of all turns.
    #[serde(flatten)]
    report: Report,
    /// The broker.
    broker: &'static str,
    /// How it was set up.
    setup: String,
    /// Payments under way at a time.
    window: usize,
    /// Turns of each.
    turns: u64,
    /// What the broker moved alone.
    alone: Series,
    /// Payments a second through the bridge, as a part of those of the broker alone.
    of_alone: f64,
    /// Payments one at a time.
    single: Single,
}

/// What the broker moved without a bridge.
#[derive(Debug, Serialize)]
struct Series {
    seconds: f64,
    transfers_per_second: f64,
    latency_ns: LatencyNs,
}

/// Payments one at a time.
#[derive(Debug, Serialize)]
struct Single {
    /// So many, in all turns.
    transfers: u64,
    /// Through the bridge.
    latency_ns: LatencyNs,
    /// Through the broker alone.
    alone_latency_ns: LatencyNs,
    /// The median through the bridge in medians of the broker alone.
    of_alone: f64,
}

/// The turns of one kind.
#[derive(Default)]
pub struct Turns {
    seconds: Vec<f64>,
    latency_ns: Option<Histogram<u64>>,
    refused: u64,
}

impl Turns {
    /// A turn is over.
    pub fn add(&mut self, turn: Measured) {
        self.seconds.push(turn.seconds);
        self.refused += turn.refused;
        match &mut self.latency_ns {
            Some(all) => all.add(&turn.latency_ns).expect("they have the same bounds"),
            none => *none = Some(turn.latency_ns),
        }
    }

    fn median_seconds(&self) -> f64 {
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    }

    fn latency_ns(&self) -> LatencyNs {
        self.latency_ns.as_ref().expect("there is a turn").into()
    }
}

/// Everything that was measured: through the bridge and through the broker alone.
#[derive(Default)]
pub struct Found {
    /// Many under way, through the bridge.
    pub through: Turns,
    /// Many under way, alone.
    pub alone: Turns,
    /// One at a time, through the bridge.
    pub single: Turns,
    /// One at a time, alone.
    pub single_alone: Turns,
}

impl BridgeReport {
    /// The report of a bench at `broker`, with a bare round trip between two cores before and after
    /// it.
    pub fn new(
        options: &Options,
        broker: &impl Broker,
        found: &Found,
        probe: [Option<f64>; 2],
    ) -> BridgeReport {
        let rate = |seconds: f64| options.transfers() as f64 / seconds;
        let (through, alone) = (found.through.median_seconds(), found.alone.median_seconds());
        let (single, single_alone) = (found.single.latency_ns(), found.single_alone.latency_ns());
        BridgeReport {
            report: Report {
                bench: "bridge",
                transfers: options.transfers(),
                accounts: options.accounts,
                batch: 1,
                seed: options.seed,
                seconds: through,
                transfers_per_second: rate(through),
                refused: found.through.refused + found.single.refused,
                latency_ns: found.through.latency_ns(),
                raw_latency_ns: None,
                digest: UNKNOWN.to_owned(),
                placement: UNKNOWN.to_owned(),
                wait: UNKNOWN.to_owned(),
                durability: if options.connect.is_some() { UNKNOWN } else { "sync" },
                probe_round_trip_ns: probe,
                // Nothing is drawn of it.
                series: Vec::new(),
            },
            broker: broker.name(),
            setup: broker.about()
                + if options.brief { ", brief" } else { "" }
                + if options.headers { ", alone with headers" } else { "" },
            window: options.window(),
            turns: options.turns,
            of_alone: rate(through) / rate(alone),
            alone: Series {
                seconds: alone,
                transfers_per_second: rate(alone),
                latency_ns: found.alone.latency_ns(),
            },
            single: Single {
                transfers: options.singles() * options.turns,
                of_alone: single.p50() as f64 / single_alone.p50() as f64,
                latency_ns: single,
                alone_latency_ns: single_alone,
            },
        }
    }
}

impl fmt::Display for BridgeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BridgeReport { report, broker, setup, window, turns, .. } = self;
        writeln!(f, "{broker}, {setup}, {window} under way, {turns} turns")?;
        writeln!(f, "{report}")?;
        writeln!(
            f,
            "  {broker} alone: {:.0} a second, p50 {} ns; the bridge does {:.2} of that",
            self.alone.transfers_per_second,
            self.alone.latency_ns.p50(),
            self.of_alone
        )?;
        let Single { transfers, latency_ns, alone_latency_ns, of_alone } = &self.single;
        write!(
            f,
            "  {transfers} one at a time: p50 {} ns, {broker} alone {} ns; the bridge takes \
             {of_alone:.2} times that",
            latency_ns.p50(),
            alone_latency_ns.p50()
        )
    }
}
