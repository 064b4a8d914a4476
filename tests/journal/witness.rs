//! What the witness proves after a clean stop, and what it does not.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ringfence::journal::{
    DataDir, Durability, Fault, Options, Source, WITNESS_NAME, Wanted, Witness, WitnessFound,
    read_witness, repair,
};

use crate::evidence::{edit, fault_of, noise, refused, segment};
use crate::forge::{self, BLOCK};
use crate::support::*;

/// Changes all of the first segment from the frame `number` on, counted from 0.
fn harm_from_frame(path: &Path, number: usize, harm: fn(&mut [u8])) {
    edit(path, 1, |bytes| {
        let start = forge::frames(bytes)[number].start;
        harm(&mut bytes[start..]);
    });
}

/// Harms the closing frame, and as many before it as make up `count`.
fn harm_last_frames(path: &Path, count: usize) {
    edit(path, 1, |bytes| {
        for frame in forge::frames(bytes).iter().rev().take(count) {
            bytes[frame.start + 30] ^= 1;
        }
    });
}

fn take_body_of_another(path: &Path) {
    let other = tempfile::tempdir().unwrap();
    write_journal(other.path(), &[5, 50, 500]);
    let body = fs::read(segment(other.path(), 1)).unwrap();
    edit(path, 1, |bytes| bytes[BLOCK..].copy_from_slice(&body[BLOCK..]));
}

#[test]
fn the_witness_proves_what_nothing_else_does_after_a_clean_stop() {
    type Harm = fn(&Path);
    //  name, what is done, whether commands are gone
    let cases: [(&str, Harm, bool); 6] = [
        ("zeros from a frame on", |path| harm_from_frame(path, 3, |it| it.fill(0)), true),
        ("noise from a frame on", |path| harm_from_frame(path, 3, noise), true),
        ("the closing frame and the one before it", |path| harm_last_frames(path, 2), true),
        ("the closing frame", |path| harm_last_frames(path, 1), false),
        ("the body of another journal", take_body_of_another, true),
        ("an earlier state of it all", |path| harm_from_frame(path, 2, |it| it.fill(0)), true),
    ];
    for (what, harm, has_lost) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let contents = write_journal(path, &[5, 50, 500]);
        harm(path);
        let error = refused(path, &OPTIONS, what);
        let text = error.to_string();
        match fault_of(error) {
            Fault::Contradicted { source: Source::Witness, durable: 555, last, .. } if has_lost => {
                let gives_up = format!("a repair would give up commands {} to 555", last + 1);
                assert!(text.contains(&gives_up), "{what}: {text}");
                assert!(text.contains("copied while an engine wrote it"), "{what}: {text}");
            }
            Fault::EndsEarly { .. } if !has_lost => {}
            other => panic!("{what}: {other}"),
        }
        goes_on_after_a_repair(path, &contents, has_lost, what);
    }
}

/// A repair says what is gone, and the journal goes on with what is left.
fn goes_on_after_a_repair(path: &Path, contents: &Contents, has_lost: bool, what: &str) {
    let repaired = repair(&DataDir::open(path).unwrap(), None).unwrap();
    assert_eq!(repaired.acknowledged_sequence, 555, "{what}");
    assert_eq!(repaired.last_sequence < 555, has_lost, "{what}: {repaired:?}");
    assert!(!repaired.cuts.is_empty(), "{what}");
    let (dir, recovered, mut found, mut writer) = open(path).unwrap();
    assert_eq!(recovered.notes, [""; 0], "{what}");
    let kept = found.batches.len();
    assert_eq!(found.batches, contents.batches[..kept], "{what}");
    append(&mut writer, &mut found, 3);
    writer.close().unwrap();
    drop(dir);
    assert_eq!(read(path).unwrap().batches, found.batches, "{what}");
}

#[test]
fn an_old_witness_proves_nothing_wrong_and_one_that_is_missing_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_journal(path, &[5]);
    let witness = path.join(WITNESS_NAME);
    let old = fs::read(&witness).unwrap();
    let (dir, _, mut contents, mut writer) = open(path).unwrap();
    append(&mut writer, &mut contents, 9);
    writer.close().unwrap();
    drop(dir);
    //  name, the witness, what is said of it
    let cases = [
        ("old", Some(old.clone()), None),
        ("one slot torn", Some([&old[..BLOCK], &vec![3; BLOCK]].concat()), None),
        ("none", None, Some("witness is missing")),
    ];
    for (name, bytes, said) in cases {
        match bytes {
            Some(bytes) => fs::write(&witness, bytes).unwrap(),
            None => fs::remove_file(&witness).unwrap(),
        }
        let (dir, recovered, found, writer) = open(path).unwrap();
        assert_eq!(found.batches, contents.batches, "{name}");
        assert_eq!(recovered.notes.len(), usize::from(said.is_some()), "{name}: {recovered:?}");
        if let Some(said) = said {
            assert!(recovered.notes[0].contains(said), "{name}: {}", recovered.notes[0]);
        }
        // And from then on there is one again.
        let files = dir.files();
        assert!(matches!(
            read_witness(files).unwrap(),
            WitnessFound::Says(Witness { sequence: 14, .. }, _)
        ));
        writer.close().unwrap();
    }
}

#[test]
fn the_witness_follows_a_running_engine() {
    for durability in [Durability::Sync, Durability::Async] {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { durability, ..OPTIONS };
        let (dir, _, mut contents, mut writer) =
            open_with(folder.path(), &Wanted::default(), options).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        for _ in 0..30 {
            append(&mut writer, &mut contents, 1000);
            wait_for(&mut writer, contents.last_sequence());
        }
        loop {
            writer.idle().unwrap();
            match read_witness(dir.files()).unwrap() {
                WitnessFound::Says(witness, _) if witness.sequence == 30_000 => break,
                _ => assert!(Instant::now() < deadline, "{durability:?}: it never follows"),
            }
        }
        drop((writer, dir));
        assert_eq!(read(folder.path()).unwrap().batches, contents.batches);
    }
}

#[test]
fn what_the_lock_says_counts_where_the_witness_is_gone_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_journal(path, &[5, 50, 500]);
    fs::remove_file(path.join(WITNESS_NAME)).unwrap();
    harm_from_frame(path, 3, |bytes| bytes.fill(0));
    let fault = fault_of(refused(path, &OPTIONS, "no witness"));
    assert!(matches!(fault, Fault::Contradicted { durable: 555, .. }), "{fault}");
    // Who wants to go on nevertheless says so, and it is no longer asked.
    let repaired = repair(&DataDir::open(path).unwrap(), None).unwrap();
    assert_eq!((repaired.last_sequence, repaired.acknowledged_sequence), (55, 555));
    assert_eq!(open(path).unwrap().1.notes, [""; 0]);
}

#[test]
fn a_witness_that_cannot_be_read_is_damage_and_a_lock_where_there_is_no_witness() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let contents = write_journal(path, &[5, 50]);
    let (witness, lock) = (path.join(WITNESS_NAME), path.join("lock"));
    let (good_witness, good_lock) = (fs::read(&witness).unwrap(), fs::read(&lock).unwrap());
    let noise = || Some(vec![3; 2 * BLOCK]);
    let zeros = Some(vec![0; BLOCK]);
    let short = Some(good_lock[..512].to_vec());
    //  the witness, the lock, what is refused
    let cases = [
        (None, noise(), Some("lock at byte 0")),
        (Some(good_witness), noise(), None),
        (noise(), None, Some("witness at byte 0")),
        (noise(), zeros.clone(), Some("witness at byte 0")),
        (noise(), Some(good_lock.clone()), Some("witness at byte 0")),
        (Some(Vec::new()), Some(good_lock.clone()), Some("witness at byte 0")),
        (None, Some(good_lock), None),
        // What a first start can leave that was cut short.
        (None, zeros, None),
        (None, short, None),
        (None, None, None),
    ];
    for (index, (of_witness, of_lock, place)) in cases.into_iter().enumerate() {
        for (path, bytes) in [(&witness, of_witness), (&lock, of_lock)] {
            let _ = fs::remove_file(path);
            if let Some(bytes) = bytes {
                fs::write(path, bytes).unwrap();
            }
        }
        if let Some(place) = place {
            let error = refused(path, &OPTIONS, place).to_string();
            assert!(error.contains(place), "case {index}: {error}");
            assert!(error.contains("removes this file"), "case {index}: {error}");
            // Whoever goes on without it does that, or has a repair set the witness aside.
            if place.starts_with("witness") {
                let repaired = repair(&DataDir::open(path).unwrap(), None).unwrap();
                assert!(repaired.cuts[0].to_string().contains("witness.cut"), "{repaired:?}");
            } else {
                fs::remove_file(&lock).unwrap();
            }
        }
        let (_dir, _, found, writer) = open(path).unwrap();
        assert_eq!(found.batches, contents.batches, "case {index}");
        writer.close().unwrap();
    }
}

#[test]
fn a_lock_that_cannot_be_read_says_that_there_were_segments() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (noise, is_refused) in [(vec![7; 100], true), (vec![0; 4096], false), (vec![], false)] {
        fs::write(path.join("lock"), noise).unwrap();
        match DataDir::open(path) {
            Err(error) => {
                let error = error.to_string();
                assert!(is_refused, "{error}");
                assert!(error.contains("removes `lock`"), "{error}");
                assert_eq!(fs::read_dir(path).unwrap().count(), 1, "nothing was made");
            }
            Ok(_) => assert!(!is_refused, "the start went on"),
        }
    }
}

#[test]
fn segments_of_another_journal_are_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("one"), folder.path().join("other"));
    fs::create_dir(&path).unwrap();
    fs::create_dir(&other).unwrap();
    write_journal(&path, &[5]);
    let contents = write_journal(&other, &[3]);
    for number in 1..=2 {
        fs::copy(segment(&other, number), segment(&path, number)).unwrap();
    }
    let error = DataDir::open(&path).err().unwrap().to_string();
    assert!(error.contains("they are those of another"), "{error}");
    // The lock taken away, the witness still knows.
    fs::remove_file(path.join("lock")).unwrap();
    let error = refused(&path, &OPTIONS, "all segments exchanged");
    assert!(error.to_string().contains("witness at byte 0: of the journal"), "{error}");
    assert!(matches!(fault_of(error), Fault::Foreign { .. }));
    // A repair sets the witness aside.
    let repaired = repair(&DataDir::open(&path).unwrap(), None).unwrap();
    assert!(repaired.cuts[0].to_string().contains("witness.cut"), "{repaired:?}");
    assert!(path.join("witness.cut").exists());
    assert_eq!(open(&path).unwrap().2.batches, contents.batches);
}
