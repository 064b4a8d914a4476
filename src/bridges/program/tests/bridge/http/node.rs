//! The same with Node.js: what it brings, an `EventSource`, and a client that is generated.
//!
//! What is not installed is skipped with a line; `RINGFENCE_CLIENTS=required` makes that a failure.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::house::{House, Program, eventually};
use crate::http::client::{bridge, configuration, listens};

/// Pays, listens, and prints what it has heard.
const SCRIPT: &str = r#"
const base = process.argv[1];
const post = async (path, value, key) => {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const response = await fetch(base + path, { method: 'POST', headers, body: JSON.stringify(value) });
  return [response.status, await response.json()];
};
for (const id of ['1', '2']) await post('/v1/accounts', { id, ledger: 978, code: 1 }, `a${id}`);
const transfer = { id: '340282366920938463463374607431768211454', debit_account_id: '1',
  credit_account_id: '2', amount: '18446744073709551617', ledger: 978, code: 7 };
const first = await post('/v1/transfers', transfer, 'once');
const again = await post('/v1/transfers', transfer, 'once');
if (JSON.stringify(first) !== JSON.stringify(again)) throw new Error(JSON.stringify([first, again]));
const events = await fetch(base + '/v1/events?from=3&commands=true');
let text = '';
for await (const bytes of events.body) {
  text += Buffer.from(bytes).toString();
  const line = text.split('\n').find((line) => line.startsWith('data: '));
  if (line) {
    const { sequence, status, command } = JSON.parse(line.slice(6));
    console.log(first[0], sequence, status, command.amount);
    process.exit(0);
  }
}
"#;

/// Whether Node.js is there with `what`; else says that it is missing.
fn has_node(arguments: &[&str], what: &str) -> bool {
    let output = Command::new("node").args(arguments).output();
    if output.is_ok_and(|output| output.status.success()) {
        return true;
    }
    let is_required = std::env::var("RINGFENCE_CLIENTS").is_ok_and(|value| value == "required");
    assert!(!is_required, "{what} is missing");
    // Not by `eprintln!`, which the test harness keeps to itself.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "skipped: {what} is missing").unwrap();
    false
}

/// The folder with the scripts and what they need.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node")
}

/// Whether what the scripts need is installed.
fn has_packages() -> bool {
    let script = format!("require({:?})", folder().join("node_modules/openapi-fetch"));
    has_node(&["-e", &script], "`npm ci --prefix src/bridges/program/tests/node`")
}

#[test]
fn node_pays_and_listens() {
    if !has_node(&["--version"], "Node.js") {
        return;
    }
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    let output = Command::new("node")
        .args(["--input-type=module", "-e", SCRIPT])
        .arg(format!("http://127.0.0.1:{}", http.port))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "201 3 created 18446744073709551617\n", "{output:?}");
}

/// Waits until more payments are made than there were.
fn wait_for_payments(house: &House) {
    let paid = || house.account_if_any(1).map_or(0, |account| account.debits_posted);
    let before = paid();
    eventually("payments are made", || paid() > before + 100);
}

/// Kills the bridge, the engine, and both while an `EventSource` of this `kind` listens.
fn resume(kind: &str, arguments: &[&str]) {
    let house = House::new();
    let mut engine = house.engine();
    let (mut program, http) = bridge(&house, 0, "");
    let end = house.path("end");
    let mut command = Command::new("node");
    command.args(arguments).arg(folder().join("resume.mjs"));
    command.arg(format!("http://127.0.0.1:{}", http.port)).arg(kind).arg(&end);
    let mut node = Program::start(&mut command, &house.path("node.log"));
    wait_for_payments(&house);
    program.kill();
    (program, _) = bridge(&house, http.port, "");
    wait_for_payments(&house);
    engine.kill();
    engine = house.engine();
    wait_for_payments(&house);
    program.kill();
    engine.kill();
    // The bridge comes back first, and has nothing to tell to those who come again.
    let before = house.said("bridge.log").len();
    let _program = house.bridge(&configuration(http.port, ""));
    listens(&house, before);
    std::thread::sleep(Duration::from_secs(3));
    let _engine = house.engine();
    wait_for_payments(&house);
    std::fs::write(&end, "").unwrap();
    assert_eq!(node.end(), Some(0), "{}", house.said("node.log"));
    let said = house.said("node.log");
    assert!(said.starts_with("sent "), "{said}");
}

#[test]
fn an_event_source_hears_everything_once_however_often_they_are_killed() {
    if has_packages() {
        resume("package", &[]);
    }
}

#[test]
fn the_event_source_of_node_hears_everything_once_however_often_they_are_killed() {
    const FLAG: &str = "--experimental-eventsource";
    if has_node(&[FLAG, "-e", "new EventSource('http://127.0.0.1:9').close()"], "EventSource") {
        resume("built-in", &["--no-warnings", FLAG]);
    }
}

#[test]
fn a_client_made_from_the_openapi_document_pays() {
    if !has_packages() {
        return;
    }
    let house = House::new();
    let _engine = house.engine();
    let (_bridge, http) = bridge(&house, 0, "");
    let output = Command::new("node")
        .arg(folder().join("openapi.mjs"))
        .arg(format!("http://127.0.0.1:{}", http.port))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(http.get("/v1/transfers/10").status, 200);
}
