//! A running engine gets larger tables while commands go on.

mod support;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use support::engine::Engine;
use support::{SMALL, ringfence, run, run_on, text};
use tempfile::tempdir;

/// Transfers that the tables hold at first.
const FIRST: u64 = 2_000;
const BATCH: u64 = 20;

fn grow(dir: &Path, options: &[&str]) -> support::Ran {
    run(&[&["grow", "--data-dir", text(dir)], options].concat())
}

fn accounts() -> String {
    (1..=8).fold(String::new(), |mut text, id| {
        let _ = writeln!(text, r#"{{"op":"create_account","id":{id},"ledger":1,"code":1}}"#);
        text
    })
}

/// A batch of transfers with ids from `first` on: some pending, some of which expire soon, and some
/// that post one of them.
fn batch(first: u64) -> String {
    let transfer = |id: u64| {
        let (debit, credit) = (id % 8 + 1, (id + 3) % 8 + 1);
        let accounts = format!(r#""debit_account_id":{debit},"credit_account_id":{credit}"#);
        let rest = match id % 5 {
            0 => r#","flags":["pending"],"timeout":1"#,
            1 => r#","flags":["pending"]"#,
            2 => {
                let pending = id - 1;
                return format!(
                    r#"{{"op":"create_transfer","id":{id},"pending_id":{pending},"amount":"max","flags":["post_pending_transfer"]}}"#
                );
            }
            _ => "",
        };
        format!(
            r#"{{"op":"create_transfer","id":{id},{accounts},"amount":3,"ledger":1,"code":1{rest}}}"#
        )
    };
    let transfers: Vec<String> = (first..first + BATCH).map(transfer).collect();
    format!("[{}]\n", transfers.join(","))
}

#[test]
fn tables_grow_tenfold_under_load_and_refuse_nothing() {
    let folder = tempdir().unwrap();
    let (dir, other) = (folder.path().join("data"), folder.path().join("other"));
    let tables = ["--accounts", "8", "--transfers", "2000", "--orders", "16", "--markets", "1"];
    let mut engine = Engine::start(&dir, &tables);
    let address = format!("unix:{}", text(&dir.join("ringfence.sock")));
    let sent = run_on(&["submit", "-", "--connect", &address], &accounts());
    assert_eq!(sent.status, 0, "{sent:?}");

    // The load never stops for a growth, but never runs ahead of the room either.
    let room = Arc::new(AtomicU64::new(FIRST));
    let gone = Arc::new(AtomicU64::new(0));
    let mut submit = ringfence(&["submit", "-", "--connect", &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = submit.stdin.take().unwrap();
    let mut stdout = submit.stdout.take().unwrap();
    let last = 10 * FIRST + 40 * BATCH;
    let sending = {
        let (room, gone) = (Arc::clone(&room), Arc::clone(&gone));
        thread::spawn(move || {
            for first in (0..last).step_by(BATCH as usize) {
                while first + BATCH > room.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(1));
                }
                stdin.write_all(batch(1_000 + first).as_bytes()).unwrap();
                gone.store(first + BATCH, Ordering::Relaxed);
                thread::sleep(Duration::from_micros(200));
            }
        })
    };
    let reading = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    for larger in [5_000, 10 * FIRST, 15 * FIRST] {
        while gone.load(Ordering::Relaxed) < room.load(Ordering::Relaxed) / 2 {
            thread::sleep(Duration::from_millis(1));
        }
        let grown = grow(&dir, &["--transfers", &larger.to_string()]);
        assert_eq!(grown.status, 0, "{grown:?}");
        room.store(larger, Ordering::Relaxed);
    }
    sending.join().unwrap();
    let outcomes = reading.join().unwrap();
    assert!(submit.wait().unwrap().success());
    assert_eq!(outcomes.lines().count() as u64, last);
    for line in outcomes.lines() {
        assert!(line.contains(r#""status":"created""#), "{line}");
    }
    assert_eq!(engine.stop(), 0);

    let replayed = run(&["replay", "--data-dir", text(&dir)]);
    let exported = run(&["journal", "export", "--data-dir", text(&dir)]);
    assert_eq!((replayed.status, exported.status), (0, 0), "{replayed:?} {}", exported.stderr);
    let room_from_the_start = ["--accounts", "8", "--transfers", "30000"];
    let mut arguments = vec!["apply", "--clock", "manual", "--data-dir", text(&other)];
    arguments.extend(SMALL);
    arguments.extend(room_from_the_start);
    arguments.push("-");
    let applied = run_on(&arguments, &exported.stdout);
    assert_eq!(applied.status, 0, "{}", applied.stderr);
    assert_eq!(applied.digest(), replayed.digest());

    // A start goes on with the larger tables; a snapshot of them is restored as the same.
    let snapshot = run(&["snapshot", "--data-dir", text(&dir)]);
    assert_eq!(snapshot.status, 0, "{snapshot:?}");
    let mut engine = Engine::start(&dir, &[]);
    let more = run_on(&["submit", "-", "--connect", &address], &batch(900_000));
    assert!(more.lines().iter().all(|line| line.contains("created")), "{more:?}");
    assert_eq!(engine.stop(), 0);
}

#[test]
fn what_cannot_be_met_changes_nothing_and_says_why() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut engine = Engine::start(&dir, &["--transfers", "2000"]);
    //  options, exit status, what is said
    let cases = [
        (vec![], 2, "say what is to grow"),
        (vec!["--transfers", "1000"], 1, "there is room for 2000 transfers"),
        (vec!["--transfers", "2000"], 1, "so much room already"),
        // 400 GB: the system would give the addresses, and end the engine once it uses them.
        (vec!["--transfers", "2000000000"], 1, "MiB are free"),
    ];
    for (options, status, said) in cases {
        let ran = grow(&dir, &options);
        assert_eq!(ran.status, status, "{options:?}: {ran:?}");
        assert!(ran.stderr.contains(said), "{options:?}: {ran:?}");
    }
    assert_eq!(engine.stop(), 0);
    let stat = run(&["journal", "stat", "--data-dir", text(&dir)]);
    assert!(stat.stdout.contains(r#""transfers":"2000""#), "{stat:?}");
    let late = grow(&dir, &["--transfers", "5000"]);
    assert_eq!(late.status, 1);
    assert!(late.stderr.contains("no engine runs"), "{late:?}");
}

#[test]
fn an_engine_at_rest_grows_too_and_a_restart_keeps_it() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut engine = Engine::start(&dir, &["--transfers", "2000", "--accounts", "100"]);
    let grown = grow(&dir, &["--accounts", "300", "--orders", "300000", "--markets", "128"]);
    assert_eq!(grown.status, 0, "{grown:?}");
    assert!(grown.stderr.contains("from sequence 1 on"), "{grown:?}");
    assert_eq!(engine.stop(), 0);
    let stat = run(&["journal", "stat", "--data-dir", text(&dir)]);
    let stat: serde_json::Value = serde_json::from_str(&stat.stdout).unwrap();
    assert_eq!(stat["capacities"]["accounts"], "300");
    assert_eq!(stat["capacities"]["orders"], "300000");
    assert_eq!(stat["commands"]["pulse"], "1");
    assert_eq!(Engine::start(&dir, &[]).stop(), 0);
}
