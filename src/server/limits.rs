//! How much clients may take, each with a default that is stated in `docs/protocol.md`.

use std::time::Duration;

/// Most connections at a time, unless more are asked for.
pub const SESSIONS_MAX: u16 = 1024;
/// Most commands of one connection that are taken in and whose outcomes it has not yet been sent,
/// unless another number is asked for. With these the engine reads no further, so that a client
/// which does not read holds up nobody but itself, and the memory that answers take is bounded.
pub const IN_FLIGHT_COMMANDS_MAX: u32 = 16 * 1024;
/// Most bytes that a client that wants events may be owed, unless another number is asked for. With
/// more its connection ends: the engine does not wait for it, and what it missed is in the outcome
/// log.
pub const OWED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a client may be silent.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client has for its hello.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// How much clients may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time, at least 1.
    pub connections: u16,
    /// Unanswered commands of one connection before no more are read from it.
    pub in_flight_commands: u32,
    /// Bytes owed to one connection.
    pub owed_bytes: usize,
    /// Silence of a client, in whole seconds.
    pub idle_timeout: Duration,
    /// Time for a hello, in whole seconds.
    pub hello_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: SESSIONS_MAX,
            in_flight_commands: IN_FLIGHT_COMMANDS_MAX,
            owed_bytes: OWED_BYTES_MAX,
            idle_timeout: IDLE_TIMEOUT,
            hello_timeout: HELLO_TIMEOUT,
        }
    }
}
