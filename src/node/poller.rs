//! Which descriptors are ready, and how a thread sleeps until one is: the gateway's for sockets, the
//! journal's for writes that the kernel has done.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use ringfence_ring::Parker;

const EVENTS: usize = 256;
/// The token of the waker: sessions have numbers from 1.
const WAKER: Token = Token(0);
/// The token of what only wakes.
const WATCHED: Token = Token(usize::MAX);

/// A socket that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// Under which it was registered.
    pub token: Token,
    /// There is something to read, or the peer has ended it.
    pub readable: bool,
    /// The peer will send nothing more, or the connection has failed.
    pub closed: bool,
    /// There is room to write.
    pub writable: bool,
}

/// An `epoll` that wakes for descriptors and for bells alike.
#[derive(Debug)]
pub struct Poller {
    // Only the thread that sleeps on it ever locks it, so it never waits.
    inner: Mutex<Inner>,
    registry: Registry,
    waker: Waker,
}

#[derive(Debug)]
struct Inner {
    poll: Poll,
    events: Events,
    ready: Vec<Ready>,
}

impl Poller {
    /// A poller for one thread.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn new() -> io::Result<Poller> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let waker = Waker::new(&registry, WAKER)?;
        let events = Events::with_capacity(EVENTS);
        let ready = Vec::with_capacity(EVENTS);
        Ok(Poller { inner: Mutex::new(Inner { poll, events, ready }), registry, waker })
    }

    /// Wakes the thread also when `descriptor` becomes readable, until that is closed.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn watch(&self, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        let number = descriptor.as_raw_fd();
        self.registry.register(&mut SourceFd(&number), WATCHED, Interest::READABLE)
    }

    /// Where descriptors are registered, under tokens other than 0 and `usize::MAX`.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Moves what has become ready, now or while the thread slept, to `ready`.
    pub fn take_ready(&self, ready: &mut Vec<Ready>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.poll(Duration::ZERO);
        ready.append(&mut inner.ready);
    }
}

impl Inner {
    fn poll(&mut self, timeout: Duration) {
        let Inner { poll, events, ready } = self;
        match poll.poll(events, Some(timeout)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return,
            Err(error) => panic!("waiting for sockets: {error}"),
        }
        let sockets = events.iter().filter(|event| ![WAKER, WATCHED].contains(&event.token()));
        ready.extend(sockets.map(|event| Ready {
            token: event.token(),
            readable: event.is_readable() || event.is_read_closed() || event.is_error(),
            closed: event.is_read_closed() || event.is_error(),
            writable: event.is_writable(),
        }));
    }
}

impl Parker for Poller {
    fn park(&self, timeout: Duration) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).poll(timeout);
    }

    fn unpark(&self) {
        // It fails only where the thread that sleeps is gone.
        drop(self.waker.wake());
    }
}
