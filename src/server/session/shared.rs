//! What the gateway and publish share of a client's connection.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::stream::Stream;

/// One connection: the gateway reads from its stream; publish writes to it, or for a time, before
/// it is live, the thread that resumes a session.
#[derive(Debug)]
pub struct Connection {
    /// Its number, from 1; used again once it has ended.
    pub id: u16,
    /// The stream.
    pub stream: Stream,
    answered: AtomicU64,
    resuming: AtomicBool,
    gone: AtomicBool,
    ended: AtomicBool,
}

impl Connection {
    pub(crate) fn new(id: u16, stream: Stream) -> Connection {
        Connection {
            id,
            stream,
            answered: AtomicU64::new(0),
            resuming: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    // Relaxed, in most of these: each value stands for itself, the other thread finds it a little
    // earlier or later, and bells see to it that it looks again.

    /// How many of its commands have been answered, as publish counts them.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// So many of its commands have been answered: their outcomes are with the kernel.
    pub fn set_answered(&self, count: u64) {
        self.answered.store(count, Ordering::Relaxed);
    }

    /// Whether outcomes are being sent again: until that is done nothing is read from it, and nobody
    /// else writes to it.
    pub(crate) fn is_resuming(&self) -> bool {
        // Acquire: pairs with `set_resuming`; what the other thread wrote to the stream comes first.
        self.resuming.load(Ordering::Acquire)
    }

    /// Outcomes are being sent again from now on, or no longer.
    pub(crate) fn set_resuming(&self, is_resuming: bool) {
        // Release: pairs with `is_resuming`.
        self.resuming.store(is_resuming, Ordering::Release);
    }

    /// Whether its client is known to be gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Its client is gone: nothing more reaches it.
    pub fn set_gone(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// Whether publish is done with it.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Publish is done with it; its number may be used again.
    pub fn set_ended(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}
