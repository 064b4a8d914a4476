//! Accepts peers, and greets them.

use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use ringfence_bridge_core::Failure;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinSet};

use crate::endpoint::Endpoint;
use crate::wire::greet;

/// Peers of a socket at most.
const PEERS_MAX: usize = 1024;
/// How long a peer may take to say who it is.
const GREETING_TIME_MAX: Duration = Duration::from_secs(10);
/// How long nothing is accepted after the system had no room for another peer.
const NO_ROOM: Duration = Duration::from_millis(100);

/// What a peer is connected by.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The type of a socket, and of those that it is of use for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub name: &'static str,
    pub partners: &'static [&'static str],
}

/// A socket that is bound. Dropping it ends all its connections.
#[derive(Debug)]
pub(crate) struct Listener(AbortHandle);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

enum Bound {
    Tcp(TcpListener),
    Ipc(UnixListener),
}

impl Bound {
    async fn to(endpoint: &Endpoint) -> std::io::Result<Bound> {
        match endpoint {
            Endpoint::Tcp(address) => Ok(Bound::Tcp(TcpListener::bind(address).await?)),
            Endpoint::Ipc(path) => {
                // What an earlier bridge has left: nobody can connect to it any more.
                if std::os::unix::net::UnixStream::connect(path)
                    .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
                {
                    std::fs::remove_file(path)?;
                }
                let listener = UnixListener::bind(path)?;
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
                Ok(Bound::Ipc(listener))
            }
        }
    }

    async fn accept(&self) -> std::io::Result<Box<dyn Stream>> {
        match self {
            Bound::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Bound::Ipc(listener) => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

impl Listener {
    /// Binds a socket and calls `serve` with each peer that comes in.
    pub async fn bind<F: Future<Output = ()> + Send + 'static>(
        endpoint: &Endpoint,
        kind: Kind,
        serve: impl Fn(Box<dyn Stream>) -> F + Clone + Send + Sync + 'static,
    ) -> Result<Listener, Failure> {
        let bound = Bound::to(endpoint).await;
        let bound =
            bound.map_err(|error| Failure::retry(format!("binding {endpoint}: {error}")))?;
        tracing::info!("{} is bound to {endpoint}", kind.name);
        let task = tokio::spawn(accept(bound, kind, serve));
        Ok(Listener(task.abort_handle()))
    }
}

/// Accepts peers until it is dropped, and with it all of them.
async fn accept<F: Future<Output = ()> + Send + 'static>(
    bound: Bound,
    kind: Kind,
    serve: impl Fn(Box<dyn Stream>) -> F + Clone + Send + Sync + 'static,
) {
    let mut peers = JoinSet::new();
    let room = Arc::new(Semaphore::new(PEERS_MAX));
    loop {
        // Further peers wait with the system until one of them leaves.
        let place = Arc::clone(&room).acquire_owned().await.expect("it is never closed");
        tokio::select! {
            accepted = bound.accept() => match accepted {
                Ok(stream) => {
                    peers.spawn(come_in(stream, kind, serve.clone(), place));
                }
                Err(error) => {
                    tracing::warn!("{}: {error}", kind.name);
                    tokio::time::sleep(NO_ROOM).await;
                }
            },
            Some(_) = peers.join_next() => {}
        }
    }
}

async fn come_in<F: Future<Output = ()> + Send + 'static>(
    mut stream: Box<dyn Stream>,
    kind: Kind,
    serve: impl Fn(Box<dyn Stream>) -> F,
    _place: OwnedSemaphorePermit,
) {
    let greeting = greet(&mut stream, kind.name, kind.partners);
    match tokio::time::timeout(GREETING_TIME_MAX, greeting).await {
        Ok(Ok(())) => serve(stream).await,
        Ok(Err(error)) => tracing::warn!("{}: a peer is sent away: {error}", kind.name),
        Err(_) => tracing::warn!("{}: a peer does not say who it is", kind.name),
    }
}
