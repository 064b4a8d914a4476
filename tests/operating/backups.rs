//! Backups beside a running engine, and what is made of them.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::tempdir;

use crate::engine::{ACCOUNTS, Engine, transfers};
use crate::support::{Ran, ringfence, run, text};

fn backup(dir: &Path, to: &Path) -> Ran {
    run(&["backup", "--data-dir", text(dir), "--to", text(to)])
}

fn restore(from: &Path, dir: &Path, more: &[&str]) -> Ran {
    run(&[&["restore", "--from", text(from), "--data-dir", text(dir)], more].concat())
}

/// A field of the object that a command printed.
fn printed(ran: &Ran, field: &str) -> u64 {
    assert_eq!(ran.status, 0, "{ran:?}");
    let line: serde_json::Value = serde_json::from_str(ran.stdout.trim()).unwrap();
    match &line[field] {
        serde_json::Value::String(text) => text.parse().unwrap(),
        number => number.as_u64().unwrap(),
    }
}

fn digest(dir: &Path, more: &[&str]) -> String {
    run(&[&["replay", "--data-dir", text(dir)], more].concat()).digest()
}

fn published(engine: &Engine) -> u64 {
    engine.metric(r#"ringfence_stage_sequence{stage="publish"}"#) as u64
}

/// Sends transfers to `engine` while `act` runs; how many there were.
fn under_load(engine: &Engine, first: u32, act: impl FnOnce()) -> u32 {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut next = first;
            while !over.load(Ordering::Relaxed) {
                engine.submit(&transfers(next..next + 5_000));
                next += 5_000;
            }
            next
        });
        {
            // Also where a check within fails.
            let _ends = Ends(&over);
            act();
        }
        load.join().unwrap()
    })
}

/// Ends the load when it is dropped.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_backup_under_load_restores_to_the_exact_state_of_an_acknowledged_sequence() {
    let folder = tempdir().unwrap();
    let (dir, to) = (folder.path().join("data"), folder.path().join("backup"));
    fs::create_dir(&to).unwrap();
    let mut engine = Engine::start(&dir);
    engine.submit(ACCOUNTS);
    let mut last = 0;
    let mut next = 1;
    for round in 0..4 {
        next = under_load(&engine, next, || {
            let has_grown = || (published(&engine) >= last + 20_000).then_some(());
            engine.wait_for("the load", has_grown);
            let acknowledged = published(&engine);
            let made = backup(&dir, &to);
            last = printed(&made, "last_sequence");
            assert!(last >= acknowledged && last <= published(&engine), "{acknowledged} {last}");
            if round > 0 {
                // The segments of the first are not copied again.
                assert!(printed(&made, "segments_copied") < 1 + last / 10_000, "{made:?}");
            }
        });
    }
    engine.stop();
    let restored = folder.path().join("restored");
    let ran = restore(&to, &restored, &[]);
    assert_eq!((printed(&ran, "last_sequence"), printed(&ran, "epoch")), (last, 1));
    assert_eq!(digest(&restored, &[]), digest(&dir, &["--until", &last.to_string()]));
    // It goes on, in an epoch of its own; the original's witness is not missed.
    let mut engine = Engine::start(&restored);
    assert_eq!(engine.metric("ringfence_epoch"), 1.0);
    engine.submit(&transfers(next..next + 100));
    engine.stop();
    assert_eq!(run(&["journal", "verify", "--data-dir", text(&restored)]).status, 0);
}

#[test]
fn a_backup_that_is_cut_short_leaves_the_one_before_as_good_as_it_was() {
    let folder = tempdir().unwrap();
    let (dir, to) = (folder.path().join("data"), folder.path().join("backup"));
    fs::create_dir(&to).unwrap();
    let mut engine = Engine::start(&dir);
    engine.submit(&(ACCOUNTS.to_owned() + &transfers(1..2_000)));
    let mut last = printed(&backup(&dir, &to), "last_sequence");
    let mut next = 2_000;
    for round in 0..12 {
        engine.submit(&transfers(next..next + 10_000));
        next += 10_000;
        let mut child = ringfence(&["backup", "--data-dir", text(&dir), "--to", text(&to)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(round * 4));
        child.kill().unwrap();
        child.wait().unwrap();
        let restored = folder.path().join(format!("restored-{round}"));
        let ran = restore(&to, &restored, &[]);
        assert!(printed(&ran, "last_sequence") >= last, "{ran:?}");
        last = printed(&ran, "last_sequence");
        assert_eq!(digest(&restored, &[]), digest(&dir, &["--until", &last.to_string()]));
    }
    engine.stop();
    // Nothing that was left by those is in the way.
    let made = backup(&dir, &to);
    assert_eq!(printed(&made, "last_sequence"), u64::from(next) + 1);
}

#[test]
fn a_stopped_engine_moves_to_another_machine_without_an_epoch() {
    let folder = tempdir().unwrap();
    let (dir, to) = (folder.path().join("data"), folder.path().join("backup"));
    fs::create_dir(&to).unwrap();
    let mut engine = Engine::start(&dir);
    engine.submit(&(ACCOUNTS.to_owned() + &transfers(1..5_000)));
    let made = run(&["snapshot", "--data-dir", text(&dir)]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    engine.submit(&transfers(5_000..9_000));
    engine.stop();
    let made = backup(&dir, &to);
    assert_eq!((printed(&made, "last_sequence"), printed(&made, "snapshots_copied")), (9_001, 1));
    let restored = folder.path().join("restored");
    let ran = restore(&to, &restored, &["--nothing-lost"]);
    assert_eq!((printed(&ran, "last_sequence"), printed(&ran, "epoch")), (9_001, 0));
    assert_eq!(digest(&restored, &[]), digest(&dir, &[]));
    //  what is refused, and what the refusal names
    let again = restore(&to, &restored, &[]);
    let missing = backup(&dir, &folder.path().join("nowhere"));
    let itself = backup(&dir, &dir);
    let run_on_it = run(&["run", "--data-dir", text(&to)]);
    let cases = [
        (again, "is not empty"),
        (missing, "make it first"),
        (itself, "the data directory itself"),
        (run_on_it, "it is a backup"),
    ];
    for (ran, part) in cases {
        assert!(ran.status == 1 && ran.stderr.contains(part), "{part}: {ran:?}");
    }
}

#[test]
fn damage_to_a_backup_is_named_and_nothing_is_begun_with_it() {
    let folder = tempdir().unwrap();
    let (dir, to) = (folder.path().join("data"), folder.path().join("backup"));
    fs::create_dir(&to).unwrap();
    let mut engine = Engine::start(&dir);
    for first in (1..5_000).step_by(500) {
        let accounts = if first == 1 { ACCOUNTS } else { "" };
        engine.submit(&(accounts.to_owned() + &transfers(first..first + 500)));
    }
    engine.stop();
    printed(&backup(&dir, &to), "last_sequence");
    let segment = to.join("0000000001.journal");
    let whole = fs::read(&segment).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
    // In the middle; in the last frame, which reads like one that was being written.
    for place in [end / 2, end] {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&segment, bytes).unwrap();
        let ran = restore(&to, &folder.path().join(format!("restored-{place}")), &[]);
        assert!(ran.status == 1 && ran.stderr.contains("0000000001.journal at byte"), "{ran:?}");
    }
    fs::write(&segment, &whole[..end / 2]).unwrap();
    let ran = restore(&to, &folder.path().join("cut"), &[]);
    assert!(ran.status == 1 && ran.stderr.contains("0000000001.journal at byte"), "{ran:?}");
}
