//! Sends a load over its connections, all of them on one thread, and reads the outcomes.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::super::latency_histogram;
use super::connection::{Connection, ConnectionError, Tally};
use super::socket::{Readiness, Ready};
use super::{Load, WireLoad, batch_of};
use hdrhistogram::Histogram;
use ringfence_client::Options;
use ringfence_codec::Address;
use ringfence_types::OutcomeCounts;
use rustix::event::Timespec;

/// Longest wait; after that each connection says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// What a load found.
#[derive(Debug)]
pub(super) struct Measured {
    /// From the first batch sent, or due, to the last outcome read.
    pub(super) seconds: f64,
    pub(super) latency_ns: Histogram<u64>,
    pub(super) counts: OutcomeCounts,
    /// How late each outcome came to the subscriber, if there was one.
    pub(super) arrival_ns: Option<Histogram<u64>>,
}

/// Sends the transfers of `load` to `address`, over connections as `options` say.
pub(super) fn run(
    load: &Load,
    wire: &WireLoad,
    address: &Address,
    options: &Options,
) -> Result<Measured, ConnectionError> {
    let failed = |source| ConnectionError::Io {
        operation: "polling connections to",
        address: address.to_string(),
        source,
    };
    let readiness = Readiness::new(wire.clients).map_err(failed)?;
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Names that no earlier load had.
    let first_session = since_epoch.as_nanos() << 32 | 1;
    let mut connections = Vec::with_capacity(wire.clients);
    for index in 0..wire.clients {
        let session = if wire.session { first_session + index as u128 } else { 0 };
        let connection = Connection::open(address, options, session)?;
        readiness.add(&connection.socket, index).map_err(failed)?;
        connections.push(connection);
    }
    let tally =
        Tally { counts: OutcomeCounts::default(), latency_ns: latency_histogram(), outcomes: 0 };
    let (batches, start) = (load.batches().len(), Instant::now());
    let mut driver =
        Driver { load, wire, connections, readiness, tally, batches, next_batch: 0, start };
    driver.run().map_err(|error| match error {
        Failed::Connection(error) => error,
        Failed::Poll(source) => failed(source),
    })?;
    let seconds = driver.start.elapsed().as_secs_f64();
    let Tally { counts, latency_ns, .. } = driver.tally;
    Ok(Measured { seconds, latency_ns, counts, arrival_ns: None })
}

enum Failed {
    Connection(ConnectionError),
    Poll(io::Error),
}

impl From<ConnectionError> for Failed {
    fn from(error: ConnectionError) -> Failed {
        Failed::Connection(error)
    }
}

struct Driver<'a> {
    load: &'a Load,
    wire: &'a WireLoad,
    connections: Vec<Connection>,
    readiness: Readiness,
    tally: Tally,
    batches: usize,
    /// The next one that no connection has.
    next_batch: usize,
    start: Instant,
}

impl Driver<'_> {
    fn run(&mut self) -> Result<(), Failed> {
        self.start = Instant::now();
        for index in 0..self.connections.len() {
            self.send(index, self.start)?;
        }
        let outcomes = self.load.transfers.len() as u64;
        while self.tally.outcomes < outcomes {
            let planned = self.plan()?;
            let wait = planned.unwrap_or(HEARTBEAT).min(HEARTBEAT);
            let ready = self.readiness.wait(Timespec::try_from(wait).ok()).map_err(Failed::Poll)?;
            if ready.is_empty() && wait == HEARTBEAT {
                for index in 0..self.connections.len() {
                    self.connections[index].push_heartbeat();
                    self.send(index, Instant::now())?;
                }
            }
            for Ready { index, readable, writable } in ready {
                if readable {
                    self.connections[index].read(&mut self.tally)?;
                }
                if readable || writable {
                    self.send(index, Instant::now())?;
                }
            }
        }
        Ok(())
    }

    /// When a batch is due by the schedule.
    fn due(&self, batch: usize, rate: f64) -> Instant {
        self.start + Duration::from_secs_f64((batch * self.load.batch) as f64 / rate)
    }

    /// Gives each connection, in turns, the batches that are due; how long until the next one is.
    fn plan(&mut self) -> Result<Option<Duration>, Failed> {
        let Some(rate) = self.wire.rate else { return Ok(None) };
        let now = Instant::now();
        let first = self.next_batch;
        while self.next_batch < self.batches && self.due(self.next_batch, rate) <= now {
            let index = self.next_batch % self.connections.len();
            self.connections[index].due.push_back(self.next_batch);
            self.next_batch += 1;
        }
        let given = (self.next_batch - first).min(self.connections.len());
        for batch in first..first + given {
            self.send(batch % self.connections.len(), now)?;
        }
        let next = (self.next_batch < self.batches).then(|| self.due(self.next_batch, rate));
        Ok(next.map(|next| next.saturating_duration_since(Instant::now())))
    }

    /// The next batch that the connection `index` may send now, and when it was due.
    fn next(&mut self, index: usize, now: Instant) -> Option<(usize, Instant)> {
        let connection = &mut self.connections[index];
        if connection.under_way() >= self.wire.window {
            return None;
        }
        match self.wire.rate {
            Some(rate) => {
                let batch = connection.due.pop_front()?;
                Some((batch, self.due(batch, rate)))
            }
            None if self.next_batch == self.batches => None,
            None => {
                self.next_batch += 1;
                Some((self.next_batch - 1, now))
            }
        }
    }

    /// Sends what the window and the socket allow.
    fn send(&mut self, index: usize, now: Instant) -> Result<(), Failed> {
        let mut has_room = true;
        while has_room {
            if self.connections[index].has_gathered() {
                has_room = self.connections[index].flush()?;
                continue;
            }
            let Some((batch, due)) = self.next(index, now) else { break };
            self.connections[index].push(batch_of(self.load, batch), due);
        }
        let connection = &mut self.connections[index];
        let wants_room = !(has_room && connection.flush()?);
        if wants_room != connection.wants_room {
            connection.wants_room = wants_room;
            let watched = self.readiness.wants_room(&connection.socket, index, wants_room);
            watched.map_err(Failed::Poll)?;
        }
        Ok(())
    }
}
