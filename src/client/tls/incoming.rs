//! What was read from a socket and not yet decrypted.

use std::io::{self, Read};

use rustls::ClientConnection;

/// Bytes that are read at a time: several records of TLS, which have little more than 16 KiB each.
/// The connection itself would read 4 KiB with each system call.
const READ_BYTES: usize = 64 * 1024;

/// What was read and not yet decrypted.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// Has its length when it is read into for the first time.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Incoming {
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Reads once, when everything is decrypted that was read before; how many bytes.
    pub fn read_from(&mut self, mut socket: impl Read) -> io::Result<usize> {
        debug_assert!(self.is_empty(), "it is decrypted first");
        self.bytes.resize(READ_BYTES, 0);
        (self.start, self.end) = (0, 0);
        self.end = socket.read(&mut self.bytes)?;
        Ok(self.end)
    }

    /// Has `connection` decrypt some of it; it learns of the end of the stream where there is
    /// nothing.
    ///
    /// # Errors
    ///
    /// What of it is no TLS, or not what was agreed on.
    pub fn decrypt(&mut self, connection: &mut ClientConnection) -> io::Result<()> {
        let mut rest = &self.bytes[self.start..self.end];
        self.start += connection.read_tls(&mut rest)?;
        let processed = connection.process_new_packets();
        processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(())
    }
}
