//! Bridge and engine are killed at random moments under load. Then the ledger holds what was sent,
//! every message has its outcome, and consumers have each outcome once, in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Consumer, Ports, Socket};
use super::{configuration, start};
use crate::broker::amqp::{account, transfer};
use crate::broker::killing::Kills;

/// Id of the first transfer.
const FIRST: u64 = 1000;

/// Sends a message until it has a reply.
fn ask(client: &mut Option<Socket>, ports: Ports, id: &str, body: &str) -> Value {
    loop {
        let socket = client.get_or_insert_with(|| Socket::connected(ports.commands, "DEALER"));
        match socket.ask(&json!({ "message-id": id }), body) {
            Ok((_, reply)) => return reply,
            // The same message again, with the same identity.
            Err(_) => *client = None,
        }
    }
}

/// Sends numbered transfers until it is told to end. Returns how many.
fn load(ports: Ports, ended: &AtomicBool) -> u64 {
    let mut client = None;
    let mut number = 0;
    while !ended.load(Ordering::Relaxed) {
        let id = FIRST + number;
        let reply = ask(&mut client, ports, &format!("payment-{id}"), &transfer(id));
        assert_eq!(reply["id"], id.to_string(), "{reply}");
        assert_eq!(reply["status"], "created", "{reply}");
        number += 1;
    }
    number
}

fn check(consumer: &Consumer, transfers: u64, context: &str) {
    let mut last = 0;
    let mut ids = Vec::new();
    for (header, body) in &consumer.records {
        let sequence: u64 = body["sequence"].as_str().unwrap().parse().unwrap();
        assert!(sequence > last, "{sequence} after {last}; {context}");
        assert!(header["message-id"].as_str().unwrap().ends_with(&format!(":{sequence}")));
        last = sequence;
        if body["op"] == "create_transfer" {
            assert_eq!(body["status"], "created", "{body}; {context}");
            ids.push(body["id"].as_str().unwrap().parse::<u64>().unwrap());
        }
    }
    let expected: Vec<u64> = (FIRST..FIRST + transfers).collect();
    assert_eq!(ids, expected, "{context}");
}

#[test]
fn nothing_is_lost_or_doubled_however_often_they_are_killed() {
    let mut kills = Kills::new();
    let context = kills.context.clone();
    let (house, mut engine, mut bridge, ports) = start();
    for id in [1, 2] {
        ask(&mut None, ports, &format!("account-{id}"), &account(id));
    }
    let mut consumer = Consumer::start(ports);
    let ended = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ended);
    let loading = std::thread::spawn(move || load(ports, &told));
    let killing = std::thread::scope(|scope| {
        let killing = scope.spawn(|| {
            while let Some((after, killed)) = kills.next(2) {
                std::thread::sleep(after);
                if killed.bridge() {
                    bridge.kill();
                }
                if killed.engine() {
                    engine.kill();
                    engine = house.engine();
                }
                if killed.bridge() {
                    bridge = house.bridge(&configuration(ports));
                }
            }
        });
        while !killing.is_finished() {
            consumer.turn();
        }
        killing.join()
    });
    killing.unwrap();
    ended.store(true, Ordering::Relaxed);
    let transfers = loading.join().unwrap();
    assert!(transfers > 0);
    let has_last = |consumer: &Consumer| {
        let last = (FIRST + transfers - 1).to_string();
        consumer.records.iter().rev().any(|(_, body)| body["id"] == last.as_str())
    };
    let begin = Instant::now();
    while !has_last(&consumer) {
        let said = || house.said("bridge.log");
        assert!(begin.elapsed() < Duration::from_secs(60), "{context}\n{}", said());
        consumer.turn();
    }
    assert_eq!(house.account(1).debits_posted, u128::from(transfers) * 5, "{context}");
    check(&consumer, transfers, &context);
    println!("{transfers} transfers, {} replays", consumer.replays);
}
