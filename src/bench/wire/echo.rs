//! A server without an engine: it answers each batch with as many outcomes, and does nothing else.

use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::thread::{self, JoinHandle};

use super::connection::ConnectionError;
use super::socket::{Readiness, of_tcp};
use ringfence_codec::Address;
use ringfence_codec::wire::{
    ClientMessage, EngineHello, ReplyEncoder, RequestDecoder, Violation, encode_engine_hello,
};
use ringfence_types::{BATCH_COMMANDS_MAX, Op, Outcome, Status};
use tempfile::TempDir;

/// An echo server on a thread of its own.
pub(super) struct Echo {
    address: Address,
    /// Where its Unix socket is.
    folder: Option<TempDir>,
    thread: JoinHandle<Result<(), EchoError>>,
}

/// Why the echo server ended.
#[derive(Debug, thiserror::Error)]
enum EchoError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Violation(#[from] Violation),
}

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    fn accept(&self) -> io::Result<OwnedFd> {
        match self {
            Listener::Unix(listener) => Ok(listener.accept()?.0.into()),
            Listener::Tcp(listener) => of_tcp(listener.accept()?.0),
        }
    }
}

impl Echo {
    /// Serves `clients` connections, of the same kind as those to the engine at `like`, until all
    /// of them have ended.
    pub(super) fn start(clients: usize, like: &Address) -> Result<Echo, ConnectionError> {
        let started = listen(like).and_then(|(listener, address, folder)| {
            let named = thread::Builder::new().name("ringfence-echo".to_owned());
            let thread = named.spawn(move || serve(&listener, clients))?;
            Ok(Echo { address, folder, thread })
        });
        started.map_err(|source| failed("starting", source))
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Waits until it has ended.
    pub(super) fn join(self) -> Result<(), ConnectionError> {
        let Echo { folder, thread, .. } = self;
        let ended = thread.join().expect("the echo server does not panic");
        drop(folder);
        ended.map_err(|error| failed("running", io::Error::other(error)))
    }
}

fn failed(operation: &'static str, source: io::Error) -> ConnectionError {
    ConnectionError::Io { operation, address: "the echo server".to_owned(), source }
}

fn listen(like: &Address) -> io::Result<(Listener, Address, Option<TempDir>)> {
    match like {
        Address::Unix(_) => {
            let folder = tempfile::tempdir()?;
            let path = folder.path().join("echo.sock");
            let listener = UnixListener::bind(&path)?;
            Ok((Listener::Unix(listener), Address::Unix(path), Some(folder)))
        }
        Address::Tcp(_) => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let address = Address::Tcp(listener.local_addr()?.to_string());
            Ok((Listener::Tcp(listener), address, None))
        }
    }
}

/// One connection.
struct Echoing {
    socket: OwnedFd,
    decoder: RequestDecoder,
    out: Vec<u8>,
}

fn serve(listener: &Listener, clients: usize) -> Result<(), EchoError> {
    let mut readiness = Readiness::new(clients)?;
    let mut connections = Vec::with_capacity(clients);
    let mut sequence = 1;
    for index in 0..clients {
        let socket = listener.accept()?;
        let mut echoing = Echoing { socket, decoder: RequestDecoder::new(), out: Vec::new() };
        // The client sends nothing behind its hello before that is answered.
        echoing.answer(&mut sequence)?;
        readiness.add(&echoing.socket, index)?;
        connections.push(echoing);
    }
    let mut open = clients;
    while open > 0 {
        for ready in readiness.wait(None)? {
            let echoing = &mut connections[ready.index];
            if !echoing.answer(&mut sequence)? {
                readiness.remove(&echoing.socket)?;
                open -= 1;
            }
        }
    }
    Ok(())
}

impl Echoing {
    /// Reads once and answers all that has come; `false` at the end of the connection.
    fn answer(&mut self, sequence: &mut u64) -> Result<bool, EchoError> {
        let spare = self.decoder.frames().spare();
        let count = match rustix::io::read(&self.socket, spare) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => return Ok(true),
            // A client that ends with answers unread.
            Err(rustix::io::Errno::CONNRESET) => 0,
            Err(error) => return Err(io::Error::from(error).into()),
        };
        self.decoder.frames().advance(count);
        let mut encoder = ReplyEncoder::new();
        while let Some(message) = self.decoder.next_message()? {
            match message {
                ClientMessage::Hello(hello) => {
                    let answer = EngineHello {
                        mode: hello.mode,
                        batch_commands_max: BATCH_COMMANDS_MAX as u32,
                        in_flight_commands_max: u32::MAX,
                        idle_timeout_ms: u32::MAX,
                        ..EngineHello::default()
                    };
                    encode_engine_hello(&answer, &mut self.out);
                }
                ClientMessage::Batch { op, bodies, .. } => {
                    let outcome = created(op);
                    for _ in bodies {
                        encoder.outcome(*sequence, &outcome, &mut self.out);
                        *sequence += 1;
                    }
                }
                _ => {}
            }
        }
        encoder.finish(&mut self.out);
        let mut unwritten = &self.out[..];
        while !unwritten.is_empty() {
            match rustix::io::write(&self.socket, unwritten) {
                Ok(count) => unwritten = &unwritten[count..],
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        self.out.clear();
        Ok(count > 0)
    }
}

fn created(op: Op) -> Outcome {
    Outcome { op: op as u8, status: Status::Created as u16, timestamp: 1, ..Outcome::default() }
}
