//! Sockets of both kinds, behind one type.

use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{SocketAddr, UnixStream as BlockingUnixStream};
use std::path::{Path, PathBuf};

use mio::event::Source as _;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use mio::{Interest, Registry, Token};

use super::SocketError;
use ringfence_codec::Address;

/// A connection that never blocks.
#[derive(Debug)]
pub enum Stream {
    /// Over a Unix socket.
    Unix(UnixStream),
    /// Over TCP.
    Tcp(TcpStream),
}

impl Stream {
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            Stream::Unix(stream) => stream.register(registry, token, interest),
            Stream::Tcp(stream) => stream.register(registry, token, interest),
        }
    }

    /// Ends the connection in both directions.
    pub fn shut_down(&self) {
        // One that the peer has ended already is ended all the same.
        drop(match self {
            Stream::Unix(stream) => stream.shutdown(Shutdown::Both),
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Both),
        });
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Stream::Unix(stream) => stream.as_raw_fd(),
            Stream::Tcp(stream) => stream.as_raw_fd(),
        }
    }
}

impl Read for &Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => (&*stream).read(bytes),
            Stream::Tcp(stream) => (&*stream).read(bytes),
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => (&*stream).write(bytes),
            Stream::Tcp(stream) => (&*stream).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where connections come in.
#[derive(Debug)]
pub(crate) enum Listener {
    /// Its file is removed when it is dropped.
    Unix(UnixListener, PathBuf),
    Tcp(TcpListener),
}

impl Listener {
    /// Listens at `address`. A socket file that a dead engine left is replaced; one behind which
    /// somebody listens, or a file of another kind, is an error.
    pub(crate) fn bind(address: &Address) -> Result<Listener, SocketError> {
        let bound = match address {
            Address::Unix(path) => make_way(path)
                .and_then(|()| UnixListener::bind(path))
                .map(|listener| Listener::Unix(listener, path.clone())),
            Address::Tcp(host_and_port) => std::net::TcpListener::bind(host_and_port.as_str())
                .and_then(|listener| {
                    listener.set_nonblocking(true)?;
                    Ok(Listener::Tcp(TcpListener::from_std(listener)))
                }),
        };
        bound.map_err(|error| SocketError {
            operation: "listening at",
            address: address.to_string(),
            error,
        })
    }

    /// Checks what can be checked of `address` before anything is made there.
    pub(crate) fn check(address: &Address) -> Result<(), SocketError> {
        let Address::Unix(path) = address else { return Ok(()) };
        SocketAddr::from_pathname(path).map(drop).map_err(|error| SocketError {
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
    pub(crate) fn accept(&self) -> io::Result<Option<Stream>> {
        let accepted = match self {
            Listener::Unix(listener, _) => {
                listener.accept().map(|(stream, _)| Stream::Unix(stream))
            }
            Listener::Tcp(listener) => listener.accept().map(|(stream, _)| {
                // Answers are gathered here; waiting for more in the kernel only delays them.
                drop(stream.set_nodelay(true));
                Stream::Tcp(stream)
            }),
        };
        match accepted {
            Ok(stream) => Ok(Some(stream)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
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
