//! What producers and consumers do.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde_json::Value;

use crate::house::House;

/// How long the brokers may take to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a topic may take to be read.
const READ_TIME_MAX: Duration = Duration::from_secs(180);

pub fn client(servers: &str, options: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("group.id", "tests");
    config.set("reconnect.backoff.max.ms", "1000");
    for (name, value) in options {
        config.set(*name, *value);
    }
    config
}

/// A producer whose messages arrive once and in order, however long that takes.
pub fn producer(servers: &str) -> FutureProducer {
    let options = [
        ("enable.idempotence", "true"),
        ("message.timeout.ms", "0"),
        ("message.max.bytes", "10000000"),
    ];
    client(servers, &options).create().unwrap()
}

fn admin(servers: &str) -> AdminClient<DefaultClientContext> {
    client(servers, &[]).create().unwrap()
}

fn patiently() -> AdminOptions {
    let time = Some(ANSWER_TIME_MAX);
    AdminOptions::new().operation_timeout(time).request_timeout(time)
}

/// Makes a topic that is not there; where one of its name is being deleted, after that.
pub async fn make_topic(servers: &str, name: &str, partitions: i32) {
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1))
        .set("max.message.bytes", "10000000");
    let start = Instant::now();
    loop {
        let made = admin(servers).create_topics([&topic], &patiently()).await.unwrap();
        match &made[0] {
            Ok(_) => return,
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {
                assert!(start.elapsed() < READ_TIME_MAX, "topic {name} stays");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err((_, error)) => panic!("topic {name}: {error}"),
        }
    }
}

/// Deletes a topic; its brokers may be at it a while longer.
pub async fn delete_topic(servers: &str, name: &str) {
    let deleted = admin(servers).delete_topics(&[name], &patiently()).await.unwrap();
    assert_eq!(deleted, [Ok(name.to_owned())]);
}

/// Whether every partition of every topic has all its copies in step.
pub fn is_in_step(servers: &str) -> bool {
    let consumer: BaseConsumer = client(servers, &[]).create().unwrap();
    let Ok(metadata) = consumer.fetch_metadata(None, ANSWER_TIME_MAX) else { return false };
    let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    partitions.all(|it| it.leader() >= 0 && it.isr().len() == it.replicas().len())
}

/// Sends a message; it is stored when this returns.
pub async fn send(producer: &FutureProducer, partition: i32, body: &str) {
    send_with(producer, partition, body, &[]).await;
}

/// Sends a message with headers.
pub async fn send_with(
    producer: &FutureProducer,
    partition: i32,
    body: &str,
    headers: &[(&str, &str)],
) {
    let mut all = OwnedHeaders::new();
    for (key, value) in headers {
        all = all.insert(Header { key, value: Some(*value) });
    }
    let record =
        FutureRecord::to("payments").partition(partition).key("k").payload(body).headers(all);
    producer.send(record, Timeout::Never).await.unwrap();
}

/// A message as a consumer sees it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub partition: i32,
    pub key: String,
    pub headers: BTreeMap<String, String>,
    pub text: String,
    pub body: Value,
}

impl Seen {
    fn new(message: &BorrowedMessage<'_>) -> Seen {
        let text =
            |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let body = text(message.payload());
        Seen {
            partition: message.partition(),
            key: text(message.key()),
            headers: headers.map(|it| (it.key.to_owned(), text(it.value))).collect(),
            body: serde_json::from_str(&body).unwrap_or(Value::Null),
            text: body,
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name} in {self:?}"))
    }
}

/// Everything that is committed in a topic; nothing if there is none.
pub fn committed(servers: &str, topic: &str) -> Vec<Seen> {
    let options = [
        ("enable.partition.eof", "true"),
        ("isolation.level", "read_committed"),
        ("allow.auto.create.topics", "false"),
        ("enable.auto.commit", "false"),
    ];
    let consumer: BaseConsumer = client(servers, &options).create().unwrap();
    let Ok(metadata) = consumer.fetch_metadata(Some(topic), ANSWER_TIME_MAX) else {
        return Vec::new();
    };
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    let mut open = list.count();
    consumer.assign(&list).unwrap();
    let mut seen = Vec::new();
    let start = Instant::now();
    while open > 0 {
        assert!(start.elapsed() < READ_TIME_MAX, "reading {topic}");
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => seen.push(Seen::new(&message)),
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(_)) | None => {}
        }
    }
    seen
}

/// Waits until so many messages are committed in a topic, and returns all.
pub fn wait_for(servers: &str, topic: &str, count: usize, house: &House) -> Vec<Seen> {
    let mut seen = Vec::new();
    let is_there = || {
        seen = committed(servers, topic);
        seen.len() >= count
    };
    house.eventually(&format!("{count} in {topic}"), is_there);
    seen
}
