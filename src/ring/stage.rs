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

use super::core::{Core, Node};
use super::error::Halted;
use super::lane::Writer;
use super::order;
use super::reads::{Lanes, Slot, Views};
use super::slots::Slots;
use super::wait::Bell;
use crate::sync::Arc;

/// A stage of a [`Graph`](super::Graph): reads the lanes `R` and writes a lane of `W`; `()` for
/// a stage without one.
pub struct Stage<R: Lanes, W: Slot = ()> {
    core: Arc<Core>,
    node: Arc<Node>,
    /// Whose cursors bound what this stage may take; at least one.
    upstream: Box<[Arc<Node>]>,
    reads: R::Held,
    out: Arc<Slots<W>>,
    /// A sink has no lane to fill before it hands on.
    sink: bool,
    /// Everything before this sequence is handed on; what the cursor says.
    released: u64,
    /// Everything before this sequence was taken.
    taken: u64,
    /// Everything before this sequence is there, as far as this stage has looked.
    barrier: u64,
    /// Bells to ring when the cursor moves; fetched with the first batch.
    wakes: Option<std::sync::Arc<[Bell]>>,
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

impl<R: Lanes, W: Slot> Stage<R, W> {
    pub(super) fn new(
        core: Arc<Core>,
        node: Arc<Node>,
        upstream: Box<[Arc<Node>]>,
        reads: R::Held,
        out: Arc<Slots<W>>,
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
        self.core.check()?;
        let mut there = self.barrier - self.taken;
        if there < most as u64 {
            self.look();
            there = self.barrier - self.taken;
            if there == 0 {
                return Ok(if self.core.is_end(self.released) { Poll::Ended } else { Poll::Empty });
            }
        }
        let len = usize::try_from(there).map_or(most, |there| there.min(most));
        if len == 0 {
            return Ok(Poll::Empty);
        }
        let written = if self.sink { len } else { 0 };
        Ok(Poll::Ready(Batch { stage: self, len, written }))
    }

    /// Reads the cursors of the nodes upstream.
    #[inline]
    fn look(&mut self) {
        let mut barrier = u64::MAX;
        for node in &self.upstream {
            barrier = barrier.min(node.cursor.load(order::BARRIER));
        }
        self.barrier = barrier;
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
            self.hand_on(sequence + 1);
        }
    }

    /// Moves the cursor to `cursor`, which is `taken` at most.
    #[inline(always)]
    fn hand_on(&mut self, cursor: u64) {
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
        if std::thread::panicking() {
            self.core.halt(&self.node.name, "it panicked");
        } else if !self.core.is_end(self.released) {
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

/// Slots that a stage may process now.
///
/// What it has read and written takes effect with [`publish`](Self::publish) (or
/// [`take`](Self::take)). Dropped without, it changes nothing.
pub struct Batch<'a, R: Lanes, W: Slot> {
    stage: &'a mut Stage<R, W>,
    len: usize,
    written: usize,
}

impl<R: Lanes, W: Slot> Batch<'_, R, W> {
    /// Number of slots, at least one.
    #[inline(always)]
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Sequence of the first slot.
    #[inline(always)]
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.stage.taken
    }

    /// The lanes to read, and the lane to write.
    #[inline(always)]
    pub fn parts(&mut self) -> (Views<'_, R>, Writer<'_, W>) {
        let Stage { reads, out, taken, .. } = &*self.stage;
        // SAFETY: `look` synchronised with the cursors of everyone who writes these lanes (of
        // lanes further up by way of those in between), and found them behind `taken + len`.
        // This stage has not released the slots while the borrow of `self` lives, so the
        // producer, and with it every writer, stays away from them.
        let views = unsafe { R::views(reads, *taken, self.len) };
        // SAFETY: this stage is the lane's only writer (`writes` makes one stage for one lane),
        // and `&mut self` admits no second `Writer`. The slots are not published, as `taken` is
        // not below the cursor. Readers of the last round have released them: the producer has
        // claimed these sequences since, after it saw the cursors of the last readers, and this
        // stage synchronised with the producer.
        let writer = unsafe { Writer::new(out, *taken, self.len, 0, &mut self.written) };
        (views, writer)
    }

    /// The lanes to read.
    #[inline(always)]
    #[must_use]
    pub fn reads(&self) -> Views<'_, R> {
        // SAFETY: as in `parts`.
        unsafe { R::views(&self.stage.reads, self.stage.taken, self.len) }
    }

    /// Takes the first `count` slots: the next [`Stage::poll_ahead`] starts behind them. They
    /// stay this stage's until [`Stage::release`].
    ///
    /// # Panics
    ///
    /// If `count` is more than [`len`](Self::len), or than was written by a stage that writes.
    #[inline]
    pub fn take(self, count: usize) {
        assert!(count <= self.written, "only {} of {count} slots are written", self.written);
        self.stage.taken += count as u64;
    }

    /// Hands on the first `count` slots (and what was taken before them), and gives back those
    /// of the lanes it has read.
    ///
    /// # Panics
    ///
    /// If `count` is more than [`len`](Self::len), or than was written by a stage that writes.
    #[inline]
    pub fn publish(mut self, count: usize) {
        self.advance(count);
    }

    /// Hands on the first `count` slots, and goes on with the rest: the slot at `count` is at 0
    /// from now on.
    ///
    /// # Panics
    ///
    /// As [`publish`](Self::publish).
    #[inline]
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.written, "only {} of {count} slots are written", self.written);
        if count > 0 {
            self.len -= count;
            self.written -= count;
            self.stage.taken += count as u64;
            self.stage.hand_on(self.stage.taken);
        }
    }
}

impl<R: Lanes, W: Slot> fmt::Debug for Batch<'_, R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("first_sequence", &self.first_sequence())
            .field("len", &self.len)
            .field("written", &self.written)
            .finish()
    }
}
