//! What the gateway says to publish between two commands.

use std::sync::Arc;

use crate::session::Session;
use ringfence_codec::wire::ErrorCode;

/// Something that a source has to say between two commands: publish passes it on in its place.
#[derive(Debug)]
pub struct Notice<N> {
    /// Sequence of the command that it comes after.
    pub after: u64,
    /// What it says.
    pub what: N,
}

/// What a text input says beside its commands.
#[derive(Debug, PartialEq, Eq)]
pub enum TextNotice {
    /// A line was malformed.
    Malformed {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        error: String,
    },
    /// The manual clock was advanced.
    Advanced {
        /// What it reads now, in nanoseconds.
        clock_ns: u64,
    },
}

/// What the gateway tells publish about sessions, between their commands.
#[derive(Debug)]
pub enum SessionNotice {
    /// A client has connected.
    Opened(Arc<Session>),
    /// It has said hello, and wants one back.
    Greeted {
        /// Which session.
        session: u16,
        /// Whether it wants to be told of events.
        events: bool,
    },
    /// Nothing more comes from it: what is owed is sent, then the connection is ended.
    Ended {
        /// Which session.
        session: u16,
        /// Why, if it was not the client's wish.
        reason: Option<(ErrorCode, String)>,
    },
}
