//! How the witness's thread sleeps and ends, so that it sleeps over no note and leaves none.
//!
//! ```text
//!   note    put ──▶ fence ──▶ is it asleep? ──▶ wake
//!   sleep   asleep ──▶ fence ──▶ is nothing put? ──▶ park
//! ```
//!
//! # Invariants
//!
//! * Of a note and a sleep at the same time, the sleep sees what was put, or the note sees that the
//!   thread is asleep, or both.
//! * Who sees that it is to stop sees all that was put before.
//!
//! `loom-tests/tests/models/witness.rs` runs this file.

use super::sync::{AtomicBool, Ordering, fence, weakens};

/// What the thread and those who give it work share for this.
#[derive(Debug)]
pub(super) struct Nap {
    is_asleep: AtomicBool,
    stops: AtomicBool,
}

impl Nap {
    /// Awake, and not to stop.
    pub fn new() -> Nap {
        Nap { is_asleep: AtomicBool::new(false), stops: AtomicBool::new(false) }
    }

    /// Something was put where the thread looks before it sleeps: calls `wake` if it may be asleep.
    pub fn after_put(&self, wake: impl FnOnce()) {
        // Pairs with the fence in `sleep`.
        if !weakens("note_fence") {
            fence(Ordering::SeqCst);
        }
        // Relaxed: the fence orders it; a wake-up too many does no harm.
        if self.is_asleep.load(Ordering::Relaxed) {
            wake();
        }
    }

    /// Calls `park` unless something `is_put`. A wake-up that came before makes it return at once.
    pub fn sleep(&self, is_put: impl FnOnce() -> bool, park: impl FnOnce()) {
        // Relaxed: the fence orders it.
        self.is_asleep.store(true, Ordering::Relaxed);
        // Pairs with the fence in `after_put`.
        if !weakens("nap_fence") {
            fence(Ordering::SeqCst);
        }
        if !is_put() {
            park();
        }
        // Relaxed: a note that still sees it wakes once too often.
        self.is_asleep.store(false, Ordering::Relaxed);
    }

    /// The thread is to stop. The caller wakes it.
    pub fn stop(&self) {
        // Release: pairs with the Acquire in `stops`.
        let ordering = if weakens("nap_stop") { Ordering::Relaxed } else { Ordering::Release };
        self.stops.store(true, ordering);
    }

    /// Whether the thread is to stop: it then finds all that was put before.
    pub fn stops(&self) -> bool {
        // Acquire: pairs with the Release in `stop`.
        let ordering = if weakens("nap_stops") { Ordering::Relaxed } else { Ordering::Acquire };
        self.stops.load(ordering)
    }
}
