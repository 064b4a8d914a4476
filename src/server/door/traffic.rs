//! What the door counts.

use std::sync::atomic::{AtomicU64, Ordering};

use ringfence_codec::wire::ErrorCode;
use ringfence_node::counters::ServerReading;

/// More than the largest number of an [`ErrorCode`].
const CODES: usize = 64;

/// What the door counts. Only its thread writes.
#[derive(Debug)]
pub struct Traffic {
    connections: AtomicU64,
    accepted: AtomicU64,
    /// By the number of the code.
    refused: [AtomicU64; CODES],
}

// Relaxed, in all of these: a number stands for itself.

impl Traffic {
    pub(super) fn new() -> Traffic {
        Traffic {
            connections: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            refused: [const { AtomicU64::new(0) }; CODES],
        }
    }

    /// Shows how many connections there are.
    pub(super) fn show_connections(&self, count: u64) {
        self.connections.store(count, Ordering::Relaxed);
    }

    pub(super) fn add_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection that was refused, or ended later, with the code of this number.
    pub(super) fn add_refused(&self, code: u16) {
        if let Some(count) = self.refused.get(usize::from(code)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was counted so far. Subscriptions are not the door's: they are 0.
    #[must_use]
    pub fn reading(&self, connections_max: u64) -> ServerReading {
        let refused = ErrorCode::ALL.iter().filter_map(|&code| {
            let count = self.refused[usize::from(code as u16)].load(Ordering::Relaxed);
            (count > 0).then(|| (code.name().to_owned(), count))
        });
        ServerReading {
            connections: self.connections.load(Ordering::Relaxed),
            connections_max,
            subscriptions: 0,
            subscription_lags: Vec::new(),
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: refused.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_the_name_of_their_code() {
        let traffic = Traffic::new();
        for code in [ErrorCode::HelloTimeout, ErrorCode::NotAllowed, ErrorCode::HelloTimeout] {
            traffic.add_refused(code as u16);
        }
        traffic.add_refused(u16::MAX);
        let expected = [("not_allowed".to_owned(), 1), ("hello_timeout".to_owned(), 2)];
        assert_eq!(traffic.reading(9).refused, expected);
        for &code in ErrorCode::ALL {
            assert!(usize::from(code as u16) < CODES);
        }
    }
}
