//! Sends clients what they have missed: outcomes of their session that the outcome log still has.
//!
//! ```text
//!   publish ──job──▶ thread: log ──▶ hello, origins, events, outcomes ──▶ socket
//!                      └── done: gateway reads from the socket, publish writes to it
//! ```
//!
//! # Invariants
//!
//! * The threads of the pipeline neither read files here nor wait for this.
//! * Many clients are served by turns: one that does not read holds up nobody.
//! * Until it is done nobody else writes to the socket; what is written are whole messages.

mod missing;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{self, Receiver, Sender, TryRecvError};

use crate::notice::Missed;
use crate::session::{Session, SocketError};
use missing::{Missing, Step};
use ringfence_codec::wire::{EngineHello, ErrorCode, encode_engine_hello, encode_error};
use ringfence_node::Poller;
use ringfence_ring::{Bell, Parker};

/// Bytes that are made ready for one client at a time.
const READY_BYTES: usize = 64 * 1024;
/// How long the thread sleeps where no client takes anything and nothing has come to the log.
const SLEEPS: [Duration; 2] = [Duration::from_micros(200), Duration::from_millis(10)];
/// How long the log may lag behind what was published.
const LOG_LAGS: Duration = Duration::from_secs(10);
/// How long a client that is taken over from may take for what is ready for it.
const FAREWELL: Duration = Duration::from_millis(500);

/// A client that has missed something.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) session: Arc<Session>,
    pub(crate) hello: EngineHello,
    pub(crate) missed: Missed,
}

/// What is told of it when a client has been sent everything.
#[derive(Debug)]
pub(crate) struct Wakers {
    pub(crate) gateway: Arc<Poller>,
    pub(crate) publish: Arc<OnceLock<Bell>>,
}

/// The thread that sends clients what they have missed.
#[derive(Debug)]
pub(crate) struct Resumer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Resumer {
    /// Starts it for the outcome log in `dir`, which may still be without files. Clients that take
    /// nothing for `idle_timeout` are cut off.
    pub(crate) fn start(
        dir: PathBuf,
        idle_timeout: Duration,
        wakers: Wakers,
    ) -> Result<Resumer, SocketError> {
        let (jobs, received) = channel::unbounded();
        let thread = thread::Builder::new()
            .name("ringfence-resume".to_owned())
            .spawn(move || run(&dir, idle_timeout, &wakers, &received))
            .map_err(|error| SocketError {
                operation: "starting a thread for",
                address: "clients that resume".to_owned(),
                error,
            })?;
        Ok(Resumer { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Hands a client over.
    pub(crate) fn send(&self, job: Job) {
        let jobs = self.jobs.as_ref().expect("it is there until it is dropped");
        // It fails only where the thread has panicked; dropping this says so.
        drop(jobs.send(job));
    }
}

impl Drop for Resumer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

fn run(dir: &std::path::Path, idle_timeout: Duration, wakers: &Wakers, jobs: &Receiver<Job>) {
    let mut resuming: Vec<Resuming> = Vec::new();
    let mut idle = 0;
    loop {
        let mut ended = false;
        if resuming.is_empty() {
            match jobs.recv() {
                Ok(job) => resuming.push(Resuming::new(job, dir)),
                Err(_) => return,
            }
        }
        loop {
            match jobs.try_recv() {
                Ok(job) => resuming.push(Resuming::new(job, dir)),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    ended = true;
                    break;
                }
            }
        }
        let mut worked = false;
        resuming.retain_mut(|it| {
            let done = match it.turn(idle_timeout) {
                Turn::Worked => {
                    worked = true;
                    false
                }
                Turn::Waits => ended,
                Turn::Done => true,
            };
            if done {
                it.job.session.set_resuming(false);
                wakers.gateway.unpark();
                if let Some(publish) = wakers.publish.get() {
                    publish.ring();
                }
            }
            !done
        });
        if worked {
            idle = 0;
        } else if !resuming.is_empty() {
            thread::sleep(SLEEPS[usize::from(idle > 20)]);
            idle += 1;
        }
    }
}

/// What came of a client's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Worked,
    Waits,
    Done,
}

/// A client that is sent what it has missed.
struct Resuming {
    job: Job,
    missing: Missing,
    /// Whole messages, written up to `written`.
    bytes: Vec<u8>,
    written: usize,
    is_greeted: bool,
    /// Everything is in `bytes`.
    is_whole: bool,
    /// When something was written last, or came from the log.
    since: Instant,
    /// Since when nothing more is to be sent.
    closing: Option<Instant>,
}

impl Resuming {
    fn new(job: Job, dir: &std::path::Path) -> Resuming {
        let missing = Missing::new(dir, job.hello.journal, job.missed, job.hello.events);
        Resuming {
            job,
            missing,
            bytes: Vec::new(),
            written: 0,
            is_greeted: false,
            is_whole: false,
            since: Instant::now(),
            closing: None,
        }
    }

    /// Writes what there is to write.
    fn turn(&mut self, idle_timeout: Duration) -> Turn {
        if self.job.session.is_closing() && self.closing.is_none() {
            self.is_whole = true;
            self.closing = Some(Instant::now());
        }
        let mut worked = self.fill();
        if self.written < self.bytes.len() {
            match (&self.job.session.stream).write(&self.bytes[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    self.since = Instant::now();
                    worked = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let is_over = self.closing.is_some_and(|since| since.elapsed() > FAREWELL);
                    if is_over || self.since.elapsed() > idle_timeout {
                        return self.give_up(ErrorCode::NotReading);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => worked = true,
                Err(_) => {
                    self.job.session.set_gone();
                    return Turn::Done;
                }
            }
        }
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.written = 0;
            if self.is_whole {
                return Turn::Done;
            }
            if self.since.elapsed() > LOG_LAGS {
                return self.fail("the outcome log does not go on");
            }
        }
        if worked { Turn::Worked } else { Turn::Waits }
    }

    /// Makes more ready; whether there was something.
    fn fill(&mut self) -> bool {
        let mut worked = false;
        while !self.is_whole && self.bytes.len() < READY_BYTES {
            let step = match self.is_greeted {
                true => self.missing.next(&mut self.bytes),
                false => self.greet().map(|()| Step::More),
            };
            match step {
                Ok(Step::More) => worked = true,
                Ok(Step::NotYet) => break,
                Ok(Step::Whole) => {
                    self.is_whole = true;
                    worked = true;
                }
                Err(error) => {
                    tracing::error!("reading the outcome log for a client: {error}");
                    self.fail(&format!("the outcome log cannot be read: {error}"));
                    worked = true;
                }
            }
            self.since = if worked { Instant::now() } else { self.since };
        }
        worked
    }

    fn greet(&mut self) -> Result<(), ringfence_journal::JournalError> {
        let resumes_after = self.missing.begin()?;
        let hello = EngineHello { resumes_after, ..self.job.hello };
        encode_engine_hello(&hello, &mut self.bytes);
        self.is_greeted = true;
        Ok(())
    }

    /// Ends the connection: what it has missed cannot be told.
    fn fail(&mut self, text: &str) -> Turn {
        encode_error(ErrorCode::NoOutcomeLog, 0, text, &mut self.bytes);
        self.job.session.ends_with(ErrorCode::NoOutcomeLog, text);
        self.is_whole = true;
        // The gateway takes nothing in from it any more: the error is the last message.
        self.job.session.set_gone();
        Turn::Worked
    }

    fn give_up(&mut self, code: ErrorCode) -> Turn {
        self.job.session.ends_with(code, "takes nothing of what it has missed");
        self.job.session.set_gone();
        self.job.session.stream.shut_down();
        Turn::Done
    }
}
