//! The door: connections come in here, and only those that have said who they are get further.
//!
//! ```text
//!   listen ──▶ accept ──▶ hello, within a time ──▶ who is it, may it come in? ──▶ Admitted
//!                              └── error with a code ◀── no                        │
//!                                                      gateway, subscriptions ◀────┘
//! ```
//!
//! # Invariants
//!
//! * The door is a thread of its own: nothing that is silent, slow or unknown touches the threads of
//!   the pipeline.
//! * A connection that has not said its hello takes one descriptor and a few KiB.
//! * There are never more connections than [`Limits::connections`]; where there is no room, the one
//!   that has been silent for longest makes way.
//! * Whoever is refused is told why, with a code.

mod guard;
mod keeper;
mod listener;
mod rate;
mod traffic;
mod waiting;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam::channel::Sender;
use mio::{Poll, Waker};

use crate::access::Principal;
use crate::limits::Limits;
use crate::session::{Seat, SocketError, Stream};
use crate::subscription::Subscriptions;
pub use guard::{Asked, Guard, GuardError};
use keeper::{Keeper, WAKER};
use listener::Listener;
pub(crate) use rate::Rate;
use ringfence_codec::Address;
use ringfence_codec::wire::{ClientHello, RequestDecoder};
use ringfence_node::{History, Poller};
pub use traffic::Traffic;

/// A connection that has said its hello and may come in.
#[derive(Debug)]
pub struct Admitted {
    /// The connection; it is registered nowhere.
    pub stream: Stream,
    /// What came behind the hello.
    pub decoder: RequestDecoder,
    /// What it said.
    pub hello: ClientHello,
    /// Who it is.
    pub principal: Arc<Principal>,
    pub(crate) seat: Seat,
}

/// Where admitted connections go.
#[derive(Debug)]
pub(crate) struct Inside {
    /// Those that send commands.
    pub(crate) sessions: Sender<Admitted>,
    /// What the thread that takes them sleeps on.
    pub(crate) poller: Arc<Poller>,
    /// Those that follow what happens; `None`: there is nothing to follow.
    pub(crate) subscriptions: Option<Arc<Subscriptions>>,
}

/// The listeners of an engine, and the thread that keeps them.
#[derive(Debug)]
pub struct Door {
    addresses: Vec<String>,
    limits: Limits,
    shared: Arc<Shared>,
    /// Until the thread starts.
    closed: Option<(Poll, Vec<Listener>, Guard)>,
    thread: Option<JoinHandle<()>>,
}

/// What the door's thread shares with those who stop it.
#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    waker: Arc<Waker>,
    traffic: Arc<Traffic>,
}

impl Door {
    /// Checks of `addresses` what can be checked before a data directory is made.
    ///
    /// # Errors
    ///
    /// If the path of a Unix socket is longer than the system allows, or an address can be reached
    /// from other machines and `guard` lacks what that needs.
    pub fn check(addresses: &[Address], guard: &Guard) -> Result<(), SocketError> {
        addresses.iter().try_for_each(|address| Listener::check(address, guard))
    }

    /// Listens at `addresses`; files of Unix sockets get the rights `socket_mode`. Connections wait
    /// until the pipeline runs.
    ///
    /// # Errors
    ///
    /// If one of them cannot be listened at: it is in use, or a file stands in the way; or if it can
    /// be reached from other machines and `guard` lacks what that needs.
    pub fn open(
        addresses: &[Address],
        socket_mode: u32,
        limits: Limits,
        guard: Guard,
    ) -> Result<Door, SocketError> {
        let poll = Poll::new().map_err(failed)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(failed)?);
        let mut listeners = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            let mut listener = Listener::bind(address, socket_mode, &guard)?;
            listener.register(poll.registry(), keeper::token_of(index)).map_err(failed)?;
            listeners.push(listener);
        }
        Ok(Door {
            addresses: listeners.iter().map(Listener::address).collect(),
            limits,
            shared: Arc::new(Shared {
                stop: AtomicBool::new(false),
                waker,
                traffic: Arc::new(Traffic::new()),
            }),
            closed: Some((poll, listeners, guard)),
            thread: None,
        })
    }

    /// Where it listens, as clients name it.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        self.addresses.iter().map(String::as_str)
    }

    /// What it counts.
    #[must_use]
    pub fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.shared.traffic)
    }

    /// How much clients may take.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Starts the thread that lets connections in.
    pub(crate) fn start(&mut self, history: History, inside: Inside) -> Result<(), SocketError> {
        let (poll, listeners, guard) = self.closed.take().expect("a door is started once");
        let shared = Arc::clone(&self.shared);
        let keeper = Keeper::new(poll, listeners, guard, shared, self.limits, history, inside);
        let named = thread::Builder::new().name("ringfence-door".to_owned());
        self.thread = Some(named.spawn(move || keeper.run()).map_err(failed)?);
        Ok(())
    }

    /// Lets nobody in from now on.
    pub(crate) fn stop(&self) {
        // Relaxed: the flag carries nothing but itself.
        if !self.shared.stop.swap(true, Ordering::Relaxed) {
            // It fails only where the thread is gone.
            drop(self.shared.waker.wake());
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop();
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

fn failed(error: io::Error) -> SocketError {
    SocketError { operation: "polling", address: "sockets".to_owned(), error }
}
