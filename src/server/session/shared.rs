//! What the gateway and publish share of a client's connection.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ringfence_codec::wire::ErrorCode;

use super::{Seat, Stream, Tally};

/// One connection that was admitted: the gateway reads from its stream, publish writes to it.
#[derive(Debug)]
pub struct Session {
    /// Its number, from 1; used again once it has ended.
    pub id: u16,
    /// The connection.
    pub stream: Stream,
    answered: AtomicU64,
    gone: AtomicBool,
    ended: AtomicBool,
    closing: AtomicBool,
    resuming: AtomicBool,
    /// Whether somebody has said, or says now, why it ends.
    has_reason: AtomicBool,
    reason: OnceLock<(ErrorCode, Box<str>)>,
    seat: Seat,
}

impl Session {
    pub(crate) fn new(id: u16, stream: Stream, seat: Seat) -> Session {
        Session {
            id,
            stream,
            answered: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            resuming: AtomicBool::new(false),
            has_reason: AtomicBool::new(false),
            reason: OnceLock::new(),
            seat,
        }
    }

    // Relaxed, in all of these but one: each value stands for itself, the other thread finds it a
    // little earlier or later, and bells see to it that it looks again.

    /// How many of its commands have been answered, as publish counts them.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// So many of its commands have been answered: their outcomes are with the kernel.
    pub(crate) fn set_answered(&self, count: u64) {
        self.answered.store(count, Ordering::Relaxed);
    }

    /// Whether its client is known to be gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Its client is gone: nothing more reaches it.
    pub(crate) fn set_gone(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// Whether publish is done with it.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Publish is done with it; its number may be used again.
    pub(crate) fn set_ended(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Whether the gateway takes nothing more in from it.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// The gateway takes nothing more in from it.
    pub(crate) fn set_closing(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// What its principal takes.
    pub(crate) fn principal(&self) -> &Tally {
        self.seat.principal()
    }

    /// Says why it ends, for log and metrics; the first reason stays.
    pub(crate) fn ends_with(&self, code: ErrorCode, text: &str) {
        // One thread alone gets to set it, so that none waits for another.
        if !self.has_reason.swap(true, Ordering::Relaxed) {
            self.reason.set((code, text.into())).expect("nobody else sets it");
        }
    }

    /// Whether the client is still being sent what it has missed: until then nobody else writes to
    /// the stream, and nothing is read from it.
    pub(crate) fn is_resuming(&self) -> bool {
        // Acquire: pairs with the Release in `set_resuming`. What was written to the stream before
        // lies before what this thread writes to it.
        self.resuming.load(Ordering::Acquire)
    }

    /// The client begins to be sent what it has missed, or has been sent it.
    pub(crate) fn set_resuming(&self, is_resuming: bool) {
        // Release: pairs with the Acquire in `is_resuming`.
        self.resuming.store(is_resuming, Ordering::Release);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some((code, text)) = self.reason.take() {
            self.seat.ends_with(code, text);
        }
    }
}
