//! A crew: the threads that run the stages of one ring, started and ended together.
//!
//! ```text
//!   Worker ─ bell ─ stage + handler        start         one thread for each worker
//!                   stage + handler   ───────────────▶   on_start, batches …, on_stop
//!   Worker ─ bell ─ stage + handler                        │
//!                                                          ▼
//!   producers closed ─▶ all stages ended  ─▶ Crew::join ─▶ Ok
//!   a panic, a halt  ─▶ all stages halted ─▶ Crew::join ─▶ Err: which stage, and why
//! ```
//!
//! Its use is optional: a stage is a plain value, and any loop may poll it.
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

/// The running workers of one ring. Needs the feature `std`.
///
/// If it is dropped without [`join`](Self::join), it halts the ring and waits for its threads.
#[derive(Debug)]
pub struct Crew {
    monitor: Monitor,
    threads: Vec<JoinHandle<Result<(), Halted>>>,
    /// Disconnected when all workers have dropped their senders; no message is ever sent.
    at_work: Receiver<()>,
}

impl Crew {
    /// Starts one thread for each of `workers`. Their stages must belong to the ring that `monitor`
    /// watches.
    ///
    /// # Errors
    ///
    /// If the system cannot start a thread. Then the ring is halted, and all threads have ended.
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

    /// Waits until all stages have ended: they do when all producers have closed and the stages
    /// have processed all values.
    ///
    /// # Errors
    ///
    /// [`Halted`] if the ring was halted instead, for example by the panic of a handler.
    pub fn join(mut self) -> Result<(), Halted> {
        self.wait()
    }

    /// As [`join`](Self::join), but halts the ring if the stages have not ended within `limit`.
    /// Then still waits for the threads: a handler that does not return holds it up.
    ///
    /// # Errors
    ///
    /// As `join`; [`Halted`] by `monitor` if the time ran out.
    pub fn join_within(mut self, limit: Duration) -> Result<(), Halted> {
        if self.at_work.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            self.monitor.halt(&format!("it did not drain within {} ms", limit.as_millis()));
        }
        self.wait()
    }

    /// Halts the ring with `message` and waits for the threads. Values that are still in the ring
    /// are given up.
    pub fn stop(mut self, message: &str) {
        self.monitor.halt(message);
        // The caller knows the reason, or the ring was halted before.
        let _ = self.wait();
    }

    /// True if at least one of the threads has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.threads.iter().any(|thread| !thread.is_finished())
    }

    fn wait(&mut self) -> Result<(), Halted> {
        let mut end = Ok(());
        for thread in self.threads.drain(..) {
            // All have the same reason: the first one.
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
