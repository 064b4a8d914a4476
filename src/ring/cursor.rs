//! Cursors: the progress of the producers or of a stage, and which threads to wake when they move.
//!
//! # Invariants
//!
//! * A position is the sequence *behind* the last slot that the owner has handed on. It never goes
//!   back, and only the owner stores it. (The position of several producers is behind the last slot
//!   that they have claimed; which of these are published is in [`Marks`](super::marks::Marks).)
//! * The position of a stage is at most that of each cursor it waits for.

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
    /// The sequence behind the last slot handed on.
    pub(super) position: Padded<AtomicU64>,
    /// The bells of the threads that wait for this cursor, without the owner's. Set when the graph
    /// is built; before that no cursor moves.
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

    /// Hands on all slots before `position`, and wakes the threads that wait for them.
    #[inline(always)]
    pub(super) fn publish(&self, position: u64, wakes: &[Bell]) {
        // Relaxed: only this thread writes it.
        debug_assert!(position >= self.position.load(Relaxed), "a cursor never goes back");
        self.position.store(position, order::publish());
        Bell::ring_all(wakes);
    }
}

/// The cursors of the last readers: the stages that no other stage waits for.
pub struct Gates(Box<[Arc<Cursor>]>);

impl Gates {
    pub(super) fn new(cursors: Vec<Arc<Cursor>>) -> Self {
        Self(cursors.into())
    }

    /// The sequence behind the last slot that all of them have handed on.
    #[inline]
    pub(super) fn released(&self) -> u64 {
        let mut released = u64::MAX;
        for cursor in &self.0 {
            released = released.min(cursor.position.load(order::gate()));
        }
        released
    }
}
