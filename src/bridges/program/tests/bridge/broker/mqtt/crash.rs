//! Bridge, engine and broker are killed at random moments under load. Then the ledger holds what
//! was sent, every message has its outcome, none is there twice with another identity, in order.
//!
//! A broker by MQTT may lose what it has confirmed: Mosquitto saves its messages now and then. So
//! the sender sends what has no outcome in the end again, as the documents ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use brokers::{Mosquitto, RabbitMq, or_skip};
use tokio::sync::watch;

use super::client::{Client, Seen, Version, named};
use super::{configuration, url};
use crate::broker::amqp::{account, transfer};
use crate::broker::killing::{Kills, Mortal, Scene};
use crate::house::{House, eventually};

/// Id of the first transfer.
const FIRST: u64 = 1000;
/// How long outcomes may take in the end.
const END_TIME_MAX: Duration = Duration::from_secs(90);

enum Broker {
    Mosquitto(Mosquitto),
    RabbitMq(RabbitMq),
}

impl Broker {
    fn port(&self) -> u16 {
        match self {
            Broker::Mosquitto(broker) => broker.port,
            Broker::RabbitMq(broker) => broker.mqtt,
        }
    }
}

/// A broker, and the version in which the bridge speaks with it.
struct Spoken {
    broker: Broker,
    version: Version,
}

impl Mortal for Spoken {
    fn kill(&mut self) {
        match &mut self.broker {
            Broker::Mosquitto(broker) => broker.kill(),
            Broker::RabbitMq(broker) => broker.kill(),
        }
    }

    fn start_again(&mut self) {
        let started = match &mut self.broker {
            Broker::Mosquitto(broker) => broker.start_again(),
            Broker::RabbitMq(broker) => broker.start_again(),
        };
        started.unwrap();
    }

    fn configuration(&self) -> String {
        configuration(&url(self.broker.port()), self.version)
    }
}

async fn pay(producer: &mut Client, id: u64) -> bool {
    producer.send("payments/eur", transfer(id), named(&format!("payment-{id}"))).await
}

/// Sends numbered transfers until it is told to end. Returns how many.
async fn load(mut producer: Client, mut ended: watch::Receiver<bool>) -> (Client, u64) {
    let mut number = 0;
    while !*ended.borrow_and_update() {
        pay(&mut producer, FIRST + number).await;
        number += 1;
    }
    (producer, number)
}

/// The outcomes that have come.
#[derive(Default)]
struct Outcomes {
    /// Text of each by its sequence: the identity, as there is one engine.
    texts: BTreeMap<u64, String>,
    created: BTreeSet<u64>,
    messages: u64,
}

impl Outcomes {
    fn take_in(&mut self, seen: &Seen, version: Version, context: &str) {
        self.messages += 1;
        let sequence: u64 = seen.body["sequence"].as_str().unwrap().parse().unwrap();
        if version == Version::V5 {
            assert!(seen.property("message-id").ends_with(&format!(":{sequence}")), "{seen:?}");
        }
        if let Some(before) = self.texts.get(&sequence) {
            assert_eq!(*before, seen.text, "{sequence} has two meanings; {context}");
            return;
        }
        let last = self.texts.last_key_value().map_or(0, |(last, _)| *last);
        assert!(sequence > last, "{sequence} after {last}; {context}");
        self.texts.insert(sequence, seen.text.clone());
        if seen.body["op"] != "create_transfer" {
            return;
        }
        let id = seen.body["id"].as_str().unwrap().parse().unwrap();
        if seen.body["status"] == "created" {
            assert!(self.created.insert(id), "{id} is paid twice; {context}");
        } else {
            // Without properties a repeat is known by its id alone.
            assert_eq!(version, Version::V3, "{seen:?}; {context}");
            assert_eq!(seen.body["status"], "exists", "{seen:?}; {context}");
        }
    }

    fn missing(&self, transfers: u64) -> Vec<u64> {
        (FIRST..FIRST + transfers).filter(|id| !self.created.contains(id)).collect()
    }
}

async fn run(broker: Broker, version: Version) {
    let mut kills = Kills::new();
    let context = kills.context.clone();
    let house = House::new();
    let engine = house.engine();
    let mut consumer = Client::start(version, broker.port(), "outcomes");
    consumer.subscribe("outcomes/#").await;
    let mut producer = Client::start(version, broker.port(), "producer");
    let bridge = house.bridge(&configuration(&url(broker.port()), version));
    eventually("the bridge subscribes", || house.said("bridge.log").contains("takes messages"));
    for id in [1, 2] {
        let name = format!("account-{id}");
        assert!(producer.send("payments/eur", account(id), named(&name)).await);
    }
    let mut outcomes = Outcomes::default();
    for _ in [1, 2] {
        outcomes.take_in(&consumer.next(&house).await, version, &context);
    }
    let broker = Spoken { broker, version };
    let mut scene = Scene { house, broker, engine, bridge };
    let (end, ended) = watch::channel(false);
    let loading = tokio::spawn(load(producer, ended));
    scene.kill_all(&mut kills).await;
    end.send(true).unwrap();
    let (mut producer, transfers) = loading.await.unwrap();
    assert!(transfers > 0);
    let start = Instant::now();
    let mut sent_again = 0;
    loop {
        let before = outcomes.messages;
        tokio::time::sleep(Duration::from_secs(2)).await;
        while let Some(seen) = consumer.try_next() {
            outcomes.take_in(&seen, version, &context);
        }
        let missing = outcomes.missing(transfers);
        if missing.is_empty() {
            break;
        }
        if outcomes.messages > before {
            // More may be on its way.
            continue;
        }
        let said = || scene.house.said("bridge.log");
        let count = missing.len();
        assert!(start.elapsed() < END_TIME_MAX, "{count} without outcome; {context}\n{}", said());
        for id in missing {
            sent_again += 1;
            pay(&mut producer, id).await;
        }
    }
    let expected = u128::from(transfers) * 5;
    assert_eq!(scene.house.account(1).debits_posted, expected, "{context}");
    let messages = outcomes.messages;
    println!("{transfers} transfers, {messages} messages, {sent_again} sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_by_mqtt_5_loses_and_doubles_nothing_however_often_they_are_killed() {
    let Some(broker) = or_skip(Mosquitto::start()) else { return };
    run(Broker::Mosquitto(broker), Version::V5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_by_mqtt_3_loses_and_doubles_nothing_however_often_they_are_killed() {
    let Some(broker) = or_skip(Mosquitto::start()) else { return };
    run(Broker::Mosquitto(broker), Version::V3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_by_mqtt_3_loses_and_doubles_nothing_however_often_they_are_killed() {
    let Some(broker) = or_skip(RabbitMq::start()) else { return };
    run(Broker::RabbitMq(broker), Version::V3).await;
}
