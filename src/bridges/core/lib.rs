//! What every bridge to a message broker is made of: configuration, messages, the engine's side,
//! and what must not be lost between the two.
//!
//! ```text
//!   broker ─▶ Source ─Message▶ Port ─batches, tags▶ session ─▶ engine
//!      ▲                        │ Settled: outcomes, or why not           │
//!      └─ acknowledge, reply ◀──┘      waits for sinks                    ▼
//!   broker ◀─ Sink ◀─Records, Position── subscription ◀───────────────────┘
//! ```
//!
//! # How a protocol is written
//!
//! * A [`Source`] serves one connection to the broker at a time. It gives each message to its
//!   [`Port`] together with a handle of its own, which comes back in [`Settled`] when the message
//!   may be acknowledged: then its outcome is durable, and confirmed by the sinks that the source
//!   waits for. [`run_source`] connects again when a connection ends.
//! * A [`Sink`] takes [`Record`]s in order, says when they are confirmed, and keeps the
//!   [`Position`]. [`run_sink`] reads them from the engine.
//! * Both read their options from the [`Keys`] of their table in the configuration.
//!
//! # Invariants
//!
//! * A message is acknowledged only after its outcome is durable, and confirmed by every sink that
//!   its source waits for.
//! * A message that comes again is recognised by its tag or its request number, and takes effect
//!   once.
//! * A sink's position is stored only after everything up to it was confirmed.
//! * What is under way is bounded: a source holds at most its credit, a sink its window.

mod config;
mod context;
mod engine;
mod failure;
mod headers;
mod http;
mod identity;
mod intake;
mod message;
mod metrics;
mod note;
mod record;
mod replay;
mod sink;
mod source;
mod stop;
mod tags;
mod template;
mod together;

pub use config::{Config, Keys, Mistake, Mistakes, SinkOptions, SinkStart, SourceOptions};
pub use context::{Context, Positions};
pub use engine::{EngineId, EngineOptions, Known, LookBack, Replayed, Resumed, ask, resume};
pub use failure::{Failure, code_of};
pub use headers::HeaderChoice;
pub use http::serve_http;
pub use identity::Identity;
pub use intake::{
    Giver, Port, PortOptions, Replies, Settled, Settlement, encode_answers, open_port,
};
pub use message::{
    Batch, ContentType, Given, Malformed, Message, decode_batch, decode_json, decode_records,
    is_array,
};
pub use metrics::{CountedSession, Metrics, SinkMetrics, SourceMetrics};
pub use note::Note;
pub use record::{Fields, Position, Record, RecordKind};
pub use replay::{Page, Replay};
pub use sink::{Confirmed, Heard, Sink, UNCONFIRMED_MAX, run_sink};
pub use source::{Attempts, Source, run_attempts, run_source};
pub use stop::{Stop, Stopper};
pub use tags::tag_of;
pub use template::{Template, TemplateError};

/// Longest time before the second attempt to connect to a broker.
const FIRST_WAIT: std::time::Duration = std::time::Duration::from_millis(50);
/// How long a connection has to last for the next attempt to be a first one again: a broker that lets
/// everybody in and then refuses what it is sent is not asked again at once, for ever.
const FIRM_AFTER: std::time::Duration = std::time::Duration::from_secs(5);
