//! The way of messages into the engine: a named session, with one holder.
//!
//! ```text
//!   source ─Message─▶ Port ─▶ Worker: decode, tag, send ─▶ session ─▶ engine
//!   source ◀─Settled─ Port ◀─ Worker: answered, sinks confirmed ◀──────┘
//! ```

mod open;
mod replies;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::message::Malformed;
use crate::together::{Giving, Together};
use crate::{EngineId, Failure, Given, Message, SourceMetrics};

pub use open::open_port;
pub use replies::{Replies, encode_answers};

/// What a port is opened with.
#[derive(Debug, Clone)]
pub struct PortOptions {
    /// Name of the source, for metrics and logs.
    pub name: String,
    /// Name of the session, of which the engine knows the [`ringfence_client::session_id`].
    pub session: String,
    /// The sinks that must have confirmed an outcome before its message is settled.
    pub waits_for: Vec<String>,
    /// Most messages that are taken in and not settled.
    pub credit: usize,
    /// How many answered requests are known, so that they are recognised when they come again.
    pub remember: usize,
    /// Longest body that is read, in bytes.
    pub message_bytes_max: usize,
    /// How long to wait for what is under way when asked to stop.
    pub drain: Duration,
    /// Whether messages have offsets: then those up to the session's last request are settled as
    /// [`Settlement::Known`], and nothing is read back from the log.
    pub by_offset: bool,
}

/// A message that needs the source's attention no more after this.
#[derive(Debug)]
pub struct Settled<H> {
    /// What the source gave with the message.
    pub handle: H,
    /// What became of it.
    pub settlement: Settlement,
}

/// What became of a message.
#[derive(Debug)]
pub enum Settlement {
    /// It was executed, and its outcomes are durable and confirmed where that was asked: reply, and
    /// acknowledge.
    Done(Replies),
    /// It was executed, in an earlier life of the session; by offset only. Acknowledge.
    Known,
    /// It was executed, but its outcomes can no longer be had. Acknowledge.
    Lost,
    /// It is no command. Bring it to the dead letters, unchanged, and then acknowledge.
    Dead {
        /// The message's body.
        body: Vec<u8>,
        /// Why.
        malformed: Malformed,
    },
}

/// Messages on their way to the worker, and where to settle them.
struct Offer<H> {
    given: Vec<Given<H>>,
    settled: Giving<Settled<H>>,
}

/// Where a source gives its messages, and learns when to acknowledge them.
///
/// At most [`PortOptions::credit`] messages are under way: a source that never has more unsettled
/// ones never waits in [`Port::give`]. Others have to settle what comes from [`Port::next`]
/// meanwhile, in another task.
#[derive(Debug)]
pub struct Port<H> {
    offers: mpsc::Sender<Offer<H>>,
    settle: Giving<Settled<H>>,
    settled: Together<Settled<H>>,
    /// Why the worker has ended, once it has.
    ended: watch::Receiver<Option<Result<(), Failure>>>,
    engine: EngineId,
    last_request: u64,
    metrics: Arc<SourceMetrics>,
}

/// Gives messages to a port from any task.
#[derive(Debug)]
pub struct Giver<H> {
    offers: mpsc::Sender<Offer<H>>,
    settle: Giving<Settled<H>>,
}

impl<H> Clone for Giver<H> {
    fn clone(&self) -> Giver<H> {
        Giver { offers: self.offers.clone(), settle: self.settle.clone() }
    }
}

impl<H> Giver<H> {
    /// As [`Port::give`].
    ///
    /// # Errors
    ///
    /// As [`Port::give`].
    pub async fn give(&self, message: Message<H>) -> Result<(), Failure> {
        self.give_all(vec![Given::Message(message)]).await
    }

    /// As [`Port::give_all`].
    ///
    /// # Errors
    ///
    /// As [`Port::give`].
    pub async fn give_all(&self, given: Vec<Given<H>>) -> Result<(), Failure> {
        let offer = Offer { given, settled: self.settle.clone() };
        let given = self.offers.send(offer).await;
        given.map_err(|_| Failure::retry("the session with the engine has ended"))
    }
}

impl<H: Send + 'static> Port<H> {
    /// Gives a message. Waits while the credit is used up.
    ///
    /// # Errors
    ///
    /// If the session has ended: [`Port::next`] says why.
    pub async fn give(&self, message: Message<H>) -> Result<(), Failure> {
        self.giver().give(message).await
    }

    /// Gives messages, in their order. Waits while the credit is used up.
    ///
    /// # Errors
    ///
    /// As [`Port::give`].
    pub async fn give_all(&self, given: Vec<Given<H>>) -> Result<(), Failure> {
        self.giver().give_all(given).await
    }

    /// What other tasks give messages with, for the connection that is served now.
    #[must_use]
    pub fn giver(&self) -> Giver<H> {
        Giver { offers: self.offers.clone(), settle: self.settle.clone() }
    }

    /// The next message that is settled; `None` when the source is to end its connection: nothing
    /// more comes. May be dropped while it waits.
    ///
    /// # Errors
    ///
    /// Why the session has ended.
    pub async fn next(&mut self) -> Result<Option<Settled<H>>, Failure> {
        tokio::select! {
            biased;
            Some(settled) = self.settled.recv() => Ok(Some(settled)),
            ended = self.ended.wait_for(Option::is_some) => match ended {
                Ok(ended) => match &*ended {
                    Some(Err(failure)) => Err(failure.clone()),
                    _ => Ok(None),
                },
                Err(_) => Ok(None),
            },
        }
    }

    /// A settled message that is there already.
    pub fn try_next(&mut self) -> Option<Settled<H>> {
        self.settled.try_recv()
    }

    /// Begins a new connection: what messages of the earlier one are settled is not told any more,
    /// as their handles mean nothing.
    pub fn renew(&mut self) {
        (self.settle, self.settled) = Together::channel();
    }

    /// The source is connected to its broker, or not.
    pub fn set_connected(&self, is_connected: bool) {
        self.metrics.blocked.clear();
        self.metrics.is_connected.store(is_connected, Ordering::Relaxed);
    }

    /// The broker takes no replies and dead letters, and why; `None`: it takes them again.
    pub fn set_blocked(&self, reason: Option<&str>) {
        match reason {
            Some(reason) => self.metrics.blocked.set(reason),
            None => self.metrics.blocked.clear(),
        }
    }

    /// Counts a message that the source itself brings to the dead letters.
    pub fn count_dead(&self, malformed: &Malformed) {
        self.metrics.count_dead(malformed.kind);
    }

    /// Why the session has ended, where it has not been asked to.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.ended.borrow().as_ref()?.as_ref().err().cloned()
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &EngineId {
        &self.engine
    }

    /// Number of the session's last request when the port was opened: a source with offsets begins
    /// at this offset.
    #[must_use]
    pub fn last_request(&self) -> u64 {
        self.last_request
    }
}
