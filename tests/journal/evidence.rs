//! What was durable and is not there is found by every trace of it: in the segments, in the witness.

use std::fs;
use std::path::{Path, PathBuf};

use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64;
use ringfence::journal::{
    DataDir, Durability, Fault, JournalError, Key, Options, Source, WITNESS_NAME, Wanted, Witness,
    WitnessFound, inspect, read_witness, recover, repair,
};

use crate::forge::{self, BLOCK};
use crate::support::*;

fn segment(path: &Path, number: u32) -> PathBuf {
    path.join(format!("{number:010}.journal"))
}

fn edit(path: &Path, number: u32, change: impl FnOnce(&mut Vec<u8>)) {
    let path = segment(path, number);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn forget_witness(path: &Path) {
    fs::remove_file(path.join(WITNESS_NAME)).unwrap();
}

fn noise(bytes: &mut [u8]) {
    Pcg64::seed_from_u64(7).fill_bytes(bytes);
}

/// What a start says, which changes nothing; verify says the same.
fn refused(path: &Path, options: &Options, what: &str) -> JournalError {
    let before: Vec<_> = (1..9).map(|number| fs::read(segment(path, number)).ok()).collect();
    let dir = DataDir::open(path).unwrap_or_else(|error| panic!("{what}: {error}"));
    let started = recover(&dir, &Wanted::default(), options, |_| ()).err();
    drop(dir);
    let started = started.unwrap_or_else(|| panic!("{what}: the start went on"));
    let verified = inspect(&DataDir::open_to_read(path).unwrap(), options.key, |_| ()).err();
    let verified = verified.unwrap_or_else(|| panic!("{what}: verify found nothing"));
    assert_eq!(started.to_string(), verified.to_string(), "{what}");
    for (number, before) in (1..9).zip(before) {
        assert!(fs::read(segment(path, number)).ok() == before, "{what}: segment {number}");
    }
    started
}

/// What stands at the place of the damage.
fn fault_of(error: JournalError) -> Fault {
    match error {
        JournalError::Damaged { fault, .. } => fault,
        other => panic!("{other}"),
    }
}

#[test]
fn content_that_was_moved_or_damaged_still_says_what_was_durable() {
    let keyed = Options { key: Some(Key::of_secret(b"secret")), ..OPTIONS };
    type Harm = fn(&Path);
    //  name, whether the journal is keyed, what is done
    let cases: [(&str, bool, Harm); 9] = [
        ("a byte removed", false, |path| {
            edit(path, 1, |bytes| {
                bytes.remove(100_000);
                bytes.push(0);
            });
        }),
        ("a byte inserted", false, |path| {
            edit(path, 1, |bytes| {
                bytes.insert(100_000, 9);
                bytes.pop();
            });
        }),
        ("a byte removed from the last segment but one", false, |path| {
            edit(path, 3, |bytes| {
                bytes.remove(5_000);
                bytes.push(0);
            });
        }),
        ("512 bytes cut out of a keyed journal", true, |path| {
            edit(path, 3, |bytes| {
                bytes.drain(5_000..5_512);
                bytes.resize(2 * 1024 * 1024, 0);
            });
        }),
        ("a bit of each payload", false, |path| {
            for number in 2..5 {
                edit(path, number, |bytes| {
                    for frame in forge::frames(bytes) {
                        bytes[frame.end - 1] ^= 1;
                    }
                });
            }
        }),
        ("two bodies exchanged", false, |path| {
            let (second, third) = (segment(path, 2), segment(path, 3));
            let [mut a, mut b] = [&second, &third].map(|path| fs::read(path).unwrap());
            a[BLOCK..].swap_with_slice(&mut b[BLOCK..]);
            fs::write(second, a).unwrap();
            fs::write(third, b).unwrap();
        }),
        ("the last body in the place of another", false, |path| {
            let body = fs::read(segment(path, 4)).unwrap();
            edit(path, 2, |bytes| bytes[BLOCK..].copy_from_slice(&body[BLOCK..]));
            edit(path, 3, |bytes| bytes[BLOCK..].fill(0));
            edit(path, 4, |bytes| bytes[BLOCK..].fill(0));
        }),
        ("all but some bytes of noise", false, |path| {
            let header = fs::read(segment(path, 4)).unwrap()[BLOCK..BLOCK + 64].to_vec();
            edit(path, 2, |bytes| {
                noise(&mut bytes[BLOCK..]);
                bytes[77_777..77_777 + 64].copy_from_slice(&header);
            });
            for number in 3..5 {
                edit(path, number, |bytes| bytes[BLOCK..].fill(0));
            }
        }),
        ("rules that cannot be read", false, |path| {
            edit(path, 1, |bytes| bytes[BLOCK + 100] ^= 1);
        }),
    ];
    for (what, is_keyed, harm) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let options = if is_keyed { keyed } else { OPTIONS };
        let (dir, _, mut contents, mut writer) =
            open_with(path, &Wanted::default(), options).unwrap();
        for length in [8192, 5_000, 8192, 8192, 300, 8192, 8192, 40] {
            append(&mut writer, &mut contents, length);
        }
        writer.close().unwrap();
        drop(dir);
        assert!(segment(path, 4).exists(), "four segments");
        forget_witness(path);
        harm(path);
        refused(path, &options, what);
    }
}

#[test]
fn the_witness_proves_what_nothing_else_does_after_a_clean_stop() {
    type Harm = fn(&Path);
    //  name, what is done, whether commands are gone
    let cases: [(&str, Harm, bool); 6] = [
        (
            "zeros from a frame on",
            |path| {
                edit(path, 1, |bytes| {
                    let frame = forge::frames(bytes)[3].start;
                    bytes[frame..].fill(0);
                });
            },
            true,
        ),
        (
            "noise from a frame on",
            |path| {
                edit(path, 1, |bytes| {
                    let frame = forge::frames(bytes)[3].start;
                    noise(&mut bytes[frame..]);
                });
            },
            true,
        ),
        (
            "the closing frame and the one before it",
            |path| {
                edit(path, 1, |bytes| {
                    for frame in forge::frames(bytes).iter().rev().take(2) {
                        bytes[frame.start + 30] ^= 1;
                    }
                });
            },
            true,
        ),
        (
            "the closing frame",
            |path| {
                edit(path, 1, |bytes| {
                    let frame = forge::frames(bytes).pop().unwrap().start;
                    bytes[frame + 30] ^= 1;
                });
            },
            false,
        ),
        (
            "the body of another journal",
            |path| {
                let other = tempfile::tempdir().unwrap();
                write_journal(other.path(), &[5, 50, 500]);
                let body = fs::read(segment(other.path(), 1)).unwrap();
                edit(path, 1, |bytes| bytes[BLOCK..].copy_from_slice(&body[BLOCK..]));
            },
            true,
        ),
        (
            "an earlier state of all segments",
            |path| {
                edit(path, 1, |bytes| {
                    let frame = forge::frames(bytes)[2].start;
                    bytes[frame..].fill(0);
                });
            },
            true,
        ),
    ];
    for (what, harm, has_lost) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let contents = write_journal(path, &[5, 50, 500]);
        let said = read_witness(DataDir::open_to_read(path).unwrap().files()).unwrap();
        let WitnessFound::Says(witness, _) = said else { panic!("{said:?}") };
        assert_eq!(witness.sequence, contents.last_sequence());
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
        // And a repair says what is gone.
        let repaired = repair(&DataDir::open(path).unwrap(), None).unwrap();
        assert_eq!(repaired.acknowledged_sequence, 555, "{what}");
        assert_eq!(repaired.last_sequence < 555, has_lost, "{what}: {repaired:?}");
        assert!(!repaired.cuts.is_empty(), "{what}");
        let (_dir, recovered, found, mut writer) = open(path).unwrap();
        assert_eq!(recovered.notes, [""; 0], "{what}");
        let kept = found.batches.len();
        assert_eq!(found.batches, contents.batches[..kept], "{what}");
        let mut again = found;
        append(&mut writer, &mut again, 3);
        writer.close().unwrap();
        assert_eq!(read(path).unwrap().batches, again.batches, "{what}");
    }
}

#[test]
fn an_old_witness_proves_nothing_wrong_and_one_that_is_missing_or_bad_is_said() {
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
        ("noise", Some(vec![3; 2 * BLOCK]), Some("witness: ")),
        ("empty", Some(Vec::new()), Some("witness: ")),
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
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        for _ in 0..30 {
            append(&mut writer, &mut contents, 1000);
            wait_for(&mut writer, contents.last_sequence());
        }
        loop {
            writer.idle().unwrap();
            match read_witness(dir.files()).unwrap() {
                WitnessFound::Says(witness, _) if witness.sequence == 30_000 => break,
                _ => assert!(
                    std::time::Instant::now() < deadline,
                    "{durability:?}: it never follows"
                ),
            }
        }
        drop((writer, dir));
        assert_eq!(read(folder.path()).unwrap().batches, contents.batches);
    }
}

#[test]
fn segments_of_another_journal_beside_the_witness_are_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("one"), folder.path().join("other"));
    fs::create_dir(&path).unwrap();
    fs::create_dir(&other).unwrap();
    write_journal(&path, &[5]);
    let contents = write_journal(&other, &[3]);
    for number in 1..=2 {
        fs::copy(segment(&other, number), segment(&path, number)).unwrap();
    }
    let error = refused(&path, &OPTIONS, "all segments exchanged");
    assert!(error.to_string().contains("witness at byte 0: of the journal"), "{error}");
    assert!(matches!(fault_of(error), Fault::Foreign { .. }));
    // Who wants the other one takes the witness away, or has a repair do it.
    let repaired = repair(&DataDir::open(&path).unwrap(), None).unwrap();
    assert!(repaired.cuts[0].to_string().contains("witness.cut"), "{repaired:?}");
    assert!(path.join("witness.cut").exists());
    assert_eq!(open(&path).unwrap().2.batches, contents.batches);
}

#[test]
fn a_journal_whose_segments_are_all_gone_does_not_begin_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_journal(path, &[5]);
    for number in 1..=2 {
        fs::remove_file(segment(path, number)).unwrap();
    }
    let error = DataDir::open(path).err().unwrap();
    assert!(error.to_string().contains("all its segments are gone"), "{error}");
    // The lock remembers it too.
    forget_witness(path);
    let error = DataDir::open(path).err().unwrap();
    assert!(error.to_string().contains("all its segments are gone: `lock` says"), "{error}");
    fs::remove_file(path.join("lock")).unwrap();
    assert!(open(path).unwrap().1.is_new, "that was asked for");
}

#[test]
fn a_first_frame_that_cannot_be_read_is_no_new_journal_if_anything_follows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_journal(path, &[5]);
    forget_witness(path);
    let good = fs::read(segment(path, 1)).unwrap();
    // Nothing of the rest can be read either.
    edit(path, 1, |bytes| noise(&mut bytes[BLOCK..4 * BLOCK]));
    assert!(matches!(fault_of(refused(path, &OPTIONS, "noise")), Fault::TooLong { .. }));
    // As long as there is nothing but the first frame, nothing was acknowledged.
    fs::write(segment(path, 1), good).unwrap();
    edit(path, 1, |bytes| {
        noise(&mut bytes[BLOCK..2 * BLOCK]);
        bytes[2 * BLOCK..].fill(0);
    });
    let (_dir, recovered, _, _) = open(path).unwrap();
    assert_eq!(recovered.last_sequence, 0);
}

#[test]
fn a_tail_longer_than_what_can_be_under_way_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let segment_bytes = 16 * 1024 * 1024;
    let options = Options { segment_bytes, ..OPTIONS };
    let write = |durability| {
        let options = Options { durability, ..options };
        let (_dir, _, mut contents, mut writer) =
            open_with(path, &Wanted::default(), options).unwrap();
        append(&mut writer, &mut contents, 5);
        writer.close().unwrap();
        forget_witness(path);
        let bytes = fs::read(segment(path, 1)).unwrap();
        forge::frames(&bytes).pop().unwrap().end
    };
    let end = write(Durability::Sync);
    let good = fs::read(segment(path, 1)).unwrap();
    let most = 4 * 1_052_672;
    edit(path, 1, |bytes| noise(&mut bytes[end..end + most + 64]));
    assert!(matches!(fault_of(refused(path, &options, "too long")), Fault::TooLong { .. }));
    fs::write(segment(path, 1), &good).unwrap();
    edit(path, 1, |bytes| noise(&mut bytes[end..end + most]));
    assert_eq!(
        inspect(&DataDir::open_to_read(path).unwrap(), None, |_| ()).unwrap().last_sequence,
        5
    );
    fs::write(segment(path, 1), &good).unwrap();

    // Under `async` it is what was not synced when a segment was left, and that is said beforehand.
    let end = write(Durability::Async);
    edit(path, 1, |bytes| noise(&mut bytes[end..]));
    let summary = inspect(&DataDir::open_to_read(path).unwrap(), None, |_| ()).unwrap();
    assert_eq!(summary.last_sequence, 10);
    assert_eq!(summary.tail.unwrap().bytes, segment_bytes - end as u64);
}

#[test]
fn what_a_start_cuts_is_kept_beside_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_journal(path, &[5]);
    for round in 1..=18 {
        let bytes = fs::read(segment(path, 1)).unwrap();
        let end = forge::frames(&bytes).pop().unwrap().end;
        edit(path, 1, |bytes| noise(&mut bytes[end..end + 700]));
        let was = fs::read(segment(path, 1)).unwrap();
        let (_dir, recovered, _, writer) = open(path).unwrap();
        let note = &recovered.notes[0];
        assert!(note.contains("with 0 commands"), "{note}");
        writer.close().unwrap();
        let name = match round {
            1 => "0000000001.journal.cut".to_owned(),
            _ => format!("0000000001.journal.cut.{round}"),
        };
        if round <= 16 {
            assert!(note.contains(&format!("kept in {name}")), "{note}");
            assert!(fs::read(path.join(name)).unwrap() == was[end..end + BLOCK], "round {round}");
        } else {
            assert!(note.contains("not kept"), "{note}");
            assert!(!path.join(name).exists(), "their number is bounded");
        }
    }
}
