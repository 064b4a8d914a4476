//! Connections of clients: what the gateway, which reads from them, and publish, which writes to them,
//! share.

mod shared;
mod stream;

pub use shared::Connection;
pub(crate) use stream::Listener;
pub use stream::Stream;

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
