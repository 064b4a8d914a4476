//! How a thread waits for work: spinning, yielding, sleeping, or one after the other.
//!
//! # Invariants
//!
//! * A wait always ends: parking has a time limit, so even a wake-up that never comes costs only
//!   that long.
//! * Nobody sleeps straight after work: see [`Waiter::wait`].

use core::time::Duration;
#[cfg(feature = "std")]
use std::time::Instant;

use super::bell::{Announced, Bell};
use super::strategy::WaitStrategy;
use crate::sync::{spin_loop, thread};

/// Longest that a thread stays parked before it looks again by itself.
pub const PARK_LIMIT: Duration = Duration::from_millis(100);

/// Looks between two yields of [`WaitStrategy::Yield`] and before the first of
/// [`WaitStrategy::Phased`].
const SPINS: u32 = 100;
/// Yields of [`WaitStrategy::Phased`] before it sleeps.
const YIELDS: u32 = 100;
#[cfg(feature = "std")]
/// Waits between two looks at the clock while spinning: reading it takes longer than a look.
const WAITS_PER_CLOCK: u32 = 64;

/// Below this many slots a batch is short: the unit of pauses grows. See [`Waiter::worked`].
const SHORT_BATCH: usize = 192;
/// From this many slots on a batch is long: the unit shrinks, and there is no pause.
const LONG_BATCH: usize = 2 * SHORT_BATCH;
/// Largest unit of pauses; the smallest batches pause for almost two of them.
const UNIT_MAX: usize = if cfg!(loom) { 0 } else { 32 };
/// How much the unit changes from batch to batch.
const UNIT_STEP: usize = 2;

/// Waits for one thread, whatever it hosts.
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
    /// Waits since the last progress.
    idle: u32,
    /// Pauses after a batch of [`SHORT_BATCH`] slots, as of now.
    unit: usize,
    announced: Option<Announced>,
    park_limit: Duration,
}

impl Waiter {
    /// A waiter for the thread that `bell` belongs to.
    #[must_use]
    pub fn new(strategy: WaitStrategy, bell: Bell) -> Self {
        Self { strategy, bell, idle: 0, unit: 0, announced: None, park_limit: PARK_LIMIT }
    }

    /// The same waiter, but parked for at most `limit` at a time.
    #[must_use]
    pub fn with_park_limit(mut self, limit: Duration) -> Self {
        self.park_limit = limit;
        self
    }

    /// A waiter as this one, at its start.
    pub(super) fn another(&self) -> Self {
        Self::new(self.strategy, self.bell.clone()).with_park_limit(self.park_limit)
    }

    /// How it waits.
    #[must_use]
    pub fn strategy(&self) -> WaitStrategy {
        self.strategy
    }

    /// The bell that wakes it.
    #[must_use]
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// There was work: the next wait starts from the beginning.
    #[inline]
    pub fn reset(&mut self) {
        self.idle = 0;
        if self.announced.is_some() {
            self.withdraw();
        }
    }

    /// There was work, and it was `slots` long: the next wait starts from the beginning. Pauses
    /// before the next look if batches are short though they follow each other closely.
    ///
    /// A reader that looks again at once finds only what was published since, takes the cursor's
    /// cache line from the producer for it, and again and again; both then work at the speed at
    /// which lines go to and fro. So the pause grows while every look finds between 2 and 191 slots,
    /// shrinks from 384 slots on, and is halved by a look that finds nothing. The shorter the batch,
    /// the longer the pause after it: 64 pause instructions at most (0.5 to 3 µs, as processors
    /// differ). There is none after a single slot: who sends one value and waits for an answer gets
    /// it as soon as after [`reset`](Self::reset).
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

    /// There was none: waits a little, and a little longer each time.
    ///
    /// Never sleeps straight after work: before the first sleep it announces it and returns, so
    /// that the caller looks once more; that is what makes a wake-up impossible to lose. So the
    /// caller must look at *all* its sources of work between two calls.
    pub fn wait(&mut self) {
        self.wait_at_most(self.park_limit);
    }

    /// Waits until `look` finds something, and returns it.
    ///
    /// `look` must look at all that the thread's bell is rung for and that matters to it now.
    pub fn wait_until<R>(&mut self, mut look: impl FnMut() -> Option<R>) -> R {
        loop {
            if let Some(found) = look() {
                self.reset();
                return found;
            }
            self.wait();
        }
    }

    /// As [`wait_until`](Self::wait_until), but for `limit` at most (`None`: without one). `None`
    /// if the time ran out; the last look came after that.
    #[cfg(feature = "std")]
    pub fn wait_for<R>(
        &mut self,
        limit: Option<Duration>,
        mut look: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let mut found = look();
        if found.is_none() {
            // A limit past the end of time is none.
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

    /// Time until `deadline`; the longest there is where the clock need not be read yet.
    #[cfg(feature = "std")]
    fn time_left(&self, deadline: Option<Instant>) -> Duration {
        match deadline {
            Some(deadline) if self.idle.is_multiple_of(WAITS_PER_CLOCK) || !self.spins() => {
                deadline.saturating_duration_since(Instant::now())
            }
            _ => Duration::MAX,
        }
    }

    /// Whether the next wait is a short spin.
    fn spins(&self) -> bool {
        match self.strategy {
            WaitStrategy::BusySpin => true,
            WaitStrategy::Yield | WaitStrategy::Phased => self.idle < SPINS,
            WaitStrategy::Park => false,
        }
    }

    fn wait_at_most(&mut self, limit: Duration) {
        if self.idle == 0 {
            // The pause before this look was longer than what there is to do.
            self.unit /= 2;
        }
        if self.spins() {
            spin_loop();
        } else {
            match self.strategy {
                WaitStrategy::BusySpin | WaitStrategy::Yield => thread::yield_now(),
                WaitStrategy::Phased if self.idle < SPINS + YIELDS => thread::yield_now(),
                WaitStrategy::Park | WaitStrategy::Phased => self.sleep(limit),
            }
        }
        // Not saturating: a wait of 2^32 spins goes on yielding or sleeping as it did.
        self.idle = self.idle.checked_add(1).unwrap_or(SPINS + YIELDS);
    }

    /// Announces the sleep first, sleeps at the next call.
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
