//! Snapshots: what starts from one is what would have come of the whole journal.

mod support;

use std::fs;
use std::mem::offset_of;
use std::path::{Path, PathBuf};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use ringfence::journal::{DataDir, retire};
use ringfence::types::Account;
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

/// Lines with all that a snapshot has to keep: pending transfers with and without timeouts, spent ids,
/// policies with their windows, closed accounts, chains, and time that passes.
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
        let retention = ["--retention", "8s"];
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

/// A journal with three snapshots in it, each between two parts of `lines`; all that was printed.
fn journal_with_snapshots(dir: &Path, lines: &[String]) -> String {
    let mut stdout = String::new();
    for part in lines.chunks(lines.len() / 4) {
        stdout.push_str(&apply(dir, &[], &part.join("\n")).stdout);
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

/// Tables that make an engine in no time.
const TINY: [&str; 8] =
    ["--transfers", "4096", "--accounts", "1024", "--policies", "64", "--orders", "64"];

/// What somebody does to a snapshot who knows the format.
struct Forger {
    file: Vec<u8>,
}

impl Forger {
    fn open(path: &Path) -> Forger {
        Forger { file: fs::read(path).unwrap() }
    }

    fn number(&self, at: usize) -> usize {
        u64::from_le_bytes(self.file[at..at + 8].try_into().unwrap()) as usize
    }

    /// Where each section's first piece begins, the bytes of its records, and its number.
    fn sections(&self) -> Vec<(usize, usize, u32)> {
        let word = |at: usize| u32::from_le_bytes(self.file[at..at + 4].try_into().unwrap());
        let entries = (0..word(256) as usize).map(|index| 320 + index * 32);
        let section = |at: usize| {
            let records = self.number(at + 8) * word(at + 4) as usize;
            assert!(records < 1024 * 1024 - 64, "one piece each");
            (self.number(at + 16), records, word(at))
        };
        entries.map(section).collect()
    }

    /// Adds `amount` to a balance of an account; `field` is its place in the account.
    fn add(&mut self, account: usize, field: usize, amount: u128) {
        let (piece, ..) = self.sections().into_iter().find(|&(.., section)| section == 1).unwrap();
        let at = piece + 64 + account * 128 + field;
        let balance = u128::from_le_bytes(self.file[at..at + 16].try_into().unwrap());
        self.file[at..at + 16].copy_from_slice(&(balance + amount).to_le_bytes());
    }

    /// The digest of what is there now.
    fn make_digest_again(&mut self) {
        let mut hasher = blake3::Hasher::new();
        for (index, (piece, records, _)) in self.sections().into_iter().enumerate() {
            hasher.update(&self.file[320 + index * 32..][..16]);
            hasher.update(&self.file[piece + 64..piece + 64 + records]);
        }
        self.file[96..128].copy_from_slice(hasher.finalize().as_bytes());
    }

    fn save(&mut self, path: &Path) {
        let seed = crc32c::crc32c(&self.file[16..40]);
        for (piece, records, _) in self.sections() {
            let end = piece + (64 + records).next_multiple_of(4096);
            let sum = crc32c::crc32c_append(seed, &self.file[piece + 4..end]);
            self.file[piece..piece + 4].copy_from_slice(&sum.to_le_bytes());
        }
        self.file[12..16].fill(0);
        let sum = crc32c::crc32c(&self.file[..4096]);
        self.file[12..16].copy_from_slice(&sum.to_le_bytes());
        fs::write(path, &self.file).unwrap();
    }
}

#[test]
fn a_snapshot_that_was_rewritten_is_refused() {
    let folder = tempdir().unwrap();
    let key_path = folder.path().join("key");
    fs::write(&key_path, "correct horse battery staple").unwrap();
    let key = ["--journal-key", text(&key_path)];
    let (debits, credits) =
        (offset_of!(Account, debits_posted), offset_of!(Account, credits_posted));
    let change_one = |forger: &mut Forger| forger.add(0, debits, 1);
    let change_both = |forger: &mut Forger| {
        forger.add(0, debits, 1);
        forger.add(1, credits, 1);
    };
    type Change<'a> = &'a dyn Fn(&mut Forger);
    //  name                          key          change        digest  says
    let cases: [(&str, &[&str], Change, bool, &str); 4] = [
        ("with a key", &key, &change_both, true, "the seal is not the key's"),
        ("without a key", &[], &change_one, true, "debits and credits of its ledger differ"),
        ("nothing but the balance", &[], &change_one, false, "the digest in the header"),
        ("both sides", &[], &change_both, false, "the digest in the header"),
    ];
    for (index, (name, key, change, makes_digest, says)) in cases.into_iter().enumerate() {
        let dir = folder.path().join(index.to_string());
        let data_dir = ["--data-dir", text(&dir)];
        for part in lines(5, 60).chunks(40) {
            assert_eq!(apply(&dir, &[key, &TINY].concat(), &part.join("\n")).status, 0);
            snapshot(&dir, key);
        }
        let good = run(&[&["replay"], &data_dir[..], key].concat()).digest();
        let verify = || run(&[&["journal", "verify"], &data_dir[..], key].concat());
        assert_eq!(verify().status, 0, "{name}: {}", verify().stderr);

        let newest = snapshots(&dir).pop().unwrap();
        let mut forger = Forger::open(&newest);
        change(&mut forger);
        if makes_digest {
            forger.make_digest_again();
        }
        forger.save(&newest);
        let verified = verify();
        assert_eq!(verified.status, 1, "{name}: {}", verified.stdout);
        assert!(verified.stderr.contains(says), "{name}: {}", verified.stderr);
        assert!(verified.stderr.contains(text(&newest)), "{name}: {}", verified.stderr);
        // A start compares no digest: it has the seals, or else the sums.
        if name != "both sides" {
            let ran = apply(&dir, key, "");
            assert_eq!((ran.status, ran.digest()), (0, good), "{name}: {}", ran.stderr);
            assert!(ran.stderr.contains("passed over a snapshot"), "{name}: {}", ran.stderr);
        }
        // What is known to be bad is made again; nothing is retired on the strength of the rest.
        let ran = run(&[&["snapshot"], &data_dir[..], key, &["--keep", "2"]].concat());
        if name != "both sides" {
            assert_eq!(verify().status, 0, "{name}: {}", verify().stderr);
        } else {
            assert!(ran.stderr.contains("before there are two good"), "{name}: {}", ran.stderr);
        }
    }
}

#[test]
fn snapshots_of_a_keyed_journal_need_the_key_and_others_take_none() {
    let folder = tempdir().unwrap();
    let key_path = folder.path().join("key");
    fs::write(&key_path, "correct horse battery staple").unwrap();
    let key = ["--journal-key", text(&key_path)];
    let (keyed, plain) = (folder.path().join("keyed"), folder.path().join("plain"));
    apply(&keyed, &[&key[..], &TINY].concat(), &lines(5, 20).join("\n"));
    apply(&plain, &TINY, &lines(5, 20).join("\n"));
    let ran = run(&["snapshot", "--data-dir", text(&keyed)]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("is keyed"), "{}", ran.stderr);
    let ran = run(&["snapshot", "--data-dir", text(&plain), key[0], key[1]]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("has no key"), "{}", ran.stderr);
    assert!(snapshots(&keyed).is_empty() && snapshots(&plain).is_empty());
    // Who has no key reads a sealed one by its checksums.
    snapshot(&keyed, &key);
    assert_eq!(replay(&keyed, &[]).summary()["commands"], "0");
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
