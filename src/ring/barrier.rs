//! The barrier of a stage: up to which sequence it may go, by the cursors and marks it waits for.
//!
//! # Invariants
//!
//! * All slots from the stage's next one up to `until` are published, and none of them is skipped.
//! * Skipped sequences directly in front of the stage are jumped over, and each is counted once.

use alloc::boxed::Box;

use super::cursor::Cursor;
use super::marks::Marks;
use super::order;
use super::state::{Filled, RingState};
use crate::sync::Arc;

/// Up to which sequence a stage may go.
pub struct Barrier {
    ring: Arc<RingState>,
    /// The cursors that the stage waits for; at least one.
    upstream: Box<[Arc<Cursor>]>,
    input: Input,
    /// All slots before this sequence are available, as of the last look.
    until: u64,
}

/// How a stage finds out which slots of the input lane are published.
enum Input {
    /// The graph is not built yet, as far as this stage has looked.
    Unknown,
    /// By the cursors upstream alone.
    InOrder,
    /// By the marks of several producers.
    Marked(Gaps),
}

/// What a stage knows about skipped sequences, in a ring of several producers.
struct Gaps {
    marks: Arc<Marks>,
    /// True if the stage waits for the producers themselves, so that it reads their marks.
    first: bool,
    /// Skipped sequences that the stage has jumped over.
    jumped: u64,
    /// True if some of them lie between the released and the taken slots.
    unreleased: bool,
}

impl Barrier {
    /// The barrier of a stage that waits for the cursors `upstream`.
    pub(super) fn new(ring: Arc<RingState>, upstream: Box<[Arc<Cursor>]>) -> Self {
        let until = ring.first_sequence;
        Self { ring, upstream, input: Input::Unknown, until }
    }

    /// The sequence behind the last available slot, as of the last look.
    #[inline(always)]
    pub(super) fn until(&self) -> u64 {
        self.until
    }

    /// Looks again how far the stage may go. Returns the sequence at which it continues: `taken`,
    /// its place so far, or the one behind skipped sequences that follow there.
    #[inline]
    pub(super) fn look(&mut self, taken: u64) -> u64 {
        match &self.input {
            Input::InOrder => {
                self.until = self.upstream_position();
                taken
            }
            Input::Marked(_) => self.look_at_marks(taken),
            Input::Unknown => self.find_input(taken),
        }
    }

    /// The sequence behind the last one that all cursors upstream have handed on.
    #[inline(always)]
    fn upstream_position(&self) -> u64 {
        let mut least = u64::MAX;
        for cursor in &self.upstream {
            least = least.min(cursor.position.load(order::barrier()));
        }
        least
    }

    /// The first look, or one that came before the graph was built.
    #[cold]
    fn find_input(&mut self, taken: u64) -> u64 {
        self.input = match self.ring.filled.get() {
            // Nothing can be published yet.
            None => return taken,
            Some(Filled::InOrder) => Input::InOrder,
            Some(Filled::Marked { marks, producers }) => {
                // The producers are upstream only where no other stage is.
                let first = self.upstream.iter().any(|cursor| Arc::ptr_eq(cursor, producers));
                let marks = Arc::clone(marks);
                Input::Marked(Gaps { marks, first, jumped: 0, unreleased: false })
            }
        };
        self.look(taken)
    }

    /// Jumps over skipped sequences directly in front of the stage, and finds the published slots
    /// that follow.
    #[inline]
    fn look_at_marks(&mut self, taken: u64) -> u64 {
        let Input::Marked(gaps) = &self.input else { unreachable!("called for marked lanes") };
        if gaps.first {
            let mut next = taken;
            if self.until == taken {
                next = gaps.marks.skipped_until(taken, u64::MAX);
            }
            self.until = gaps.marks.published_until(self.until.max(next));
            self.count_jump(taken, next);
            return next;
        }
        let limit = self.upstream_position();
        if gaps.marks.skips() == gaps.jumped {
            self.until = limit;
            return taken;
        }
        self.look_at_gaps(taken, limit)
    }

    /// As [`look_at_marks`](Self::look_at_marks), for a stage behind others, which are at `limit`
    /// and have jumped over the same sequences.
    #[cold]
    fn look_at_gaps(&mut self, taken: u64, limit: u64) -> u64 {
        let Input::Marked(gaps) = &self.input else { unreachable!("called for marked lanes") };
        let mut next = taken;
        if self.until == taken {
            next = gaps.marks.skipped_until(taken, limit);
        }
        self.until = gaps.marks.kept_until(self.until.max(next), limit);
        self.count_jump(taken, next);
        next
    }

    /// Counts the skipped sequences in `taken..next`.
    #[inline(always)]
    fn count_jump(&mut self, taken: u64, next: u64) {
        if next != taken
            && let Input::Marked(gaps) = &mut self.input
        {
            gaps.jumped += next - taken;
        }
    }

    /// Notes that the last jump started behind slots that are taken and not released.
    pub(super) fn jumped_ahead(&mut self) {
        if let Input::Marked(gaps) = &mut self.input {
            gaps.unreleased = true;
        }
    }

    /// The new position for the cursor of a stage that releases everything before `position`:
    /// skipped sequences that follow directly, up to `taken`, are released as well.
    #[inline]
    pub(super) fn released_until(&mut self, position: u64, taken: u64) -> u64 {
        match &mut self.input {
            Input::Marked(gaps) if gaps.unreleased => {
                let next = gaps.marks.skipped_until(position, taken);
                gaps.unreleased = next != taken;
                next
            }
            _ => position,
        }
    }
}
