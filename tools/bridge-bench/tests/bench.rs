//! The bench as a program, with a real broker, an engine and a bridge.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use brokers::{Kafka, RabbitMq, or_skip};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Runs the bench with `arguments`, and checks that everything was answered; how it was set up.
fn measure(arguments: &[&str]) -> String {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_ringfence-bridge-bench"));
    bench.args(arguments).args(["--json", "--transfers", "300", "--singles", "5"]);
    bench.args(["--turns", "2", "--window", "50", "--accounts", "10"]);
    let output = bench.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |path: &str| report.pointer(path).and_then(Value::as_f64).unwrap();
    assert_eq!((number("/transfers"), number("/refused")), (300.0, 0.0), "{report}");
    assert_eq!(number("/single/transfers"), 10.0, "{report}");
    let ratio = number("/transfers_per_second") / number("/alone/transfers_per_second");
    assert!((ratio - number("/of_alone")).abs() < 1e-9 && ratio > 0.0, "{report}");
    report["setup"].as_str().unwrap().to_owned()
}

#[test]
fn everything_that_was_sent_to_rabbitmq_is_answered_by_the_bridge_and_by_the_broker_alone() {
    let Some(broker) = or_skip(RabbitMq::start()) else { return };
    for back in ["exchange", "reply"] {
        let setup = measure(&["--url", &broker.url(), "--back", back]);
        assert_eq!(setup, format!("classic queues, outcomes by {back}"));
    }
}

#[test]
fn everything_that_was_sent_to_kafka_is_answered_by_the_bridge_and_by_its_own_loop() {
    let Some(broker) = or_skip(Kafka::start(1)) else { return };
    let arguments = ["--broker", "kafka", "--url", &broker.servers(), "--commit-interval", "20"];
    // Twice: the second finds nothing of the first.
    for _ in 0..2 {
        assert_eq!(measure(&arguments), "outcomes committed every 20 ms");
    }
    let brief = [&arguments[..], &["--brief", "--headers"]].concat();
    assert_eq!(measure(&brief), "outcomes committed every 20 ms, brief, alone with headers");
}

/// Processes whose environment names `folder`.
fn processes_of(folder: &Path) -> Vec<String> {
    let needle = folder.as_os_str().as_encoded_bytes();
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let is_of = |path: &PathBuf| {
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        environment.windows(needle.len()).any(|window| window == needle)
    };
    let name = |path: PathBuf| fs::read_to_string(path.join("comm")).unwrap_or_default();
    processes.filter(is_of).map(name).collect()
}

#[test]
fn a_signal_ends_the_broker_the_engine_and_the_bridge_too() {
    let Some(()) = or_skip(RabbitMq::find()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_ringfence-bridge-bench"));
    bench.args(["--singles", "1000000", "--accounts", "10"]).env("TMPDIR", folder.path());
    let mut bench = bench.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = || {
        let running = processes_of(folder.path());
        let count = |name: &str| running.iter().filter(|it| it.trim_end() == name).count();
        // Of a name Linux shows 15 bytes: the bench and the bridge have the same.
        count("ringfence") == 1 && count("ringfence-bridg") == 2
    };
    while bench.try_wait().unwrap().is_none() && !begun() {
        std::thread::sleep(Duration::from_millis(50));
    }
    // One that has ended by itself said why.
    if bench.try_wait().unwrap().is_none() {
        kill_process(Pid::from_child(&bench), Signal::INT).unwrap();
    }
    let output = bench.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("ended by SIGINT"), "{said}");
    assert_eq!(processes_of(folder.path()), [] as [String; 0]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
