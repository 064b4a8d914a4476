//! The layout of the outcome log never changes by accident: a small one, byte for byte.
//!
//! `RINGFENCE_BLESS=1` writes the file anew.

use std::fs;
use std::path::{Path, PathBuf};

use ringfence::journal::outcomes::{Frame, Log, LogEntry, LogReader, log_name};
use ringfence::types::{Event, EventKind, Op, Origin, Outcome, Request, Status};

const ID: [u8; 16] = *b"0123456789abcdef";

fn golden_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/outcomes-2.bin")
}

/// Two frames: a batch without an origin, one with an origin that goes on in the second frame.
fn entries() -> Vec<LogEntry> {
    let request = Request { session: 0x1111, tag: 0x2222, number: 0x3333, ..Request::NONE };
    let outcome = |sequence: u64| Outcome {
        id: 0x1000 + u128::from(sequence),
        timestamp: 0x2000 + sequence,
        status: Status::Ok as u16,
        op: Op::CreateTransfer as u8,
        detail: [1, 2, 3, 4],
        ..Outcome::default()
    };
    let mut event = Event { sequence: 3, timestamp: 0x2003, number: 1, ..Event::default() };
    event.kind = EventKind::TransferExpired as u8;
    vec![
        LogEntry::Outcome(1, outcome(1)),
        LogEntry::Outcome(2, outcome(2)),
        LogEntry::Origin(Origin {
            request,
            first_sequence: 3,
            first_timestamp: 0x2003,
            commands: 2,
            op: Op::CreateTransfer as u8,
            ..Origin::default()
        }),
        LogEntry::Event(event),
        LogEntry::Outcome(3, outcome(3)),
        LogEntry::Outcome(4, outcome(4)),
    ]
}

fn write(dir: &Path) {
    let mut log = Log::new(dir, ID);
    log.set_final(true);
    let mut frame = Frame::new();
    for entry in entries() {
        match entry {
            LogEntry::Origin(origin) => {
                frame.origin(&origin);
            }
            LogEntry::Event(event) => frame.event(&event),
            LogEntry::Outcome(sequence, outcome) => {
                frame.outcome(sequence, &outcome);
                if sequence >= 3 {
                    log.append(&frame).unwrap();
                    let unfinished = frame.unfinished();
                    frame.clear();
                    unfinished.inspect(|origin| frame.begin_within(origin));
                }
            }
        }
    }
}

#[test]
fn the_layout_is_that_of_the_golden_file() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let written = fs::read(folder.path().join(log_name(1))).unwrap();
    if std::env::var_os("RINGFENCE_BLESS").is_some() {
        fs::write(golden_path(), &written).unwrap();
    }
    let golden = fs::read(golden_path()).unwrap();
    assert_eq!(golden.len(), written.len());
    for (offset, (golden, written)) in golden.iter().zip(&written).enumerate() {
        assert_eq!(golden, written, "byte {offset}");
    }
}

#[test]
fn the_golden_file_is_still_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(golden_path(), folder.path().join(log_name(1))).unwrap();
    let mut reader = LogReader::open(folder.path(), ID).unwrap();
    let read: Vec<LogEntry> = std::iter::from_fn(|| reader.next_entry().unwrap()).collect();
    assert_eq!(read, entries());
}
