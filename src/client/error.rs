//! Why there is no session, or no session any more.

use std::io;

use super::{Address, HistoryChanged};
use ringfence_codec::wire::{ErrorCode, ServerError, Violation};
use ringfence_types::BATCH_COMMANDS_MAX;

/// Why there is no session, or no session any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The operating system refused.
    #[error("{operation} {address}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// Where the engine listens.
        address: Address,
        /// What the system says.
        source: io::Error,
    },
    /// There is no connection over TLS: the other end is not trusted, or does not trust this one,
    /// or speaks something else.
    #[error("TLS with {address}: {reason}")]
    Tls {
        /// Where the engine listens.
        address: Address,
        /// What is wrong.
        reason: String,
    },
    /// The engine ended the connection without saying why.
    #[error("{0}: the engine closed the connection")]
    Closed(Address),
    /// The engine ended the session and said why.
    #[error("{address}: the engine ended the session: {error}")]
    Refused {
        /// Where it listens.
        address: Address,
        /// What it said.
        error: ServerError,
    },
    /// What listens there is no engine of this version.
    #[error("{address}: {violation}")]
    Protocol {
        /// Where it listens.
        address: Address,
        /// How it broke the protocol.
        violation: Violation,
    },
    /// The engine has another history than the session.
    #[error("{address}: {changed}")]
    History {
        /// Where it listens.
        address: Address,
        /// What is wrong.
        changed: HistoryChanged,
    },
    /// A request was executed, but its outcomes can no longer be had.
    #[error("request {number} was executed, but its outcomes can no longer be had")]
    OutcomesLost {
        /// Its number.
        number: u64,
    },
    /// The session has ended before this.
    #[error("the session has ended")]
    Ended,
    /// The commands are no batch. Nothing was sent, and the session goes on.
    #[error(
        "a batch has 1 to {BATCH_COMMANDS_MAX} commands of one operation that clients may send"
    )]
    NotABatch,
}

impl ClientError {
    /// Whether another connection may fare better: the system or the engine cut this one, and the
    /// engine gave no reason that would hold again.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            ClientError::Io { .. } | ClientError::Closed(_) => true,
            ClientError::Refused { error, .. } => {
                ErrorCode::from_number(error.code).is_some_and(|code| code.remedy().is_retry())
            }
            _ => false,
        }
    }
}
