//! The session of one principal with the engine: each request takes effect once.
//!
//! ```text
//!   requests ─ask──▶ State: keys, what is under way ─one write for many─▶ engine
//!      ▲                         ▲
//!      └──── answers ◀── task: receives, opens again ◀──────────────────────┘
//! ```
//!
//! # Invariants
//!
//! * A key is under way or answered once; what it was used with is in its tag.
//! * What is under way stands in the order of its request numbers.
//! * A request that the engine does not allow ends the connection: the others are sent again or
//!   answered from the log, and only that one is refused.

mod keys;
mod open;
mod state;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ringfence_bridge_core::{EngineOptions, SourceMetrics, code_of};
use ringfence_client::{Answer, AsyncSessionReceiver, ClientError, Delivered, ErrorCode};
use ringfence_types::Command;
use tokio::sync::{oneshot, watch};

use crate::monitor::Monitor;
use state::State;

pub use keys::{KeyHash, Known};

/// How long a principal whom the engine refused is refused without asking it again.
const REFUSED_FOR: Duration = Duration::from_secs(3);
/// How long a session that was taken over is left to whoever has it.
const SUPERSEDED_FOR: Duration = Duration::from_secs(30);

/// What became of a request.
#[derive(Debug, Clone)]
pub enum Done {
    /// It was executed: the answers to its commands.
    Answers(Arc<[Answer]>),
    /// It was executed, but its outcomes can no longer be had.
    Lost,
}

/// Why a request has no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The engine does not know the token.
    Unauthenticated(String),
    /// The principal may not do this. It was not executed.
    Forbidden(String),
    /// There is no session. What was under way may have been executed.
    NoSession(String),
    /// As much is under way as there may be. It was not executed.
    Busy,
    /// The key was used with other commands. It was not executed.
    Conflict,
    /// The engine is away. It was not executed.
    Away,
}

/// What comes of asking.
#[derive(Debug)]
pub struct Asked {
    /// Whether the same had been asked before.
    pub is_repeat: bool,
    /// The outcome.
    pub outcome: Pending,
}

/// An outcome, or where it comes.
#[derive(Debug)]
pub enum Pending {
    /// It is there.
    Here(Done),
    /// It comes.
    Comes(oneshot::Receiver<Result<Done, Trouble>>),
}

/// If requests can be sent.
#[derive(Debug, Clone)]
enum Phase {
    Opening,
    Open,
    /// Until then nothing is tried.
    Refused(Trouble, Instant),
    Closed,
}

/// How sessions are opened.
#[derive(Debug, Clone)]
pub struct SessionSetting {
    /// Where the engine is, and the token that shows who asks.
    pub engine: EngineOptions,
    /// Identity of the session.
    pub session: u128,
    /// Answered requests whose keys are known.
    pub remember: usize,
    /// How the engine is.
    pub monitor: Monitor,
    /// What is counted.
    pub metrics: Arc<SourceMetrics>,
}

/// A session with the engine.
#[derive(Debug)]
pub struct Session {
    setting: SessionSetting,
    state: Mutex<State>,
    phase: watch::Sender<Phase>,
    start: Instant,
    /// In milliseconds after `start`.
    last_used: AtomicU64,
}

impl Session {
    /// Opens a session, in a task of its own.
    pub fn start(setting: SessionSetting) -> Arc<Session> {
        let session = Arc::new(Session {
            state: Mutex::new(State::new(setting.remember)),
            setting,
            phase: watch::channel(Phase::Opening).0,
            start: Instant::now(),
            last_used: AtomicU64::new(0),
        });
        tokio::spawn(Arc::clone(&session).run());
        session
    }

    /// Ends the session. What is under way is executed or not, as the engine has it.
    pub fn close(&self) {
        self.phase.send_replace(Phase::Closed);
    }

    /// Whether it has to be opened anew to be of use.
    pub fn has_ended(&self) -> bool {
        match &*self.phase.borrow() {
            Phase::Refused(_, until) => Instant::now() >= *until,
            Phase::Closed => true,
            Phase::Opening | Phase::Open => false,
        }
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        !matches!(*self.phase.borrow(), Phase::Opening) && self.lock().is_idle()
    }

    /// When it was last used, in milliseconds since an instant that is the same for one session.
    pub fn idle_time(&self) -> Duration {
        let now = self.start.elapsed().as_millis() as u64;
        Duration::from_millis(now - self.last_used.load(Ordering::Relaxed).min(now))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left a state that stands for itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether requests can be sent; it is in use from now on.
    pub fn is_open(&self) -> bool {
        self.last_used.store(self.start.elapsed().as_millis() as u64, Ordering::Relaxed);
        matches!(*self.phase.borrow(), Phase::Open)
    }

    /// Waits until requests can be sent.
    ///
    /// # Errors
    ///
    /// Why they cannot.
    pub async fn ready(&self) -> Result<(), Trouble> {
        let mut phase = self.phase.subscribe();
        let phase = phase.wait_for(|phase| !matches!(phase, Phase::Opening)).await;
        match phase.as_deref() {
            Ok(Phase::Refused(trouble, _)) => Err(trouble.clone()),
            Ok(Phase::Closed) | Err(_) => Err(Trouble::NoSession("the session was closed".into())),
            Ok(_) => Ok(()),
        }
    }

    /// Sends a batch unless the key says that it was sent before. `None`: the session is being
    /// opened, and has to be waited for.
    ///
    /// # Errors
    ///
    /// Why nothing was sent.
    pub fn ask(
        &self,
        batch: Vec<Command>,
        key: Option<KeyHash>,
    ) -> Result<Result<Asked, Vec<Command>>, Trouble> {
        let is_up = self.setting.monitor.is_up();
        let metrics = &self.setting.metrics;
        let commands = batch.len() as u64;
        let asked = self.lock().ask(batch, key, is_up)?;
        match &asked {
            Ok(asked) => {
                metrics.received.fetch_add(1, Ordering::Relaxed);
                match asked.is_repeat {
                    true => metrics.repeated.fetch_add(1, Ordering::Relaxed),
                    false => metrics.commands.fetch_add(commands, Ordering::Relaxed),
                };
            }
            Err(_) => {
                // Its task learns of the end by itself.
                self.phase.send_if_modified(|phase| {
                    let is_open = matches!(phase, Phase::Open);
                    if is_open {
                        *phase = Phase::Opening;
                    }
                    is_open
                });
            }
        }
        Ok(asked)
    }

    /// What is known of a key.
    pub fn look_up(&self, key: KeyHash) -> Option<Known> {
        self.lock().keys.get(key).map(|(_, known)| known.clone())
    }

    /// The session's task: opens, serves, and opens again.
    async fn run(self: Arc<Session>) {
        let mut phase = self.phase.subscribe();
        let trouble = tokio::select! {
            trouble = self.open_and_serve() => trouble,
            _ = phase.wait_for(|phase| matches!(phase, Phase::Closed)) => {
                Trouble::NoSession("the session was closed".to_owned())
            }
        };
        let until = match &trouble {
            Trouble::NoSession(_) => SUPERSEDED_FOR,
            _ => REFUSED_FOR,
        };
        self.enter(Phase::Refused(trouble.clone(), Instant::now() + until));
        self.lock().give_up(&trouble);
    }

    /// Enters a phase, unless the session was closed.
    fn enter(&self, next: Phase) {
        self.phase.send_if_modified(|phase| {
            let is_open = !matches!(phase, Phase::Closed);
            if is_open {
                *phase = next;
            }
            is_open
        });
    }

    async fn open_and_serve(&self) -> Trouble {
        let mut opened = self.open().await;
        loop {
            let mut receiver = match opened {
                Ok(receiver) => receiver,
                Err(error) => return trouble_of(&error),
            };
            self.enter(Phase::Open);
            let ended = tokio::select! {
                error = self.serve(&mut receiver) => Some(error),
                () = self.setting.monitor.away() => None,
            };
            drop(receiver);
            let refused = match &ended {
                None => None,
                Some(error) if code_of(error) == Some(ErrorCode::NotAllowed) => {
                    Some(trouble_of(error))
                }
                Some(error) => {
                    tracing::warn!("a session with the engine has ended: {error}");
                    return trouble_of(error);
                }
            };
            self.lock().sender = None;
            self.enter(Phase::Opening);
            // Its own attempts would be further apart the longer the engine is away.
            self.setting.monitor.up().await;
            opened = self.open_again(refused.as_ref()).await;
        }
    }

    async fn serve(&self, receiver: &mut AsyncSessionReceiver) -> ClientError {
        loop {
            match receiver.receive().await {
                Ok(Delivered::Answer { number, is_last, answer, .. }) => {
                    self.lock().answer(number, answer, is_last);
                    if is_last {
                        self.setting.metrics.settled.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Ok(Delivered::Lost { number }) => {
                    self.setting.metrics.lost.fetch_add(1, Ordering::Relaxed);
                    self.lock().lose(number);
                }
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    }
}

/// What an error of the session is to those who wait.
pub fn trouble_of(error: &ClientError) -> Trouble {
    match code_of(error) {
        Some(ErrorCode::Unauthenticated) => {
            Trouble::Unauthenticated("the engine does not know this token".to_owned())
        }
        Some(ErrorCode::NotAllowed) => Trouble::Forbidden(text_of(error)),
        _ => Trouble::NoSession(text_of(error)),
    }
}

/// What the engine said, without where it is.
pub fn text_of(error: &ClientError) -> String {
    match error {
        ClientError::Refused { error, .. } => error.text.clone(),
        other => other.to_string(),
    }
}
