//! A sink that keeps what passes through it in the outcome log.
//!
//! ```text
//!   outcomes ──▶ the sink behind it
//!      └──copy──▶ frame ──bounded channel──▶ thread ──▶ file
//!                   ▲──────── empty frames ────┘
//! ```
//!
//! # Invariants
//!
//! * Nothing that was published is missing in the log: where the disk does not keep up, publish is
//!   not ready for more until frames come back, as commands wait for the journal.
//! * Whenever the thread has nothing to do, what has gathered is handed to it: so what is published
//!   is in the file a moment later, and frames grow with the load.

use std::io;
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::{Sink, SinkError};
use crate::Gauge;
use ringfence_journal::JournalError;
use ringfence_journal::outcomes::{Frame, Keep, Log};
use ringfence_ring::Bell;
use ringfence_types::{Event, Origin, Outcome};

/// Frames that may be on their way to the disk: 16 MiB.
const FRAMES: usize = 64;
/// With fewer empty frames than these the sink takes nothing more: what publish passes on in one
/// turn, an events lane of the default length included, finds room in them.
const FRAMES_FOR_A_TURN: usize = 16;

/// The sink behind, and the log beside it.
pub struct Logged<K> {
    inner: K,
    log: Beside,
}

struct Beside {
    frame: Frame,
    full: Sender<Frame>,
    empty: Receiver<Frame>,
    /// Gone once its failure was told.
    thread: Option<JoinHandle<Result<Log, JournalError>>>,
    /// Rings publish when a frame comes back.
    bell: Sender<Bell>,
}

/// What the thread of a log is told and tells, from outside of the pipeline.
#[derive(Debug, Clone, Default)]
pub struct LogGauges {
    /// Sequence of the last outcome that is in the file.
    pub logged: Gauge,
    /// Files with outcomes after this sequence are kept, up to twice what else is kept.
    pub needed_after: Gauge,
}

impl LogGauges {
    /// Nothing is logged, and nobody needs anything.
    #[must_use]
    pub fn new() -> LogGauges {
        LogGauges { logged: Gauge::new(0), needed_after: Gauge::new(u64::MAX) }
    }
}

/// The work of the log's thread.
struct Writing {
    log: Log,
    keep: Keep,
    gauges: LogGauges,
    frames: Receiver<Frame>,
    back: Sender<Frame>,
    bells: Receiver<Bell>,
}

impl Writing {
    fn run(mut self) -> Result<Log, JournalError> {
        let mut bell = None;
        self.gauges.logged.set(self.log.last_sequence());
        while let Ok(mut frame) = self.frames.recv() {
            if self.log.append(&frame)? {
                self.log.remove_old(&self.keep, self.gauges.needed_after.get())?;
            }
            self.gauges.logged.set(self.log.last_sequence());
            frame.clear();
            // Where publish has left already, what is under way is still written.
            drop(self.back.send(frame));
            bell = bell.or_else(|| self.bells.try_recv().ok());
            if let Some(bell) = &bell {
                bell.ring();
            }
        }
        Ok(self.log)
    }
}

impl<K> Logged<K> {
    /// Passes everything on to `inner`, and keeps it in `log`, of which `keep` says how much stays.
    ///
    /// # Errors
    ///
    /// If the system refuses a thread.
    pub fn new(inner: K, log: Log, keep: Keep, gauges: LogGauges) -> io::Result<Logged<K>> {
        let (full, frames) = bounded::<Frame>(FRAMES);
        let (back, empty) = bounded(FRAMES);
        let (bell, bells) = bounded(1);
        for _ in 1..FRAMES {
            back.send(Frame::new()).expect("the channel has room for every frame");
        }
        let writing = Writing { log, keep, gauges, frames, back, bells };
        let thread = std::thread::Builder::new().name("ringfence-log".to_owned());
        let thread = Some(thread.spawn(move || writing.run())?);
        let log = Beside { frame: Frame::new(), full, empty, thread, bell };
        Ok(Logged { inner, log })
    }

    /// Writes what has gathered, and gives the sink behind and the log.
    ///
    /// # Errors
    ///
    /// The failure of the last writes: what the log lacks then is made again at the next start.
    pub fn finish(self) -> (K, Result<Log, String>) {
        let Beside { frame, full, empty, thread, .. } = self.log;
        if !frame.is_empty() {
            // It fails only where the thread has ended.
            drop(full.send(frame));
        }
        drop((full, empty));
        let ended = thread.map(JoinHandle::join);
        let log = match ended {
            Some(Ok(Ok(log))) => Ok(log),
            Some(Ok(Err(error))) => Err(format!("the outcome log stopped: {error}")),
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Err("the outcome log stopped".to_owned()),
        };
        (self.inner, log)
    }
}

impl Beside {
    /// Hands the frame over. There is an empty one: the sink said that it is ready, or the thread
    /// gives one back soon.
    fn hand_over(&mut self) {
        // It waits only where the events of one turn fill more than `FRAMES_FOR_A_TURN`.
        let Ok(empty) = self.empty.recv() else { return };
        let full = std::mem::replace(&mut self.frame, empty);
        // It fails only where the thread has ended, which `check` tells.
        drop(self.full.try_send(full));
    }

    #[inline]
    fn hand_over_if_full(&mut self) {
        if self.frame.is_full() {
            self.hand_over();
        }
    }

    /// Whether the thread has nothing to do.
    fn is_idle(&self) -> bool {
        self.empty.len() == FRAMES - 1
    }
}

impl<K: Sink> Sink for Logged<K> {
    type Notice = K::Notice;

    fn notice(&mut self, notice: K::Notice) {
        self.inner.notice(notice);
    }

    fn origin(&mut self, origin: &Origin) {
        self.inner.origin(origin);
        self.log.frame.origin(origin);
        self.log.hand_over_if_full();
    }

    #[inline]
    fn event(&mut self, event: &Event) {
        self.inner.event(event);
        self.log.frame.event(event);
        self.log.hand_over_if_full();
    }

    #[inline]
    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        self.inner.outcome(sequence, outcome);
        self.log.frame.outcome(sequence, outcome);
        self.log.hand_over_if_full();
    }

    fn turn_begins(&mut self) {
        self.inner.turn_begins();
    }

    fn turn_ends(&mut self, idle: bool) -> bool {
        // Clients first: they wait.
        let any = self.inner.turn_ends(idle);
        if !self.log.frame.is_empty() && self.log.is_idle() {
            self.log.hand_over();
        }
        any
    }

    fn is_ready(&self) -> bool {
        self.log.empty.len() >= FRAMES_FOR_A_TURN && self.inner.is_ready()
    }

    fn check(&mut self) -> Result<(), SinkError> {
        if self.log.thread.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(thread) = self.log.thread.take()
        {
            return Err(match thread.join() {
                Ok(Ok(_)) => unreachable!("it ends when this is dropped"),
                Ok(Err(error)) => SinkError(error.into()),
                Err(panic) => std::panic::resume_unwind(panic),
            });
        }
        self.inner.check()
    }

    fn attach(&mut self, own: Bell, gateway: Bell) {
        drop(self.log.bell.send(own.clone()));
        self.inner.attach(own, gateway);
    }

    fn is_drained(&self) -> bool {
        self.inner.is_drained()
    }
}
