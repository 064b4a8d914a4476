//! TLS: what comes in encrypted reaches the engine in clear, over a pair of Unix sockets.
//!
//! ```text
//!            ┌── handshakes ──▶ relay ──┐
//!   client ──┴──────── TCP ─────────────┴── pair of sockets ──▶ door, gateway, publish
//! ```
//!
//! Two threads serve all connections: one does handshakes, so that a storm of them does not hold up
//! those who are in; the other passes on what comes and goes, in pieces of up to 256 KiB.
//!
//! # Invariants
//!
//! * Nothing reaches the inside before the handshake is done, and with it is known which certificate
//!   the client has shown.
//! * A handshake has a time. A connection that the inside has ended is gone a moment later, whether
//!   its client reads and closes or not.
//! * A side that does not read is not read for: at most [`CONNECTION_BYTES_MAX`] bytes wait in a
//!   connection, beside what the system's sockets hold.
//! * The end of what one side sends is passed on; the other direction goes on.
//! * TLS 1.3 alone is spoken, without resumption: no connection stands on a certificate that was
//!   checked earlier than its own handshake.

mod config;
mod connection;
mod identity;
mod worker;

pub use config::{TlsError, TlsFiles};
pub use connection::CONNECTION_BYTES_MAX;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::{TcpStream, UnixStream};
use rustls::{ServerConfig, ServerConnection};

use crate::access::PeerCertificate;
use connection::Connection;
use worker::{Inbox, Worker};

/// How long the threads wait at the end for connections that are still open.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// What a handshake has shown of a client.
#[derive(Debug, Default)]
pub struct Handshake {
    certificate: OnceLock<Option<PeerCertificate>>,
}

impl Handshake {
    /// The certificate of the client, if it has shown one. It is there before the first byte that
    /// the client has sent.
    #[must_use]
    pub fn certificate(&self) -> Option<&PeerCertificate> {
        self.certificate.get()?.as_ref()
    }
}

/// Accepts clients that speak TLS.
#[derive(Debug)]
pub struct TlsAcceptor {
    config: Mutex<Arc<ServerConfig>>,
    handshake_timeout: Duration,
    connections_max: u32,
    shared: Arc<Shared>,
    handshakes: Inbox,
    /// The relay is told to stop once there are no more handshakes.
    relay: Inbox,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads and those who stop them share.
#[derive(Debug, Default)]
struct Shared {
    /// Connections that there are.
    count: AtomicU32,
    stop: AtomicBool,
    /// When the threads end even if there are connections.
    deadline: OnceLock<Instant>,
}

/// One connection, as it is counted.
#[derive(Debug)]
struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        // Relaxed: the number stands for itself.
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl TlsAcceptor {
    /// Starts the threads, for at most `connections_max` connections at a time.
    ///
    /// # Errors
    ///
    /// If the system refuses a thread or what one sleeps on.
    pub fn new(
        config: Arc<ServerConfig>,
        handshake_timeout: Duration,
        connections_max: u32,
    ) -> io::Result<TlsAcceptor> {
        let shared = Arc::new(Shared::default());
        let (relay, relay_inbox) = Worker::new(Arc::clone(&shared), None)?;
        let next = Some(relay_inbox.clone());
        let (handshakes, handshakes_inbox) = Worker::new(Arc::clone(&shared), next)?;
        let mut acceptor = TlsAcceptor {
            config: Mutex::new(config),
            handshake_timeout,
            connections_max,
            shared,
            handshakes: handshakes_inbox,
            relay: relay_inbox,
            threads: Vec::new(),
        };
        for (name, worker) in [("ringfence-tls", relay), ("ringfence-hands", handshakes)] {
            let named = std::thread::Builder::new().name(name.to_owned());
            acceptor.threads.push(named.spawn(move || worker.run())?);
        }
        Ok(acceptor)
    }

    /// Connections from now on get `config`.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// Takes over a connection of `peer`: gives the end at which it is read and written in clear, and
    /// what its handshake, which has yet to happen, has shown.
    ///
    /// # Errors
    ///
    /// If there are too many connections, or the system has no descriptors for one more.
    pub fn accept(
        &self,
        stream: TcpStream,
        peer: Arc<str>,
    ) -> io::Result<(UnixStream, Arc<Handshake>)> {
        // Relaxed: the number stands for itself, and only this adds to it.
        let count = self.shared.count.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(Arc::clone(&self.shared));
        if count >= self.connections_max {
            return Err(io::Error::other(format!("{count} TLS connections are open")));
        }
        let config = Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner));
        let tls = ServerConnection::new(config).map_err(io::Error::other)?;
        let (inside, outside) = UnixStream::pair()?;
        let handshake = Arc::new(Handshake::default());
        let deadline = Instant::now() + self.handshake_timeout;
        let shown = Arc::clone(&handshake);
        let connection = Connection::new(stream, outside, tls, peer, shown, deadline, counted);
        self.handshakes.put(connection);
        Ok((inside, handshake))
    }
}

impl Drop for TlsAcceptor {
    fn drop(&mut self) {
        self.shared.deadline.set(Instant::now() + DRAIN_MAX).expect("it ends once");
        // Release: pairs with the Acquire of the threads, which then find the deadline.
        self.shared.stop.store(true, Ordering::Release);
        self.handshakes.wake();
        self.relay.wake();
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join()
                && !std::thread::panicking()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

#[cfg(test)]
mod tests;
