//! A thread that writes transactions: its calls wait for the brokers.
//!
//! ```text
//!   stretches ─▶ waiting ─burst, when the one before is stored─▶ client ─▶ brokers
//! ```
//!
//! The client has one request under way for each partition. While it has more for that partition,
//! its thread looks for the answer without a pause, which takes a third of a core from the brokers.
//! So the client is given what comes until it sends, and then nothing until it has nothing left.
//!
//! # Invariants
//!
//! * A transaction has whole stretches, and the position after the last of them.
//! * What is confirmed is committed. After a failure nothing more is written: the sink is opened
//!   again, and goes on from the position that is committed.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use ringfence_bridge_core::{Confirmed, Failure, HeaderChoice, Position, Record, RecordKind};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::progress::INSTANCE_HEADER;
use super::{KafkaSink, Names};
use crate::reach::Said;
use crate::topics::Topic;
use crate::{KafkaServer, retry};

/// How long the brokers may take to fence the writer before, and to commit.
const TRANSACTION_TIME_MAX: Duration = Duration::from_secs(20);
/// How long they may take to abort: they do it by themselves later.
const ABORT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long to wait for room in the client's queue.
const ROOM_WAIT: Duration = Duration::from_millis(10);
/// How long the client waits for more for a partition, in milliseconds.
pub(super) const LINGER_MILLISECONDS: u64 = 20;
/// For how long the client is given more, once it had nothing left: it has sent nothing until then.
const BURST: Duration = Duration::from_millis(LINGER_MILLISECONDS * 3 / 4);
/// How long a thread without work waits before it hears whether the brokers are there.
const LISTEN: Duration = Duration::from_secs(1);
/// How long a broker may take to answer that it is there.
const ASK_TIME_MAX: Duration = Duration::from_secs(3);
/// Between two looks whether the client has anything left.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A stretch on its way to the thread.
struct Job {
    records: Vec<Record>,
    position: Option<Position>,
    done: oneshot::Sender<Result<(), Failure>>,
    /// Its records' share of what may wait.
    room: OwnedSemaphorePermit,
}

/// Where stretches are given to the thread.
pub(super) struct Writer {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
    room: Arc<Semaphore>,
    room_max: usize,
    last_sequence: Option<u64>,
    /// Why the brokers are lost, once they are.
    lost: watch::Receiver<Option<Failure>>,
}

impl Writer {
    /// Fences whoever wrote before, and starts the thread.
    pub async fn open(sink: &KafkaSink) -> Result<Writer, Failure> {
        let config = sink.producer_config();
        let said = Said::default();
        let context = said.clone();
        let fencing = tokio::task::spawn_blocking(move || -> Result<Client, Failure> {
            let producer: Client = config.create_with_context(context).map_err(Failure::last)?;
            let begun = producer.init_transactions(TRANSACTION_TIME_MAX);
            begun.map_err(|error| retry("beginning transactions", error))?;
            Ok(producer)
        });
        let thread = Thread {
            producer: fencing.await.map_err(Failure::last)??,
            said,
            server: sink.server.clone(),
            sink: sink.name.clone(),
            names: sink.names.clone(),
            headers: sink.headers,
            progress_topic: sink.progress_topic.clone(),
            instance: sink.instance.clone(),
            commit_interval: sink.commit_interval,
            commit_records: sink.commit_records,
            runtime: Handle::current(),
            topics: HashSet::new(),
            burst_began: Instant::now(),
        };
        let (jobs, received) = channel();
        let named = std::thread::Builder::new().name("kafka-writer".to_owned());
        let (lose, lost) = watch::channel(None);
        let thread = named.spawn(move || thread.run(&received, &lose)).map_err(Failure::retry)?;
        let room_max = 2 * sink.commit_records;
        let room = Arc::new(Semaphore::new(room_max));
        Ok(Writer { jobs, thread, room, room_max, last_sequence: None, lost })
    }

    /// Gives records to the thread, and waits while too many wait there.
    pub async fn write(
        &mut self,
        records: Vec<Record>,
        position: Option<Position>,
    ) -> Result<Confirmed, Failure> {
        let share = records.len().min(self.room_max) as u32;
        let room = Arc::clone(&self.room).acquire_many_owned(share).await;
        let sequence = position.as_ref().map(|position| position.sequence);
        let (done, is_done) = oneshot::channel();
        let job = Job { records, position, done, room: room.map_err(Failure::last)? };
        let has_ended = || Failure::retry("the transaction was not committed");
        self.jobs.send(job).map_err(|_| has_ended())?;
        self.last_sequence = sequence;
        Ok(Box::pin(async move { is_done.await.unwrap_or_else(|_| Err(has_ended())) }))
    }

    /// Sequence of the last position that was given; `None`: none was.
    pub fn last_sequence(&self) -> Option<u64> {
        self.last_sequence
    }

    /// Waits until the brokers are lost, and says why.
    pub async fn lost(&mut self) -> Failure {
        let lost = self.lost.wait_for(Option::is_some).await;
        match lost.ok().and_then(|lost| lost.clone()) {
            Some(failure) => failure,
            // The thread has ended: what it has not committed says why.
            None => std::future::pending().await,
        }
    }

    /// Waits until the thread has ended.
    pub async fn end(self) {
        let (jobs, thread) = (self.jobs, self.thread);
        drop(jobs);
        let joined = tokio::task::spawn_blocking(move || thread.join());
        if !matches!(joined.await, Ok(Ok(()))) {
            tracing::error!("the thread that writes transactions has panicked");
        }
    }
}

type Client = BaseProducer<Said>;

struct Thread {
    producer: Client,
    said: Said,
    server: KafkaServer,
    sink: String,
    names: Names,
    headers: HeaderChoice,
    progress_topic: String,
    instance: String,
    commit_interval: Duration,
    commit_records: usize,
    runtime: Handle,
    /// Topics that are known to be there.
    topics: HashSet<String>,
    /// When the client was given something and had nothing left.
    burst_began: Instant,
}

impl Thread {
    fn run(mut self, jobs: &Receiver<Job>, lose: &watch::Sender<Option<Failure>>) {
        loop {
            let first = match jobs.recv_timeout(LISTEN) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) if self.has_brokers() => continue,
                Err(RecvTimeoutError::Timeout) => {
                    let why = retry("the brokers are lost", self.said.last());
                    lose.send_replace(Some(why));
                    return;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut written = Vec::new();
            let result = self.transaction(first, jobs, &mut written);
            let has_failed = result.is_err();
            for done in written {
                // It fails where the sink is gone.
                let _ = done.send(result.clone());
            }
            if has_failed {
                // The brokers abort it later where this fails.
                let _ = self.producer.abort_transaction(ABORT_TIME_MAX);
                return;
            }
        }
    }

    /// Whether a broker is there, as far as the client has heard. Brokers end connections on which
    /// nothing is sent: so one is asked before they are said to be lost.
    fn has_brokers(&self) -> bool {
        self.producer.poll(Duration::ZERO);
        !self.said.has_lost_all()
            || self
                .producer
                .client()
                .fetch_metadata(Some(&self.progress_topic), ASK_TIME_MAX)
                .is_ok()
    }

    /// Writes `first` and what comes until it is time to commit, and commits.
    fn transaction(
        &mut self,
        first: Job,
        jobs: &Receiver<Job>,
        written: &mut Vec<oneshot::Sender<Result<(), Failure>>>,
    ) -> Result<(), Failure> {
        let mut held = Vec::new();
        let commit_at = Instant::now() + self.commit_interval;
        let (mut records, mut next) = (0, Some(first));
        let mut waiting = Vec::new();
        let mut position = None;
        let begun = self.producer.begin_transaction();
        loop {
            if let Some(job) = next.take() {
                written.push(job.done);
                held.push(job.room);
                records += job.records.len();
                waiting.push(job.records);
                position = job.position;
            }
            if let Err(error) = &begun {
                return Err(retry("beginning a transaction", error));
            }
            if self.is_burst_open() {
                self.send_all(&mut waiting)?;
            }
            // Without records there is nothing to wait for.
            if records == 0 || records >= self.commit_records {
                break;
            }
            let left = commit_at.saturating_duration_since(Instant::now());
            let wait = if waiting.is_empty() { left } else { left.min(LOOK_EVERY) };
            match jobs.recv_timeout(wait) {
                Ok(job) => next = Some(job),
                Err(RecvTimeoutError::Timeout) if wait < left => {}
                Err(_) => break,
            }
        }
        self.send_all(&mut waiting)?;
        self.send_progress(position.as_ref())?;
        self.commit()
    }

    /// Whether what the client is given now goes out with what it has.
    fn is_burst_open(&mut self) -> bool {
        if !self.has_unstored() {
            self.burst_began = Instant::now();
        }
        self.burst_began.elapsed() < BURST
    }

    /// Whether the client has messages that the brokers have not stored.
    fn has_unstored(&self) -> bool {
        // Only what failed has reports, which count until they are taken.
        self.producer.poll(Duration::ZERO);
        self.producer.in_flight_count() > 0
    }

    /// Gives the client what waits.
    fn send_all(&mut self, waiting: &mut Vec<Vec<Record>>) -> Result<(), Failure> {
        waiting.drain(..).flatten().try_for_each(|record| self.send(&record))
    }

    fn send(&mut self, record: &Record) -> Result<(), Failure> {
        let topic = match record.kind {
            RecordKind::Outcome => self.names.topic.text(record),
            RecordKind::Event { .. } => self.names.event_topic.text(record),
        };
        if !self.topics.contains(&topic) {
            self.make_topic(&topic)?;
        }
        let key = self.names.key.text(record);
        let content_type = Header { key: "content-type", value: Some(record.content_type()) };
        let mut headers = Some(OwnedHeaders::new_with_capacity(12).insert(content_type));
        record.each_header(self.headers, |key, value| {
            // It is always there: taken out only while one is added.
            headers = headers.take().map(|all| all.insert(Header { key, value: Some(value) }));
        });
        let milliseconds = i64::try_from(record.timestamp / 1_000_000).unwrap_or(i64::MAX);
        let message = BaseRecord::to(&topic)
            .key(&key)
            .payload(&record.body)
            .timestamp(milliseconds)
            .headers(headers.unwrap_or_default());
        self.produce(message)
    }

    fn make_topic(&mut self, topic: &str) -> Result<(), Failure> {
        let wanted = Topic { name: topic, partitions: self.server.partitions, settings: &[] };
        self.runtime.block_on(self.server.make_topics(&[wanted]))?;
        self.topics.insert(topic.to_owned());
        Ok(())
    }

    fn send_progress(&self, position: Option<&Position>) -> Result<(), Failure> {
        let text = position.map(ToString::to_string).unwrap_or_default();
        let written_by = Header { key: INSTANCE_HEADER, value: Some(&self.instance) };
        let message = BaseRecord::to(&self.progress_topic)
            .key(&self.sink)
            .payload(&text)
            .headers(OwnedHeaders::new().insert(written_by));
        self.produce(message)
    }

    /// Puts a message into the client's queue.
    fn produce<K, P>(&self, message: BaseRecord<'_, K, P>) -> Result<(), Failure>
    where
        K: rdkafka::message::ToBytes + ?Sized,
        P: rdkafka::message::ToBytes + ?Sized,
    {
        let mut next = message;
        loop {
            match self.producer.send(next) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), message)) => {
                    self.producer.poll(ROOM_WAIT);
                    next = message;
                }
                Err((error, message)) => {
                    return Err(retry(&format!("writing to {}", message.topic), error));
                }
            }
        }
    }

    fn commit(&self) -> Result<(), Failure> {
        let begun = Instant::now();
        let has_time = || begun.elapsed() < TRANSACTION_TIME_MAX;
        // The commit would wait itself, but for a tenth of a second at least.
        while self.has_unstored() {
            if !has_time() {
                return Err(retry("committing a transaction", "the brokers take too long"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        loop {
            match self.producer.commit_transaction(TRANSACTION_TIME_MAX) {
                Ok(()) => return Ok(()),
                Err(KafkaError::Transaction(error)) if error.is_retriable() && has_time() => {}
                Err(error) => return Err(retry("committing a transaction", error)),
            }
        }
    }
}
