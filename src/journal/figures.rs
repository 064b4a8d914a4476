//! How much a writer has written, and how long that took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::flights::Flight;
use super::histogram::{Histogram, add_alone};

/// Numbers of one writer since its engine was started: its thread writes them, others look.
#[derive(Debug, Default)]
pub struct Figures {
    bytes: AtomicU64,
    groups: AtomicU64,
    commands: AtomicU64,
    group_times: Histogram,
}

impl Figures {
    /// Bytes that were written to segments, padding and closing frames included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        // Relaxed, here and below: each number stands for itself.
        self.bytes.load(Ordering::Relaxed)
    }

    /// Groups that hold commands and were written.
    #[must_use]
    pub fn groups(&self) -> u64 {
        self.groups.load(Ordering::Relaxed)
    }

    /// Commands in these groups.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.commands.load(Ordering::Relaxed)
    }

    /// From giving a group that holds commands to the storage until it was written: under
    /// [`Sync`](super::Durability::Sync) until it was on stable storage.
    #[must_use]
    pub fn group_times(&self) -> &Histogram {
        &self.group_times
    }

    /// A group is written, and all groups before it.
    pub(super) fn count(&self, flight: &Flight, now: Instant) {
        add_alone(&self.bytes, flight.bytes as u64);
        if flight.has_batches {
            let took = now.saturating_duration_since(flight.begun);
            self.group_times.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), 1);
            add_alone(&self.groups, 1);
            add_alone(&self.commands, flight.commands);
        }
    }
}
