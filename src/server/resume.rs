//! Sends a session again what its client has missed: reads the outcome log, on a thread of its own.
//!
//! ```text
//!   sink ──Resume──▶ thread:  log ──▶ hello, origin, events, outcomes of the session ──▶ client
//!                       └──▶ the connection is live: the gateway reads from it
//! ```
//!
//! # Invariants
//!
//! * Everything up to `hello.last_sequence` was published when this begins: it is in the log, or
//!   will be in a moment.
//! * Nothing after that is sent here: the gateway takes in nothing from the connection before this
//!   is done.

use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::session::Connection;
use ringfence_codec::wire::{EngineHello, ReplyEncoder, encode_engine_hello, encode_origin};
use ringfence_journal::JournalError;
use ringfence_journal::outcomes::{LogEntry, LogReader};
use ringfence_node::publish::LogGauges;
use ringfence_ring::Bell;
use ringfence_types::{BATCH_COMMANDS_MAX, Origin};

/// Bytes that gather before they are written.
const GATHERED_BYTES: usize = 64 * 1024;
/// How long between two looks whether the log is far enough.
const LOG_WAIT: Duration = Duration::from_micros(200);
/// How often a thread that waits for a client looks whether the engine is being stopped.
const STOP_WAIT: Duration = Duration::from_millis(100);

/// Where the outcome log is, and how far.
#[derive(Debug, Clone)]
pub struct OutcomeLog {
    /// The data directory.
    pub dir: PathBuf,
    /// Identity of the journal.
    pub journal_id: [u8; 16],
    /// What its thread tells.
    pub gauges: LogGauges,
}

/// What is to be sent again.
pub(crate) struct Resume {
    pub connection: Arc<Connection>,
    pub hello: EngineHello,
    pub session: u128,
    pub events: bool,
    pub log: OutcomeLog,
    pub gateway: Option<Bell>,
    pub stop: Arc<AtomicBool>,
    pub idle_timeout: Duration,
}

/// Why it could not be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResumeError {
    #[error(transparent)]
    Log(#[from] JournalError),
    #[error("the client: {0}")]
    Client(#[from] io::Error),
    #[error("the engine is being stopped")]
    Stopping,
}

impl Resume {
    /// Begins; the connection is live again when it is done.
    ///
    /// # Errors
    ///
    /// If the system refuses a thread.
    pub fn start(self) -> io::Result<()> {
        self.connection.set_resuming(true);
        let connection = Arc::clone(&self.connection);
        let thread = thread::Builder::new().name("ringfence-resume".to_owned());
        let started = thread.spawn(move || {
            if let Err(error) = self.run() {
                tracing::warn!("a session is not resumed: {error}");
                self.connection.set_gone();
            }
            self.connection.set_resuming(false);
            if let Some(gateway) = &self.gateway {
                gateway.ring();
            }
        });
        if started.is_err() {
            connection.set_gone();
            connection.set_resuming(false);
        }
        started.map(drop)
    }

    fn run(&self) -> Result<(), ResumeError> {
        let (after, up_to) = (self.hello.resumes_after, self.hello.last_sequence);
        while self.log.gauges.logged.get() < up_to {
            self.check_stop()?;
            thread::sleep(LOG_WAIT);
        }
        let OutcomeLog { dir, journal_id, .. } = &self.log;
        // The batch of the first outcome that is missing may begin before it.
        let from = (after + 1).saturating_sub(BATCH_COMMANDS_MAX as u64);
        let mut reader = LogReader::open_at(dir, *journal_id, from)?;
        let is_whole = reader.begins_at() <= from.max(1);
        let mut client = Client::new(self)?;
        let mut own: Option<Origin> = None;
        // Where the log begins later, outcomes before the first batch that is in it whole cannot be had.
        let mut resumes_after = if is_whole { Some(after) } else { None };
        if let Some(after) = resumes_after {
            client.hello(after);
        }
        while let Some(entry) = reader.next_entry()? {
            let sequence = match &entry {
                LogEntry::Origin(origin) => origin.first_sequence,
                LogEntry::Event(event) => event.goes_before(),
                LogEntry::Outcome(sequence, _) => *sequence,
            };
            if sequence > up_to {
                break;
            }
            if let LogEntry::Origin(origin) = &entry {
                own = Some(*origin).filter(|origin| origin.request.session == self.session);
                if let Some(origin) = own.filter(|origin| origin.last_sequence() > after) {
                    if resumes_after.is_none() {
                        let from = after.max(origin.first_sequence - 1);
                        resumes_after = Some(from);
                        client.hello(from);
                    }
                    client.origin(&origin);
                }
                continue;
            }
            let Some(origin) = own else { continue };
            if sequence > origin.last_sequence() {
                own = None;
                continue;
            }
            if sequence <= after {
                continue;
            }
            match &entry {
                LogEntry::Outcome(sequence, outcome) => {
                    client.encoder.outcome(*sequence, outcome, &mut client.bytes);
                }
                LogEntry::Event(event) if self.events || !event.kind().is_numbered() => {
                    client.encoder.event(event, &mut client.bytes);
                }
                _ => {}
            }
            if client.bytes.len() >= GATHERED_BYTES {
                client.write()?;
            }
        }
        if resumes_after.is_none() {
            client.hello(up_to);
        }
        client.write()
    }

    fn check_stop(&self) -> Result<(), ResumeError> {
        // Relaxed: the flag carries nothing but itself.
        if self.stop.load(Ordering::Relaxed) || self.connection.is_gone() {
            return Err(ResumeError::Stopping);
        }
        Ok(())
    }
}

/// The client, written to by this thread alone.
struct Client<'a> {
    resume: &'a Resume,
    poll: Poll,
    encoder: ReplyEncoder,
    bytes: Vec<u8>,
}

impl<'a> Client<'a> {
    fn new(resume: &'a Resume) -> Result<Client<'a>, ResumeError> {
        let poll = Poll::new()?;
        let descriptor = resume.connection.stream.as_raw_fd();
        poll.registry().register(&mut SourceFd(&descriptor), Token(0), Interest::WRITABLE)?;
        let bytes = Vec::with_capacity(2 * GATHERED_BYTES);
        Ok(Client { resume, poll, encoder: ReplyEncoder::new(), bytes })
    }

    fn hello(&mut self, resumes_after: u64) {
        let hello = EngineHello { resumes_after, ..self.resume.hello };
        encode_engine_hello(&hello, &mut self.bytes);
    }

    fn origin(&mut self, origin: &Origin) {
        self.encoder.finish(&mut self.bytes);
        encode_origin(origin, &mut self.bytes);
    }

    /// Writes what has gathered, and waits for the client to take it.
    fn write(&mut self) -> Result<(), ResumeError> {
        self.encoder.finish(&mut self.bytes);
        let mut written = 0;
        let mut since = Instant::now();
        let mut events = Events::with_capacity(1);
        while written < self.bytes.len() {
            match (&self.resume.connection.stream).write(&self.bytes[written..]) {
                Ok(count) => {
                    written += count;
                    since = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.resume.check_stop()?;
                    if since.elapsed() > self.resume.idle_timeout {
                        return Err(io::Error::from(io::ErrorKind::TimedOut).into());
                    }
                    self.poll.poll(&mut events, Some(STOP_WAIT))?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.bytes.clear();
        Ok(())
    }
}
