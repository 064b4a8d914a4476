//! Subscriptions: clients that follow what happens, over their connections.
//!
//! ```text
//!   door ──Subscriber──▶ Subscriptions ──▶ a thread for each: hello, subscribe
//!                                             files ──▶ Follower ──▶ messages ──▶ socket
//!                                                        ▲ log end        acknowledge ──▶ positions
//! ```
//!
//! # Invariants
//!
//! * The pipeline waits for none of them: outcomes and commands are read from files, and commands
//!   that were just journaled from what the journal's writer keeps in memory for that.
//! * A subscriber holds up nobody but itself: it has a thread of its own, and memory for one frame
//!   of the log.
//! * There are never more of them than [`Settings::subscriptions`].
//! * A name is held by one connection. A later one takes it over, and begins once the earlier one
//!   was heard a last time, or has not been for some seconds; that one acknowledges nothing more.

mod connection;
mod keep;
mod lags;
mod log_end;
mod messages;
mod names;
mod positions;
mod serve;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::access::Principal;
use crate::session::{Seat, Stream};
use lags::Unnamed;
use log_end::LogEnd;
use names::Names;
use positions::Positions;
use ringfence_codec::wire::{ClientHello, ErrorCode, RequestDecoder, Violation};
use ringfence_journal::{DataDir, JournalError, Key, Recent};
use ringfence_node::History;
use ringfence_node::counters::LagReading;
use ringfence_node::follow::FollowError;
use ringfence_node::publish::LogGauges;

/// How subscriptions are served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The journal's key, so that seals are checked where commands are read.
    pub key: Option<Key>,
    /// What the engine has written to its journal last.
    pub recent: Option<Arc<Recent>>,
    /// Which history the engine has.
    pub history: History,
    /// What the outcome log tells, and is told, while the engine runs.
    pub gauges: LogGauges,
    /// Most subscriptions at a time.
    pub subscriptions: usize,
    /// How long a subscriber may be silent, or take nothing of what it is owed.
    pub idle_timeout: Duration,
}

/// A connection that has said the hello of a subscription and may come in.
pub struct Subscriber {
    /// The connection; it is registered nowhere.
    pub stream: Stream,
    /// What came behind the hello.
    pub decoder: RequestDecoder,
    /// What it said.
    pub hello: ClientHello,
    /// Who it is.
    pub principal: Arc<Principal>,
    /// Its place at the door, which learns from it why the connection ends.
    pub(crate) seat: Option<Seat>,
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Subscriber { stream, hello, principal, .. } = self;
        let mut parts = f.debug_struct("Subscriber");
        parts.field("stream", stream).field("hello", hello).field("principal", principal);
        parts.finish_non_exhaustive()
    }
}

/// Why subscriptions cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The places of named subscriptions cannot be read.
    #[error("reading {}: {source}", path.display())]
    Positions {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system refuses a thread.
    #[error("starting a thread: {0}")]
    Thread(#[source] io::Error),
}

/// The subscriptions of an engine.
#[derive(Debug)]
pub struct Subscriptions {
    shared: Arc<Shared>,
    /// Keeps the places of names.
    keeper: Option<JoinHandle<()>>,
}

/// What the threads of subscriptions share.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    log_end: Arc<LogEnd>,
    names: Mutex<Names>,
    /// Where subscriptions without a name are.
    unnamed: Unnamed,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Shared {
    fn names(&self) -> MutexGuard<'_, Names> {
        // Whoever panicked left places that stand for themselves.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the outcome log which outcomes named subscriptions still need.
    fn say_what_is_needed(&self, names: &Names) {
        self.settings.gauges.needed_after.set(names.positions.needed_after());
    }
}

impl Subscriptions {
    /// Sets up subscriptions to the engine whose journal is in the data directory.
    ///
    /// # Errors
    ///
    /// [`SubscriptionError`].
    pub fn open(settings: Settings) -> Result<Subscriptions, SubscriptionError> {
        let dir = DataDir::open_to_read(&settings.data_dir)?;
        let positions = Positions::open(dir.path(), settings.history).map_err(|source| {
            let path = settings.data_dir.join(positions::NAME);
            SubscriptionError::Positions { path, source }
        })?;
        if positions.was_damaged() {
            tracing::error!(
                "{}: it is damaged, and the places of named subscriptions are lost: consumers that \
                 want to go on at their place are refused, and have to say where",
                dir.path().join(positions::NAME).display()
            );
        }
        settings.gauges.needed_after.set(positions.needed_after());
        let names = Names::new(positions);
        let shared = Arc::new(Shared {
            settings,
            log_end: Arc::default(),
            names: Mutex::new(names),
            unnamed: Unnamed::default(),
            threads: Mutex::new(Vec::new()),
        });
        let kept = Arc::clone(&shared);
        let named = std::thread::Builder::new().name("ringfence-names".to_owned());
        let keeper =
            named.spawn(move || keep::keep(&kept, &dir)).map_err(SubscriptionError::Thread)?;
        shared.settings.gauges.set_listener(Some(Arc::clone(&shared.log_end) as _));
        Ok(Subscriptions { shared, keeper: Some(keeper) })
    }

    /// Serves a subscriber on a thread of its own, or says that there is no room. Returns at once.
    pub fn serve(&self, subscriber: Subscriber) {
        serve::begin(&self.shared, subscriber);
    }

    /// How many are served.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.log_end.followers()
    }

    /// How far each name is behind the outcome log, and the furthest of those without one.
    #[must_use]
    pub fn lags(&self) -> Vec<LagReading> {
        let last_sequence = self.shared.settings.gauges.logged.get();
        let behind = |sequence: u64| last_sequence.saturating_sub(sequence);
        let names = self.shared.names();
        let named = names.positions.kept().map(|(name, sequence)| LagReading {
            name: Some(name.to_string()),
            is_connected: names.is_held(name),
            sequences: behind(sequence),
        });
        let unnamed = self.shared.unnamed.furthest().map(|sequence| LagReading {
            name: None,
            is_connected: true,
            sequences: behind(sequence),
        });
        named.chain(unnamed).collect()
    }

    /// Gives every subscriber what the log still has for it, says that the engine stops, and ends.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.shared.settings.gauges.set_listener(None);
        self.shared.log_end.stop();
        if let Some(keeper) = &self.keeper {
            keeper.thread().unpark();
        }
        let threads = std::mem::take(&mut *self.shared.threads());
        for thread in threads.into_iter().chain(self.keeper.take()) {
            if let Err(panic) = thread.join()
                && !std::thread::panicking()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        self.end();
    }
}

/// Why a subscription ends.
#[derive(Debug)]
enum End {
    /// The peer is gone.
    Closed,
    /// It is told why.
    Error {
        code: ErrorCode,
        value: u64,
        text: String,
        /// What is logged in place of the text, where it says more.
        logged: Option<String>,
    },
}

impl End {
    fn error(code: ErrorCode, value: u64, text: impl fmt::Display) -> End {
        End::Error { code, value, text: text.to_string(), logged: None }
    }

    fn violated(violation: Violation) -> End {
        End::error(violation.code(), violation.value(), violation)
    }
}

impl From<FollowError> for End {
    fn from(error: FollowError) -> End {
        // Without the paths that the errors name: they concern nobody but the engine's owner.
        match &error {
            FollowError::TooFarBehind { after, oldest, .. } => {
                let text = format!("outcomes after {after} are no longer kept");
                End::error(ErrorCode::TooFarBehind, *oldest, text)
            }
            FollowError::Ahead { after, last, .. } => {
                let text = format!("the last outcome is {last}, before {after}");
                End::error(ErrorCode::SequenceAhead, *last, text)
            }
            FollowError::Changed { sequence, .. } => {
                let text = format!("the outcome {sequence} is another one than before");
                End::error(ErrorCode::OtherHistory, *sequence, text)
            }
            FollowError::NoOutcomeLog { .. } => {
                End::error(ErrorCode::NoOutcomeLog, 0, "there is no outcome log yet")
            }
            _ => {
                let text = "the outcome log cannot be read".to_owned();
                let logged = Some(error.to_string());
                End::Error { code: ErrorCode::NoOutcomeLog, value: 0, text, logged }
            }
        }
    }
}
