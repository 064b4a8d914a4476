//! What happens in the engine from a position on, as records, by a task of its own.
//!
//! ```text
//!   subscription ──task──▶ Stretch: records, and up to which sequence they reach ──▶ sink
//! ```
//!
//! # Invariants
//!
//! * A stretch ends with an outcome or with the engine's word that nothing else passed the filter:
//!   who has dealt with it may begin after its sequence.
//! * At most [`STRETCHES_MAX`] stretches of [`RECORDS_MAX`] records, and what one message of the
//!   engine holds, are in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringfence_client::types::{Body, Event, Origin, Outcome};
use ringfence_client::{
    AsyncResumingSubscription, ClientError, ErrorCode, Followed, Start, Subscribe,
    SubscriptionOptions,
};
use tokio::sync::{mpsc, watch};

use super::{EngineId, EngineOptions};
use crate::{Failure, Record, SinkMetrics, code_of};

/// Records of a stretch, about.
const RECORDS_MAX: usize = 1024;
/// Stretches that wait for the sink.
const STRETCHES_MAX: usize = 4;
/// How long the task may take to end in order.
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

/// What the sink has said to the task.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    /// Everything up to here is dealt with.
    acknowledged: u64,
    /// Nothing more is wanted.
    has_ended: bool,
}

/// A task that follows the engine. Dropping it ends the task.
#[derive(Debug)]
pub(crate) struct Feed {
    stretches: mpsc::Receiver<Result<Stretch, Failure>>,
    said: watch::Sender<Said>,
}

impl Feed {
    /// Follows the engine from a position on, and connects again where a connection ends.
    pub fn start(options: &EngineOptions, wish: Wish, metrics: Arc<SinkMetrics>) -> Feed {
        let (sender, stretches) = mpsc::channel(STRETCHES_MAX);
        let (said, heard) = watch::channel(Said::default());
        let following = Following { options: options.clone(), wish, sender, heard, metrics };
        tokio::spawn(following.run());
        Feed { stretches, said }
    }

    /// The next stretch; an error is the last. May be dropped while it waits.
    pub async fn next(&mut self) -> Result<Stretch, Failure> {
        let next = self.stretches.recv().await;
        next.unwrap_or_else(|| Err(Failure::retry("the task that follows the engine has ended")))
    }

    /// Everything up to `sequence` is dealt with: the engine need not keep it for the sink's name.
    pub fn acknowledge(&self, sequence: u64) {
        self.said.send_modify(|said| said.acknowledged = sequence);
    }

    /// Everything up to `sequence` is dealt with, and nothing more is wanted. Returns when the engine
    /// has been told, unless that takes too long.
    pub async fn end(mut self, sequence: u64) {
        self.said.send_replace(Said { acknowledged: sequence, has_ended: true });
        let ended = async { while self.stretches.recv().await.is_some() {} };
        let _ = tokio::time::timeout(END_TIME_MAX, ended).await;
    }
}

/// What of that interrupts the task.
struct Hears {
    is_connected: bool,
    has_ended: bool,
}

impl Hears {
    /// Waits for something that can be acted on; whether the sink is still there.
    async fn what_counts(self, heard: &mut watch::Receiver<Said>) -> bool {
        match self {
            Hears { is_connected: true, .. } => heard.changed().await.is_ok(),
            // An attempt to connect is not broken off for what cannot be passed on without it.
            Hears { has_ended: false, .. } => heard.wait_for(|said| said.has_ended).await.is_ok(),
            Hears { .. } => {
                while heard.changed().await.is_ok() {}
                false
            }
        }
    }
}

struct Following {
    options: EngineOptions,
    wish: Wish,
    sender: mpsc::Sender<Result<Stretch, Failure>>,
    heard: watch::Receiver<Said>,
    metrics: Arc<SinkMetrics>,
}

impl Following {
    async fn run(mut self) {
        if let Err(failure) = self.follow().await {
            // It fails where nobody wants to know.
            let _ = self.sender.send(Err(failure)).await;
        }
    }

    /// Follows until nothing more is wanted, or until there is nothing more to be had.
    async fn follow(&mut self) -> Result<(), Failure> {
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
        let mut subscription =
            AsyncResumingSubscription::start(&self.options.address, options, wish);
        let mut gathering = Gathering::new(self.wish.engine.clone());
        let mut acknowledged = 0;
        let mut lost_because = None;
        loop {
            let Said { acknowledged: dealt_with, has_ended } = *self.heard.borrow_and_update();
            // Of what the sink has not been given it cannot have said anything.
            let dealt_with = dealt_with.min(self.wish.after);
            let is_connected = subscription.lost_because().is_none();
            if self.wish.name != 0 && is_connected && dealt_with > acknowledged {
                subscription.acknowledge(dealt_with).await;
                acknowledged = dealt_with;
            }
            let has_said_all = self.wish.name == 0 || dealt_with <= acknowledged;
            if has_ended && has_said_all {
                return Ok(());
            }
            let hears = Hears { is_connected, has_ended };
            tokio::select! {
                biased;
                // Where the sink is gone, nothing more is wanted.
                is_there = hears.what_counts(&mut self.heard) => if !is_there { return Ok(()) },
                told = subscription.next_or_change() => {
                    let mut told = told.map_err(|error| self.failure(error))?;
                    while let Some(followed) = told {
                        gathering.take(followed);
                        told = subscription.next_here().map_err(|error| self.failure(error))?;
                    }
                    self.hand_over(&mut gathering).await;
                }
            }
            let reason = subscription.lost_because().map(str::to_owned);
            let is_news = |why: &&String| !why.is_empty() && reason != lost_because;
            if let Some(reason) = reason.as_ref().filter(is_news) {
                tracing::warn!("following the engine: {reason}");
                // What was acknowledged last may not have arrived.
                acknowledged = 0;
            }
            lost_because = reason;
        }
    }

    /// Why there is nothing more to be had.
    fn failure(&self, error: ClientError) -> Failure {
        let is_of_another = matches!(error, ClientError::History { .. })
            || code_of(&error) == Some(ErrorCode::OtherHistory);
        let expected = &self.wish.engine;
        match is_of_another {
            true => Failure::last(format!("the sink's position is of {expected}: {error}")),
            false => error.into(),
        }
    }

    async fn hand_over(&mut self, gathering: &mut Gathering) {
        if gathering.head > 0 {
            self.metrics.head.store(gathering.head, Ordering::Relaxed);
        }
        if gathering.looked_at > self.wish.after {
            gathering.end_stretch();
        }
        for stretch in gathering.stretches.drain(..) {
            self.wish.after = stretch.sequence;
            // It fails where nobody wants it any more.
            let _ = self.sender.send(Ok(stretch)).await;
        }
    }
}

/// What is told, on its way to stretches.
struct Gathering {
    engine: EngineId,
    stretches: Vec<Stretch>,
    /// Records since the last stretch ended, each with the sequence of the outcome before which it
    /// goes, or which it is.
    records: Vec<(u64, Record)>,
    /// Found by the look-up whose outcome comes next.
    bodies: Vec<Event>,
    origin: Option<Arc<Origin>>,
    commands: Vec<Body>,
    commands_first: u64,
    /// Everything up to this outcome is here, or did not pass the filter.
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
                let record = Record { origin: self.origin_of(event.sequence), ..record };
                self.records.push((event.goes_before(), record));
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
        self.records.push((sequence, Record { origin: self.origin_of(sequence), ..record }));
        self.looked_at = sequence;
        self.head = self.head.max(sequence);
        if self.records.len() >= RECORDS_MAX {
            self.end_stretch();
        }
    }

    /// Ends the stretch with what is looked at. Events of a later command wait for its outcome, or
    /// for the engine's word that this does not pass the filter: who goes on after the stretch is
    /// told them again.
    fn end_stretch(&mut self) {
        let sequence = self.looked_at;
        let complete = self.records.partition_point(|(goes_before, _)| *goes_before <= sequence);
        let later = self.records.split_off(complete);
        let records = std::mem::replace(&mut self.records, later);
        let records = records.into_iter().map(|(_, record)| record).collect();
        self.stretches.push(Stretch { records, sequence });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_client::Progress;
    use ringfence_client::types::{EventKind, Status};

    fn expired(goes_before: u64) -> Followed {
        let kind = EventKind::TransferExpired as u8;
        Followed::Event(Event { sequence: goes_before, kind, ..Event::default() })
    }

    fn outcome(first_sequence: u64) -> Followed {
        let outcome = Outcome { status: Status::Created as u16, op: 1, ..Outcome::default() };
        Followed::Outcomes { first_sequence, outcomes: vec![outcome] }
    }

    fn progress(sequence: u64) -> Followed {
        Followed::Progress(Progress { sequence, last_sequence: sequence })
    }

    /// The stretches after this was told: how many records each has, and up to where it reaches.
    fn stretches(
        gathering: &mut Gathering,
        told: impl IntoIterator<Item = Followed>,
    ) -> Vec<(usize, u64)> {
        told.into_iter().for_each(|followed| gathering.take(followed));
        gathering.end_stretch();
        let stretches = gathering.stretches.drain(..);
        stretches.map(|stretch| (stretch.records.len(), stretch.sequence)).collect()
    }

    #[test]
    fn events_of_outcomes_that_do_not_pass_leave_by_the_engines_word() {
        let mut gathering = Gathering::new(EngineId::new([1; 16], 0));
        assert_eq!(
            stretches(&mut gathering, [outcome(5), expired(7)]),
            [(1, 5)],
            "7 may still pass"
        );
        assert_eq!(stretches(&mut gathering, [progress(6)]), [(0, 6)]);
        assert_eq!(stretches(&mut gathering, [progress(8)]), [(1, 8)]);
        assert_eq!(stretches(&mut gathering, [expired(9), expired(9), outcome(9)]), [(3, 9)]);
        let mixed = [expired(10), progress(10), expired(12), progress(11)];
        assert_eq!(stretches(&mut gathering, mixed), [(1, 11)]);
        assert_eq!(stretches(&mut gathering, [outcome(12)]), [(2, 12)]);
    }
}
