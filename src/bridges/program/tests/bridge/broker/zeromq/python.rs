//! The programs of the manual, by libzmq: what a reader copies works.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use super::client::Socket;
use super::start;
use crate::broker::amqp::account;
use crate::house::{Program, eventually};

/// A Python with pyzmq; `None` after a line that says that there is none.
fn python() -> Option<&'static str> {
    let has_zmq = |python: &&str| {
        let tried = Command::new(python).args(["-c", "import zmq"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has_zmq);
    if found.is_none() {
        let says = "pyzmq is not installed: apt-get install python3-zmq";
        assert!(std::env::var_os("RINGFENCE_BROKERS").is_none_or(|all| all != "all"), "{says}");
        eprintln!("not tested: {says}");
    }
    found
}

/// The programs on the page, with the ports of this test.
fn programs() -> Vec<String> {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../docs/bridges/zeromq.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```python\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn producer_and_consumer_of_the_manual_work_with_libzmq() {
    let Some(python) = python() else { return };
    let (house, _engine, mut bridge, ports) = start();
    let mut client = Socket::connect(ports.commands, "DEALER").unwrap();
    for id in [1, 2] {
        client.ask(&json!({}), &account(id)).unwrap();
    }
    let programs = programs();
    let [producer, consumer] = programs.as_slice() else { panic!("two programs: {programs:?}") };
    let here = |program: &str| {
        program
            .replace(":5555", &format!(":{}", ports.commands))
            .replace(":5556", &format!(":{}", ports.live))
            .replace(":5557", &format!(":{}", ports.replay))
    };
    let mut consumes = Command::new(python);
    consumes.args(["-c", &here(consumer)]);
    let _consumer = Program::start(&mut consumes, &house.path("consumer.log"));
    let produce = || Command::new(python).args(["-c", &here(producer)]).output().unwrap();
    let first = produce();
    let said = String::from_utf8_lossy(&first.stdout).into_owned();
    assert!(said.contains(r#""id":"9000","status":"created""#), "{said} {first:?}");
    // The consumer finds a bridge that was started again.
    bridge.kill();
    let _bridge = house.bridge(&super::configuration(ports));
    assert_eq!(String::from_utf8_lossy(&produce().stdout), said, "the outcome of the first time");
    client = Socket::connected(ports.commands, "DEALER");
    client.ask(&json!({}), &account(3)).unwrap();
    let consumed = || house.said("consumer.log");
    eventually("the consumer has all", || consumed().contains(r#""id":"3""#));
    let lines = consumed();
    assert_eq!(
        lines.lines().filter(|line| line.contains("outcomes/")).count(),
        4,
        "each once: {lines}"
    );
}
