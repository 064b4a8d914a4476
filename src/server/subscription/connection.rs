//! One subscriber's socket, which never blocks: what it owes, and what it has heard.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use super::End;
use crate::session::Stream;
use ringfence_codec::wire::{ClientMessage, ErrorCode, RequestDecoder, encode_error};

/// Reads of one turn at most, so that one who talks without end holds up nobody's writing.
const READS_MAX: usize = 16;

/// The socket of a subscriber.
pub(super) struct Connection {
    stream: Stream,
    decoder: RequestDecoder,
    /// What is to be sent; up to `sent` it was.
    pub out: Vec<u8>,
    sent: usize,
    /// When the peer last said something.
    heard: Instant,
    /// When it last took something, or was owed nothing.
    took: Instant,
    idle_timeout: Duration,
}

impl Connection {
    pub fn new(stream: Stream, decoder: RequestDecoder, idle_timeout: Duration) -> Connection {
        let (heard, took) = (Instant::now(), Instant::now());
        Connection { stream, decoder, out: Vec::new(), sent: 0, heard, took, idle_timeout }
    }

    /// Reads what has come, and gives each message to `take`.
    pub fn read(
        &mut self,
        mut take: impl FnMut(ClientMessage<'_>) -> Result<(), End>,
    ) -> Result<(), End> {
        for _ in 0..READS_MAX {
            while let Some(message) = self.decoder.next_message().map_err(End::violated)? {
                take(message)?;
            }
            match (&self.stream).read(self.decoder.frames().spare()) {
                Ok(0) => return Err(End::Closed),
                Ok(count) => {
                    self.decoder.frames().advance(count);
                    self.heard = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Err(End::Closed),
            }
        }
        match self.heard.elapsed() >= self.idle_timeout {
            true => Err(End::error(ErrorCode::IdleTimeout, 0, "silent for too long")),
            false => Ok(()),
        }
    }

    /// Sends what it takes now; whether all of it is sent.
    pub fn write(&mut self) -> Result<bool, End> {
        while self.sent < self.out.len() {
            match (&self.stream).write(&self.out[self.sent..]) {
                Ok(0) => return Err(End::Closed),
                Ok(count) => {
                    self.sent += count;
                    self.took = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return match self.took.elapsed() >= self.idle_timeout {
                        true => Err(End::error(ErrorCode::NotReading, 0, "takes nothing")),
                        false => Ok(false),
                    };
                }
                Err(_) => return Err(End::Closed),
            }
        }
        self.out.clear();
        self.sent = 0;
        self.took = Instant::now();
        Ok(true)
    }

    /// Says why it ends, as far as that is taken within `longest`, and ends it.
    pub fn end(mut self, code: ErrorCode, value: u64, text: &str, longest: Duration) {
        encode_error(code, value, text, &mut self.out);
        let begin = Instant::now();
        while matches!(self.write(), Ok(false)) && begin.elapsed() < longest {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.stream.shut_down();
    }

    /// Ends it.
    pub fn shut_down(&self) {
        self.stream.shut_down();
    }
}
