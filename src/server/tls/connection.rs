//! One connection: decrypts in one direction, encrypts in the other.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use rustls::ServerConnection;

use super::{Counted, Handshake, identity};

/// Bytes passed on at a time.
const PIECE_BYTES: usize = 256 * 1024;
/// What a record that was not yet whole, which waits in the connection, can add to a piece.
const RECORD_BYTES_MAX: usize = 18 * 1024;
/// Most bytes that wait in one connection: a piece in each direction, and the records and buffers of
/// TLS.
pub const CONNECTION_BYTES_MAX: usize = 2 * PIECE_BYTES + 8 * RECORD_BYTES_MAX;
/// How long a connection that the inside has ended may take to send the rest.
const LINGER: Duration = Duration::from_secs(2);

/// Memory that all connections of a thread share.
pub(super) struct Scratch {
    /// As it came from the network, or from the inside.
    piece: Box<[u8]>,
    /// Decrypted.
    clear: Vec<u8>,
}

impl Scratch {
    pub(super) fn new() -> Scratch {
        let clear = Vec::with_capacity(PIECE_BYTES + RECORD_BYTES_MAX);
        Scratch { piece: vec![0; PIECE_BYTES].into(), clear }
    }
}

/// How far one direction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// There may be more.
    Open,
    /// There is nothing more to read; what was read is still to be passed on.
    Ending,
    /// All was passed on, or nobody wants it.
    Ended,
}

/// What became of a turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is more to do now.
    More,
    /// It has to wait for one of its sockets.
    Waits,
    /// The handshake is done.
    Established,
    /// It is over.
    Over,
}

/// Why a connection breaks off.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// One connection.
pub(super) struct Connection {
    tcp: TcpStream,
    inside: UnixStream,
    tls: ServerConnection,
    pub(super) peer: Arc<str>,
    handshake: Arc<Handshake>,
    established: bool,
    /// Decrypted, but the inside had no room for it.
    stalled: VecDeque<u8>,
    inbound: Flow,
    outbound: Flow,
    tcp_readable: bool,
    tcp_closed: bool,
    inside_readable: bool,
    inside_closed: bool,
    /// Nobody is inside any more: what comes from the client is thrown away.
    abandoned: bool,
    /// When it is over at the latest.
    pub(super) deadline: Option<Instant>,
    _counted: Counted,
}

impl Connection {
    pub(super) fn new(
        tcp: TcpStream,
        inside: UnixStream,
        mut tls: ServerConnection,
        peer: Arc<str>,
        handshake: Arc<Handshake>,
        deadline: Instant,
        counted: Counted,
    ) -> Connection {
        // What waits is bounded here: a piece is read only once the one before has left.
        tls.set_buffer_limit(None);
        Connection {
            tcp,
            inside,
            tls,
            peer,
            handshake,
            established: false,
            stalled: VecDeque::new(),
            inbound: Flow::Open,
            outbound: Flow::Open,
            tcp_readable: true,
            tcp_closed: false,
            inside_readable: true,
            inside_closed: false,
            abandoned: false,
            deadline: Some(deadline),
            _counted: counted,
        }
    }

    pub(super) fn register(
        &mut self,
        registry: &Registry,
        tcp: Token,
        inside: Token,
    ) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut self.tcp, tcp, interest)?;
        registry.register(&mut self.inside, inside, interest)?;
        // What has come while nobody polled is looked for.
        (self.tcp_readable, self.inside_readable) = (true, true);
        Ok(())
    }

    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut self.tcp)?;
        registry.deregister(&mut self.inside)
    }

    /// The client's socket may have something to read, or nothing more for ever.
    pub(super) fn tcp_is_readable(&mut self, closed: bool) {
        self.tcp_readable = true;
        self.tcp_closed |= closed;
    }

    /// The inside may have something to read, or nothing more for ever.
    pub(super) fn inside_is_readable(&mut self, closed: bool) {
        self.inside_readable = true;
        self.inside_closed |= closed;
    }

    /// The inside neither reads nor writes any more.
    pub(super) fn inside_is_gone(&mut self, now: Instant) {
        if !self.abandoned {
            self.abandoned = true;
            self.stalled = VecDeque::new();
            self.deadline = Some(now + LINGER);
        }
    }

    pub(super) fn is_established(&self) -> bool {
        self.established
    }

    /// Passes on a piece in each direction.
    pub(super) fn turn(&mut self, scratch: &mut Scratch) -> Result<Turn, Broken> {
        if self.abandoned && !self.established {
            return Ok(Turn::Over);
        }
        let was_established = self.established;
        let mut more = self.take_in(scratch)?;
        more |= self.send(scratch)?;
        if !was_established && self.established {
            self.deadline = None;
            return Ok(Turn::Established);
        }
        Ok(match (self.inbound, self.outbound) {
            (Flow::Ended, Flow::Ended) => Turn::Over,
            _ if more => Turn::More,
            _ => Turn::Waits,
        })
    }

    /// Tells the client why the connection breaks off, as far as there is room for it.
    pub(super) fn break_off(&mut self) {
        // A client that is gone need not be told.
        drop(self.tls.write_tls(&mut self.tcp));
    }

    /// From the client to the inside; whether there is more to do at once.
    fn take_in(&mut self, scratch: &mut Scratch) -> Result<bool, Broken> {
        if !self.pass_on_stalled() {
            return Ok(false);
        }
        if self.inbound == Flow::Open && self.tcp_readable {
            let count = match self.tcp.read(&mut scratch.piece) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.tcp_readable = false;
                    return Ok(false);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
                Err(error) => return Err(error.into()),
            };
            // What comes later is told by the poller, but not an end that was told already.
            self.tcp_readable = count == scratch.piece.len() || self.tcp_closed;
            if count == 0 {
                self.inbound = Flow::Ending;
            } else if !self.abandoned {
                self.decrypt(count, scratch)?;
                self.pass_on(&scratch.clear);
            }
        }
        if self.inbound == Flow::Ending && self.stalled.is_empty() {
            // Where nobody is inside any more there is nobody to tell.
            drop(self.inside.shutdown(Shutdown::Write));
            self.inbound = Flow::Ended;
        }
        Ok(self.inbound == Flow::Open && self.tcp_readable && self.stalled.is_empty())
    }

    /// Decrypts the first `count` bytes of the piece.
    fn decrypt(&mut self, count: usize, scratch: &mut Scratch) -> Result<(), Broken> {
        scratch.clear.clear();
        let mut rest = &scratch.piece[..count];
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest)?;
            let state = self.tls.process_new_packets()?;
            let clear = state.plaintext_bytes_to_read();
            if !self.established && !self.tls.is_handshaking() {
                self.established = true;
                let shown = self.tls.peer_certificates().and_then(<[_]>::first);
                // It is set once: a handshake is done once.
                drop(self.handshake.certificate.set(shown.and_then(identity::of)));
            }
            let wanted = scratch.clear.len() + clear;
            let mut reader = self.tls.reader();
            while scratch.clear.len() < wanted {
                let chunk = reader.fill_buf()?;
                scratch.clear.extend_from_slice(chunk);
                let count = chunk.len();
                reader.consume(count);
            }
            if state.peer_has_closed() {
                self.inbound = Flow::Ending;
                break;
            }
        }
        Ok(())
    }

    /// Passes `clear` on to the inside; what it has no room for waits here.
    fn pass_on(&mut self, clear: &[u8]) {
        debug_assert!(self.stalled.is_empty());
        let mut rest = clear;
        while !rest.is_empty() {
            match self.inside.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.stalled.extend(rest);
                }
                // Nobody reads there; the poller says so too.
                Err(_) => return,
            }
        }
    }

    /// Passes on what waits; whether nothing is left of it.
    fn pass_on_stalled(&mut self) -> bool {
        if self.stalled.is_empty() {
            return true;
        }
        let waiting = Vec::from(std::mem::take(&mut self.stalled));
        self.pass_on(&waiting);
        self.stalled.is_empty()
    }

    /// From the inside to the client; whether there is more to do at once.
    fn send(&mut self, scratch: &mut Scratch) -> Result<bool, Broken> {
        if !self.flush()? {
            return Ok(false);
        }
        if self.established && self.outbound == Flow::Open && self.inside_readable {
            match self.inside.read(&mut scratch.piece) {
                Ok(0) => self.end_outbound(),
                Ok(count) => {
                    self.inside_readable = count == scratch.piece.len() || self.inside_closed;
                    self.tls.writer().write_all(&scratch.piece[..count])?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.inside_readable = false;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The inside has ended without reading all that was there for it.
                Err(_) => self.end_outbound(),
            }
            if !self.flush()? {
                return Ok(false);
            }
        }
        if self.outbound == Flow::Ending {
            // A client that is gone need not be told.
            drop(self.tcp.shutdown(Shutdown::Write));
            self.outbound = Flow::Ended;
        }
        Ok(self.established && self.outbound == Flow::Open && self.inside_readable)
    }

    fn end_outbound(&mut self) {
        self.tls.send_close_notify();
        self.outbound = Flow::Ending;
    }

    /// Writes what is encrypted to the client; whether all of it.
    fn flush(&mut self) -> Result<bool, Broken> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.tcp) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}
