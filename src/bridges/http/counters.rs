//! What is counted of HTTP, and how it is printed for Prometheus.

use std::sync::atomic::{AtomicU64, Ordering};

use ringfence_codec::MetricsPage;

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `more`.
    pub fn add(&self, more: u64) {
        // Relaxed: counters stand for themselves.
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Takes `less` away.
    pub fn sub(&self, less: u64) {
        self.0.fetch_sub(less, Ordering::Relaxed);
    }

    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is counted of HTTP.
#[derive(Debug)]
pub struct Counters {
    /// Connections that are open.
    pub connections: Count,
    /// Connections that were refused, as there were too many.
    full: Count,
    /// Connections that ended with an error.
    broken: Count,
    /// Responses, by status from 100 on.
    responses: Vec<Count>,
}

/// Statuses that are counted.
const STATUSES: std::ops::Range<u16> = 100..600;

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            connections: Count::default(),
            full: Count::default(),
            broken: Count::default(),
            responses: STATUSES.map(|_| Count::default()).collect(),
        }
    }
}

impl Counters {
    /// Counts a connection that was refused.
    pub fn count_full(&self) {
        self.full.add(1);
    }

    /// Counts a connection that ended with an error.
    pub fn count_broken(&self) {
        self.broken.add(1);
    }

    /// Counts a response.
    pub fn count_response(&self, status: u16) {
        if let Some(count) = self.responses.get(usize::from(status.wrapping_sub(STATUSES.start))) {
            count.add(1);
        }
    }

    /// The responses of each status that there was.
    pub fn responses(&self) -> impl Iterator<Item = (u16, u64)> {
        let counted = STATUSES.zip(&self.responses).map(|(status, count)| (status, count.get()));
        counted.filter(|(_, count)| *count > 0)
    }

    /// Prints them.
    pub fn print(&self, page: &mut MetricsPage, listeners: usize, subscriptions: usize) {
        let single: [(&'static str, &str, &str, u64); 5] = [
            ("http_connections", "gauge", "open connections", self.connections.get()),
            ("http_connections_refused_total", "counter", "there were too many", self.full.get()),
            ("http_connections_broken_total", "counter", "ended with an error", self.broken.get()),
            ("http_listeners", "gauge", "listeners of events", listeners as u64),
            ("http_subscriptions", "gauge", "subscriptions for listeners", subscriptions as u64),
        ];
        for (name, kind, help, value) in single {
            page.single(name, kind, help, value);
        }
        page.family("http_responses_total", "counter", "responses by status");
        for (status, count) in self.responses() {
            page.sample(&[("status", &status.to_string())], count);
        }
    }
}
