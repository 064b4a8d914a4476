//! What the gateway says to publish about connections, between their commands.

use std::sync::Arc;

use crate::session::Session;
use ringfence_codec::wire::{EngineHello, ErrorCode};

/// What the gateway tells publish about connections, between their commands.
#[derive(Debug)]
pub enum SessionNotice {
    /// A client has come in, and wants to be greeted.
    Opened(Box<Opened>),
    /// Those of whom nothing is said for a while are told that the engine is there: the connections
    /// whose numbers, divided by [`SLICES`], leave this rest.
    Heartbeat {
        /// Which.
        slice: u16,
    },
    /// Nothing more comes from it: what is owed is sent, then the connection is ended.
    Ended {
        /// Which connection.
        session: u16,
        /// Why, if it was not the client's wish.
        reason: Option<Reason>,
    },
}

/// Parts in which all connections are gone through, so that many of them do not take much time at
/// once.
pub const SLICES: u16 = 8;

/// A client that has come in.
#[derive(Debug)]
pub struct Opened {
    /// Its connection.
    pub session: Arc<Session>,
    /// What it is greeted with.
    pub hello: EngineHello,
    /// Outcomes that it has missed and that the outcome log may have.
    pub missed: Option<Missed>,
}

/// Outcomes of a session that its client has not dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// Identity of the session.
    pub session: u128,
    /// They come after this sequence.
    pub after: u64,
    /// The last of them.
    pub up_to: u64,
}

/// Why a connection is ended, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// By its number.
    pub code: ErrorCode,
    /// A sequence, a request's number or a limit, by the code, else 0.
    pub value: u64,
    /// For a person to read.
    pub text: String,
}
