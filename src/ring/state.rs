//! What all parts of one ring share: its size, its end, and the halt.
//!
//! # Invariants
//!
//! * `end` and the halt are set once.

use std::sync::OnceLock;

use super::bell::Bell;
use super::cursor::Cursor;
use super::error::Halted;
use super::marks::Marks;
use crate::sync::Ordering::Relaxed;
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, lock};

/// State of the whole ring.
pub struct RingState {
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
