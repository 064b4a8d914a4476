//! Commands that were taken in under other rules.

use std::fs;
use std::path::Path;

use crate::support::*;
use ringfence::journal::{
    Anchor, Blocking, DataDir, Directory, JournalError, Options, Position, Reader, Wanted,
    WriteMode, Writer, format, make_segment, recover_from,
};
use ringfence::types::{Capacities, RULES_VERSION, Rules};

/// A journal of two batches that a program with other rules wrote, and stopped cleanly.
fn write_old_journal(path: &Path) {
    fs::create_dir(path).unwrap();
    let files = Directory::new(path, WriteMode::Buffered);
    let header = format::SegmentHeader::new([7; 16], 1, OPTIONS.segment_bytes, None);
    make_segment(&files, header).unwrap();
    let mut block = vec![0; format::SEGMENT_HEADER_BYTES];
    header.write(&mut block);
    let position = Position::beginning(&format::SegmentHeader::read(&block, 1).unwrap());
    let mut writer = Writer::new(Blocking::new(&files, &[1]).unwrap(), position, OPTIONS);
    let mut contents = Contents::default();
    let rules = Rules::new(Capacities::default(), [7, 8]);
    let older = Rules { version: RULES_VERSION + 1, ..rules };
    assert!(writer.append_rules(&older).unwrap());
    for length in [3, 4] {
        let first = contents.last_sequence() + 1;
        assert!(writer.append(first, contents.make_batch(length)).unwrap());
    }
    writer.close().unwrap();
}

/// The places behind each batch of the journal in `dir`.
fn anchors(dir: &DataDir) -> Vec<Anchor> {
    let mut reader = Reader::open_durable(dir.files(), None, None).unwrap();
    let mut anchors = Vec::new();
    while reader.next_entry().unwrap().is_some() {
        anchors.extend(reader.anchor().copied());
    }
    anchors.dedup();
    anchors
}

#[test]
fn commands_under_other_rules_are_refused_unless_a_snapshot_covers_them_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    write_old_journal(&path);
    let before = fs::read(path.join("0000000001.journal")).unwrap();
    let dir = DataDir::open(&path).unwrap();
    let anchors = anchors(&dir);
    assert_eq!(anchors.iter().map(|it| it.last_sequence).collect::<Vec<_>>(), [3, 7]);
    let start = |anchor: Option<&Anchor>| {
        let options: Options = OPTIONS;
        let mut contents = Contents::default();
        recover_from(dir.files(), anchor, &Wanted::default(), &options, |entry| {
            if let ringfence::journal::Entry::Rules(rules) = entry {
                contents.rules.push(rules);
            }
        })
        .map(|recovered| (recovered, contents))
    };
    for anchor in [None, anchors.first()] {
        match start(anchor) {
            Err(JournalError::RulesVersion { journaled, program, .. }) => {
                assert_eq!((journaled, program), (RULES_VERSION + 1, RULES_VERSION));
            }
            other => panic!("from {anchor:?}: {other:?}"),
        }
        assert_eq!(fs::read(path.join("0000000001.journal")).unwrap(), before, "as it was");
    }
    // At the end nothing is left that other rules would answer otherwise: ours hold from here on.
    let (recovered, contents) = start(anchors.last()).unwrap();
    assert_eq!((recovered.last_sequence, recovered.rules.version), (7, RULES_VERSION));
    assert_eq!(contents.rules.len(), 1);
    assert_eq!(contents.rules[0].version, RULES_VERSION);
    // And from the start the old commands are still refused.
    assert!(matches!(start(None), Err(JournalError::RulesVersion { .. })));
    assert!(start(anchors.last()).is_ok());
}
