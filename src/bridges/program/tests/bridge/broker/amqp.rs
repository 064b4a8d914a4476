//! RabbitMQ, as its clients see it.

use std::time::Duration;

use brokers::{RabbitMq, or_skip};
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};
use serde_json::Value;

use crate::house::House;

/// A configuration with a source and a sink at the broker of this URL.
pub fn configuration(url: &str) -> String {
    format!(
        r#"
[engine]
connect = "ENGINE"

[[source]]
name = "payments"
protocol = "amqp"
url = "{url}"
queue = "payments"
credit = 200

[[sink]]
name = "outcomes"
protocol = "amqp"
url = "{url}"
exchange = "outcomes"
events = true
"#
    )
}

/// An account of ledger 978.
pub fn account(id: u32) -> String {
    format!(r#"{{"op":"create_account","id":"{id}","ledger":978,"code":1}}"#)
}

/// A transfer of 5 from account 1 to account 2.
pub fn transfer(id: u64) -> String {
    format!(
        r#"{{"op":"create_transfer","id":"{id}","debit_account_id":"1","credit_account_id":"2",
            "amount":"5","ledger":978,"code":1}}"#
    )
}

/// A channel with confirms, after the queues are there: `payments`, and `seen` with all outcomes.
pub async fn channel(url: &str) -> lapin::Result<(Connection, Channel)> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let table = FieldTable::default;
    for queue in ["payments", "seen"] {
        channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), table()).await?;
    }
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare("outcomes".into(), ExchangeKind::Topic, options, table()).await?;
    let bind = QueueBindOptions::default();
    channel.queue_bind("seen".into(), "outcomes".into(), "#".into(), bind, table()).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok((connection, channel))
}

/// Sends a message to `payments`; it is stored when this returns.
pub async fn send(channel: &Channel, body: &str, properties: BasicProperties) -> lapin::Result<()> {
    let options = BasicPublishOptions::default();
    let properties = properties.with_delivery_mode(2);
    let sent =
        channel.basic_publish("".into(), "payments".into(), options, body.as_bytes(), properties);
    sent.await?.await.map(drop)
}

pub fn named(id: &str) -> BasicProperties {
    BasicProperties::default().with_message_id(id.into())
}

pub async fn consume(channel: &Channel, queue: &str) -> Consumer {
    let options = BasicConsumeOptions::default();
    let table = FieldTable::default();
    channel.basic_consume(queue.into(), "".into(), options, table).await.unwrap()
}

pub struct Seen {
    pub identity: String,
    routing_key: String,
    correlation: Option<String>,
    headers: FieldTable,
    text: String,
    pub body: Value,
}

pub async fn next(consumer: &mut Consumer, house: &House) -> Seen {
    let next = tokio::time::timeout(Duration::from_secs(60), consumer.next()).await;
    let delivery = match next {
        Ok(Some(Ok(delivery))) => delivery,
        other => panic!("{other:?}\n{}", house.said("bridge.log")),
    };
    delivery.acker.ack(BasicAckOptions::default()).await.unwrap();
    let text = String::from_utf8(delivery.data).unwrap();
    let properties = delivery.properties;
    let owned = |text: &Option<lapin::types::ShortString>| text.as_ref().map(|it| it.to_string());
    Seen {
        identity: owned(properties.message_id()).unwrap_or_default(),
        routing_key: delivery.routing_key.to_string(),
        correlation: owned(properties.correlation_id()),
        headers: properties.headers().clone().unwrap_or_default(),
        body: serde_json::from_str(&text).unwrap_or(Value::Null),
        text,
    }
}

impl Seen {
    fn header(&self, name: &str) -> String {
        let value = self.headers.inner().get(name);
        let text = value.unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers));
        text.as_long_string().unwrap().to_string()
    }
}

/// What is no command is a dead letter, unchanged.
async fn check_dead_letter(channel: &Channel, house: &House) {
    let mut dead = consume(channel, "payments.dead").await;
    send(channel, r#"{"op":"create_transfer","id":true}"#, named("bad")).await.unwrap();
    let letter = next(&mut dead, house).await;
    assert_eq!(letter.text, r#"{"op":"create_transfer","id":true}"#);
    assert_eq!(letter.header("ringfence-error-field"), "id");
    assert_eq!(letter.header("ringfence-error-column"), "30");
    assert_eq!(letter.identity, "bad");
}

#[tokio::test]
async fn payments_come_in_and_outcomes_go_out() {
    let Some(broker) = or_skip(RabbitMq::start()) else { return };
    let house = House::new();
    let _engine = house.engine();
    let (_connection, channel) = channel(&broker.url()).await.unwrap();
    let mut seen = consume(&channel, "seen").await;
    let mut bridge = house.bridge(&configuration(&broker.url()));

    // A batch whose sender asks for a reply.
    let table = FieldTable::default();
    let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    let replies = channel.queue_declare("".into(), exclusive, table).await.unwrap();
    let mut replied = consume(&channel, replies.name().as_str()).await;
    let accounts = format!("[{},{}]", account(1), account(2));
    let asks = named("accounts")
        .with_reply_to(replies.name().clone())
        .with_correlation_id("question".into());
    send(&channel, &accounts, asks).await.unwrap();
    let reply = next(&mut replied, &house).await;
    assert_eq!(reply.correlation.as_deref(), Some("question"));
    assert_eq!(reply.body.as_array().unwrap().len(), 2, "{}", reply.text);
    assert_eq!(reply.header("ringfence-status"), "created");
    for id in ["1", "2"] {
        let outcome = next(&mut seen, &house).await;
        assert_eq!(outcome.body["id"], id);
        assert_eq!(outcome.routing_key, "outcomes.978.created");
    }

    // The same message three times: one payment, one outcome.
    for _ in 0..3 {
        send(&channel, &transfer(10), named("ten")).await.unwrap();
    }
    send(&channel, &transfer(11), named("eleven")).await.unwrap();
    let ten = next(&mut seen, &house).await;
    assert_eq!((&ten.body["id"], &ten.body["status"]), (&"10".into(), &"created".into()));
    assert_eq!(ten.identity, ten.header("ce_id"));
    assert_eq!(ten.header("ce_type"), "ringfence.transfer.created");
    let eleven = next(&mut seen, &house).await;
    assert_eq!(eleven.body["id"], "11");
    assert_eq!(house.account(1).debits_posted, 10);

    check_dead_letter(&channel, &house).await;

    // Everything is acknowledged when it ends, and known when it begins again.
    assert_eq!(bridge.stop(), Some(0), "{}", house.said("bridge.log"));
    let left = channel.basic_get("payments".into(), BasicGetOptions::default()).await.unwrap();
    assert!(left.is_none());
    let _bridge = house.bridge(&configuration(&broker.url()));
    send(&channel, &transfer(10), named("ten")).await.unwrap();
    send(&channel, &transfer(12), named("twelve")).await.unwrap();
    let mut twelve = next(&mut seen, &house).await;
    if twelve.body["op"] == "lookup_account" {
        // That of this test.
        twelve = next(&mut seen, &house).await;
    }
    assert_eq!(twelve.body["id"], "12", "10 was executed before: {}", twelve.text);
}

#[tokio::test]
async fn an_empty_identity_takes_no_payment_for_a_repeat() {
    let Some(broker) = or_skip(RabbitMq::start()) else { return };
    let house = House::new();
    let _engine = house.engine();
    let (_connection, channel) = channel(&broker.url()).await.unwrap();
    let _bridge = house.bridge(&configuration(&broker.url()));
    let with = |headers: &[(&str, &str)]| {
        let mut table = FieldTable::default();
        for (name, text) in headers {
            table.insert((*name).into(), AMQPValue::LongString((*text).into()));
        }
        named("").with_headers(table)
    };
    send(&channel, &format!("[{},{}]", account(1), account(2)), named("")).await.unwrap();
    send(&channel, &transfer(10), named("")).await.unwrap();
    send(&channel, &transfer(11), named("")).await.unwrap();
    // The same text in two headers names two messages.
    send(&channel, &transfer(12), with(&[("idempotency-key", "twelve")])).await.unwrap();
    send(&channel, &transfer(13), named("twelve")).await.unwrap();
    send(&channel, &transfer(14), with(&[("idempotency-key", "")])).await.unwrap();
    let no_session = [("ringfence-session", ""), ("ringfence-request", "1")];
    send(&channel, &transfer(15), with(&no_session)).await.unwrap();
    // The bridge declares the queue before it takes messages.
    crate::house::eventually("the bridge works", || house.said("bridge.log").contains("takes"));
    let mut dead = consume(&channel, "payments.dead").await;
    let letter = next(&mut dead, &house).await;
    assert_eq!(letter.header("ringfence-error"), "header ringfence-session: it is empty");
    assert_eq!(letter.body["id"], "15");
    crate::house::eventually("five are paid", || house.account(1).debits_posted == 25);
}

#[tokio::test]
async fn a_reply_to_a_queue_that_is_gone_is_left_out_and_named_once() {
    let Some(broker) = or_skip(RabbitMq::start()) else { return };
    let house = House::new();
    let _engine = house.engine();
    let (_connection, channel) = channel(&broker.url()).await.unwrap();
    let _bridge = house.bridge(&configuration(&broker.url()));
    for id in 1..=5 {
        let asks = named(&format!("account-{id}")).with_reply_to("gone".into());
        send(&channel, &account(id), asks).await.unwrap();
    }
    let is_acknowledged = || {
        let queues = broker.control(&["list_queues", "--quiet", "name", "messages"]);
        house.account_if_any(5).is_some()
            && queues.is_ok_and(|queues| queues.lines().any(|line| line == "payments\t0"))
    };
    crate::house::eventually("everything is acknowledged", is_acknowledged);
    let said = house.said("bridge.log");
    let left_out = "a reply is left out: no queue takes the message to queue gone: NO_ROUTE";
    assert_eq!(said.matches(left_out).count(), 1, "{said}");
}

#[tokio::test]
async fn a_reply_without_a_queue_arrives_and_is_not_said_to_be_left_out() {
    let Some(broker) = or_skip(RabbitMq::start()) else { return };
    let house = House::new();
    let _engine = house.engine();
    let (_connection, channel) = channel(&broker.url()).await.unwrap();
    let _bridge = house.bridge(&configuration(&broker.url()));
    let direct = "amq.rabbitmq.reply-to";
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let table = FieldTable::default();
    let mut replied =
        channel.basic_consume(direct.into(), "".into(), options, table).await.unwrap();
    for id in 1..=2 {
        send(&channel, &account(id), named("").with_reply_to(direct.into())).await.unwrap();
        let reply = tokio::time::timeout(Duration::from_secs(60), replied.next()).await;
        assert!(matches!(reply, Ok(Some(Ok(_)))), "{}", house.said("bridge.log"));
    }
    let said = house.said("bridge.log");
    assert!(!said.contains("left out"), "{said}");
}

#[tokio::test]
async fn of_two_bridges_the_later_one_goes_on() {
    let Some(broker) = or_skip(RabbitMq::start()) else { return };
    let house = House::new();
    let _engine = house.engine();
    let (_connection, channel) = channel(&broker.url()).await.unwrap();
    let mut seen = consume(&channel, "seen").await;
    let source_only = configuration(&broker.url());
    let source_only = source_only.split("[[sink]]").next().unwrap();
    let mut first = house.bridge(source_only);
    send(&channel, &account(1), named("one")).await.unwrap();
    crate::house::eventually("the first bridge works", || {
        house.said("bridge.log").contains("takes messages")
    });
    let _second = house.bridge(&configuration(&broker.url()));
    assert_eq!(first.end(), Some(1), "{}", house.said("bridge.log"));
    send(&channel, &account(2), named("two")).await.unwrap();
    assert_eq!(next(&mut seen, &house).await.body["id"], "1");
    assert_eq!(next(&mut seen, &house).await.body["id"], "2");
}
