//! Places for connections, and what is told of one that has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crossbeam::channel::{Receiver, Sender, unbounded};
use mio::Waker;
use ringfence_codec::wire::ErrorCode;

use super::Tally;

/// A connection has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whose it was.
    pub(crate) peer: Arc<str>,
    /// For whom it acted.
    pub(crate) principal: Arc<str>,
    /// Why, where the client did not end it.
    pub(crate) reason: Option<(ErrorCode, Box<str>)>,
}

/// How many connections there are, as the door counts them.
#[derive(Debug)]
pub(crate) struct Seats {
    taken: Arc<AtomicU32>,
    ended: Sender<Ended>,
    door: Arc<Waker>,
}

/// The place of one connection, which it gives back when it is dropped: the door is woken then.
#[derive(Debug)]
pub(crate) struct Seat {
    peer: Arc<str>,
    name: Arc<str>,
    reason: Option<(ErrorCode, Box<str>)>,
    taken: Arc<AtomicU32>,
    principal: Arc<Tally>,
    ended: Sender<Ended>,
    door: Arc<Waker>,
}

impl Seats {
    /// All free. What `door` wakes finds in the receiver which connections have ended.
    pub(crate) fn new(door: Arc<Waker>) -> (Seats, Receiver<Ended>) {
        // There are never more in it than connections: the door takes them out in each turn, and
        // lets only a few in in each.
        let (sender, ended) = unbounded();
        (Seats { taken: Arc::default(), ended: sender, door }, ended)
    }

    // Relaxed, in all of these: a number stands for itself; only the door adds to it.

    /// How many are taken.
    pub(crate) fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Takes one for `peer`, which acts for the principal `name`.
    pub(crate) fn take(&self, peer: Arc<str>, name: Arc<str>, principal: &Arc<Tally>) -> Seat {
        self.taken.fetch_add(1, Ordering::Relaxed);
        principal.connections.fetch_add(1, Ordering::Relaxed);
        Seat {
            peer,
            name,
            reason: None,
            taken: Arc::clone(&self.taken),
            principal: Arc::clone(principal),
            ended: self.ended.clone(),
            door: Arc::clone(&self.door),
        }
    }
}

impl Seat {
    /// What its principal takes.
    pub(crate) fn principal(&self) -> &Tally {
        &self.principal
    }

    /// Says why the connection ends, for log and metrics.
    pub(crate) fn ends_with(&mut self, code: ErrorCode, text: impl Into<Box<str>>) {
        self.reason = Some((code, text.into()));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        self.principal.connections.fetch_sub(1, Ordering::Relaxed);
        let (peer, principal) = (Arc::clone(&self.peer), Arc::clone(&self.name));
        // It fails only where the door is gone.
        drop(self.ended.send(Ended { peer, principal, reason: self.reason.take() }));
        // It fails only where the door is gone.
        drop(self.door.wake());
    }
}
