//! What all parts of one ring share: its size, its end, and the halt.
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
    /// The sequence behind the last one there will be; `u64::MAX` while the producer lives.
    end: AtomicU64,
    /// Every bell of the ring, to be rung at the end and at a halt.
    bells: Once<Link>,
    /// How the input lane is filled; set when the graph is built, before anything moves.
    pub(super) filled: Once<Filled>,
}

/// A bell, and the rest of the list.
struct Link {
    bell: Bell,
    next: Once<Link>,
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

    /// Wakes all threads of the ring. No lock is held: what a parker does is not known here.
    fn ring_bells(&self) {
        let links = iter::successors(self.bells.get(), |link| {
            let link: &Link = link;
            link.next.get()
        });
        Bell::ring_each(links.map(|link| &link.bell));
    }

    /// Stops the ring. The first reason stays.
    #[cold]
    pub(super) fn halt(&self, by: &str, message: &str) {
        self.halt.set(Halted { by: by.to_owned(), message: message.to_owned() });
        self.ring_bells();
    }

    /// Whether the ring was halted.
    #[inline(always)]
    pub(super) fn is_halted(&self) -> bool {
        self.halt.is_set()
    }

    /// The reason, if the ring was halted.
    #[inline(always)]
    pub(super) fn check(&self) -> Result<(), Halted> {
        if self.is_halted() { Err(self.reason()) } else { Ok(()) }
    }

    #[cold]
    fn reason(&self) -> Halted {
        self.halt.get().expect("it is halted").clone()
    }

    /// Says that nothing comes at or after sequence `end`. A ring that is halted has no end: a
    /// stage that has looked for the halt already would take it for a drained one.
    pub(super) fn close(&self, end: u64) {
        if self.is_halted() {
            return;
        }
        // Relaxed: the number says all; whoever has handed on everything before `end` has
        // synchronised with the cursors that led there.
        self.end.store(end, Relaxed);
        self.ring_bells();
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
