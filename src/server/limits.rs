//! How much clients may take.

use std::num::NonZeroU32;
use std::time::Duration;

/// Most connections that an engine can serve at a time: their numbers have 16 bits, and 0 is the
/// engine's own.
pub const CONNECTIONS_MAX: u16 = u16::MAX - 1;

/// How much clients may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at a time, at most [`CONNECTIONS_MAX`]; those that have not yet said who they
    /// are count too.
    pub connections: u16,
    /// Most connections of one principal at a time.
    pub connections_per_principal: u32,
    /// Most commands of one session that are taken in and whose outcomes it has not yet been sent.
    /// With these the engine reads no further, so that a client which does not read holds up nobody
    /// but itself, and the memory that answers take is bounded.
    pub in_flight_commands: u32,
    /// Most bytes that a client that wants events may be owed. With more its connection ends: the
    /// engine does not wait for it.
    pub owed_bytes: usize,
    /// Most bytes that all clients together may be owed. With more, those that are owed most lose
    /// their connections.
    pub owed_bytes_in_all: usize,
    /// How long a connection may take to say its hello.
    pub hello_timeout: Duration,
    /// How long a client may be silent, or take nothing of what it is owed.
    pub idle_timeout: Duration,
    /// How long an engine that stops waits for clients to take what they are owed.
    pub drain_timeout: Duration,
    /// Most hellos and batches of one principal in a second; `None`: any number.
    pub requests_per_second: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 1024,
            connections_per_principal: 1024,
            in_flight_commands: 16 * 1024,
            owed_bytes: 64 * 1024 * 1024,
            owed_bytes_in_all: 1024 * 1024 * 1024,
            hello_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(2),
            requests_per_second: None,
        }
    }
}
