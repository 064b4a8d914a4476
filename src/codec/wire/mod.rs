//! The binary protocol between a client and a running engine. `docs/protocol.md` has it byte by byte.
//!
//! ```text
//!   client                                        engine
//!     │ hello (session, last sequence) ────────────▶ │
//!     │ ◀────────────── hello (last request, journal)│
//!     │ ◀── what the client has missed: origin, event, outcomes
//!     │ batch (number, tag, 1 to 8,192 bodies) ────▶ │  RequestDecoder
//!     │ ◀──────────────── event, outcomes, event, …  │  ReplyEncoder
//!     │ ◀─────── error: what was wrong; then the end │
//! ```
//!
//! # Invariants
//!
//! * A message is at most [`MESSAGE_BYTES_MAX`] long and a multiple of 16 bytes, so that in a
//!   buffer that starts aligned every record lies aligned and is read where it is.
//! * A decoder's buffer grows only to what a checked header asks for, and what it makes of a stream
//!   does not depend on how the stream was cut.
//! * Nothing leaves a decoder whose checksum, lengths, numbers or reserved bytes are wrong. After
//!   a violation it gives nothing but that violation.

mod hello;
mod message;
mod reply;
mod request;
mod subscription;
mod violation;

pub use hello::{
    ClientHello, EngineHello, Mode, PROTOCOL_VERSION, TOKEN_BYTES_MAX, encode_client_hello,
    encode_engine_hello,
};
pub use message::{Frames, MESSAGE_BYTES_MAX};
pub use reply::{Reply, ReplyDecoder, ReplyEncoder, ServerError, encode_error};
pub use request::{ClientMessage, RequestDecoder, encode_batch};
pub use subscription::{
    FILTER_ENTRIES_MAX, Progress, Start, Subscribe, Subscribed, encode_acknowledge,
    encode_commands, encode_heartbeat, encode_origin, encode_progress, encode_subscribe,
    encode_subscribed,
};
pub use violation::{ErrorCode, Remedy, Violation};

#[cfg(test)]
mod tests;
