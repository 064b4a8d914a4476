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
//! * Each handler's `on_start` comes before its first batch and on its own thread; its `on_stop`
//!   comes after its last, however the ring ended, unless the handler itself panicked.
//! * A handler that panics halts the ring with its message. No thread outlives its crew.

use core::any::Any;
use core::time::Duration;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};

use super::batch::Batch;
use super::bell::Bell;
use super::error::Halted;
use super::monitor::Monitor;
use super::reads::{Lanes, Slot};
use super::stage::{Poll, Stage};
use super::strategy::WaitStrategy;
use super::waiter::Waiter;

/// What a worker does with the batches of a stage. A closure `FnMut(Batch<'_, R, W>)` will do;
/// see [`Worker::run`].
pub trait Handler<R: Lanes, W: Slot>: Send {
    /// The thread has started; nothing was polled yet.
    fn on_start(&mut self) {}

    /// Processes a batch, whole or in parts: what it does not [`publish`](Batch::publish) comes
    /// again. The end of the batch is at [`Batch::len`].
    fn on_batch(&mut self, batch: Batch<'_, R, W>);

    /// There is nothing more to come: everything was handed on (`Ok`), or the ring was halted.
    fn on_stop(&mut self, _end: Result<(), &Halted>) {}
}

impl<R: Lanes, W: Slot, F: FnMut(Batch<'_, R, W>) + Send> Handler<R, W> for F {
    fn on_batch(&mut self, batch: Batch<'_, R, W>) {
        self(batch);
    }
}

/// A thread to be: the stages that share it, in the order in which they are stepped.
///
/// Made before its stages, which are declared [`on`](super::StageBuilder::on) its bell.
pub struct Worker {
    name: String,
    bell: Bell,
    strategy: WaitStrategy,
    core: Option<usize>,
    hands: Vec<Box<dyn Hand>>,
}

impl Worker {
    /// A worker without stages, that waits by `strategy` while none of them has work.
    #[must_use]
    pub fn new(name: &str, strategy: WaitStrategy) -> Self {
        let bell = Bell::for_strategy(strategy);
        Self { name: name.to_owned(), bell, strategy, core: None, hands: Vec::new() }
    }

    /// The same worker, on the processor core `core` as the system numbers them. Where the system
    /// refuses, the thread runs unpinned: that costs speed alone.
    #[must_use]
    pub fn pinned_to(mut self, core: usize) -> Self {
        self.core = Some(core);
        self
    }

    /// The bell that its stages are declared on.
    #[must_use]
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Gives the worker a stage, and what to do with batches of at most `most` slots.
    ///
    /// # Panics
    ///
    /// If the stage was declared on another bell, or `most` is 0: nobody would wake it.
    pub fn host<R: Lanes, W: Slot>(
        &mut self,
        stage: Stage<R, W>,
        most: usize,
        handler: impl Handler<R, W> + 'static,
    ) {
        assert!(stage.bell().same(&self.bell), "{}: on the bell of another thread", stage.name());
        assert!(most > 0, "{}: batches of no slots", stage.name());
        self.hands.push(Box::new(Hosted { stage, most, handler }));
    }

    /// As [`host`](Self::host), with a closure, and batches of any size.
    ///
    /// # Panics
    ///
    /// If the stage was declared on another bell.
    pub fn run<R: Lanes, W: Slot>(
        &mut self,
        stage: Stage<R, W>,
        on_batch: impl FnMut(Batch<'_, R, W>) + Send + 'static,
    ) {
        self.host(stage, usize::MAX, on_batch);
    }
}

impl core::fmt::Debug for Worker {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let stages: Vec<&str> = self.hands.iter().map(|hand| hand.name()).collect();
        f.debug_struct("Worker").field("name", &self.name).field("stages", &stages).finish()
    }
}

/// What a step found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// So many slots were taken; [`usize::MAX`] for a large part of the ring.
    Worked(usize),
    Idle,
    Ended,
}

/// A stage with its handler, whatever their types.
trait Hand: Send {
    fn name(&self) -> &str;
    fn start(&mut self);
    fn step(&mut self) -> Result<Step, Halted>;
    fn stop(&mut self, end: Result<(), &Halted>);
    /// Halts the ring, and returns the first reason that it was halted for.
    fn halt(&self, message: &str) -> Halted;
}

struct Hosted<R: Lanes, W: Slot, H> {
    stage: Stage<R, W>,
    most: usize,
    handler: H,
}

impl<R: Lanes, W: Slot, H: Handler<R, W>> Hand for Hosted<R, W, H> {
    fn name(&self) -> &str {
        self.stage.name()
    }

    fn start(&mut self) {
        self.handler.on_start();
    }

    fn step(&mut self) -> Result<Step, Halted> {
        let before = self.stage.taken();
        match self.stage.poll(self.most)? {
            Poll::Ready(batch) => self.handler.on_batch(batch),
            Poll::Empty => {}
            Poll::Ended => return Ok(Step::Ended),
        }
        let taken = usize::try_from(self.stage.taken() - before).unwrap_or(usize::MAX);
        Ok(match taken {
            0 => Step::Idle,
            // In a short ring such a batch cannot grow: the producer may be waiting for it.
            slots if slots > self.stage.ring().slots / 4 => Step::Worked(usize::MAX),
            slots => Step::Worked(slots),
        })
    }

    fn stop(&mut self, end: Result<(), &Halted>) {
        self.handler.on_stop(end);
    }

    fn halt(&self, message: &str) -> Halted {
        self.stage.halt(message);
        self.stage.ring().check().expect_err("it is halted now")
    }
}

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

/// A worker's thread, from its first hook to its last.
fn work(mut worker: Worker) -> Result<(), Halted> {
    if let Some(id) = worker.core {
        core_affinity::set_for_current(core_affinity::CoreId { id });
    }
    let mut waiter = Waiter::new(worker.strategy, worker.bell.clone());
    let mut end = on_each(&mut worker.hands, |hand| {
        hand.start();
        Ok(())
    });
    while end.is_ok() {
        let (mut most, mut running) = (0, false);
        end = on_each(&mut worker.hands, |hand| {
            let step = hand.step()?;
            if let Step::Worked(slots) = step {
                most = most.max(slots);
            }
            running |= step != Step::Ended;
            Ok(())
        });
        if !running {
            break;
        }
        if most > 0 {
            waiter.worked(most);
        } else {
            waiter.wait();
        }
    }
    let told = end.clone();
    let stopped = on_each(&mut worker.hands, |hand| {
        hand.stop(told.as_ref().copied());
        Ok(())
    });
    end.and(stopped)
}

/// Calls `each` for every hand, up to the first that is halted. One that panics halts its ring
/// with its message, and is gone.
fn on_each(
    hands: &mut Vec<Box<dyn Hand>>,
    mut each: impl FnMut(&mut dyn Hand) -> Result<(), Halted>,
) -> Result<(), Halted> {
    for index in 0..hands.len() {
        let hand = &mut hands[index];
        // A handler that has panicked is never called again.
        match catch_unwind(AssertUnwindSafe(|| each(&mut **hand))) {
            Ok(end) => end?,
            Err(panic) => {
                let halted = hand.halt(&format!("it panicked: {}", panic_message(&*panic)));
                hands.remove(index);
                return Err(halted);
            }
        }
    }
    Ok(())
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
