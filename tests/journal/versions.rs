//! Journals of another format, commands that were taken in under other rules, and batches that say
//! of themselves what cannot be.

use std::fs;
use std::path::Path;

use crate::forge;
use crate::support::*;
use ringfence::journal::{
    Anchor, Blocking, DataDir, Directory, Fault, JournalError, Options, Position, Reader, Wanted,
    WriteMode, Writer, format, inspect, make_segment, recover_from, repair,
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

/// What whoever reads, starts, checks or repairs the journal in `path` says.
fn refusals(path: &Path) -> Vec<JournalError> {
    vec![
        open(path).err().unwrap(),
        read(path).unwrap_err(),
        inspect(&DataDir::open_to_read(path).unwrap(), None, |_| ()).unwrap_err(),
        repair(&DataDir::open(path).unwrap(), None).unwrap_err(),
    ]
}

#[test]
fn a_journal_of_another_format_is_refused_by_name_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_journal(path, &[3, 8192, 8192]);
    let names: Vec<_> = (1..=3).map(|number| path.join(format!("{number:010}.journal"))).collect();
    let good: Vec<Vec<u8>> = names.iter().map(|name| fs::read(name).unwrap()).collect();
    let write = |segments: &[Vec<u8>]| {
        for (name, bytes) in names.iter().zip(segments) {
            fs::write(name, bytes).unwrap();
        }
    };
    //  version of the format, and the segments that have it
    let cases = [(2, 0..3), (4, 0..3), (4, 2..3), (0, 0..1)];
    for (version, others) in cases {
        let first = others.start;
        let mut segments = good.clone();
        for segment in &mut segments[others] {
            segment[8] = version;
            forge::make_header_sum_true(segment);
        }
        write(&segments);
        for refused in refusals(path) {
            let text = format!(
                "{} is of format {version}; this program reads format 3",
                names[first].display()
            );
            assert_eq!(refused.to_string(), text);
        }
        for (name, bytes) in names.iter().zip(&segments) {
            assert!(&fs::read(name).unwrap() == bytes, "format {version}: it was changed");
        }
    }
    // With a wrong checksum it is no format, but damage.
    let mut segments = good.clone();
    segments[0][8] = 2;
    write(&segments);
    for refused in refusals(path) {
        assert!(matches!(refused, JournalError::Damaged { offset: 0, .. }), "{refused}");
    }
    write(&good);
    assert_eq!(read(path).unwrap().batches.len(), 3);
}

#[test]
fn a_batch_that_says_of_itself_what_cannot_be_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_journal(path, &[1, 2, 3, 4]);
    let name = path.join("0000000001.journal");
    let good = fs::read(&name).unwrap();
    let of_request = |frame: &std::ops::Range<usize>| good[frame.start + 47] == 5;
    let frame = forge::frames(&good).into_iter().find(of_request).unwrap();
    //  name, bytes of the record, what is written over them
    let cases = [
        ("nothing", 0..40, 0),
        ("a number without a session", 0..16, 0),
        ("a session without a number", 32..40, 0),
        ("a reserved byte", 40..41, 1),
        ("the last reserved byte", 63..64, 128),
    ];
    for (what, range, byte) in cases {
        let mut segments = [good.clone(), fs::read(path.join("0000000002.journal")).unwrap()];
        segments[0][frame.start + 64..][range].fill(byte);
        forge::make_sums_true(&mut segments);
        fs::write(&name, &segments[0]).unwrap();
        for refused in [open(path).err().unwrap(), read(path).unwrap_err()] {
            match refused {
                JournalError::Damaged { offset, fault: Fault::Field { name, .. }, .. } => {
                    assert_eq!((offset, name), (frame.start as u64, "request"), "{what}");
                }
                other => panic!("{what}: {other:?}"),
            }
        }
    }
    // A tag alone may be there: it is of a session without a name.
    let mut segments = [good.clone(), fs::read(path.join("0000000002.journal")).unwrap()];
    segments[0][frame.start + 64..frame.start + 80].fill(0);
    segments[0][frame.start + 96..frame.start + 104].fill(0);
    forge::make_sums_true(&mut segments);
    fs::write(&name, &segments[0]).unwrap();
    let [(4, request)] = read(path).unwrap().requests[..] else { panic!("one request") };
    assert!(!request.is_named() && request.tag != 0);
}
