//! A sink that keeps what passes through it in the outcome log, and is never held up by that.
//!
//! ```text
//!   outcomes ──▶ the sink behind it
//!      └──copy──▶ frame ──bounded channel──▶ thread ──▶ file
//!                   ▲──────── empty frames ────┘
//! ```
//!
//! # Invariants
//!
//! * Publish never waits for the log: where the disk does not keep up and no empty frame is left, the
//!   log stops where it is, and the next start makes the rest again from the journal.

use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};

use super::Sink;
use ringfence_journal::JournalError;
use ringfence_journal::outcomes::{Frame, Log};
use ringfence_ring::Bell;
use ringfence_types::{Event, Origin, Outcome};

/// Frames that may be on their way to the disk: 16 MiB.
const FRAMES: usize = 64;
/// How long outcomes gather before they are written, while there are few.
const GATHER: Duration = Duration::from_millis(10);

/// The sink behind, and the log beside it.
pub struct Logged<K> {
    inner: K,
    log: Beside,
}

struct Beside {
    frame: Frame,
    /// When the first outcome of the frame came, where that was asked already.
    since: Option<Instant>,
    full: Sender<Frame>,
    empty: Receiver<Frame>,
    thread: JoinHandle<Result<Log, JournalError>>,
    /// The log has stopped.
    is_behind: bool,
}

impl<K> Logged<K> {
    /// Passes everything on to `inner`, and keeps it in `log`.
    ///
    /// # Errors
    ///
    /// If the system refuses a thread.
    pub fn new(inner: K, mut log: Log) -> io::Result<Logged<K>> {
        let (full, frames) = bounded::<Frame>(FRAMES);
        let (back, empty) = bounded(FRAMES);
        for _ in 1..FRAMES {
            back.send(Frame::new()).expect("the channel has room for every frame");
        }
        let write = move || {
            for mut frame in frames {
                log.append(&frame)?;
                frame.clear();
                if back.send(frame).is_err() {
                    // Publish has left: what is under way is still written.
                    continue;
                }
            }
            Ok(log)
        };
        let thread = std::thread::Builder::new().name("ringfence-log".to_owned()).spawn(write)?;
        let (frame, since, is_behind) = (Frame::new(), None, false);
        let log = Beside { frame, since, full, empty, thread, is_behind };
        Ok(Logged { inner, log })
    }

    /// Writes what has gathered. Gives the sink behind, and the log, or what went wrong with it: what
    /// it lacks then is made again at the next start.
    pub fn finish(self) -> (K, Result<Log, String>) {
        let Beside { frame, full, empty, thread, is_behind, .. } = self.log;
        let first = frame.first_sequence();
        if !frame.is_empty() && !is_behind {
            // The run is over: here it may wait. It fails only where the thread has ended.
            drop(full.send(frame));
        }
        drop((full, empty));
        let log = match thread.join() {
            Ok(Ok(_)) if is_behind => {
                Err(format!("the disk did not keep up, the outcome log stops before {first}"))
            }
            Ok(Ok(log)) => Ok(log),
            Ok(Err(error)) => Err(format!("the outcome log stopped: {error}")),
            Err(panic) => std::panic::resume_unwind(panic),
        };
        (self.inner, log)
    }
}

impl Beside {
    /// Hands the frame over, if there is an empty one to go on with.
    fn hand_over(&mut self) {
        let Ok(empty) = self.empty.try_recv() else {
            self.is_behind = true;
            tracing::warn!(
                "the outcome log stops before sequence {}; the next start goes on with it",
                self.frame.first_sequence()
            );
            return;
        };
        let full = std::mem::replace(&mut self.frame, empty);
        self.since = None;
        if self.full.try_send(full).is_err() {
            // The thread has ended, and says at the end why.
            self.is_behind = true;
        }
    }

    #[inline]
    fn check(&mut self) {
        if self.frame.is_full() {
            self.hand_over();
        }
    }
}

impl<K: Sink> Sink for Logged<K> {
    type Notice = K::Notice;

    fn notice(&mut self, notice: K::Notice) {
        self.inner.notice(notice);
    }

    fn origin(&mut self, origin: &Origin) {
        self.inner.origin(origin);
        if !self.log.is_behind {
            self.log.frame.origin(origin);
            self.log.check();
        }
    }

    #[inline]
    fn event(&mut self, event: &Event) {
        self.inner.event(event);
        if !self.log.is_behind {
            self.log.frame.event(event);
            self.log.check();
        }
    }

    #[inline]
    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        self.inner.outcome(sequence, outcome);
        if !self.log.is_behind {
            self.log.frame.outcome(sequence, outcome);
            self.log.check();
        }
    }

    fn turn_begins(&mut self) {
        self.inner.turn_begins();
    }

    fn turn_ends(&mut self, idle: bool) -> bool {
        let log = &mut self.log;
        if idle
            && !log.is_behind
            && !log.frame.is_empty()
            && log.since.get_or_insert_with(Instant::now).elapsed() >= GATHER
        {
            log.hand_over();
        }
        self.inner.turn_ends(idle)
    }

    fn is_ready(&self) -> bool {
        self.inner.is_ready()
    }

    fn attach(&mut self, gateway: Bell) {
        self.inner.attach(gateway);
    }

    fn is_drained(&self) -> bool {
        self.inner.is_drained()
    }
}
