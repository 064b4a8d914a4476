//! What happens in the engine from a position on, as records, on a thread of its own.
//!
//! ```text
//!   subscription ──thread──▶ Stretch: records, and up to which sequence they reach ──▶ sink
//! ```
//!
//! # Invariants
//!
//! * A stretch ends with an outcome or with the engine's word that nothing else passed the filter:
//!   who has dealt with it may begin after its sequence.
//! * At most [`STRETCHES_MAX`] stretches of [`RECORDS_MAX`] records, and what one message of the
//!   engine holds, are in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ringfence_client::types::{Body, Event, Origin, Outcome};
use ringfence_client::{
    ClientError, ErrorCode, Followed, ResumingSubscription, Start, Subscribe, SubscriptionOptions,
};
use tokio::sync::mpsc;

use super::{EngineId, EngineOptions};
use crate::{Failure, Record, RecordKind, SinkMetrics};

/// Records of a stretch, about.
const RECORDS_MAX: usize = 1024;
/// Stretches that wait for the sink.
const STRETCHES_MAX: usize = 4;
/// How long the thread listens before it looks if it is still wanted.
const LISTEN: Duration = Duration::from_millis(250);
/// How long the thread may take to end in order.
const END_TIME_MAX: Duration = Duration::from_secs(2);

/// What a sink wants to be told.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// The name under which the engine keeps outcomes for it; 0: none.
    pub name: u128,
    /// Only this engine's.
    pub engine: EngineId,
    /// What comes after this sequence.
    pub after: u64,
    pub events: bool,
    pub commands: bool,
    pub only_successes: bool,
    pub ledgers: Vec<u32>,
    pub accounts: Vec<u128>,
}

/// Records, and up to which sequence nothing is missing.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub records: Vec<Record>,
    pub sequence: u64,
}

/// A thread that follows the engine. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Feed {
    stretches: mpsc::Receiver<Result<Stretch, Failure>>,
    /// Raised when nothing more is wanted.
    ended: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
}

impl Feed {
    /// Follows the engine from a position on, and connects again where a connection ends.
    pub fn start(
        options: &EngineOptions,
        wish: Wish,
        metrics: Arc<SinkMetrics>,
    ) -> Result<Feed, Failure> {
        let (sender, stretches) = mpsc::channel(STRETCHES_MAX);
        let ended = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let mut thread = Thread {
            options: options.clone(),
            wish,
            sender,
            ended: Arc::clone(&ended),
            acknowledged: Arc::clone(&acknowledged),
            metrics,
        };
        let named = std::thread::Builder::new().name("bridge-feed".to_owned());
        named.spawn(move || thread.run()).map_err(Failure::retry)?;
        Ok(Feed { stretches, ended, acknowledged })
    }

    /// The next stretch; an error is the last.
    pub async fn next(&mut self) -> Result<Stretch, Failure> {
        let next = self.stretches.recv().await;
        next.unwrap_or_else(|| Err(Failure::retry("the thread that follows the engine has ended")))
    }

    /// Everything up to `sequence` is dealt with: the engine need not keep it for the sink's name.
    pub fn acknowledge(&self, sequence: u64) {
        // Relaxed: a number of its own, which the thread reads when it comes to it.
        self.acknowledged.store(sequence, Ordering::Relaxed);
    }

    /// Everything up to `sequence` is dealt with, and nothing more is wanted. Returns when the engine
    /// has been told, unless that takes too long.
    pub async fn end(mut self, sequence: u64) {
        self.acknowledge(sequence);
        // Relaxed: the thread reads what is acknowledged when it comes to it.
        self.ended.store(true, Ordering::Relaxed);
        let ended = async { while self.stretches.recv().await.is_some() {} };
        let _ = tokio::time::timeout(END_TIME_MAX, ended).await;
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        // Relaxed: nothing else is read by it.
        self.ended.store(true, Ordering::Relaxed);
    }
}

struct Thread {
    options: EngineOptions,
    wish: Wish,
    sender: mpsc::Sender<Result<Stretch, Failure>>,
    ended: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    metrics: Arc<SinkMetrics>,
}

impl Thread {
    fn run(&mut self) {
        if let Err(failure) = self.follow() {
            // It fails where nobody wants to know.
            let _ = self.sender.blocking_send(Err(failure));
        }
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed) || self.sender.is_closed()
    }

    /// Follows until nothing more is wanted, or until there is nothing more to be had.
    fn follow(&mut self) -> Result<(), Failure> {
        let wish = Subscribe {
            name: self.wish.name,
            events: self.wish.events,
            commands: self.wish.commands,
            only_successes: self.wish.only_successes,
            ledgers: self.wish.ledgers.clone(),
            accounts: self.wish.accounts.clone(),
            ..Subscribe::outcomes(Start::After(self.wish.after))
        };
        let history = Some(self.wish.engine.history());
        let options = SubscriptionOptions { history, ..self.options.follows() };
        let mut subscription = ResumingSubscription::start(&self.options.address, options, wish);
        let mut gathering = Gathering::new(self.wish.engine.clone());
        let mut acknowledged = 0;
        let mut lost_because = None;
        while !self.has_ended() {
            let received = subscription.receive(LISTEN, |followed| gathering.take(followed));
            received.map_err(|error| self.failure(error))?;
            let reason = subscription.lost_because().map(str::to_owned);
            if let Some(reason) = reason.as_ref().filter(|_| reason != lost_because) {
                tracing::warn!("following the engine: {reason}");
                // What was acknowledged last may not have arrived.
                acknowledged = 0;
            }
            lost_because = reason;
            self.metrics.head.store(gathering.head, Ordering::Relaxed);
            self.hand_over(&mut gathering);
            self.pass_on(&mut subscription, &mut acknowledged);
        }
        self.pass_on(&mut subscription, &mut acknowledged);
        Ok(())
    }

    /// Why there is nothing more to be had.
    fn failure(&self, error: ClientError) -> Failure {
        let is_of_another = match &error {
            ClientError::History { .. } => true,
            ClientError::Refused { error, .. } => {
                ErrorCode::from_number(error.code) == Some(ErrorCode::OtherHistory)
            }
            _ => false,
        };
        let expected = &self.wish.engine;
        match is_of_another {
            true => Failure::last(format!("the sink's position is of {expected}: {error}")),
            false => error.into(),
        }
    }

    fn hand_over(&mut self, gathering: &mut Gathering) {
        gathering.end_with_outcome();
        for stretch in gathering.stretches.drain(..) {
            self.wish.after = stretch.sequence;
            // It fails where nobody wants it any more.
            let _ = self.sender.blocking_send(Ok(stretch));
        }
        if gathering.looked_at > self.wish.after && gathering.records.is_empty() {
            self.wish.after = gathering.looked_at;
            let stretch = Stretch { records: Vec::new(), sequence: gathering.looked_at };
            let _ = self.sender.blocking_send(Ok(stretch));
        }
    }

    /// Tells the engine what is dealt with, where the subscription has a name and a connection.
    fn pass_on(&self, subscription: &mut ResumingSubscription, acknowledged: &mut u64) {
        let sequence = self.acknowledged.load(Ordering::Relaxed).min(self.wish.after);
        let is_connected = subscription.lost_because().is_none();
        if self.wish.name != 0 && is_connected && sequence > *acknowledged {
            subscription.acknowledge(sequence);
            *acknowledged = sequence;
        }
    }
}

/// What is told, on its way to stretches.
struct Gathering {
    engine: EngineId,
    stretches: Vec<Stretch>,
    /// Records since the last stretch ended.
    records: Vec<Record>,
    /// Found by the look-up whose outcome comes next.
    bodies: Vec<Event>,
    origin: Option<Arc<Origin>>,
    commands: Vec<Body>,
    commands_first: u64,
    looked_at: u64,
    /// The last command that the engine has published.
    head: u64,
}

impl Gathering {
    fn new(engine: EngineId) -> Gathering {
        Gathering {
            engine,
            stretches: Vec::new(),
            records: Vec::new(),
            bodies: Vec::new(),
            origin: None,
            commands: Vec::new(),
            commands_first: 0,
            looked_at: 0,
            head: 0,
        }
    }

    fn take(&mut self, followed: Followed) {
        match followed {
            Followed::Origin(origin) => self.origin = Some(Arc::new(origin)),
            Followed::Commands { first_sequence, bodies, .. } => {
                self.commands(first_sequence, &bodies)
            }
            Followed::Event(event) if event.kind().is_numbered() => {
                let record = Record::event(&self.engine, &event);
                self.records.push(Record { origin: self.origin_of(event.sequence), ..record });
            }
            Followed::Event(event) => self.bodies.push(event),
            Followed::Outcomes { first_sequence, outcomes } => {
                for (sequence, outcome) in (first_sequence..).zip(&outcomes) {
                    self.outcome(sequence, outcome);
                }
            }
            Followed::Progress(progress) => {
                self.looked_at = progress.sequence;
                self.head = progress.last_sequence;
            }
            _ => {}
        }
    }

    /// Keeps the bodies of consecutive commands until their outcomes come.
    fn commands(&mut self, first_sequence: u64, bodies: &[Body]) {
        if self.commands_first + self.commands.len() as u64 != first_sequence {
            self.commands.clear();
            self.commands_first = first_sequence;
        }
        self.commands.extend_from_slice(bodies);
    }

    fn origin_of(&self, sequence: u64) -> Option<Arc<Origin>> {
        let origin = self.origin.as_ref()?;
        (origin.first_sequence..=origin.last_sequence()).contains(&sequence).then(|| origin.clone())
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        self.bodies.retain(|body| body.sequence == sequence);
        let index = sequence.checked_sub(self.commands_first);
        let command = index.and_then(|index| self.commands.get(usize::try_from(index).ok()?));
        let record = Record::outcome(&self.engine, sequence, outcome, &self.bodies, command);
        if index.is_some_and(|index| index + 1 == self.commands.len() as u64) {
            self.commands.clear();
            self.commands_first = sequence + 1;
        }
        self.bodies.clear();
        self.records.push(Record { origin: self.origin_of(sequence), ..record });
        self.looked_at = sequence;
        self.head = self.head.max(sequence);
        if self.records.len() >= RECORDS_MAX {
            self.end_stretch(sequence);
        }
    }

    /// Ends the stretch if the last record is an outcome: events may wait for theirs.
    fn end_with_outcome(&mut self) {
        let last = self.records.last().filter(|last| last.kind == RecordKind::Outcome);
        if let Some(sequence) = last.map(|last| last.sequence) {
            self.end_stretch(sequence);
        }
    }

    fn end_stretch(&mut self, sequence: u64) {
        self.stretches.push(Stretch { records: std::mem::take(&mut self.records), sequence });
    }
}
