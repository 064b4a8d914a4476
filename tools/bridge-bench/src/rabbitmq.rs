//! RabbitMQ by AMQP 0-9-1, with the client library that the bridge has too.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use brokers::RabbitMq;
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer,
    ExchangeKind,
};

use crate::broker::{Answer, Answerer, Broker, Client, Failure, echoed_body, id_in};
use crate::options::{Back, Options, QueueType};

/// Delivery mode of messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;
/// Answers after which a client acknowledges.
const ACKNOWLEDGE_EVERY: u64 = 64;

/// A RabbitMQ that is measured.
pub struct Rabbit {
    url: String,
    back: Back,
    queue_type: QueueType,
    /// Of what the echo answers.
    headers: Vec<(&'static str, &'static str)>,
    sink_headers: &'static str,
    names: Names,
    /// The one that was started for the bench; ends with it.
    _started: Option<RabbitMq>,
}

/// What is declared for one bench.
#[derive(Debug, Clone)]
struct Names {
    exchange: String,
    payments: String,
    outcomes: String,
    dead: String,
    progress: String,
    echo: String,
    echoed: String,
}

impl Names {
    fn new() -> Names {
        let prefix = format!("ringfence-bench-{}", std::process::id());
        let named = |what| format!("{prefix}.{what}");
        Names {
            payments: named("payments"),
            outcomes: named("outcomes"),
            dead: named("dead"),
            progress: named("progress"),
            echo: named("echo"),
            echoed: named("echoed"),
            exchange: prefix,
        }
    }

    fn queues(&self) -> [&str; 6] {
        [&self.payments, &self.outcomes, &self.echo, &self.echoed, &self.dead, &self.progress]
    }
}

impl Rabbit {
    /// Connects to the one that runs, or starts one, and declares what the bench needs.
    pub async fn start(options: &Options) -> Result<Rabbit, Failure> {
        let url = options.url.clone();
        let started = match url {
            Some(_) => None,
            None => Some(tokio::task::spawn_blocking(RabbitMq::start).await??),
        };
        let url = url.or_else(|| started.as_ref().map(RabbitMq::url)).unwrap_or_default();
        let &Options { back, queue_type, .. } = options;
        let (headers, sink_headers) = (options.echoed_headers(), options.sink_headers());
        let names = Names::new();
        let rabbit =
            Rabbit { url, back, queue_type, headers, sink_headers, names, _started: started };
        rabbit.declare().await?;
        Ok(rabbit)
    }

    async fn declare(&self) -> Result<(), Failure> {
        let (_connection, channel) = channel(&self.url).await?;
        let queue_type = self.queue_type.name();
        for queue in &self.names.queues()[..4] {
            let mut arguments = FieldTable::default();
            arguments.insert("x-queue-type".into(), AMQPValue::from(LongString::from(queue_type)));
            let options = QueueDeclareOptions::durable();
            channel.queue_declare((*queue).into(), options, arguments).await?;
        }
        let (exchange, table) = (self.names.exchange.as_str(), FieldTable::default);
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(exchange.into(), ExchangeKind::Topic, durable, table()).await?;
        let (queue, bind) = (self.names.outcomes.as_str(), QueueBindOptions::default());
        channel.queue_bind(queue.into(), exchange.into(), "#".into(), bind, table()).await?;
        Ok(())
    }
}

impl Broker for Rabbit {
    type Client = RabbitClient;

    fn name(&self) -> &'static str {
        "rabbitmq"
    }

    fn about(&self) -> String {
        format!("{} queues, outcomes by {}", self.queue_type.name(), self.back.name())
    }

    fn tables(&self, credit: usize) -> String {
        let Rabbit { url, names, sink_headers, .. } = self;
        let Names { exchange, payments, dead, progress, .. } = names;
        let source = format!(
            "[[source]]\nname = \"payments\"\nprotocol = \"amqp\"\nurl = \"{url}\"\n\
             queue = \"{payments}\"\ndead-letter-queue = \"{dead}\"\ncredit = {credit}\n"
        );
        match self.back {
            Back::Reply => source,
            Back::Exchange => format!(
                "{source}\n[[sink]]\nname = \"outcomes\"\nprotocol = \"amqp\"\nurl = \"{url}\"\n\
                 exchange = \"{exchange}\"\nprogress-queue = \"{progress}\"\nstart = \"now\"\n\
                 {sink_headers}"
            ),
        }
    }

    fn echo(&self, credit: u16) -> impl Future<Output = Result<(), Failure>> + Send + 'static {
        let (url, queue) = (self.url.clone(), self.names.echo.clone());
        let mut table = FieldTable::default();
        for &(name, value) in &self.headers {
            table.insert(name.into(), AMQPValue::from(LongString::from(value)));
        }
        let headers = (!self.headers.is_empty()).then_some(table);
        async move { Echo::start(&url, &queue, credit, headers).await?.run().await }
    }

    async fn client(&self, answerer: Answerer, window: usize) -> Result<RabbitClient, Failure> {
        let Names { payments, outcomes, echo, echoed, .. } = &self.names;
        let (to, from, asks) = match answerer {
            Answerer::Echo => (echo, echoed, true),
            Answerer::Bridge => (payments, outcomes, self.back == Back::Reply),
        };
        let (sending, channel) = channel(&self.url).await?;
        let credit = u16::try_from(2 * window).unwrap_or(u16::MAX).max(1000);
        let (taking, from_channel, consumer) = consumer(&self.url, from, credit).await?;
        let reply_to = asks.then(|| from.clone());
        let publisher = Publisher { channel, unconfirmed: VecDeque::new() };
        Ok(RabbitClient {
            publisher,
            to: to.clone(),
            reply_to,
            consumer,
            from_channel,
            last_tag: 0,
            acknowledged: 0,
            _connections: [sending, taking],
        })
    }

    async fn remove(&self) -> Result<(), Failure> {
        let (_connection, channel) = channel(&self.url).await?;
        for queue in self.names.queues() {
            channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
        }
        let exchange = self.names.exchange.as_str().into();
        channel.exchange_delete(exchange, ExchangeDeleteOptions::default()).await?;
        Ok(())
    }
}

/// A connection, and a channel on it with confirms.
async fn channel(url: &str) -> Result<(Connection, Channel), Failure> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok((connection, channel))
}

/// A connection that takes messages from a queue, at most `credit` unacknowledged.
async fn consumer(
    url: &str,
    queue: &str,
    credit: u16,
) -> Result<(Connection, Channel, Consumer), Failure> {
    let (connection, channel) = channel(url).await?;
    channel.basic_qos(credit, BasicQosOptions::default()).await?;
    let (options, table) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(queue.into(), "".into(), options, table).await?;
    Ok((connection, channel, consumer))
}

type Confirming = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

/// Sends a message, and ends with its confirm. It is on its way when this returns: the client
/// library queues it at the first poll, and what remains is to wait.
fn publish(
    channel: &Channel,
    queue: &str,
    body: Vec<u8>,
    properties: BasicProperties,
) -> Confirming {
    let (channel, queue) = (channel.clone(), queue.to_owned());
    let mut sending: Confirming = Box::pin(async move {
        let (options, properties) =
            (BasicPublishOptions::default(), properties.with_delivery_mode(PERSISTENT));
        channel.basic_publish("".into(), queue.into(), options, &body, properties).await?.await
    });
    match sending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(sent) => Box::pin(std::future::ready(sent)),
        Poll::Pending => sending,
    }
}

fn acknowledged(confirm: lapin::Result<Confirmation>) -> Result<(), Failure> {
    match confirm? {
        Confirmation::Ack(None) => Ok(()),
        other => Err(format!("the broker did not store a message: {other:?}").into()),
    }
}

/// What was sent and is not confirmed.
struct Publisher {
    channel: Channel,
    unconfirmed: VecDeque<Confirming>,
}

/// Sends payments with confirms, and takes their answers.
pub struct RabbitClient {
    publisher: Publisher,
    to: String,
    reply_to: Option<String>,
    consumer: Consumer,
    from_channel: Channel,
    last_tag: u64,
    acknowledged: u64,
    _connections: [Connection; 2],
}

impl RabbitClient {
    fn taken(&mut self, delivery: Option<lapin::Result<Delivery>>) -> Result<Answer, Failure> {
        let delivery = delivery.ok_or("the broker ended the consumer")??;
        self.last_tag = delivery.delivery_tag;
        if self.last_tag >= self.acknowledged + ACKNOWLEDGE_EVERY {
            self.acknowledge();
        }
        Answer::of(&delivery.data)
    }

    fn acknowledge(&mut self) {
        let (channel, tag) = (self.from_channel.clone(), self.last_tag);
        let mut sending =
            Box::pin(
                async move { channel.basic_ack(tag, BasicAckOptions { multiple: true }).await },
            );
        // Queued at the first poll. One that is lost shows in what comes again.
        let _ = sending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.acknowledged = self.last_tag;
    }
}

impl Client for RabbitClient {
    fn send(&mut self, body: &[u8], id: u128) -> Result<(), Failure> {
        let mut properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_message_id(id.to_string().into());
        if let Some(queue) = &self.reply_to {
            properties = properties.with_reply_to(queue.as_str().into());
        }
        let Publisher { channel, unconfirmed } = &mut self.publisher;
        unconfirmed.push_back(publish(channel, &self.to, body.to_vec(), properties));
        while let Some(first) = unconfirmed.front_mut()
            && let Some(confirm) = first.now_or_never()
        {
            acknowledged(confirm)?;
            unconfirmed.pop_front();
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Answer, Failure> {
        let delivery = self.consumer.next().await;
        self.taken(delivery)
    }

    fn try_next(&mut self) -> Result<Option<Answer>, Failure> {
        let delivery = self.consumer.next().now_or_never();
        delivery.map(|delivery| self.taken(delivery)).transpose()
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        while let Some(confirming) = self.publisher.unconfirmed.pop_front() {
            acknowledged(confirming.await)?;
        }
        if self.last_tag > self.acknowledged {
            self.acknowledge();
        }
        Ok(())
    }
}

/// An answer that is under way; then the delivery that it answers.
type Answering = Pin<Box<dyn Future<Output = Result<u64, Failure>> + Send>>;

/// Answers each payment at once, and acknowledges it when its answer is confirmed.
struct Echo {
    consumer: Consumer,
    channel: Channel,
    publishing: Channel,
    answering: FuturesOrdered<Answering>,
    headers: Option<FieldTable>,
    _connection: Connection,
}

impl Echo {
    async fn start(
        url: &str,
        queue: &str,
        credit: u16,
        headers: Option<FieldTable>,
    ) -> Result<Echo, Failure> {
        let (connection, channel, consumer) = consumer(url, queue, credit).await?;
        let publishing = connection.create_channel().await?;
        publishing.confirm_select(ConfirmSelectOptions::default()).await?;
        let answering = FuturesOrdered::new();
        Ok(Echo { consumer, channel, publishing, answering, headers, _connection: connection })
    }

    async fn run(&mut self) -> Result<(), Failure> {
        loop {
            tokio::select! {
                Some(first) = self.answering.next() => {
                    let mut last = first?;
                    while let Some(Some(next)) = self.answering.next().now_or_never() {
                        last = next?;
                    }
                    self.channel.basic_ack(last, BasicAckOptions { multiple: true }).await?;
                }
                delivery = self.consumer.next() => {
                    self.answer(delivery)?;
                    while let Some(delivery) = self.consumer.next().now_or_never() {
                        self.answer(delivery)?;
                    }
                }
            }
        }
    }

    fn answer(&mut self, delivery: Option<lapin::Result<Delivery>>) -> Result<(), Failure> {
        let delivery = delivery.ok_or("the broker ended the consumer")??;
        let id = id_in(&delivery.data).ok_or("no payment")?;
        let tag = delivery.delivery_tag;
        let reply_to = delivery.properties.reply_to().as_ref().ok_or("it asks for no reply")?;
        let body = echoed_body(tag, id);
        let mut properties =
            BasicProperties::default().with_content_type("application/json".into());
        if let Some(headers) = &self.headers {
            properties = properties.with_headers(headers.clone());
        }
        if let Some(id) = delivery.properties.message_id() {
            properties = properties.with_correlation_id(id.clone());
        }
        let sending = publish(&self.publishing, reply_to.as_str(), body.into_bytes(), properties);
        self.answering.push_back(Box::pin(async move {
            acknowledged(sending.await)?;
            Ok(tag)
        }));
        Ok(())
    }
}
