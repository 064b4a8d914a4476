//! The layout of the files never changes by accident: a small journal, byte for byte.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::*;
use ringfence::journal::format::{SEGMENT_HEADER_BYTES, SegmentHeader};
use ringfence::journal::{
    Blocking, DataDir, Directory, Position, WriteMode, Writer, inspect, make_segment,
};
use ringfence::types::{Capacities, Rules};

fn golden_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/journal-3.bin")
}

/// Writes the journal of `docs/journal.md`'s example, and returns what it holds.
fn write_example(path: &Path) -> Contents {
    let files = Directory::new(path, WriteMode::Buffered);
    let journal_id = *b"0123456789abcdef";
    let bytes = OPTIONS.segment_bytes;
    let header = SegmentHeader::new(journal_id, 1, bytes, None);
    make_segment(&files, header).unwrap();
    let mut block = vec![0; SEGMENT_HEADER_BYTES];
    header.write(&mut block);
    let position = Position::beginning(&SegmentHeader::read(&block, 1).unwrap());
    let storage = Blocking::new(&files, &[1]).unwrap();
    let mut writer = Writer::new(storage, position, OPTIONS);
    let mut contents = Contents::default();
    contents.rules.push(Rules::new(Capacities::default(), [7, 8]));
    assert!(writer.append_rules(&contents.rules[0]).unwrap());
    for length in [1, 2] {
        let first = contents.last_sequence() + 1;
        assert!(writer.append(first, contents.make_batch(length)).unwrap());
    }
    append(&mut writer, &mut contents, 2);
    assert_eq!(contents.requests.len(), 1);
    writer.close().unwrap();
    contents
}

#[test]
fn the_layout_is_that_of_the_golden_file() {
    let folder = tempfile::tempdir().unwrap();
    write_example(folder.path());
    let dir = DataDir::open_to_read(folder.path()).unwrap();
    let end = SEGMENT_HEADER_BYTES as u64 + inspect(&dir, None, |_| ()).unwrap().frame_bytes;
    let written = fs::read(folder.path().join("0000000001.journal")).unwrap();
    let written = &written[..end as usize];
    if std::env::var_os("RINGFENCE_BLESS").is_some() {
        fs::write(golden_path(), written).unwrap();
    }
    let golden = fs::read(golden_path()).unwrap();
    assert_eq!(golden.len(), written.len());
    for (offset, (golden, written)) in golden.iter().zip(written).enumerate() {
        assert_eq!(golden, written, "byte {offset}");
    }
}

#[test]
fn the_golden_file_is_still_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut contents = write_example(folder.path());
    let mut golden = fs::read(golden_path()).unwrap();
    golden.resize(OPTIONS.segment_bytes as usize, 0);
    fs::remove_file(folder.path().join("0000000002.journal")).unwrap();
    fs::write(folder.path().join("0000000001.journal"), golden).unwrap();
    let (_dir, recovered, found, _writer) = open(folder.path()).unwrap();
    contents.marks.push(5);
    assert_eq!(found, contents);
    assert_eq!(recovered.rules.hash_key, [7, 8]);
    assert_eq!(recovered.notes, [""; 0]);
}
