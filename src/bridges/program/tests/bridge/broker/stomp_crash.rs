//! The same as in `crash`, for brokers that speak STOMP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::broker::amqp::{account, transfer};
use crate::broker::crash::check;
use crate::broker::killing::{Kills, Mortal, Scene};
use crate::broker::stomp::configuration;
use crate::broker::stomp_client::{Address, Client, Kind};
use crate::house::{House, eventually};

/// Sends numbered transfers until it is told to end, each until it is stored. Returns how many.
fn load(address: Address, payments: &str, ended: &AtomicBool) -> u64 {
    let mut number = 0;
    let mut connected: Option<Client> = None;
    let mut in_doubt = false;
    while in_doubt || !ended.load(Ordering::Relaxed) {
        let Some(client) = &mut connected else {
            connected = address.connect().ok();
            if connected.is_none() {
                std::thread::sleep(Duration::from_millis(100));
            }
            continue;
        };
        let id = 1000 + number;
        let key = format!("payment-{id}");
        match client.send(payments, &[("idempotency-key", &key)], &transfer(id)) {
            Ok(()) => (number, in_doubt) = (number + 1, false),
            // It may have arrived: the same message is sent again.
            Err(_) => (connected, in_doubt) = (None, true),
        }
    }
    number
}

impl Mortal for Kind {
    fn kill(&mut self) {
        self.broker.kill();
    }

    fn start_again(&mut self) {
        self.broker.start_again().unwrap();
    }

    fn configuration(&self) -> String {
        configuration(self)
    }
}

impl Scene<Kind> {
    /// What came to the queue `seen`, up to the outcome of the transfer `last`.
    fn seen(&self, last: u64, context: &str) -> Vec<(String, Value)> {
        let mut client = self.broker.client();
        client.subscribe(&self.broker.queue("seen"));
        let mut all = Vec::new();
        let start = Instant::now();
        loop {
            if let Some(message) = client.message(Duration::from_secs(1)) {
                let body = message.json();
                let is_last = body["id"] == last.to_string().as_str();
                all.push((message.header("ce_id").unwrap(), body));
                if is_last {
                    break;
                }
            }
            let said = || self.house.said("bridge.log");
            assert!(start.elapsed() < Duration::from_secs(120), "{context}\n{}", said());
        }
        // And what comes again after it.
        while let Some(message) = client.message(Duration::from_millis(500)) {
            all.push((message.header("ce_id").unwrap(), message.json()));
        }
        all
    }
}

fn nothing_is_lost_or_doubled(kind: Kind) {
    let mut kills = Kills::new();
    let context = kills.context.clone();
    let house = House::new();
    let engine = house.engine();
    let payments = kind.queue("payments");
    let mut client = kind.client();
    for id in [1, 2] {
        let key = format!("account-{id}");
        client.send(&payments, &[("idempotency-key", &key)], &account(id)).unwrap();
    }
    drop(client);
    let bridge = house.bridge(&configuration(&kind));
    let address = kind.address();
    let mut scene = Scene { house, broker: kind, engine, bridge };
    let ended = Arc::new(AtomicBool::new(false));
    let loading = std::thread::spawn({
        let ended = Arc::clone(&ended);
        move || load(address, &payments, &ended)
    });
    while let Some((after, killed)) = kills.next(3) {
        std::thread::sleep(after);
        let away = kills.away(Duration::from_secs(2));
        scene.kill_and_start_again(killed, away);
    }
    ended.store(true, Ordering::Relaxed);
    let transfers = loading.join().unwrap();
    assert!(transfers > 0);
    let expected = u128::from(transfers) * 5;
    eventually(&format!("all is paid; {context}"), || {
        scene.house.account(1).debits_posted >= expected
    });
    let all = scene.seen(1000 + transfers - 1, &context);
    assert_eq!(scene.house.account(1).debits_posted, expected, "{context}");
    check(&all, transfers, &context);
    println!("{transfers} transfers, {} messages", all.len());
}

#[test]
fn nothing_is_lost_or_doubled_between_activemq_and_the_engine() {
    let Some(kind) = Kind::activemq() else { return };
    nothing_is_lost_or_doubled(kind);
}

#[test]
fn nothing_is_lost_or_doubled_between_artemis_and_the_engine() {
    let Some(kind) = Kind::artemis() else { return };
    nothing_is_lost_or_doubled(kind);
}

#[test]
fn nothing_is_lost_or_doubled_between_rabbitmq_and_the_engine_by_stomp() {
    let Some(kind) = Kind::rabbitmq() else { return };
    nothing_is_lost_or_doubled(kind);
}
