//! What is damaged is cut where the damage begins, and nothing is thrown away.

use std::fs;
use std::path::Path;

use crate::forge::BLOCK;
use crate::support::*;
use ringfence::journal::{DataDir, JournalError, Repaired, WITNESS_NAME, inspect, repair};

fn segment(path: &Path, number: u32) -> std::path::PathBuf {
    path.join(format!("{number:010}.journal"))
}

fn cut_of(path: &Path, number: u32) -> std::path::PathBuf {
    path.join(format!("{number:010}.journal.cut"))
}

fn run(path: &Path) -> Result<Repaired, JournalError> {
    repair(&DataDir::open(path)?, None)
}

/// Where the frames of a segment begin, and where the last ends.
fn edges(bytes: &[u8]) -> Vec<usize> {
    let frames = crate::forge::frames(bytes);
    frames.iter().map(|frame| frame.start).chain(frames.last().map(|frame| frame.end)).collect()
}

/// Where commands are given up, one frame follows, up to the end of a block: it begins an epoch.
/// Nothing else follows.
fn assert_ends_behind_the_cut(kept: &[u8], cut: usize, gives_up: bool, what: &str) {
    assert_eq!(kept.len() as u64, OPTIONS.segment_bytes, "{what}");
    let end = if gives_up { (cut / BLOCK + 1) * BLOCK } else { cut };
    let found = edges(&kept[..end.next_multiple_of(BLOCK)]);
    assert!(!gives_up || found[found.len() - 2..] == [cut, end], "{what}: {found:?}");
    assert!(kept[end..].iter().all(|&byte| byte == 0), "{what}");
}

#[test]
fn a_journal_is_cut_at_its_first_damage_and_every_byte_that_is_cut_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("original");
    let contents = write_journal(&original, &[8192, 4000, 8192, 3, 8192, 8192, 5]);
    let count = fs::read_dir(&original).unwrap().count() as u32 - 2;
    assert!(count >= 4, "{count} segments");
    let good = |number| fs::read(segment(&original, number)).unwrap();
    let second = edges(&good(2));
    let (damaged_at, end_at) = (second[1], second[second.len() - 2]);
    let before = |sequence| {
        let mut last = 0;
        let batches = contents.batches.iter().take_while(|batch| {
            last += batch.len() as u64;
            last <= sequence
        });
        batches.count()
    };

    type Damage<'a> = Box<dyn Fn(&Path) + 'a>;
    let flip = |number: u32, at: usize| -> Damage<'_> {
        Box::new(move |path| {
            let mut bytes = good(number);
            bytes[at] ^= 4;
            fs::write(segment(path, number), bytes).unwrap();
        })
    };
    let set_length = |number: u32, bytes: u64| -> Damage<'_> {
        Box::new(move |path| {
            fs::File::options()
                .write(true)
                .open(segment(path, number))
                .unwrap()
                .set_len(bytes)
                .unwrap();
        })
    };
    let whole = 2 * 1024 * 1024;
    // what is done, segment and offset of the cut, segments that go as a whole
    type Case<'a> = (&'a str, Damage<'a>, (u32, usize), std::ops::Range<u32>);
    let end = count + 1;
    let cases: [Case<'_>; 9] = [
        ("a flipped bit", flip(2, damaged_at + 200), (2, damaged_at), 3..end),
        ("a damaged header", flip(3, 20), (2, end_at), 3..end),
        (
            "a segment that is gone",
            Box::new(|path| fs::remove_file(segment(path, 3)).unwrap()),
            (2, end_at),
            4..end,
        ),
        ("a segment that was cut", set_length(2, damaged_at as u64 + 500), (2, damaged_at), 3..end),
        ("an empty segment", set_length(3, 0), (2, end_at), 3..end),
        ("a segment that grew", set_length(2, whole + 300), (2, whole as usize), end..end),
        (
            "a segment cut among its zeros",
            set_length(2, whole - 1),
            (2, whole as usize - 1),
            end..end,
        ),
        (
            "a byte behind the end of a segment",
            flip(2, whole as usize - 1),
            (2, second[second.len() - 1]),
            end..end,
        ),
        ("the first frame", flip(1, 4096 + 70), (1, 4096), 2..end),
    ];
    for (index, (what, damage, (number, offset), gone)) in cases.into_iter().enumerate() {
        let path = folder.path().join(index.to_string());
        fs::create_dir(&path).unwrap();
        for number in 1..=count {
            fs::copy(segment(&original, number), segment(&path, number)).unwrap();
        }
        fs::copy(original.join(WITNESS_NAME), path.join(WITNESS_NAME)).unwrap();
        damage(&path);
        let damaged: Vec<Option<Vec<u8>>> =
            (1..=count).map(|number| fs::read(segment(&path, number)).ok()).collect();
        let dir = DataDir::open_to_read(&path).unwrap();
        assert!(inspect(&dir, None, |_| ()).is_err(), "{what}: it is damage");

        let repaired = run(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
        // What is kept and what is cut make up what it was.
        let was = damaged[number as usize - 1].as_ref().unwrap();
        let kept = fs::read(segment(&path, number)).unwrap();
        let cut = fs::read(cut_of(&path, number)).unwrap_or_default();
        assert!([&kept[..offset], &cut].concat() == *was, "{what}");
        assert_ends_behind_the_cut(&kept, offset, !gone.is_empty(), what);
        for number in gone.clone() {
            assert!(!segment(&path, number).exists(), "{what}: segment {number}");
            if let Some(was) = &damaged[number as usize - 1] {
                assert!(fs::read(cut_of(&path, number)).unwrap() == *was, "{what}: {number}");
            }
        }
        let files = fs::read_dir(&path).unwrap().count() as u32;
        let missing = damaged.iter().filter(|bytes| bytes.is_none()).count() as u32;
        let added = u32::from(!cut.is_empty());
        assert_eq!(files, 2 + count - missing + added, "{what}: nothing else");
        assert!(repaired.cuts[0].to_string().contains(&format!("{number:010}.journal")), "{what}");

        // It is a journal again, of the batches before the damage, and goes on.
        let summary = inspect(&dir, None, |_| ()).unwrap();
        assert_eq!(summary.tail, None, "{what}");
        assert_eq!(summary.last_sequence, repaired.last_sequence, "{what}");
        let whole_batches = before(repaired.last_sequence);
        assert_eq!(read(&path).unwrap().batches, contents.batches[..whole_batches], "{what}");
        assert_eq!(gone.is_empty(), repaired.last_sequence == contents.last_sequence(), "{what}");
        assert!(run(&path).unwrap().cuts.is_empty(), "{what}: nothing is left to repair");
        let (lock, recovered, mut again, mut writer) = open(&path).unwrap();
        assert_eq!(recovered.notes, [""; 0], "{what}");
        append(&mut writer, &mut again, 10);
        writer.close().unwrap();
        drop(lock);
        assert_eq!(read(&path).unwrap().batches, again.batches, "{what}");
    }
}

#[test]
fn what_was_acknowledged_and_is_gone_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_journal(path, &[3, 8192, 8192, 5]);
    let mut bytes = fs::read(segment(path, 1)).unwrap();
    let second = edges(&bytes)[2];
    bytes[second + 100] ^= 1;
    fs::write(segment(path, 1), bytes).unwrap();
    let repaired = run(path).unwrap();
    assert_eq!(repaired.last_sequence, 3);
    assert_eq!(repaired.acknowledged_sequence, 16392, "the witness knows it all");
}

#[test]
fn a_repair_changes_nothing_where_nothing_is_wrong_and_never_replaces_what_was_cut_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let contents = write_journal(path, &[3, 5]);
    let good = fs::read(segment(path, 1)).unwrap();
    assert!(run(path).unwrap().cuts.is_empty());
    assert!(fs::read(segment(path, 1)).unwrap() == good);

    for name in ["0000000001.journal.cut", "0000000001.journal.cut.2"] {
        let mut bytes = fs::read(segment(path, 1)).unwrap();
        let end = *edges(&bytes).last().unwrap();
        // A tail: somebody wrote behind the end.
        bytes[end + 5] = 9;
        fs::write(segment(path, 1), &bytes).unwrap();
        let repaired = run(path).unwrap();
        assert_eq!(repaired.cuts.len(), 1);
        assert_eq!(repaired.last_sequence, 8);
        assert_eq!(fs::read(path.join(name)).unwrap(), bytes[end..]);
        assert_eq!(read(path).unwrap().batches, contents.batches);
    }
}

#[test]
fn a_journal_of_which_nothing_can_be_kept_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_journal(path, &[3, 5]);
    let mut bytes = fs::read(segment(path, 1)).unwrap();
    bytes[17] ^= 1;
    fs::write(segment(path, 1), &bytes).unwrap();
    assert!(matches!(run(path), Err(JournalError::Damaged { offset: 0, .. })));
    assert!(fs::read(segment(path, 1)).unwrap() == bytes);
    assert!(!cut_of(path, 1).exists());
}

#[test]
fn a_repair_waits_for_no_engine() {
    let folder = tempfile::tempdir().unwrap();
    let (_lock, ..) = open(folder.path()).unwrap();
    assert!(matches!(run(folder.path()), Err(JournalError::InUse { .. })));
}
