//! The thread of a session: its connection, again and again.

use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Events, Interest, Poll, Token, Waker};

use super::attempts::{Attempts, Cut};
use super::exchange::{Exchange, HELLO_TIMEOUT};
use super::{Delivered, SessionOptions};
use crate::connection::{HEARTBEAT, connect_tcp};
use crate::tls::Tls;
#[cfg(feature = "tls")]
use crate::tls::TlsSocket;
use crate::{Address, ClientError};
use ringfence_codec::wire::ReplyDecoder;
use ringfence_types::Command;

/// Reads of one turn, so that one who talks without end does not hold up sending.
const READS_MAX: usize = 64;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);

/// What the thread shares with those who send.
#[derive(Debug)]
pub(super) struct Shared {
    exchange: Mutex<Exchange>,
    /// Rung when there is room, or the session has ended.
    room: Condvar,
    waker: Waker,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Exchange> {
        // Whoever panicked left a state that stands for itself.
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a batch; waits for room if it `waits`, else `None` where there is none.
    pub fn push(
        &self,
        batch: &[Command],
        number: Option<u64>,
        tag: u128,
        waits: bool,
    ) -> Result<Option<u64>, ClientError> {
        let mut exchange = self.lock();
        loop {
            let was_due = exchange.is_due();
            if let Some(number) = exchange.push(batch, number, tag)? {
                self.wake_for(exchange, was_due);
                return Ok(Some(number));
            }
            if !waits {
                return Ok(None);
            }
            exchange = self.room.wait(exchange).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Wakes the thread if what is to be written has become due.
    fn wake_for(&self, exchange: MutexGuard<'_, Exchange>, was_due: bool) {
        let is_due = exchange.is_due();
        drop(exchange);
        if is_due && !was_due {
            // It fails only where the thread is gone.
            drop(self.waker.wake());
        }
    }

    pub fn is_connected(&self) -> bool {
        self.lock().is_connected
    }

    pub fn under_way(&self) -> usize {
        self.lock().state.under_way()
    }

    /// Ends the session once the thread sees it.
    pub fn close(&self) {
        self.lock().is_closed = true;
        drop(self.waker.wake());
    }
}

/// A socket that never blocks.
enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<TlsSocket>),
}

impl Socket {
    fn connect(address: &Address, tls: Option<&Tls>) -> io::Result<Socket> {
        match address {
            Address::Unix(path) => {
                let stream = std::os::unix::net::UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Ok(Socket::Unix(UnixStream::from_std(stream)))
            }
            Address::Tcp(host_and_port) => {
                let stream = connect_tcp(host_and_port)?;
                stream.set_nonblocking(true)?;
                Socket::secured(TcpStream::from_std(stream), host_and_port, tls)
            }
        }
    }

    /// A socket over `tcp`, with TLS where it is wanted.
    #[cfg(feature = "tls")]
    fn secured(tcp: TcpStream, host_and_port: &str, tls: Option<&Tls>) -> io::Result<Socket> {
        match tls {
            None => Ok(Socket::Tcp(tcp)),
            Some(tls) => Ok(Socket::Tls(Box::new(TlsSocket::new(tcp, host_and_port, tls)?))),
        }
    }

    /// A socket over `tcp`: without the feature there is no TLS.
    #[cfg(not(feature = "tls"))]
    fn secured(tcp: TcpStream, _: &str, tls: Option<&Tls>) -> io::Result<Socket> {
        match tls {
            None => Ok(Socket::Tcp(tcp)),
            Some(tls) => match *tls {},
        }
    }

    /// Sends what the socket holds back, as far as that goes without waiting.
    fn flush(&mut self) {
        // Where it fails, reading says why.
        #[cfg(feature = "tls")]
        if let Socket::Tls(stream) = self {
            drop(stream.flush());
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Socket::Unix(stream) => stream,
            Socket::Tcp(stream) => stream,
            #[cfg(feature = "tls")]
            Socket::Tls(stream) => &mut stream.tcp,
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Unix(stream) => stream.read(bytes),
            Socket::Tcp(stream) => stream.read(bytes),
            #[cfg(feature = "tls")]
            Socket::Tls(stream) => stream.read(bytes),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Unix(stream) => stream.write(bytes),
            Socket::Tcp(stream) => stream.write(bytes),
            #[cfg(feature = "tls")]
            Socket::Tls(stream) => stream.write(bytes),
        }
    }
}

/// The thread's side of a session.
pub(super) struct Link {
    address: Address,
    tls: Option<Tls>,
    shared: Arc<Shared>,
    poll: Poll,
    give_up_after: Duration,
}

impl Link {
    pub fn new(address: &Address, options: &SessionOptions) -> io::Result<(Link, Arc<Shared>)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let exchange = Mutex::new(Exchange::new(options));
        let shared = Arc::new(Shared { exchange, room: Condvar::new(), waker });
        let link = Link {
            address: address.clone(),
            tls: options.tls.clone(),
            shared: Arc::clone(&shared),
            poll,
            give_up_after: options.give_up_after,
        };
        Ok((link, shared))
    }

    /// Serves the session until it ends.
    pub fn run(mut self, mut deliver: impl FnMut(Vec<Delivered>)) {
        let mut attempts = Attempts::new(self.give_up_after);
        let error = loop {
            let cut = self.connection(&mut deliver);
            if self.shared.lock().disconnect() {
                attempts.succeeded();
            }
            match attempts.after(cut) {
                Err(error) => break error,
                Ok(wait) if self.pause(wait) => {}
                Ok(_) => break ClientError::Ended,
            }
        };
        self.shared.lock().has_ended = true;
        self.shared.room.notify_all();
        deliver(vec![Delivered::Ended(error)]);
    }

    /// Waits between two attempts; `false` if the session was closed meanwhile.
    fn pause(&mut self, wait: Duration) -> bool {
        let end = Instant::now() + wait;
        loop {
            if self.shared.lock().is_closed {
                return false;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            // Whatever it fails of, time passes.
            drop(self.poll.poll(&mut Events::with_capacity(4), Some(left)));
        }
    }

    fn lost(&self, operation: &'static str, source: io::Error) -> Cut {
        Cut::io(operation, &self.address, source)
    }

    /// One connection, from its start to its end.
    fn connection(&mut self, deliver: &mut impl FnMut(Vec<Delivered>)) -> Cut {
        let mut socket = match Socket::connect(&self.address, self.tls.as_ref()) {
            Ok(socket) => socket,
            Err(error) => return self.lost("connecting to", error),
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(socket.source(), SOCKET, interest) {
            return self.lost("polling", error);
        }
        self.shared.lock().greet();
        let mut talk = Talk {
            link: self,
            socket,
            decoder: ReplyDecoder::new(),
            writing: Vec::new(),
            written: 0,
            heard: Instant::now(),
            said: Instant::now(),
            idle_timeout: HELLO_TIMEOUT,
            is_connected: false,
        };
        match talk.go_on(deliver) {
            Ok(never) => match never {},
            Err(cut) => cut,
        }
    }
}

/// One connection.
struct Talk<'a> {
    link: &'a mut Link,
    socket: Socket,
    decoder: ReplyDecoder,
    /// Taken out of what is to be sent, and up to `written` sent.
    writing: Vec<u8>,
    written: usize,
    heard: Instant,
    said: Instant,
    idle_timeout: Duration,
    is_connected: bool,
}

/// What never is.
enum Never {}

impl Talk<'_> {
    fn go_on(&mut self, deliver: &mut impl FnMut(Vec<Delivered>)) -> Result<Never, Cut> {
        let mut events = Events::with_capacity(8);
        loop {
            self.write()?;
            let has_read = self.read(deliver)?;
            if self.link.shared.lock().is_closed {
                return Err(Cut::Closed);
            }
            if self.heard.elapsed() > self.idle_timeout {
                return Err(self.link.lost("listening to", io::ErrorKind::TimedOut.into()));
            }
            if self.said.elapsed() >= HEARTBEAT && self.is_connected {
                self.link.shared.lock().say_alive();
                continue;
            }
            if !has_read {
                let polled = self.link.poll.poll(&mut events, Some(HEARTBEAT));
                match polled {
                    Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                        return Err(self.link.lost("polling", error));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Writes what the socket takes.
    fn write(&mut self) -> Result<(), Cut> {
        loop {
            if self.written == self.writing.len() {
                self.writing.clear();
                self.written = 0;
                self.link.shared.lock().take_due(&mut self.writing);
                if self.writing.is_empty() {
                    self.socket.flush();
                    return Ok(());
                }
            }
            match self.socket.write(&self.writing[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    self.said = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The engine may have said why: what it said is read first.
                Err(_) => return Ok(()),
            }
        }
    }

    /// Reads what has come; whether anything had.
    fn read(&mut self, deliver: &mut impl FnMut(Vec<Delivered>)) -> Result<bool, Cut> {
        let mut any = false;
        for _ in 0..READS_MAX {
            match self.socket.read(self.decoder.frames().spare()) {
                Ok(0) => {
                    let closed = ClientError::Closed(self.link.address.clone());
                    return Err(Cut::Lost(closed));
                }
                Ok(count) => {
                    any = true;
                    self.decoder.frames().advance(count);
                    self.heard = Instant::now();
                    self.take_in(deliver)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.link.lost("reading from", error)),
            }
        }
        Ok(any)
    }

    /// Takes in the messages that are whole.
    fn take_in(&mut self, deliver: &mut impl FnMut(Vec<Delivered>)) -> Result<(), Cut> {
        let mut delivered = Vec::new();
        let mut exchange = self.link.shared.lock();
        let taken = exchange.take_in(&mut self.decoder, &self.link.address, &mut delivered);
        self.is_connected = exchange.is_connected;
        drop(exchange);
        if !delivered.is_empty() {
            self.link.shared.room.notify_all();
            // Without the lock: whoever is told may send.
            deliver(delivered);
        }
        if let Some(idle_timeout) = taken? {
            self.idle_timeout = idle_timeout;
        }
        Ok(())
    }
}
