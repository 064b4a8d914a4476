//! What breaks the protocol.

use super::{MESSAGE_BYTES_MAX, PROTOCOL_VERSION};
use ringfence_types::BATCH_COMMANDS_MAX;

/// Why the engine ends a session, as it tells the client. Numbers never change; new ones are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum ErrorCode {
    /// The stream does not begin with the protocol's magic bytes.
    BadMagic = 1,
    /// The client speaks another version of the protocol.
    UnsupportedVersion = 2,
    /// A message that may not come here, or not now.
    UnexpectedMessage = 3,
    /// A length that no such message has.
    BadLength = 4,
    /// The bytes are not those that were sent.
    BadChecksum = 5,
    /// An operation that does not exist, or is the engine's own.
    BadOp = 6,
    /// A batch of no commands or of too many.
    BadCount = 7,
    /// A byte that has no meaning yet is not zero.
    ReservedNotZero = 8,
    /// A field has a value without a meaning.
    BadValue = 9,
    /// The engine serves as many sessions as it can.
    TooManySessions = 10,
    /// The client does not read its replies.
    NotReading = 11,
    /// Another connection has taken the session over.
    Superseded = 12,
    /// The session that is to be resumed is not known.
    UnknownSession = 13,
    /// The client has dealt with a sequence that the engine has not reached.
    SequenceAhead = 14,
    /// The journal or its epoch is another than the client expects.
    OtherHistory = 15,
    /// The table of sessions has no place for a new one.
    SessionsFull = 16,
    /// The number of a request does not increase.
    RequestNotIncreasing = 17,
    /// Nothing proves who the client is, or not rightly.
    Unauthenticated = 18,
    /// The client may not do this.
    NotAllowed = 19,
    /// The hello did not come in time.
    HelloTimeout = 20,
    /// The client was silent for too long.
    IdleTimeout = 21,
    /// More requests a second than the client may send.
    RateLimited = 22,
    /// What is to be followed begins before the oldest outcome that is kept.
    TooFarBehind = 23,
    /// The engine keeps no outcome log.
    NoOutcomeLog = 24,
    /// Nothing was acknowledged under the name of the subscription.
    UnknownSubscription = 25,
    /// The subscription was too far behind, and its name was dropped.
    SubscriptionDropped = 26,
    /// The engine is being stopped.
    Stopping = 27,
    /// The client has as many connections as it may have.
    TooManyConnections = 28,
    /// The engine serves as many subscriptions as it can.
    TooManySubscriptions = 29,
    /// Another connection has taken the subscription over.
    SubscriptionSuperseded = 30,
}

/// What a client does about an error. `docs/protocol.md` has it for every code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// A mistake in the client, which the same bytes would repeat.
    Mend,
    /// Connect again at once; if it ends so again, later.
    RetryAtOnce,
    /// Connect again after a while, longer each time.
    RetryLater,
    /// The same would fail again.
    GiveUp,
    /// Somebody has to look before anything is sent again.
    AskPerson,
}

impl Remedy {
    /// Whether another connection may fare better.
    #[must_use]
    pub fn is_retry(self) -> bool {
        matches!(self, Remedy::RetryAtOnce | Remedy::RetryLater)
    }
}

impl ErrorCode {
    /// Every code, in the order of the numbers.
    pub const ALL: &'static [ErrorCode] = &[
        ErrorCode::BadMagic,
        ErrorCode::UnsupportedVersion,
        ErrorCode::UnexpectedMessage,
        ErrorCode::BadLength,
        ErrorCode::BadChecksum,
        ErrorCode::BadOp,
        ErrorCode::BadCount,
        ErrorCode::ReservedNotZero,
        ErrorCode::BadValue,
        ErrorCode::TooManySessions,
        ErrorCode::NotReading,
        ErrorCode::Superseded,
        ErrorCode::UnknownSession,
        ErrorCode::SequenceAhead,
        ErrorCode::OtherHistory,
        ErrorCode::SessionsFull,
        ErrorCode::RequestNotIncreasing,
        ErrorCode::Unauthenticated,
        ErrorCode::NotAllowed,
        ErrorCode::HelloTimeout,
        ErrorCode::IdleTimeout,
        ErrorCode::RateLimited,
        ErrorCode::TooFarBehind,
        ErrorCode::NoOutcomeLog,
        ErrorCode::UnknownSubscription,
        ErrorCode::SubscriptionDropped,
        ErrorCode::Stopping,
        ErrorCode::TooManyConnections,
        ErrorCode::TooManySubscriptions,
        ErrorCode::SubscriptionSuperseded,
    ];

    /// The code with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u16) -> Option<ErrorCode> {
        Self::ALL.iter().copied().find(|&code| code as u16 == number)
    }

    /// Its name, as clients and metrics show it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ErrorCode::BadMagic => "bad_magic",
            ErrorCode::UnsupportedVersion => "unsupported_version",
            ErrorCode::UnexpectedMessage => "unexpected_message",
            ErrorCode::BadLength => "bad_length",
            ErrorCode::BadChecksum => "bad_checksum",
            ErrorCode::BadOp => "bad_op",
            ErrorCode::BadCount => "bad_count",
            ErrorCode::ReservedNotZero => "reserved_not_zero",
            ErrorCode::BadValue => "bad_value",
            ErrorCode::TooManySessions => "too_many_sessions",
            ErrorCode::NotReading => "not_reading",
            ErrorCode::Superseded => "superseded",
            ErrorCode::UnknownSession => "unknown_session",
            ErrorCode::SequenceAhead => "sequence_ahead",
            ErrorCode::OtherHistory => "other_history",
            ErrorCode::SessionsFull => "sessions_full",
            ErrorCode::RequestNotIncreasing => "request_not_increasing",
            ErrorCode::Unauthenticated => "unauthenticated",
            ErrorCode::NotAllowed => "not_allowed",
            ErrorCode::HelloTimeout => "hello_timeout",
            ErrorCode::IdleTimeout => "idle_timeout",
            ErrorCode::RateLimited => "rate_limited",
            ErrorCode::TooFarBehind => "too_far_behind",
            ErrorCode::NoOutcomeLog => "no_outcome_log",
            ErrorCode::UnknownSubscription => "unknown_subscription",
            ErrorCode::SubscriptionDropped => "subscription_dropped",
            ErrorCode::Stopping => "stopping",
            ErrorCode::TooManyConnections => "too_many_connections",
            ErrorCode::TooManySubscriptions => "too_many_subscriptions",
            ErrorCode::SubscriptionSuperseded => "subscription_superseded",
        }
    }

    /// What a client does about it.
    #[must_use]
    pub fn remedy(self) -> Remedy {
        match self {
            ErrorCode::BadMagic
            | ErrorCode::UnexpectedMessage
            | ErrorCode::BadLength
            | ErrorCode::BadOp
            | ErrorCode::BadCount
            | ErrorCode::ReservedNotZero
            | ErrorCode::BadValue
            | ErrorCode::RequestNotIncreasing
            | ErrorCode::UnknownSubscription => Remedy::Mend,
            ErrorCode::BadChecksum
            | ErrorCode::NotReading
            | ErrorCode::HelloTimeout
            | ErrorCode::IdleTimeout => Remedy::RetryAtOnce,
            ErrorCode::TooManySessions
            | ErrorCode::RateLimited
            | ErrorCode::Stopping
            | ErrorCode::TooManyConnections
            | ErrorCode::TooManySubscriptions => Remedy::RetryLater,
            ErrorCode::UnsupportedVersion
            | ErrorCode::Superseded
            | ErrorCode::SessionsFull
            | ErrorCode::Unauthenticated
            | ErrorCode::NotAllowed
            | ErrorCode::NoOutcomeLog
            | ErrorCode::SubscriptionSuperseded => Remedy::GiveUp,
            ErrorCode::UnknownSession
            | ErrorCode::SequenceAhead
            | ErrorCode::OtherHistory
            | ErrorCode::TooFarBehind
            | ErrorCode::SubscriptionDropped => Remedy::AskPerson,
        }
    }
}

/// How a peer broke the protocol. The session ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The stream does not begin with a hello.
    #[error("this is not the Ringfence protocol")]
    BadMagic,
    /// The peer speaks another version.
    #[error("protocol version {0}, but this side speaks version {PROTOCOL_VERSION}")]
    UnsupportedVersion(u32),
    /// A message of a kind that does not exist, or not from this side, or not now.
    #[error("unexpected message of kind {0}")]
    UnexpectedMessage(u8),
    /// A length, in bytes, that does not follow from kind and count, or is too large.
    #[error(
        "message of {0} bytes, which is not what its kind and count make (at most {MESSAGE_BYTES_MAX})"
    )]
    BadLength(u32),
    /// The bytes are not those that were sent.
    #[error("checksum {found:#010x}, but the bytes give {expected:#010x}")]
    BadChecksum {
        /// What the message says.
        found: u32,
        /// What its bytes give.
        expected: u32,
    },
    /// An operation that does not exist, or is the engine's own.
    #[error("unknown operation {0}")]
    BadOp(u8),
    /// A count outside of its range.
    #[error("count {0} in a message: not 1 to {BATCH_COMMANDS_MAX}, or not what its kind has")]
    BadCount(u16),
    /// A byte that has no meaning yet is not zero.
    #[error("reserved bytes of {0} are not zero")]
    ReservedNotZero(&'static str),
    /// A field has a value without a meaning.
    #[error("field {0} has a value without a meaning")]
    BadValue(&'static str),
}

impl Violation {
    /// What goes with the code: the version that is spoken, where that is the matter, else 0.
    #[must_use]
    pub fn value(&self) -> u64 {
        match self {
            Violation::UnsupportedVersion(_) => PROTOCOL_VERSION.into(),
            _ => 0,
        }
    }

    /// The code with which the engine reports it to the client.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Violation::BadMagic => ErrorCode::BadMagic,
            Violation::UnsupportedVersion(_) => ErrorCode::UnsupportedVersion,
            Violation::UnexpectedMessage(_) => ErrorCode::UnexpectedMessage,
            Violation::BadLength(_) => ErrorCode::BadLength,
            Violation::BadChecksum { .. } => ErrorCode::BadChecksum,
            Violation::BadOp(_) => ErrorCode::BadOp,
            Violation::BadCount(_) => ErrorCode::BadCount,
            Violation::ReservedNotZero(_) => ErrorCode::ReservedNotZero,
            Violation::BadValue(_) => ErrorCode::BadValue,
        }
    }
}
