//! What the gateway and publish share of a client's session.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::stream::Stream;

/// Most sessions at a time.
pub const SESSIONS_MAX: u16 = 1024;

/// Most commands of one session that are taken in and whose outcomes it has not yet been sent.
/// With these the engine reads no further, so that a client which does not read holds up
/// nobody but itself, and the memory that answers take is bounded.
pub const IN_FLIGHT_COMMANDS_MAX: u32 = 16 * 1024;

/// One session: the gateway reads from its stream, publish writes to it.
#[derive(Debug)]
pub struct Session {
    /// Its number, from 1; used again once it has ended.
    pub id: u16,
    /// The connection.
    pub stream: Stream,
    answered: AtomicU64,
    gone: AtomicBool,
    ended: AtomicBool,
}

impl Session {
    pub(crate) fn new(id: u16, stream: Stream) -> Session {
        Session {
            id,
            stream,
            answered: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    // Relaxed, in all of these: each value stands for itself, the other thread finds it a little
    // earlier or later, and bells see to it that it looks again.

    /// How many of its commands have been answered, as publish counts them.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// So many of its commands have been answered: their outcomes are with the kernel.
    pub fn set_answered(&self, count: u64) {
        self.answered.store(count, Ordering::Relaxed);
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
