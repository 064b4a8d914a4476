//! What talks to a running engine.
//!
//! ```text
//!   commands ──▶ Sender ──────▶ socket ──▶ engine
//!   answers  ◀── Receiver ◀─── socket ◀── engine
//!
//!   submit:  NDJSON ──thread──▶ Sender        Receiver ──caller──▶ NDJSON
//!                        └─ what was sent, in order ─▶┘
//! ```
//!
//! # Invariants
//!
//! * Answers come in the order of the commands.
//! * The engine stops reading while too many commands of a session are unanswered. So sending
//!   and receiving are two halves that never wait for each other: one thread has each.

mod connection;
mod submit;

pub use connection::{Answer, Client, ClientError, Receiver, Sender, Told};
pub use ringfence_codec::{Address, AddressError};
pub use submit::{SubmitError, SubmitReport, submit};

#[cfg(test)]
mod tests;
