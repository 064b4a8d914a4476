//! Between an engine and its clients by ZeroMQ, without a broker.
//!
//! ```text
//!   DEALER, REQ ◀─ commands, replies ─▶ ROUTER ◀─▶ ZmqSource ◀─▶ engine ─▶ ZmqSink ─▶ PUB ─▶ SUB
//!   DEALER, REQ ◀─ outcomes after a sequence ─────────────────▶ ROUTER ◀──────┘ replay
//! ```
//!
//! # Invariants
//!
//! * A reply is sent after its outcomes are durable, and confirmed by the sinks that are waited
//!   for.
//! * Every message of a PUB socket has a number, one more than the one before: who misses one sees
//!   it, and asks for what came after the last outcome that it has dealt with.
//! * What one peer can occupy of the memory is bounded: a message, and what waits for it.

mod endpoint;
mod listener;
mod publisher;
mod replay;
mod router;
mod sink;
mod source;
mod wire;

pub use sink::{ZmqSink, ZmqSinkOptions};
pub use source::ZmqSource;
