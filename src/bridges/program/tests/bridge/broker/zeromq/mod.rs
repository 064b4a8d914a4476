//! The bridge as clients by ZeroMQ see it.

mod client;
mod crash;
mod python;

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use brokers::free_port;
use serde_json::json;

use crate::broker::amqp::{account, transfer};
use crate::house::{House, Program, eventually};
use client::{Consumer, Ports, Socket};

fn ports() -> Ports {
    Ports { commands: free_port(), live: free_port(), replay: free_port() }
}

fn configuration(ports: Ports) -> String {
    let Ports { commands, live, replay } = ports;
    format!(
        r#"
[engine]
connect = "ENGINE"

[[source]]
name = "payments"
protocol = "zeromq"
bind = "tcp://127.0.0.1:{commands}"
message-bytes-max = 100000
credit = 100

[[sink]]
name = "outcomes"
protocol = "zeromq"
bind = "tcp://127.0.0.1:{live}"
replay-bind = "tcp://127.0.0.1:{replay}"
queue = 1000
events = true
"#
    )
}

/// An engine and a bridge that takes messages.
fn start() -> (House, Program, Program, Ports) {
    let house = House::new();
    let engine = house.engine();
    let ports = ports();
    let bridge = house.bridge(&configuration(ports));
    eventually("the bridge is bound", || house.said("bridge.log").contains("takes messages"));
    eventually("the sink begins", || house.said("bridge.log").contains("begins after"));
    (house, engine, bridge, ports)
}

#[test]
fn payments_come_in_and_outcomes_go_out() {
    let (house, _engine, mut bridge, ports) = start();
    let mut client = Socket::connect(ports.commands, "DEALER").unwrap();
    let accounts = format!("[{},{}]", account(1), account(2));
    let header = json!({ "message-id": "accounts", "correlation-id": 5 });
    let (header, body) = client.ask(&header, &accounts).unwrap();
    assert_eq!(body.as_array().unwrap().len(), 2, "{body}");
    assert_eq!(
        (&header["ringfence-status"], &header["correlation-id"]),
        (&"created".into(), &5.into())
    );

    // The same message three times: one payment, and three times its outcome.
    for _ in 0..3 {
        let (header, body) = client.ask(&json!({ "message-id": "ten" }), &transfer(10)).unwrap();
        assert_eq!((&body["id"], &body["status"]), (&"10".into(), &"created".into()));
        assert_eq!(header["correlation-id"], "ten");
    }
    // A body alone is answered with a body alone.
    client.send(&[transfer(10).as_bytes()]).unwrap();
    let reply = client.receive().unwrap();
    assert_eq!(reply.len(), 1);
    assert_eq!(client::json(&reply[0])["status"], "exists");

    let mut consumer = Consumer::start(ports);
    while consumer.done < 4 {
        consumer.turn();
    }
    let ids: Vec<_> = consumer.records.iter().map(|(_, body)| body["id"].clone()).collect();
    assert_eq!(ids, ["1", "2", "10", "10"]);
    assert_eq!(consumer.records[2].0["ce_type"], "ringfence.transfer.created");
    assert_eq!(house.account(1).debits_posted, 5);
    assert_eq!(bridge.stop(), Some(0), "{}", house.said("bridge.log"));
}

#[test]
fn of_two_bridges_the_later_one_has_every_socket() {
    let (house, _engine, mut first, ports) = start();
    let mut second = configuration(ports);
    // A source that can be bound takes the session over; its sink waits for the first one's port.
    second = second.replace(&ports.commands.to_string(), &free_port().to_string());
    let _second = house.bridge(&second);
    assert_eq!(first.end(), Some(1), "{}", house.said("bridge.log"));
    let has_begun = || house.said("bridge.log").matches("begins after").count() == 2;
    house.eventually("the second one's sink begins", has_begun);
    let said = house.said("bridge.log");
    assert!(said.contains("another bridge goes on in its place"), "{said}");
}

#[test]
fn what_is_no_command_is_answered_with_the_reason() {
    let (_house, _engine, _bridge, ports) = start();
    let mut client = Socket::connect(ports.commands, "REQ").unwrap();
    let bad = r#"{"op":"create_transfer","id":true}"#;
    let (header, body) = client.ask(&json!({}), bad).unwrap();
    assert_eq!((&body["field"], &body["column"]), (&"id".into(), &30.into()));
    assert_eq!(header["ringfence-error-field"], "id");
    // Longer than the bridge takes, and longer than it keeps.
    for bytes in [100_001, 3_000_000] {
        let (_, body) = client.ask(&json!({}), &" ".repeat(bytes)).unwrap();
        let error = body["error"].as_str().unwrap();
        assert!(error.contains("at most 100000"), "{error}");
    }
    let (_, body) = client.ask(&json!({ "content-type": "application/xml" }), "<a/>").unwrap();
    assert!(body["error"].as_str().unwrap().contains("application/xml"), "{body}");
    // What had a header is answered with one, also where it is none or too long.
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(3_000_000));
    for (header, reason) in [("no header", "no JSON object"), (&long, "header of 3000008 bytes")] {
        client.send(&[b"", header.as_bytes(), account(1).as_bytes()]).unwrap();
        let reply = client.receive().unwrap();
        assert_eq!(reply.len(), 3, "an empty frame, a header and a body");
        let error = client::json(&reply[2])["error"].as_str().unwrap().to_owned();
        assert!(error.contains(reason), "{error}");
    }
    let (_, body) = client.ask(&json!({}), &account(1)).unwrap();
    assert_eq!(body["status"], "created");
}

/// A frame that announces more than there is memory, one that never ends, and other protocols.
#[test]
fn hostile_peers_disturb_nobody() {
    let (house, _engine, _bridge, ports) = start();
    let mut vast = Socket::connect(ports.commands, "DEALER").unwrap();
    vast.send_raw(&[2, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).unwrap();
    let mut endless = Socket::connect(ports.commands, "DEALER").unwrap();
    // It may be cut off while it sends.
    let _ = endless.send_raw(&[1, 0].repeat(10_000));
    assert!(is_cut_off(&mut endless));
    assert!(is_cut_off(&mut Socket::connect(ports.commands, "SUB").unwrap()));
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(std::net::TcpStream::connect(("127.0.0.1", ports.commands)).unwrap());
    }
    let mut client = Socket::connect(ports.commands, "DEALER").unwrap();
    let (_, body) = client.ask(&json!({}), &account(1)).unwrap();
    assert_eq!(body["status"], "created", "{}", house.said("bridge.log"));
}

/// Whether the bridge ends the connection, and does not merely stay silent.
fn is_cut_off(socket: &mut Socket) -> bool {
    let is_silence = |kind| matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut);
    socket.receive().is_err_and(|error| !is_silence(error.kind()))
}

/// A subscriber that reads nothing for a while loses messages, sees it, and asks for them.
#[test]
fn a_slow_subscriber_sees_the_gap_and_asks_for_a_replay() {
    // More than the bridge keeps and the sockets hold.
    const PAYMENTS: u64 = 30_000;
    const BATCH: usize = 500;
    let (house, _engine, _bridge, ports) = start();
    let mut client = Socket::connect(ports.commands, "DEALER").unwrap();
    client.ask(&json!({}), &format!("[{},{}]", account(1), account(2))).unwrap();
    let mut consumer = Consumer::start(ports);
    while consumer.done < 2 {
        consumer.turn();
    }
    let replays = consumer.replays;
    for first in (0..PAYMENTS).step_by(BATCH) {
        let batch: Vec<String> =
            (first..first + BATCH as u64).map(|id| transfer(1000 + id)).collect();
        let (_, body) = client.ask(&json!({}), &format!("[{}]", batch.join(","))).unwrap();
        assert_eq!(body.as_array().map(Vec::len), Some(BATCH), "{body}");
    }
    let start = Instant::now();
    while consumer.done < PAYMENTS + 2 {
        assert!(start.elapsed() < Duration::from_secs(60), "{}", house.said("bridge.log"));
        consumer.turn();
    }
    assert!(consumer.replays > replays, "it has missed nothing");
    assert_eq!(consumer.records.len() as u64, PAYMENTS + 2);
}
