//! `ringfence bench wire`: what it prints, what it writes, what it refuses.

use std::fs;

use serde_json::Value;
use tempfile::tempdir;

use super::engine::Engine;
use super::support::{run, text};

/// Every key of the report, in its order.
const KEYS: [&str; 21] = [
    "bench",
    "transfers",
    "accounts",
    "batch",
    "seed",
    "seconds",
    "transfers_per_second",
    "refused",
    "latency_ns",
    "digest",
    "placement",
    "wait",
    "durability",
    "probe_round_trip_ns",
    "clients",
    "window",
    "rate",
    "session",
    "echo",
    "of_echo",
    "raw_latency_ns",
];

/// Runs a small load with `more` arguments; its report.
fn wire(more: &[&str]) -> Value {
    let fixed = ["bench", "wire", "--json", "--accounts", "100"];
    let ran = run(&[&fixed[..], more].concat());
    assert_eq!(ran.status, 0, "{more:?}: {ran:?}");
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn every_transfer_is_answered_by_the_engine_and_by_the_echo_server() {
    //  arguments, clients, window, batch
    let cases: [(&[&str], u64, u64, u64); 6] = [
        (&["--transfers", "500", "--batch", "1"], 1, 1, 1),
        (&["--transfers", "5001", "--batch", "1", "--window", "64"], 1, 64, 1),
        (&["--transfers", "5001", "--batch", "7", "--clients", "9", "--session"], 9, 1, 7),
        (
            &["--transfers", "40001", "--batch", "1000", "--clients", "2", "--window", "8"],
            2,
            8,
            1000,
        ),
        (&["--transfers", "30000", "--window", "3", "--outcome-log", "off"], 1, 3, 8189),
        (&["--transfers", "999", "--batch", "10", "--clients", "3", "--rate", "5000"], 3, 1, 10),
    ];
    for (arguments, clients, window, batch) in cases {
        let report = wire(arguments);
        let number = |key: &str| report[key].as_u64().unwrap();
        let transfers: u64 = arguments[1].parse().unwrap();
        assert_eq!(number("transfers"), transfers, "{arguments:?}");
        let shape = (number("clients"), number("window"), number("batch"));
        assert_eq!(shape, (clients, window, batch), "{arguments:?}");
        assert_eq!(number("refused"), 0, "each account may overdraw: {report}");
        assert_eq!(report["session"], Value::from(arguments.contains(&"--session")));
        let keys = report.as_object().unwrap();
        let is_alone = clients == 1 && window == 1;
        for key in KEYS {
            let expected = key != "raw_latency_ns" || is_alone;
            assert_eq!(keys.contains_key(key), expected, "{key} in {report}");
        }
        assert_eq!(keys.len(), KEYS.len() - usize::from(!is_alone), "{report}");
        for of in [&report, &report["echo"]] {
            let rate = transfers as f64 / of["seconds"].as_f64().unwrap();
            let shown = of["transfers_per_second"].as_f64().unwrap();
            assert!((shown / rate - 1.0).abs() < 1e-9, "{report}");
            let latency = |key: &str| of["latency_ns"][key].as_u64().unwrap();
            assert!(0 < latency("p50") && latency("p50") <= latency("max"), "{report}");
        }
    }
}

#[test]
fn a_subscriber_beside_the_load_gets_all_of_it() {
    let report = wire(&["--transfers", "20001", "--batch", "100", "--subscriber"]);
    let latency = |key: &str| report["subscriber_latency_ns"][key].as_u64().unwrap();
    assert!(0 < latency("p50") && latency("p50") <= latency("max"), "{report}");
}

#[test]
fn a_planned_load_takes_as_long_as_planned() {
    let report =
        wire(&["--transfers", "1000", "--batch", "1", "--rate", "2000", "--window", "100"]);
    // The last transfer is due after 999 of 2,000 parts of a second.
    for seconds in [&report["seconds"], &report["echo"]["seconds"]] {
        assert!(seconds.as_f64().unwrap() >= 0.4995, "{report}");
    }
    assert_eq!(report["rate"], Value::from(2000.0));
}

#[test]
fn an_engine_that_runs_takes_the_same_load_again_with_other_ids() {
    let folder = tempdir().unwrap();
    let mut engine = Engine::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    let said = engine.said();
    let (_, ready) = said.split_once("ready on ").unwrap();
    let address = ready.split(',').next().unwrap();
    for _ in 0..2 {
        let load = ["--transfers", "300", "--batch", "5", "--clients", "2", "--connect", address];
        let report = wire(&load);
        assert_eq!(report["refused"], Value::from(0), "{report}");
        for key in ["digest", "placement", "wait", "durability"] {
            assert_eq!(report[key], Value::from("unknown"), "{key}: {report}");
        }
    }
    engine.stop();
    let summed = run(&["replay", "--data-dir", text(folder.path())]);
    assert_eq!(summed.summary()["transfers"], Value::from("600"), "{summed:?}");
}

#[test]
fn latencies_are_written_as_percentiles_and_as_a_picture() {
    let folder = tempdir().unwrap();
    let (hgrm, svg) = (folder.path().join("wire.hgrm"), folder.path().join("wire.svg"));
    let files = ["--hgrm", text(&hgrm), "--svg", text(&svg)];
    let report = wire(&[&["--transfers", "2000", "--batch", "10"], &files[..]].concat());
    let hgrm = fs::read_to_string(hgrm).unwrap();
    let median = hgrm.lines().find(|line| line.contains(" 0.500000000000 ")).expect(&hgrm);
    let p50: f64 = median.split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(report["latency_ns"]["p50"].as_u64().unwrap(), p50 as u64);
    assert!(hgrm.contains("Total count    =          200]"), "{hgrm}");
    let svg = fs::read_to_string(svg).unwrap();
    assert!(svg.contains(">engine</text>") && svg.contains(">echo</text>"), "{svg}");
}

#[test]
fn what_is_wrong_is_named_with_its_option() {
    let folder = tempdir().unwrap();
    let nowhere = format!("unix:{}", folder.path().join("none.sock").display());
    let data_dir = folder.path().join("data");
    let data_dir = text(&data_dir);
    //  arguments, status, what standard error must contain
    let cases: [(&[&str], i32, &str); 9] = [
        (&["--clients", "0"], 2, "'--clients <N>': must be a whole number from 1 to 10000"),
        (&["--window", "0"], 2, "'--window <N>': must be a whole number from 1 to"),
        (&["--batch", "9000"], 2, "must be a whole number from 1 to 8192"),
        (&["--rate", "0"], 2, "'--rate <EVENTS_PER_S>': must be a number above 0"),
        (&["--connect", "nowhere"], 2, "--connect <ADDR>"),
        (&["--connect", &nowhere, "--data-dir", "x"], 2, "cannot be used with"),
        (&["--mix", "pending:post", "--clients", "2"], 2, "--mix pending:post needs"),
        (&["--connect", &nowhere, "--transfers", "10"], 1, "none.sock"),
        (&["--transfers", "10", "--svg", "/nowhere/at/all.svg"], 1, "/nowhere/at/all.svg"),
    ];
    for (arguments, status, expected) in cases {
        let ran = run(&[&["bench", "wire"], arguments].concat());
        assert_eq!(ran.status, status, "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
    }
    let load = ["--transfers", "10", "--data-dir", data_dir];
    wire(&load);
    let ran = run(&[&["bench", "wire"], &load[..]].concat());
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.stderr.contains("holds commands already"), "{}", ran.stderr);
}
