//! What was durable and is not there is found by every trace of it: in the segments, in the
//! witness.

use std::fs;
use std::path::{Path, PathBuf};

use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64;
use ringfence::journal::format::SegmentHeader;
use ringfence::journal::{
    DataDir, Durability, Fault, JournalError, Key, Options, WITNESS_NAME, Wanted, first_segment,
    inspect, make_segment, recover, repair,
};

use crate::forge::{self, BLOCK};
use crate::support::*;

pub fn segment(path: &Path, number: u32) -> PathBuf {
    path.join(format!("{number:010}.journal"))
}

pub fn edit(path: &Path, number: u32, change: impl FnOnce(&mut Vec<u8>)) {
    let path = segment(path, number);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Takes away the witness, and its copy in the lock.
pub fn forget_witness(path: &Path) {
    fs::remove_file(path.join(WITNESS_NAME)).unwrap();
    fs::write(path.join("lock"), "").unwrap();
}

pub fn noise(bytes: &mut [u8]) {
    Pcg64::seed_from_u64(7).fill_bytes(bytes);
}

/// What a start says, which changes nothing; verify says the same.
pub fn refused(path: &Path, options: &Options, what: &str) -> JournalError {
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
pub fn fault_of(error: JournalError) -> Fault {
    match error {
        JournalError::Damaged { fault, .. } => fault,
        other => panic!("{other}"),
    }
}

/// Takes a byte out of a segment; what is behind moves up.
fn remove_byte(path: &Path, number: u32, at: usize) {
    edit(path, number, |bytes| {
        bytes.remove(at);
        bytes.push(0);
    });
}

fn insert_byte(path: &Path, number: u32, at: usize) {
    edit(path, number, |bytes| {
        bytes.insert(at, 9);
        bytes.pop();
    });
}

fn cut_out(path: &Path, number: u32) {
    edit(path, number, |bytes| {
        bytes.drain(5_000..5_512);
        bytes.resize(2 * 1024 * 1024, 0);
    });
}

/// Flips a bit in the payload or the padding of every frame from the second segment on.
fn flip_payloads(path: &Path) {
    for number in 2..5 {
        edit(path, number, |bytes| {
            for frame in forge::frames(bytes) {
                bytes[frame.end - 1] ^= 1;
            }
        });
    }
}

fn exchange_bodies(path: &Path) {
    let (second, third) = (segment(path, 2), segment(path, 3));
    let [mut a, mut b] = [&second, &third].map(|path| fs::read(path).unwrap());
    a[BLOCK..].swap_with_slice(&mut b[BLOCK..]);
    fs::write(second, a).unwrap();
    fs::write(third, b).unwrap();
}

/// The body of the last segment in the second; nothing in those that follow.
fn leave_last_body_elsewhere(path: &Path) {
    let body = fs::read(segment(path, 4)).unwrap();
    edit(path, 2, |bytes| bytes[BLOCK..].copy_from_slice(&body[BLOCK..]));
    for number in 3..5 {
        edit(path, number, |bytes| bytes[BLOCK..].fill(0));
    }
}

/// Noise in which one header of the last segment stands somewhere; nothing in those that follow.
fn leave_one_header(path: &Path) {
    let header = fs::read(segment(path, 4)).unwrap()[BLOCK..BLOCK + 64].to_vec();
    edit(path, 2, |bytes| {
        noise(&mut bytes[BLOCK..]);
        bytes[77_777..77_777 + 64].copy_from_slice(&header);
    });
    for number in 3..5 {
        edit(path, number, |bytes| bytes[BLOCK..].fill(0));
    }
}

#[test]
fn content_that_was_moved_or_damaged_still_says_what_was_durable() {
    type Harm = fn(&Path);
    //  name, whether the journal is keyed, what is done
    let cases: [(&str, bool, Harm); 9] = [
        ("a byte removed", false, |path| remove_byte(path, 1, 100_000)),
        ("a byte inserted", false, |path| insert_byte(path, 1, 100_000)),
        ("a byte removed further on", false, |path| remove_byte(path, 3, 5_000)),
        ("512 bytes cut out of a keyed journal", true, |path| cut_out(path, 3)),
        ("a bit of each payload", false, flip_payloads),
        ("two bodies exchanged", false, exchange_bodies),
        ("the last body in the place of another", false, leave_last_body_elsewhere),
        ("one header in noise", false, leave_one_header),
        ("rules that cannot be read", false, |path| edit(path, 1, |it| it[BLOCK + 100] ^= 1)),
    ];
    for (what, is_keyed, harm) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let key = is_keyed.then(|| Key::of_secret(b"secret"));
        let options = Options { key, ..OPTIONS };
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
    fs::remove_file(path.join(WITNESS_NAME)).unwrap();
    let error = DataDir::open(path).err().unwrap().to_string();
    assert!(error.contains("`lock` says that the journal"), "{error}");
    assert!(error.contains("held 5 commands") && error.contains("they are all gone"), "{error}");
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
fn what_is_too_far_behind_the_end_is_named_and_repaired_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let options = Options { durability: Durability::Async, ..OPTIONS };
    let (dir, _, mut contents, mut writer) = open_with(path, &Wanted::default(), options).unwrap();
    for length in [8192, 8192, 5] {
        append(&mut writer, &mut contents, length);
    }
    writer.close().unwrap();
    let first = first_segment(dir.files()).unwrap();
    // The journal ends in the second segment. A power cut can leave more of them than one ahead.
    assert!(!segment(path, 4).exists());
    make_segment(dir.files(), SegmentHeader::new(first.journal_id, 4, first.segment_bytes, None))
        .unwrap();
    drop(dir);
    edit(path, 4, |bytes| *bytes.last_mut().unwrap() = 1);
    let error = refused(path, &options, "a byte in the last segment");
    let step = first.segment_bytes - 64;
    assert!(error.to_string().contains(&format!("4.journal at byte {step}")), "{error}");
    assert!(matches!(fault_of(error), Fault::TooLong { .. }));
    let repaired = repair(&DataDir::open(path).unwrap(), None).unwrap();
    assert_eq!(repaired.last_sequence, contents.last_sequence(), "{repaired:?}");
    assert!(path.join("0000000004.journal.cut").exists(), "{repaired:?}");
    assert_eq!(read(path).unwrap().batches, contents.batches);
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
