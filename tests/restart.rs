//! What a start, a look or a repair finds in a data directory that something has happened to.

mod support;

use std::fs;
use std::path::Path;

use support::{SMALL, apply, run, run_on, text};
use tempfile::tempdir;

fn account(id: u32) -> String {
    format!(r#"{{"op":"create_account","id":{id},"ledger":1,"code":1}}"#)
}

/// Accounts with these ids, each a batch of its own.
fn accounts(ids: std::ops::RangeInclusive<u32>) -> String {
    ids.map(|id| account(id) + "\n").collect()
}

/// Changes bytes of a file.
fn change(path: &Path, harm: impl FnOnce(&mut [u8])) {
    let mut bytes = fs::read(path).unwrap();
    harm(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_journal_whose_last_timestamp_is_the_last_there_is_can_be_read_and_says_what_it_takes_no_more()
{
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    let end = r#"{"op":"advance_clock","nanoseconds":9223372036854775806}"#;
    let first = apply(&dir, &[], &format!("{end}\n{}", accounts(1..=2)));
    assert_eq!(first.status, 0, "{first:?}");
    assert_eq!(first.summary()["last_timestamp"], "9223372036854775807");
    for _ in 0..2 {
        let next = apply(&dir, &[], &accounts(3..=3));
        assert_eq!(next.status, 1, "{next:?}");
        assert!(next.stderr.contains("end of time"), "{}", next.stderr);
        assert_eq!(next.digest(), first.digest());
        for command in [&["replay"][..], &["journal", "verify"]] {
            let looked = run(&[command, &["--data-dir", text(&dir)]].concat());
            assert_eq!(looked.status, 0, "{command:?}: {}", looked.stderr);
        }
    }
    // One nanosecond before the end there is room for one command.
    let dir = folder.path().join("earlier");
    assert_eq!(apply(&dir, &[], &format!("{end}\n{}\n", account(1))).status, 0);
    let next = apply(&dir, &[], &accounts(2..=2));
    assert_eq!(next.status, 0, "{next:?}");
    assert_eq!(next.summary()["last_timestamp"], "9223372036854775807");
}

#[test]
fn a_directory_whose_segments_are_all_gone_is_refused_by_whatever_is_left() {
    for left in ["lock", "witness", "00000000000000000003.snapshot"] {
        let folder = tempdir().unwrap();
        let dir = folder.path().join("data");
        assert_eq!(apply(&dir, &[], &accounts(1..=3)).status, 0);
        assert_eq!(run(&["snapshot", "--data-dir", text(&dir)]).status, 0);
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if !path.ends_with(left) {
                fs::remove_file(path).unwrap();
            }
        }
        for _ in 0..2 {
            let refused = apply(&dir, &[], &accounts(1..=1));
            assert_eq!((refused.status, refused.stdout.as_str()), (1, ""), "{left}: {refused:?}");
            assert!(refused.stderr.contains("segment"), "{left}: {}", refused.stderr);
            assert!(refused.stderr.contains(left), "{left}: {}", refused.stderr);
        }
        let names = fs::read_dir(&dir).unwrap().map(|it| it.unwrap().file_name());
        assert!(!names.into_iter().any(|it| text(it.as_ref()).ends_with(".journal")), "{left}");
    }
}

#[test]
fn a_first_frame_that_cannot_be_read_is_no_empty_journal() {
    for without in [&[][..], &["witness"], &["witness", "lock"]] {
        let folder = tempdir().unwrap();
        let dir = folder.path().join("data");
        assert_eq!(apply(&dir, &[], &accounts(1..=3)).status, 0);
        let segment = dir.join("0000000001.journal");
        change(&segment, |bytes| bytes[4096 + 20] ^= 1);
        for name in without {
            fs::remove_file(dir.join(name)).unwrap();
        }
        let before = fs::read(&segment).unwrap();
        for command in [&["replay"][..], &["journal", "verify"]] {
            let refused = run(&[command, &["--data-dir", text(&dir)]].concat());
            assert_eq!(refused.status, 1, "{without:?}, {command:?}: {refused:?}");
        }
        let refused = apply(&dir, &[], &accounts(4..=4));
        assert_eq!((refused.status, refused.stdout.as_str()), (1, ""), "{without:?}: {refused:?}");
        let place = "0000000001.journal at byte 4096";
        assert!(refused.stderr.contains(place), "{without:?}: {}", refused.stderr);
        assert!(fs::read(&segment).unwrap() == before, "{without:?}");
    }
}

#[test]
fn a_repair_replaces_no_snapshot_that_was_set_aside_before() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    assert_eq!(apply(&dir, &[], &accounts(1..=9)).status, 0);
    assert_eq!(run(&["snapshot", "--data-dir", text(&dir)]).status, 0);
    let name = "00000000000000000009.snapshot";
    let snapshot = fs::read(dir.join(name)).unwrap();
    let aside = dir.join(format!("{name}.cut"));
    fs::write(&aside, "set aside long ago").unwrap();
    change(&dir.join("0000000001.journal"), |bytes| bytes[2 * 4096 + 100] ^= 1);
    let repaired = run(&["journal", "repair", "--data-dir", text(&dir)]);
    assert_eq!(repaired.status, 0, "{repaired:?}");
    assert!(!dir.join(name).exists(), "{repaired:?}");
    assert_eq!(fs::read_to_string(&aside).unwrap(), "set aside long ago");
    assert!(fs::read(dir.join(format!("{name}.cut.2"))).unwrap() == snapshot, "{repaired:?}");
}

#[test]
fn a_replay_until_a_sequence_that_the_journal_does_not_have_says_so() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("data");
    assert_eq!(apply(&dir, &[], &accounts(1..=3)).status, 0);
    let replay = |until: &str| run(&["replay", "--data-dir", text(&dir), "--until", until]);
    let exact = replay("3");
    assert_eq!((exact.status, exact.stderr.contains("--until")), (0, false), "{exact:?}");
    let beyond = replay("4");
    assert_eq!(beyond.digest(), exact.digest());
    assert!(beyond.stderr.contains("--until 4"), "{}", beyond.stderr);
    assert!(beyond.stderr.contains("sequence 3"), "{}", beyond.stderr);

    // Segments are retired: of what stood in them no state can be rebuilt any more.
    let transfers = |first: u32| {
        let line = |id| {
            format!(
                r#"{{"op":"create_transfer","id":{id},"debit_account_id":1,"credit_account_id":2,"amount":1,"ledger":1,"code":1}}"#
            )
        };
        let lines: Vec<String> = (first..first + 30_000).map(line).collect();
        let batches = lines.chunks(1_000).map(|batch| format!("[{}]\n", batch.join(",")));
        batches.collect::<String>()
    };
    for first in [1, 30_001] {
        let more = [&["apply", "--clock", "manual", "--data-dir", text(&dir)][..], &SMALL, &["-"]]
            .concat();
        assert_eq!(run_on(&more, &transfers(first)).status, 0);
        let made = run(&["snapshot", "--keep", "2", "--data-dir", text(&dir)]);
        assert_eq!(made.status, 0, "{made:?}");
    }
    assert!(!dir.join("0000000001.journal").exists());
    let retired = replay("3");
    assert_eq!(retired.status, 1, "{retired:?}");
    assert!(retired.stderr.contains("--until 3"), "{}", retired.stderr);
    assert!(retired.stderr.contains("retired"), "{}", retired.stderr);
}
