//! Damage to a journal, made from outside: the program names it and touches nothing.

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use support::{apply, run, text};
use tempfile::tempdir;

const FIRST: &str = "0000000001.journal";
const SECOND: &str = "0000000002.journal";
/// Length of a segment that [`apply`] asks for, in bytes.
const SEGMENT_BYTES: u64 = 2 * 1024 * 1024;

/// Two accounts and `batches` batches of 100 transfers between them.
fn payments(batches: usize) -> String {
    let mut input: String = (1..=2)
        .map(|id| format!("{{\"op\":\"create_account\",\"id\":{id},\"ledger\":1,\"code\":1}}\n"))
        .collect();
    for batch in 0..batches {
        let transfers: Vec<String> = (0..100)
            .map(|index| {
                let id = 10 + batch * 100 + index;
                format!(
                    "{{\"op\":\"create_transfer\",\"id\":{id},\"debit_account_id\":1,\
                     \"credit_account_id\":2,\"amount\":1,\"ledger\":1,\"code\":1}}"
                )
            })
            .collect();
        input.push_str(&format!("[{}]\n", transfers.join(",")));
    }
    input
}

/// All files of a data directory but its locks, by name.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let kept = entries.filter(|path| path.extension().is_some_and(|kind| kind != "lock"));
    kept.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

fn flip(path: &Path, offset: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
}

/// What is done to a data directory; the path of another engine's is at hand.
type Harm = fn(&Path, &Path);

#[test]
fn damage_is_named_with_file_and_offset_and_nothing_on_disk_changes() {
    let folder = tempdir().unwrap();
    let (sound, other) = (folder.path().join("sound"), folder.path().join("other"));
    assert_eq!(apply(&sound, &[], &payments(200)).status, 0);
    assert_eq!(apply(&other, &[], &payments(200)).status, 0);
    assert!(sound.join(SECOND).exists(), "the first segment is full");

    //  name, harm, what the error says
    let cases: [(&str, Harm, &str); 9] = [
        ("a bit of a body", |dir, _| flip(&dir.join(FIRST), 50_000), "0000000001.journal at byte "),
        (
            "a bit of a header",
            |dir, _| flip(&dir.join(SECOND), 20),
            "0000000002.journal at byte 0: ",
        ),
        (
            "a bit behind the header",
            |dir, _| flip(&dir.join(FIRST), 4_000),
            "0000000001.journal at byte ",
        ),
        (
            "the first segment gone",
            |dir, _| fs::remove_file(dir.join(FIRST)).unwrap(),
            "0000000001.journal at byte 0: the file is missing",
        ),
        (
            "two segments exchanged",
            |dir, _| {
                fs::rename(dir.join(FIRST), dir.join("held")).unwrap();
                fs::rename(dir.join(SECOND), dir.join(FIRST)).unwrap();
                fs::rename(dir.join("held"), dir.join(SECOND)).unwrap();
            },
            "0000000001.journal at byte 0: this is segment 2, expected 1",
        ),
        (
            "a segment cut short",
            |dir, _| {
                let file = OpenOptions::new().write(true).open(dir.join(FIRST)).unwrap();
                file.set_len(1_000_000).unwrap();
            },
            "0000000001.journal at byte 1000000: the file is 1000000 bytes long",
        ),
        (
            "a segment grown",
            |dir, _| {
                let file = OpenOptions::new().write(true).open(dir.join(FIRST)).unwrap();
                file.write_all_at(b"more", SEGMENT_BYTES).unwrap();
            },
            "0000000001.journal at byte 2097152: the file is 2097156 bytes long",
        ),
        (
            "another segment of another engine",
            |dir, other| {
                fs::copy(other.join(FIRST), dir.join(SECOND)).unwrap();
            },
            "0000000002.journal at byte 0: ",
        ),
        (
            "the same segment of another engine",
            |dir, other| {
                fs::copy(other.join(SECOND), dir.join(SECOND)).unwrap();
            },
            "0000000002.journal at byte ",
        ),
    ];
    for (index, (name, harm, says)) in cases.into_iter().enumerate() {
        let dir = folder.path().join(index.to_string());
        copy(&sound, &dir);
        harm(&dir, &other);
        let before = contents(&dir);
        let data_dir = ["--data-dir", text(&dir)];
        let commands: [&[&str]; 5] = [
            &["journal", "verify"],
            &["journal", "stat"],
            &["replay"],
            &["snapshot"],
            &["apply", "/dev/null"],
        ];
        for command in commands {
            let ran = run(&[command, &data_dir].concat());
            assert_eq!(ran.status, 1, "{name}, {command:?}: {}", ran.stderr);
            assert!(ran.stderr.contains(says), "{name}, {command:?}: {}", ran.stderr);
            assert!(contents(&dir) == before, "{name}, {command:?} changed the directory");
        }
    }
}

#[test]
fn a_tail_that_nobody_saw_acknowledged_is_a_note_and_is_recovered() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    assert_eq!(apply(&dir, &[], &payments(3)).status, 0);
    let stat = run(&["journal", "stat", "--data-dir", text(&dir)]);
    let stat: serde_json::Value = serde_json::from_str(stat.lines()[0]).unwrap();
    assert_eq!(stat["last_sequence"], "302");

    // Behind the closing frame: the beginning of a write that a power cut tore.
    let path = dir.join(FIRST);
    let bytes = fs::read(&path).unwrap();
    let written = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    let tail = written.next_multiple_of(4096) as u64;
    OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&[0x5a; 700], tail).unwrap();
    let verified = run(&["journal", "verify", "--data-dir", text(&dir)]);
    assert_eq!(verified.status, 0, "{}", verified.stderr);
    let said = verified.stdout + &verified.stderr;
    assert!(said.contains(FIRST), "the tail is named: {said}");

    let ran = apply(&dir, &[], "{\"op\":\"lookup_account\",\"id\":1}\n");
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("\"sequence\":\"303\""), "{}", ran.stdout);
    assert!(ran.stdout.contains("\"debits_posted\":\"300\""), "{}", ran.stdout);
    let mut cut = [0; 4];
    File::open(&path).unwrap().read_exact_at(&mut cut, tail).unwrap();
    assert_ne!(cut, [0x5a; 4], "the tail is gone");
}
