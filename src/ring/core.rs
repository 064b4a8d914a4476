//! What all parts of one ring share: cursors, the end, and the halt.
//!
//! # Invariants
//!
//! * A cursor is the sequence *behind* the last one its owner handed on; it never goes back, and
//!   only its owner stores it. (That of several producers is behind the last one they claimed;
//!   what of it is handed on is in [`Marks`].)
//! * A stage's cursor is at most the cursor of every node it waits for.
//! * `end` and the halt are set once.

use std::sync::OnceLock;

use super::bell::Bell;
use super::error::Halted;
use super::marks::Marks;
use super::order;
use crate::sync::Ordering::Relaxed;
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, Padded, lock};

/// A cursor with its name, and whom to wake when it moves.
pub struct Node {
    pub(super) name: String,
    /// The sequence behind the last one handed on.
    pub(super) cursor: Padded<AtomicU64>,
    /// Bells of those that wait for this cursor, without the owner's own. Set when the graph is
    /// built; before that nothing moves.
    pub(super) wakes: OnceLock<std::sync::Arc<[Bell]>>,
    /// The owner's bell.
    pub(super) bell: Bell,
}

impl Node {
    pub(super) fn new(name: &str, first_sequence: u64, bell: Bell) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            cursor: Padded(AtomicU64::new(first_sequence)),
            wakes: OnceLock::new(),
            bell,
        })
    }

    /// Hands on everything before `cursor`, and wakes who sleeps until then.
    #[inline(always)]
    pub(super) fn publish(&self, cursor: u64, wakes: &[Bell]) {
        // Relaxed: only this thread writes it.
        debug_assert!(cursor >= self.cursor.load(Relaxed), "a cursor never goes back");
        self.cursor.store(cursor, order::publish());
        Bell::ring_all(wakes);
    }
}

/// The stages that nobody waits for: all others are ahead of them.
pub struct Gates(Box<[Arc<Node>]>);

impl Gates {
    pub(super) fn new(nodes: Vec<Arc<Node>>) -> Self {
        Self(nodes.into())
    }

    /// What all of them have handed on.
    #[inline]
    pub(super) fn released(&self) -> u64 {
        let mut released = u64::MAX;
        for node in &self.0 {
            released = released.min(node.cursor.load(order::gate()));
        }
        released
    }
}

/// State of the whole ring.
pub struct Core {
    pub(super) slots: usize,
    pub(super) first_sequence: u64,
    /// Set together with `reason`.
    halted: AtomicBool,
    /// The sequence behind the last one there will be; `u64::MAX` while the producer lives.
    end: AtomicU64,
    reason: Mutex<Option<Halted>>,
    /// Every bell of the ring, to be rung at the end and at a halt.
    bells: Mutex<Vec<Bell>>,
    /// How the input lane is filled; set when the graph is built, before anything moves.
    pub(super) filled: OnceLock<Filled>,
}

/// How the input lane is filled.
pub enum Filled {
    /// By one producer, whose cursor says how far.
    InOrder,
    /// By several, who mark what is filled; their cursor says how far they have claimed.
    Marked {
        /// The marks.
        marks: Arc<Marks>,
        /// Whose cursor it is.
        producers: Arc<Node>,
    },
}

/// `end` of a ring that is still open.
const OPEN: u64 = u64::MAX;

impl Core {
    pub(super) fn new(slots: usize, first_sequence: u64) -> Arc<Self> {
        Arc::new(Self {
            slots,
            first_sequence,
            halted: AtomicBool::new(false),
            end: AtomicU64::new(OPEN),
            reason: Mutex::new(None),
            bells: Mutex::new(Vec::new()),
            filled: OnceLock::new(),
        })
    }

    pub(super) fn add_bell(&self, bell: &Bell) {
        let mut bells = lock(&self.bells);
        if !bells.iter().any(|known| known.same(bell)) {
            bells.push(bell.clone());
        }
    }

    /// Stops the ring. The first reason stays.
    #[cold]
    pub(super) fn halt(&self, by: &str, message: &str) {
        {
            let mut reason = lock(&self.reason);
            if reason.is_none() {
                *reason = Some(Halted { by: by.to_owned(), message: message.to_owned() });
            }
        }
        // Relaxed: whoever sees the flag locks `reason` after it was unlocked above. Had that
        // thread locked it before, its look at the flag would have come before this store.
        self.halted.store(true, Relaxed);
        Bell::ring_all(&lock(&self.bells));
    }

    /// Whether the ring was halted.
    #[inline(always)]
    pub(super) fn is_halted(&self) -> bool {
        // Relaxed: see `halt`.
        self.halted.load(Relaxed)
    }

    /// The reason, if the ring was halted.
    #[inline(always)]
    pub(super) fn check(&self) -> Result<(), Halted> {
        if self.is_halted() { Err(self.reason()) } else { Ok(()) }
    }

    #[cold]
    fn reason(&self) -> Halted {
        lock(&self.reason).clone().expect("the reason is set before the flag")
    }

    /// Says that nothing comes at or after sequence `end`.
    pub(super) fn close(&self, end: u64) {
        // Relaxed: the number says all; whoever has handed on everything before `end` has
        // synchronised with the cursors that led there.
        self.end.store(end, Relaxed);
        Bell::ring_all(&lock(&self.bells));
    }

    /// Whether everything before `cursor` was all there will ever be.
    #[inline]
    pub(super) fn is_end(&self, cursor: u64) -> bool {
        // Relaxed: see `close`.
        self.end.load(Relaxed) == cursor
    }

    /// The sequence behind the last one, once the producer has closed.
    pub(super) fn end(&self) -> Option<u64> {
        // Relaxed: see `close`.
        let end = self.end.load(Relaxed);
        (end != OPEN).then_some(end)
    }
}
