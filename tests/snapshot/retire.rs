//! Retirement takes out what is covered and nothing else; an archive replaces nothing.

use std::fs;
use std::path::Path;

use crate::support::{apply, run, text};
use crate::{bulk, files, lines, outcomes_only, replay, snapshot, snapshots};
use ringfence::journal::{DataDir, retire};
use tempfile::tempdir;

#[test]
fn keep_retires_what_the_second_newest_covers_and_the_rest_still_starts() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let archive = folder.path().join("archive");
    fs::create_dir(&archive).unwrap();
    let mut stdout = apply(&dir, &[], &lines(3, 40).join("\n")).stdout;
    for round in 0..3 {
        stdout.push_str(&apply(&dir, &[], &bulk(1_000_000 * (round + 1))).stdout);
        snapshot(&dir, &[]);
    }
    let before = files(&dir, ".journal");
    assert!(before.len() >= 5, "{before:?}");
    let good = replay(&dir, &[]);

    let ran = snapshot(&dir, &["--keep", "2", "--archive", text(&archive)]);
    assert!(ran.stderr.contains("moved 0000000001.journal"), "{}", ran.stderr);
    let (kept, moved) = (files(&dir, ".journal"), files(&archive, ".journal"));
    assert_eq!([moved.clone(), kept.clone()].concat(), before, "nothing is lost");
    assert!(!moved.is_empty() && !kept.is_empty());
    assert_eq!(snapshots(&dir).len(), 2);
    assert_eq!(files(&archive, ".snapshot").len(), 1);

    assert_eq!(replay(&dir, &[]).stdout, good.stdout);
    let verified = run(&["journal", "verify", "--data-dir", text(&dir)]);
    assert_eq!(verified.status, 0, "{}", verified.stderr);
    // Outcomes begin behind the oldest snapshot, and that is said.
    let part = replay(&dir, &["--outcomes"]);
    assert_eq!(part.status, 0, "{}", part.stderr);
    assert!(part.stderr.contains("starting behind the snapshot"), "{}", part.stderr);
    assert!(!part.stdout.is_empty() && stdout.ends_with(&part.stdout));
    assert_eq!(part.digest(), good.digest());
    assert_eq!(replay(&dir, &["--until", "3"]).status, 1, "that is no longer there");
    // With the newest damaged the one before it carries, over all that it needs.
    let newest = snapshots(&dir).pop().unwrap();
    let bytes = fs::read(&newest).unwrap();
    fs::write(&newest, &bytes[..5_000]).unwrap();
    assert_eq!(replay(&dir, &[]).digest(), good.digest());
    // With both damaged, nothing is left to start from: refused by name, nothing changed.
    let oldest = snapshots(&dir).remove(0);
    let oldest_bytes = fs::read(&oldest).unwrap();
    fs::write(&oldest, &oldest_bytes[..5_000]).unwrap();
    for ran in [replay(&dir, &[]), apply(&dir, &[], "")] {
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        for name in [text(&newest), text(&oldest), "0000000001.journal"] {
            assert!(ran.stderr.contains(name), "{name} in {}", ran.stderr);
        }
    }
    fs::write(&newest, &bytes).unwrap();
    fs::write(&oldest, &oldest_bytes).unwrap();

    // Put back from the archive, the journal is whole again.
    for name in files(&archive, "") {
        fs::copy(archive.join(&name), dir.join(&name)).unwrap();
    }
    assert_eq!(replay(&dir, &["--outcomes"]).stdout, outcomes_only(&stdout));
}

/// A journal of several segments in `dir`, with a snapshot behind each of three parts.
fn long_journal(dir: &Path) {
    apply(dir, &[], &lines(3, 40).join("\n"));
    for round in 0..3 {
        apply(dir, &[], &bulk(1_000_000 * (round + 1)));
        snapshot(dir, &[]);
    }
}

fn copy_all(from: &Path, to: &Path, end: &str) {
    for name in files(from, end) {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

/// The names and the contents of all files that end so.
fn contents(dir: &Path, end: &str) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| (name.clone(), fs::read(dir.join(name)).unwrap());
    files(dir, end).into_iter().map(read).collect()
}

#[test]
fn snapshots_that_are_not_of_this_journal_retire_nothing() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (dir, other, ahead) = (path("dir"), path("other"), path("ahead"));
    long_journal(&other);
    // An early copy of a journal that went on: the same identity, and snapshots of what came later.
    apply(&ahead, &[], &lines(5, 40).join("\n"));
    fs::create_dir(&dir).unwrap();
    copy_all(&ahead, &dir, ".journal");
    long_journal(&ahead);
    apply(&dir, &[], &bulk(9_000_000));
    snapshot(&dir, &[]);
    let good = replay(&dir, &[]).digest();

    for (name, from, says) in [
        ("of another journal", &other, "passed over a snapshot"),
        // What it covers and the journal lacks may have been acknowledged.
        ("of a copy that went on", &ahead, "0000000004.journal at byte 0: the file is missing"),
    ] {
        let trial = path(name);
        fs::create_dir(&trial).unwrap();
        copy_all(&dir, &trial, ".journal");
        copy_all(&dir, &trial, ".snapshot");
        copy_all(from, &trial, ".snapshot");
        let before = contents(&trial, "");
        let ran = run(&["snapshot", "--data-dir", text(&trial), "--keep", "2"]);
        assert!(ran.stderr.contains(says), "{name}: {}", ran.stderr);
        let opened = DataDir::open_to_read(&trial).unwrap();
        let mut notes = Vec::new();
        let retired = retire(&opened, 2, None, None, |note| notes.push(note)).unwrap();
        assert_eq!((retired.good_snapshots, notes.len()), (1, 3), "{name}: {notes:?}");
        for (file, bytes) in before {
            assert!(fs::read(trial.join(&file)).ok() == Some(bytes), "{name}: {file}");
        }
        for file in files(from, ".snapshot") {
            fs::remove_file(trial.join(file)).unwrap();
        }
        assert_eq!(replay(&trial, &[]).digest(), good, "{name}");
    }
}

#[test]
fn a_segment_of_another_journal_is_not_retired_and_nothing_behind_it() {
    let folder = tempdir().unwrap();
    let (dir, other) = (folder.path().join("dir"), folder.path().join("other"));
    long_journal(&dir);
    apply(&other, &[], &bulk(1));
    copy_all(&other, &dir, "0000000002.journal");
    let before = contents(&dir, ".journal");
    let ran = snapshot(&dir, &["--keep", "2"]);
    assert!(ran.stderr.contains("left 0000000002.journal"), "{}", ran.stderr);
    assert!(ran.stderr.contains("deleted 0000000001.journal"), "{}", ran.stderr);
    assert!(contents(&dir, ".journal") == before[1..]);
}

#[test]
fn an_archive_replaces_nothing_and_takes_the_same_file_twice() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("dir");
    // On another device, where there is one that can be written to: files are copied then.
    let elsewhere = tempfile::tempdir_in("/dev/shm").or_else(|_| tempdir()).unwrap();
    let archive = elsewhere.path().to_path_buf();
    long_journal(&dir);
    let whole = contents(&dir, "");
    let keep = ["--keep", "2", "--archive", text(&archive)];
    snapshot(&dir, &keep);
    let (kept, archived) = (contents(&dir, ""), contents(&archive, ""));
    assert!(archived.len() >= 3);

    // Copied back for a look at the past, and retired again.
    for _ in 0..2 {
        copy_all(&archive, &dir, "");
        assert!(contents(&dir, "") == whole);
        let ran = snapshot(&dir, &keep);
        assert!(ran.stderr.contains("has it already"), "{}", ran.stderr);
        assert!(contents(&dir, "") == kept);
        assert!(contents(&archive, "") == archived);
    }

    // What has the same name and other bytes stays what it is.
    copy_all(&archive, &dir, "");
    let name = &archived[0].0;
    fs::write(archive.join(name), b"of another engine").unwrap();
    std::os::unix::fs::symlink(dir.join(name), archive.join(format!("{name}.2"))).unwrap();
    let ran = snapshot(&dir, &keep);
    assert!(ran.stderr.contains(&format!("moved {name} to {name}.3")), "{}", ran.stderr);
    assert_eq!(fs::read(archive.join(name)).unwrap(), b"of another engine");
    assert!(fs::read(archive.join(format!("{name}.3"))).unwrap() == archived[0].1);
    assert!(contents(&dir, "") == kept);
}

#[test]
fn an_archive_that_is_not_there_is_named_and_not_made() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("dir");
    apply(&dir, &[], &lines(1, 10).join("\n"));
    let (missing, file) = (folder.path().join("typo"), folder.path().join("file"));
    fs::write(&file, b"").unwrap();
    for (archive, reason) in [
        (&missing, "does not exist"),
        (&file, "is no directory"),
        (&dir, "is the data directory itself"),
    ] {
        let before = files(&dir, "");
        let (data_dir, archive) = (text(&dir), text(archive));
        let ran = run(&["snapshot", "--data-dir", data_dir, "--keep", "2", "--archive", archive]);
        assert_eq!(ran.status, 1, "{archive}");
        assert!(ran.stderr.contains(archive) && ran.stderr.contains(reason), "{}", ran.stderr);
        assert!(!missing.exists());
        assert_eq!(files(&dir, ".snapshot"), [] as [&str; 0], "{archive}: it is said at once");
        assert!(files(&dir, "").len() <= before.len() + 1, "no more than the lock");
    }
}
