//! The ring on a real disk.

use std::fs;
use std::thread;

use super::super::data_dir::DataDir;
use super::super::directory::WriteMode;
use super::super::files::{Access, OpenFile};
use super::super::format::{BLOCK_BYTES, SegmentHeader};
use super::super::segments::make_segment;
use super::*;

const SEGMENT_BYTES: u64 = 2 * 1024 * 1024;

/// A ring over a fresh segment 1; `None` where the system has none.
fn start(folder: &tempfile::TempDir) -> Option<(DataDir, Uring)> {
    let dir = DataDir::open(&folder.path().join("data")).unwrap();
    if dir.write_mode() != WriteMode::Direct {
        eprintln!("there are no direct writes here: nothing to try");
        return None;
    }
    let header = SegmentHeader::new([7; 16], 1, SEGMENT_BYTES, None);
    make_segment(dir.files(), header).unwrap();
    let waker: Waker = Arc::new(|| {});
    match Uring::start(dir.files(), &Position::beginning(&header), &waker) {
        Ok(uring) => Some((dir, uring)),
        Err(error) => {
            eprintln!("{error}: nothing to try");
            None
        }
    }
}

fn write(offset: u64, fill: u8) -> Operation {
    let mut buffer = Buffer::new(BLOCK_BYTES);
    buffer.bytes_mut().fill(fill);
    Operation::Write { segment: 1, offset, buffer, bytes: BLOCK_BYTES, durable: true }
}

fn block(dir: &DataDir, index: usize) -> Vec<u8> {
    let bytes = fs::read(dir.files().path(&segment_name(1))).unwrap();
    bytes[index * BLOCK_BYTES..][..BLOCK_BYTES].to_vec()
}

#[test]
fn what_a_thread_began_completes_after_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let Some((dir, mut uring)) = start(&folder) else { return };
    let mut uring = thread::spawn(move || {
        for ticket in 1..=20 {
            uring.submit(ticket, write(ticket * BLOCK_BYTES as u64, ticket as u8));
        }
        uring.submit(21, Operation::Sync { segment: 1 });
        uring.begin();
        uring
    })
    .join()
    .unwrap();
    let mut tickets = Vec::new();
    while tickets.len() < 21 {
        uring.wait();
        while let Some(completion) = uring.complete() {
            completion.result.unwrap();
            assert_eq!(completion.buffer.is_some(), completion.ticket != 21);
            tickets.push(completion.ticket);
        }
    }
    tickets.sort_unstable();
    assert_eq!(tickets, (1..=21).collect::<Vec<u64>>());
    for index in 1..=20 {
        assert_eq!(block(&dir, index), [index as u8; BLOCK_BYTES], "block {index}");
    }
}

#[test]
fn what_was_asked_for_is_done_before_the_storage_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let Some((dir, mut uring)) = start(&folder) else { return };
    uring.submit(1, write(BLOCK_BYTES as u64, 1));
    uring.begin();
    uring.submit(2, write(2 * BLOCK_BYTES as u64, 2));
    // The file is named by an entry that the kernel has not seen yet: it must stay open.
    uring.submit(3, Operation::Release { segment: 1 });
    drop(uring);
    assert_eq!(block(&dir, 1), [1; BLOCK_BYTES]);
    assert_eq!(block(&dir, 2), [2; BLOCK_BYTES]);
}

#[test]
fn a_write_that_fails_names_its_file_and_offset() {
    let folder = tempfile::tempdir().unwrap();
    let Some((dir, mut uring)) = start(&folder) else { return };
    // Not at a block's boundary, which direct writes may not be.
    uring.submit(9, write(BLOCK_BYTES as u64 + 100, 1));
    uring.begin();
    uring.wait();
    let completion = uring.complete().unwrap();
    assert_eq!(completion.ticket, 9);
    assert!(completion.buffer.is_some());
    let JournalError::Io { operation, path, offset, .. } = completion.result.unwrap_err() else {
        panic!("it is an error of the system");
    };
    assert_eq!((operation, offset), ("write", Some(BLOCK_BYTES as u64 + 100)));
    assert_eq!(path, dir.files().path(&segment_name(1)));
    assert!(uring.complete().is_none());
}

#[test]
fn only_the_buffers_of_this_ring_are_written_as_registered_ones() {
    let folder = tempfile::tempdir().unwrap();
    let Some((dir, mut uring)) = start(&folder) else { return };
    let mut own = [Buffer::new(BLOCK_BYTES), Buffer::new(BLOCK_BYTES)];
    uring.register(&mut own);
    let [mut first, second] = own;
    first.bytes_mut().fill(1);
    drop(second);
    // As if registered as the second one, with another ring.
    let mut foreign = Buffer::new(BLOCK_BYTES);
    foreign.bytes_mut().fill(2);
    foreign.set_registration(Registration { storage: uring.id + 1, index: 1 });
    for (ticket, buffer) in [(1, first), (2, foreign)] {
        let offset = ticket * BLOCK_BYTES as u64;
        let bytes = BLOCK_BYTES;
        uring.submit(ticket, Operation::Write { segment: 1, offset, buffer, bytes, durable: true });
    }
    uring.begin();
    for _ in 0..2 {
        uring.wait();
        uring.complete().unwrap().result.unwrap();
    }
    assert_eq!(block(&dir, 1), [1; BLOCK_BYTES]);
    assert_eq!(block(&dir, 2), [2; BLOCK_BYTES]);
    assert_eq!(
        dir.files().open(&segment_name(1), Access::Read).unwrap().length_bytes().unwrap(),
        SEGMENT_BYTES
    );
}
