//! A session that outlives its connections: each request takes effect once.
//!
//! ```text
//!   Session::send ──queue──▶ thread: connects, greets, sends, listens, connects again ──▶ engine
//!        ▲ waits while too much is under way       └──▶ deliver: answers, events
//! ```
//!
//! # Invariants
//!
//! * Whatever happens to connection, client or engine: a request is executed once, and answered
//!   once in the life of this client.
//! * Nobody waits for ever: a session that cannot reach its engine for
//!   [`SessionOptions::give_up_after`] ends.

pub(crate) mod answers;
pub(crate) mod attempts;
pub(crate) mod course;
pub(crate) mod exchange;
mod link;
pub(crate) mod place;
mod state;
mod subscription;

pub use subscription::ResumingSubscription;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::sender::check_batch;
use super::tls::Tls;
use super::{Address, Answer, ClientError, Token};
use answers::Answers;
use link::{Link, Shared};
use ringfence_codec::wire::EngineHello;
use ringfence_types::{Command, Event, Origin};

/// The identity of the session that people call `name`: the first 16 bytes of the SHA-256 of the
/// text, little-endian.
#[must_use]
pub fn session_id(name: &str) -> u128 {
    let hash = Sha256::digest(name.as_bytes());
    let bytes = hash[..16].try_into().expect("sixteen bytes");
    // 0 is a session without a name.
    u128::from_le_bytes(bytes).max(1)
}

/// What a session begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOptions {
    /// Identity of the session: see [`session_id`]. Not 0.
    pub session: u128,
    /// Sequence of the last outcome that an earlier life of this session has dealt with, 0 if there
    /// is none: those after it come again, as [`Delivered::Replayed`].
    pub last_sequence: u64,
    /// Number of its last request.
    pub last_number: u64,
    /// Journal and epoch that are expected: the engine is refused if it has others.
    pub history: Option<([u8; 16], u32)>,
    /// To be told what the session's commands bring about besides their outcomes.
    pub events: bool,
    /// Most commands that are sent and not yet answered; 0 for as many as the engine allows.
    pub in_flight_commands_max: u32,
    /// What proves who the client is; empty for none.
    pub token: Token,
    /// How to connect over TCP with TLS; `None`: in clear.
    pub tls: Option<Tls>,
    /// Gathers what is sent while earlier requests are unanswered, until it is as much as these or
    /// 64 commands, and sends it with one write. The engine then has less to do for each of many
    /// small requests, and so more of them in a second; those that are gathered wait a little.
    pub gathers: bool,
    /// How long to try to reach the engine before giving up.
    pub give_up_after: Duration,
}

impl Default for SessionOptions {
    fn default() -> SessionOptions {
        SessionOptions {
            session: 0,
            last_sequence: 0,
            last_number: 0,
            history: None,
            events: false,
            in_flight_commands_max: 0,
            token: Token::default(),
            tls: None,
            gathers: false,
            give_up_after: Duration::from_secs(60),
        }
    }
}

/// The engine has another journal, or one that was repaired, than before: sending again might pay
/// twice. A person has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine has another history than before: its journal is another one, or was repaired")]
pub struct HistoryChanged;

/// What a session delivers.
#[derive(Debug)]
#[non_exhaustive]
pub enum Delivered {
    /// The engine answered a hello: what it said.
    Connected(EngineHello),
    /// The answer to a command.
    Answer {
        /// Number of its request.
        number: u64,
        /// Its place in the batch, from 0.
        index: usize,
        /// Whether it is the last of the batch.
        is_last: bool,
        /// The answer.
        answer: Answer,
    },
    /// The answer to a command that an earlier life of this session had sent.
    Replayed {
        /// The batch.
        origin: Origin,
        /// The answer.
        answer: Answer,
    },
    /// What a command brought about besides its outcome.
    Event(Event),
    /// A request was executed, but its outcomes, or some of them, can no longer be had.
    Lost {
        /// Its number.
        number: u64,
    },
    /// The session has ended: nothing more is delivered. What is under way may have been executed.
    Ended(ClientError),
}

/// A session with a name. Clones of its [`Sender`](SessionSender) may be on any threads.
#[derive(Debug)]
pub struct Session {
    sender: SessionSender,
    delivered: mpsc::Receiver<Delivered>,
}

/// The half of a session that sends.
#[derive(Debug)]
pub struct SessionSender {
    shared: std::sync::Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Session {
    /// Opens a session with the engine that listens at `address`, and waits for its hello.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the engine declines, and what else stands in the way for longer
    /// than [`SessionOptions::give_up_after`].
    ///
    /// # Panics
    ///
    /// If the session has no name.
    pub fn open(address: &Address, options: SessionOptions) -> Result<Session, ClientError> {
        let (sender, delivered) = mpsc::channel();
        let deliver = move |what| drop(sender.send(what));
        let sender = SessionSender::start(address, options, deliver)?;
        let session = Session { sender, delivered };
        match session.delivered.recv() {
            Ok(Delivered::Ended(error)) => Err(error),
            Ok(_) => Ok(session),
            Err(_) => Err(ClientError::Closed(address.clone())),
        }
    }

    /// Sends a batch, and returns its request number. Waits while as much is under way as the engine
    /// allows: answers are to be received meanwhile, by another thread, or before.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotABatch`], and nothing was sent; [`ClientError::Ended`].
    pub fn send(&self, batch: &[Command], tag: u128) -> Result<u64, ClientError> {
        self.sender.send(batch, tag)
    }

    /// What is delivered next. Blocks until there is something.
    ///
    /// # Errors
    ///
    /// Why the session has ended.
    pub fn receive(&self) -> Result<Delivered, ClientError> {
        match self.delivered.recv() {
            Ok(Delivered::Ended(error)) => Err(error),
            Ok(delivered) => Ok(delivered),
            Err(_) => Err(ClientError::Ended),
        }
    }

    /// As [`Session::receive`], for at most `longest`; `None` if nothing came.
    ///
    /// # Errors
    ///
    /// As [`Session::receive`].
    pub fn receive_within(&self, longest: Duration) -> Result<Option<Delivered>, ClientError> {
        match self.delivered.recv_timeout(longest) {
            Ok(Delivered::Ended(error)) => Err(error),
            Ok(delivered) => Ok(Some(delivered)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(ClientError::Ended),
        }
    }

    /// Sends one batch and waits for its answers, one for each command. For a session whose other
    /// requests are answered: what else is delivered meanwhile is dropped.
    ///
    /// # Errors
    ///
    /// As [`Session::send`] and [`Session::receive`]; [`ClientError::OutcomesLost`] if the batch was
    /// executed and its outcomes can no longer be had.
    pub fn execute(&self, batch: &[Command]) -> Result<Vec<Answer>, ClientError> {
        let sent = self.send(batch, 0)?;
        let mut answers = Answers::new(sent, batch.len());
        loop {
            if let Some(all) = answers.take(self.receive()?)? {
                return Ok(all);
            }
        }
    }

    /// The two halves, for two threads.
    #[must_use]
    pub fn split(self) -> (SessionSender, mpsc::Receiver<Delivered>) {
        (self.sender, self.delivered)
    }
}

impl SessionSender {
    /// Begins a session whose deliveries go to `deliver`, which is called on the session's thread and
    /// must not wait for the session. Returns at once: the first delivery is
    /// [`Delivered::Connected`], or [`Delivered::Ended`].
    ///
    /// # Errors
    ///
    /// [`ClientError::Io`] if the system refuses a thread.
    ///
    /// # Panics
    ///
    /// If the session has no name.
    pub fn start(
        address: &Address,
        options: SessionOptions,
        mut deliver: impl FnMut(Delivered) + Send + 'static,
    ) -> Result<SessionSender, ClientError> {
        assert!(options.session != 0, "a session that is resumed has a name");
        let failed = |source| ClientError::Io {
            operation: "starting a thread for",
            address: address.clone(),
            source,
        };
        let (link, shared) = Link::new(address, &options).map_err(failed)?;
        let named = std::thread::Builder::new().name("ringfence-client".to_owned());
        let each = move |all: Vec<Delivered>| all.into_iter().for_each(&mut deliver);
        let thread = named.spawn(move || link.run(each)).map_err(failed)?;
        Ok(SessionSender { shared, thread: Some(thread) })
    }

    /// Sends a batch, and returns its request number. Waits while as much is under way as the engine
    /// allows.
    ///
    /// # Errors
    ///
    /// As [`Session::send`].
    pub fn send(&self, batch: &[Command], tag: u128) -> Result<u64, ClientError> {
        check_batch(batch)?;
        self.shared.push(batch, None, tag, true).map(|number| number.expect("it has waited"))
    }

    /// As [`SessionSender::send`], with a request number of the caller's: above all before it.
    ///
    /// # Errors
    ///
    /// As [`Session::send`].
    ///
    /// # Panics
    ///
    /// If the number does not increase.
    pub fn send_numbered(
        &self,
        batch: &[Command],
        number: u64,
        tag: u128,
    ) -> Result<(), ClientError> {
        check_batch(batch)?;
        self.shared.push(batch, Some(number), tag, true).map(drop)
    }

    /// As [`SessionSender::send`], but returns `None` instead of waiting.
    ///
    /// # Errors
    ///
    /// As [`Session::send`].
    pub fn try_send(&self, batch: &[Command], tag: u128) -> Result<Option<u64>, ClientError> {
        check_batch(batch)?;
        self.shared.push(batch, None, tag, false)
    }

    /// Whether there is a connection just now, and the engine has answered its hello.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.is_connected()
    }

    /// How many commands are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.shared.under_way()
    }
}

impl Drop for SessionSender {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            // It panics only with a bug, and then says so itself.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_identities_that_other_languages_give_them() {
        assert_eq!(session_id("billing"), 0x6bad_d7c6_f15e_2750_971a_cee1_ecc7_950c);
    }
}
