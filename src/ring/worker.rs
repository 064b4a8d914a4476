//! A worker: one thread of a crew, which polls its stages in turn and calls their handlers.
//!
//! # Invariants
//!
//! * For each handler, on the worker's thread: `on_start` is called before the first batch, and
//!   `on_stop` after the last one, however the ring ended and even if other handlers panicked; not
//!   if the handler itself panicked.
//! * A handler that panics, in a call or when it is dropped, halts the ring with its message.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use core::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::batch::Batch;
use super::bell::Bell;
use super::error::Halted;
use super::reads::{Lanes, Slot};
use super::stage::{Poll, Stage};
use super::state::RingState;
use super::strategy::WaitStrategy;
use super::waiter::Waiter;
use crate::sync::Arc;

/// Processes the batches of a stage on a worker's thread. Each closure `FnMut(Batch<'_, R, W>)` is
/// a handler; see [`Worker::run`].
///
/// A handler that panics, also while it is dropped, halts the ring and is not called again. The
/// handlers of the worker's other stages still get their `on_stop`.
pub trait Handler<R: Lanes, W: Slot>: Send {
    /// Called once, before the first batch.
    fn on_start(&mut self) {}

    /// Processes a batch, all of it or a part: slots that it does not hand on, by
    /// [`Batch::publish`] for example, are in the next batch again.
    fn on_batch(&mut self, batch: Batch<'_, R, W>);

    /// Called once, after the last batch. `end` is `Ok` if all stages of the worker have handed on
    /// all slots, and the reason if the ring was halted.
    fn on_stop(&mut self, _end: Result<(), &Halted>) {}
}

impl<R: Lanes, W: Slot, F: FnMut(Batch<'_, R, W>) + Send> Handler<R, W> for F {
    fn on_batch(&mut self, batch: Batch<'_, R, W>) {
        self(batch);
    }
}

/// A thread that [`Crew::start`](super::Crew::start) will start, with the stages that it polls in
/// turn. Needs the feature `std`.
///
/// Make the worker first, then declare its stages [`on`](super::StageBuilder::on) its bell, then
/// give them to it.
pub struct Worker {
    pub(super) name: String,
    bell: Bell,
    strategy: WaitStrategy,
    core: Option<usize>,
    hands: Vec<Box<dyn Hand>>,
}

impl Worker {
    /// A worker without stages. It waits by `strategy` while none of its stages has work. The
    /// thread gets the name `name`.
    #[must_use]
    pub fn new(name: &str, strategy: WaitStrategy) -> Self {
        let bell = Bell::for_strategy(strategy);
        Self { name: name.to_owned(), bell, strategy, core: None, hands: Vec::new() }
    }

    /// The same worker, pinned to the processor core `core`, in the numbering of the system. If the
    /// system refuses, the thread runs unpinned, which costs speed alone.
    #[must_use]
    pub fn pinned_to(mut self, core: usize) -> Self {
        self.core = Some(core);
        self
    }

    /// The bell that its stages must be declared on.
    #[must_use]
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Gives the worker a stage and its handler, which gets batches of at most `most` slots.
    ///
    /// # Panics
    ///
    /// If the stage was declared on another bell, which would not wake this worker, or if `most`
    /// is 0.
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

    /// As [`host`](Self::host), with a closure as handler and batches of any length.
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

/// The result of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The number of slots handed on; [`usize::MAX`] for a large part of the ring.
    Worked(usize),
    Idle,
    Ended,
}

/// A stage with its handler, of any types.
trait Hand: Send {
    fn name(&self) -> &str;
    fn start(&mut self);
    fn step(&mut self) -> Result<Step, Halted>;
    fn stop(&mut self, end: Result<(), &Halted>);
    fn ring(&self) -> &Arc<RingState>;
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
            // Such a batch cannot grow in a short ring, and the producer may wait for its slots.
            slots if slots > self.stage.ring().slots / 4 => Step::Worked(usize::MAX),
            slots => Step::Worked(slots),
        })
    }

    fn stop(&mut self, end: Result<(), &Halted>) {
        self.handler.on_stop(end);
    }

    fn ring(&self) -> &Arc<RingState> {
        self.stage.ring()
    }
}

/// The thread of a worker, from the first call of its handlers to the last.
pub(super) fn work(mut worker: Worker) -> Result<(), Halted> {
    if let Some(id) = worker.core {
        core_affinity::set_for_current(core_affinity::CoreId { id });
    }
    let mut waiter = Waiter::new(worker.strategy, worker.bell.clone());
    let hands = &mut worker.hands;
    let mut end = on_all(hands, |hand| hand.start());
    while end.is_ok() {
        let (mut most, mut running) = (0, false);
        end = on_each(hands, |hand| {
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
    end = end.and(on_all(hands, |hand| hand.stop(told.as_ref().copied())));
    for hand in hands.drain(..) {
        end = end.and(dismiss(hand));
    }
    end
}

/// Calls `each` for every hand, up to the first one that fails or panics.
fn on_each(
    hands: &mut Vec<Box<dyn Hand>>,
    mut each: impl FnMut(&mut dyn Hand) -> Result<(), Halted>,
) -> Result<(), Halted> {
    for index in 0..hands.len() {
        let hand = &mut *hands[index];
        match catch_unwind(AssertUnwindSafe(|| each(hand))) {
            Ok(end) => end?,
            Err(panic) => return Err(remove_panicked(hands, index, panic)),
        }
    }
    Ok(())
}

/// Calls `each` for every hand, also after one has panicked. Fails with the halt if one has.
fn on_all(
    hands: &mut Vec<Box<dyn Hand>>,
    mut each: impl FnMut(&mut dyn Hand),
) -> Result<(), Halted> {
    let mut end = Ok(());
    let mut index = 0;
    while index < hands.len() {
        let hand = &mut *hands[index];
        match catch_unwind(AssertUnwindSafe(|| each(hand))) {
            Ok(()) => index += 1,
            Err(panic) => end = end.and(Err(remove_panicked(hands, index, panic))),
        }
    }
    end
}

/// Halts the ring of a hand that has panicked, and drops the hand, so that it is not called again.
fn remove_panicked(
    hands: &mut Vec<Box<dyn Hand>>,
    index: usize,
    panic: Box<dyn Any + Send>,
) -> Halted {
    let hand = hands.remove(index);
    let halted = halt(hand.ring(), hand.name(), panic);
    // The first panic is the reason; another one while dropping adds nothing.
    let _ = dismiss(hand);
    halted
}

/// Drops a hand. If its handler panics then, halts the ring.
fn dismiss(hand: Box<dyn Hand>) -> Result<(), Halted> {
    let (ring, name) = (Arc::clone(hand.ring()), hand.name().to_owned());
    catch_unwind(AssertUnwindSafe(|| drop(hand))).map_err(|panic| halt(&ring, &name, panic))
}

/// Halts `ring` because the stage `name` has panicked. Returns the first reason for a halt.
fn halt(ring: &RingState, name: &str, panic: Box<dyn Any + Send>) -> Halted {
    ring.halt(name, &format!("it panicked: {}", message_of(panic)));
    ring.check().expect_err("it is halted now")
}

fn message_of(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = text
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned());
    // The payload may panic when it is dropped. The payload of that panic is leaked: it may too.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(again);
    }
    message
}
