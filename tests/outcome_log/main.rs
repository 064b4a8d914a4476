//! The outcome log: derived from the journal, made again where it lacks something, kept where it
//! cannot be, and a witness of what the journal held.

#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod followed;
mod golden;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ringfence::engine::OutcomeSink;
use ringfence::journal::outcomes::{LogEntry, LogReader};
use ringfence::node::replay::TextLines;
use support::{SMALL, apply, ringfence, run, run_on, text};
use tempfile::tempdir;

fn input() -> String {
    fs::read_to_string("examples/payments.ndjson").unwrap()
}

/// More than one frame of commands.
fn bulk(first_id: u64) -> String {
    let transfers = |from: u64| {
        let one = |id| {
            format!(
                r#"{{"op":"create_transfer","id":{id},"debit_account_id":1,"credit_account_id":2,"amount":1,"ledger":1,"code":1}}"#
            )
        };
        (from..from + 1_000).map(one).collect::<Vec<_>>().join(",")
    };
    (0..10).map(|batch| format!("[{}]\n", transfers(first_id + batch * 1_000))).collect()
}

fn logs(dir: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "outcomes")).collect();
    paths.sort();
    paths
}

/// What the log in `dir` holds, as the lines that `apply` prints.
fn lines_of_log(dir: &Path) -> String {
    let segment = fs::read(dir.join("0000000001.journal")).unwrap();
    lines_of(dir, segment[16..32].try_into().unwrap())
}

/// What the log of the journal `id` in `dir` holds, as the lines that `apply` prints.
fn lines_of(dir: &Path, id: [u8; 16]) -> String {
    let mut reader = LogReader::open(dir, id).unwrap();
    let mut lines = Vec::new();
    let mut text = TextLines::new(&mut lines, true);
    while let Some(entry) = reader.next_entry().unwrap() {
        match entry {
            LogEntry::Origin(_) => {}
            LogEntry::Event(event) => text.event(&event),
            LogEntry::Outcome(sequence, outcome) => text.outcome(sequence, &outcome),
        }
    }
    text.finish().unwrap();
    drop(text);
    String::from_utf8(lines).unwrap()
}

fn check(dir: &Path) -> support::Ran {
    run(&["replay", "--data-dir", text(dir), "--check"])
}

const LOG: [&str; 1] = ["--outcome-log"];

#[test]
fn the_log_holds_what_was_printed_and_the_check_agrees() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut printed = apply(&dir, &LOG, &input()).stdout;
    printed.push_str(&apply(&dir, &LOG, &bulk(1_000_000)).stdout);
    assert!(printed.lines().count() > 10_000);
    assert_eq!(lines_of_log(&dir), printed);
    let checked = check(&dir);
    assert_eq!(checked.status, 0, "{}", checked.stderr);
    let last = printed.lines().count();
    let said = format!("agrees up to sequence {last}");
    assert!(checked.stderr.contains(&said), "{}", checked.stderr);
}

#[test]
fn a_log_that_is_missing_short_or_damaged_is_made_again_at_the_next_start() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    // Without the option nothing is logged; later starts make it up.
    let mut printed = apply(&dir, &[], &input()).stdout;
    assert_eq!(logs(&dir), [] as [PathBuf; 0]);
    printed.push_str(&apply(&dir, &[], &bulk(1_000_000)).stdout);
    assert_eq!(check(&dir).status, 1, "there is no log yet");
    assert_eq!(apply(&dir, &LOG, "").status, 0);
    assert_eq!(lines_of_log(&dir), printed);
    // A snapshot must not keep what is before it from being made again.
    assert_eq!(run(&["snapshot", "--data-dir", text(&dir)]).status, 0);

    let log = logs(&dir).pop().unwrap();
    let whole = fs::read(&log).unwrap();
    let middle = whole.len() / 2;
    let mut flipped = whole.clone();
    flipped[middle] ^= 1;
    let mut headless = whole.clone();
    headless[20] ^= 1;
    //  name                      the file
    let cases: [(&str, Option<Vec<u8>>); 6] = [
        ("missing", None),
        ("empty", Some(Vec::new())),
        ("cut within a frame", Some(whole[..middle].to_vec())),
        ("a byte flipped", Some(flipped)),
        ("its header damaged", Some(headless)),
        ("something behind its end", Some([&whole[..], b"more"].concat())),
    ];
    for (name, bytes) in cases {
        match bytes {
            None => fs::remove_file(&log).unwrap(),
            Some(bytes) => fs::write(&log, bytes).unwrap(),
        }
        let checked = check(&dir);
        assert_eq!(checked.status, 1, "{name}: {}", checked.stderr);
        let ran = apply(&dir, &LOG, "");
        assert_eq!(ran.status, 0, "{name}: {}", ran.stderr);
        let is_damaged = !matches!(name, "missing");
        assert_eq!(ran.stderr.contains(text(&log)), is_damaged, "{name}: {}", ran.stderr);
        assert_eq!(lines_of_log(&dir), printed, "{name}");
        assert_eq!(check(&dir).status, 0, "{name}");
    }
}

#[test]
fn the_check_names_the_first_outcome_that_differs() {
    let folder = tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    apply(&one, &LOG, &input());
    // Another history in a copy of the journal's directory, under the same identity.
    fs::create_dir(&other).unwrap();
    let copy = |from: &Path, name: &str| fs::copy(from.join(name), other.join(name)).unwrap();
    copy(&one, "0000000001.journal");
    let first = r#"{"op":"lookup_account","id":77}"#;
    let (ours, theirs) = (apply(&one, &LOG, first), apply(&other, &[], &bulk(7_000_000)));
    assert_eq!((ours.status, theirs.status), (0, 0));
    let log = logs(&one).pop().unwrap();
    copy(&one, log.file_name().unwrap().to_str().unwrap());
    let checked = check(&other);
    assert_eq!(checked.status, 1, "{}", checked.stderr);
    assert!(checked.stderr.contains("sequence 17:"), "{}", checked.stderr);
    assert!(checked.stderr.contains("lookup_account"), "{}", checked.stderr);
    assert!(checked.stderr.contains("create_transfer"), "{}", checked.stderr);
}

/// Everything in `dir` whose name ends so, by name.
fn contents(dir: &Path, ends: &[&str]) -> Vec<(String, Vec<u8>)> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| ends.iter().any(|end| name.ends_with(end)));
    names.sort();
    names.into_iter().map(|name| (name.clone(), fs::read(dir.join(name)).unwrap())).collect()
}

fn put_back(dir: &Path, files: &[(String, Vec<u8>)]) {
    assert_eq!(files.len(), 3, "a journal, its witness and its lock");
    files.iter().for_each(|(name, bytes)| fs::write(dir.join(name), bytes).unwrap());
}

#[test]
fn a_log_that_is_ahead_without_a_promise_is_set_aside_and_cut_back() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let without_waiting = ["--outcome-log", "--durability", "async"];
    let printed = apply(&dir, &without_waiting, &input()).stdout;
    let early = contents(&dir, &["0000000001.journal", "witness", "lock"]);
    apply(&dir, &without_waiting, &bulk(1_000_000));
    let log = contents(&dir, &[".outcomes"]);
    // The journal of before: as after a power cut without --durability sync.
    put_back(&dir, &early);
    let checked = check(&dir);
    assert_eq!(checked.status, 1);
    assert!(checked.stderr.contains("not in the journal"), "{}", checked.stderr);
    let ran = apply(&dir, &LOG, r#"{"op":"lookup_account","id":77}"#);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("goes on where the journal has ended"), "{}", ran.stderr);
    assert_eq!(lines_of_log(&dir), format!("{printed}{}", ran.stdout));
    assert_eq!(check(&dir).status, 0);
    assert!(contents(&dir, &[".aside"])[0].1 == log[0].1, "what was cut is still there");
}

#[test]
fn a_log_that_proves_a_loss_is_not_touched_and_the_start_is_refused() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let printed = apply(&dir, &LOG, &input()).stdout;
    let early = contents(&dir, &["0000000001.journal", "witness", "lock"]);
    apply(&dir, &LOG, &bulk(1_000_000));
    // With the witness and the lock of then: the log alone knows more.
    put_back(&dir, &early);
    let before = contents(&dir, &[".outcomes", ".journal"]);
    let log = logs(&dir).pop().unwrap();
    for ran in [
        apply(&dir, &LOG, ""),
        // It need not be asked for.
        apply(&dir, &[], ""),
        run(&["journal", "verify", "--data-dir", text(&dir)]),
    ] {
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        let said = format!("{} has final outcomes up to sequence 10016", log.display());
        assert!(ran.stderr.contains(&said), "{}", ran.stderr);
        assert!(contents(&dir, &[".outcomes", ".journal"]) == before, "nothing is changed");
    }
    // Who gives the commands up says so, and the log is kept beside.
    let repaired = run(&["journal", "repair", "--data-dir", text(&dir)]);
    assert_eq!(repaired.status, 0, "{}", repaired.stderr);
    assert!(repaired.stderr.contains("is kept as it was in"), "{}", repaired.stderr);
    assert!(contents(&dir, &[".aside"])[0].1 == before[0].1);
    assert_eq!(apply(&dir, &LOG, "").status, 0);
    assert_eq!(lines_of_log(&dir), printed);
    assert_eq!(run(&["journal", "verify", "--data-dir", text(&dir)]).status, 0);
}

#[test]
fn beside_a_damaged_journal_the_log_stays_as_it_is() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    apply(&dir, &LOG, &input());
    apply(&dir, &LOG, &bulk(1_000_000));
    let journal = dir.join("0000000001.journal");
    let mut bytes = fs::read(&journal).unwrap();
    bytes[8192] ^= 1;
    fs::write(&journal, bytes).unwrap();
    // Cut short, and damaged in its middle: what a start would cut, beside a good journal.
    let log = logs(&dir).pop().unwrap();
    let whole = fs::read(&log).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for bytes in [&whole[..], &whole[..whole.len() - 50], &flipped] {
        fs::write(&log, bytes).unwrap();
        let ran = apply(&dir, &LOG, "");
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(text(&journal)), "{}", ran.stderr);
        assert!(fs::read(&log).unwrap() == bytes);
    }
}

#[test]
fn damage_that_no_replay_can_make_good_costs_what_is_damaged_and_no_more() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut printed = apply(&dir, &LOG, &input()).stdout;
    for round in 1..=3 {
        for part in 0..3 {
            let first_id = round * 1_000_000 + part * 100_000;
            printed.push_str(&apply(&dir, &LOG, &bulk(first_id)).stdout);
        }
        assert_eq!(run(&["snapshot", "--data-dir", text(&dir), "--keep", "2"]).status, 0);
    }
    assert!(!dir.join("0000000001.journal").exists(), "older segments are retired");
    let id = fs::read(contents_path(&dir, ".journal")).unwrap()[16..32].try_into().unwrap();
    let log = logs(&dir).pop().unwrap();
    let whole = fs::read(&log).unwrap();
    let mut damaged = whole.clone();
    damaged[300_000] ^= 1;
    fs::write(&log, &damaged).unwrap();

    let ran = apply(&dir, &LOG, r#"{"op":"lookup_account","id":77}"#);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    printed.push_str(&ran.stdout);
    assert!(ran.stderr.contains(&format!("{} is kept as it was", log.display())), "{}", ran.stderr);
    assert!(ran.stderr.contains("are missing and cannot be made again"), "{}", ran.stderr);
    assert!(contents(&dir, &[".aside"])[0].1 == damaged);
    // One frame is gone, with no more than 256 KiB of outcomes in it; all others are there.
    let kept = lines_of(&dir, id);
    let (kept, printed): (Vec<&str>, Vec<&str>) =
        (kept.lines().collect(), printed.lines().collect());
    let first = kept.iter().zip(&printed).position(|(one, other)| one != other).unwrap();
    let missing = printed.len() - kept.len();
    assert!((1..=4096).contains(&missing), "{missing} are missing");
    assert!(kept[first..] == printed[first + missing..]);
    assert_eq!(check(&dir).status, 0, "{}", check(&dir).stderr);
    // From then on it is a log as any other.
    let again = apply(&dir, &LOG, "");
    assert!(!again.stderr.contains("outcome log"), "{}", again.stderr);
}

/// The path of the first file that ends so.
fn contents_path(dir: &Path, end: &str) -> PathBuf {
    dir.join(&contents(dir, &[end])[0].0)
}

#[test]
fn a_killed_engine_leaves_a_log_that_the_next_start_completes() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    for round in 0..2 {
        let mut engine = ringfence(&["run", "--outcome-log", "--data-dir", text(&dir)])
            .args(SMALL)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(engine.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("ready on")));
        let connect = format!("unix:{}", dir.join("ringfence.sock").display());
        let sent = run_on(&["submit", "--connect", &connect, "-"], &bulk(1_000_000 * round + 1));
        assert_eq!(sent.status, 0, "{sent:?}");
        let beside = check(&dir);
        assert_eq!(beside.status, 0, "beside an engine the log may lag: {}", beside.stderr);
        if round == 0 {
            engine.kill().unwrap();
            engine.wait().unwrap();
        } else {
            let id = engine.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
            assert!(engine.wait().unwrap().success());
        }
    }
    let checked = check(&dir);
    assert_eq!(checked.status, 0, "{}", checked.stderr);
    let outcomes = run(&["replay", "--data-dir", text(&dir), "--outcomes"]);
    assert_eq!(lines_of_log(&dir), outcomes.stdout);
}

#[test]
fn a_log_needs_a_data_directory() {
    let ran = run_on(&["apply", "--outcome-log", "-"], "");
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("--data-dir"), "{}", ran.stderr);
}
