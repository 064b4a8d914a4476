//! The thread of a session: its connection, again and again.

use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Events, Interest, Poll, Token, Waker};

use super::state::State;
use super::{Delivered, SessionOptions};
use crate::connection::{HEARTBEAT, Stream};
use crate::{Address, ClientError};
use ringfence_codec::wire::{
    EngineHello, ErrorCode, Reply, ReplyDecoder, ServerError, encode_client_hello, encode_heartbeat,
};
use ringfence_types::Command;

/// Time before the second attempt to connect; it doubles with each further one.
const BACK_OFF: Duration = Duration::from_millis(20);
/// Longest time between two attempts.
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// How long the engine may be silent before it has said how long.
const HELLO_TIMEOUT: Duration = Duration::from_secs(30);
/// Reads of one turn, so that one who talks without end does not hold up sending.
const READS_MAX: usize = 64;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);

/// What the thread shares with those who send.
#[derive(Debug)]
pub(super) struct Shared {
    inner: Mutex<Inner>,
    /// Rung when there is room, or the session has ended.
    room: Condvar,
    waker: Waker,
}

#[derive(Debug)]
struct Inner {
    state: State,
    /// Encoded and not yet written; empty while there is no connection.
    out: Vec<u8>,
    is_connected: bool,
    /// Nothing more is sent.
    is_closed: bool,
    has_ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked left a state that stands for itself.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a batch; waits for room if it `waits`, else `None` where there is none.
    pub fn push(
        &self,
        batch: &[Command],
        number: Option<u64>,
        tag: u128,
        waits: bool,
    ) -> Result<Option<u64>, ClientError> {
        let mut inner = self.lock();
        while !inner.has_ended && !inner.state.has_room(batch.len()) {
            if !waits {
                return Ok(None);
            }
            inner = self.room.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        if inner.has_ended {
            return Err(ClientError::Ended);
        }
        let number = number.unwrap_or_else(|| inner.state.next_number());
        let Inner { state, out, is_connected, .. } = &mut *inner;
        let had_nothing = out.is_empty();
        let kept = out.len();
        state.push(batch, number, tag, out);
        if !*is_connected {
            // The next welcome sends it.
            out.truncate(kept);
        }
        drop(inner);
        if had_nothing {
            // It fails only where the thread is gone.
            drop(self.waker.wake());
        }
        Ok(Some(number))
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
}

impl Socket {
    fn connect(address: &Address) -> io::Result<Socket> {
        Ok(match Stream::connect(address)? {
            Stream::Unix(stream) => {
                stream.set_nonblocking(true)?;
                Socket::Unix(UnixStream::from_std(stream))
            }
            Stream::Tcp(stream) => {
                stream.set_nonblocking(true)?;
                Socket::Tcp(TcpStream::from_std(stream))
            }
        })
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Socket::Unix(stream) => stream,
            Socket::Tcp(stream) => stream,
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Unix(stream) => stream.read(bytes),
            Socket::Tcp(stream) => stream.read(bytes),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Unix(stream) => stream.write(bytes),
            Socket::Tcp(stream) => stream.write(bytes),
        }
    }
}

/// Why a connection ended.
enum Cut {
    /// The session was closed by its owner.
    Closed,
    /// It may go better on the next one.
    Lost(ClientError),
    /// It will not.
    Final(ClientError),
}

/// The thread's side of a session.
pub(super) struct Link {
    address: Address,
    shared: Arc<Shared>,
    poll: Poll,
    give_up_after: Duration,
}

impl Link {
    pub fn new(address: &Address, options: &SessionOptions) -> io::Result<(Link, Arc<Shared>)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let inner = Inner {
            state: State::new(options),
            out: Vec::new(),
            is_connected: false,
            is_closed: false,
            has_ended: false,
        };
        let inner = Mutex::new(inner);
        let shared = Arc::new(Shared { inner, room: Condvar::new(), waker });
        let (address, give_up_after) = (address.clone(), options.give_up_after);
        Ok((Link { address, shared: Arc::clone(&shared), poll, give_up_after }, shared))
    }

    /// Serves the session until it ends.
    pub fn run(mut self, mut deliver: impl FnMut(Delivered)) {
        let mut back_off = BACK_OFF;
        let mut deadline = Instant::now() + self.give_up_after;
        let error = loop {
            let mut was_connected = false;
            let cut = self.connection(&mut was_connected, &mut deliver);
            let mut inner = self.shared.lock();
            inner.is_connected = false;
            inner.out.clear();
            drop(inner);
            if was_connected {
                (back_off, deadline) = (BACK_OFF, Instant::now() + self.give_up_after);
            }
            let error = match cut {
                Cut::Closed => break ClientError::Ended,
                Cut::Final(error) => break error,
                Cut::Lost(error) => error,
            };
            let wait = jittered(back_off);
            if Instant::now() + wait > deadline {
                break error;
            }
            if !self.pause(wait) {
                break ClientError::Ended;
            }
            back_off = (2 * back_off).min(BACK_OFF_MAX);
        };
        self.shared.lock().has_ended = true;
        self.shared.room.notify_all();
        deliver(Delivered::Ended(error));
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
        Cut::Lost(ClientError::Io { operation, address: self.address.clone(), source })
    }

    fn refused(&self, error: ServerError) -> Cut {
        let code = ErrorCode::from_number(error.code);
        let is_temporary = code.is_some_and(|code| code.remedy().is_retry());
        let error = ClientError::Refused { address: self.address.clone(), error };
        if is_temporary { Cut::Lost(error) } else { Cut::Final(error) }
    }

    /// One connection, from its start to its end.
    fn connection(&mut self, was_connected: &mut bool, deliver: &mut impl FnMut(Delivered)) -> Cut {
        let mut socket = match Socket::connect(&self.address) {
            Ok(socket) => socket,
            Err(error) => return self.lost("connecting to", error),
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(socket.source(), SOCKET, interest) {
            return self.lost("polling", error);
        }
        let mut inner = self.shared.lock();
        let greeting = inner.state.greeting();
        inner.out.clear();
        encode_client_hello(&greeting, &mut inner.out);
        drop(inner);
        let mut talk = Talk {
            link: self,
            socket,
            decoder: ReplyDecoder::new(),
            writing: Vec::new(),
            written: 0,
            heard: Instant::now(),
            said: Instant::now(),
            idle_timeout: HELLO_TIMEOUT,
            was_connected,
        };
        match talk.go_on(deliver) {
            Ok(never) => match never {},
            Err(cut) => cut,
        }
    }
}

/// A duration between half of `longest` and all of it, so that many clients do not come at once.
fn jittered(longest: Duration) -> Duration {
    let nanoseconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    // The lowest digits of the time are as good as chance here.
    longest.mul_f64(0.5 + f64::from(nanoseconds % 1000) / 2000.0)
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
    was_connected: &'a mut bool,
}

/// What never is.
enum Never {}

impl Talk<'_> {
    fn go_on(&mut self, deliver: &mut impl FnMut(Delivered)) -> Result<Never, Cut> {
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
            if self.said.elapsed() >= HEARTBEAT && *self.was_connected {
                encode_heartbeat(&mut self.link.shared.lock().out);
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
                std::mem::swap(&mut self.writing, &mut self.link.shared.lock().out);
                if self.writing.is_empty() {
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
    fn read(&mut self, deliver: &mut impl FnMut(Delivered)) -> Result<bool, Cut> {
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
    fn take_in(&mut self, deliver: &mut impl FnMut(Delivered)) -> Result<(), Cut> {
        let address = &self.link.address;
        let violated =
            |violation| Cut::Final(ClientError::Protocol { address: address.clone(), violation });
        let mut inner = self.link.shared.lock();
        let mut delivered = Vec::new();
        let mut cut = None;
        loop {
            match self.decoder.next_reply() {
                Ok(None) => break,
                Ok(Some(Reply::Error(error))) => {
                    cut = Some(self.link.refused(error));
                    break;
                }
                Ok(Some(Reply::Hello(hello))) => {
                    self.idle_timeout = idle_timeout(&hello);
                    *self.was_connected = true;
                    inner.is_connected = true;
                    let Inner { state, out, .. } = &mut *inner;
                    if let Err(changed) =
                        state.welcome(&hello, out, &mut |what| delivered.push(what))
                    {
                        let address = address.clone();
                        cut = Some(Cut::Final(ClientError::History { address, changed }));
                        break;
                    }
                }
                Ok(Some(reply)) => {
                    let received = inner.state.receive(&reply, &mut |what| delivered.push(what));
                    if let Err(violation) = received {
                        cut = Some(violated(violation));
                        break;
                    }
                }
                Err(violation) => {
                    cut = Some(violated(violation));
                    break;
                }
            }
        }
        drop(inner);
        if !delivered.is_empty() {
            self.link.shared.room.notify_all();
        }
        // Without the lock: whoever is told may send.
        delivered.into_iter().for_each(deliver);
        match cut {
            Some(cut) => Err(cut),
            None => Ok(()),
        }
    }
}

fn idle_timeout(hello: &EngineHello) -> Duration {
    match hello.idle_timeout_ms {
        0 => HELLO_TIMEOUT,
        milliseconds => Duration::from_millis(milliseconds.into()),
    }
}
