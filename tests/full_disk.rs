//! The program on a disk of its own that is really full: an ext4 in a file, and a tmpfs.
//!
//! Needs the right to mount; where that is missing, each test says so and tries nothing.

mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::engine::Engine;
use support::mounted::{Mounted, disks};
use support::{Ran, SMALL, apply, ringfence, run, text};
use tempfile::tempdir;

const PATIENCE: Duration = Duration::from_secs(60);
const ACCOUNTS: &str = "{\"op\":\"create_account\",\"id\":1,\"ledger\":1,\"code\":1}\n\
                        {\"op\":\"create_account\",\"id\":2,\"ledger\":1,\"code\":1}\n";

fn transfers(count: usize) -> String {
    let line = |id| {
        format!(
            r#"{{"op":"create_transfer","id":{id},"debit_account_id":1,"credit_account_id":2,"amount":1,"ledger":1,"code":1}}"#
        )
    };
    let all: Vec<String> = (1..=count).map(line).collect();
    let batches = all.chunks(100).map(|batch| format!("[{}]\n", batch.join(",")));
    ACCOUNTS.to_owned() + &batches.collect::<String>()
}

/// A client that submits, whose outcomes go to a file.
struct Submitting {
    child: Child,
    outcomes: PathBuf,
}

impl Submitting {
    fn start(folder: &Path, dir: &Path, input: &str) -> Submitting {
        let (commands, outcomes) = (folder.join("commands"), folder.join("outcomes"));
        fs::write(&commands, input).unwrap();
        let address = format!("unix:{}", text(&dir.join("ringfence.sock")));
        let child = ringfence(&["submit", "--connect", &address, text(&commands)])
            .stdout(File::create(&outcomes).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Submitting { child, outcomes }
    }

    fn outcomes(&self) -> String {
        fs::read_to_string(&self.outcomes).unwrap()
    }

    /// Waits until it has ended.
    fn end(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Submitting {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Every outcome that a client was given is one of the replay.
fn assert_all_is_kept(dir: &Path, answered: &str) {
    let replayed = run(&["replay", "--data-dir", text(dir), "--outcomes"]);
    assert_eq!(replayed.status, 0, "{}", replayed.stderr);
    let replayed: std::collections::HashSet<&str> = replayed.stdout.lines().collect();
    let whole = answered.rsplit_once('\n').map_or("", |(whole, _)| whole);
    for line in whole.lines() {
        assert!(replayed.contains(line), "answered, and not in the journal: {line}");
    }
}

fn verified(dir: &Path) -> Ran {
    run(&["journal", "verify", "--data-dir", text(dir)])
}

#[test]
fn without_room_for_the_next_segment_commands_wait_and_go_on_when_there_is_some() {
    for (kind, disk) in disks() {
        for backend in ["io-uring", "threads", "buffered"] {
            if kind == "tmpfs" && backend != "buffered" {
                continue;
            }
            let (dir, what) = (disk.data(), format!("{kind}, {backend}"));
            let options = ["--journal-io", backend, "--outcome-log", "off"];
            let mut engine = Engine::start(&dir, &options);
            disk.fill(256 * 1024);
            let input = transfers(40_000);
            let mut client = Submitting::start(disk.folder.path(), &dir, &input);
            engine.wait_for("commands wait until there is");
            let said = engine.said();
            let named = said.lines().find(|line| line.contains("no room for")).unwrap();
            assert!(named.contains(".journal.new"), "{what}: {named}");
            assert!(named.contains("2097152 bytes are needed"), "{what}: {named}");
            assert!(named.contains("are missing"), "{what}: {named}");
            // It stays so, and is said once; what was answered is durable.
            thread::sleep(Duration::from_millis(2_500));
            assert_eq!(engine.count("no room for /"), 1, "{what}: {}", engine.said());
            assert_eq!(engine.count("commands wait"), 1, "{what}: {}", engine.said());
            let answered = client.outcomes();
            assert!(answered.lines().count() > 1_000, "{what}: nothing was taken in before");
            assert!(answered.lines().count() < 40_002, "{what}: the disk was not full");

            disk.make_room();
            engine.wait_for("the engine goes on\n");
            assert_eq!(client.end(), Some(0), "{what}: {}", engine.said());
            let answered = client.outcomes();
            assert_eq!(answered.lines().count(), 40_002, "{what}");
            assert_eq!(engine.stop(), 0, "{what}: {}", engine.said());
            assert_all_is_kept(&dir, &answered);
            drop(engine);
            fs::remove_dir_all(&dir).unwrap();
        }
    }
}

#[test]
fn an_engine_that_waits_for_room_is_stopped_cleanly_and_all_works_on_the_full_disk() {
    for (kind, disk) in disks() {
        for log in ["off", "on"] {
            let (dir, what) = (disk.data(), format!("{kind}, outcome log {log}"));
            let mut engine = Engine::start(&dir, &["--outcome-log", log]);
            disk.fill(256 * 1024);
            let client = Submitting::start(disk.folder.path(), &dir, &transfers(40_000));
            engine.wait_for(match log {
                "off" => "commands wait until there is",
                _ => "the outcome log waits for room",
            });
            assert_eq!(engine.stop(), 0, "{what}: {}", engine.said());
            let parts =
                ["the last sequence answered is", "the next start makes again what it lacks"];
            assert!(parts.iter().any(|part| engine.said().contains(part)), "{}", engine.said());
            let answered = client.outcomes();
            drop(client);
            assert!(answered.lines().count() > 1_000, "{what}: {}", engine.said());

            // Nothing has room, and nothing of this needs any.
            assert_all_is_kept(&dir, &answered);
            let verified = verified(&dir);
            assert_eq!(verified.status, 0, "{what}: {}{}", verified.stdout, verified.stderr);
            let repair = run(&["journal", "repair", "--data-dir", text(&dir)]);
            assert_eq!(repair.status, 0, "{what}: {}{}", repair.stdout, repair.stderr);
            let mut again = Engine::start(&dir, &["--outcome-log", "off"]);
            assert_eq!(again.stop(), 0, "{what}: {}", again.said());
            let names: Vec<_> = fs::read_dir(&dir).unwrap().map(|it| it.unwrap()).collect();
            let left = names.iter().find(|it| text(&it.path()).ends_with(".new"));
            assert!(left.is_none(), "{what}: {left:?}");

            disk.make_room();
            let input = "{\"op\":\"lookup_account\",\"id\":1}\n";
            let looked = apply(&dir, &[], input);
            assert_eq!(looked.status, 0, "{what}: {}", looked.stderr);
            fs::remove_dir_all(&dir).unwrap();
        }
    }
}

#[test]
fn what_was_answered_before_the_disk_was_full_is_there_after_the_engine_was_killed() {
    for (kind, disk) in disks() {
        let dir = disk.data();
        let engine = Engine::start(&dir, &["--outcome-log", "off"]);
        disk.fill(256 * 1024);
        let client = Submitting::start(disk.folder.path(), &dir, &transfers(40_000));
        engine.wait_for("commands wait until there is");
        drop(engine);
        let answered = client.outcomes();
        assert!(answered.lines().count() > 1_000, "{kind}");
        assert_all_is_kept(&dir, &answered);
        // A start recovers it in the room that is there.
        let mut again = Engine::start(&dir, &["--outcome-log", "off"]);
        assert_eq!(again.stop(), 0, "{kind}: {}", again.said());
        assert_all_is_kept(&dir, &answered);
    }
}

/// Two snapshots, of which the older one covers a segment. The commands are refused: they fill
/// segments, and no snapshot.
fn snapshots_to_retire(dir: &Path) {
    for _ in 0..2 {
        let account = ACCOUNTS.lines().next().unwrap();
        let batch = format!("[{}]\n", vec![account; 100].join(","));
        let applied = apply(dir, &[], &(ACCOUNTS.to_owned() + &batch.repeat(200)));
        assert_eq!(applied.status, 0, "{}", applied.stderr);
        let made = run(&["snapshot", "--data-dir", text(dir)]);
        assert_eq!(made.status, 0, "{}", made.stderr);
    }
    let more = apply(dir, &[], "{\"op\":\"create_account\",\"id\":3,\"ledger\":1,\"code\":1}\n");
    assert_eq!(more.status, 0, "{}", more.stderr);
}

#[test]
fn retiring_needs_no_room_and_frees_what_the_snapshot_needs() {
    for kind in ["ext4", "tmpfs"] {
        let Some(disk) = Mounted::new(kind, 64) else { continue };
        let dir = disk.data();
        snapshots_to_retire(&dir);
        // An engine that was killed while it made a segment, on a disk without room since.
        fs::write(dir.join("0000000009.journal.new"), [1; 4096]).unwrap();
        fs::write(dir.join("probe.new"), [1; 4096]).unwrap();
        disk.fill(0);
        let unable = run(&["snapshot", "--data-dir", text(&dir)]);
        assert_eq!(unable.status, 1, "{kind}: {unable:?}");
        assert!(unable.stderr.contains("No space left"), "{kind}: {}", unable.stderr);
        let is_left = fs::read_dir(&dir)
            .unwrap()
            .any(|entry| text(&entry.unwrap().path()).ends_with(".snapshot.new"));
        assert!(!is_left, "{kind}: what could not be made takes room");

        let retired = run(&["snapshot", "--keep", "2", "--data-dir", text(&dir)]);
        assert_eq!(retired.status, 0, "{kind}: {retired:?}");
        assert!(retired.stderr.contains("deleted 0000000001.journal"), "{kind}: {retired:?}");
        assert!(retired.stdout.contains("\"last_sequence\":\"40005\""), "{kind}: {retired:?}");
        let started = apply(&dir, &[], "{\"op\":\"lookup_account\",\"id\":1}\n");
        assert_eq!(started.status, 0, "{kind}: {}", started.stderr);
        for name in ["0000000009.journal.new", "probe.new"] {
            assert!(!dir.join(name).exists(), "{kind}: {name}");
        }
    }
}

#[test]
fn a_repair_needs_no_room_where_a_segment_was_made_ahead() {
    for (kind, disk) in disks() {
        let dir = disk.data();
        let bytes = damaged_journal(&dir);
        disk.fill(0);
        let repaired = run(&["journal", "repair", "--data-dir", text(&dir)]);
        assert_eq!(repaired.status, 0, "{kind}: {repaired:?}");
        assert!(repaired.stderr.contains("0000000001.journal.cut"), "{kind}: {repaired:?}");
        // All that it cut is kept.
        let cut = fs::read(dir.join("0000000001.journal.cut")).unwrap();
        let kept = fs::read(dir.join("0000000001.journal")).unwrap();
        assert_eq!(kept.len(), bytes.len(), "{kind}");
        let at = bytes.len() - cut.len();
        assert!(at <= 8 * 4096 && cut == bytes[at..] && kept[..at] == bytes[..at], "{kind}");
        assert!(!dir.join("0000000002.journal").exists(), "{kind}: it gave the room");
        assert_eq!(verified(&dir).status, 0, "{kind}");
        let started = apply(&dir, &[], "{\"op\":\"lookup_account\",\"id\":1}\n");
        assert_eq!(started.status, 0, "{kind}: {}", started.stderr);
    }
}

/// A journal whose first segment is damaged where acknowledged commands stand; what that holds.
fn damaged_journal(dir: &Path) -> Vec<u8> {
    assert_eq!(apply(dir, &[], &transfers(1_000)).status, 0);
    let segment = dir.join("0000000001.journal");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[8 * 4096] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    bytes
}

#[test]
fn a_repair_without_room_says_what_it_needs_and_what_was_being_made_gives_it() {
    for (kind, disk) in disks() {
        let dir = disk.data();
        let bytes = damaged_journal(&dir);
        let segment = dir.join("0000000001.journal");
        // Nothing was made ahead that could give room.
        fs::remove_file(dir.join("0000000002.journal")).unwrap();
        disk.fill(0);
        let unable = run(&["journal", "repair", "--data-dir", text(&dir)]);
        assert_eq!(unable.status, 1, "{kind}: {unable:?}");
        assert!(unable.stderr.contains("no room for"), "{kind}: {}", unable.stderr);
        assert!(unable.stderr.contains("are missing"), "{kind}: {}", unable.stderr);
        assert!(fs::read(&segment).unwrap() == bytes, "{kind}: nothing was changed");

        // A segment that was being made had all the room.
        disk.make_room();
        let leftover = File::create(dir.join("0000000003.journal.new")).unwrap();
        drop(leftover);
        fs::hard_link(dir.join("0000000003.journal.new"), disk.disk().join("filler")).unwrap();
        disk.fill(0);
        fs::remove_file(disk.disk().join("filler")).unwrap();
        let repaired = run(&["journal", "repair", "--data-dir", text(&dir)]);
        assert_eq!(repaired.status, 0, "{kind}: {repaired:?}");
        assert_eq!(verified(&dir).status, 0, "{kind}");
    }
}
