//! A blocking stream that one thread reads while another writes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::ClientConnection;

use super::Tls;
use super::incoming::Incoming;

/// A blocking stream over TLS. No lock of the connection is held while a system call waits.
#[derive(Debug)]
pub(crate) struct TlsStream {
    pub tcp: TcpStream,
    connection: Mutex<ClientConnection>,
    /// Held by who reads.
    incoming: Mutex<Incoming>,
    /// Held by who writes, so that records leave in the order in which they were made.
    outgoing: Mutex<Vec<u8>>,
}

/// Whoever panicked left a connection that the next call ends with an error.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TlsStream {
    /// Does the handshake. `tcp` blocks.
    pub fn connect(mut tcp: TcpStream, host_and_port: &str, tls: &Tls) -> io::Result<TlsStream> {
        let name = tls.server_name(host_and_port)?;
        let created = ClientConnection::new(tls.config(), name);
        let mut connection = created.map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp)?;
        }
        Ok(TlsStream {
            tcp,
            connection: Mutex::new(connection),
            incoming: Mutex::default(),
            outgoing: Mutex::new(Vec::new()),
        })
    }

    /// Tells the other end that nothing more comes.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how == Shutdown::Write {
            let mut outgoing = lock(&self.outgoing);
            lock(&self.connection).send_close_notify();
            self.send_records(&mut outgoing)?;
        }
        self.tcp.shutdown(how)
    }

    /// Sends the records that the connection has made.
    fn send_records(&self, outgoing: &mut Vec<u8>) -> io::Result<()> {
        outgoing.clear();
        let mut connection = lock(&self.connection);
        while connection.wants_write() {
            connection.write_tls(outgoing)?;
        }
        drop(connection);
        (&self.tcp).write_all(outgoing)
    }
}

impl Read for &TlsStream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut incoming = lock(&self.incoming);
        loop {
            match lock(&self.connection).reader().read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            if incoming.is_empty() && incoming.read_from(&self.tcp)? == 0 {
                // A message that was cut off is seen by its length.
                return Ok(0);
            }
            incoming.decrypt(&mut lock(&self.connection))?;
        }
    }
}

impl Write for &TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut outgoing = lock(&self.outgoing);
        let count = lock(&self.connection).writer().write(bytes)?;
        self.send_records(&mut outgoing)?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
