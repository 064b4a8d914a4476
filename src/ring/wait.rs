//! How a thread waits for work, and how work wakes it.
//!
//! ```text
//!   waiter                                publisher
//!   ──────                                ─────────
//!   spin ─▶ yield ─▶ announce             store cursor
//!                      fence                 fence
//!                    last look            announced? ─▶ unpark
//!                    park
//! ```
//!
//! Between the two fences one of the two sees the other's store, so no wake-up is lost. A
//! publisher pays the fence only where a thread that waits for it may park at all.
//!
//! # Invariants
//!
//! * A [`Bell`] belongs to one thread: all stages placed on it are stepped by that thread.
//! * A wait always ends: parking has a time limit, so even a wake-up that never comes costs only
//!   that long.

use core::fmt;
use core::time::Duration;

use super::order;
use crate::sync::Ordering::Relaxed;
use crate::sync::{Arc, AtomicBool, Condvar, Mutex, Padded, lock, spin_loop, thread};

/// Puts a thread to sleep and wakes it: a condition variable by default, or something that also
/// wakes for other reasons, such as an `epoll` with a waker.
pub trait Parker: Send + Sync {
    /// Sleeps until [`unpark`](Self::unpark), or until `timeout` has passed. Returns at once if
    /// `unpark` was called since the last `park`. May return early for no reason.
    fn park(&self, timeout: Duration);

    /// Ends the current or the next [`park`](Self::park).
    fn unpark(&self);
}

/// The default parker: a token behind a lock.
#[derive(Debug, Default)]
struct TokenParker {
    token: Mutex<bool>,
    given: Condvar,
}

impl Parker for TokenParker {
    fn park(&self, timeout: Duration) {
        let mut token = lock(&self.token);
        if !*token {
            token = match self.given.wait_timeout(token, timeout) {
                Ok((guard, _)) => guard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        *token = false;
    }

    fn unpark(&self) {
        *lock(&self.token) = true;
        self.given.notify_one();
    }
}

/// What wakes one thread: rung by whoever makes work for it.
///
/// Clones are the same bell. A bell belongs to one thread; all stages placed on it must be
/// stepped by that thread, because a stage does not ring for its own thread.
#[derive(Clone)]
pub struct Bell(Arc<BellState>);

struct BellState {
    /// The thread has announced that it will sleep. Written rarely, so that publishers keep a
    /// clean copy of the line in their caches.
    announced: Padded<AtomicBool>,
    parker: Option<std::sync::Arc<dyn Parker>>,
}

impl Bell {
    /// A bell for a thread that may park, on a condition variable.
    #[must_use]
    pub fn new() -> Self {
        Self::from_parker(Some(std::sync::Arc::new(TokenParker::default())))
    }

    /// A bell for a thread that parks its own way.
    #[must_use]
    pub fn with_parker(parker: std::sync::Arc<dyn Parker>) -> Self {
        Self::from_parker(Some(parker))
    }

    /// A bell for a thread that never parks: ringing it costs nothing.
    ///
    /// A [`Waiter`] on it yields where its strategy would park.
    #[must_use]
    pub fn silent() -> Self {
        Self::from_parker(None)
    }

    fn from_parker(parker: Option<std::sync::Arc<dyn Parker>>) -> Self {
        Self(Arc::new(BellState { announced: Padded(AtomicBool::new(false)), parker }))
    }

    /// The right bell for threads that wait by `strategy`: silent if it never parks.
    #[must_use]
    pub fn for_strategy(strategy: WaitStrategy) -> Self {
        if strategy.parks() { Self::new() } else { Self::silent() }
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

    #[inline]
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
        if self.0.announced.swap(false, Relaxed)
            && let Some(parker) = &self.0.parker
        {
            parker.unpark();
        }
    }

    /// Whether a thread may park on this bell.
    pub(super) fn parks(&self) -> bool {
        self.0.parker.is_some()
    }

    /// Whether both are the same bell.
    pub(super) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

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

/// Longest that a thread stays parked before it looks again by itself.
pub const PARK_LIMIT: Duration = Duration::from_millis(100);

/// How a thread waits while there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WaitStrategy {
    /// Spins with a pause instruction: lowest latency, a whole core each.
    BusySpin,
    /// Spins a little, then lets other threads run between looks.
    Yield,
    /// Sleeps at once; the publisher wakes it. Cheapest on the processor, slowest to react.
    Park,
    /// Spins, then yields, then sleeps.
    #[default]
    Phased,
}

/// Looks between two yields of [`WaitStrategy::Yield`] and before the first of
/// [`WaitStrategy::Phased`].
const SPINS: u32 = 100;
/// Yields of [`WaitStrategy::Phased`] before it sleeps.
const YIELDS: u32 = 100;

impl WaitStrategy {
    /// Whether a thread that waits this way may sleep, so that publishers must look after it.
    #[must_use]
    pub const fn parks(self) -> bool {
        matches!(self, Self::Park | Self::Phased)
    }
}

/// Waits for one thread, whatever it hosts.
///
/// ```
/// # use ringfence::ring::{Bell, WaitStrategy, Waiter};
/// # let mut work = 3;
/// # let mut step = || { work -= 1; work > 0 };
/// let bell = Bell::new();
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
    announced: bool,
    park_limit: Duration,
}

impl Waiter {
    /// A waiter for the thread that `bell` belongs to.
    #[must_use]
    pub fn new(strategy: WaitStrategy, bell: Bell) -> Self {
        Self { strategy, bell, idle: 0, announced: false, park_limit: PARK_LIMIT }
    }

    /// The same waiter, but parked for at most `limit` at a time.
    #[must_use]
    pub fn with_park_limit(mut self, limit: Duration) -> Self {
        self.park_limit = limit;
        self
    }

    /// There was work: the next wait starts from the beginning.
    #[inline]
    pub fn reset(&mut self) {
        self.idle = 0;
        if self.announced {
            self.withdraw();
        }
    }

    /// There was none: waits a little, and a little longer each time.
    ///
    /// Never sleeps straight after work: before the first sleep it announces it and returns, so
    /// that the caller looks once more; that is what makes a wake-up impossible to lose. So the
    /// caller must look at *all* its sources of work between two calls.
    pub fn wait(&mut self) {
        self.idle = self.idle.saturating_add(1);
        match self.strategy {
            WaitStrategy::BusySpin => spin_loop(),
            WaitStrategy::Yield if self.idle <= SPINS => spin_loop(),
            WaitStrategy::Yield => thread::yield_now(),
            WaitStrategy::Park => self.sleep(),
            WaitStrategy::Phased if self.idle <= SPINS => spin_loop(),
            WaitStrategy::Phased if self.idle <= SPINS + YIELDS => thread::yield_now(),
            WaitStrategy::Phased => self.sleep(),
        }
    }

    /// Announces the sleep first, sleeps at the next call.
    fn sleep(&mut self) {
        let Some(parker) = &self.bell.0.parker else {
            thread::yield_now();
            return;
        };
        // Relaxed, here and below: ordered by the fences of the sleep protocol.
        if !self.announced {
            self.bell.0.announced.store(true, Relaxed);
            self.announced = true;
            order::sleep_fence();
            return;
        }
        parker.park(self.park_limit);
        self.withdraw();
    }

    #[cold]
    fn withdraw(&mut self) {
        self.announced = false;
        self.bell.0.announced.store(false, Relaxed);
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if self.announced {
            self.withdraw();
        }
    }
}
