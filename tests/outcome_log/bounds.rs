//! When a log is kept, how much of it, what happens where it cannot be written, and how it is made
//! again on demand.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Ran, SMALL, apply, ringfence, run, run_on, text};
use crate::{LOG, bulk, check, contents, contents_path, input, lines_of, lines_of_log, logs};
use ringfence::journal::outcomes::{LogEntry, LogReader};
use tempfile::tempdir;

#[test]
fn a_server_keeps_a_log_unless_it_is_told_not_to() {
    //  given                              kept
    let cases: [(&[&str], bool); 4] = [
        (&[], true),
        (&["--outcome-log"], true),
        (&["--outcome-log", "off"], false),
        (&["--outcome-log=off"], false),
    ];
    for (given, is_kept) in cases {
        let folder = tempdir().unwrap();
        let dir = folder.path().join("data");
        let mut engine = ringfence(&["run", "--data-dir", text(&dir)])
            .args(SMALL)
            .args(given)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(engine.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("ready on")));
        let connect = format!("unix:{}", dir.join("ringfence.sock").display());
        let sent = run_on(&["submit", "--connect", &connect, "-"], &input());
        assert_eq!(sent.status, 0, "{sent:?}");
        let rebuilt = run(&["outcomes", "rebuild", "--data-dir", text(&dir)]);
        assert_eq!(rebuilt.status, 1, "an engine runs: {}", rebuilt.stdout);
        let id = engine.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(engine.wait().unwrap().success());
        assert_eq!(!logs(&dir).is_empty(), is_kept, "{given:?}");
    }
}

#[test]
fn a_log_that_cannot_be_written_stops_the_engine_and_file_and_offset_are_named() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    assert_eq!(apply(&dir, &LOG, &input()).status, 0);
    let commands = folder.path().join("commands");
    let bulk = (1..=12).map(|round| bulk(round * 1_000_000)).collect::<String>();
    fs::write(&commands, bulk).unwrap();
    // The signal that tells of the limit would end the program before the error does. Segments are
    // shorter than the limit, by the shell's unit 4 or 8 MiB.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$@\"", "sh"]);
    limited.args([env!("CARGO_BIN_EXE_ringfence"), "apply", "--clock", "manual"]).args(SMALL);
    limited.args(["--outcome-log", "--data-dir", text(&dir), text(&commands)]);
    let failed = Ran::from(limited.output().unwrap());
    assert_eq!(failed.status, 1, "{}", failed.stderr);
    let said = format!("the outcome log: cannot write {} at byte ", logs(&dir)[0].display());
    assert!(failed.stderr.contains(&said), "{}", failed.stderr);
    assert!(failed.lines().len() < 120_000);
    // What was printed is in the journal, and the next start makes the log whole.
    let again = apply(&dir, &LOG, "");
    assert_eq!(again.status, 0, "{}", again.stderr);
    let kept = run(&["replay", "--data-dir", text(&dir), "--outcomes"]).stdout;
    assert_eq!(lines_of_log(&dir), kept);
    assert!(kept.ends_with(&failed.stdout) || kept.contains(&failed.stdout));
}

#[test]
fn what_exceeds_the_bound_is_removed_from_the_front_and_that_is_said() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let more = ["--outcome-log", "--outcome-log-keep", "16MiB", "--durability", "async"];
    let mut printed = apply(&dir, &more, &input()).stdout;
    let commands: String = (1..=30).map(|round| bulk(round * 1_000_000)).collect();
    let ran = apply(&dir, &more, &commands);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    printed.push_str(&ran.stdout);
    let files = contents(&dir, &[".outcomes"]);
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    // Files are a sixteenth of the bound, and a frame, long.
    assert!((14 << 20..=17 << 20).contains(&bytes), "{bytes}");
    let first: u64 = files[0].0.split('.').next().unwrap().parse().unwrap();
    assert!(first > 1);
    assert!(ran.stderr.contains("outcome log: it begins with sequence "), "{}", ran.stderr);
    let kept = lines_of_log(&dir);
    assert!(printed.ends_with(&kept));
    assert_eq!(kept.lines().count() as u64, printed.lines().count() as u64 + 1 - first);
    assert_eq!(check(&dir).status, 0, "{}", check(&dir).stderr);
    // A start does not make again what was removed; asked for, all of it is made.
    apply(&dir, &more, "");
    assert!(kept.ends_with(&lines_of_log(&dir)));
    let rebuilt = run(&["outcomes", "rebuild", "--data-dir", text(&dir)]);
    assert_eq!(rebuilt.status, 0, "{}", rebuilt.stderr);
    assert_eq!(rebuilt.stdout, format!("ok: outcomes 1 to {}\n", printed.lines().count()));
    assert_eq!(lines_of_log(&dir), printed);
}

#[test]
fn a_rebuilt_log_keeps_what_the_journal_no_longer_has() {
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
    printed.push_str(&apply(&dir, &[], &input()).stdout);
    let rebuilt = run(&["outcomes", "rebuild", "--data-dir", text(&dir)]);
    assert_eq!(rebuilt.status, 0, "{}", rebuilt.stderr);
    assert!(rebuilt.stderr.contains("it is kept"), "{}", rebuilt.stderr);
    assert_eq!(lines_of(&dir, id), printed);
    // Without a log, as far as the journal reaches.
    logs(&dir).iter().for_each(|log| fs::remove_file(log).unwrap());
    let rebuilt = run(&["outcomes", "rebuild", "--data-dir", text(&dir)]);
    assert_eq!(rebuilt.status, 0, "{}", rebuilt.stderr);
    let kept = lines_of(&dir, id);
    assert!(printed.ends_with(&kept) && kept.lines().count() > 10_000, "{}", rebuilt.stdout);
}

/// Everything that the log in `dir` holds, origins included.
fn entries(dir: &Path) -> Vec<LogEntry> {
    let segment = fs::read(dir.join("0000000001.journal")).unwrap();
    let mut reader = LogReader::open(dir, segment[16..32].try_into().unwrap()).unwrap();
    std::iter::from_fn(|| reader.next_entry().unwrap()).collect()
}

#[test]
fn a_replay_says_whose_each_batch_was_as_the_run_did() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut engine = ringfence(&["run", "--data-dir", text(&dir)])
        .args(SMALL)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(engine.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready on")));
    let connect = format!("unix:{}", dir.join("ringfence.sock").display());
    let plain = run_on(&["submit", "--connect", &connect, "-"], &input());
    // More than a frame of them, so that batches go on in a second one.
    let named = ["submit", "--connect", &connect, "--session", "bulk", "-"];
    let named = run_on(&named, &bulk(1_000_000));
    assert_eq!((plain.status, named.status), (0, 0), "{} {}", plain.stderr, named.stderr);
    let id = engine.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(engine.wait().unwrap().success());

    let logged = entries(&dir);
    let origins = logged.iter().filter(|entry| matches!(entry, LogEntry::Origin(_)));
    assert_eq!(origins.count(), 10);
    assert_eq!(check(&dir).status, 0, "{}", check(&dir).stderr);
    logs(&dir).iter().for_each(|log| fs::remove_file(log).unwrap());
    assert_eq!(run(&["outcomes", "rebuild", "--data-dir", text(&dir)]).status, 0);
    assert!(entries(&dir) == logged);
    // Cut within a batch of the session: the next start says again whose the rest is.
    let log = logs(&dir).pop().unwrap();
    let whole = fs::read(&log).unwrap();
    for bytes in [whole.len() / 2, whole.len() - 1] {
        fs::write(&log, &whole[..bytes]).unwrap();
        assert_eq!(apply(&dir, &LOG, "").status, 0);
        assert!(entries(&dir) == logged, "cut at byte {bytes}");
    }
}
