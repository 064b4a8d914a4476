//! Snapshots: what starts from one is what would have come of the whole journal.

#[path = "../support/mod.rs"]
mod support;

mod retire;
mod rewritten;

use std::fs;
use std::path::{Path, PathBuf};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use support::{Ran, apply, run, text};
use tempfile::tempdir;

/// Names of the files in `dir` that end so, in order.
fn files(dir: &Path, end: &str) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(end));
    names.sort();
    names
}

fn snapshots(dir: &Path) -> Vec<PathBuf> {
    files(dir, ".snapshot").into_iter().map(|name| dir.join(name)).collect()
}

fn snapshot(dir: &Path, more: &[&str]) -> Ran {
    let mut arguments = vec!["snapshot", "--data-dir", text(dir)];
    arguments.extend(more);
    let ran = run(&arguments);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    ran
}

fn replay(dir: &Path, more: &[&str]) -> Ran {
    let mut arguments = vec!["replay", "--data-dir", text(dir)];
    arguments.extend(more);
    run(&arguments)
}

/// Lines with all that a snapshot has to keep: pending transfers with and without timeouts, spent
/// ids, policies with their windows, closed accounts, chains, and time that passes.
fn lines(seed: u64, count: usize) -> Vec<String> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut lines = Vec::new();
    for id in 1..=20 {
        let flags = if id % 3 == 0 { r#","flags":["debits_must_not_exceed_credits"]"# } else { "" };
        lines.push(format!(r#"{{"op":"create_account","id":{id},"ledger":1,"code":1{flags}}}"#));
    }
    for next in 1..=count as u64 {
        let mut account = || random.random_range(1..=20);
        let (debit, credit) = (account(), account());
        let earlier = random.random_range(1..=next);
        let amount: u64 = random.random_range(1..1_000);
        let head = format!(r#"{{"op":"create_transfer","id":{next}"#);
        let body = format!(
            r#""debit_account_id":{debit},"credit_account_id":{credit},"amount":{amount},"ledger":1,"code":1"#
        );
        lines.push(match random.random_range(0..12) {
            0 => format!(r#"{{"op":"advance_clock","nanoseconds":{}}}"#, amount * 10_000_000),
            1 | 2 => format!(r#"{head},{body},"timeout":{},"flags":["pending"]}}"#, amount % 7 + 1),
            3 => format!(r#"{head},{body},"flags":["pending"]}}"#),
            4 => format!(r#"{head},"pending_id":{earlier},"flags":["post_pending_transfer"]}}"#),
            5 => format!(r#"{head},"pending_id":{earlier},"flags":["void_pending_transfer"]}}"#),
            6 => format!(
                r#"{{"op":"set_account_policy","account_id":{debit},"debit_rate":{{"count":3,"window_seconds":2}},"debit_spend":{{"amount":2000,"count":4,"window_seconds":5}}}}"#
            ),
            7 => format!(r#"{{"op":"set_account_policy","account_id":{debit}}}"#),
            8 => format!(r#"{{"op":"lookup_transfer","id":{earlier}}}"#),
            9 => format!(r#"{{"op":"create_transfer","id":{earlier},{body}}}"#),
            10 => format!(r#"[{head},{body},"flags":["linked"]}},{head}{next},{body}}}]"#),
            _ => format!(r#"{head},{body}}}"#),
        });
    }
    lines
}

#[test]
fn a_run_from_a_snapshot_answers_as_the_run_from_the_start_does() {
    for seed in 1..=3 {
        let folder = tempdir().unwrap();
        let (whole, cut) = (folder.path().join("whole"), folder.path().join("cut"));
        let lines = lines(seed, 600);
        let retention = [&["--retention", "8s"][..], &TINY].concat();
        let ran = apply(&whole, &retention, &lines.join("\n"));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut rest = &lines[..];
        let mut stdout = String::new();
        while !rest.is_empty() {
            let mut length = random.random_range(1..=rest.len().min(200));
            // What the clock was told is not journaled: a command after it must be.
            while length < rest.len() && rest[length - 1].contains("advance_clock") {
                length += 1;
            }
            let (part, after) = rest.split_at(length);
            let ran = apply(&cut, &retention, &part.join("\n"));
            assert_eq!(ran.status, 0, "seed {seed}: {}", ran.stderr);
            stdout.push_str(&ran.stdout);
            rest = after;
            let made = snapshot(&cut, &[]);
            if !made.stdout.is_empty() {
                let line: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
                assert_eq!(line["digest"], ran.summary()["digest"], "seed {seed}");
                assert_eq!(line["transfers"], ran.summary()["transfers"], "seed {seed}");
            }
        }
        for (cut, whole) in stdout.lines().zip(ran.lines()) {
            assert_eq!(cut, whole, "seed {seed}");
        }
        assert_eq!(stdout.len(), ran.stdout.len(), "seed {seed}");
        assert!(snapshots(&cut).len() >= 3, "seed {seed}");
        let from_snapshot = replay(&cut, &[]);
        assert_eq!(from_snapshot.summary()["commands"], "0", "the newest covers all");
        assert_eq!(from_snapshot.digest(), ran.digest(), "seed {seed}");
        let balances = replay(&cut, &["--balances"]);
        assert_eq!(balances.stdout, replay(&whole, &["--balances"]).stdout, "seed {seed}");
        let outcomes = replay(&cut, &["--outcomes"]);
        assert_eq!(outcomes.stdout, outcomes_only(&ran.stdout), "the journal is still whole");
        // Every point between two snapshots can be reached from the one before it.
        let last = ran.summary()["last_sequence"].as_str().unwrap().parse::<u64>().unwrap();
        for _ in 0..4 {
            let until = random.random_range(1..=last).to_string();
            let (one, other) =
                (replay(&cut, &["--until", &until]), replay(&whole, &["--until", &until]));
            assert_eq!(one.digest(), other.digest(), "seed {seed}, --until {until}");
        }
    }
}

/// Without the answers to `advance_clock`, which are not journaled.
fn outcomes_only(stdout: &str) -> String {
    let is_outcome = |line: &&str| line.starts_with("{\"sequence\"");
    stdout.lines().filter(is_outcome).map(|line| format!("{line}\n")).collect()
}

/// Tables that make an engine in no time.
const TINY: [&str; 8] =
    ["--transfers", "4096", "--accounts", "1024", "--policies", "64", "--orders", "64"];

/// A journal with three snapshots in it, each between two parts of `lines`; all that was printed.
fn journal_with_snapshots(dir: &Path, lines: &[String]) -> String {
    let mut stdout = String::new();
    for part in lines.chunks(lines.len() / 4) {
        stdout.push_str(&apply(dir, &TINY, &part.join("\n")).stdout);
        if snapshots(dir).len() < 3 {
            snapshot(dir, &[]);
        }
    }
    stdout
}

#[test]
fn a_damaged_snapshot_is_named_and_the_one_before_it_is_taken() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    journal_with_snapshots(&dir, &lines(7, 200));
    let good = replay(&dir, &[]);
    assert_eq!(good.stderr, "", "nothing to say where all is well");
    let newest = snapshots(&dir).pop().unwrap();
    let bytes = fs::read(&newest).unwrap();

    let mut random = Pcg64Mcg::seed_from_u64(1);
    let every_block = (0..bytes.len())
        .step_by(4096)
        .map(|block| block + random.random_range(0..4096_usize.min(bytes.len() - block)));
    // In the header, in the headers of pieces, in records and in padding.
    let places: Vec<usize> = (0..64).chain(every_block).collect();
    for place in places {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x10;
        fs::write(&newest, &damaged).unwrap();
        let ran = replay(&dir, &[]);
        assert_eq!(ran.status, 0, "byte {place}: {}", ran.stderr);
        assert_eq!(ran.digest(), good.digest(), "byte {place}");
        assert!(ran.stderr.contains(text(&newest)), "byte {place}: {}", ran.stderr);
        assert!(ran.stderr.contains("instead"), "byte {place}: {}", ran.stderr);
    }
    for length in [0, 1, 4095, 4096, bytes.len() - 1] {
        fs::write(&newest, &bytes[..length]).unwrap();
        let ran = replay(&dir, &[]);
        assert_eq!(ran.digest(), good.digest(), "{length} bytes");
        assert!(ran.stderr.contains(text(&newest)), "{length} bytes: {}", ran.stderr);
    }
    // All damaged: from the first command.
    for path in snapshots(&dir) {
        fs::write(path, b"no snapshot").unwrap();
    }
    let ran = replay(&dir, &[]);
    assert_eq!(ran.summary(), {
        let mut all = good.summary();
        all["commands"] = all["last_sequence"].clone();
        all
    });
    assert!(ran.stderr.contains("from the first command instead"), "{}", ran.stderr);
    let ran = apply(&dir, &[], "");
    assert_eq!((ran.status, ran.digest()), (0, good.digest()), "apply starts likewise");
}

#[test]
fn a_snapshot_of_another_journal_is_passed_over() {
    let folder = tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    for dir in [&one, &other] {
        apply(dir, &[], &lines(9, 50).join("\n"));
    }
    let expected = replay(&one, &[]);
    snapshot(&other, &[]);
    let foreign = snapshots(&other).pop().unwrap();
    fs::copy(&foreign, one.join(foreign.file_name().unwrap())).unwrap();
    let ran = replay(&one, &[]);
    assert_eq!(ran.stdout, expected.stdout);
    assert!(ran.stderr.contains("of the journal "), "{}", ran.stderr);
}

/// Lines that fill more than one of the smallest segments.
fn bulk(first_id: u64) -> String {
    let transfers = |from: u64| {
        let one = |id| {
            format!(
                r#"{{"op":"create_transfer","id":{id},"debit_account_id":1,"credit_account_id":2,"amount":1,"ledger":1,"code":1}}"#
            )
        };
        (from..from + 4_000).map(one).collect::<Vec<_>>().join(",")
    };
    let batches = (0..5).map(|batch| format!("[{}]\n", transfers(first_id + batch * 4_000)));
    batches.collect()
}

#[test]
fn a_segment_behind_a_snapshot_that_is_gone_is_damage() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    apply(&dir, &[], &lines(3, 40).join("\n"));
    apply(&dir, &[], &bulk(1_000_000));
    snapshot(&dir, &[]);
    let last = files(&dir, ".journal").pop().unwrap();
    apply(&dir, &[], &bulk(2_000_000));
    fs::remove_file(dir.join(&last)).unwrap();
    for ran in [replay(&dir, &[]), apply(&dir, &[], "")] {
        assert_eq!(ran.status, 1, "{}", ran.stdout);
        assert!(ran.stderr.contains(&last), "{}", ran.stderr);
    }
}

#[test]
fn a_snapshot_asks_for_two_to_keep_and_for_a_journal() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    apply(&dir, &[], &lines(1, 10).join("\n"));
    for wrong in [&["--keep", "1"][..], &["--keep", "x"], &["--archive", "somewhere"]] {
        let mut arguments = vec!["snapshot", "--data-dir", text(&dir)];
        arguments.extend(wrong);
        assert_eq!(run(&arguments).status, 2, "{wrong:?}");
    }
    let ran = snapshot(&dir, &["--keep", "2"]);
    assert!(ran.stderr.contains("before there are two"), "{}", ran.stderr);
    let again = snapshot(&dir, &[]);
    assert_eq!(again.stdout, "");
    assert!(again.stderr.contains("nothing is durable"), "{}", again.stderr);
    assert_eq!(snapshots(&dir).len(), 1);
    assert_eq!(files(&dir, ".new"), [] as [&str; 0]);
    let nowhere = folder.path().join("nowhere");
    assert_eq!(run(&["snapshot", "--data-dir", text(&nowhere)]).status, 1);
}
