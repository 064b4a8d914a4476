//! Time passes in a running engine though no command comes.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::{SMALL, ringfence, run, run_on, text};
use tempfile::tempdir;

struct Engine(Child);

impl Drop for Engine {
    fn drop(&mut self) {
        // A test that failed leaves nothing running.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn start(dir: &std::path::Path, wait: &str) -> Engine {
    let mut child = ringfence(&["run", "--data-dir", text(dir), "--wait", wait])
        .args(SMALL)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready on")));
    thread::spawn(move || lines.for_each(drop));
    Engine(child)
}

const PENDING: &str = r#"{"op":"create_account","id":1,"ledger":1,"code":1}
{"op":"create_account","id":2,"ledger":1,"code":1}
{"op":"create_transfer","id":7,"debit_account_id":1,"credit_account_id":2,"amount":5,"ledger":1,"code":1,"timeout":1,"flags":["pending"]}
"#;

#[test]
fn a_pulse_is_journaled_once_something_is_due_and_then_no_more() {
    for wait in ["auto", "park", "yield"] {
        let folder = tempdir().unwrap();
        let dir = folder.path().join("data");
        let mut engine = start(&dir, wait);
        let connect = format!("unix:{}", dir.join("ringfence.sock").display());
        let sent = run_on(&["submit", "--connect", &connect, "-"], PENDING);
        assert_eq!(sent.lines().len(), 3, "{sent:?}");
        let outcomes = || run(&["replay", "--data-dir", text(&dir), "--outcomes"]).stdout;
        let patience = Instant::now();
        while !outcomes().contains("pulse") {
            assert!(patience.elapsed() < Duration::from_secs(20), "--wait {wait}: no pulse came");
            thread::sleep(Duration::from_millis(100));
        }
        // Nothing is due any more: no second one.
        thread::sleep(Duration::from_millis(1_500));
        let all = outcomes();
        let lines: Vec<&str> = all.lines().collect();
        assert_eq!(lines.len(), 4, "--wait {wait}: {all}");
        assert_eq!(lines[..3], sent.lines()[..], "--wait {wait}");
        let pulse = r#"{"sequence":"4","op":"pulse","status":"ok","timestamp":""#;
        assert!(lines[3].starts_with(pulse), "--wait {wait}: {}", lines[3]);

        // The client was told nothing of it, and the transfer has expired by it.
        let look = r#"{"op":"lookup_transfer","id":7}"#;
        let found = run_on(&["submit", "--connect", &connect, "-"], look);
        assert!(found.stdout.contains(r#""sequence":"5""#), "{found:?}");
        assert!(found.stdout.contains(r#""pending_status":"expired""#), "{found:?}");
        let balances = run(&["replay", "--data-dir", text(&dir), "--until", "4", "--balances"]);
        assert!(balances.stdout.contains(r#""debits_pending":"0""#), "{balances:?}");

        let id = engine.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(engine.0.wait().unwrap().success());
    }
}

#[test]
fn what_is_due_at_a_restart_expires_by_a_pulse_too() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let ran = run_on(&["apply", "--data-dir", text(&dir), "-"], PENDING);
    assert_eq!(ran.status, 0, "{ran:?}");
    run(&["snapshot", "--data-dir", text(&dir)]);
    let _engine = start(&dir, "auto");
    let patience = Instant::now();
    loop {
        let outcomes = run(&["replay", "--data-dir", text(&dir), "--outcomes"]).stdout;
        if outcomes.contains("pulse") {
            break;
        }
        assert!(patience.elapsed() < Duration::from_secs(20), "no pulse came");
        thread::sleep(Duration::from_millis(100));
    }
}
