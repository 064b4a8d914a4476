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
use super::strategy::WaitStrategy;
use crate::sync::Ordering::Relaxed;
use crate::sync::{Arc, AtomicBool, Condvar, Mutex, Padded, lock};

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

/// Puts any number of threads to sleep, and wakes them all at once.
///
/// A thread draws a ticket *before* it announces its sleep, and sleeps only while nobody was
/// called since: so a call between its announcement and its sleep is not lost.
#[derive(Debug, Default)]
struct Crowd {
    calls: Mutex<u64>,
    called: Condvar,
}

impl Crowd {
    /// How often the crowd was called so far.
    fn ticket(&self) -> u64 {
        *lock(&self.calls)
    }

    /// Sleeps until the crowd is called after `ticket` was drawn, or until `timeout` has passed.
    fn park(&self, ticket: u64, timeout: Duration) {
        let calls = lock(&self.calls);
        if *calls == ticket {
            // Whether called or out of time, the caller looks again.
            drop(self.called.wait_timeout(calls, timeout));
        }
    }

    fn call(&self) {
        *lock(&self.calls) += 1;
        self.called.notify_all();
    }
}

/// How the threads behind a bell sleep.
enum Sleep {
    Never,
    One(std::sync::Arc<dyn Parker>),
    Many(Crowd),
}

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
    #[must_use]
    pub fn new() -> Self {
        Self::with_parker(std::sync::Arc::new(TokenParker::default()))
    }

    /// A bell for a thread that parks its own way.
    #[must_use]
    pub fn with_parker(parker: std::sync::Arc<dyn Parker>) -> Self {
        Self::sleeping(Sleep::One(parker))
    }

    /// A bell for a thread that never parks: ringing it costs nothing.
    ///
    /// A [`Waiter`](super::Waiter) on it yields where its strategy would park.
    #[must_use]
    pub fn silent() -> Self {
        Self::sleeping(Sleep::Never)
    }

    /// A bell that any number of threads may sleep on; ringing it wakes them all.
    pub(super) fn crowd() -> Self {
        Self::sleeping(Sleep::Many(Crowd::default()))
    }

    fn sleeping(sleep: Sleep) -> Self {
        Self(Arc::new(BellState { announced: Padded(AtomicBool::new(false)), sleep }))
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
            match &self.0.sleep {
                Sleep::Never => {}
                Sleep::One(parker) => parker.unpark(),
                Sleep::Many(crowd) => crowd.call(),
            }
        }
    }

    /// Says that the calling thread will sleep, if nothing is there at one more look at all that
    /// it waits for. `None` where nobody sleeps on this bell.
    pub(super) fn announce(&self) -> Option<Announced> {
        let ticket = match &self.0.sleep {
            Sleep::Never => return None,
            Sleep::One(_) => 0,
            Sleep::Many(crowd) => crowd.ticket(),
        };
        // Relaxed: ordered by the fence of the sleep protocol that follows. A swap, not a store:
        // loom orders plain stores of several threads only in part, and would let a publisher
        // read back an older value of its own that no machine can return.
        self.0.announced.swap(true, Relaxed);
        order::sleep_fence();
        Some(Announced { ticket })
    }

    /// Sleeps until the bell is rung, or until `timeout` has passed.
    pub(super) fn park(&self, announced: &Announced, timeout: Duration) {
        match &self.0.sleep {
            Sleep::Never => {}
            Sleep::One(parker) => parker.park(timeout),
            Sleep::Many(crowd) => crowd.park(announced.ticket, timeout),
        }
    }

    /// Takes the announcement back.
    #[cold]
    pub(super) fn withdraw(&self, _: Announced) {
        // What one of a crowd has announced, another may rely on: it stays, and costs whoever
        // rings next a call that perhaps nobody hears.
        if !matches!(self.0.sleep, Sleep::Many(_)) {
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
