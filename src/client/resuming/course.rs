//! The connections of a subscription, one after the other. It makes none itself.

use std::time::Instant;

use super::attempts::{Attempts, Cut};
use super::place::{Place, SubscriptionOptions};
use crate::{Address, ClientError};
use ringfence_codec::wire::{EngineHello, Subscribe, Subscribed};

/// A connection whose engine has answered.
pub(crate) trait Answered {
    /// What the engine said of itself.
    fn hello(&self) -> EngineHello;

    /// Where the subscription began.
    fn subscribed(&self) -> Subscribed;
}

/// Where a subscription is, and its connection, if it has one.
#[derive(Debug)]
pub(crate) struct Course<S> {
    pub address: Address,
    pub place: Place,
    attempts: Attempts,
    connection: Connection<S>,
}

#[derive(Debug)]
enum Connection<S> {
    Open(Box<S>),
    /// Lost, or not made yet; the next attempt is due then.
    Lost {
        retry_at: Instant,
        reason: String,
    },
    /// Nothing more comes.
    Ended,
}

impl<S: Answered> Course<S> {
    /// Without a connection: the first attempt is due at once.
    pub fn new(address: &Address, options: SubscriptionOptions, wish: Subscribe) -> Course<S> {
        Course {
            address: address.clone(),
            attempts: Attempts::new(options.give_up_after),
            place: Place::new(wish, options),
            connection: Connection::Lost { retry_at: Instant::now(), reason: String::new() },
        }
    }

    /// The connection, if there is one.
    pub fn connection(&mut self) -> Option<&mut S> {
        match &mut self.connection {
            Connection::Open(connection) => Some(connection),
            Connection::Lost { .. } | Connection::Ended => None,
        }
    }

    /// When the next attempt to connect is due, if one is.
    pub fn retry_at(&self) -> Option<Instant> {
        match self.connection {
            Connection::Lost { retry_at, .. } => Some(retry_at),
            Connection::Open(_) | Connection::Ended => None,
        }
    }

    /// Why there is no connection just now; `None` while there is one.
    pub fn lost_because(&self) -> Option<&str> {
        match &self.connection {
            Connection::Lost { reason, .. } => Some(reason),
            Connection::Open(_) | Connection::Ended => None,
        }
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.connection, Connection::Ended)
    }

    /// Takes what an attempt to connect came to.
    ///
    /// # Errors
    ///
    /// Why nothing more comes.
    pub fn attempted(&mut self, attempt: Result<S, ClientError>) -> Result<(), ClientError> {
        let connection = match attempt {
            Ok(connection) => connection,
            Err(error) => return self.lost(error),
        };
        self.connection = Connection::Ended;
        let answered = self.place.answered(&connection.hello(), &connection.subscribed());
        answered
            .map_err(|changed| ClientError::History { address: self.address.clone(), changed })?;
        self.connection = Connection::Open(Box::new(connection));
        Ok(())
    }

    /// The connection, or the attempt to make one, came to nothing: sets the time of the next
    /// attempt.
    ///
    /// # Errors
    ///
    /// `error`, if there is none.
    pub fn lost(&mut self, error: ClientError) -> Result<(), ClientError> {
        if matches!(self.connection, Connection::Open(_)) {
            self.attempts.succeeded();
        }
        self.connection = Connection::Ended;
        let reason = error.to_string();
        let wait = self.attempts.after(Cut::from(error))?;
        self.connection = Connection::Lost { retry_at: Instant::now() + wait, reason };
        Ok(())
    }
}
