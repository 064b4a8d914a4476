//! Where connections come in.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixStream as BlockingUnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mio::event::Source as _;
use mio::net::{TcpListener, UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::guard::Guard;
use crate::session::{SocketError, Stream};
use crate::tls::Handshake;
use ringfence_codec::Address;

/// Connections that may wait to be accepted: as many as the system allows, which cuts it down.
const BACKLOG: i32 = i32::MAX;

/// Who is at the other end, as far as the system tells.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// For people to read.
    pub(crate) name: Arc<str>,
    /// The user, of a Unix socket.
    pub(crate) user: Option<u32>,
    /// What the handshake of TLS has shown, once it is done.
    pub(crate) handshake: Option<Arc<Handshake>>,
}

/// Where connections come in.
#[derive(Debug)]
pub(crate) enum Listener {
    /// Its file is removed when it is dropped.
    Unix(UnixListener, PathBuf),
    Tcp(TcpListener),
}

impl Listener {
    /// Listens at `address`; the file of a Unix socket gets `socket_mode`. A socket file that a dead
    /// engine left is replaced; one behind which somebody listens, or a file of another kind, is an
    /// error.
    pub(crate) fn bind(
        address: &Address,
        socket_mode: u32,
        guard: &Guard,
    ) -> Result<Listener, SocketError> {
        let bound = match address {
            Address::Unix(path) => make_way(path)
                .and_then(|()| bind_unix(path, socket_mode))
                .map(|listener| Listener::Unix(listener, path.clone())),
            Address::Tcp(host_and_port) => bind_tcp(host_and_port, guard).map(Listener::Tcp),
        };
        bound.map_err(|error| SocketError {
            operation: "listening at",
            address: address.to_string(),
            error,
        })
    }

    /// Checks what can be checked of `address` before anything is made there.
    pub(crate) fn check(address: &Address, guard: &Guard) -> Result<(), SocketError> {
        let checked = match address {
            Address::Unix(path) => SocketAddr::from_pathname(path).map(drop),
            Address::Tcp(_) => guard.check(address),
        };
        checked.map_err(|error| SocketError {
            operation: "listening at",
            address: address.to_string(),
            error,
        })
    }

    /// Where it listens, the port that the system chose included.
    pub(crate) fn address(&self) -> String {
        match self {
            Listener::Unix(_, path) => format!("unix:{}", path.display()),
            Listener::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|_| "tcp".to_owned(), |address| address.to_string()),
        }
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Listener::Unix(listener, _) => listener.register(registry, token, Interest::READABLE),
            Listener::Tcp(listener) => listener.register(registry, token, Interest::READABLE),
        }
    }

    /// The next connection that waits, if one does.
    pub(crate) fn accept(&self) -> io::Result<Option<(Stream, Peer)>> {
        let accepted = match self {
            Listener::Unix(listener, _) => listener.accept().map(|(stream, _)| {
                let peer = Peer::of_unix(&stream);
                (Stream::Unix(stream), peer)
            }),
            Listener::Tcp(listener) => listener.accept().map(|(stream, address)| {
                // Answers are gathered here; waiting for more in the kernel only delays them.
                drop(stream.set_nodelay(true));
                (Stream::Tcp(stream), Peer::of(address.to_string(), None))
            }),
        };
        match accepted {
            Ok(accepted) => Ok(Some(accepted)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Peer {
    fn of(name: impl Into<Arc<str>>, user: Option<u32>) -> Peer {
        Peer { name: name.into(), user, handshake: None }
    }

    fn of_unix(stream: &UnixStream) -> Peer {
        match rustix::net::sockopt::socket_peercred(stream) {
            Ok(credentials) => {
                let (user, process) = (credentials.uid.as_raw(), credentials.pid);
                let name = format!("user {user}, process {}", process.as_raw_nonzero());
                Peer::of(name, Some(user))
            }
            Err(_) => Peer::of("a user that the system does not name", None),
        }
    }
}

/// A Unix socket whose file never has more rights than `mode`, not even for a moment.
fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // The file is made with the rights of the socket, less those that the process's mask takes.
    rustix::fs::fchmod(&socket, Mode::from_raw_mode(mode))?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(UnixListener::from_std(socket.into()))
}

fn bind_tcp(host_and_port: &str, guard: &Guard) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(host_and_port)?;
    // What the name stood for when it was checked may have changed.
    guard.check_resolved(listener.local_addr()?)?;
    // The library asks for few; asking again is allowed.
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    Ok(TcpListener::from_std(listener))
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Listener::Unix(_, path) = self {
            // Where it cannot be removed the next engine replaces it.
            drop(fs::remove_file(path));
        }
    }
}

/// Removes the socket file of an engine that is no more.
fn make_way(path: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a file is there that is no socket",
        ));
    }
    match BlockingUnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another engine listens there")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}
