//! A queue whose messages are commands.

use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer, PublisherConfirm};
use ringfence_bridge_core::{
    ContentType, Failure, Identity, Keys, Malformed, Message, Port, Replies, Settled, Settlement,
    Source, SourceOptions,
};

use crate::AmqpServer;
use crate::connection::name;
use crate::publish::{PERSISTENT, Publisher, Route, confirmed, table};
use crate::unacknowledged::Unacknowledged;

/// Settled messages that are dealt with in one turn.
const TURN_MAX: usize = 1024;

/// A queue whose messages are commands.
#[derive(Debug)]
pub struct AmqpSource {
    server: AmqpServer,
    name: String,
    queue: String,
    dead_letter_queue: String,
    credit: u16,
}

/// What belongs to a delivery.
#[derive(Debug)]
pub struct AmqpHandle {
    tag: u64,
    properties: BasicProperties,
    /// Where the message was sent to, for its dead letter.
    routing_key: ShortString,
}

/// Ends when what answers a delivery is confirmed: which delivery.
type Answering = Pin<Box<dyn Future<Output = Result<u64, Failure>> + Send>>;

impl AmqpSource {
    /// Reads the server's keys, `queue` and `dead-letter-queue`.
    pub fn configure(keys: &mut Keys, options: &SourceOptions) -> AmqpSource {
        let server = AmqpServer::configure(keys);
        let queue = name(keys, "queue", None);
        let dead = name(keys, "dead-letter-queue", Some(format!("{queue}.dead")));
        AmqpSource {
            server,
            name: options.name.clone(),
            queue,
            dead_letter_queue: dead,
            credit: u16::try_from(options.credit).unwrap_or(u16::MAX),
        }
    }
}

impl Source for AmqpSource {
    type Handle = AmqpHandle;

    async fn serve(&mut self, port: &mut Port<AmqpHandle>) -> Result<(), Failure> {
        let connection = self.server.connect(&self.name).await?;
        self.server.with_queue(&connection, &self.dead_letter_queue, None).await?;
        let publisher = Publisher::open(&connection).await?;
        let channel = self.server.with_queue(&connection, &self.queue, None).await?;
        let consumer = self.consume(&channel).await?;
        port.set_connected(true);
        tracing::info!(source = self.name, "takes messages from queue {}", self.queue);
        let mut serving = Serving {
            source: self,
            channel,
            publisher,
            deliveries: Unacknowledged::default(),
            answering: FuturesUnordered::new(),
        };
        let result = serving.run(consumer, port).await;
        // A connection that is lost cannot be closed either.
        let _ = connection.close(200, "the bridge ends the connection".into()).await;
        result
    }
}

impl AmqpSource {
    async fn consume(&self, channel: &Channel) -> Result<Consumer, Failure> {
        let qos = channel.basic_qos(self.credit, BasicQosOptions::default());
        qos.await.map_err(Failure::retry)?;
        let (options, table) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = channel.basic_consume(
            self.queue.as_str().into(),
            ShortString::from(""),
            options,
            table,
        );
        consumer.await.map_err(Failure::retry)
    }
}

/// One connection.
struct Serving<'a> {
    source: &'a AmqpSource,
    channel: Channel,
    publisher: Publisher,
    deliveries: Unacknowledged,
    answering: FuturesUnordered<Answering>,
}

impl Serving<'_> {
    async fn run(
        &mut self,
        mut consumer: Consumer,
        port: &mut Port<AmqpHandle>,
    ) -> Result<(), Failure> {
        loop {
            tokio::select! {
                Some(answered) = self.answering.next() => {
                    self.deliveries.settle(answered?);
                    self.acknowledge().await?;
                }
                settled = port.next() => match settled? {
                    Some(settled) => {
                        self.settle(settled).await?;
                        for _ in 0..TURN_MAX {
                            let Some(settled) = port.try_next() else { break };
                            self.settle(settled).await?;
                        }
                        self.acknowledge().await?;
                    }
                    None => return self.end().await,
                },
                delivery = consumer.next() => match delivery {
                    Some(Ok(delivery)) => self.deliver(delivery, port).await?,
                    Some(Err(error)) => return Err(Failure::retry(error)),
                    None => return Err(Failure::retry("the broker ended the consumer")),
                },
            }
        }
    }

    /// Waits until what answers settled messages is confirmed, and acknowledges these.
    async fn end(&mut self) -> Result<(), Failure> {
        while let Some(answered) = self.answering.next().await {
            self.deliveries.settle(answered?);
        }
        self.acknowledge().await
    }

    async fn deliver(
        &mut self,
        delivery: Delivery,
        port: &mut Port<AmqpHandle>,
    ) -> Result<(), Failure> {
        let Delivery { delivery_tag: tag, properties, data, routing_key, .. } = delivery;
        self.deliveries.add(tag);
        let identity = identity(&properties);
        let handle = AmqpHandle { tag, properties, routing_key };
        let named = handle.properties.content_type().as_ref().map(ShortString::as_str);
        match ContentType::parse(named) {
            Ok(content_type) => {
                port.give(Message { body: data, content_type, identity, handle }).await
            }
            Err(malformed) => {
                port.count_dead(&malformed);
                let settlement = Settlement::Dead { body: data, malformed };
                self.settle(Settled { handle, settlement }).await
            }
        }
    }

    async fn settle(&mut self, settled: Settled<AmqpHandle>) -> Result<(), Failure> {
        let Settled { handle, settlement } = settled;
        let answer = match settlement {
            Settlement::Done(replies) => self.reply(&handle, &replies).await?,
            Settlement::Dead { body, malformed } => {
                Some(self.bury(&handle, &body, &malformed).await?)
            }
            Settlement::Known | Settlement::Lost => None,
        };
        let tag = handle.tag;
        match answer {
            Some(confirm) => self.answering.push(Box::pin(async move {
                confirmed(confirm).await?;
                Ok(tag)
            })),
            None => self.deliveries.settle(tag),
        }
        Ok(())
    }

    async fn reply(
        &mut self,
        handle: &AmqpHandle,
        replies: &Replies,
    ) -> Result<Option<PublisherConfirm>, Failure> {
        let Some(reply_to) = handle.properties.reply_to() else { return Ok(None) };
        let mut headers = FieldTable::default();
        table(replies.headers(), &mut headers);
        let mut properties = BasicProperties::default()
            .with_content_type(replies.content_type().into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(replies.identity().into())
            .with_headers(headers);
        let asked = [handle.properties.correlation_id(), handle.properties.message_id()];
        if let Some(id) = asked.into_iter().flatten().next() {
            properties = properties.with_correlation_id(id.clone());
        }
        // Whoever asked may be gone, and its queue too: that is no failure.
        let route = Route { exchange: "", key: reply_to.as_str(), mandatory: false };
        self.publisher.publish(&route, &replies.body(), properties).await.map(Some)
    }

    /// Sends a message that is no command to the dead letters, with the reason in its headers.
    async fn bury(
        &mut self,
        handle: &AmqpHandle,
        body: &[u8],
        malformed: &Malformed,
    ) -> Result<PublisherConfirm, Failure> {
        tracing::warn!(source = self.source.name, "a message is no command: {malformed}");
        let mut headers = handle.properties.headers().clone().unwrap_or_default();
        table(malformed.headers(), &mut headers);
        table([("ringfence-queue", self.source.queue.clone())], &mut headers);
        let routing_key = handle.routing_key.as_str().to_owned();
        table([("ringfence-routing-key", routing_key)], &mut headers);
        let properties =
            handle.properties.clone().with_delivery_mode(PERSISTENT).with_headers(headers);
        let route = Route { exchange: "", key: &self.source.dead_letter_queue, mandatory: true };
        self.publisher.publish(&route, body, properties).await
    }

    async fn acknowledge(&mut self) -> Result<(), Failure> {
        let Some(tag) = self.deliveries.take() else { return Ok(()) };
        let acknowledged = self.channel.basic_ack(tag, BasicAckOptions { multiple: true });
        acknowledged.await.map_err(Failure::retry)
    }
}

/// What the message is recognised by: `message-id`, else session and request number in its headers,
/// else its idempotency key.
fn identity(properties: &BasicProperties) -> Identity {
    if let Some(id) = properties.message_id() {
        return Identity::Key(id.as_str().as_bytes().to_vec());
    }
    let header = |name: &str| text_of(properties.headers().as_ref()?.inner().get(name)?);
    if let (Some(session), Some(request)) =
        (header("ringfence-session"), header("ringfence-request"))
    {
        return Identity::Key(format!("{session}:{request}").into_bytes());
    }
    match header("idempotency-key").or_else(|| header("Idempotency-Key")) {
        Some(key) => Identity::Key(key.into_bytes()),
        None => Identity::None,
    }
}

fn text_of(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => String::from_utf8(text.as_bytes().to_vec()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str().to_owned()),
        AMQPValue::LongLongInt(number) => Some(number.to_string()),
        AMQPValue::LongInt(number) => Some(number.to_string()),
        AMQPValue::LongUInt(number) => Some(number.to_string()),
        AMQPValue::ShortInt(number) => Some(number.to_string()),
        AMQPValue::ShortShortInt(number) => Some(number.to_string()),
        _ => None,
    }
}
