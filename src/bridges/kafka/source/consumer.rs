//! The member of a group, and what it is told.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use ringfence_bridge_core::{Failure, SourceMetrics};
use tokio::sync::mpsc;

use super::{KafkaSource, Partition};
use crate::retry;

/// Fetched messages that wait in the client, in kilobytes of all partitions.
const QUEUED_KILOBYTES_MAX: &str = "8192";
/// Longest message that is fetched, in bytes: longer ones stop no partition, as the broker sends
/// the first message of a fetch whatever its length.
const FETCH_BYTES_MAX: &str = "4194304";

/// How long a member may be silent before its partitions go to others: the least that brokers allow
/// unless they are told otherwise.
const SESSION_MILLISECONDS: &str = "6000";

/// How often the same error is told.
const TELL_EVERY: Duration = Duration::from_secs(30);
/// How often the client asks which partitions there are, in milliseconds.
const LOOK_FOR_PARTITIONS_MILLISECONDS: &str = "30000";

/// The client of a source.
pub(super) type Member = StreamConsumer<MemberContext>;

/// What the group has decided.
#[derive(Debug)]
pub(super) enum Rebalance {
    /// These partitions, and no others.
    Assigned(Vec<Partition>),
    /// None any more.
    Revoked,
}

/// Passes on what the group decides.
pub(super) struct MemberContext {
    rebalances: mpsc::UnboundedSender<Rebalance>,
    metrics: Arc<SourceMetrics>,
    name: String,
    /// When each error was told last, by its code.
    told: Mutex<HashMap<Option<i32>, Instant>>,
}

impl MemberContext {
    /// Whether it is time to tell this error again: the client repeats it at each attempt.
    fn tells(&self, code: Option<RDKafkaErrorCode>) -> bool {
        let code = code.map(|code| code as i32);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.get(&code).is_none_or(|last| last.elapsed() >= TELL_EVERY);
        if is_due {
            told.insert(code, Instant::now());
        }
        is_due
    }
}

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(source = self.name, "{level:?} {facility}: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        match code {
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                self.metrics.is_connected.store(false, Ordering::Relaxed);
            }
            _ => self.metrics.trouble.set(reason),
        }
        if self.tells(code) {
            tracing::warn!(source = self.name, "{reason}");
        }
    }
}

impl ConsumerContext for MemberContext {
    /// Assigned partitions are only noted: they are read once their sessions stand, which is when
    /// the client is told where to begin.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<MemberContext>,
        kind: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let rebalance = match kind {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                let elements = partitions.elements();
                let partition = |it: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
                    Partition { topic: it.topic().to_owned(), number: it.partition() }
                };
                Rebalance::Assigned(elements.iter().map(partition).collect())
            }
            _ => {
                if let Err(error) = consumer.unassign() {
                    tracing::warn!(source = self.name, "giving partitions back: {error}");
                }
                Rebalance::Revoked
            }
        };
        // It fails where the source has ended.
        let _ = self.rebalances.send(rebalance);
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            // Nothing depends on them.
            tracing::debug!(source = self.name, "committing offsets: {error}");
        }
    }
}

impl KafkaSource {
    /// Joins the group; or reads the listed partitions, without a group that decides.
    pub(super) fn join(
        &self,
        metrics: Arc<SourceMetrics>,
    ) -> Result<(Arc<Member>, mpsc::UnboundedReceiver<Rebalance>), Failure> {
        let (rebalances, rebalanced) = mpsc::unbounded_channel();
        let config = self.server.client(&[
            ("group.id", &self.group),
            // All partitions are given back before others come.
            ("partition.assignment.strategy", "range"),
            ("session.timeout.ms", SESSION_MILLISECONDS),
            ("heartbeat.interval.ms", "2000"),
            ("topic.metadata.refresh.interval.ms", LOOK_FOR_PARTITIONS_MILLISECONDS),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "error"),
            ("enable.auto.offset.store", "false"),
            ("auto.commit.interval.ms", "1000"),
            ("fetch.wait.max.ms", "100"),
            ("fetch.message.max.bytes", FETCH_BYTES_MAX),
            ("queued.max.messages.kbytes", QUEUED_KILOBYTES_MAX),
        ]);
        let context = MemberContext {
            rebalances: rebalances.clone(),
            metrics,
            name: self.name.clone(),
            told: Mutex::default(),
        };
        let member: Member = config.create_with_context(context).map_err(Failure::last)?;
        match &self.partitions {
            Some(numbers) => {
                let of = |topic: &String| {
                    let topic = topic.clone();
                    numbers.iter().map(move |&number| Partition { topic: topic.clone(), number })
                };
                let listed = self.topics.iter().flat_map(of).collect();
                // Its receiver is still here.
                let _ = rebalances.send(Rebalance::Assigned(listed));
            }
            None => {
                let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
                member.subscribe(&topics).map_err(|error| retry("joining the group", error))?;
            }
        }
        Ok((Arc::new(member), rebalanced))
    }
}

/// A list of partitions, each with the offset at which it begins.
pub(super) fn list<'a>(
    partitions: impl IntoIterator<Item = (&'a Partition, Offset)>,
) -> Result<TopicPartitionList, Failure> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in partitions {
        let added = list.add_partition_offset(&partition.topic, partition.number, offset);
        added.map_err(Failure::last)?;
    }
    Ok(list)
}
