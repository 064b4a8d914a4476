//! Groups and syncs on their way: released in the order in which they were begun, whatever the
//! order in which the storage completes them.

use std::collections::VecDeque;
use std::time::Instant;

use super::buffer::Buffer;
use super::format::GROUP_BYTES_MAX;
use super::group::Group;
use super::reach::Point;

/// Most groups under way at once.
pub(super) const IN_FLIGHT_MAX: usize = 4;
/// The most that can be under way at once under `--durability sync`, in bytes.
pub(super) const TAIL_BYTES_MAX: u64 = (IN_FLIGHT_MAX * GROUP_BYTES_MAX) as u64;
/// Most syncs under way at once: that of a segment that is left, or that of a journal that is idle.
const SYNCS_MAX: usize = 2;

/// Groups that are ready or under way.
pub(super) struct Flights {
    ready: VecDeque<(u64, Group)>,
    in_flight: VecDeque<Flight>,
}

/// A group under way; its buffer is with the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flight {
    pub ticket: u64,
    pub segment: u32,
    pub offset: u64,
    pub bytes: usize,
    pub last_sequence: u64,
    pub commands: u64,
    /// When it was given to the storage.
    pub begun: Instant,
    pub has_batches: bool,
    pub ends_segment: bool,
    is_done: bool,
}

impl Flights {
    /// No flights, with room for `groups` in each queue.
    pub fn new(groups: usize) -> Flights {
        Flights {
            ready: VecDeque::with_capacity(groups),
            in_flight: VecDeque::with_capacity(groups),
        }
    }

    /// Whether nothing is ready or under way.
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.in_flight.is_empty()
    }

    /// Whether what was gathered should go at once. A mark on its way is nothing to gather behind.
    pub fn is_quiet(&self) -> bool {
        self.ready.is_empty() && !self.in_flight.iter().any(|flight| flight.has_batches)
    }

    /// Whether a group ends a segment that is ready or under way.
    pub fn end_a_segment(&self) -> bool {
        self.ready.iter().any(|(_, group)| group.ends_segment)
            || self.in_flight.iter().any(|flight| flight.ends_segment)
    }

    /// A group is ready.
    pub fn push(&mut self, ticket: u64, group: Group) {
        self.ready.push_back((ticket, group));
    }

    /// The next group that takes off, if it may; `now` says when that is.
    pub fn take_off(&mut self, now: impl FnOnce() -> Instant) -> Option<(Flight, Buffer)> {
        if self.in_flight.len() == IN_FLIGHT_MAX {
            return None;
        }
        let (ticket, group) = self.ready.pop_front()?;
        let flight = Flight {
            ticket,
            segment: group.segment,
            offset: group.offset,
            bytes: group.bytes,
            last_sequence: group.last_sequence,
            commands: group.commands,
            begun: now(),
            has_batches: group.has_batches,
            ends_segment: group.ends_segment,
            is_done: false,
        };
        self.in_flight.push_back(flight);
        Some((flight, group.buffer))
    }

    /// The storage has done a group; whether `ticket` is one.
    pub fn land(&mut self, ticket: u64) -> bool {
        let flight = self.in_flight.iter_mut().find(|flight| flight.ticket == ticket);
        flight.map(|flight| flight.is_done = true).is_some()
    }

    /// The oldest group, if it is done.
    pub fn release(&mut self) -> Option<Flight> {
        let is_done = self.in_flight.front()?.is_done;
        if is_done { self.in_flight.pop_front() } else { None }
    }
}

/// Syncs that are under way.
pub(super) struct Syncs(VecDeque<Sync>);

/// A sync on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sync {
    pub ticket: u64,
    pub segment: u32,
    /// What it makes durable, with all syncs before it.
    pub point: Point,
    pub leaves_segment: bool,
    pub is_done: bool,
}

impl Syncs {
    pub fn new() -> Syncs {
        Syncs(VecDeque::with_capacity(SYNCS_MAX))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A sync was begun.
    pub fn push(&mut self, sync: Sync) {
        self.0.push_back(sync);
    }

    /// The storage has done a sync; whether `ticket` is one.
    pub fn land(&mut self, ticket: u64) -> bool {
        let sync = self.0.iter_mut().find(|sync| sync.ticket == ticket);
        sync.map(|sync| sync.is_done = true).is_some()
    }

    /// The oldest sync, if it is done.
    pub fn release(&mut self) -> Option<Sync> {
        let is_done = self.0.front()?.is_done;
        if is_done { self.0.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::BLOCK_BYTES;

    fn group(last_sequence: u64, has_batches: bool) -> Group {
        Group {
            segment: 1,
            offset: last_sequence * BLOCK_BYTES as u64,
            bytes: BLOCK_BYTES,
            last_sequence,
            commands: u64::from(has_batches),
            buffer: Buffer::new(BLOCK_BYTES),
            has_batches,
            ends_segment: false,
        }
    }

    #[test]
    fn groups_are_released_in_the_order_in_which_they_were_built() {
        let mut flights = Flights::new(6);
        for ticket in 1..=6 {
            flights.push(ticket, group(ticket * 10, true));
        }
        for ticket in 1..=4 {
            assert_eq!(flights.take_off(Instant::now).unwrap().0.ticket, ticket);
        }
        assert!(flights.take_off(Instant::now).is_none(), "no more than {IN_FLIGHT_MAX} at once");
        assert!(flights.land(3) && flights.land(2) && !flights.land(5));
        assert!(flights.release().is_none(), "the oldest is not done");
        assert!(flights.land(1));
        for last_sequence in [10, 20, 30] {
            assert_eq!(flights.release().unwrap().last_sequence, last_sequence);
        }
        assert!(flights.release().is_none());
        assert_eq!(flights.take_off(Instant::now).unwrap().0.ticket, 5);
        assert!(!flights.is_empty());
    }

    #[test]
    fn nothing_is_gathered_behind_a_mark() {
        let mut flights = Flights::new(6);
        assert!(flights.is_quiet());
        flights.push(1, group(1, false));
        assert!(!flights.is_quiet(), "it has not taken off");
        flights.take_off(Instant::now);
        assert!(flights.is_quiet());
        flights.push(2, group(2, true));
        flights.take_off(Instant::now);
        assert!(!flights.is_quiet());
    }

    #[test]
    fn a_sync_makes_nothing_durable_before_those_that_were_begun_earlier() {
        let mut syncs = Syncs::new();
        let first = Sync {
            ticket: 7,
            segment: 1,
            point: Point { sequence: 100, end: (1, 8192) },
            leaves_segment: true,
            is_done: false,
        };
        syncs.push(first);
        let point = Point { sequence: 200, end: (2, 8192) };
        syncs.push(Sync { ticket: 8, segment: 2, point, ..first });
        assert!(syncs.land(8) && !syncs.land(9));
        assert_eq!(syncs.release(), None);
        assert!(syncs.land(7));
        assert_eq!(syncs.release().map(|sync| sync.point.sequence), Some(100));
        assert_eq!(syncs.release().map(|sync| sync.point.sequence), Some(200));
        assert!(syncs.is_empty());
    }
}
