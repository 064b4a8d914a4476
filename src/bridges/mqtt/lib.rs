//! Between an engine and MQTT brokers, by MQTT 3.1.1 or 5.
//!
//! ```text
//!   topics ─QoS 1, persistent session─▶ MqttSource ─▶ engine ─▶ MqttSink ─QoS 1─▶ topics
//!     ▲ acknowledge in order               │ replies, dead letters  └─ position ─▶ retained
//!     └────────────────────────────────────┘ confirmed first
//! ```
//!
//! # Invariants
//!
//! * A message is acknowledged after its reply, or its dead letter, is confirmed, and after those
//!   that came before it.
//! * What is not acknowledged comes again when its connection ends: the session outlives it.

mod acknowledgements;
mod link;
mod packet;
mod publisher;
mod server;
mod sink;
mod source;
mod topic;

pub use server::MqttServer;
pub use sink::MqttSink;
pub use source::MqttSource;
