//! The thread that writes the outcome log.
//!
//! ```text
//!   full frames ──▶ write ──▶ empty frames
//!                     │ none is there for REST: free ──▶ rings publish
//!                     └ no room on the disk: tried again every RETRY, until the run is to end
//! ```

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};

use super::LogGauges;
use ringfence_journal::JournalError;
use ringfence_journal::outcomes::{Frame, Log};
use ringfence_ring::Bell;

/// How long the thread lets outcomes gather after it has written what was there, so that there are
/// no more than a few thousand bursts of writes a second. An outcome is in its file within twice
/// this, if the disk takes it.
const REST: Duration = Duration::from_micros(400);
/// How often it looks whether something is kept no longer, while nothing is to be written.
const LOOK: Duration = Duration::from_secs(30);

/// After so long a frame for which the disk had no room is written again.
const RETRY: Duration = Duration::from_secs(1);

/// What the thread says to publish, and publish to the thread.
#[derive(Default)]
pub(super) struct Signs {
    /// The run is over: what there is no room for is not waited for any more.
    is_over: AtomicBool,
    /// It has rested, and nothing is to be written.
    is_free: AtomicBool,
    /// It writes nothing any more.
    has_ended: AtomicBool,
    /// Wakes publish.
    bell: OnceLock<Bell>,
}

impl Signs {
    /// Whether a frame that is not full may be handed over. If so, it must be.
    pub(super) fn take_free(&self) -> bool {
        // Relaxed, here and below: the frames themselves go through channels. Only publish takes it
        // back, so nothing is lost between the look and the store.
        let is_free = self.is_free.load(Ordering::Relaxed);
        if is_free {
            self.is_free.store(false, Ordering::Relaxed);
        }
        is_free
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    /// The run is over.
    pub(super) fn end_run(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// From now on publish is woken by `bell`.
    pub(super) fn ring_with(&self, bell: Bell) {
        // A second bell would be that of a second pipeline; a sink serves one.
        drop(self.bell.set(bell));
    }

    /// What was stored before is seen by publish, which wakes up if it sleeps.
    fn ring(&self) {
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
    }
}

/// Says that the thread has ended, however it ends.
struct Ending(Arc<Signs>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::Relaxed);
        self.0.ring();
    }
}

pub(super) struct LogThread {
    log: Log,
    gauges: LogGauges,
    full: Receiver<Frame>,
    empty: Sender<Frame>,
    signs: Arc<Signs>,
    /// Set from outside: take nothing more in, finish what was begun.
    stop: Arc<AtomicBool>,
}

impl LogThread {
    /// Starts it: it writes the frames that come through `full` to `log`, gives them back through
    /// `empty`, and ends when nobody can send one any more.
    pub(super) fn start(
        log: Log,
        gauges: LogGauges,
        full: Receiver<Frame>,
        empty: Sender<Frame>,
        signs: Arc<Signs>,
        stop: Arc<AtomicBool>,
    ) -> io::Result<JoinHandle<Result<Log, JournalError>>> {
        let writing = LogThread { log, gauges, full, empty, signs, stop };
        let named = thread::Builder::new().name("ringfence-log".to_owned());
        named.spawn(move || {
            let _ending = Ending(Arc::clone(&writing.signs));
            writing.run()
        })
    }

    fn run(mut self) -> Result<Log, JournalError> {
        self.remove_surplus();
        loop {
            self.signs.is_free.store(true, Ordering::Relaxed);
            self.signs.ring();
            match self.full.recv_timeout(LOOK) {
                Ok(frame) => self.write(frame)?,
                Err(RecvTimeoutError::Timeout) => {
                    self.remove_surplus();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(self.log),
            }
            self.write_until_none_comes()?;
        }
    }

    /// Writes the frames that come, and rests after all that are there, until none has come
    /// meanwhile. A sleep, not a wait for the next frame: that begins with yields, on a core that
    /// publish or a client needs.
    fn write_until_none_comes(&mut self) -> Result<(), JournalError> {
        loop {
            thread::sleep(REST);
            let mut frame = self.full.try_recv();
            if frame.is_err() {
                return Ok(());
            }
            while let Ok(next) = frame {
                self.write(next)?;
                frame = self.full.try_recv();
            }
        }
    }

    fn write(&mut self, mut frame: Frame) -> Result<(), JournalError> {
        let file = self.log.newest_file();
        self.append(&frame)?;
        self.gauges.show(self.log.first_sequence(), self.log.last_sequence());
        frame.clear();
        // Publish may have left: what is under way is still written.
        drop(self.empty.send(frame));
        self.signs.ring();
        if self.log.newest_file() != file {
            self.remove_surplus();
        }
        Ok(())
    }

    /// Whether the run is over, or is to end: what there is no room for is not waited for then.
    fn is_to_end(&self) -> bool {
        // Relaxed: the flags carry nothing but themselves.
        self.stop.load(Ordering::Relaxed) || self.signs.is_over.load(Ordering::Relaxed)
    }

    /// Appends a frame. On a disk without room it waits for some: publish then waits for frames,
    /// and commands for publish.
    fn append(&mut self, frame: &Frame) -> Result<(), JournalError> {
        let mut was_short = false;
        loop {
            match self.log.append(frame) {
                Err(error) if error.is_for_room() && !self.is_to_end() => {
                    if !was_short {
                        tracing::warn!(
                            "the outcome log waits for room on the disk: {error}; tried again \
                             every second"
                        );
                    }
                    was_short = true;
                    self.remove_surplus();
                    thread::park_timeout(RETRY);
                }
                appended => {
                    if was_short && appended.is_ok() {
                        tracing::warn!("the outcome log has room again: it goes on");
                    }
                    return appended;
                }
            }
        }
    }

    fn remove_surplus(&mut self) {
        if let Err(error) = self.log.remove_surplus(self.gauges.needed_from()) {
            // No reason to stop: it is tried again, and a disk that is full stops it then.
            tracing::warn!("the outcome log keeps more than it should: {error}");
        }
        self.gauges.show(self.log.first_sequence(), self.log.last_sequence());
    }
}
