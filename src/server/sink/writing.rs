//! What one client is owed.

use std::io::{self, Write};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::notice::Reason;
use crate::session::Session;
use ringfence_codec::wire::{
    EngineHello, ErrorCode, ReplyEncoder, encode_engine_hello, encode_error, encode_heartbeat,
};
use ringfence_types::{Event, Outcome};

/// A buffer that has become longer than this is given back once it is empty.
const KEPT_BYTES: usize = 64 * 1024;

/// What one client is owed.
pub(super) struct Writing {
    pub(super) session: Arc<Session>,
    encoder: ReplyEncoder,
    /// Encoded and not yet written, from `written` on.
    bytes: Vec<u8>,
    written: usize,
    /// Bytes that the socket took from `written` on, before [`write`](Writing::write) was called.
    pub(super) sent: usize,
    /// Outcomes encoded.
    answered: u64,
    /// It is in the list of those that have something to be written.
    pub(super) listed: bool,
    pub(super) ending: bool,
    wants_events: bool,
    /// Since when the client has taken nothing of what it is owed.
    stalled: Option<Instant>,
}

impl Writing {
    pub(super) fn new(session: Arc<Session>, wants_events: bool) -> Writing {
        Writing {
            session,
            encoder: ReplyEncoder::new(),
            bytes: Vec::new(),
            written: 0,
            sent: 0,
            answered: 0,
            listed: false,
            ending: false,
            wants_events,
            stalled: None,
        }
    }

    /// Bytes that are owed.
    #[inline]
    pub(super) fn owed(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Bytes that are held for it, those that were written since it owed nothing included.
    #[inline]
    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn greet(&mut self, hello: &EngineHello) {
        encode_engine_hello(hello, &mut self.bytes);
    }

    /// Adds an event, where the client wants it or has asked for it.
    pub(super) fn event(&mut self, event: &Event, owed_bytes_max: usize) {
        if self.ending || (event.kind().is_numbered() && !self.wants_events) {
            return;
        }
        self.encoder.event(event, &mut self.bytes);
        if self.owed() > owed_bytes_max {
            self.write();
        }
        if self.owed() > owed_bytes_max {
            let text = format!("more than {owed_bytes_max} bytes are owed and not read");
            let (code, value) = (ErrorCode::NotReading, owed_bytes_max as u64);
            self.end(Some(&Reason { code, value, text }));
            self.session.set_gone();
        }
    }

    #[inline]
    pub(super) fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        if !self.ending {
            self.encoder.outcome(sequence, outcome, &mut self.bytes);
            self.answered += 1;
        }
    }

    /// Says that the engine is there, if it has nothing else to say.
    pub(super) fn heartbeat(&mut self) {
        if self.bytes.is_empty() && !self.ending {
            encode_heartbeat(&mut self.bytes);
        }
    }

    /// Adds nothing more, but the reason.
    pub(super) fn end(&mut self, reason: Option<&Reason>) {
        if self.ending {
            return;
        }
        self.ending = true;
        self.encoder.finish(&mut self.bytes);
        if let Some(Reason { code, value, text }) = reason {
            encode_error(*code, *value, text, &mut self.bytes);
            self.session.ends_with(*code, text);
        }
    }

    /// Ends what is encoded as a whole message. `false`: another thread still writes what comes
    /// before it.
    pub(super) fn finish(&mut self) -> bool {
        let may_write = !self.session.is_resuming();
        if may_write {
            self.encoder.finish(&mut self.bytes);
        }
        may_write
    }

    /// What the socket is to be given next.
    pub(super) fn piece(&self) -> (BorrowedFd<'_>, &[u8]) {
        (self.session.stream.as_fd(), &self.bytes[self.written..])
    }

    /// Writes what the socket takes. Returns whether anything was written.
    pub(super) fn write(&mut self) -> bool {
        if !self.finish() {
            return false;
        }
        let start = self.written;
        self.written += mem::take(&mut self.sent);
        while self.written < self.bytes.len() {
            match (&self.session.stream).write(&self.bytes[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let any = self.written > start;
                    if any || self.stalled.is_none() {
                        self.stalled = Some(Instant::now());
                    }
                    return any;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.session.set_gone();
                    break;
                }
            }
        }
        let any = !self.bytes.is_empty();
        self.clear();
        any
    }

    /// Gives up what is owed: the client is gone, or does not take it.
    pub(super) fn give_up(&mut self) {
        self.session.set_gone();
        self.session.set_closing();
        self.session.stream.shut_down();
        self.encoder = ReplyEncoder::new();
        self.clear();
    }

    /// Gives up what is owed if the client has taken nothing of it for so long.
    pub(super) fn give_up_if_stalled(&mut self, idle_timeout: Duration) {
        if self.stalled.is_some_and(|since| since.elapsed() > idle_timeout) {
            let text = "takes nothing of what it is owed";
            self.session.ends_with(ErrorCode::NotReading, text);
            self.give_up();
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
        self.written = 0;
        self.stalled = None;
        self.session.set_answered(self.answered);
    }
}
