//! Snapshots that an engine has made by itself.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::engine::{ACCOUNTS, Engine, transfers};
use crate::support::{run, text};

/// Names with this ending in a folder, in order.
fn names(folder: &Path, ending: &str) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(ending));
    names.sort_unstable();
    names
}

#[test]
fn snapshots_are_made_by_themselves_and_what_they_make_dispensable_is_archived() {
    let folder = tempdir().unwrap();
    let (dir, archive) = (folder.path().join("data"), folder.path().join("archive"));
    fs::create_dir(&archive).unwrap();
    let options =
        ["--snapshot-every", "10000", "--snapshot-keep", "2", "--archive", text(&archive)];
    let mut engine = Engine::start_with(&dir, &options);
    engine.submit(ACCOUNTS);
    for round in 0..4 {
        // More than a segment holds.
        let first = 1 + round * 20_000;
        engine.submit(&transfers(first..first + 20_000));
        let made = f64::from(round + 1);
        engine.wait_for("a snapshot", || {
            let is_made = engine.metric(r#"ringfence_snapshots_total{result="made"}"#) >= made;
            (is_made && engine.metric("ringfence_snapshot_running") == 0.0).then_some(())
        });
    }
    assert!(engine.metric("ringfence_snapshot_last_sequence") > 60_000.0);
    assert_eq!(engine.metric(r#"ringfence_snapshots_total{result="failed"}"#), 0.0);
    engine.said("made a snapshot of sequence");
    engine.said("snapshot: moved 0000000001.journal");
    let page = run(&["status", "--data-dir", text(&dir)]).stdout;
    assert!(page.contains("snapshots: the newest is of sequence"), "{page}");
    engine.stop();
    assert_eq!(names(&dir, ".snapshot").len(), 2);
    assert!(!names(&archive, ".journal").is_empty());
    // With what was archived the journal is whole again, and replays to the same state.
    let short = run(&["replay", "--data-dir", text(&dir)]);
    for name in names(&archive, ".journal") {
        fs::copy(archive.join(&name), dir.join(&name)).unwrap();
    }
    for name in names(&dir, ".snapshot") {
        fs::remove_file(dir.join(name)).unwrap();
    }
    let whole = run(&["replay", "--data-dir", text(&dir)]);
    assert_eq!(short.digest(), whole.digest());
}

#[test]
fn a_snapshot_that_fails_is_said_and_the_engine_goes_on() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let mut engine = Engine::start_with(&dir, &["--snapshot-every", "100"]);
    // No snapshot can be made where another process holds its lock.
    fs::create_dir(dir.join("snapshot.lock")).unwrap();
    engine.submit(&(ACCOUNTS.to_owned() + &transfers(1..200)));
    engine.said("no snapshot was made: ");
    assert_eq!(engine.metric(r#"ringfence_snapshots_total{result="failed"}"#), 1.0);
    assert_eq!(engine.submit(&transfers(200..300)).lines().len(), 100);
    engine.stop();
}

#[test]
fn an_archive_that_is_not_there_is_refused_at_the_start() {
    let folder = tempdir().unwrap();
    let (dir, archive) = (folder.path().join("data"), folder.path().join("nowhere"));
    let options = ["--snapshot-every", "1h", "--snapshot-keep", "2", "--archive", text(&archive)];
    let ran = run(&[&["run", "--data-dir", text(&dir)], options.as_slice()].concat());
    assert!(ran.status == 1 && ran.stderr.contains("does not exist"), "{ran:?}");
}
