//! What is counted, and how it is printed for Prometheus.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ringfence_codec::MetricsPage;

use crate::Note;

/// Counters of everything that runs in one program. Clones share the same.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Mutex<Registry>>);

#[derive(Debug, Default)]
struct Registry {
    sources: BTreeMap<String, Arc<SourceMetrics>>,
    sinks: BTreeMap<String, Arc<SinkMetrics>>,
}

/// Counters of a source.
#[derive(Debug, Default)]
pub struct SourceMetrics {
    /// Whether it is connected to its broker.
    pub is_connected: AtomicBool,
    /// How many of its sessions with the engine have a connection: a source with partitions has a
    /// session for each.
    sessions: AtomicU64,
    /// Whether it has ended for good.
    pub has_ended: AtomicBool,
    /// Messages taken in.
    pub received: AtomicU64,
    /// Messages that may be acknowledged.
    pub settled: AtomicU64,
    /// Messages that had been taken in before.
    pub repeated: AtomicU64,
    /// Commands sent to the engine.
    pub commands: AtomicU64,
    /// Messages whose outcomes can no longer be had.
    pub lost: AtomicU64,
    /// How often a connection to the broker ended.
    pub reconnects: AtomicU64,
    /// Dead letters, by the kind of mistake.
    dead: Mutex<BTreeMap<&'static str, u64>>,
    /// Messages behind the end of each partition, of a source that has partitions.
    partition_lags: Mutex<BTreeMap<String, u64>>,
    /// Partitions that are not read, and why.
    refused: Mutex<BTreeMap<String, String>>,
    /// Why the last attempt ended.
    pub trouble: Note,
    /// Why the broker takes no messages, such as replies, while it takes none.
    pub blocked: Note,
}

/// Counters of a sink.
#[derive(Debug, Default)]
pub struct SinkMetrics {
    /// Whether it is connected to its broker.
    pub is_connected: AtomicBool,
    /// Whether it has ended for good.
    pub has_ended: AtomicBool,
    /// Records sent.
    pub sent: AtomicU64,
    /// Records confirmed.
    pub confirmed: AtomicU64,
    /// Sequence up to which everything is confirmed.
    pub position: AtomicU64,
    /// The last sequence that the engine has published.
    pub head: AtomicU64,
    /// How often a connection to the broker ended.
    pub reconnects: AtomicU64,
    /// Why the last attempt ended.
    pub trouble: Note,
    /// Why the broker takes no messages, while it takes none.
    pub blocked: Note,
}

impl SourceMetrics {
    /// Counts a dead letter.
    pub fn count_dead(&self, kind: &'static str) {
        let mut dead = self.dead.lock().unwrap_or_else(PoisonError::into_inner);
        *dead.entry(kind).or_default() += 1;
    }

    /// How many messages a partition has that are not settled.
    pub fn set_partition_lag(&self, partition: &str, messages: u64) {
        let mut lags = self.partition_lags.lock().unwrap_or_else(PoisonError::into_inner);
        lags.insert(partition.to_owned(), messages);
    }

    /// A partition is not read, for this reason.
    pub fn refuse_partition(&self, partition: &str, reason: String) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(partition.to_owned(), reason);
    }

    /// Nothing that was said of partitions holds any more: others are assigned.
    pub fn forget_partitions(&self) {
        self.partition_lags.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl SourceMetrics {
    fn complaint(&self) -> Option<String> {
        let (is_connected, has_session) = (is(&self.is_connected), get(&self.sessions) > 0);
        if is(&self.has_ended) {
            return Some(with_reason("it has ended", &self.trouble));
        }
        match (is_connected, has_session) {
            // The session is lost; the last attempt ended for another reason, if ever.
            (true, false) => Some("no session with the engine".to_owned()),
            (false, true) => Some(with_reason("no connection to the broker", &self.trouble)),
            (false, false) => match self.trouble.text() {
                Some(why) => Some(format!("not connected: {why}")),
                None => Some("no session with the engine".to_owned()),
            },
            (true, true) => blocked(&self.blocked),
        }
    }
}

impl SinkMetrics {
    fn complaint(&self) -> Option<String> {
        if is(&self.has_ended) {
            return Some(with_reason("it has ended", &self.trouble));
        }
        if !is(&self.is_connected) {
            return Some(with_reason("no connection to the broker", &self.trouble));
        }
        blocked(&self.blocked)
    }
}

/// `what`, with the reason where one is known.
fn with_reason(what: &str, reason: &Note) -> String {
    reason.text().map_or_else(|| what.to_owned(), |reason| format!("{what}: {reason}"))
}

fn blocked(reason: &Note) -> Option<String> {
    reason.text().map(|reason| format!("the broker takes no messages: {reason}"))
}

/// A session of a source, which counts while it has a connection.
#[derive(Debug)]
pub struct CountedSession {
    metrics: Arc<SourceMetrics>,
    is_connected: bool,
}

impl CountedSession {
    /// A session that has no connection yet.
    #[must_use]
    pub fn new(metrics: Arc<SourceMetrics>) -> CountedSession {
        CountedSession { metrics, is_connected: false }
    }

    /// Says whether it has a connection.
    pub fn set_connected(&mut self, is_connected: bool) {
        match (std::mem::replace(&mut self.is_connected, is_connected), is_connected) {
            (false, true) => self.metrics.sessions.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.metrics.sessions.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
    }
}

impl Drop for CountedSession {
    fn drop(&mut self) {
        self.set_connected(false);
    }
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    add(counter, 1);
}

/// Adds `more`.
pub(crate) fn add(counter: &AtomicU64, more: u64) {
    // Relaxed: counters stand for themselves.
    counter.fetch_add(more, Ordering::Relaxed);
}

impl Metrics {
    /// The counters of the source `name`.
    #[must_use]
    pub fn source(&self, name: &str) -> Arc<SourceMetrics> {
        self.with(|registry| Arc::clone(registry.sources.entry(name.to_owned()).or_default()))
    }

    /// The counters of the sink `name`.
    #[must_use]
    pub fn sink(&self, name: &str) -> Arc<SinkMetrics> {
        self.with(|registry| Arc::clone(registry.sinks.entry(name.to_owned()).or_default()))
    }

    fn with<R>(&self, act: impl FnOnce(&mut Registry) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is not as it should be, one line each; empty: ready.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.with(|registry| {
            let mut complaints = Vec::new();
            for (name, source) in &registry.sources {
                let complaint = source.complaint();
                complaints.extend(complaint.map(|what| format!("source {name}: {what}")));
                let refused = source.refused.lock().unwrap_or_else(PoisonError::into_inner);
                for (partition, reason) in refused.iter() {
                    complaints.push(format!("source {name}: {partition} is not read: {reason}"));
                }
            }
            for (name, sink) in &registry.sinks {
                let complaint = sink.complaint();
                complaints.extend(complaint.map(|what| format!("sink {name}: {what}")));
            }
            complaints
        })
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        self.with(|registry| {
            let mut page = MetricsPage::new("ringfence_bridge_");
            registry.print_sources(&mut page);
            registry.print_sinks(&mut page);
            page.into_text()
        })
    }
}

impl Registry {
    fn print_sources(&self, page: &mut MetricsPage) {
        type Read = fn(&SourceMetrics) -> u64;
        let read: [(&'static str, &str, &str, Read); 8] = [
            ("source_connected", "gauge", "1 if connected to the broker", |it| {
                flag(&it.is_connected)
            }),
            ("source_session", "gauge", "sessions that have a connection", |it| get(&it.sessions)),
            ("source_messages_total", "counter", "messages taken in", |it| get(&it.received)),
            ("source_settled_total", "counter", "messages acknowledged", |it| get(&it.settled)),
            (
                "source_repeated_total",
                "counter",
                "messages taken in before",
                |it| get(&it.repeated),
            ),
            ("source_commands_total", "counter", "commands sent to the engine", |it| {
                get(&it.commands)
            }),
            ("source_lost_total", "counter", "messages without outcomes", |it| get(&it.lost)),
            ("source_reconnects_total", "counter", "connections that ended", |it| {
                get(&it.reconnects)
            }),
        ];
        for (name, kind, help, read) in read {
            page.family(name, kind, help);
            for (source, metrics) in &self.sources {
                page.sample(&[("source", source)], read(metrics));
            }
        }
        page.family("source_lag_messages", "gauge", "messages taken in and not acknowledged");
        for (source, metrics) in &self.sources {
            let lag = get(&metrics.received).saturating_sub(get(&metrics.settled));
            page.sample(&[("source", source)], lag);
        }
        page.family(
            "source_partition_lag_messages",
            "gauge",
            "messages behind the partition's end",
        );
        for (source, metrics) in &self.sources {
            let lags = metrics.partition_lags.lock().unwrap_or_else(PoisonError::into_inner);
            for (partition, lag) in lags.iter() {
                page.sample(&[("source", source.as_str()), ("partition", partition)], *lag);
            }
        }
        page.family("dead_letters_total", "counter", "messages that were no commands");
        for (source, metrics) in &self.sources {
            let dead = metrics.dead.lock().unwrap_or_else(PoisonError::into_inner);
            for (reason, count) in dead.iter() {
                let labels = [("source", source.as_str()), ("reason", reason)];
                page.sample(&labels, *count);
            }
        }
    }

    fn print_sinks(&self, page: &mut MetricsPage) {
        type Read = fn(&SinkMetrics) -> u64;
        let read: [(&'static str, &str, &str, Read); 6] =
            [
                ("sink_connected", "gauge", "1 if connected to the broker", |it| {
                    flag(&it.is_connected)
                }),
                ("sink_sent_total", "counter", "records sent", |it| get(&it.sent)),
                ("sink_confirmed_total", "counter", "records confirmed", |it| get(&it.confirmed)),
                ("sink_position", "gauge", "sequence up to which all is confirmed", |it| {
                    get(&it.position)
                }),
                ("sink_lag_commands", "gauge", "commands published and not confirmed", |it| {
                    get(&it.head).saturating_sub(get(&it.position))
                }),
                ("sink_reconnects_total", "counter", "connections that ended", |it| {
                    get(&it.reconnects)
                }),
            ];
        for (name, kind, help, read) in read {
            page.family(name, kind, help);
            for (sink, metrics) in &self.sinks {
                page.sample(&[("sink", sink)], read(metrics));
            }
        }
    }
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn is(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}

fn flag(flag: &AtomicBool) -> u64 {
    is(flag).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_printed_with_their_labels() {
        let metrics = Metrics::default();
        let source = metrics.source("payments");
        add(&source.received, 5);
        add(&source.settled, 3);
        source.count_dead("malformed");
        count(&metrics.sink("outcomes").sent);
        let text = metrics.text();
        for line in [
            "# TYPE ringfence_bridge_source_messages_total counter",
            "ringfence_bridge_source_messages_total{source=\"payments\"} 5",
            "ringfence_bridge_source_lag_messages{source=\"payments\"} 2",
            "ringfence_bridge_dead_letters_total{source=\"payments\",reason=\"malformed\"} 1",
            "ringfence_bridge_sink_sent_total{sink=\"outcomes\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn what_is_not_connected_is_not_ready() {
        let metrics = Metrics::default();
        let source = metrics.source("payments");
        assert_eq!(metrics.complaints(), ["source payments: no session with the engine"]);
        source.is_connected.store(true, Ordering::Relaxed);
        let mut sessions = [(); 2].map(|()| CountedSession::new(Arc::clone(&source)));
        for session in &mut sessions {
            session.set_connected(true);
        }
        sessions[0].set_connected(false);
        assert!(metrics.complaints().is_empty(), "one of them has a connection");
        drop(sessions);
        assert_eq!(metrics.complaints(), ["source payments: no session with the engine"]);
        source.has_ended.store(true, Ordering::Relaxed);
        assert_eq!(metrics.complaints(), ["source payments: it has ended"]);
    }

    #[test]
    fn who_is_not_ready_says_why_the_last_attempt_ended() {
        let metrics = Metrics::default();
        let (source, sink) = (metrics.source("payments"), metrics.sink("outcomes"));
        source.trouble.set("no broker answers");
        sink.trouble.set("wrong password");
        let complaints = [
            "source payments: not connected: no broker answers",
            "sink outcomes: no connection to the broker: wrong password",
        ];
        assert_eq!(metrics.complaints(), complaints);
        let mut session = CountedSession::new(Arc::clone(&source));
        session.set_connected(true);
        let complaint = "source payments: no connection to the broker: no broker answers";
        assert_eq!(metrics.complaints()[0], complaint);
        source.is_connected.store(true, Ordering::Relaxed);
        sink.is_connected.store(true, Ordering::Relaxed);
        assert!(metrics.complaints().is_empty());
        sink.blocked.set("low on disk");
        let complaint = "sink outcomes: the broker takes no messages: low on disk";
        assert_eq!(metrics.complaints(), [complaint]);
        sink.has_ended.store(true, Ordering::Relaxed);
        assert_eq!(metrics.complaints(), ["sink outcomes: it has ended: wrong password"]);
    }
}
