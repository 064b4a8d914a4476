//! The sink that begins, that waits, and that another bridge takes over.

use brokers::{Kafka, free_port, or_skip};

use super::client::{make_topic, producer, send, wait_for};
use super::configuration;
use crate::broker::amqp::account;
use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_was_killed_before_its_first_outcome_begins_where_it_began() {
    let Some(broker) = or_skip(Kafka::start(1)) else { return };
    let house = House::new();
    let _engine = house.engine();
    let servers = broker.servers();
    let begins_now = configuration(&servers).replace("topic =", "start = \"now\"\ntopic =");
    house.execute(&account(1));
    let mut bridge = house.bridge(&begins_now);
    let begins = |times| {
        let is_so = || house.said("bridge.log").matches("begins after").count() == times;
        house.eventually("the sink begins", is_so);
    };
    begins(1);
    bridge.kill();
    house.execute(&account(2));
    let _bridge = house.bridge(&begins_now);
    let seen = wait_for(&servers, "outcomes.978", 1, &house);
    assert_eq!(seen[0].body["id"], "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_without_work_sees_that_the_broker_is_gone_and_finds_it_again() {
    let Some(mut broker) = or_skip(Kafka::start(1)) else { return };
    let (house, metrics) = (House::new(), free_port());
    let _engine = house.engine();
    let servers = broker.servers();
    make_topic(&servers, "payments", 1).await;
    let monitored = format!("[bridge]\nmetrics = \"127.0.0.1:{metrics}\"");
    let _bridge = house.bridge(&configuration(&servers).replace("[bridge]", &monitored));
    let is_ready = || house.monitored(metrics, "/readyz").0 == 200;
    house.eventually("the bridge is ready", is_ready);
    broker.kill();
    let is_missed = || {
        let said = house.monitored(metrics, "/readyz").1;
        let is_named = |part: &str| {
            said.lines().any(|line| line.starts_with(part) && line.contains("Connect"))
        };
        is_named("sink outcomes: no connection to the broker: ") && is_named("source payments: no")
    };
    house.eventually("the broker is missed, with the reason", is_missed);
    broker.start_again().unwrap();
    house.eventually("the bridge is ready again", is_ready);
    send(&producer(&servers), 0, &account(1)).await;
    wait_for(&servers, "outcomes.978", 1, &house);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_whose_sink_another_one_takes_over_ends_as_a_whole() {
    let Some(broker) = or_skip(Kafka::start(1)) else { return };
    let house = House::new();
    let _engine = house.engine();
    let servers = broker.servers();
    make_topic(&servers, "payments", 2).await;
    let producer = producer(&servers);
    let mut first = house.bridge(&configuration(&servers));
    send(&producer, 0, &account(1)).await;
    wait_for(&servers, "outcomes.978", 1, &house);
    let _second = house.bridge(&configuration(&servers));
    assert_eq!(first.end(), Some(1), "{}", house.said("bridge.log"));
    assert!(house.said("bridge.log").contains("another bridge goes on in its place"));
    send(&producer, 1, &account(2)).await;
    wait_for(&servers, "outcomes.978", 2, &house);
}
