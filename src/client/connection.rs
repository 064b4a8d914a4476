//! The socket of a session, with errors that name the other end.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::tls::{self, Tls};
use super::{Address, ClientError};
#[cfg(feature = "tls")]
use crate::tls::TlsStream;
use ringfence_codec::wire::{ServerError, Violation, encode_heartbeat};

/// How often the engine is told that somebody is there.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long one step of a TLS handshake may take.
#[cfg(feature = "tls")]
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// What both halves share.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) address: Address,
    /// Held by who writes: a sign of life does not come in the middle of a batch.
    writing: Mutex<()>,
}

impl Connection {
    pub(super) fn open(address: &Address, tls: Option<&Tls>) -> Result<Connection, ClientError> {
        match Stream::connect(address, tls) {
            Ok(stream) => {
                Ok(Connection { stream, address: address.clone(), writing: Mutex::new(()) })
            }
            Err(source) => Err(io_error("connecting to", address, source)),
        }
    }

    /// Writes all of `bytes`.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        (&self.stream).write_all(bytes)
    }

    /// Tells the engine that somebody is there, unless something is being written anyway.
    pub(super) fn say_heartbeat(&self) {
        if let Ok(_writing) = self.writing.try_lock() {
            let mut message = Vec::new();
            encode_heartbeat(&mut message);
            // Where it fails, the next read says why.
            drop((&self.stream).write_all(&message));
        }
    }

    pub(super) fn error(&self, operation: &'static str, source: io::Error) -> ClientError {
        io_error(operation, &self.address, source)
    }

    pub(super) fn refused(&self, error: ServerError) -> ClientError {
        ClientError::Refused { address: self.address.clone(), error }
    }

    pub(super) fn violated(&self, violation: Violation) -> ClientError {
        ClientError::Protocol { address: self.address.clone(), violation }
    }
}

/// What a failed call of the operating system, or of TLS, ends a connection with.
pub(super) fn io_error(
    operation: &'static str,
    address: &Address,
    source: io::Error,
) -> ClientError {
    let address = address.clone();
    match tls::reason(&source) {
        Some(reason) => ClientError::Tls { address, reason },
        None => ClientError::Io { operation, address, source },
    }
}

#[derive(Debug)]
pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}

impl Stream {
    fn connect(address: &Address, tls: Option<&Tls>) -> io::Result<Stream> {
        match address {
            Address::Unix(path) => UnixStream::connect(path).map(Stream::Unix),
            Address::Tcp(host_and_port) => {
                Stream::secured(connect_tcp(host_and_port)?, host_and_port, tls)
            }
        }
    }

    /// A stream over `tcp`, with TLS where it is wanted.
    #[cfg(feature = "tls")]
    fn secured(tcp: TcpStream, host_and_port: &str, tls: Option<&Tls>) -> io::Result<Stream> {
        let Some(tls) = tls else { return Ok(Stream::Tcp(tcp)) };
        tcp.set_read_timeout(Some(HANDSHAKE_TIMEOUT))?;
        Ok(Stream::Tls(Box::new(TlsStream::connect(tcp, host_and_port, tls)?)))
    }

    /// A stream over `tcp`: without the feature there is no TLS.
    #[cfg(not(feature = "tls"))]
    fn secured(tcp: TcpStream, _: &str, tls: Option<&Tls>) -> io::Result<Stream> {
        match tls {
            None => Ok(Stream::Tcp(tcp)),
            Some(tls) => match *tls {},
        }
    }

    pub(super) fn set_read_timeout(&self, longest: Duration) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.set_read_timeout(Some(longest)),
            Stream::Tcp(stream) => stream.set_read_timeout(Some(longest)),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.tcp.set_read_timeout(Some(longest)),
        }
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.shutdown(how),
            Stream::Tcp(stream) => stream.shutdown(how),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.shutdown(how),
        }
    }
}

/// Connects to a host.
pub(super) fn connect_tcp(host_and_port: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(host_and_port)?;
    // Batches are gathered here; waiting for more in the kernel only delays them.
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Read for &Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => (&*stream).read(bytes),
            Stream::Tcp(stream) => (&*stream).read(bytes),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => (&**stream).read(bytes),
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => (&*stream).write(bytes),
            Stream::Tcp(stream) => (&*stream).write(bytes),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => (&**stream).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
