//! Between an engine and a broker that speaks STOMP 1.2: ActiveMQ Classic, Artemis, RabbitMQ.
//!
//! ```text
//!   destination ─MESSAGE─▶ StompSource ─▶ engine ─▶ StompSink ─SEND, receipts─▶ destination
//!     ▲ ACK of each one        │ reply-to, dead letters    └─ position ─▶ engine, under its name
//!     └────────────────────────┘ on a connection of their own, with receipts, first
//! ```
//!
//! # Invariants
//!
//! * A message is acknowledged after the receipt of its reply, or of its dead letter, has come.
//! * Nothing is sent back with NACK: what is not acknowledged comes again when its connection ends.
//! * A frame's head has a limit, and a body is kept up to a limit, whatever the broker sends.

mod broker;
mod decoder;
mod frame;
mod link;
mod receipts;
mod server;
mod sink;
mod source;

pub use server::StompServer;
pub use sink::StompSink;
pub use source::{StompHandle, StompSource};
