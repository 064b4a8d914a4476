//! What a running engine shows: metrics, the counters file, `ringfence status`.

mod backups;
mod engine;
mod figures;
mod growth;
mod packaging;
mod service;
mod snapshots;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use engine::Engine;
use support::{run, text};
use tempfile::tempdir;

const INPUT: &str = r#"[{"op":"create_account","id":"1","ledger":1,"code":1},{"op":"create_account","id":"2","ledger":1,"code":1},{"op":"create_account","id":"2","ledger":1,"code":1}]
[{"op":"create_transfer","id":"5","debit_account_id":"1","credit_account_id":"2","amount":"7","ledger":1,"code":1}]
[{"op":"create_transfer","id":"6","debit_account_id":"1","credit_account_id":"9","amount":"7","ledger":1,"code":1}]
[{"op":"lookup_account","id":"1"}]
"#;

/// The status, once `is_it` holds of it.
fn status_once(dir: &Path, is_it: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let ran = run(&["status", "--data-dir", text(dir), "--json"]);
        let status: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        if is_it(&status) {
            assert_eq!(ran.status == 0, status["life"] == "runs", "{status}");
            return status;
        }
        assert!(Instant::now() < until, "{status}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn metrics_and_status_agree_with_what_was_sent_to_the_command() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let engine = Engine::start(&dir);
    let sent = engine.submit(INPUT);
    assert_eq!(sent.lines().len(), 6, "{}", sent.stderr);
    let page = engine.get("/metrics");
    for line in [
        r#"ringfence_outcomes_total{op="create_account",status="created"} 2"#,
        r#"ringfence_outcomes_total{op="create_account",status="exists"} 1"#,
        r#"ringfence_outcomes_total{op="create_transfer",status="created"} 1"#,
        r#"ringfence_outcomes_total{op="create_transfer",status="credit_account_not_found"} 1"#,
        r#"ringfence_outcomes_total{op="lookup_account",status="found"} 1"#,
        r#"ringfence_stage_sequence{stage="publish"} 6"#,
        r#"ringfence_table_used{table="accounts"} 2"#,
        "ringfence_sequence 6",
        "ringfence_ready 1",
        "ringfence_accepted_total 1",
    ] {
        assert!(page.lines().any(|it| it == line), "{line}\n{page}");
    }
    // Every number that is shown is explained.
    let docs = fs::read_to_string("docs/operating.md").unwrap();
    for name in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = name.split(' ').next().unwrap();
        assert!(docs.contains(&format!("`{name}`")), "{name} is not in docs/operating.md");
    }
    assert!(engine.get("/readyz").starts_with("HTTP/1.1 200"));
    assert!(engine.get("/livez").starts_with("HTTP/1.1 200"));
    let status = status_once(&dir, |status| status["sequence"] == 6);
    let created = status["outcomes"][0].clone();
    assert_eq!((created["count"].as_u64(), created["status"].as_str()), (Some(2), Some("created")));
    let page = run(&["status", "--data-dir", text(&dir)]).stdout;
    assert!(page.contains(&format!("process {} runs", engine.child.id())), "{page}");
}

#[test]
fn status_tells_an_engine_that_runs_from_one_that_hangs_was_killed_or_was_stopped() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let life = |life: &'static str| move |status: &serde_json::Value| status["life"] == life;
    let engine = Engine::start(&dir);
    status_once(&dir, life("runs"));
    engine.signal("STOP");
    status_once(&dir, life("hangs"));
    engine.signal("CONT");
    status_once(&dir, life("runs"));
    drop(engine);
    status_once(&dir, life("died"));
    let mut engine = Engine::start(&dir);
    status_once(&dir, life("runs"));
    engine.stop();
    let ended = status_once(&dir, life("ended"));
    assert_eq!(ended["state"], "stopped");
    let nothing = run(&["status", "--data-dir", text(folder.path())]);
    assert!(nothing.status == 1 && !nothing.stderr.is_empty());
}
