//! Kafka, with the client library that the bridge has too. Outcomes are committed in transactions,
//! and everything is read as committed: exactly once, on both ways.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use brokers::Kafka;
use futures_util::FutureExt;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::{BorrowedMessage, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryFuture};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::broker::{Answer, Answerer, Broker, Client, Failure, echoed_body, id_in};
use crate::options::Options;

/// Partitions of each topic.
const PARTITIONS: i32 = 3;
/// How long the brokers may take to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// A Kafka that is measured.
pub struct KafkaBroker {
    servers: String,
    commit_interval: Duration,
    /// Of what the loop answers.
    headers: Vec<(&'static str, &'static str)>,
    sink_headers: &'static str,
    prefix: String,
    /// The one that was started for the bench; ends with it.
    _started: Option<Kafka>,
}

impl KafkaBroker {
    /// Uses the one that runs, or starts one of one node, and makes the topics.
    pub async fn start(options: &Options) -> Result<KafkaBroker, Failure> {
        let servers = options.url.clone();
        let started = match servers {
            Some(_) => None,
            None => Some(tokio::task::spawn_blocking(|| Kafka::start(1)).await??),
        };
        let servers = servers.or_else(|| started.as_ref().map(Kafka::servers)).unwrap_or_default();
        let prefix = format!("ringfence-bench-{}", std::process::id());
        let broker = KafkaBroker {
            servers,
            commit_interval: Duration::from_millis(options.commit_interval),
            headers: options.echoed_headers(),
            sink_headers: options.sink_headers(),
            prefix,
            _started: started,
        };
        broker.make_topics().await?;
        Ok(broker)
    }

    fn topic(&self, what: &str) -> String {
        format!("{}.{what}", self.prefix)
    }

    fn config(&self, options: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers);
        for (name, value) in options {
            config.set(*name, *value);
        }
        config
    }

    async fn make_topics(&self) -> Result<(), Failure> {
        let admin: AdminClient<DefaultClientContext> = self.config(&[]).create()?;
        let names = ["payments", "outcomes", "echo", "echoed"].map(|what| self.topic(what));
        let topic = |name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(-1));
        let topics: Vec<_> = names.iter().map(|name| topic(name)).collect();
        for made in admin.create_topics(&topics, &AdminOptions::new()).await? {
            made.map_err(|(topic, error)| format!("making the topic {topic}: {error}"))?;
        }
        Ok(())
    }
}

impl Broker for KafkaBroker {
    type Client = KafkaClient;

    fn name(&self) -> &'static str {
        "kafka"
    }

    fn about(&self) -> String {
        format!("outcomes committed every {} ms", self.commit_interval.as_millis())
    }

    fn tables(&self, credit: usize) -> String {
        let KafkaBroker { servers, prefix, sink_headers, .. } = self;
        let interval = self.commit_interval.as_millis();
        // The source's name is that of its sessions: each bench begins with new ones.
        format!(
            "[[source]]\nname = \"{prefix}\"\nprotocol = \"kafka\"\nservers = \"{servers}\"\n\
             topics = [\"{payments}\"]\npartitions = {PARTITIONS}\n\
             dead-letter-topic = \"{dead}\"\ncredit = {credit}\n\n\
             [[sink]]\nname = \"{prefix}-out\"\nprotocol = \"kafka\"\nservers = \"{servers}\"\n\
             topic = \"{outcomes}\"\npartitions = {PARTITIONS}\nprogress-topic = \"{progress}\"\n\
             commit-interval = \"{interval}ms\"\nstart = \"now\"\n{sink_headers}",
            payments = self.topic("payments"),
            outcomes = self.topic("outcomes"),
            dead = self.topic("dead"),
            progress = self.topic("progress"),
        )
    }

    fn echo(&self, _: u16) -> impl Future<Output = Result<(), Failure>> + Send + 'static {
        let echo = Echo::start(self);
        async move {
            let mut echo = echo?;
            let (ended, has_ended) = tokio::sync::oneshot::channel();
            // Its calls wait for the brokers. The thread ends with the program.
            let echoing = move || drop(ended.send(echo.run()));
            std::thread::Builder::new().name("echo".to_owned()).spawn(echoing)?;
            has_ended.await?
        }
    }

    async fn client(&self, answerer: Answerer, _: usize) -> Result<KafkaClient, Failure> {
        let (to, from) = match answerer {
            Answerer::Echo => ("echo", "echoed"),
            Answerer::Bridge => ("payments", "outcomes"),
        };
        let producer = self.config(&[("enable.idempotence", "true"), ("linger.ms", "1")]);
        let consumer: StreamConsumer = self
            .config(&[
                ("group.id", "ringfence-bench"),
                ("isolation.level", "read_committed"),
                ("enable.auto.commit", "false"),
                ("fetch.wait.max.ms", "100"),
            ])
            .create()?;
        let mut partitions = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            partitions.add_partition_offset(&self.topic(from), partition, Offset::Beginning)?;
        }
        consumer.assign(&partitions)?;
        let (producer, unconfirmed) = (producer.create()?, VecDeque::new());
        Ok(KafkaClient { producer, unconfirmed, to: self.topic(to), consumer })
    }

    async fn remove(&self) -> Result<(), Failure> {
        let admin: AdminClient<DefaultClientContext> = self.config(&[]).create()?;
        let all = ["payments", "outcomes", "echo", "echoed", "dead", "progress"];
        let names = all.map(|what| self.topic(what));
        // Of the last two there are none where the bridge did not get that far.
        admin.delete_topics(&names.each_ref().map(String::as_str), &AdminOptions::new()).await?;
        Ok(())
    }
}

/// Sends payments with confirms, and takes their answers.
pub struct KafkaClient {
    producer: FutureProducer,
    /// What was sent and is not confirmed.
    unconfirmed: VecDeque<DeliveryFuture>,
    to: String,
    consumer: StreamConsumer,
}

fn taken(message: KafkaResult<BorrowedMessage<'_>>) -> Result<Answer, Failure> {
    Answer::of(message?.payload().unwrap_or_default())
}

impl Client for KafkaClient {
    fn send(&mut self, body: &[u8], id: u128) -> Result<(), Failure> {
        let key = id.to_string();
        let headers = OwnedHeaders::new()
            .insert(Header { key: "content-type", value: Some("application/json") });
        let record = FutureRecord::to(&self.to).key(&key).payload(body).headers(headers);
        let sent = self.producer.send_result(record).map_err(|(error, _)| error)?;
        self.unconfirmed.push_back(sent);
        while let Some(first) = self.unconfirmed.front_mut()
            && let Some(delivered) = first.now_or_never()
        {
            delivered?.map_err(|(error, _)| error)?;
            self.unconfirmed.pop_front();
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Answer, Failure> {
        taken(self.consumer.recv().await)
    }

    fn try_next(&mut self) -> Result<Option<Answer>, Failure> {
        self.consumer.recv().now_or_never().map(taken).transpose()
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        while let Some(unconfirmed) = self.unconfirmed.pop_front() {
            unconfirmed.await?.map_err(|(error, _)| error)?;
        }
        Ok(())
    }
}

/// Kafka's own loop: takes messages, answers each, and commits answers and offsets together.
struct Echo {
    consumer: BaseConsumer,
    producer: BaseProducer,
    to: String,
    from: String,
    commit_interval: Duration,
    headers: Vec<(&'static str, &'static str)>,
}

impl Echo {
    fn start(broker: &KafkaBroker) -> Result<Echo, Failure> {
        let group = broker.topic("echo");
        let consumer: BaseConsumer = broker
            .config(&[
                ("group.id", &group),
                ("isolation.level", "read_committed"),
                ("enable.auto.commit", "false"),
                ("auto.offset.reset", "earliest"),
                ("fetch.wait.max.ms", "100"),
            ])
            .create()?;
        let producer = broker.config(&[("transactional.id", &group), ("acks", "all")]).create()?;
        let (from, to) = (broker.topic("echo"), broker.topic("echoed"));
        let (commit_interval, headers) = (broker.commit_interval, broker.headers.clone());
        Ok(Echo { consumer, producer, to, from, commit_interval, headers })
    }

    fn run(&mut self) -> Result<(), Failure> {
        self.producer.init_transactions(ANSWER_TIME_MAX)?;
        self.consumer.subscribe(&[&self.from])?;
        loop {
            if let Some(first) = self.consumer.poll(ANSWER_TIME_MAX) {
                self.transaction(first?)?;
            }
        }
    }

    /// Answers `first` and what comes until it is time to commit, and commits.
    fn transaction(&self, first: BorrowedMessage<'_>) -> Result<(), Failure> {
        let commit_at = Instant::now() + self.commit_interval;
        let mut offsets = HashMap::new();
        let mut next = Some(first);
        self.producer.begin_transaction()?;
        while let Some(message) = next.take() {
            self.answer(&message)?;
            offsets.insert(message.partition(), message.offset() + 1);
            let wait = commit_at.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                next = self.consumer.poll(wait).transpose()?;
            }
        }
        let mut taken = TopicPartitionList::new();
        for (partition, offset) in offsets {
            taken.add_partition_offset(&self.from, partition, Offset::Offset(offset))?;
        }
        // The commit would wait in steps of a tenth of a second for what is under way.
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(Duration::from_millis(1));
        }
        let group = self.consumer.group_metadata().ok_or("the echo is in no group")?;
        self.producer.send_offsets_to_transaction(&taken, &group, ANSWER_TIME_MAX)?;
        Ok(self.producer.commit_transaction(ANSWER_TIME_MAX)?)
    }

    fn answer(&self, message: &BorrowedMessage<'_>) -> Result<(), Failure> {
        let id = id_in(message.payload().unwrap_or_default()).ok_or("no payment")?;
        let body = echoed_body(message.offset().unsigned_abs(), id);
        let mut record =
            BaseRecord::to(&self.to).key(message.key().unwrap_or_default()).payload(&body);
        if !self.headers.is_empty() {
            let add = |headers: OwnedHeaders, &(key, value): &(&str, &str)| {
                headers.insert(Header { key, value: Some(value) })
            };
            let none = OwnedHeaders::new_with_capacity(self.headers.len());
            record = record.headers(self.headers.iter().fold(none, add));
        }
        while let Err((error, unsent)) = self.producer.send(record) {
            if error.rdkafka_error_code() != Some(rdkafka::types::RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            self.producer.poll(Duration::from_millis(10));
            record = unsent;
        }
        Ok(())
    }
}
