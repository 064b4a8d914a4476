//! What is written is read again.

use crate::support::*;
use ringfence::journal::{DataDir, Durability, JournalError, Options, Reader, Wanted};

#[test]
fn what_was_written_is_read_and_recovered() {
    for durability in [Durability::Sync, Durability::Async] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let options = Options { durability, ..OPTIONS };
        let (dir, recovered, mut contents, mut writer) =
            open_with(&path, &Wanted::default(), options).unwrap();
        assert!(recovered.is_new);
        for length in [1, 2, 31, 32, 33, 8189, 8192, 8192, 1, 4000, 8191, 64, 65] {
            append(&mut writer, &mut contents, length);
        }
        wait_for(&mut writer, contents.last_sequence());
        writer.close().unwrap();
        drop(dir);

        let read = read(&path).unwrap();
        assert_eq!(read.batches, contents.batches, "{durability:?}");
        assert_eq!((read.requests.len(), &read.requests), (4, &contents.requests));
        assert_eq!(read.rules, [recovered.rules]);
        assert_eq!(read.marks.last(), Some(&contents.last_sequence()));
        let (_dir, again, recovered_contents, _writer) = open(&path).unwrap();
        assert_eq!(recovered_contents.batches, contents.batches);
        assert_eq!(recovered_contents.requests, contents.requests);
        assert_eq!(again.rules, recovered.rules);
        assert_eq!(again.last_sequence, contents.last_sequence());
        assert_eq!(again.notes, [""; 0]);
    }
}

#[test]
fn a_journal_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Contents::default();
    for round in 1..=20 {
        let (_dir, recovered, mut contents, mut writer) = open(folder.path()).unwrap();
        assert_eq!(contents.batches, expected.batches, "round {round}");
        assert_eq!(recovered.last_sequence, expected.last_sequence());
        for length in [round, 1, 400 * round] {
            append(&mut writer, &mut contents, length);
        }
        writer.close().unwrap();
        expected = contents;
    }
    assert_eq!(read(folder.path()).unwrap().batches, expected.batches);
}

#[test]
fn a_journal_that_is_dropped_without_being_closed_keeps_what_was_released() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, _, mut contents, mut writer) = open(folder.path()).unwrap();
    append(&mut writer, &mut contents, 100);
    append(&mut writer, &mut contents, 3);
    wait_for(&mut writer, 103);
    drop((writer, dir));
    let (_, recovered, found, _) = open(folder.path()).unwrap();
    assert_eq!(found.batches, contents.batches);
    assert_eq!(recovered.last_sequence, 103);
}

#[test]
fn tables_grow_at_a_later_start_and_never_shrink() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = Wanted { accounts: Some(1000), ..Wanted::default() };
    let (dir, first, _, writer) = open_with(folder.path(), &wanted, OPTIONS).unwrap();
    writer.close().unwrap();
    drop(dir);
    assert_eq!(first.rules.capacities.accounts, 1000);

    let (dir, kept, _, writer) = open(folder.path()).unwrap();
    writer.close().unwrap();
    drop(dir);
    assert_eq!(kept.rules, first.rules, "without the option the journal's value holds");

    let shorter = Wanted { accounts: Some(1001), retention_ns: Some(5), ..Wanted::default() };
    let refused = open_with(folder.path(), &shorter, OPTIONS).err().unwrap();
    assert!(
        matches!(refused, JournalError::ShorterRetention { wanted: 5, journaled: 0, .. }),
        "{refused}"
    );
    let wanted = Wanted { shortens_retention: true, ..shorter };
    let (dir, grown, contents, writer) = open_with(folder.path(), &wanted, OPTIONS).unwrap();
    writer.close().unwrap();
    drop(dir);
    assert_eq!(contents.rules, [first.rules, grown.rules], "the new record is given out too");
    assert_eq!((grown.rules.capacities.accounts, grown.rules.retention_ns), (1001, 5));
    assert_eq!(grown.rules.hash_key, first.rules.hash_key);

    let wanted = Wanted { accounts: Some(1000), ..Wanted::default() };
    let refused = open_with(folder.path(), &wanted, OPTIONS).err().unwrap();
    assert!(
        matches!(
            refused,
            JournalError::SmallerCapacity { wanted: 1000, journaled: 1001, name: "--accounts", .. }
        ),
        "{refused}"
    );
    assert_eq!(read(folder.path()).unwrap().rules, [first.rules, grown.rules]);
}

#[test]
fn a_second_engine_is_refused_and_a_reader_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, _, mut contents, mut writer) = open(folder.path()).unwrap();
    let refused = DataDir::open(folder.path()).err().unwrap();
    assert!(matches!(refused, JournalError::InUse { .. }), "{refused}");

    let reading = DataDir::open_to_read(folder.path()).unwrap();
    assert!(reading.is_held().unwrap());
    append(&mut writer, &mut contents, 10);
    wait_for(&mut writer, 10);
    // The sync that made the first ten durable is not yet written down anywhere.
    assert_eq!(read(folder.path()).unwrap().last_sequence(), 0);
    while !writer.is_drained() || Reader::open(&reading, None).unwrap().limit() != Some(10) {
        writer.idle().unwrap();
        writer.wait();
    }
    assert_eq!(read(folder.path()).unwrap().batches, contents.batches);
    append(&mut writer, &mut contents, 5);
    wait_for(&mut writer, 15);
    assert_eq!(read(folder.path()).unwrap().last_sequence(), 10);

    writer.close().unwrap();
    drop(dir);
    assert!(!reading.is_held().unwrap());
    assert_eq!(read(folder.path()).unwrap().batches, contents.batches);
}

#[test]
fn a_data_directory_is_made_only_inside_one_that_exists_and_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("no/such");
    assert!(matches!(DataDir::open(&deep), Err(JournalError::NoParent { .. })));
    assert!(!folder.path().join("no").exists());

    let path = folder.path().join("data");
    write_journal(&path, &[1]);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in std::fs::read_dir(&path).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn a_directory_of_other_things_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letters.txt"), "dear").unwrap();
    let refused = DataDir::open(folder.path()).err().unwrap();
    assert!(matches!(refused, JournalError::NotAJournal { .. }), "{refused}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let file = folder.path().join("letters.txt");
    assert!(matches!(DataDir::open(&file), Err(JournalError::NotAJournal { .. })));
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(DataDir::open_to_read(empty.path()), Err(JournalError::NotAJournal { .. })));
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
}
