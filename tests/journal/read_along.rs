//! A journal read beside the engine that writes it: from its memory, or from the disk.

use std::fs;

use crate::support::*;
use ringfence::journal::{DataDir, Entry, Step, Trail, segment_name};
use ringfence::types::Command;

/// The next batch; `None` if it does not stand there.
fn next(trail: &mut Trail) -> Option<Vec<Command>> {
    match trail.next_batch().unwrap() {
        Step::Batch(Entry::Batch { commands, .. }) => Some(commands.to_vec()),
        Step::NotYet(_) => None,
        other => panic!("{other:?}"),
    }
}

/// One who reads along with `writer`, and one who knows the disk alone.
fn trails(dir: &DataDir, writer: &DiskWriter) -> [Trail; 2] {
    let open = || Trail::open(dir.files(), None, 1).unwrap().expect("nothing is retired");
    [open().reading_along(writer.recent()), open()]
}

#[test]
fn who_reads_along_gets_what_the_disk_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, _, mut contents, mut writer) = open(folder.path()).unwrap();
    let mut trails = trails(&dir, &writer);
    // Short groups and long ones, one batch in a group and several, over several segments.
    let lengths = [1, 1, 3, 31, 400, 8189, 1, 2, 900, 5000, 1, 700, 64];
    for turn in 0..12 {
        for (at, length) in lengths.into_iter().enumerate() {
            let before = contents.batches.len();
            append(&mut writer, &mut contents, length);
            if (at + turn) % 3 == 0 {
                append(&mut writer, &mut contents, 1 + at);
            }
            wait_for(&mut writer, contents.last_sequence());
            for batch in &contents.batches[before..] {
                for (trail, name) in trails.iter_mut().zip(["along", "alone"]) {
                    assert_eq!(next(trail).as_ref(), Some(batch), "{name}, turn {turn}, {at}");
                }
            }
        }
    }
    let last = folder.path().join(segment_name(4));
    assert!(last.exists(), "the journal has several segments");
    writer.close().unwrap();
}

#[test]
fn what_was_just_written_is_not_read_from_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, _, mut contents, mut writer) = open(folder.path()).unwrap();
    let [mut along, mut alone] = trails(&dir, &writer);
    append(&mut writer, &mut contents, 7);
    wait_for(&mut writer, 7);
    let both = [&mut along, &mut alone].map(next);
    assert!(both.iter().all(|batch| batch.as_ref() == Some(&contents.batches[0])));
    // Whoever looks on the disk now finds nothing behind the first batch.
    let path = folder.path().join(segment_name(1));
    let before = fs::read(&path).unwrap();
    for length in [1, 1, 2, 50] {
        append(&mut writer, &mut contents, length);
        wait_for(&mut writer, contents.last_sequence());
    }
    let after = fs::read(&path).unwrap();
    fs::write(&path, before).unwrap();
    for batch in &contents.batches[1..] {
        assert_eq!(next(&mut along).as_ref(), Some(batch));
    }
    assert_eq!(next(&mut alone), None);
    fs::write(&path, after).unwrap();
    assert_eq!(next(&mut alone).as_ref(), Some(&contents.batches[1]));
    writer.close().unwrap();
}
