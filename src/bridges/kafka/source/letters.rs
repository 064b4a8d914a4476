//! Dead letters.

use std::sync::Arc;

use rdkafka::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use ringfence_bridge_core::{Failure, Malformed};
use tokio::sync::OnceCell;

use super::lane::KafkaHandle;
use super::{KafkaSource, Partition};
use crate::retry;

/// Longest dead letter that is given to the broker, in bytes.
pub(super) const LETTER_BYTES_MAX: &str = "33554432";

/// Sends messages that are no commands to the topic of dead letters.
#[derive(Clone)]
pub(super) struct Letters {
    config: ClientConfig,
    /// Made for the first letter: its thread takes 1 % of a core, whether there is any or not.
    producer: Arc<OnceCell<FutureProducer>>,
    topic: String,
    source: String,
}

impl KafkaSource {
    /// Dead letters are kept by every copy before their messages are settled.
    pub(super) fn letters(&self) -> Letters {
        let config = self.server.client(&[
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("message.max.bytes", LETTER_BYTES_MAX),
        ]);
        let topic = self.dead_letter_topic.clone();
        Letters { config, producer: Arc::default(), topic, source: self.name.clone() }
    }
}

impl Letters {
    /// Sends the message as it was, with the reason in its headers. One that the broker finds too
    /// long goes without its body: its place in the topic is in the headers.
    pub async fn bury(
        &self,
        partition: &Partition,
        handle: KafkaHandle,
        body: Option<&[u8]>,
        malformed: &Malformed,
    ) -> Result<(), Failure> {
        tracing::warn!(
            source = self.source,
            "{partition}@{}: no command: {malformed}",
            handle.offset
        );
        let headers = headers(partition, &handle, malformed);
        let create = async || self.config.create().map_err(Failure::last);
        let producer = self.producer.get_or_try_init(create).await?;
        match self.send(producer, &handle, body, headers.clone()).await {
            Ok(()) => Ok(()),
            Err(RDKafkaErrorCode::MessageSizeTooLarge) if body.is_some() => {
                let bytes = body.map_or(0, <[u8]>::len).to_string();
                let headers = with(headers, "ringfence-body-bytes", &bytes);
                let sent = self.send(producer, &handle, None, headers).await;
                sent.map_err(|error| self.failure(error))
            }
            Err(error) => Err(self.failure(error)),
        }
    }

    fn failure(&self, error: RDKafkaErrorCode) -> Failure {
        retry(&format!("dead letter to {}", self.topic), error)
    }

    async fn send(
        &self,
        producer: &FutureProducer,
        handle: &KafkaHandle,
        body: Option<&[u8]>,
        headers: OwnedHeaders,
    ) -> Result<(), RDKafkaErrorCode> {
        let record = FutureRecord {
            topic: &self.topic,
            partition: None,
            payload: body,
            key: handle.key.as_deref(),
            timestamp: None,
            headers: Some(headers),
        };
        match producer.send(record, Timeout::Never).await {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        }
    }
}

fn with(headers: OwnedHeaders, name: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key: name, value: Some(value) })
}

fn headers(partition: &Partition, handle: &KafkaHandle, malformed: &Malformed) -> OwnedHeaders {
    let mut headers = handle.headers.clone().unwrap_or_default();
    for (name, value) in malformed.headers() {
        headers = with(headers, name, &value);
    }
    headers = with(headers, "ringfence-topic", &partition.topic);
    headers = with(headers, "ringfence-partition", &partition.number.to_string());
    with(headers, "ringfence-offset", &handle.offset.to_string())
}
