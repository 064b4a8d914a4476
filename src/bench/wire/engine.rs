//! An engine that is started for a load, with its socket in its directory.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ringfence_codec::Address;
use ringfence_node::{Node, NodeError};
use ringfence_server::session::SocketError;
use ringfence_server::subscription::{self, SubscriptionError, Subscriptions};
use ringfence_server::{Asked, Door, Guard, GuardError, Limits, Setup};

/// Rights of the socket: only for who started it.
const SOCKET_MODE: u32 = 0o600;
/// The bench has one subscriber at most.
const SUBSCRIPTIONS_MAX: usize = 1;
/// As `ringfence run` has it.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why an engine cannot be started, or has failed.
#[derive(Debug, thiserror::Error)]
pub enum ServedError {
    /// The node.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Its socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Its door.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// Its subscriptions.
    #[error(transparent)]
    Subscription(#[from] SubscriptionError),
    /// Its thread.
    #[error("starting a thread for the engine: {0}")]
    Thread(std::io::Error),
}

/// An engine that serves on a thread of this process.
pub(super) struct Served {
    address: Address,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Node, NodeError>>>,
}

/// Where an engine with this directory listens.
pub(super) fn address(data_dir: &Path) -> Address {
    Address::Unix(data_dir.join("ringfence.sock"))
}

impl Served {
    /// Serves `node`, whose options have their own flag to stop it, at a socket in `data_dir`.
    pub(super) fn start(
        node: Node,
        stop: Arc<AtomicBool>,
        data_dir: &Path,
    ) -> Result<Served, ServedError> {
        let address = address(data_dir);
        let limits = Limits::default();
        let guard = Guard::new(Asked {
            access: None,
            tls: None,
            handshake_timeout: HANDSHAKE_TIMEOUT,
            connections: limits.connections,
            reload: Arc::default(),
        })?;
        let listen = [address.clone()];
        Door::check(&listen, &guard)?;
        let door = Door::open(&listen, SOCKET_MODE, limits, guard)?;
        let (history, log, recent) = (node.history(), node.outcome_log(), node.recent());
        let outcome_log = log.as_ref().map(|_| data_dir.to_owned());
        let subscriptions = log.map(|gauges| {
            let settings = subscription::Settings {
                data_dir: data_dir.to_owned(),
                key: None,
                recent,
                history,
                gauges,
                subscriptions: SUBSCRIPTIONS_MAX,
                idle_timeout: limits.idle_timeout,
            };
            Subscriptions::open(settings).map(Arc::new)
        });
        let subscriptions = subscriptions.transpose()?;
        let stop_asked = Arc::clone(&stop);
        let setup = Setup { history, outcome_log, subscriptions, stop: stop_asked };
        let (source, sink) = ringfence_server::open(door, setup)?;
        let named = thread::Builder::new().name("ringfence-engine".to_owned());
        let run = move || node.run(source, sink).map(|ran| ran.node);
        let thread = named.spawn(run).map_err(ServedError::Thread)?;
        Ok(Served { address, stop, thread: Some(thread) })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Stops it and gives the node back.
    pub(super) fn stop(mut self) -> Result<Node, ServedError> {
        Ok(self.end().expect("it is stopped once")?)
    }

    fn end(&mut self) -> Option<Result<Node, NodeError>> {
        // Relaxed: the flag carries nothing but itself.
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take()?;
        Some(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Why the load failed was said; the engine's own reason would be the second.
        drop(self.end());
    }
}
