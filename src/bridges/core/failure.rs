//! Why a connection to a broker or to the engine ended.

use ringfence_client::{ClientError, ErrorCode};

/// Why something ended that was to go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Another attempt may fare better: it is made after a while.
    #[error("{0}")]
    Retry(String),
    /// Another attempt would fail too. The source or the sink stops, and a person has to look.
    #[error("{0}")]
    Final(String),
    /// Another bridge has what the source or the sink had, and does its work. The whole program
    /// ends: half a bridge would hold back what the other half needs.
    #[error("{0}")]
    TakenOver(String),
}

impl Failure {
    /// A failure after which another attempt is made.
    #[must_use]
    pub fn retry(why: impl std::fmt::Display) -> Failure {
        Failure::Retry(why.to_string())
    }

    /// A failure that ends the source or the sink.
    #[must_use]
    pub fn last(why: impl std::fmt::Display) -> Failure {
        Failure::Final(why.to_string())
    }

    /// Another bridge has taken over what this one had.
    #[must_use]
    pub fn taken_over(why: impl std::fmt::Display) -> Failure {
        Failure::TakenOver(why.to_string())
    }

    /// Whether no further attempt is made.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(self, Failure::Retry(_))
    }

    /// Whether another bridge has taken over what this one had.
    #[must_use]
    pub fn is_taken_over(&self) -> bool {
        matches!(self, Failure::TakenOver(_))
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        if let Some(ErrorCode::Superseded | ErrorCode::SubscriptionSuperseded) = code_of(&error) {
            return Failure::taken_over(error);
        }
        // A session that has ended before is opened again.
        match error.is_temporary() || matches!(error, ClientError::Ended) {
            true => Failure::retry(error),
            false => Failure::last(error),
        }
    }
}

/// The code with which the engine ended a connection, if it did.
#[must_use]
pub fn code_of(error: &ClientError) -> Option<ErrorCode> {
    let ClientError::Refused { error, .. } = error else { return None };
    ErrorCode::from_number(error.code)
}
