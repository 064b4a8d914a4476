//! Parkers: how the thread of a bell sleeps, and how it is woken.

use core::fmt;
use core::time::Duration;

#[cfg(feature = "std")]
use crate::sync::{Condvar, Mutex, lock};

/// Puts a thread to sleep and wakes it. The default is a condition variable; another one may also
/// wake for other reasons, such as an `epoll` with a waker.
///
/// A parker must not panic: a stage could then not tell the others that it has stopped. The ring
/// holds no lock while it calls one, so a parker may use the ring, for example halt it.
pub trait Parker: Send + Sync {
    /// Sleeps until [`unpark`](Self::unpark) is called, or for `timeout` at most. Returns at once
    /// if `unpark` was called since the last `park`. May return early without a reason.
    fn park(&self, timeout: Duration);

    /// Ends the current call of [`park`](Self::park), or the next one. Called by publishers, from
    /// any thread; it should return soon.
    fn unpark(&self);
}

/// How the threads of one bell sleep.
pub(super) enum Sleep {
    /// Not at all.
    Never,
    /// One thread, by its parker.
    One(alloc::sync::Arc<dyn Parker>),
    /// Any number of threads, woken all at once.
    #[cfg(feature = "std")]
    Many(Crowd),
}

impl Sleep {
    /// One thread, on a condition variable.
    #[cfg(feature = "std")]
    pub(super) fn one() -> Self {
        Self::One(alloc::sync::Arc::new(TokenParker::default()))
    }

    /// The ticket for [`park`](Self::park), to be drawn before the thread announces its sleep;
    /// `None` if threads never sleep here.
    pub(super) fn ticket(&self) -> Option<u64> {
        match self {
            Self::Never => None,
            Self::One(_) => Some(0),
            #[cfg(feature = "std")]
            Self::Many(crowd) => Some(crowd.ticket()),
        }
    }

    /// Sleeps until [`wake`](Self::wake) is called after `ticket` was drawn, or until `timeout`
    /// has passed.
    pub(super) fn park(&self, ticket: u64, timeout: Duration) {
        #[cfg(not(feature = "std"))]
        let _ = ticket;
        match self {
            Self::Never => {}
            Self::One(parker) => parker.park(timeout),
            #[cfg(feature = "std")]
            Self::Many(crowd) => crowd.park(ticket, timeout),
        }
    }

    /// Wakes the threads that sleep.
    pub(super) fn wake(&self) {
        match self {
            Self::Never => {}
            Self::One(parker) => parker.unpark(),
            #[cfg(feature = "std")]
            Self::Many(crowd) => crowd.call(),
        }
    }

    /// Whether more than one thread may sleep.
    pub(super) fn is_shared(&self) -> bool {
        !matches!(self, Self::Never | Self::One(_))
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never => "Never",
            Self::One(_) => "One",
            #[cfg(feature = "std")]
            Self::Many(_) => "Many",
        })
    }
}

/// The default parker: a token, a lock and a condition variable.
#[cfg(feature = "std")]
#[derive(Debug, Default)]
struct TokenParker {
    token: Mutex<bool>,
    given: Condvar,
}

#[cfg(feature = "std")]
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

/// Puts any number of threads to sleep, and wakes all of them at once.
///
/// A thread draws a ticket *before* it announces its sleep, and sleeps only if there was no call
/// since. So a call between its announcement and its sleep is not lost.
#[cfg(feature = "std")]
#[derive(Debug, Default)]
pub(super) struct Crowd {
    calls: Mutex<u64>,
    called: Condvar,
}

#[cfg(feature = "std")]
impl Crowd {
    /// How often the crowd was called so far.
    fn ticket(&self) -> u64 {
        *lock(&self.calls)
    }

    /// Sleeps until the crowd is called after `ticket` was drawn, or until `timeout` has passed.
    fn park(&self, ticket: u64, timeout: Duration) {
        let calls = lock(&self.calls);
        if *calls == ticket {
            // Woken or timed out: the caller looks again in both cases.
            drop(self.called.wait_timeout(calls, timeout));
        }
    }

    fn call(&self) {
        *lock(&self.calls) += 1;
        self.called.notify_all();
    }
}
