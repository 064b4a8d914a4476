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
//! * Nothing is left out: where the disk does not keep up, or has no room, publish waits until
//!   there are empty frames again, as commands wait for the journal.
//! * Publish begins a turn only if there are empty frames for all that a turn can bring, so it never
//!   waits within one.
//! * An outcome is given to the sink behind before the log has it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::log_thread::{LogThread, Signs};
use super::{LogGauges, Sink, SinkError, TURN_OUTCOMES_MAX};
use ringfence_journal::JournalError;
use ringfence_journal::outcomes::{Frame, Log};
use ringfence_ring::Bell;
use ringfence_types::{Event, Origin, Outcome};

/// Frames that may be on their way to the disk before publish waits, of some 128 KiB each.
const FRAMES: usize = 32;

/// The sink behind, and the log beside it.
pub struct Logged<K> {
    inner: K,
    log: Beside,
}

/// Why the outcome log cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the outcome log: {0}")]
struct LogFailure(#[source] JournalError);

impl SinkError {
    /// Whether an outcome log that is to end has no room on the disk for what it lacks.
    pub(crate) fn is_for_room(&self) -> bool {
        self.0.downcast_ref().is_some_and(|LogFailure(error)| error.is_for_room())
    }
}

struct Beside {
    frame: Frame,
    /// Empty frames that one turn may need.
    turn_frames: usize,
    /// None once the run is over.
    full: Option<Sender<Frame>>,
    empty: Receiver<Frame>,
    signs: Arc<Signs>,
    thread: Option<JoinHandle<Result<Log, JournalError>>>,
}

impl<K> Logged<K> {
    /// Passes everything on to `inner`, and keeps it in `log`, which `gauges` show. A turn brings no
    /// more than `event_slots` events. Once `stop` is set, room on the disk is not waited for.
    ///
    /// # Errors
    ///
    /// If the system refuses a thread.
    pub fn new(
        inner: K,
        log: Log,
        gauges: LogGauges,
        event_slots: usize,
        stop: Arc<AtomicBool>,
    ) -> io::Result<Logged<K>> {
        let turn_frames = turn_frames(event_slots);
        let frames = turn_frames + FRAMES;
        let (full, written) = bounded(frames);
        let (back, empty) = bounded(frames);
        for _ in 1..frames {
            back.send(Frame::new()).expect("the channel has room for every frame");
        }
        let signs = Arc::new(Signs::default());
        let thread = LogThread::start(log, gauges, written, back, Arc::clone(&signs), stop)?;
        let (full, thread) = (Some(full), Some(thread));
        let log = Beside { frame: Frame::new(), turn_frames, full, empty, signs, thread };
        Ok(Logged { inner, log })
    }

    /// Writes what has gathered. Gives the sink behind, and the log.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`]: what the log lacks then is made again at the next start.
    pub fn finish(mut self) -> (K, Result<Log, JournalError>) {
        let log = self.log.end().expect("it ends once");
        (self.inner, log)
    }
}

/// Memory of the frames, in bytes.
pub(crate) fn frames_bytes(event_slots: usize) -> u64 {
    ((turn_frames(event_slots) + FRAMES) * Frame::MEMORY_BYTES) as u64
}

/// Frames that one turn can need: each outcome may be that of a batch of its own, and at the turn's
/// end one may be handed over that is not full.
fn turn_frames(event_slots: usize) -> usize {
    Frame::filled_by(TURN_OUTCOMES_MAX, event_slots, TURN_OUTCOMES_MAX) + 1
}

impl Beside {
    /// Hands the frame over and goes on with an empty one.
    fn hand_over(&mut self) {
        let mut empty = self.empty.try_recv().expect("a turn begins only with enough of them");
        if let Some(origin) = self.frame.unfinished() {
            empty.begin_within(&origin);
        }
        let full = std::mem::replace(&mut self.frame, empty);
        self.send(full);
    }

    fn send(&self, frame: Frame) {
        // It fails only where the thread has ended: `is_ready` sees that.
        if let Some(full) = &self.full {
            drop(full.send(frame));
        }
    }

    fn has_frames(&self) -> bool {
        self.empty.len() >= self.turn_frames
    }

    /// What has gathered is handed over as soon as the thread has nothing else to do.
    fn turn_ends(&mut self) {
        if !self.frame.is_empty() && !self.empty.is_empty() && self.signs.take_free() {
            self.hand_over();
        }
    }

    #[inline]
    fn hand_over_if_full(&mut self) {
        if self.frame.is_full() {
            self.hand_over();
        }
    }

    /// Waits until all that was handed over is written; `None` if it was ended before.
    fn end(&mut self) -> Option<Result<Log, JournalError>> {
        let ended = self.join()?;
        Some(ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }

    fn join(&mut self) -> Option<std::thread::Result<Result<Log, JournalError>>> {
        let thread = self.thread.take()?;
        self.signs.end_run();
        thread.thread().unpark();
        if !self.frame.is_empty() {
            let frame = std::mem::take(&mut self.frame);
            self.send(frame);
        }
        self.full = None;
        Some(thread.join())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // A run that was stopped: nothing is written any more once this is gone. What went wrong
        // is made good at the next start.
        drop(self.join());
    }
}

impl<K: Sink> Sink for Logged<K> {
    type Notice = K::Notice;

    fn notice(&mut self, notice: K::Notice) {
        self.inner.notice(notice);
    }

    #[inline]
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
        let left = self.inner.turn_ends(idle);
        self.log.turn_ends();
        left
    }

    fn is_ready(&self) -> bool {
        self.log.has_frames() && !self.log.signs.has_ended() && self.inner.is_ready()
    }

    fn check(&mut self) -> Result<(), SinkError> {
        if self.log.signs.has_ended()
            && let Some(Err(error)) = self.log.end()
        {
            return Err(SinkError(Box::new(LogFailure(error))));
        }
        self.inner.check()
    }

    fn attach(&mut self, own: Bell, gateway: Bell) {
        self.log.signs.ring_with(own.clone());
        self.inner.attach(own, gateway);
    }

    fn is_drained(&self) -> bool {
        self.inner.is_drained()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::thread::yield_now;

    use super::*;
    use crate::publish::Each;
    use ringfence_journal::outcomes::{LogEntry, LogReader};

    const ID: [u8; 16] = *b"0123456789abcdef";

    fn logged<F: FnMut(u64, &Outcome) + Send>(
        dir: &Path,
        inner: F,
    ) -> (Logged<Each<F>>, LogGauges) {
        let gauges = LogGauges::new();
        let (log, stop) = (Log::new(dir, ID), Arc::default());
        (Logged::new(Each(inner), log, gauges.clone(), 64, stop).unwrap(), gauges)
    }

    /// The outcomes from `first` on, in turns, as soon as there is room.
    fn publish<K: Sink>(sink: &mut K, first: u64, last: u64) {
        let outcome = Outcome { session: 7, status: 1, op: 6, ..Outcome::default() };
        for sequence in first..=last {
            while sequence % TURN_OUTCOMES_MAX as u64 == 0 && !sink.is_ready() {
                sink.check().unwrap();
                sink.turn_ends(true);
                yield_now();
            }
            sink.outcome(sequence, &outcome);
            if sequence % TURN_OUTCOMES_MAX as u64 == 0 {
                sink.turn_ends(false);
            }
        }
    }

    #[test]
    fn nothing_is_left_out_however_fast_it_comes() {
        const LAST: u64 = 300_000;
        let folder = tempfile::tempdir().unwrap();
        let mut passed_on = 0;
        let (mut sink, gauges) = logged(folder.path(), |sequence, _| passed_on = sequence);
        publish(&mut sink, 1, LAST);
        let (_, log) = sink.finish();
        assert_eq!((log.unwrap().last_sequence(), gauges.logged.get()), (LAST, LAST));
        assert_eq!(passed_on, LAST);
        let mut reader = LogReader::open(folder.path(), ID).unwrap();
        for sequence in 1..=LAST {
            let logged = Outcome { status: 1, op: 6, ..Outcome::default() };
            let entry = reader.next_entry().unwrap();
            assert_eq!(entry, Some(LogEntry::Outcome(sequence, logged)));
        }
        assert_eq!(reader.next_entry().unwrap(), None);
    }

    #[test]
    fn what_has_gathered_is_written_while_nothing_more_comes() {
        let folder = tempfile::tempdir().unwrap();
        let (mut sink, gauges) = logged(folder.path(), |_, _| ());
        for last in [3, 5] {
            publish(&mut sink, gauges.logged.get() + 1, last);
            while gauges.logged.get() < last {
                sink.turn_ends(true);
                yield_now();
            }
        }
        // The run was stopped: what came last is written all the same.
        publish(&mut sink, 6, 9);
        drop(sink);
        assert_eq!((gauges.first.get(), gauges.logged.get()), (1, 9));
    }

    #[test]
    fn a_log_that_cannot_be_written_is_said_and_ends_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let (mut sink, _) = logged(&gone, |_, _| ());
        publish(&mut sink, 1, 1);
        let error = loop {
            sink.turn_ends(true);
            if let Err(error) = sink.check() {
                break error.to_string();
            }
            yield_now();
        };
        assert!(error.contains("cannot create"), "{error}");
        assert!(error.contains(gone.to_str().unwrap()), "{error}");
        assert!(!sink.is_ready());
        // What is still given to it is passed on.
        publish(&mut sink, 2, 3);
    }
}
