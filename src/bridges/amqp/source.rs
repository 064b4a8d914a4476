//! A queue whose messages are commands.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, Consumer};
use ringfence_bridge_core::{
    ContentType, Failure, Heard, Identity, Keys, Malformed, Message, Port, Replies, Settled,
    Settlement, Source, SourceOptions,
};

use crate::AmqpServer;
use crate::connection::{close, queue_name};
use crate::listener::Listener;
use crate::publish::{Confirming, PERSISTENT, Publisher, Route, Seldom, Unwanted, queue, table};
use crate::unacknowledged::Unacknowledged;

/// Deliveries, settled messages, or confirms, that are dealt with in one turn.
const TURN_MAX: usize = 1024;

/// How RabbitMQ's names of consumers begin that take replies without a queue: it calls a reply to
/// them unroutable, and delivers it.
const DIRECT_REPLY: &str = "amq.rabbitmq.reply-to";

/// A queue whose messages are commands.
#[derive(Debug)]
pub struct AmqpSource {
    server: AmqpServer,
    name: String,
    queue: String,
    dead_letter_queue: String,
    credit: u16,
    seldom: Arc<Seldom>,
}

/// What belongs to a delivery.
#[derive(Debug)]
pub struct AmqpHandle {
    tag: u64,
    properties: BasicProperties,
    /// Where the message was sent to, for its dead letter.
    routing_key: ShortString,
}

impl AmqpSource {
    /// Reads the server's keys, `queue` and `dead-letter-queue`.
    pub fn configure(keys: &mut Keys, options: &SourceOptions) -> AmqpSource {
        let server = AmqpServer::configure(keys);
        let queue = queue_name(keys, "queue", None);
        let dead = queue_name(keys, "dead-letter-queue", Some(format!("{queue}.dead")));
        if dead == queue {
            keys.mistake(
                "dead-letter-queue",
                "it is `queue`: dead letters would come back for ever",
            );
        }
        server.claim(keys, "queue", &queue, false);
        server.claim(keys, "dead-letter-queue", &dead, false);
        AmqpSource {
            server,
            name: options.name.clone(),
            queue,
            dead_letter_queue: dead,
            credit: u16::try_from(options.credit).unwrap_or(u16::MAX),
            seldom: Seldom::new(&options.name),
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
            connection: &connection,
            listener: Listener::new(&connection),
            channel,
            publisher,
            seldom: Arc::clone(&self.seldom),
            deliveries: Unacknowledged::default(),
            answering: VecDeque::new(),
        };
        let result = serving.run(consumer, port).await;
        close(&connection).await;
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
    connection: &'a Connection,
    listener: Listener,
    channel: Channel,
    publisher: Publisher,
    /// Names replies that no queue takes.
    seldom: Arc<Seldom>,
    deliveries: Unacknowledged,
    /// Deliveries whose reply, or dead letter, is on its way to be confirmed: in the order in which
    /// these were sent, in which they are confirmed too, or nearly.
    answering: VecDeque<(u64, Confirming)>,
}

impl Serving<'_> {
    async fn run(
        &mut self,
        mut consumer: Consumer,
        port: &mut Port<AmqpHandle>,
    ) -> Result<(), Failure> {
        loop {
            tokio::select! {
                answered = oldest(&mut self.answering), if !self.answering.is_empty() => {
                    self.deliveries.settle(answered?);
                    for _ in 1..TURN_MAX {
                        let Some(answered) = oldest_now(&mut self.answering) else { break };
                        self.deliveries.settle(answered?);
                    }
                    self.acknowledge()?;
                }
                settled = port.next() => match settled? {
                    Some(settled) => {
                        self.settle(settled)?;
                        for _ in 1..TURN_MAX {
                            let Some(settled) = port.try_next() else { break };
                            self.settle(settled)?;
                        }
                        self.acknowledge()?;
                    }
                    None => return self.end().await,
                },
                heard = self.listener.next(self.connection, self.publisher.channel()) => {
                    self.hear(heard, port)?;
                }
                delivery = consumer.next() => {
                    self.deliver(delivery, port).await?;
                    for _ in 1..TURN_MAX {
                        let Some(delivery) = consumer.next().now_or_never() else { break };
                        self.deliver(delivery, port).await?;
                    }
                }
            }
        }
    }

    fn hear(&self, heard: Heard, port: &Port<AmqpHandle>) -> Result<(), Failure> {
        let source = &self.source.name;
        match heard {
            Heard::Lost(failure) => return Err(failure),
            Heard::Blocked(Some(reason)) => {
                tracing::warn!(source, "the broker takes no replies: {reason}");
                port.set_blocked(Some(&reason));
            }
            Heard::Blocked(None) => {
                tracing::info!(source, "the broker takes replies again");
                port.set_blocked(None);
            }
        }
        Ok(())
    }

    /// Waits until what answers settled messages is confirmed, and acknowledges these.
    async fn end(&mut self) -> Result<(), Failure> {
        while !self.answering.is_empty() {
            let answered = oldest(&mut self.answering).await?;
            self.deliveries.settle(answered);
        }
        match self.deliveries.take() {
            Some(tag) => self.acknowledging(tag).await.map_err(Failure::retry),
            None => Ok(()),
        }
    }

    async fn deliver(
        &mut self,
        delivery: Option<lapin::Result<Delivery>>,
        port: &mut Port<AmqpHandle>,
    ) -> Result<(), Failure> {
        let ended = || Failure::retry("the broker ended the consumer");
        let delivery = delivery.ok_or_else(ended)?.map_err(Failure::retry)?;
        let Delivery { delivery_tag: tag, properties, data, routing_key, .. } = delivery;
        self.deliveries.add(tag);
        let identity = identity(&properties);
        let handle = AmqpHandle { tag, properties, routing_key };
        let named = handle.properties.content_type().as_ref().map(ShortString::as_str);
        match ContentType::parse(named).and_then(|named| Ok((named, identity?))) {
            Ok((content_type, identity)) => {
                port.give(Message { body: data, content_type, identity, handle }).await
            }
            Err(malformed) => {
                port.count_dead(&malformed);
                let settlement = Settlement::Dead { body: data, malformed };
                self.settle(Settled { handle, settlement })
            }
        }
    }

    fn settle(&mut self, settled: Settled<AmqpHandle>) -> Result<(), Failure> {
        let Settled { handle, settlement } = settled;
        let answer = match settlement {
            Settlement::Done(replies) => self.reply(&handle, &replies)?,
            Settlement::Dead { body, malformed } => Some(self.bury(&handle, body, &malformed)?),
            Settlement::Known | Settlement::Lost => None,
        };
        match answer {
            Some(confirming) => self.answering.push_back((handle.tag, confirming)),
            None => self.deliveries.settle(handle.tag),
        }
        Ok(())
    }

    fn reply(
        &mut self,
        handle: &AmqpHandle,
        replies: &Replies,
    ) -> Result<Option<Confirming>, Failure> {
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
        let unwanted = match reply_to.as_str().starts_with(DIRECT_REPLY) {
            true => Unwanted::Dropped,
            false => Unwanted::Told(&self.seldom),
        };
        let route = Route { exchange: "", key: reply_to.as_str(), unwanted };
        self.publisher.publish(&route, replies.body(), properties).map(Some)
    }

    /// Sends a message that is no command to the dead letters, with the reason in its headers.
    fn bury(
        &mut self,
        handle: &AmqpHandle,
        body: Vec<u8>,
        malformed: &Malformed,
    ) -> Result<Confirming, Failure> {
        tracing::warn!(source = self.source.name, "a message is no command: {malformed}");
        let mut headers = handle.properties.headers().clone().unwrap_or_default();
        table(malformed.headers(), &mut headers);
        table([("ringfence-queue", self.source.queue.clone())], &mut headers);
        let routing_key = handle.routing_key.as_str().to_owned();
        table([("ringfence-routing-key", routing_key)], &mut headers);
        let properties =
            handle.properties.clone().with_delivery_mode(PERSISTENT).with_headers(headers);
        let route = Route {
            exchange: "",
            key: &self.source.dead_letter_queue,
            unwanted: Unwanted::Failure,
        };
        self.publisher.publish(&route, body, properties)
    }

    fn acknowledge(&mut self) -> Result<(), Failure> {
        match self.deliveries.take() {
            Some(tag) => queue(self.acknowledging(tag)),
            None => Ok(()),
        }
    }

    fn acknowledging(&self, tag: u64) -> impl Future<Output = lapin::Result<()>> {
        self.channel.basic_ack(tag, BasicAckOptions { multiple: true })
    }
}

/// Waits for the confirm of the oldest answer: which delivery it answers. It stays where it is if
/// this is dropped.
///
/// # Panics
///
/// If there is none.
async fn oldest(answering: &mut VecDeque<(u64, Confirming)>) -> Result<u64, Failure> {
    let (tag, confirming) = answering.front_mut().expect("there is one");
    let (tag, confirmed) = (*tag, confirming.await);
    answering.pop_front();
    confirmed.map(|()| tag)
}

/// As [`oldest`], if there is one that is confirmed already.
fn oldest_now(answering: &mut VecDeque<(u64, Confirming)>) -> Option<Result<u64, Failure>> {
    if answering.is_empty() {
        return None;
    }
    oldest(answering).now_or_never()
}

/// What the message is recognised by: `message-id`, else session and request number in its headers,
/// else its idempotency key.
fn identity(properties: &BasicProperties) -> Result<Identity, Malformed> {
    Identity::of("message-id", |wanted| {
        if wanted == "message-id" {
            return properties.message_id().as_ref().map(|id| id.as_str().to_owned());
        }
        let headers = properties.headers().as_ref()?.inner();
        let mut named =
            headers.iter().filter(|(name, _)| name.as_str().eq_ignore_ascii_case(wanted));
        named.find_map(|(_, value)| text_of(value))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_recognised_by_their_properties_and_headers() {
        let of = |id: Option<&str>, headers: &[(&'static str, &str)]| {
            let mut sent = FieldTable::default();
            table(headers.iter().map(|(name, text)| (*name, (*text).to_owned())), &mut sent);
            let properties = BasicProperties::default().with_headers(sent);
            identity(&match id {
                Some(id) => properties.with_message_id(id.into()),
                None => properties,
            })
        };
        let key = |text: &str| Ok(Identity::Key(text.as_bytes().to_vec()));
        assert_eq!(of(Some("m"), &[("idempotency-key", "k")]), key("m"));
        assert_eq!(of(Some(""), &[("Idempotency-Key", "k")]), key("\0idempotency-key\0k"));
        assert_eq!(of(Some(""), &[("idempotency-key", "")]), Ok(Identity::None));
        assert_eq!(of(None, &[("message-id", "a header of another protocol")]), Ok(Identity::None));
        let mut number = FieldTable::default();
        number.insert("ringfence-request".into(), AMQPValue::LongLongInt(7));
        number.insert("ringfence-session".into(), AMQPValue::LongString("".into()));
        let malformed = identity(&BasicProperties::default().with_headers(number)).unwrap_err();
        assert_eq!(malformed.reason, "header ringfence-session: it is empty");
    }
}
