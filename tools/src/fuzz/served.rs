//! An engine that serves a Unix socket in this process, and connections to it.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ringfence::codec::Address;
use ringfence::codec::wire::{
    ClientHello, EngineHello, Progress, Reply, ReplyDecoder, ServerError, Subscribed,
    encode_client_hello,
};
use ringfence::journal::{Backend, Durability, SEGMENT_BYTES_MIN, Wanted};
use ringfence::node::{Node, Options};
use ringfence::server::subscription::{Settings, Subscriptions};
use ringfence::server::{Asked, Door, Guard, Limits, Setup};
use ringfence::types::{Event, Origin, Outcome};
use tempfile::TempDir;

/// How long what should come is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running engine; it ends when this is dropped.
pub struct Served {
    _folder: TempDir,
    socket: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// How many inputs it has served.
    pub inputs: u64,
}

impl Served {
    /// Starts one in a temporary folder, with small tables and many sessions.
    ///
    /// # Panics
    ///
    /// If the system lacks what it needs.
    #[must_use]
    pub fn start() -> Served {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let socket = folder.path().join("engine.sock");
        let stop = Arc::new(AtomicBool::new(false));
        let run = prepare(&folder.path().join("data"), &socket, &stop);
        Served { _folder: folder, socket, stop, thread: Some(thread::spawn(run)), inputs: 0 }
    }

    /// A connection that has said nothing.
    ///
    /// # Panics
    ///
    /// If there is none to be had.
    #[must_use]
    pub fn connect(&self) -> Connection {
        let stream = UnixStream::connect(&self.socket).expect("the engine listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket has a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket has a timeout");
        Connection { stream, decoder: ReplyDecoder::new(), outcomes: VecDeque::new() }
    }

    /// Whether the engine has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Relaxed: the flag carries nothing but itself.
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(panic)) = ended
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Opens everything, so that the socket is there; what is returned runs the engine.
fn prepare(data_dir: &Path, socket: &Path, stop: &Arc<AtomicBool>) -> impl FnOnce() + Send + use<> {
    let wanted = Wanted {
        accounts: Some(1 << 16),
        transfers: Some(1 << 16),
        policies: Some(1 << 10),
        markets: Some(16),
        orders: Some(1 << 10),
        sessions: Some(1 << 14),
        ..Wanted::default()
    };
    let node = Node::open(Options {
        data_dir: Some(data_dir.to_owned()),
        wanted,
        durability: Durability::Async,
        segment_bytes: Some(SEGMENT_BYTES_MIN),
        journal_io: Some(Backend::Threads),
        outcome_log: true,
        ring_slots: 16 * 1024,
        stop: Arc::clone(stop),
        ..Options::default()
    })
    .expect("a new journal");
    let limits = Limits { connections: 64, ..Limits::default() };
    let asked = Asked { connections: limits.connections, ..Asked::default() };
    let guard = Guard::new(asked).expect("nothing is asked for");
    let door = Door::open(&[Address::Unix(socket.to_owned())], 0o600, limits, guard)
        .expect("the socket is new");
    let history = node.history();
    let settings = Settings {
        data_dir: data_dir.to_owned(),
        key: None,
        recent: node.recent(),
        history,
        gauges: node.outcome_log().expect("it keeps an outcome log"),
        subscriptions: 16,
        idle_timeout: limits.idle_timeout,
    };
    let subscriptions = Arc::new(Subscriptions::open(settings).expect("a new folder"));
    let setup = Setup {
        history,
        outcome_log: Some(data_dir.to_owned()),
        subscriptions: Some(subscriptions),
        stop: Arc::clone(stop),
    };
    let (source, sink) = ringfence::server::open(door, setup).expect("threads are to be had");
    move || {
        let ran = node.run(source, sink).expect("the engine runs until it is stopped");
        ran.node.close().expect("the journal is closed");
    }
}

/// What the engine said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The first message.
    Hello(EngineHello),
    /// The outcome of one command.
    Outcome(u64, Outcome),
    /// What comes before an outcome.
    Event(Event),
    /// Whose the outcomes are that follow.
    Origin(Origin),
    /// The answer to a request for a subscription.
    Subscribed(Subscribed),
    /// How far a subscription is.
    Progress(Progress),
    /// The bodies of so many commands from this sequence on.
    Commands(u64, usize),
    /// Why the connection ends.
    Error(ServerError),
    /// It has ended.
    End,
}

/// A connection to an engine.
pub struct Connection {
    stream: UnixStream,
    decoder: ReplyDecoder,
    outcomes: VecDeque<(u64, Outcome)>,
}

impl Connection {
    /// Sends `bytes`; an engine that has ended the connection need not take them.
    pub fn send(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes));
    }

    /// Says hello.
    pub fn hello(&mut self, hello: &ClientHello) {
        let mut bytes = Vec::new();
        encode_client_hello(hello, &mut bytes);
        self.send(&bytes);
    }

    /// Sends nothing more.
    pub fn end_sending(&mut self) {
        drop(self.stream.shutdown(Shutdown::Write));
    }

    /// What comes next, heartbeats left out.
    ///
    /// # Panics
    ///
    /// If the engine breaks the protocol, or nothing comes.
    pub fn hear(&mut self) -> Said {
        loop {
            if let Some((sequence, outcome)) = self.outcomes.pop_front() {
                return Said::Outcome(sequence, outcome);
            }
            match self.decoder.next_reply().expect("the engine keeps to the protocol") {
                Some(Reply::Outcomes { first_sequence, outcomes }) => {
                    self.outcomes.extend((first_sequence..).zip(outcomes.iter().copied()));
                }
                Some(Reply::Heartbeat) => {}
                Some(reply) => return said(&reply),
                None => match self.stream.read(self.decoder.frames().spare()) {
                    Ok(0) => return Said::End,
                    Ok(count) => self.decoder.frames().advance(count),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // Who ends a connection without having read all of it resets it.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                        return Said::End;
                    }
                    Err(error) => panic!("nothing comes from the engine: {error}"),
                },
            }
        }
    }
}

fn said(reply: &Reply<'_>) -> Said {
    match reply {
        Reply::Hello(hello) => Said::Hello(*hello),
        Reply::Event(event) => Said::Event(**event),
        Reply::Origin(origin) => Said::Origin(*origin),
        Reply::Subscribed(subscribed) => Said::Subscribed(*subscribed),
        Reply::Progress(progress) => Said::Progress(*progress),
        Reply::Commands { first_sequence, bodies, .. } => {
            Said::Commands(*first_sequence, bodies.len())
        }
        Reply::Error(error) => Said::Error(error.clone()),
        Reply::Outcomes { .. } | Reply::Heartbeat => unreachable!("they are taken before"),
    }
}
