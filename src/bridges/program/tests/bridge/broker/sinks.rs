//! Sinks that begin, that wait, and whose brokers refuse what they send.

use std::time::Duration;

use brokers::{Mosquitto, RabbitMq, free_port, or_skip};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use serde_json::Value;

use crate::broker::amqp::{account, channel, configuration, consume, next};
use crate::broker::mqtt::client::{Client, Version};
use crate::house::House;

/// Sinks by AMQP, STOMP and MQTT, none of which has anything before it.
fn sinks(rabbitmq: &RabbitMq, mosquitto: &Mosquitto, metrics: u16) -> String {
    let (amqp, stomp, mqtt) = (rabbitmq.url(), rabbitmq.stomp, mosquitto.port);
    format!(
        r#"
[engine]
connect = "ENGINE"

[bridge]
metrics = "127.0.0.1:{metrics}"

[[sink]]
name = "by-amqp"
protocol = "amqp"
url = "{amqp}"
exchange = "outcomes"
start = "now"

[[sink]]
name = "by-stomp"
protocol = "stomp"
url = "stomp://guest:guest@127.0.0.1:{stomp}"
destination = "/amq/queue/by-stomp"
start = "now"

[[sink]]
name = "by-mqtt"
protocol = "mqtt"
url = "mqtt://127.0.0.1:{mqtt}"
start = "now"
"#
    )
}

/// Waits until the three sinks have begun `times` times.
fn begin(house: &House, times: usize) {
    let has_begun = || house.said("bridge.log").matches("begins after").count() >= 3 * times;
    tokio::task::block_in_place(|| house.eventually("the sinks begin", has_begun));
}

/// Waits until monitoring is answered with this status, and returns the rest.
fn is_ready(house: &House, port: u16, status: u16) -> String {
    let mut body = String::new();
    let mut answers = || {
        let (found, said) = house.monitored(port, "/readyz");
        body = said;
        found == status
    };
    tokio::task::block_in_place(|| house.eventually("monitoring is answered", &mut answers));
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_was_killed_before_its_first_outcome_begins_where_it_began() {
    let Some(rabbitmq) = or_skip(RabbitMq::start()) else { return };
    let Some(mosquitto) = or_skip(Mosquitto::start()) else { return };
    let (house, metrics) = (House::new(), free_port());
    let _engine = house.engine();
    let (_connection, channel) = channel(&rabbitmq.url()).await.unwrap();
    let (durable, table) = (QueueDeclareOptions::durable(), FieldTable::default());
    channel.queue_declare("by-stomp".into(), durable, table).await.unwrap();
    let mut by_mqtt = Client::start(Version::V5, mosquitto.port, "consumer");
    by_mqtt.subscribe("outcomes/#").await;
    house.execute(&account(1));
    let configuration = sinks(&rabbitmq, &mosquitto, metrics);
    let mut bridge = house.bridge(&configuration);
    begin(&house, 1);
    bridge.kill();
    house.execute(&account(2));
    let _bridge = house.bridge(&configuration);
    begin(&house, 2);
    // What was before the first start is left out, and nothing after it.
    let is_second = |body: &Value| assert_eq!(body["id"], "2", "{body}");
    is_second(&next(&mut consume(&channel, "seen").await, &house).await.body);
    is_second(&next(&mut consume(&channel, "by-stomp").await, &house).await.body);
    is_second(&by_mqtt.next(&house).await.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_without_work_sees_that_its_broker_is_gone_and_finds_it_again() {
    let Some(mut rabbitmq) = or_skip(RabbitMq::start()) else { return };
    let Some(mut mosquitto) = or_skip(Mosquitto::start()) else { return };
    let (house, metrics) = (House::new(), free_port());
    let _engine = house.engine();
    let mut bridge = house.bridge(&sinks(&rabbitmq, &mosquitto, metrics));
    is_ready(&house, metrics, 200);
    rabbitmq.kill();
    mosquitto.kill();
    let mut all_are_missed = || {
        let (_, said) = house.monitored(metrics, "/readyz");
        said.matches("no connection to the broker: ").count() == 3
    };
    tokio::task::block_in_place(|| house.eventually("all are missed", &mut all_are_missed));
    let (_, text) = house.monitored(metrics, "/metrics");
    assert!(text.contains("sink_connected{sink=\"by-amqp\"} 0"), "{text}");
    tokio::task::block_in_place(|| {
        mosquitto.start_again().unwrap();
        rabbitmq.start_again().unwrap();
    });
    is_ready(&house, metrics, 200);
    assert_eq!(bridge.stop(), Some(0), "{}", house.said("bridge.log"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_which_outcome_no_queue_takes_and_shows_no_payment() {
    let Some(rabbitmq) = or_skip(RabbitMq::start()) else { return };
    let (house, metrics) = (House::new(), free_port());
    let _engine = house.engine();
    house.execute(&account(1));
    let sink = configuration(&rabbitmq.url())
        .replace("exchange = \"outcomes\"", "exchange = \"nobody\"\nmandatory = true")
        .replace("[[source]]", &format!("[bridge]\nmetrics = \"127.0.0.1:{metrics}\"\n[[source]]"));
    let _bridge = house.bridge(&sink);
    let reason = "no queue takes the message to exchange nobody with routing key \
                  outcomes.978.created: NO_ROUTE";
    let says = || house.said("bridge.log").matches(reason).count() >= 2;
    tokio::task::block_in_place(|| house.eventually("the reason is in the log", says));
    let mut is_shown = || {
        let (status, said) = house.monitored(metrics, "/readyz");
        status == 503 && said.contains(reason)
    };
    tokio::task::block_in_place(|| house.eventually("monitoring says why", &mut is_shown));
    // What the client library says is not in the log, and no body by it.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let said = house.said("bridge.log");
    for unwanted in ["Server returned", "Channel closed", "data:", "NOT_FOUND"] {
        assert!(!said.contains(unwanted), "{unwanted}\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_takes_nothing_for_want_of_disk_is_named() {
    let Some(rabbitmq) = or_skip(RabbitMq::start()) else { return };
    let (house, metrics) = (House::new(), free_port());
    let _engine = house.engine();
    let bridge = format!("[bridge]\nmetrics = \"127.0.0.1:{metrics}\"\n[[source]]");
    let configuration = configuration(&rabbitmq.url()).replace("[[source]]", &bridge);
    let _bridge = house.bridge(&configuration);
    is_ready(&house, metrics, 200);
    rabbitmq.control(&["set_disk_free_limit", "1000000GB"]).unwrap();
    house.execute(&account(1));
    let said = is_ready(&house, metrics, 503);
    assert_eq!(said, "sink outcomes: the broker takes no messages: low on disk\n");
    assert!(house.said("bridge.log").contains("the broker takes no messages: low on disk"));
    rabbitmq.control(&["set_disk_free_limit", "50MB"]).unwrap();
    is_ready(&house, metrics, 200);
}
