//! Threads that run stages: started together, ended together, none lost.
//!
//! ```text
//!   Worker ─ bell ─ stage + handler        start         one thread for each worker
//!                   stage + handler   ───────────────▶   on_start, batches …, on_stop
//!   Worker ─ bell ─ stage + handler                        │
//!                                                          ▼
//!   producers closed ─▶ all stages ended ─▶ Crew::join ─▶ Ok
//!   a panic, a halt  ─▶ all stages told  ─▶ Crew::join ─▶ Err: by whom, and why
//! ```
//!
//! Nobody has to use this: a stage is a plain value, and any loop may poll it.
//!
//! # Invariants
//!
//! * No thread outlives its crew.

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};

use super::error::Halted;
use super::monitor::Monitor;
use super::worker::{Worker, work};

/// The running workers of one ring.
///
/// Dropped without [`join`](Self::join), it halts the ring and waits for its threads.
#[derive(Debug)]
pub struct Crew {
    monitor: Monitor,
    threads: Vec<JoinHandle<Result<(), Halted>>>,
    /// Disconnected once every worker has dropped its end: nothing is ever sent.
    at_work: Receiver<()>,
}

impl Crew {
    /// Starts a thread for each of `workers`, to run the stages of the ring that `monitor` watches.
    ///
    /// # Errors
    ///
    /// If the system refuses a thread. The ring is halted then, and no thread is left.
    pub fn start(workers: Vec<Worker>, monitor: &Monitor) -> io::Result<Self> {
        let (works, at_work) = mpsc::channel();
        let mut crew = Self { monitor: monitor.clone(), threads: Vec::new(), at_work };
        for worker in workers {
            let works = works.clone();
            let builder = thread::Builder::new().name(worker.name.clone());
            let spawned = builder.spawn(move || {
                let end = work(worker);
                drop(works);
                end
            });
            match spawned {
                Ok(thread) => crew.threads.push(thread),
                Err(error) => {
                    crew.monitor.halt("a thread did not start");
                    return Err(error); // dropping the crew waits for those that did
                }
            }
        }
        Ok(crew)
    }

    /// Waits until all stages have ended: once all producers have closed, the ring drains.
    ///
    /// # Errors
    ///
    /// Why the ring was halted instead, be it by a handler's panic.
    pub fn join(mut self) -> Result<(), Halted> {
        self.wait()
    }

    /// As [`join`](Self::join), but waits for `limit` at most, and halts the ring then.
    ///
    /// # Errors
    ///
    /// As `join`; the halt's reason if the time ran out.
    pub fn join_within(mut self, limit: Duration) -> Result<(), Halted> {
        if self.at_work.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            self.monitor.halt(&format!("it did not drain within {} ms", limit.as_millis()));
        }
        self.wait()
    }

    /// Halts the ring and waits for the threads: what is still in the ring is given up.
    pub fn stop(mut self, message: &str) {
        self.monitor.halt(message);
        // The reason is known, or was reported to the stages before.
        let _ = self.wait();
    }

    /// Whether a worker is still at work.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.threads.iter().any(|thread| !thread.is_finished())
    }

    fn wait(&mut self) -> Result<(), Halted> {
        let mut end = Ok(());
        for thread in self.threads.drain(..) {
            // All have the same reason, the first that was given.
            end = thread.join().expect("a handler's panic is caught").and(end);
        }
        end
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.monitor.halt("its crew was dropped");
            let _ = self.wait();
        }
    }
}
