//! Between an engine and RabbitMQ, by AMQP 0-9-1.
//!
//! ```text
//!   queue ─prefetch = credit─▶ AmqpSource ─▶ engine ─▶ AmqpSink ─persistent, confirmed─▶ exchange
//!     ▲ acknowledge              │ reply_to, dead letters      └─ position ─▶ progress queue
//!     └──────────────────────────┘ confirmed first
//! ```
//!
//! # Invariants
//!
//! * A message is acknowledged after its reply, or its dead letter, is confirmed.
//! * Nothing is requeued by the bridge: what is not acknowledged comes again when its connection
//!   ends.

mod connection;
mod listener;
mod publish;
mod sink;
mod source;
mod unacknowledged;

pub use connection::AmqpServer;
pub use sink::AmqpSink;
pub use source::AmqpSource;
