//! What the gateway says to publish about connections, between their commands.

use std::sync::Arc;

use crate::Refusal;
use crate::session::Connection;
use ringfence_codec::wire::EngineHello;

/// What the gateway tells publish about connections, between their commands.
#[derive(Debug)]
pub enum SessionNotice {
    /// A client has connected.
    Opened(Arc<Connection>),
    /// It has said hello, and wants one back.
    Greeted {
        /// Which connection.
        connection: u16,
        /// The answer.
        hello: EngineHello,
        /// The session whose outcomes after `hello.resumes_after` are to be sent again, up to
        /// `hello.last_sequence`; 0: none.
        session: u128,
    },
    /// A second has passed: who was told nothing is told that the engine is there.
    Second,
    /// Nothing more comes from it: what is owed is sent, then the connection is ended.
    Ended {
        /// Which connection.
        connection: u16,
        /// Why, if it was not the client's wish.
        reason: Option<Refusal>,
    },
}
