//! Connections of clients: what the door, which admits them, the gateway, which reads from them, and
//! publish, which writes to them, share.

mod ended;
mod shared;
mod stream;
mod tally;

pub(crate) use ended::{Ended, Seat, Seats};
pub use shared::Session;
pub use stream::Stream;
pub(crate) use tally::Tally;

use std::io;

/// A socket that the engine cannot do without failed.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {address}: {error}")]
pub struct SocketError {
    /// What was tried.
    pub operation: &'static str,
    /// Where.
    pub address: String,
    /// Why it failed.
    #[source]
    pub error: io::Error,
}
