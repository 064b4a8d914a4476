//! What the gateway says to publish about connections, between their commands.

use std::sync::Arc;

use crate::session::Session;
use ringfence_codec::wire::ErrorCode;

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
