//! A stage: reads some lanes, may write one of its own, and moves its cursor.
//!
//! ```text
//!               released        taken        barrier
//!                  │              │             │
//!   ───────────────┼──────────────┼─────────────┼──────────────▶ sequence
//!    handed on     │ taken, not   │ next batch  │ not there yet
//!                  │ handed on    │             │
//! ```
//!
//! Most stages keep `released` and `taken` together: `poll`, then [`Batch::publish`]. A stage
//! whose work ends later than it begins (a journal) takes batches with [`Stage::poll_ahead`] and
//! [`Batch::take`], and hands on with [`Stage::release`].
//!
//! # Invariants
//!
//! * `released ≤ taken ≤ barrier`, and the slots in `released .. barrier` stay as they are until
//!   the stage releases them: the producer waits for it.
//! * A stage that goes away before the end halts the ring.

use core::fmt;
use core::time::Duration;

use super::batch::Batch;
use super::bell::Bell;
use super::core::{Core, Filled, Node};
use super::error::Halted;
use super::marks::Marks;
use super::order;
use super::reads::{Lanes, Slot};
use super::slots::Slots;
use super::wait::Waiter;
use crate::sync::{Arc, thread};

/// A stage of a [`Graph`](super::Graph): reads the lanes `R` and writes a lane of `W`; `()` for
/// a stage without one.
pub struct Stage<R: Lanes, W: Slot = ()> {
    core: Arc<Core>,
    node: Arc<Node>,
    /// Whose cursors bound what this stage may take; at least one.
    upstream: Box<[Arc<Node>]>,
    pub(super) reads: R::Held,
    pub(super) out: Slots<W>,
    /// A sink has no lane to fill before it hands on.
    pub(super) sink: bool,
    /// Everything before this sequence is handed on; what the cursor says.
    released: u64,
    /// Everything before this sequence was taken.
    pub(super) taken: u64,
    /// Everything before this sequence is there, as far as this stage has looked, and nothing of
    /// it was skipped.
    barrier: u64,
    /// Bells to ring when the cursor moves; fetched with the first batch.
    wakes: Option<std::sync::Arc<[Bell]>>,
    input: Input,
}

/// How a stage finds out what of the input lane is there.
enum Input {
    /// The graph is not built yet, as far as this stage has looked.
    Unknown,
    /// The cursors upstream say it all.
    InOrder,
    /// Producers mark what is filled.
    Marked(Gaps),
}

/// What a stage knows of skipped sequences, where several producers may skip some.
struct Gaps {
    marks: Arc<Marks>,
    /// Whether the stage waits for the producers themselves, so that it goes by their marks.
    first: bool,
    /// Skipped sequences that the stage has jumped over.
    jumped: u64,
    /// Whether some of them lie between what is released and what is taken.
    unreleased: bool,
}

/// What a [`Stage::poll`] found.
#[derive(Debug)]
pub enum Poll<'a, R: Lanes, W: Slot> {
    /// Nothing new yet.
    Empty,
    /// At least one slot, to be processed and published.
    Ready(Batch<'a, R, W>),
    /// The producer has closed, and this stage has handed on everything.
    Ended,
}

/// What is behind the slots that a stage has taken.
enum Found {
    Nothing,
    /// At least one slot.
    Slots(usize),
    End,
}

impl<R: Lanes, W: Slot> Stage<R, W> {
    pub(super) fn new(
        core: Arc<Core>,
        node: Arc<Node>,
        upstream: Box<[Arc<Node>]>,
        reads: R::Held,
        out: Slots<W>,
        sink: bool,
    ) -> Self {
        let first = core.first_sequence;
        Self {
            core,
            node,
            upstream,
            reads,
            out,
            sink,
            released: first,
            taken: first,
            barrier: first,
            wakes: None,
            input: Input::Unknown,
        }
    }

    pub(super) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The stage's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.node.name
    }

    /// The bell of the thread that steps this stage.
    #[must_use]
    pub fn bell(&self) -> &Bell {
        &self.node.bell
    }

    /// Sequence behind the last one this stage has handed on.
    #[must_use]
    pub fn released(&self) -> u64 {
        self.released
    }

    /// Sequence behind the last one this stage has taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Looks for work: a batch of all that is there, but at most `most` slots. Never waits.
    ///
    /// A batch that is dropped without [`Batch::publish`] changes nothing: the next poll sees it
    /// again.
    ///
    /// # Errors
    ///
    /// [`Halted`] once the ring was halted; what is left in it is given up.
    ///
    /// # Panics
    ///
    /// If something is taken and not released: such a stage goes on with
    /// [`poll_ahead`](Self::poll_ahead).
    #[inline]
    pub fn poll(&mut self, most: usize) -> Result<Poll<'_, R, W>, Halted> {
        assert!(self.taken == self.released, "{}: taken but not released", self.node.name);
        self.poll_ahead(most)
    }

    /// Like [`poll`](Self::poll), but starts behind what was already taken.
    ///
    /// Says [`Poll::Ended`] only once all that was taken is released too.
    ///
    /// # Errors
    ///
    /// [`Halted`] once the ring was halted.
    #[inline]
    pub fn poll_ahead(&mut self, most: usize) -> Result<Poll<'_, R, W>, Halted> {
        Ok(match self.seek(most)? {
            Found::Nothing => Poll::Empty,
            Found::Slots(len) => Poll::Ready(Batch::new(self, len)),
            Found::End => Poll::Ended,
        })
    }

    /// Like [`poll_ahead`](Self::poll_ahead), but waits until there is something, for `limit` at
    /// most (`None`: without limit). Says [`Poll::Empty`] only when the time is over.
    ///
    /// For a thread with this one stage: `waiter` must be on the stage's [`bell`](Self::bell).
    ///
    /// # Errors
    ///
    /// [`Halted`] once the ring was halted.
    pub fn poll_within(
        &mut self,
        most: usize,
        waiter: &mut Waiter,
        limit: Option<Duration>,
    ) -> Result<Poll<'_, R, W>, Halted> {
        let found = waiter.wait_for(limit, || match self.seek(most) {
            Ok(Found::Nothing) => None,
            found => Some(found),
        });
        Ok(match found.unwrap_or(Ok(Found::Nothing))? {
            Found::Nothing => Poll::Empty,
            Found::Slots(len) => Poll::Ready(Batch::new(self, len)),
            Found::End => Poll::Ended,
        })
    }

    /// How many slots there are behind what was taken, at most `most`.
    #[inline]
    fn seek(&mut self, most: usize) -> Result<Found, Halted> {
        self.core.check()?;
        let mut there = self.barrier - self.taken;
        if there < most as u64 {
            self.look();
            there = self.barrier - self.taken;
            if there == 0 {
                let ended = self.core.is_end(self.released);
                return Ok(if ended { Found::End } else { Found::Nothing });
            }
        }
        let len = usize::try_from(there).map_or(most, |there| there.min(most));
        Ok(if len == 0 { Found::Nothing } else { Found::Slots(len) })
    }

    /// Finds out how far the stage may go.
    #[inline]
    fn look(&mut self) {
        match &self.input {
            Input::InOrder => self.barrier = self.upstream_cursor(),
            Input::Marked(_) => self.look_at_marks(),
            Input::Unknown => self.find_input(),
        }
    }

    /// What all nodes upstream have handed on.
    #[inline(always)]
    fn upstream_cursor(&self) -> u64 {
        let mut least = u64::MAX;
        for node in &self.upstream {
            least = least.min(node.cursor.load(order::barrier()));
        }
        least
    }

    /// The first look, or one that came before the graph was built.
    #[cold]
    fn find_input(&mut self) {
        self.input = match self.core.filled.get() {
            // Nothing is there yet.
            None => return,
            Some(Filled::InOrder) => Input::InOrder,
            Some(Filled::Marked { marks, producers }) => {
                // The producers are upstream only where no other stage is.
                let first = self.upstream.iter().any(|node| Arc::ptr_eq(node, producers));
                let marks = Arc::clone(marks);
                Input::Marked(Gaps { marks, first, jumped: 0, unreleased: false })
            }
        };
        self.look();
    }

    /// Jumps over what was skipped right in front of the stage, and finds the run of slots that
    /// are there behind it.
    #[inline]
    fn look_at_marks(&mut self) {
        let Input::Marked(gaps) = &self.input else { unreachable!("called for marked lanes") };
        if gaps.first {
            if self.barrier == self.taken {
                let next = gaps.marks.skipped_until(self.taken, u64::MAX);
                self.jump(next);
            }
            let Input::Marked(gaps) = &self.input else { unreachable!("it stays so") };
            self.barrier = gaps.marks.published_until(self.barrier);
        } else {
            let limit = self.upstream_cursor();
            if gaps.marks.skips() == gaps.jumped {
                self.barrier = limit;
            } else {
                self.look_at_gaps(limit);
            }
        }
    }

    /// As [`look_at_marks`](Self::look_at_marks), behind other stages that are at `limit` and
    /// have jumped too.
    #[cold]
    fn look_at_gaps(&mut self, limit: u64) {
        let Input::Marked(gaps) = &self.input else { unreachable!("called for marked lanes") };
        if self.barrier == self.taken {
            let next = gaps.marks.skipped_until(self.taken, limit);
            self.jump(next);
        }
        let Input::Marked(gaps) = &self.input else { unreachable!("it stays so") };
        self.barrier = gaps.marks.kept_until(self.barrier, limit);
    }

    /// Goes on at `next`; what is in between was skipped.
    #[inline(always)]
    fn jump(&mut self, next: u64) {
        if next != self.taken {
            self.jump_over(next);
        }
    }

    #[cold]
    fn jump_over(&mut self, next: u64) {
        let Input::Marked(gaps) = &mut self.input else { unreachable!("called for marked lanes") };
        gaps.jumped += next - self.taken;
        let behind = self.released == self.taken;
        gaps.unreleased |= !behind;
        self.taken = next;
        self.barrier = next;
        if behind {
            self.hand_on(next);
        }
    }

    /// Hands on everything up to and including `sequence`, taken before; earlier ones change
    /// nothing.
    ///
    /// # Panics
    ///
    /// If `sequence` was not taken yet.
    #[inline]
    pub fn release(&mut self, sequence: u64) {
        assert!(
            sequence < self.taken,
            "{}: sequence {sequence} is not taken, only those before {}",
            self.node.name,
            self.taken
        );
        if sequence >= self.released {
            let mut cursor = sequence + 1;
            if let Input::Marked(gaps) = &mut self.input
                && gaps.unreleased
            {
                cursor = gaps.marks.skipped_until(cursor, self.taken);
                gaps.unreleased = cursor != self.taken;
            }
            self.hand_on(cursor);
        }
    }

    /// Moves the cursor to `cursor`, which is `taken` at most.
    #[inline(always)]
    pub(super) fn hand_on(&mut self, cursor: u64) {
        self.released = cursor;
        let wakes = self.wakes.get_or_insert_with(|| {
            // The graph was built before the first slot could be published. Shared, not copied:
            // nothing is allocated here.
            self.node.wakes.get().cloned().unwrap_or_default()
        });
        self.node.publish(cursor, wakes);
    }

    /// Halts the ring: producer and all stages get `message` as an error.
    pub fn halt(&self, message: &str) {
        self.core.halt(&self.node.name, message);
    }
}

impl<R: Lanes, W: Slot> Drop for Stage<R, W> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.core.halt(&self.node.name, "it panicked");
            return;
        }
        // What was skipped last is all that is missing to the end, perhaps.
        self.look();
        if !self.core.is_end(self.released) {
            self.core.halt(&self.node.name, "it went away before the end");
        }
    }
}

impl<R: Lanes, W: Slot> fmt::Debug for Stage<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("name", &self.node.name)
            .field("released", &self.released)
            .field("taken", &self.taken)
            .field("barrier", &self.barrier)
            .finish_non_exhaustive()
    }
}
