//! Places for connections, and what is told of one that has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crossbeam::channel::{Receiver, Sender, bounded};
use mio::Waker;

use super::Tally;

/// Ends of connections that wait to be logged; more of them are not logged.
const ENDED_MAX: usize = 256;

/// A connection has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whose it was.
    pub(crate) peer: Arc<str>,
    /// An error's code by its number, 0 where the client ended it.
    pub(crate) code: u16,
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
    code: u16,
    taken: Arc<AtomicU32>,
    principal: Arc<Tally>,
    ended: Sender<Ended>,
    door: Arc<Waker>,
}

impl Seats {
    /// All free. What `door` wakes finds in the receiver which connections have ended.
    pub(crate) fn new(door: Arc<Waker>) -> (Seats, Receiver<Ended>) {
        let (sender, ended) = bounded(ENDED_MAX);
        (Seats { taken: Arc::default(), ended: sender, door }, ended)
    }

    // Relaxed, in all of these: a number stands for itself; only the door adds to it.

    /// How many are taken.
    pub(crate) fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Takes one for `peer`, which acts for `principal`.
    pub(crate) fn take(&self, peer: Arc<str>, principal: &Arc<Tally>) -> Seat {
        self.taken.fetch_add(1, Ordering::Relaxed);
        principal.connections.fetch_add(1, Ordering::Relaxed);
        Seat {
            peer,
            code: 0,
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

    /// Says why the connection ends, as an error's code by its number.
    pub(crate) fn ends_with(&mut self, code: u16) {
        self.code = code;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        self.principal.connections.fetch_sub(1, Ordering::Relaxed);
        let ended = Ended { peer: Arc::clone(&self.peer), code: self.code };
        // Where too many end at once, not all of them are logged.
        drop(self.ended.try_send(ended));
        // It fails only where the door is gone.
        drop(self.door.wake());
    }
}
