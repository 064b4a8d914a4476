//! A socket over TLS that never blocks.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use mio::net::TcpStream;
use rustls::ClientConnection;

use super::Tls;
use super::incoming::Incoming;

/// A socket over TLS that never blocks, unless what it was made of does. The handshake goes on with
/// each call.
#[derive(Debug)]
pub struct TlsSocket {
    pub(crate) tcp: TcpStream,
    connection: ClientConnection,
    incoming: Incoming,
}

impl TlsSocket {
    /// Speaks TLS with the engine at `host_and_port`, over a connection to it. One that blocks
    /// makes the calls of this block too.
    ///
    /// # Errors
    ///
    /// If the engine's name is none that a certificate can have.
    pub fn over(
        stream: std::net::TcpStream,
        host_and_port: &str,
        tls: &Tls,
    ) -> io::Result<TlsSocket> {
        TlsSocket::new(TcpStream::from_std(stream), host_and_port, tls)
    }

    /// Whether records were made that the socket has not taken yet: `flush` sends them once there
    /// is room.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        self.connection.wants_write()
    }

    pub(crate) fn new(tcp: TcpStream, host_and_port: &str, tls: &Tls) -> io::Result<TlsSocket> {
        let name = tls.server_name(host_and_port)?;
        let connection = ClientConnection::new(tls.config(), name).map_err(io::Error::other)?;
        Ok(TlsSocket { tcp, connection, incoming: Incoming::default() })
    }

    /// Sends the records that were made, as far as the socket takes them.
    fn send_records(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut self.tcp) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl AsFd for TlsSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}

impl Read for TlsSocket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A message that was cut off is seen by its length.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            if self.incoming.is_empty() {
                self.incoming.read_from(&mut self.tcp)?;
            }
            let decrypted = self.incoming.decrypt(&mut self.connection);
            // The answer of a handshake, or an alert that says what is wrong.
            self.send_records()?;
            decrypted?;
        }
    }
}

impl Write for TlsSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.connection.writer().write(bytes)?;
        self.send_records()?;
        if count == 0 && !bytes.is_empty() {
            // As much waits for the socket as may.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_records()
    }
}
