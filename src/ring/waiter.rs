//! A thread waits for work: it spins, yields, sleeps, or does one after the other.
//!
//! # Invariants
//!
//! * A wait always ends: parking has a time limit, so a lost wake-up would delay a thread by that
//!   long at most.
//! * A thread never sleeps directly after work: see [`Waiter::wait`].

use core::time::Duration;
#[cfg(feature = "std")]
use std::time::Instant;

use super::bell::{Announced, Bell};
use super::strategy::WaitStrategy;
use crate::sync::{spin_loop, thread};

/// Longest time that a thread stays parked before it looks again by itself: 100 ms. Another limit:
/// [`Waiter::with_park_limit`].
pub const PARK_LIMIT: Duration = Duration::from_millis(100);

/// Spins before the first yield of [`WaitStrategy::Yield`] and [`WaitStrategy::Phased`].
const SPINS: u32 = 100;
/// Yields of [`WaitStrategy::Phased`] before it sleeps, unless told otherwise: longer than a
/// durable write to a fast disk, so that who waits for it alone need not be woken.
const YIELDS: u32 = 400;
#[cfg(feature = "std")]
/// Spins between two readings of the clock, which take longer than a look.
const WAITS_PER_CLOCK: u32 = 64;

/// Below this many slots a batch is short: the unit of pauses grows. See [`Waiter::worked`].
const SHORT_BATCH: usize = 192;
/// From this many slots on a batch is long: the unit shrinks, and there is no pause.
const LONG_BATCH: usize = 2 * SHORT_BATCH;
/// Largest unit of pauses; the smallest batches pause for almost two of them.
const UNIT_MAX: usize = if cfg!(loom) { 0 } else { 32 };
/// How much the unit changes from batch to batch.
const UNIT_STEP: usize = 2;

/// Waits on behalf of one thread, whatever stages and producers that thread has.
///
/// ```
/// # use ringfence_ring::{Bell, WaitStrategy, Waiter};
/// # let mut work = 3;
/// # let mut step = || { work -= 1; work > 0 };
/// let bell = Bell::for_strategy(WaitStrategy::Phased);
/// let mut waiter = Waiter::new(WaitStrategy::Phased, bell.clone());
/// loop {
///     let progressed = step();
///     if progressed {
///         waiter.reset();
///     } else {
///         # break;
///         waiter.wait();
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Waiter {
    strategy: WaitStrategy,
    bell: Bell,
    /// Number of waits since the last progress.
    idle: u32,
    /// Number of pauses after a batch of [`SHORT_BATCH`] slots; adapts itself.
    unit: usize,
    announced: Option<Announced>,
    park_limit: Duration,
    /// Spins before the first yield: [`SPINS`] or none.
    spins: u32,
    /// Yields of [`WaitStrategy::Phased`] before it sleeps.
    yields: u32,
}

impl Waiter {
    /// A waiter for the thread that `bell` belongs to. The thread must be the one that calls it.
    #[must_use]
    pub fn new(strategy: WaitStrategy, bell: Bell) -> Self {
        let (announced, park_limit) = (None, PARK_LIMIT);
        Self {
            strategy,
            bell,
            idle: 0,
            unit: 0,
            announced,
            park_limit,
            spins: SPINS,
            yields: YIELDS,
        }
    }

    /// The same waiter, but a single park takes at most `limit` instead of [`PARK_LIMIT`].
    #[must_use]
    pub fn with_park_limit(mut self, limit: Duration) -> Self {
        self.park_limit = limit;
        self
    }

    /// The same waiter, but [`WaitStrategy::Yield`] and [`WaitStrategy::Phased`] yield without
    /// spinning first. For a thread whose looks take long, or whose core others need at once: they
    /// get it when it yields.
    #[must_use]
    pub fn without_spinning(mut self) -> Self {
        self.spins = 0;
        self
    }

    /// The same waiter, but [`WaitStrategy::Phased`] yields `yields` times before it sleeps, not
    /// 400 times. For a thread that waits for one which has to run on the same core: a kernel may
    /// let the thread that yields go on, as long as it has used less time than its share.
    #[must_use]
    pub fn with_yields(mut self, yields: u16) -> Self {
        self.yields = yields.into();
        self
    }

    /// A new waiter with the same settings.
    pub(super) fn another(&self) -> Self {
        let mut another = Self::new(self.strategy, self.bell.clone());
        (another.park_limit, another.spins) = (self.park_limit, self.spins);
        another.yields = self.yields;
        another
    }

    /// The strategy by which it waits.
    #[must_use]
    pub fn strategy(&self) -> WaitStrategy {
        self.strategy
    }

    /// The bell that wakes it.
    #[must_use]
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Reports progress: the next wait starts again with spinning.
    #[inline]
    pub fn reset(&mut self) {
        self.idle = 0;
        if self.announced.is_some() {
            self.withdraw();
        }
    }

    /// Reports a batch of `slots` slots: the next wait starts again with spinning. If batches are
    /// short and follow each other closely, this call pauses, so that the next batch is longer.
    ///
    /// Without the pause, a fast reader finds only the few slots published since its last look.
    /// Each look takes the cursor's cache line away from the producer, and both threads run at the
    /// speed of these transfers. So the pause grows while each look finds between 2 and 191 slots,
    /// shrinks from 384 slots on, and is halved by a look that finds nothing. After a shorter batch
    /// the pause is longer: at most 64 pause instructions (0.5 to 3 µs, depending on the
    /// processor). After a single slot there is no pause: a request that waits for its answer is
    /// answered as soon as after [`reset`](Self::reset).
    #[inline]
    pub fn worked(&mut self, slots: usize) {
        self.reset();
        if slots <= 1 {
            return;
        }
        if slots >= LONG_BATCH {
            self.unit = self.unit.saturating_sub(UNIT_STEP);
            return;
        }
        if slots < SHORT_BATCH {
            self.unit = (self.unit + UNIT_STEP).min(UNIT_MAX);
        }
        for _ in 0..self.unit * (LONG_BATCH - slots) / SHORT_BATCH {
            spin_loop();
        }
    }

    /// Reports that there was no work, and waits: longer with each call, by the strategy.
    ///
    /// Never sleeps directly after work. The first call that would sleep announces the sleep and
    /// returns, so that the caller looks once more; therefore no wake-up can be lost. So the caller
    /// must look at *all* of its sources of work between two calls.
    pub fn wait(&mut self) {
        self.wait_at_most(self.park_limit);
    }

    /// Calls `look` and waits, by turns, until `look` returns something; returns that.
    ///
    /// `look` must look at everything that the caller waits for. It should notice a halt of the
    /// ring: the wait ends only by `look`.
    pub fn wait_until<R>(&mut self, mut look: impl FnMut() -> Option<R>) -> R {
        loop {
            if let Some(found) = look() {
                self.reset();
                return found;
            }
            self.wait();
        }
    }

    /// As [`wait_until`](Self::wait_until), but for at most `limit` (`None`: no limit). Returns
    /// `None` if the time has run out; the last look came after that. Needs the feature `std`.
    #[cfg(feature = "std")]
    pub fn wait_for<R>(
        &mut self,
        limit: Option<Duration>,
        mut look: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let mut found = look();
        if found.is_none() {
            // A deadline that the clock cannot express is no limit.
            let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
            while found.is_none() {
                let left = self.time_left(deadline);
                if left.is_zero() {
                    break;
                }
                self.wait_at_most(left.min(self.park_limit));
                found = look();
            }
        }
        self.reset();
        found
    }

    /// Time until `deadline`; [`Duration::MAX`] if the clock need not be read yet.
    #[cfg(feature = "std")]
    fn time_left(&self, deadline: Option<Instant>) -> Duration {
        match deadline {
            Some(deadline) if self.idle.is_multiple_of(WAITS_PER_CLOCK) || !self.spins() => {
                deadline.saturating_duration_since(Instant::now())
            }
            _ => Duration::MAX,
        }
    }

    /// True if the next wait is a short spin.
    fn spins(&self) -> bool {
        match self.strategy {
            WaitStrategy::BusySpin => true,
            WaitStrategy::Yield | WaitStrategy::Phased => self.idle < self.spins,
            WaitStrategy::Park => false,
        }
    }

    fn wait_at_most(&mut self, limit: Duration) {
        if self.idle == 0 {
            // The pause before this look was longer than the work was worth.
            self.unit /= 2;
        }
        if self.spins() {
            spin_loop();
        } else {
            match self.strategy {
                WaitStrategy::BusySpin | WaitStrategy::Yield => thread::yield_now(),
                WaitStrategy::Phased if self.idle < self.spins + self.yields => thread::yield_now(),
                WaitStrategy::Park | WaitStrategy::Phased => self.sleep(limit),
            }
        }
        // Not saturating: a wait of 2^32 spins goes on yielding or sleeping as it did.
        self.idle = self.idle.checked_add(1).unwrap_or(self.spins + self.yields);
    }

    /// The first call announces the sleep, the next one sleeps.
    fn sleep(&mut self, limit: Duration) {
        match &self.announced {
            None => {
                self.announced = self.bell.announce();
                if self.announced.is_none() {
                    thread::yield_now();
                }
            }
            Some(announced) => {
                self.bell.park(announced, limit);
                self.withdraw();
            }
        }
    }

    #[cold]
    fn withdraw(&mut self) {
        if let Some(announced) = self.announced.take() {
            self.bell.withdraw(announced);
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.withdraw();
    }
}
