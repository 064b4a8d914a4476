//! A bell wakes one sleeping thread. Other threads ring it after they have made work for it.
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
//! Because of the two fences, at least one side sees the other's store: the publisher sees the
//! announcement, or the waiter's last look sees the cursor. So no wake-up is lost. A publisher
//! executes the fence only if some thread that waits for it can park at all.
//!
//! # Invariants
//!
//! * A [`Bell`] belongs to one thread: that thread steps all stages declared on it. The only
//!   exception is the bell that all producers of a shared ring sleep on.

use core::fmt;
use core::time::Duration;

use super::order;
use super::sleep::{Parker, Sleep};
use super::strategy::WaitStrategy;
use crate::sync::Ordering::Relaxed;
use crate::sync::{Arc, AtomicBool, Padded};

/// Wakes one thread. The ring rings it when there is something new for a stage or producer of
/// that thread; other code may ring it too.
///
/// A clone is the same bell. A bell belongs to one thread, and that thread must step all stages
/// declared on it: a stage does not ring the bell of its own thread.
#[derive(Clone)]
pub struct Bell(Arc<BellState>);

struct BellState {
    /// A thread has announced that it will sleep. Written rarely, so that the cache line stays
    /// shared by all publishers.
    announced: Padded<AtomicBool>,
    sleep: Sleep,
}

/// Proof that a thread has announced its sleep; needed to sleep on a bell.
#[derive(Debug)]
pub(super) struct Announced {
    ticket: u64,
}

impl Bell {
    /// A bell for a thread that parks on a condition variable. Needs the feature `std`.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn new() -> Self {
        Self::sleeping(Sleep::one())
    }

    /// A bell for a thread that parks by `parker`.
    #[must_use]
    pub fn with_parker(parker: alloc::sync::Arc<dyn Parker>) -> Self {
        Self::sleeping(Sleep::One(parker))
    }

    /// A bell for a thread that never parks. Ringing it does nothing and costs nothing.
    ///
    /// A [`Waiter`](super::Waiter) on this bell yields where its strategy would park.
    #[must_use]
    pub fn silent() -> Self {
        Self::sleeping(Sleep::Never)
    }

    /// A bell that any number of threads may sleep on; ringing it wakes all of them. Without the
    /// feature `std` they do not sleep.
    pub(super) fn crowd() -> Self {
        #[cfg(feature = "std")]
        return Self::sleeping(Sleep::Many(Default::default()));
        #[cfg(not(feature = "std"))]
        Self::silent()
    }

    fn sleeping(sleep: Sleep) -> Self {
        Self(Arc::new(BellState { announced: Padded(AtomicBool::new(false)), sleep }))
    }

    /// A bell for a thread that waits by `strategy`: as `Bell::new` if the strategy parks,
    /// otherwise [`silent`](Self::silent). Without the feature `std` always silent.
    #[must_use]
    pub fn for_strategy(strategy: WaitStrategy) -> Self {
        #[cfg(feature = "std")]
        if strategy.parks() {
            return Self::new();
        }
        let _ = strategy;
        Self::silent()
    }

    /// Wakes the thread if it sleeps or has announced that it will. Does not block, except as far
    /// as the [`Parker`] does.
    ///
    /// The thread's next look sees everything that was stored before this call.
    pub fn ring(&self) {
        if self.parks() {
            order::ring_fence();
            self.wake();
        }
    }

    /// Rings several bells with one fence.
    #[inline(always)]
    pub(super) fn ring_all(bells: &[Self]) {
        if !bells.is_empty() {
            Self::ring_some(bells);
        }
    }

    /// Rings bells that are found only after the fence. A bell that was added too late to be found
    /// belongs to a thread whose last look sees everything that was stored before this call.
    pub(super) fn ring_each<'a>(bells: impl Iterator<Item = &'a Self>) {
        order::ring_fence();
        bells.for_each(Self::wake);
    }

    /// Not inlined: the fence costs more than the call, and without parking threads the producer's
    /// loop stays short.
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
        // Relaxed: the parker's own lock synchronises with the sleeper. The swap only lets one of
        // several publishers make the call.
        if self.0.announced.swap(false, Relaxed) {
            self.0.sleep.wake();
        }
    }

    /// Announces that the calling thread will sleep. Before it does, it must look once more at
    /// everything it waits for. `None` if threads never sleep on this bell.
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
        // Other threads may rely on a shared announcement. Leaves the flag set: at worst one
        // needless wake-up.
        if !self.0.sleep.is_shared() {
            // Relaxed: a publisher that sees it late makes one needless call.
            self.0.announced.swap(false, Relaxed);
        }
    }

    /// True if a thread may park on this bell.
    pub(super) fn parks(&self) -> bool {
        !matches!(self.0.sleep, Sleep::Never)
    }

    /// True if both are the same bell.
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
