//! Damage made from outside: found, named, and nothing changed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::support::*;
use ringfence::journal::{DataDir, Fault, JournalError, inspect, recover};

/// Every file of a folder with its bytes.
fn bytes_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}

fn restore(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for name in bytes_of(folder).keys().filter(|name| !files.contains_key(*name)) {
        fs::remove_file(folder.join(name)).unwrap();
    }
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

fn segment(folder: &Path, number: u32) -> std::path::PathBuf {
    folder.join(format!("{number:010}.journal"))
}

/// What recovery, a reader and a look all say of `folder`, having changed nothing.
fn refused_by_all(folder: &Path, what: &str) -> (String, u64, Fault) {
    let before = bytes_of(folder);
    let dir = DataDir::open(folder).unwrap();
    let mut found = Vec::new();
    found.push(recover(&dir, &Default::default(), &OPTIONS, |_| ()).err());
    drop(dir);
    found.push(read(folder).err());
    found.push(inspect(&DataDir::open_to_read(folder).unwrap(), None, |_| ()).err());
    assert!(bytes_of(folder) == before, "{what}: something was changed");
    let mut places = found.into_iter().map(|error| match error {
        Some(JournalError::Damaged { path, offset, fault }) => {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), offset, fault)
        }
        other => panic!("{what}: {other:?}"),
    });
    let first = places.next().unwrap();
    assert!(places.all(|place| place == first), "{what}");
    first
}

fn flip(path: &Path, offset: u64) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
}

#[test]
fn a_flipped_byte_below_the_durable_mark_is_named_with_its_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // Rules in block 1; then each batch alone in whole blocks, because each is waited for.
    let (dir, _, mut contents, mut writer) = open(path).unwrap();
    for length in [1, 31, 32, 100] {
        append(&mut writer, &mut contents, length);
        wait_for(&mut writer, contents.last_sequence());
    }
    writer.close().unwrap();
    drop(dir);
    let good = bytes_of(path);
    // offset of the frame, its bytes with padding
    let frames = [(4096, 4096), (8192, 4096), (12288, 4096), (16384, 8192), (24576, 16384)];
    let mut checked = 0;
    for (frame, bytes) in frames {
        let inside = [0, 1, 4, 8, 16, 24, 32, 36, 40, 44, 46, 47, 48, 63, 64, 127, 128, bytes / 2];
        for at in inside.into_iter().chain([bytes - 65, bytes - 64, bytes - 1]) {
            flip(&segment(path, 1), frame + at);
            let (name, offset, fault) = refused_by_all(path, &format!("byte {frame} + {at}"));
            assert_eq!((name.as_str(), offset), ("0000000001.journal", frame), "{at}");
            assert!(matches!(fault, Fault::Checksum { .. }), "{at}: {fault}");
            restore(path, &good);
            checked += 1;
        }
    }
    assert_eq!(checked, 105);
    let read = read(path).unwrap();
    assert_eq!(read.batches, contents.batches);
    assert_eq!((read.requests.len(), &read.requests), (1, &contents.requests));
}

#[test]
fn a_flipped_byte_in_a_segments_header_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_journal(path, &[8192, 8192, 8192, 7]);
    let good = bytes_of(path);
    for number in 1..=3 {
        for at in [0, 8, 12, 16, 32, 40, 44, 48, 63, 64, 4095] {
            flip(&segment(path, number), at);
            let (name, offset, _) = refused_by_all(path, &format!("segment {number}, byte {at}"));
            assert_eq!((name, offset), (format!("{number:010}.journal"), 0));
            restore(path, &good);
        }
    }
}

#[test]
fn segments_that_are_missing_exchanged_cut_or_grown_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_journal(path, &[8192; 5]);
    let good = bytes_of(path);
    let last = good.keys().filter(|name| name.ends_with(".journal")).count() as u32;
    assert!(last >= 5, "five full segments");
    let other = tempfile::tempdir().unwrap();
    write_journal(other.path(), &[8192; 5]);

    let truncate = |number, bytes| {
        let file = fs::File::options().write(true).open(segment(path, number)).unwrap();
        file.set_len(bytes).unwrap();
    };
    type Damage<'a> = (&'a str, u32, Box<dyn Fn() + 'a>);
    let damages: [Damage<'_>; 10] = [
        ("first removed", 1, Box::new(|| fs::remove_file(segment(path, 1)).unwrap())),
        ("middle removed", 3, Box::new(|| fs::remove_file(segment(path, 3)).unwrap())),
        (
            "the last two removed",
            last - 1,
            Box::new(|| {
                fs::remove_file(segment(path, last)).unwrap();
                fs::remove_file(segment(path, last - 1)).unwrap();
            }),
        ),
        (
            "two exchanged",
            2,
            Box::new(|| {
                fs::write(segment(path, 2), &good["0000000003.journal"]).unwrap();
                fs::write(segment(path, 3), &good["0000000002.journal"]).unwrap();
            }),
        ),
        ("one cut", 2, Box::new(|| truncate(2, 1024 * 1024))),
        ("one empty", 4, Box::new(|| truncate(4, 0))),
        ("one cut by a byte", 1, Box::new(|| truncate(1, 2 * 1024 * 1024 - 1))),
        ("one grown", 1, Box::new(|| truncate(1, 2 * 1024 * 1024 + 1))),
        (
            "one of another journal",
            3,
            Box::new(|| {
                fs::copy(segment(other.path(), 3), segment(path, 3)).unwrap();
            }),
        ),
        (
            "all but the first of another journal",
            2,
            Box::new(|| {
                for number in 2..=last {
                    fs::copy(segment(other.path(), number), segment(path, number)).unwrap();
                }
            }),
        ),
    ];
    for (what, number, damage) in damages {
        damage();
        let (name, _, _) = refused_by_all(path, what);
        assert_eq!(name, format!("{number:010}.journal"), "{what}");
        restore(path, &good);
    }
    assert_eq!(read(path).unwrap().batches.len(), 5);
}

#[test]
fn an_earlier_state_of_a_segment_is_not_taken_for_the_present_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_journal(path, &[100]);
    let earlier = bytes_of(path);
    let (dir, _, mut contents, mut writer) = open(path).unwrap();
    for _ in 0..3 {
        append(&mut writer, &mut contents, 8192);
    }
    writer.close().unwrap();
    drop(dir);
    // The first segment as it was: good by itself, but the journal went on.
    fs::write(segment(path, 1), &earlier["0000000001.journal"]).unwrap();
    let (name, offset, fault) = refused_by_all(path, "an earlier state");
    assert_eq!((name.as_str(), fault), ("0000000001.journal", Fault::Empty));
    assert!(offset > 4096);
}

#[test]
fn bytes_behind_the_end_are_a_tail_that_a_writer_cuts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let contents = write_journal(path, &[3, 5]);
    let dir = DataDir::open_to_read(path).unwrap();
    let clean = inspect(&dir, None, |_| ()).unwrap();
    assert_eq!(clean.tail, None);
    let end = 4096 + clean.frame_bytes;
    for at in [end, end + 63, end + 4096, 2 * 1024 * 1024 - 1] {
        flip(&segment(path, 1), at);
        let summary = inspect(&dir, None, |_| ()).unwrap();
        let tail = summary.tail.expect("the byte is found");
        assert_eq!((tail.segment, tail.offset / 64), (1, at / 64));
        assert_eq!(read(path).unwrap().batches, contents.batches);

        let (lock, recovered, found, writer) = open(path).unwrap();
        assert_eq!(found.batches, contents.batches);
        assert_eq!(recovered.notes.len(), 1, "{:?}", recovered.notes);
        assert!(recovered.notes[0].contains("0000000001.journal"));
        writer.close().unwrap();
        drop(lock);
        assert_eq!(inspect(&dir, None, |_| ()).unwrap().tail, None, "byte {at} is gone");
    }
}
