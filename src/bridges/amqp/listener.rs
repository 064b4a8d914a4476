//! What a connection says of itself, beside messages and confirms.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use futures_util::{Stream, StreamExt};
use lapin::{Channel, Connection, Event};
use ringfence_bridge_core::{Failure, Heard};

/// Listens to a connection, on which a channel has to stay open.
pub(crate) struct Listener {
    /// In a mutex, which is never locked: so the listener can be shared between threads.
    events: Mutex<Pin<Box<dyn Stream<Item = Event> + Send>>>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

impl Listener {
    pub fn new(connection: &Connection) -> Listener {
        Listener { events: Mutex::new(Box::pin(connection.events_listener())) }
    }

    /// What it says next. May be dropped while it waits.
    pub async fn next(&mut self, connection: &Connection, channel: &Channel) -> Heard {
        let events = self.events.get_mut().unwrap_or_else(PoisonError::into_inner);
        loop {
            let is_open = || connection.status().connected() && channel.status().connected();
            match events.next().await {
                Some(Event::ConnectionBlocked(reason)) => return Heard::Blocked(Some(reason)),
                Some(Event::ConnectionUnblocked) => return Heard::Blocked(None),
                // Another channel may have ended, such as one on which a queue was looked for.
                Some(Event::Error(error)) if !is_open() => {
                    return Heard::Lost(Failure::retry(error));
                }
                Some(_) => {}
                None => return Heard::Lost(Failure::retry("the connection has ended")),
            }
        }
    }
}
