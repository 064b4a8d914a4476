//! The bench as a program, with a real broker, an engine and a bridge.

use std::process::Command;

use brokers::{RabbitMq, or_skip};
use serde_json::Value;

#[test]
fn everything_that_was_sent_is_answered_through_the_bridge_and_by_the_broker_alone() {
    let Some(broker) = or_skip(RabbitMq::start()) else { return };
    for back in ["exchange", "reply"] {
        let mut bench = Command::new(env!("CARGO_BIN_EXE_ringfence-bridge-bench"));
        bench.args(["--url", &broker.url(), "--back", back, "--json"]);
        bench.args(["--transfers", "300", "--singles", "10", "--turns", "2"]);
        let output = bench.args(["--window", "50", "--accounts", "10"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{back}: {said}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let number = |path: &str| report.pointer(path).and_then(Value::as_f64).unwrap();
        assert_eq!(report["back"], back);
        assert_eq!((number("/transfers"), number("/refused")), (300.0, 0.0), "{report}");
        assert_eq!(number("/single/transfers"), 20.0, "{report}");
        let ratio = number("/transfers_per_second") / number("/alone/transfers_per_second");
        assert!((ratio - number("/of_alone")).abs() < 1e-9 && ratio > 0.0, "{report}");
    }
}
