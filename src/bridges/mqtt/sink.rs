//! Topics that outcomes and events go to.

use bytes::Bytes;
use ringfence_bridge_core::{
    Confirmed, Failure, Heard, Keys, Position, Record, RecordKind, Sink, SinkOptions, Template,
};

use crate::MqttServer;
use crate::link::Received;
use crate::packet::{Publication, PublishProperties};
use crate::publisher::Publisher;
use crate::source::owned;
use crate::topic;

/// Topics that outcomes and events go to, and a retained message that keeps the position.
#[derive(Debug)]
pub struct MqttSink {
    server: MqttServer,
    /// A name of its own: with that of another bridge the broker would end the other's connection.
    client: String,
    topic: Template,
    event_topic: Template,
    progress_topic: String,
    open: Option<Publisher>,
}

impl MqttSink {
    /// Reads the server's keys, `topic`, `event-topic` and `progress-topic`.
    pub fn configure(keys: &mut Keys, options: &mut SinkOptions) -> MqttSink {
        let server = MqttServer::configure(keys);
        let topic = topic::template(keys, "topic", "outcomes/{ledger}/{status}");
        options.commands |= topic.needs_commands();
        let name = &options.name;
        let progress = format!("ringfence/progress/{name}");
        let progress_topic = topic::name(keys, "progress-topic", &progress);
        server.claim(keys, "progress-topic", &format!("topic {progress_topic}"));
        MqttSink {
            server,
            client: format!("ringfence-{name}-{:08x}", random()),
            topic,
            event_topic: topic::template(keys, "event-topic", "events/{status}"),
            progress_topic,
            open: None,
        }
    }

    fn publisher(&self) -> Result<&Publisher, Failure> {
        self.open.as_ref().ok_or_else(|| Failure::retry("not connected"))
    }

    /// Reads the message that is retained for the progress topic.
    async fn stored(&self) -> Result<Option<Position>, Failure> {
        let mut link = self.server.connect(&self.client, None).await?;
        link.subscribe(std::slice::from_ref(&self.progress_topic));
        // A broker deals with what it gets in order: what is retained comes before the pong.
        link.ping();
        let mut text = None;
        loop {
            match link.next().await? {
                Received::Message(delivery) => {
                    text = Some(String::from_utf8_lossy(&delivery.body).into_owned());
                }
                Received::Pong => break,
                Received::Subscribed | Received::Confirmed { .. } => {}
            }
        }
        link.end().await;
        let topic = &self.progress_topic;
        let position = text.map(|text| text.parse()).transpose();
        position.map_err(|error| Failure::last(format!("topic {topic}: {error}")))
    }

    fn publication(&self, record: &Record) -> Publication {
        let template = match record.kind {
            RecordKind::Outcome => &self.topic,
            RecordKind::Event { .. } => &self.event_topic,
        };
        let mut user_properties = vec![("message-id".to_owned(), record.identity())];
        user_properties.extend(owned(record.headers()));
        Publication {
            topic: template.text(record),
            body: Bytes::copy_from_slice(&record.body),
            retain: false,
            properties: PublishProperties {
                payload_format_indicator: Some(1),
                content_type: Some(record.content_type().to_owned()),
                user_properties,
                ..PublishProperties::default()
            },
        }
    }
}

impl Sink for MqttSink {
    const STORED_GOES_FIRST: bool = true;

    async fn open(&mut self) -> Result<Option<Position>, Failure> {
        self.open = None;
        let position = self.stored().await?;
        let link = self.server.connect(&self.client, None).await?;
        self.open = Some(Publisher::start(link));
        Ok(position)
    }

    async fn send(&mut self, records: Vec<Record>, _: &Position) -> Result<Confirmed, Failure> {
        let publications = records.iter().map(|record| self.publication(record)).collect();
        Ok(Box::pin(self.publisher()?.publish(publications)))
    }

    async fn heard(&mut self) -> Heard {
        match &mut self.open {
            Some(publisher) => Heard::Lost(publisher.lost().await),
            None => std::future::pending().await,
        }
    }

    async fn store(&mut self, position: &Position) -> Result<(), Failure> {
        let publication = Publication {
            topic: self.progress_topic.clone(),
            body: position.to_string().into(),
            retain: true,
            properties: PublishProperties::default(),
        };
        self.publisher()?.publish(vec![publication]).await
    }
}

fn random() -> u32 {
    // Without randomness from the system two bridges may end each other's connections.
    getrandom::u32().unwrap_or_else(|_| std::process::id())
}
