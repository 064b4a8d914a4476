//! The state that all parts of one ring share: its size, its end, and the halt.
//!
//! # Invariants
//!
//! * The end and the halt are set once; neither takes a lock.

use alloc::borrow::ToOwned;
use core::iter;

use super::bell::Bell;
use super::cursor::Cursor;
use super::error::Halted;
use super::marks::Marks;
use super::once::Once;
use crate::sync::Ordering::Relaxed;
use crate::sync::{Arc, AtomicU64};

/// State of the whole ring.
pub struct RingState {
    pub(super) slots: usize,
    pub(super) first_sequence: u64,
    /// Why the ring was halted, once it is.
    halt: Once<Halted>,
    /// The sequence behind the last one there will be; [`OPEN`] while a producer lives.
    end: AtomicU64,
    /// Every bell of the ring, to be rung at the end and at a halt.
    bells: Once<Link>,
    /// How the input lane is filled. Set when the graph is built; before that no cursor moves.
    pub(super) filled: Once<Filled>,
}

/// A bell, and the rest of the list.
struct Link {
    bell: Bell,
    next: Once<Link>,
}

/// How the input lane is filled.
pub enum Filled {
    /// By one producer, whose cursor is behind the last published slot.
    InOrder,
    /// By several producers, who mark published slots; their cursor is behind the last claim.
    Marked {
        /// The marks.
        marks: Arc<Marks>,
        /// The cursor of the producers.
        producers: Arc<Cursor>,
    },
}

/// `end` of a ring that is still open.
const OPEN: u64 = u64::MAX;

impl RingState {
    pub(super) fn new(slots: usize, first_sequence: u64) -> Arc<Self> {
        Arc::new(Self {
            slots,
            first_sequence,
            halt: Once::new(),
            end: AtomicU64::new(OPEN),
            bells: Once::new(),
            filled: Once::new(),
        })
    }

    /// Adds `bell` to those that are rung at the end and at a halt.
    pub(super) fn add_bell(&self, bell: &Bell) {
        let mut place = &self.bells;
        loop {
            match place.get() {
                Some(link) if link.bell.same(bell) => return,
                Some(link) => place = &link.next,
                None if place.set(Link { bell: bell.clone(), next: Once::new() }) => return,
                // Another one was added here meanwhile.
                None => {}
            }
        }
    }

    /// Wakes all threads of the ring. Holds no lock, because parkers are foreign code.
    fn ring_bells(&self) {
        let links = iter::successors(self.bells.get(), |link| {
            let link: &Link = link;
            link.next.get()
        });
        Bell::ring_each(links.map(|link| &link.bell));
    }

    /// Halts the ring. If it is halted already, the first reason remains.
    #[cold]
    pub(super) fn halt(&self, by: &str, message: &str) {
        self.halt.set(Halted { by: by.to_owned(), message: message.to_owned() });
        self.ring_bells();
    }

    /// True if the ring is halted.
    #[inline(always)]
    pub(super) fn is_halted(&self) -> bool {
        self.halt.is_set()
    }

    /// Fails with the reason if the ring is halted.
    #[inline(always)]
    pub(super) fn check(&self) -> Result<(), Halted> {
        if self.is_halted() { Err(self.reason()) } else { Ok(()) }
    }

    #[cold]
    fn reason(&self) -> Halted {
        self.halt.get().expect("it is halted").clone()
    }

    /// Ends the ring before sequence `end`. A halted ring has no end: a stage that checks for the
    /// halt first and for the end second would take it for a drained one.
    pub(super) fn close(&self, end: u64) {
        if self.is_halted() {
            return;
        }
        // Relaxed: nothing is read on the strength of this number but the number itself. A stage
        // that has handed on everything before `end` has synchronised with all cursors up to there.
        self.end.store(end, Relaxed);
        self.ring_bells();
    }

    /// True if the ring ends before sequence `cursor`.
    #[inline]
    pub(super) fn is_end(&self, cursor: u64) -> bool {
        // Relaxed: see `close`.
        self.end.load(Relaxed) == cursor
    }

    /// The sequence behind the last one, once the producers have closed.
    pub(super) fn end(&self) -> Option<u64> {
        // Relaxed: see `close`.
        let end = self.end.load(Relaxed);
        (end != OPEN).then_some(end)
    }
}
