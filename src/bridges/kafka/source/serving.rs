//! One membership in the group: opens sessions, spreads messages, pauses and resumes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use rdkafka::Message as _;
use rdkafka::Offset;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use ringfence_bridge_core::{Context, Failure, PortOptions, SourceMetrics};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::consumer::{Member, Rebalance, list};
use super::lane::{Fetched, Flow, Lane};
use super::letters::Letters;
use super::offsets::Offsets;
use super::opening::{Opened, open};
use super::{KafkaSource, Partition};
use crate::retry;
use crate::topics::Topic;

/// Messages that are taken in one turn.
const TURN_MAX: usize = 256;
/// How often the ends of partitions are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long the brokers may take to say where a partition ends.
const LOOK_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a group may take to give away a partition that another bridge has taken over.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
/// How long leaving the group may take.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(5);

/// A lane, as those see it who fill it.
struct Filled {
    fetched: mpsc::UnboundedSender<Vec<Fetched>>,
    flow: Arc<Flow>,
    is_paused: bool,
}

/// Where partitions end, or why that is not known.
type Ends = KafkaResult<Vec<(Partition, i64)>>;

/// One membership in the group.
pub(super) struct Serving {
    source: KafkaSource,
    options: PortOptions,
    context: Context,
    metrics: Arc<SourceMetrics>,
    member: Arc<Member>,
    rebalanced: mpsc::UnboundedReceiver<Rebalance>,
    letters: Letters,
    /// Counts assignments: what earlier ones end with does not matter any more.
    assignment: u64,
    opening: JoinSet<Result<Option<Opened>, Failure>>,
    opened: Vec<Opened>,
    lanes: HashMap<Partition, Filled>,
    running: JoinSet<(u64, Partition, Result<(), Failure>)>,
    moved: Arc<Notify>,
    looking: JoinSet<Ends>,
    /// Since when another bridge has a partition of this one's, and what the engine said.
    taken_over: Option<(Instant, Failure)>,
    /// Fetched in this turn, all of one partition.
    turn: Option<(Partition, Vec<Fetched>)>,
}

impl Serving {
    /// Makes missing topics and joins the group.
    pub async fn start(
        source: &KafkaSource,
        options: &PortOptions,
        context: &Context,
    ) -> Result<Serving, Failure> {
        let metrics = context.metrics.source(&options.name);
        metrics.forget_partitions();
        let partitions = source.server.partitions;
        let mut topics: Vec<Topic<'_>> =
            source.topics.iter().map(|name| Topic { name, partitions, settings: &[] }).collect();
        let settings = &[("max.message.bytes", super::letters::LETTER_BYTES_MAX)];
        topics.push(Topic { name: &source.dead_letter_topic, partitions: 1, settings });
        source.server.reach().await?;
        source.server.make_topics(&topics).await?;
        let (member, rebalanced) = source.join(Arc::clone(&metrics))?;
        Ok(Serving {
            source: source.clone(),
            options: options.clone(),
            context: context.clone(),
            metrics,
            member,
            rebalanced,
            letters: source.letters(),
            assignment: 0,
            opening: JoinSet::new(),
            opened: Vec::new(),
            lanes: HashMap::new(),
            running: JoinSet::new(),
            moved: Arc::new(Notify::new()),
            looking: JoinSet::new(),
            taken_over: None,
            turn: None,
        })
    }

    /// Serves until a failure, or until everything is settled after a stop.
    pub async fn run(mut self) -> Result<(), Failure> {
        let result = self.serve().await;
        self.opening.shutdown().await;
        match result {
            // Every lane has seen the stop too.
            Ok(()) => while self.running.join_next().await.is_some() {},
            Err(_) => self.running.shutdown().await,
        }
        self.leave().await;
        result
    }

    /// Leaves the group. It waits for the brokers, so it has a thread, which nobody waits for long.
    async fn leave(self) {
        let (left, has_left) = tokio::sync::oneshot::channel();
        let member = self.member;
        let leave = move || {
            drop(member);
            // It fails where nobody waits any more.
            let _ = left.send(());
        };
        let named = std::thread::Builder::new().name("kafka-leave".to_owned());
        if named.spawn(leave).is_ok() {
            let _ = tokio::time::timeout(LEAVE_TIME_MAX, has_left).await;
        }
    }

    async fn serve(&mut self) -> Result<(), Failure> {
        let mut stop = self.context.stop.clone();
        let mut look = tokio::time::interval(LOOK_EVERY);
        let member = Arc::clone(&self.member);
        let mut messages = member.stream();
        let moved = Arc::clone(&self.moved);
        loop {
            tokio::select! {
                biased;
                () = stop.asked() => return Ok(()),
                Some(rebalance) = self.rebalanced.recv() => self.rebalance(rebalance)?,
                Some(opened) = self.opening.join_next() => self.open(opened)?,
                Some(ended) = self.running.join_next() => self.lane_ended(ended)?,
                Some(ends) = self.looking.join_next() => self.looked(ends),
                () = moved.notified() => self.resume()?,
                _ = look.tick() => self.look()?,
                Some(message) = messages.next() => {
                    self.received(message)?;
                    for _ in 1..TURN_MAX {
                        let Some(Some(message)) = messages.next().now_or_never() else { break };
                        self.received(message)?;
                    }
                    self.end_turn()?;
                }
            }
        }
    }

    fn rebalance(&mut self, rebalance: Rebalance) -> Result<(), Failure> {
        self.assignment += 1;
        self.taken_over = None;
        self.metrics.forget_partitions();
        // Lanes end without their senders, and with them their sessions.
        self.lanes.clear();
        self.opened.clear();
        self.opening = JoinSet::new();
        let Rebalance::Assigned(partitions) = rebalance else { return Ok(()) };
        tracing::info!(source = self.source.name, "{} partitions are assigned", partitions.len());
        for partition in partitions {
            let (options, context) = (self.options.clone(), self.context.clone());
            self.opening.spawn(open(partition, options, context, Arc::clone(&self.member)));
        }
        if self.opening.is_empty() { self.assign() } else { Ok(()) }
    }

    fn open(
        &mut self,
        opened: Result<Result<Option<Opened>, Failure>, JoinError>,
    ) -> Result<(), Failure> {
        self.opened.extend(opened.map_err(Failure::last)??);
        if self.opening.is_empty() { self.assign() } else { Ok(()) }
    }

    /// All sessions stand: reading begins.
    fn assign(&mut self) -> Result<(), Failure> {
        let opened = std::mem::take(&mut self.opened);
        let begin = |it: &Opened| Offset::Offset(it.start);
        let partitions = list(opened.iter().map(|it| (&it.partition, begin(it))))?;
        self.member.assign(&partitions).map_err(|error| retry("taking partitions", error))?;
        for Opened { partition, port, start } in opened {
            let (fetched, receiver) = mpsc::unbounded_channel();
            let flow = Arc::new(Flow::new(start, Arc::clone(&self.moved)));
            let filled = Filled { fetched, flow: Arc::clone(&flow), is_paused: false };
            self.lanes.insert(partition.clone(), filled);
            let lane = Lane {
                partition: partition.clone(),
                port,
                member: Arc::clone(&self.member),
                letters: self.letters.clone(),
                flow,
                offsets: Offsets::new(start),
                burying: FuturesUnordered::new(),
                stop: self.context.stop.clone(),
            };
            let assignment = self.assignment;
            self.running.spawn(async move { (assignment, partition, lane.run(receiver).await) });
        }
        self.metrics.is_connected.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn received(&mut self, message: KafkaResult<BorrowedMessage<'_>>) -> Result<(), Failure> {
        match message {
            Ok(message) => self.spread(&message),
            Err(error) => self.passed_over(error),
        }
    }

    fn spread(&mut self, message: &BorrowedMessage<'_>) -> Result<(), Failure> {
        let fetched = Fetched::new(message, self.options.message_bytes_max);
        let (topic, number) = (message.topic(), message.partition());
        if let Some((partition, turn)) = &mut self.turn
            && partition.number == number
            && partition.topic == topic
        {
            turn.push(fetched);
            return Ok(());
        }
        self.end_turn()?;
        self.turn = Some((Partition { topic: topic.to_owned(), number }, vec![fetched]));
        Ok(())
    }

    /// Gives what was fetched to its lane.
    fn end_turn(&mut self) -> Result<(), Failure> {
        let Some((partition, turn)) = self.turn.take() else { return Ok(()) };
        let Some(lane) = self.lanes.get_mut(&partition) else { return Ok(()) };
        let count = turn.len();
        if lane.fetched.send(turn).is_err() {
            // Why the lane has ended is told soon.
            return Ok(());
        }
        if lane.flow.fetched(count) >= self.options.credit && !lane.is_paused {
            lane.is_paused = true;
            let list = list([(&partition, Offset::Invalid)])?;
            return self.member.pause(&list).map_err(|error| retry("pausing", error));
        }
        Ok(())
    }

    /// Reads on in partitions that have room again.
    fn resume(&mut self) -> Result<(), Failure> {
        let enough = self.options.credit / 2;
        for (partition, lane) in &mut self.lanes {
            if lane.is_paused && lane.flow.unsettled() <= enough {
                lane.is_paused = false;
                let list = list([(partition, Offset::Invalid)])?;
                self.member.resume(&list).map_err(|error| retry("resuming", error))?;
            }
        }
        Ok(())
    }

    /// An error that the client tells of. What it repairs by itself is passed over.
    fn passed_over(&mut self, error: KafkaError) -> Result<(), Failure> {
        match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::Resolve,
            ) => Ok(()),
            _ => Err(retry("reading", error)),
        }
    }

    fn lane_ended(
        &mut self,
        ended: Result<(u64, Partition, Result<(), Failure>), JoinError>,
    ) -> Result<(), Failure> {
        let (assignment, partition, result) = ended.map_err(Failure::last)?;
        let Err(failure) = result else { return Ok(()) };
        if assignment != self.assignment {
            return Ok(());
        }
        if !failure.is_final() || self.source.partitions.is_some() {
            return Err(failure);
        }
        // The group may have given it to another bridge, and be about to say so.
        tracing::warn!(source = self.source.name, "{partition}: {failure}");
        self.metrics.refuse_partition(&partition.to_string(), failure.to_string());
        self.lanes.remove(&partition);
        self.taken_over.get_or_insert((Instant::now(), failure));
        Ok(())
    }

    /// Asks where the partitions end.
    fn look(&mut self) -> Result<(), Failure> {
        if let Some((since, failure)) = &self.taken_over
            && since.elapsed() > GIVE_UP_AFTER
        {
            return Err(failure.clone());
        }
        if self.looking.is_empty() {
            let member = Arc::clone(&self.member);
            let topic = self.source.topics.first().cloned();
            let partitions: Vec<Partition> = self.lanes.keys().cloned().collect();
            self.looking.spawn_blocking(move || ends(&member, topic.as_deref(), partitions));
        }
        Ok(())
    }

    fn looked(&mut self, ends: Result<Ends, JoinError>) {
        let Ok(Ok(ends)) = ends else {
            self.metrics.is_connected.store(false, Ordering::Relaxed);
            return;
        };
        if self.opening.is_empty() {
            self.metrics.is_connected.store(true, Ordering::Relaxed);
        }
        for (partition, end) in ends {
            let Some(lane) = self.lanes.get(&partition) else { continue };
            let lag = u64::try_from(end - lane.flow.settled()).unwrap_or(0);
            self.metrics.set_partition_lag(&partition.to_string(), lag);
        }
    }
}

fn ends(member: &Member, topic: Option<&str>, partitions: Vec<Partition>) -> Ends {
    if partitions.is_empty() {
        member.fetch_metadata(topic, LOOK_TIME_MAX)?;
    }
    let end = |partition: Partition| {
        let marks = member.fetch_watermarks(&partition.topic, partition.number, LOOK_TIME_MAX)?;
        Ok((partition, marks.1))
    };
    partitions.into_iter().map(end).collect()
}
