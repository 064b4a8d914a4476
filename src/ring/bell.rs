//! What wakes a sleeping thread: a bell that others ring when they have made work for it.
//!
//! ```text
//!   waiter                                publisher
//!   ──────                                ─────────
//!   announce                              store cursor
//!     fence                                 fence
//!   last look                             announced? ─▶ unpark
//!   park
//! ```
//!
//! Between the two fences one of the two sees the other's store, so no wake-up is lost. A
//! publisher pays the fence only where a thread that waits for it may park at all.
//!
//! # Invariants
//!
//! * A [`Bell`] belongs to one thread: all stages placed on it are stepped by that thread. The
//!   one exception is the crowd's bell, which the producers of a shared ring have in common.

use core::fmt;
use core::time::Duration;

use super::order;
use super::sleep::{Parker, Sleep};
use super::strategy::WaitStrategy;
use crate::sync::Ordering::Relaxed;
use crate::sync::{Arc, AtomicBool, Padded};

/// What wakes one thread: rung by whoever makes work for it.
///
/// Clones are the same bell. A bell belongs to one thread; all stages placed on it must be
/// stepped by that thread, because a stage does not ring for its own thread.
#[derive(Clone)]
pub struct Bell(Arc<BellState>);

struct BellState {
    /// A thread has announced that it will sleep. Written rarely, so that publishers keep a clean
    /// copy of the line in their caches.
    announced: Padded<AtomicBool>,
    sleep: Sleep,
}

/// What a thread needs to sleep on a bell: proof that it has announced it.
#[derive(Debug)]
pub(super) struct Announced {
    ticket: u64,
}

impl Bell {
    /// A bell for a thread that may park, on a condition variable.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn new() -> Self {
        Self::sleeping(Sleep::one())
    }

    /// A bell for a thread that parks its own way.
    #[must_use]
    pub fn with_parker(parker: alloc::sync::Arc<dyn Parker>) -> Self {
        Self::sleeping(Sleep::One(parker))
    }

    /// A bell for a thread that never parks: ringing it costs nothing.
    ///
    /// A [`Waiter`](super::Waiter) on it yields where its strategy would park.
    #[must_use]
    pub fn silent() -> Self {
        Self::sleeping(Sleep::Never)
    }

    /// A bell that any number of threads may sleep on; ringing it wakes them all. Without the
    /// feature `std` they never sleep.
    pub(super) fn crowd() -> Self {
        #[cfg(feature = "std")]
        return Self::sleeping(Sleep::Many(Default::default()));
        #[cfg(not(feature = "std"))]
        Self::silent()
    }

    fn sleeping(sleep: Sleep) -> Self {
        Self(Arc::new(BellState { announced: Padded(AtomicBool::new(false)), sleep }))
    }

    /// The right bell for a thread that waits by `strategy`: silent if it never parks, or without
    /// the feature `std`.
    #[must_use]
    pub fn for_strategy(strategy: WaitStrategy) -> Self {
        #[cfg(feature = "std")]
        if strategy.parks() {
            return Self::new();
        }
        let _ = strategy;
        Self::silent()
    }

    /// Wakes the thread if it sleeps or is about to.
    ///
    /// Whatever was stored before this call is seen by the thread when it looks next.
    pub fn ring(&self) {
        if self.parks() {
            order::ring_fence();
            self.wake();
        }
    }

    /// Rings several bells for the price of one fence.
    #[inline(always)]
    pub(super) fn ring_all(bells: &[Self]) {
        if !bells.is_empty() {
            Self::ring_some(bells);
        }
    }

    /// Rings bells that are looked for only after the fence: one that is not found belongs to a
    /// thread that will see, at its last look, what was stored before this call.
    pub(super) fn ring_each<'a>(bells: impl Iterator<Item = &'a Self>) {
        order::ring_fence();
        bells.for_each(Self::wake);
    }

    /// A call of its own: the fence costs more, and where nobody parks the loops of producers stay
    /// short.
    #[inline(never)]
    fn ring_some(bells: &[Self]) {
        order::ring_fence();
        for bell in bells {
            bell.wake();
        }
    }

    #[inline(always)]
    fn wake(&self) {
        // Relaxed: ordered by the fence before it.
        if self.0.announced.load(Relaxed) {
            self.wake_up();
        }
    }

    #[cold]
    fn wake_up(&self) {
        // Relaxed: the parker's own lock hands over what the sleeper must see; the swap only
        // makes one of several publishers pay for the call.
        if self.0.announced.swap(false, Relaxed) {
            self.0.sleep.wake();
        }
    }

    /// Says that the calling thread will sleep, if nothing is there at one more look at all that
    /// it waits for. `None` where nobody sleeps on this bell.
    pub(super) fn announce(&self) -> Option<Announced> {
        let ticket = self.0.sleep.ticket()?;
        // Relaxed: ordered by the fence of the sleep protocol that follows. A swap, not a store:
        // loom orders plain stores of several threads only in part, and would let a publisher
        // read back an older value of its own that no machine can return.
        self.0.announced.swap(true, Relaxed);
        order::sleep_fence();
        Some(Announced { ticket })
    }

    /// Sleeps until the bell is rung, or until `timeout` has passed.
    pub(super) fn park(&self, announced: &Announced, timeout: Duration) {
        self.0.sleep.park(announced.ticket, timeout);
    }

    /// Takes the announcement back.
    #[cold]
    pub(super) fn withdraw(&self, _: Announced) {
        // What one of a crowd has announced, another may rely on: it stays, and costs whoever
        // rings next a call that perhaps nobody hears.
        if !self.0.sleep.is_shared() {
            // Relaxed: who sees it late calls once in vain.
            self.0.announced.swap(false, Relaxed);
        }
    }

    /// Whether a thread may park on this bell.
    pub(super) fn parks(&self) -> bool {
        !matches!(self.0.sleep, Sleep::Never)
    }

    /// Whether both are the same bell.
    pub(super) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(feature = "std")]
impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell").field("parks", &self.parks()).finish_non_exhaustive()
    }
}
