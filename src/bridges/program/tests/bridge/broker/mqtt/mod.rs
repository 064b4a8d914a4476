//! MQTT brokers, as their clients see them.

pub mod client;
mod crash;
mod doors;

use brokers::{Mosquitto, RabbitMq, or_skip};

use crate::broker::amqp::{account, transfer};
use crate::house::{House, eventually};
use client::{Client, Version, named};

/// A configuration with a source and a sink at the broker of this URL.
fn configuration(url: &str, version: Version) -> String {
    let version = version.name();
    format!(
        r#"
[engine]
connect = "ENGINE"

[[source]]
name = "payments"
protocol = "mqtt"
url = "{url}"
version = "{version}"
topics = ["payments/+"]
message-bytes-max = 100000
credit = 200

[[sink]]
name = "outcomes"
protocol = "mqtt"
url = "{url}"
version = "{version}"
events = true
"#
    )
}

fn url(port: u16) -> String {
    format!("mqtt://guest:guest@127.0.0.1:{port}")
}

/// What is no command is a dead letter, unchanged, with the reason.
async fn check_dead_letters(producer: &mut Client, house: &House) {
    let dead = producer;
    dead.subscribe("ringfence/dead/payments").await;
    let bad = r#"{"op":"create_transfer","id":true}"#;
    assert!(dead.send("payments/eur", bad, named("bad")).await);
    let letter = dead.next(house).await;
    assert_eq!(letter.text, bad);
    assert_eq!(letter.property("ringfence-error-field"), "id");
    assert_eq!(letter.property("ringfence-error-column"), "30");
    assert_eq!(letter.property("ringfence-topic"), "payments/eur");
    assert_eq!(letter.property("message-id"), "bad");

    let long = " ".repeat(100_001);
    assert!(dead.send("payments/eur", long.clone(), named("long")).await);
    let letter = dead.next(house).await;
    assert_eq!(letter.text, long);
    assert!(letter.property("ringfence-error").contains("at most 100000"));

    let mut xml = named("xml");
    xml.content_type = Some("application/xml".to_owned());
    assert!(dead.send("payments/eur", "<payment/>", xml).await);
    assert_eq!(dead.next(house).await.text, "<payment/>");
}

#[tokio::test]
async fn payments_come_in_and_outcomes_go_out() {
    let Some(broker) = or_skip(Mosquitto::start()) else { return };
    let house = House::new();
    let _engine = house.engine();
    let mut outcomes = Client::start(Version::V5, broker.port, "outcomes");
    outcomes.subscribe("outcomes/#").await;
    let mut producer = Client::start(Version::V5, broker.port, "producer");
    producer.subscribe("replies/producer").await;
    let configuration = configuration(&url(broker.port), Version::V5);
    let mut bridge = house.bridge(&configuration);
    eventually("the bridge subscribes", || house.said("bridge.log").contains("takes messages"));

    // A batch whose sender asks for a reply.
    let mut asks = named("accounts");
    asks.response_topic = Some("replies/producer".to_owned());
    asks.correlation_data = Some("question".into());
    let accounts = format!("[{},{}]", account(1), account(2));
    assert!(producer.send("payments/eur", accounts, asks).await);
    let reply = producer.next(&house).await;
    assert_eq!(reply.properties.correlation_data.as_deref(), Some(&b"question"[..]));
    assert_eq!(reply.body.as_array().unwrap().len(), 2, "{}", reply.text);
    assert_eq!(reply.property("ringfence-status"), "created");
    for id in ["1", "2"] {
        let outcome = outcomes.next(&house).await;
        assert_eq!((&outcome.body["id"], outcome.topic.as_str()), (&id.into(), OUTCOMES));
    }

    // The same message three times: one payment, one outcome. Replies that cannot be sent are none.
    for _ in 0..3 {
        let mut ten = named("ten");
        ten.response_topic = Some("replies/#".to_owned());
        assert!(producer.send("payments/eur", transfer(10), ten).await);
    }
    assert!(producer.send("payments/eur", transfer(11), named("eleven")).await);
    let ten = outcomes.next(&house).await;
    assert_eq!((&ten.body["id"], &ten.body["status"]), (&"10".into(), &"created".into()));
    assert_eq!(ten.property("message-id"), ten.property("ce_id"));
    assert_eq!(ten.property("ce_type"), "ringfence.transfer.created");
    assert_eq!(outcomes.next(&house).await.body["id"], "11");
    assert_eq!(house.account(1).debits_posted, 10);

    check_dead_letters(&mut producer, &house).await;

    // What was sent while it was away comes; what was executed before is known.
    assert_eq!(bridge.stop(), Some(0), "{}", house.said("bridge.log"));
    assert!(producer.send("payments/eur", transfer(10), named("ten")).await);
    assert!(producer.send("payments/eur", transfer(12), named("twelve")).await);
    let _bridge = house.bridge(&configuration);
    let mut twelve = outcomes.next(&house).await;
    while twelve.body["op"] == "lookup_account" || twelve.body["id"] == "11" {
        // That of this test, or one whose place was not stored.
        twelve = outcomes.next(&house).await;
    }
    assert_eq!(twelve.body["id"], "12", "10 was executed before: {}", twelve.text);
}

#[tokio::test]
async fn of_two_bridges_the_later_one_goes_on() {
    let Some(broker) = or_skip(Mosquitto::start()) else { return };
    let house = House::new();
    let _engine = house.engine();
    let mut outcomes = Client::start(Version::V5, broker.port, "outcomes");
    outcomes.subscribe("outcomes/#").await;
    let configuration = configuration(&url(broker.port), Version::V5);
    let takes = || house.said("bridge.log").matches("takes messages").count();
    let mut first = house.bridge(configuration.split("[[sink]]").next().unwrap());
    eventually("the first bridge subscribes", || takes() == 1);
    assert!(outcomes.send("payments/eur", account(1), named("one")).await);
    let _second = house.bridge(&configuration);
    assert_eq!(first.end(), Some(1), "{}", house.said("bridge.log"));
    eventually("the second bridge subscribes", || takes() >= 2);
    assert!(outcomes.send("payments/eur", account(2), named("two")).await);
    assert_eq!(outcomes.next(&house).await.body["id"], "1");
    assert_eq!(outcomes.next(&house).await.body["id"], "2");
}

/// Where outcomes of ledger 978 go that were created.
const OUTCOMES: &str = "outcomes/978/created";

/// MQTT 3.1.1 has no properties: repeats are known by the ids of their commands.
async fn check_without_properties(port: u16) {
    let house = House::new();
    let _engine = house.engine();
    let mut outcomes = Client::start(Version::V3, port, "outcomes");
    outcomes.subscribe("outcomes/#").await;
    let mut producer = Client::start(Version::V3, port, "producer");
    producer.subscribe("ringfence/dead/payments/#").await;
    let _bridge = house.bridge(&configuration(&url(port), Version::V3));
    eventually("the bridge subscribes", || house.said("bridge.log").contains("takes messages"));
    for body in [account(1), account(2), transfer(10), transfer(10)] {
        assert!(producer.send("payments/eur", body, named("")).await);
    }
    for (id, status) in [("1", "created"), ("2", "created"), ("10", "created"), ("10", "exists")] {
        let outcome = outcomes.next(&house).await;
        assert_eq!((&outcome.body["id"], &outcome.body["status"]), (&id.into(), &status.into()));
        assert_eq!(outcome.topic, format!("outcomes/978/{status}"));
    }
    assert_eq!(house.account(1).debits_posted, 5);
    assert!(producer.send("payments/eur", "no command", named("")).await);
    let reason = producer.next(&house).await;
    assert_eq!(reason.topic, "ringfence/dead/payments/reason");
    assert_eq!(reason.body["ringfence-topic"], "payments/eur");
    assert_eq!(reason.body["ringfence-error-line"], "1");
    assert_eq!(producer.next(&house).await.text, "no command");
}

#[tokio::test]
async fn mosquitto_carries_payments_by_mqtt_3() {
    let Some(broker) = or_skip(Mosquitto::start()) else { return };
    check_without_properties(broker.port).await;
}

#[tokio::test]
async fn rabbitmq_carries_payments_by_mqtt_3() {
    let Some(broker) = or_skip(RabbitMq::start()) else { return };
    check_without_properties(broker.mqtt).await;
}
