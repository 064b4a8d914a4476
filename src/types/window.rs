//! How a stage sees its input and output, whether they lie in slices or wrap around in a ring.

use super::{Command, Event, Outcome};

/// Consecutive values, the first at index 0.
pub trait Window<T> {
    /// How many there are.
    fn len(&self) -> usize;

    /// True if there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `index`.
    ///
    /// # Panics
    ///
    /// If `index` is not below [`Window::len`].
    fn at(&self, index: usize) -> &T;
}

impl<T> Window<T> for [T] {
    #[inline]
    fn len(&self) -> usize {
        <[T]>::len(self)
    }

    #[inline]
    fn at(&self, index: usize) -> &T {
        &self[index]
    }
}

/// Where settle puts what it makes of a window of commands.
pub trait Outbox {
    /// Sets the outcome of the command at `index` of the window. Indices come in order, without a
    /// gap; one that was set may be set again before the step returns.
    fn set_outcome(&mut self, index: usize, outcome: Outcome);

    /// How many events can be put now.
    fn events_free(&self) -> usize;

    /// Adds an event.
    ///
    /// # Panics
    ///
    /// If [`Outbox::events_free`] is 0.
    fn put_event(&mut self, event: &Event);
}

/// How far a step of settle came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Every command of the window has its outcome.
    Done,
    /// The first so many commands have their outcome; the one after them waits for room in the
    /// events lane. Call again with a window that begins with it.
    LaneFull(usize),
    /// The first so many commands have their outcome; the one after them brings about so much that
    /// others on the thread have their turn first. Call again with a window that begins with it.
    Paused(usize),
}

/// How many commands from the start of `commands`, at least `most` if there are as many, do not
/// cut a linked chain.
///
/// The window itself must not end within a chain; none does that a stage publishes.
#[must_use]
pub fn chains_up_to(commands: &(impl Window<Command> + ?Sized), most: usize) -> usize {
    let mut count = most.min(commands.len());
    while count > 0 && count < commands.len() && !commands.at(count - 1).ends_chain() {
        count += 1;
    }
    count
}
