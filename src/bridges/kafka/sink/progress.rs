//! The position as it stands in its topic.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use ringfence_bridge_core::{Failure, Position};

use crate::retry;
use crate::topics::ANSWER_TIME_MAX;

/// Name of the header that says which program wrote a record of progress.
pub(super) const INSTANCE_HEADER: &str = "ringfence-bridge";
/// How many offsets before the end are read at first. Each transaction has two.
const TAIL: i64 = 64;
/// How long reading may take.
const READ_TIME_MAX: Duration = Duration::from_secs(30);

/// A record of progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    /// `None`: nothing was sent yet.
    pub position: Option<Position>,
    /// Which program wrote it.
    pub instance: String,
}

/// Reads the last record of progress that is committed. Waits for the brokers.
pub(super) fn last_progress(
    config: &ClientConfig,
    topic: &str,
) -> Result<Option<Progress>, Failure> {
    let failed = |error: KafkaError| retry(&format!("reading {topic}"), error);
    let mut config = config.clone();
    config
        .set("group.id", "ringfence-bridge-progress")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed");
    let consumer: BaseConsumer = config.create().map_err(Failure::last)?;
    let (low, high) = consumer.fetch_watermarks(topic, 0, ANSWER_TIME_MAX).map_err(failed)?;
    let mut tail = TAIL;
    loop {
        let start = (high - tail).max(low);
        if let Some(last) = last_after(&consumer, topic, start)? {
            return Ok(Some(last));
        }
        if start == low {
            return Ok(None);
        }
        tail = tail.saturating_mul(64);
    }
}

/// The last record at or after an offset.
fn last_after(
    consumer: &BaseConsumer,
    topic: &str,
    start: i64,
) -> Result<Option<Progress>, Failure> {
    let failed = |error: KafkaError| retry(&format!("reading {topic}"), error);
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Offset(start)).map_err(failed)?;
    consumer.assign(&partitions).map_err(failed)?;
    let begun = Instant::now();
    let mut last = None;
    while begun.elapsed() < READ_TIME_MAX {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => last = Some(parse(&message)?),
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(last),
            Some(Err(error)) => return Err(failed(error)),
            None => {}
        }
    }
    Err(retry(&format!("reading {topic}"), "it takes too long"))
}

fn parse(message: &BorrowedMessage<'_>) -> Result<Progress, Failure> {
    let text = String::from_utf8_lossy(message.payload().unwrap_or_default());
    let position = match text.as_ref() {
        "" => None,
        text => Some(text.parse().map_err(Failure::last)?),
    };
    let headers = message.headers();
    let written_by = headers.and_then(|headers| {
        let mut named = headers.iter().filter(|header| header.key == INSTANCE_HEADER);
        Some(String::from_utf8_lossy(named.next()?.value?).into_owned())
    });
    Ok(Progress { position, instance: written_by.unwrap_or_default() })
}
