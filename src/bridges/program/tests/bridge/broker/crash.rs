//! Bridge, engine and broker are killed at random moments under load. Then the ledger holds what
//! was sent, every message has its outcome, none is there twice with another identity, in order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use brokers::{RabbitMq, or_skip};
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::{Channel, Connection};
use serde_json::Value;
use tokio::sync::watch;

use crate::broker::amqp::{account, channel, configuration, named, send, transfer};
use crate::broker::killing::{Kills, Mortal, Scene};
use crate::house::{House, eventually};

/// Sends numbered transfers until it is told to end, each until it is confirmed. Returns how many.
async fn load(url: String, mut ended: watch::Receiver<bool>) -> u64 {
    let mut number = 0;
    let mut connected: Option<(Connection, Channel)> = None;
    // What was sent and not confirmed may have arrived: it is sent until it is.
    let mut is_sent = false;
    while is_sent || !*ended.borrow_and_update() {
        let (_, channel) = match &connected {
            Some(connected) => connected,
            None => match channel(&url).await {
                Ok(now) => connected.insert(now),
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let id = 1000 + number;
        let body = transfer(id);
        is_sent = true;
        let sent = send(channel, &body, named(&format!("payment-{id}")));
        match tokio::time::timeout(Duration::from_secs(10), sent).await {
            Ok(Ok(())) => {
                number += 1;
                is_sent = false;
            }
            _ => connected = None,
        }
    }
    number
}

/// What is in the queue `seen`: identity and body of each message, in order.
async fn seen(channel: &Channel) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    while let Some(message) =
        channel.basic_get("seen".into(), BasicGetOptions::default()).await.unwrap()
    {
        let delivery = message.delivery;
        delivery.acker.ack(BasicAckOptions::default()).await.unwrap();
        let identity = delivery.properties.message_id().as_ref().unwrap().to_string();
        all.push((identity, serde_json::from_slice(&delivery.data).unwrap()));
    }
    all
}

/// Checks that `transfers` have each one outcome, in order.
pub fn check(seen: &[(String, Value)], transfers: u64, context: &str) {
    let mut by_identity: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut first_sequence = 0;
    let mut ids = Vec::new();
    for (identity, body) in seen {
        if let Some(before) = by_identity.insert(identity, body) {
            assert_eq!(before, body, "{identity} has two meanings; {context}");
            continue;
        }
        let sequence: u64 = body["sequence"].as_str().unwrap().parse().unwrap();
        assert!(sequence > first_sequence, "{identity} after {first_sequence}; {context}");
        first_sequence = sequence;
        if body["op"] == "create_transfer" {
            assert_eq!(body["status"], "created", "{body}; {context}");
            ids.push(body["id"].as_str().unwrap().parse::<u64>().unwrap());
        }
    }
    let expected: Vec<u64> = (1000..1000 + transfers).collect();
    assert_eq!(ids, expected, "{context}");
}

impl Mortal for RabbitMq {
    fn kill(&mut self) {
        RabbitMq::kill(self);
    }

    fn start_again(&mut self) {
        RabbitMq::start_again(self).unwrap();
    }

    fn configuration(&self) -> String {
        configuration(&self.url())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_however_often_they_are_killed() {
    let Some(broker) = or_skip(RabbitMq::start()) else { return };
    let mut kills = Kills::new();
    let context = kills.context.clone();
    let house = House::new();
    let engine = house.engine();
    let url = broker.url();
    let (connection, channel_before) = channel(&url).await.unwrap();
    for id in [1, 2] {
        send(&channel_before, &account(id), named(&format!("account-{id}"))).await.unwrap();
    }
    drop((channel_before, connection));
    let bridge = house.bridge(&configuration(&url));
    let mut scene = Scene { house, broker, engine, bridge };
    let (end, ended) = watch::channel(false);
    let loading = tokio::spawn(load(url.clone(), ended));
    scene.kill_all(&mut kills).await;
    end.send(true).unwrap();
    let transfers = loading.await.unwrap();
    assert!(transfers > 0);
    let said = || scene.house.said("bridge.log");
    let expected = u128::from(transfers) * 5;
    let is_paid = || scene.house.account(1).debits_posted >= expected;
    tokio::task::block_in_place(|| eventually(&format!("all is paid; {context}"), is_paid));
    let (_connection, channel) = channel(&url).await.unwrap();
    let mut all = Vec::new();
    let start = Instant::now();
    let last = (1000 + transfers - 1).to_string();
    while !all.iter().any(|(_, body): &(String, Value)| body["id"] == last.as_str()) {
        assert!(start.elapsed() < Duration::from_secs(60), "{context}\n{}", said());
        tokio::time::sleep(Duration::from_millis(100)).await;
        all.extend(seen(&channel).await);
    }
    assert_eq!(scene.house.account(1).debits_posted, expected, "{context}");
    check(&all, transfers, &context);
    println!("{transfers} transfers, {} messages", all.len());
}
