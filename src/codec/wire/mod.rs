//! The binary protocol between a client and a running engine. `docs/protocol.md` has it byte by byte.
//!
//! ```text
//!   client                                        engine
//!     │ hello ─────────────────────────────────────▶ │
//!     │ ◀───────────────────────────────────── hello │
//!     │ batch (op, 1 to 8,192 bodies) ─────────────▶ │  RequestDecoder
//!     │ batch ─────────────────────────────────────▶ │
//!     │ ◀──────────────── event, outcomes, event, …  │  ReplyEncoder
//!     │ ◀─────── error: what was wrong; then the end │
//! ```
//!
//! # Invariants
//!
//! * A message is at most [`MESSAGE_BYTES_MAX`] long and a multiple of 16 bytes, so that in a
//!   buffer that starts aligned every record lies aligned and is read where it is.
//! * A decoder allocates when it is made and never again, and what it makes of a stream does not
//!   depend on how the stream was cut.
//! * Nothing leaves a decoder whose checksum, lengths, numbers or reserved bytes are wrong. After
//!   a violation it gives nothing but that violation.

mod hello;
mod message;
mod reply;
mod request;
mod violation;

pub use hello::{Hello, PROTOCOL_VERSION, encode_hello};
pub use message::{Frames, MESSAGE_BYTES_MAX};
pub use reply::{Reply, ReplyDecoder, ReplyEncoder, ServerError, encode_error};
pub use request::{Request, RequestDecoder, encode_batch};
pub use violation::{ErrorCode, Violation};

#[cfg(test)]
mod tests;
