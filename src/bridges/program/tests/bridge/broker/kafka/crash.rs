//! Bridge, engine and broker are killed at random moments under load. Then the ledger holds what
//! was sent, and who reads what is committed sees the outcome of each message once, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use brokers::{Kafka, or_skip};
use futures_util::future::join_all;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::sync::watch;

use super::client::{Seen, committed, make_topic, producer, send, wait_for};
use super::{configuration, transfer};
use crate::broker::amqp::account;
use crate::broker::killing::{Kills, Mortal, Scene};
use crate::house::House;

/// Partitions that are written to.
const PARTITIONS: u64 = 3;
/// Account that is paid.
const PAYEE: u64 = 100;

/// Id of the `number`th transfer of a partition.
fn id_of(partition: u64, number: u64) -> u64 {
    1_000_000 * (partition + 1) + number
}

/// Writes numbered transfers to each partition until it is told to end. Returns how many to each.
async fn load(producer: FutureProducer, mut ended: watch::Receiver<bool>) -> u64 {
    let mut deliveries = Vec::new();
    let mut number = 0;
    while !*ended.borrow_and_update() {
        for partition in 0..PARTITIONS {
            let body = transfer(id_of(partition, number), partition + 1, PAYEE);
            let record = FutureRecord::<(), _>::to("payments").partition(partition as i32);
            deliveries.push(producer.send_result(record.payload(&body)).unwrap());
        }
        number += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for delivered in join_all(deliveries).await {
        delivered.unwrap().unwrap();
    }
    number
}

/// Checks that each transfer has one outcome, in order.
fn check(seen: &[Seen], transfers: u64, context: &str) {
    let mut identities = BTreeSet::new();
    let mut by_sequence = BTreeMap::new();
    let mut last_of_partition = BTreeMap::new();
    for outcome in seen {
        let identity = outcome.header("ce_id");
        assert!(identities.insert(identity), "{identity} twice; {context}");
        let sequence: u64 = outcome.header("ringfence-sequence").parse().unwrap();
        let before = last_of_partition.insert(outcome.partition, sequence);
        assert!(before < Some(sequence), "{sequence} after {before:?}; {context}");
        if outcome.body["op"] == "create_transfer" {
            assert_eq!(outcome.body["status"], "created", "{}; {context}", outcome.text);
            let id: u64 = outcome.body["id"].as_str().unwrap().parse().unwrap();
            by_sequence.insert(sequence, id);
        }
    }
    for partition in 0..PARTITIONS {
        let is_of = |id: &&u64| **id / 1_000_000 == partition + 1;
        let ids: Vec<u64> = by_sequence.values().filter(is_of).copied().collect();
        let expected: Vec<u64> = (0..transfers).map(|number| id_of(partition, number)).collect();
        assert!(ids == expected, "partition {partition}: {} of {transfers}; {context}", ids.len());
    }
}

impl Mortal for Kafka {
    fn kill(&mut self) {
        Kafka::kill(self);
    }

    fn start_again(&mut self) {
        Kafka::start_again(self).unwrap();
    }

    fn configuration(&self) -> String {
        configuration(&self.servers())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_outcome_is_committed_once_however_often_they_are_killed() {
    let Some(broker) = or_skip(Kafka::start(1)) else { return };
    let mut kills = Kills::new();
    let context = kills.context.clone();
    let house = House::new();
    let engine = house.engine();
    let servers = broker.servers();
    make_topic(&servers, "payments", PARTITIONS as i32).await;
    let producer = producer(&servers);
    let accounts = [1, 2, 3, PAYEE as u32].map(account).join(",");
    send(&producer, 0, &format!("[{accounts}]")).await;
    let bridge = house.bridge(&configuration(&servers));
    wait_for(&servers, "outcomes.978", 4, &house);
    let mut scene = Scene { house, broker, engine, bridge };
    let (end, ended) = watch::channel(false);
    let loading = tokio::spawn(load(producer, ended));
    scene.kill_all(&mut kills).await;
    end.send(true).unwrap();
    let transfers = loading.await.unwrap();
    assert!(transfers > 0);
    let house = &scene.house;
    let expected = u128::from(transfers * PARTITIONS) * 5;
    let is_paid = || house.account(u128::from(PAYEE)).credits_posted >= expected;
    house.eventually(&format!("all is paid; {context}"), is_paid);
    let count = 4 + (transfers * PARTITIONS) as usize;
    let mut seen = Vec::new();
    let is_there = || {
        seen = committed(&servers, "outcomes.978");
        seen.len() >= count
    };
    house.eventually(&format!("all outcomes; {context}"), is_there);
    assert_eq!(house.account(u128::from(PAYEE)).credits_posted, expected, "{context}");
    check(&seen, transfers, &context);
    println!("{transfers} transfers in each of {PARTITIONS} partitions, {} outcomes", seen.len());
}
