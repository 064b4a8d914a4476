//! The socket of a session, with errors that name the other end.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Address, ClientError};
use ringfence_codec::wire::{ServerError, Violation, encode_heartbeat};

/// How often the engine is told that somebody is there.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);

/// What both halves share.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) address: Address,
    /// Held by who writes: a sign of life does not come in the middle of a batch.
    writing: Mutex<()>,
}

impl Connection {
    pub(super) fn open(address: &Address) -> Result<Connection, ClientError> {
        match Stream::connect(address) {
            Ok(stream) => {
                Ok(Connection { stream, address: address.clone(), writing: Mutex::new(()) })
            }
            Err(source) => {
                let (operation, address) = ("connecting to", address.clone());
                Err(ClientError::Io { operation, address, source })
            }
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
        ClientError::Io { operation, address: self.address.clone(), source }
    }

    pub(super) fn refused(&self, error: ServerError) -> ClientError {
        ClientError::Refused { address: self.address.clone(), error }
    }

    pub(super) fn violated(&self, violation: Violation) -> ClientError {
        ClientError::Protocol { address: self.address.clone(), violation }
    }
}

#[derive(Debug)]
pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    pub(super) fn connect(address: &Address) -> io::Result<Stream> {
        match address {
            Address::Unix(path) => UnixStream::connect(path).map(Stream::Unix),
            Address::Tcp(host_and_port) => {
                let stream = TcpStream::connect(host_and_port.as_str())?;
                // Batches are gathered here; waiting for more in the kernel only delays them.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }

    pub(super) fn set_read_timeout(&self, longest: Duration) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.set_read_timeout(Some(longest)),
            Stream::Tcp(stream) => stream.set_read_timeout(Some(longest)),
        }
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.shutdown(how),
            Stream::Tcp(stream) => stream.shutdown(how),
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
