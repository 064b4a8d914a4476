//! Tables for which no size is given grow before they are full.

use std::path::Path;

use tempfile::tempdir;

use crate::engine::{ACCOUNTS, Engine, transfers};
use crate::support::{ringfence, run, run_on, text};

/// Places for transfers in the journal that the engine finds.
const PLACES: &str = "1000";

/// A journal with small tables, which hold 2 accounts of 1,024 and no transfers.
fn with_small_tables(dir: &Path) {
    let tables = ["--accounts", "1024", "--orders", "64", "--policies", "64"];
    let arguments = [&["apply", "--data-dir", text(dir), "--transfers", PLACES], &tables[..]];
    let ran = run_on(&[&arguments.concat()[..], &["-"]].concat(), ACCOUNTS);
    assert_eq!(ran.status, 0, "{ran:?}");
}

/// An engine that takes the sizes of its tables from the journal.
fn started(dir: &Path, more: &[&str]) -> Engine {
    let mut command = ringfence(&["run", "--data-dir", text(dir), "--metrics", "127.0.0.1:0"]);
    command.args(["--outcome-log", "off"]).args(more);
    Engine::spawn(dir, command)
}

/// How many of the transfers with these ids were created.
fn created(engine: &Engine, ids: std::ops::Range<u32>) -> usize {
    let sent = engine.submit(&transfers(ids));
    sent.stdout.lines().filter(|line| line.contains(r#""status":"created""#)).count()
}

#[test]
fn a_table_without_a_given_size_grows_before_it_is_full_and_every_replay_agrees() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    with_small_tables(&dir);
    let mut engine = started(&dir, &[]);
    let capacity = |table: &str| {
        engine.metric(&format!(r#"ringfence_table_capacity{{table="{table}"}}"#)) as u64
    };
    let mut sent = 0;
    for grown in [2_000, 4_000, 8_000] {
        // More than three quarters of the places that there are.
        let more = grown / 2 - 100;
        assert_eq!(created(&engine, 10 + sent..10 + more), (more - sent) as usize);
        sent = more;
        engine.wait_for("more room", || (capacity("transfers") == u64::from(grown)).then_some(()));
    }
    assert_eq!(capacity("accounts"), 1_024, "it is not three quarters full");
    engine.said("the tables have grown by themselves: room for 1024 accounts, 8000 transfers");
    engine.stop();
    let summary = engine.wait_for("the summary", || {
        engine.log().into_iter().find(|line| line.contains("\"digest\""))
    });
    let replayed = run(&["replay", "--data-dir", text(&dir)]);
    let digest = |line: &str| line.split("\"digest\":").nth(1).map(str::to_owned);
    assert!(digest(&summary).is_some());
    assert_eq!(digest(&summary), digest(replayed.stdout.trim_end()), "{replayed:?}");
}

#[test]
fn a_table_stays_as_large_as_it_was_given_or_where_growing_is_forbidden() {
    for options in [&["--auto-grow", "off"][..], &["--transfers", PLACES]] {
        let folder = tempdir().unwrap();
        let dir = folder.path().join("data");
        with_small_tables(&dir);
        let engine = started(&dir, options);
        assert_eq!(created(&engine, 10..1_210), 1_000, "{options:?}");
        let page = engine.get("/metrics");
        let full = r#"ringfence_outcomes_total{op="create_transfer",status="transfers_full"} 200"#;
        assert!(page.lines().any(|line| line == full), "{page}");
    }
}

#[test]
fn who_asks_an_engine_to_grow_always_gets_an_answer() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    with_small_tables(&dir);
    let engine = started(&dir, &[]);
    // At once, and each for more than the one before, or less.
    let asked = [300_000, 400_000, 500_000].map(|transfers: u32| {
        let (dir, transfers) = (dir.clone(), transfers.to_string());
        std::thread::spawn(move || {
            run(&["grow", "--data-dir", text(&dir), "--transfers", &transfers])
        })
    });
    let mut grown = 0;
    for asked in asked {
        let ran = asked.join().unwrap();
        grown += u32::from(ran.status == 0);
        let is_known = ["have grown", "never shrink", "still move"];
        assert!(is_known.iter().any(|part| ran.stderr.contains(part)), "{}", ran.stderr);
    }
    assert!(grown > 0);
    drop(engine);
}

#[test]
fn sessions_that_are_known_are_counted() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut engine = Engine::start(&dir);
    let used = "ringfence_table_used{table=\"sessions\"}";
    assert_eq!(engine.metric(used), 0.0);
    for session in ["payroll", "cards"] {
        let arguments = ["submit", "-", "--connect", &engine.address(), "--session", session];
        assert_eq!(run_on(&arguments, ACCOUNTS).status, 0);
    }
    engine.wait_for("two sessions", || (engine.metric(used) == 2.0).then_some(()));
    // And after a start.
    engine.stop();
    let engine = Engine::start(&dir);
    engine.wait_for("two sessions again", || (engine.metric(used) == 2.0).then_some(()));
}
