//! A sink of outcomes and events, connected again and again.
//!
//! ```text
//!   Sink::open ─▶ position ─▶ Feed ─stretches─▶ Sink::send ─▶ confirmed, in order ─▶ Sink::store
//! ```
//!
//! # Invariants
//!
//! * Positions move only over what was confirmed, in order.
//! * A position is stored before anything is sent, so that a sink that starts again begins no later
//!   than the first time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use ringfence_client::{BackOff, session_id};
use tokio::time::Instant;

use crate::config::{SinkOptions, SinkStart};
use crate::engine::{Feed, Stretch, Wish, place, remember};
use crate::metrics::{add, count};
use crate::{
    Context, EngineId, FIRM_AFTER, FIRST_WAIT, Failure, Position, Record, SinkMetrics, ask,
};

/// Ends when everything of one [`Sink::send`] is confirmed.
pub type Confirmed = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// Ends when a stretch is confirmed: up to which sequence, and how many records it had.
type Sending = Pin<Box<dyn Future<Output = Result<(u64, u64), Failure>> + Send>>;

/// How long a position may wait until it is stored.
const STORE_EVERY: Duration = Duration::from_millis(100);
/// Stretches that are sent and not confirmed, where the sink says nothing else.
pub const UNCONFIRMED_MAX: usize = 16;

/// What a broker says of the connection of a sink that only sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The connection has ended, and why.
    Lost(Failure),
    /// It takes nothing for now, and why; `None`: it takes messages again.
    Blocked(Option<String>),
}

/// Where outcomes and events go.
pub trait Sink: Send {
    /// Whether the position that is stored goes before a later one that this program has confirmed.
    /// Where a broker can lose what it has confirmed, and the position with it, what it has lost is
    /// sent again then.
    const STORED_GOES_FIRST: bool = false;

    /// Whether its position is stored where the records go. If not, the engine keeps it, under the
    /// sink's name.
    const KEEPS_POSITION: bool = true;

    /// Connects, and returns the position that is stored there; `None`: none yet.
    ///
    /// # Errors
    ///
    /// Why there is no connection.
    fn open(&mut self) -> impl Future<Output = Result<Option<Position>, Failure>> + Send;

    /// Sends records, in their order. Returns before they are confirmed; what it returns ends when
    /// all are. `position` is where the sink stands after them: who keeps it in one transaction
    /// with the records stores it here.
    ///
    /// # Errors
    ///
    /// Why the connection ended.
    fn send(
        &mut self,
        records: Vec<Record>,
        position: &Position,
    ) -> impl Future<Output = Result<Confirmed, Failure>> + Send;

    /// Stores a position, up to which everything is confirmed. Called now and then.
    ///
    /// # Errors
    ///
    /// Why the connection ended.
    fn store(&mut self, position: &Position) -> impl Future<Output = Result<(), Failure>> + Send;

    /// What the broker says of the connection next, so that a sink that has nothing to send knows
    /// that its connection has ended. May be dropped while it waits. Never ends where there is no
    /// connection.
    fn heard(&mut self) -> impl Future<Output = Heard> + Send {
        std::future::pending()
    }

    /// How many calls of [`Sink::send`] may be unconfirmed. More are of use where many are
    /// confirmed together.
    fn unconfirmed_max(&self) -> usize {
        UNCONFIRMED_MAX
    }
}

/// Runs a sink until it is asked to stop.
///
/// # Errors
///
/// Why no further attempt is made.
pub async fn run_sink<S: Sink>(
    sink: S,
    options: SinkOptions,
    context: Context,
) -> Result<(), Failure> {
    let metrics = context.metrics.sink(&options.name);
    let name = options.name.clone();
    let mut running = Running {
        sink,
        options,
        context,
        metrics: Arc::clone(&metrics),
        confirmed: None,
        stored: 0,
    };
    let result = running.run().await;
    metrics.is_connected.store(false, Ordering::Relaxed);
    metrics.has_ended.store(true, Ordering::Relaxed);
    if let Err(failure) = &result {
        metrics.trouble.set(failure);
        tracing::error!(sink = name, "it has ended: {failure}");
    }
    result
}

struct Running<S> {
    sink: S,
    options: SinkOptions,
    context: Context,
    metrics: Arc<SinkMetrics>,
    /// Up to where everything is confirmed, in the life of this program.
    confirmed: Option<Position>,
    stored: u64,
}

impl<S: Sink> Running<S> {
    async fn run(&mut self) -> Result<(), Failure> {
        let mut stop = self.context.stop.clone();
        let mut back_off = BackOff::new(FIRST_WAIT);
        while !stop.is_asked() {
            let start = Instant::now();
            let failure = match self.connection().await {
                Ok(()) => return Ok(()),
                Err(failure) if failure.is_final() => return Err(failure),
                Err(failure) => failure,
            };
            self.metrics.trouble.set(&failure);
            if self.metrics.is_connected.swap(false, Ordering::Relaxed) {
                count(&self.metrics.reconnects);
            }
            if start.elapsed() > FIRM_AFTER {
                back_off.reset();
            }
            tracing::warn!(sink = self.options.name, "{failure}");
            if stop.sleep(back_off.wait()).await {
                break;
            }
        }
        Ok(())
    }

    /// Where to begin: where this program or an earlier one has ended.
    async fn begin(&mut self) -> Result<Position, Failure> {
        let stored = match (self.sink.open().await?, S::KEEPS_POSITION) {
            (stored, true) => stored,
            (_, false) => place(&self.context.engine, self.name()).await?,
        };
        let is_stored = stored.is_some();
        let known = ask(&self.context.engine).await?;
        let latest = match stored {
            Some(stored) if S::STORED_GOES_FIRST => Some(stored),
            stored => {
                let known = [stored, self.confirmed.take()].into_iter().flatten();
                known.max_by_key(|position| position.sequence)
            }
        };
        let position = match latest {
            Some(position) => position,
            None => {
                let sequence = match self.options.start {
                    SinkStart::Oldest => known.oldest_sequence.saturating_sub(1),
                    SinkStart::Now => known.last_sequence,
                    SinkStart::After(sequence) => sequence,
                };
                Position { engine: known.id.clone(), sequence }
            }
        };
        check(&position, &known.id, known.last_sequence)?;
        if !is_stored {
            self.store_first(&position).await?;
        }
        tracing::info!(sink = self.options.name, "begins after {position}");
        self.confirmed = Some(position.clone());
        self.stored = position.sequence;
        self.metrics.position.store(position.sequence, Ordering::Relaxed);
        self.metrics.head.store(known.last_sequence, Ordering::Relaxed);
        self.context.positions.advance(&self.options.name, position.sequence);
        Ok(position)
    }

    /// Stores the position to begin with, unless a stop is asked for: nothing is sent then.
    async fn store_first(&mut self, position: &Position) -> Result<(), Failure> {
        self.metrics.trouble.set("its first position is not stored yet");
        let mut stop = self.context.stop.clone();
        let name = self.name();
        let storing = async {
            match S::KEEPS_POSITION {
                true => self.sink.store(position).await,
                false => remember(&self.context.engine, name, position).await,
            }
        };
        tokio::select! {
            stored = storing => stored,
            () = stop.asked() => Ok(()),
        }
    }

    /// The name under which the engine keeps outcomes for it; 0: none.
    fn name(&self) -> u128 {
        match self.options.keeps_log {
            true => session_id(&format!("bridge-sink:{}", self.options.name)),
            false => 0,
        }
    }

    fn wish(&self, position: &Position) -> Wish {
        self.options.wish(self.name(), position)
    }

    /// One connection to the broker.
    async fn connection(&mut self) -> Result<(), Failure> {
        let position = self.begin().await?;
        let wish = self.wish(&position);
        let engine = position.engine;
        let mut feed = Feed::start(&self.context.engine, wish, Arc::clone(&self.metrics));
        self.metrics.blocked.clear();
        self.metrics.is_connected.store(true, Ordering::Relaxed);
        let mut unconfirmed = FuturesOrdered::new();
        let mut stop = self.context.stop.clone();
        let mut store_at: Option<Instant> = None;
        loop {
            let has_room = unconfirmed.len() < self.sink.unconfirmed_max();
            let store_due = store_at.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                () = stop.asked() => break,
                Some(confirmed) = unconfirmed.next() => {
                    let (sequence, records) = confirmed?;
                    self.confirm(&engine, sequence, records);
                    store_at.get_or_insert_with(|| Instant::now() + STORE_EVERY);
                }
                heard = self.sink.heard() => self.hear(heard)?,
                () = tokio::time::sleep_until(store_due), if store_at.is_some() => {
                    self.store().await?;
                    feed.acknowledge(self.stored);
                    store_at = None;
                }
                stretch = feed.next(), if has_room => {
                    unconfirmed.push_back(self.send(&engine, stretch?).await?);
                }
            }
        }
        // What is sent is waited for, so that less comes again.
        while let Some(confirmed) = unconfirmed.next().await {
            let (sequence, records) = confirmed?;
            self.confirm(&engine, sequence, records);
        }
        self.store().await?;
        feed.end(self.stored).await;
        Ok(())
    }

    fn hear(&self, heard: Heard) -> Result<(), Failure> {
        let sink = &self.options.name;
        match heard {
            Heard::Lost(failure) => return Err(failure),
            Heard::Blocked(Some(reason)) => {
                tracing::warn!(sink, "the broker takes no messages: {reason}");
                self.metrics.blocked.set(reason);
            }
            Heard::Blocked(None) => {
                tracing::info!(sink, "the broker takes messages again");
                self.metrics.blocked.clear();
            }
        }
        Ok(())
    }

    async fn send(&mut self, engine: &EngineId, stretch: Stretch) -> Result<Sending, Failure> {
        let position = Position { engine: engine.clone(), sequence: stretch.sequence };
        let records = stretch.records.len() as u64;
        add(&self.metrics.sent, records);
        let confirmed = self.sink.send(stretch.records, &position).await?;
        Ok(Box::pin(async move {
            confirmed.await?;
            Ok((stretch.sequence, records))
        }))
    }

    fn confirm(&mut self, engine: &EngineId, sequence: u64, records: u64) {
        add(&self.metrics.confirmed, records);
        self.metrics.position.store(sequence, Ordering::Relaxed);
        self.confirmed = Some(Position { engine: engine.clone(), sequence });
        self.context.positions.advance(&self.options.name, sequence);
    }

    async fn store(&mut self) -> Result<(), Failure> {
        let Some(position) = self.confirmed.clone() else { return Ok(()) };
        if position.sequence > self.stored {
            self.sink.store(&position).await?;
            self.stored = position.sequence;
        }
        Ok(())
    }
}

impl SinkOptions {
    /// What the sink wants to be told after `position`, under a name of the engine's; 0: none.
    pub(crate) fn wish(&self, name: u128, position: &Position) -> Wish {
        Wish {
            name,
            engine: position.engine.clone(),
            after: position.sequence,
            events: self.events,
            commands: self.commands,
            only_successes: self.only_successes,
            ledgers: self.ledgers.clone(),
            accounts: self.accounts.clone(),
        }
    }
}

/// Refuses a position of another engine, or beyond what this one has done.
fn check(position: &Position, engine: &EngineId, last_sequence: u64) -> Result<(), Failure> {
    if position.engine != *engine {
        return Err(Failure::last(format!(
            "the sink's position {position} is of another engine than {engine}: its journal is \
             another one, or was repaired"
        )));
    }
    if position.sequence > last_sequence {
        return Err(Failure::last(format!(
            "the sink's position {position} lies beyond the engine's last sequence {last_sequence}"
        )));
    }
    Ok(())
}
