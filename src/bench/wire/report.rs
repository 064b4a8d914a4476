//! What a load over sockets found.

use std::fmt;

use serde::Serialize;

use super::super::{LatencyNs, Report, Series};
use super::WireLoad;
use super::driver::Measured;

/// One measurement of a load over sockets.
#[derive(Debug, Clone, Serialize)]
pub struct WireReport {
    /// What every measurement says. Latencies are from when a batch was due to when its last outcome
    /// was read.
    #[serde(flatten)]
    pub report: Report,
    /// Connections.
    pub clients: usize,
    /// Batches that each of them had under way.
    pub window: usize,
    /// Commands a second as planned; `None`: as fast as the windows allowed.
    pub rate: Option<f64>,
    /// Whether the connections had sessions with names.
    pub session: bool,
    /// From when a command was taken in to when its outcome arrived at a subscriber that took
    /// everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscriber_latency_ns: Option<LatencyNs>,
    /// The same load to a server that answers without an engine.
    pub echo: EchoReport,
    /// Transfers a second, as a part of those of the echo server.
    pub of_echo: f64,
}

/// What the echo server did with the load.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct EchoReport {
    /// From the first batch sent, or due, to the last outcome read.
    pub seconds: f64,
    /// Transfers a second.
    pub transfers_per_second: f64,
    /// As those of the engine.
    pub latency_ns: LatencyNs,
}

impl WireReport {
    pub(super) fn new(
        report: Report,
        wire: &WireLoad,
        echo: &Measured,
        engine: &Measured,
    ) -> WireReport {
        let series = [("engine", engine), ("echo", echo)];
        let series = series.map(|(name, measured)| Series::new(name, &measured.latency_ns));
        let echo = EchoReport {
            seconds: echo.seconds,
            transfers_per_second: report.transfers as f64 / echo.seconds,
            latency_ns: (&echo.latency_ns).into(),
        };
        WireReport {
            clients: wire.clients,
            window: wire.window,
            rate: wire.rate,
            session: wire.session,
            subscriber_latency_ns: engine.arrival_ns.as_ref().map(LatencyNs::from),
            of_echo: report.transfers_per_second / echo.transfers_per_second,
            echo,
            report: Report { series: series.into(), ..report },
        }
    }
}

impl fmt::Display for WireReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WireReport { report, clients, window, session, echo, of_echo, .. } = self;
        let rate = self.rate.map_or(String::new(), |rate| format!(", {rate} commands a second"));
        let named = if *session { ", sessions with names" } else { "" };
        writeln!(f, "{clients} clients, {window} batches under way in each{rate}{named}")?;
        writeln!(f, "{report}")?;
        if let Some(latency_ns) = self.subscriber_latency_ns {
            let p50 = latency_ns.p50();
            writeln!(f, "  subscriber: p50 {p50} ns from taken in to arrived")?;
        }
        write!(
            f,
            "  echo server: {:.0} transfers a second, p50 {} ns; the engine does {of_echo:.2} of that",
            echo.transfers_per_second,
            echo.latency_ns.p50()
        )
    }
}
