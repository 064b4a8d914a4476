//! What a measurement found, for programs and for people.

use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::Load;

/// Stands for what is not known of an engine that another process runs; not shown to people.
pub const UNKNOWN: &str = "unknown";

/// Latencies in nanoseconds, at percentiles.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LatencyNs {
    p50: u64,
    p90: u64,
    p99: u64,
    p999: u64,
    p9999: u64,
    max: u64,
}

impl LatencyNs {
    /// The median.
    #[must_use]
    pub fn p50(&self) -> u64 {
        self.p50
    }
}

impl From<&Histogram<u64>> for LatencyNs {
    fn from(histogram: &Histogram<u64>) -> LatencyNs {
        LatencyNs {
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            p9999: histogram.value_at_quantile(0.9999),
            max: histogram.max(),
        }
    }
}

/// Latencies with a name, as they were recorded.
#[derive(Debug, Clone)]
pub struct Series {
    /// Of what.
    pub name: String,
    /// One value for each batch, in nanoseconds.
    pub latency_ns: Histogram<u64>,
}

impl Series {
    /// A copy of `latency_ns` under a name.
    pub(super) fn new(name: &str, latency_ns: &Histogram<u64>) -> Series {
        Series { name: name.to_owned(), latency_ns: latency_ns.clone() }
    }
}

/// One measurement of a load.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was measured: `pipeline` or `fold`.
    pub bench: &'static str,
    /// Transfers in the load.
    pub transfers: u64,
    /// Accounts between which they moved money.
    pub accounts: u64,
    /// Commands in a batch.
    pub batch: usize,
    /// Seed of the load.
    pub seed: u64,
    /// From the first transfer claimed to the last outcome published.
    pub seconds: f64,
    /// The two above, divided.
    pub transfers_per_second: f64,
    /// Transfers that were refused.
    pub refused: u64,
    /// From when a batch was due to when its last outcome was published.
    pub latency_ns: LatencyNs,
    /// One durable write of as many bytes as a batch takes in the journal, before and after the load;
    /// where batches wait for each other and a journal is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_latency_ns: Option<LatencyNs>,
    /// Digest of the state afterwards.
    pub digest: String,
    /// Which stages ran on which threads and cores.
    pub placement: String,
    /// How the threads waited.
    pub wait: String,
    /// What was kept: `volatile`, `async` or `sync`.
    pub durability: &'static str,
    /// A bare round trip between two cores, before and after: figures compare where it is alike.
    pub probe_round_trip_ns: [Option<f64>; 2],
    /// The latencies as they were recorded: of this measurement first, then of what it is compared
    /// with.
    #[serde(skip)]
    pub series: Vec<Series>,
}

/// One measurement of a load of orders.
#[derive(Debug, Clone, Serialize)]
pub struct SettleReport {
    /// What every measurement says; its transfers are the commands.
    #[serde(flatten)]
    pub report: Report,
    /// Commands in the load.
    pub commands: u64,
    /// Those, divided by the seconds.
    pub commands_per_second: f64,
    /// What they brought about: trades, payments that settled later.
    pub events: u64,
    /// Those, divided by the seconds.
    pub events_per_second: f64,
    /// Markets.
    pub markets: u64,
    /// Orders placed, those before the measurement included.
    pub orders: u64,
}

impl SettleReport {
    pub(super) fn new(report: Report, load: &Load, events: u64) -> SettleReport {
        SettleReport {
            commands: report.transfers,
            commands_per_second: report.transfers_per_second,
            events,
            events_per_second: events as f64 / report.seconds,
            markets: load.markets,
            orders: load.orders,
            report,
        }
    }
}

impl fmt::Display for SettleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SettleReport { report, commands, markets, events_per_second, .. } = self;
        let text = report.to_string();
        let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
        let (bench, batch, durability) = (report.bench, report.batch, report.durability);
        let to = if *markets == 0 { String::new() } else { format!(" to {markets} markets") };
        writeln!(
            f,
            "settle, {bench}: {commands} commands{to} in batches of {batch}, {durability}"
        )?;
        writeln!(f, "  {events_per_second:.0} events a second")?;
        write!(f, "{}", rest.replacen("transfers", "commands", 1))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} transfers between {} accounts in batches of {}, {}",
            self.bench, self.transfers, self.accounts, self.batch, self.durability
        )?;
        writeln!(
            f,
            "  {:.0} transfers a second ({:.3} s, {} refused)",
            self.transfers_per_second, self.seconds, self.refused
        )?;
        let LatencyNs { p50, p90, p99, p999, p9999, max } = self.latency_ns;
        writeln!(
            f,
            "  latency of a batch in ns: p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}, p99.99 {p9999}, max {max}"
        )?;
        if let Some(raw) = self.raw_latency_ns {
            let ratio = p50 as f64 / raw.p50 as f64;
            writeln!(
                f,
                "  p50 of a raw durable write {}: the batch took {ratio:.2} times that",
                raw.p50
            )?;
        }
        if self.placement != UNKNOWN {
            writeln!(f, "  placement {}, waiting {}", self.placement, self.wait)?;
        }
        let probe = |probe: Option<f64>| probe.map_or("none".to_owned(), |ns| format!("{ns:.0}"));
        write!(
            f,
            "  bare round trip between two cores in ns: {} before, {} after",
            probe(self.probe_round_trip_ns[0]),
            probe(self.probe_round_trip_ns[1])
        )?;
        match self.digest.as_str() {
            UNKNOWN => Ok(()),
            digest => write!(f, "\n  digest {digest}"),
        }
    }
}
