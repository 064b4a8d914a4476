//! Cursors: how far the producers or a stage have come, and which threads to wake when they move.
//!
//! # Invariants
//!
//! * A position is the sequence *behind* the last one that the owner handed on; it never goes
//!   back, and only the owner stores it. (That of several producers is behind the last one they
//!   claimed; what of it is handed on is in [`Marks`](super::marks::Marks).)
//! * A stage's position is at most that of every cursor it waits for.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::bell::Bell;
use super::once::Once;
use super::order;
use crate::sync::Ordering::Relaxed;
use crate::sync::{Arc, AtomicU64, Padded};

/// The cursor of one stage, or of all producers.
pub struct Cursor {
    /// The name of its owner.
    pub(super) name: String,
    /// The number of its owner in the graph: 0 for the producers.
    pub(super) node: usize,
    /// The sequence behind the last one handed on.
    pub(super) position: Padded<AtomicU64>,
    /// Bells of those that wait for this cursor, without the owner's own. Set when the graph is
    /// built; before that nothing moves.
    pub(super) wakes: Once<alloc::sync::Arc<[Bell]>>,
    /// The owner's bell.
    pub(super) bell: Bell,
}

impl Cursor {
    pub(super) fn new(name: &str, node: usize, first_sequence: u64, bell: Bell) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            node,
            position: Padded(AtomicU64::new(first_sequence)),
            wakes: Once::new(),
            bell,
        })
    }

    /// Hands on everything before `position`, and wakes the threads that sleep until then.
    #[inline(always)]
    pub(super) fn publish(&self, position: u64, wakes: &[Bell]) {
        // Relaxed: only this thread writes it.
        debug_assert!(position >= self.position.load(Relaxed), "a cursor never goes back");
        self.position.store(position, order::publish());
        Bell::ring_all(wakes);
    }
}

/// The cursors of the stages that no other stage waits for: all others are ahead of them.
pub struct Gates(Box<[Arc<Cursor>]>);

impl Gates {
    pub(super) fn new(cursors: Vec<Arc<Cursor>>) -> Self {
        Self(cursors.into())
    }

    /// The sequence behind the last one that all of them have handed on.
    #[inline]
    pub(super) fn released(&self) -> u64 {
        let mut released = u64::MAX;
        for cursor in &self.0 {
            released = released.min(cursor.position.load(order::gate()));
        }
        released
    }
}
