//! A disk that has no room: nothing stops, nothing is lost or left behind, and it is said once.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use crate::forge;
use crate::support::*;
use ringfence::journal::faulty::{Failure, FaultyDisk, Plan};
use ringfence::journal::{
    Blocking, Completion, Directory, Durability, Files, JournalError, Operation, Options, Reader,
    Recovered, Repaired, RoomNews, Shortage, Storage, Threaded, WITNESS_NAME, Wanted, Witness,
    WriteMode, Writer, recover_files, repair_files,
};

/// A disk on which no segment can be made while it is full: all else goes through.
struct Full<S> {
    storage: S,
    is_full: Rc<Cell<bool>>,
    refused: Vec<Completion>,
    attempts: Rc<Cell<usize>>,
}

impl<S: Storage> Storage for Full<S> {
    fn submit(&mut self, ticket: u64, operation: Operation) {
        match operation {
            Operation::Prepare(header) if self.is_full.get() => {
                self.attempts.set(self.attempts.get() + 1);
                let result = Err(JournalError::NoRoom {
                    path: format!("{:010}.journal.new", header.segment).into(),
                    needed_bytes: header.segment_bytes,
                    free_bytes: Some(4096),
                    source: io::ErrorKind::StorageFull.into(),
                });
                self.refused.push(Completion { ticket, buffer: None, result });
            }
            other => self.storage.submit(ticket, other),
        }
    }

    fn note(&mut self, witness: &Witness) {
        self.storage.note(witness);
    }

    fn begin(&mut self) {
        self.storage.begin();
    }

    fn complete(&mut self) -> Option<Completion> {
        self.refused.pop().or_else(|| self.storage.complete())
    }

    fn wait(&mut self) {
        if self.refused.is_empty() {
            self.storage.wait();
        }
    }

    fn describe(&self) -> String {
        self.storage.describe()
    }
}

/// A journal that is written on a disk which becomes full.
struct Scene<S: Storage> {
    writer: Writer<Full<S>>,
    contents: Contents,
    is_full: Rc<Cell<bool>>,
    attempts: Rc<Cell<usize>>,
}

impl<S: Storage> Scene<S> {
    fn new(storage: S, recovered: &Recovered, options: Options) -> Scene<S> {
        let (is_full, attempts) = (Rc::new(Cell::new(true)), Rc::<Cell<usize>>::default());
        let storage = Full {
            storage,
            is_full: Rc::clone(&is_full),
            refused: Vec::new(),
            attempts: Rc::clone(&attempts),
        };
        let writer = Writer::new(storage, recovered.position, options);
        Scene { writer, contents: Contents::default(), is_full, attempts }
    }

    /// Appends batches until one does not find room, and has all of them released.
    fn fill(&mut self) {
        loop {
            let first = self.contents.last_sequence() + 1;
            let mut next = self.contents.clone();
            let batch = next.make_batch(100).to_vec();
            let begun = Instant::now();
            while !self.writer.append(first, &batch[..]).unwrap() {
                self.writer.poll().unwrap();
                self.writer.wait();
                if self.writer.shortage() == Some(Shortage::Now) && self.writer.is_drained() {
                    let released = self.writer.poll().unwrap();
                    assert_eq!(released, self.contents.last_sequence(), "nothing is held back");
                    return;
                }
                assert!(begun.elapsed() < Duration::from_secs(60), "it waits for something else");
            }
            self.contents = next;
            self.writer.poll().unwrap();
        }
    }

    fn news(&self) -> Vec<RoomNews> {
        let news = self.writer.room_news();
        std::iter::from_fn(|| news.pop()).collect()
    }

    /// Goes on until the segment was made that could not be made before.
    fn wait_for_room(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.writer.shortage().is_some() {
            assert!(Instant::now() < deadline, "it is not tried again");
            self.writer.poll().unwrap();
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn options(durability: Durability) -> Options {
    Options { durability, ..OPTIONS }
}

fn begin(files: &Directory, options: &Options) -> Recovered {
    recover_files(files, &Wanted::default(), options, |_| ()).unwrap()
}

fn contents_of(files: &Directory) -> Contents {
    let mut reader = Reader::open_to_end(files, None, None).unwrap();
    let mut contents = Contents::default();
    while let Some(entry) = reader.next_entry().unwrap() {
        contents.take_in(entry);
    }
    contents
}

fn batches_wait_and_go_on<S: Storage>(
    durability: Durability,
    storage: impl Fn(&Directory, &Recovered) -> S,
) {
    let folder = tempfile::tempdir().unwrap();
    let files = Directory::new(folder.path(), WriteMode::Buffered);
    let options = options(durability);
    let recovered = begin(&files, &options);
    let mut scene = Scene::new(storage(&files, &recovered), &recovered, options);
    scene.fill();
    // The segment was filled to less than one more batch, and all in it is there to read.
    let room = files.names().unwrap();
    assert!(!room.iter().any(|name| name.starts_with("0000000002")), "{room:?}");
    // Each batch may be a group of its own, padded to whole blocks: 12,864 bytes to 16,384.
    assert!(scene.contents.last_sequence() * 128 > OPTIONS.segment_bytes * 7 / 10);
    assert_eq!(contents_of(&files).batches, scene.contents.batches);
    let news = scene.news();
    let [RoomNews::Short { error, left_bytes }, RoomNews::Full] = &news[..] else {
        panic!("{news:?}");
    };
    assert!(error.to_string().contains("0000000002.journal.new"), "{error}");
    assert!(*left_bytes > 0 && *left_bytes < OPTIONS.segment_bytes);

    // It is asked for again, now and then, and not in a loop; nothing is told a second time.
    let (attempts, begun) = (scene.attempts.get(), Instant::now());
    while begun.elapsed() < Duration::from_millis(2_500) {
        scene.writer.idle().unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    let more = scene.attempts.get() - attempts;
    assert!((1..=3).contains(&more), "{more} attempts in {:?}", begun.elapsed());
    assert_eq!(scene.news().len(), 0);

    // There is room: it goes on, and says so.
    scene.is_full.set(false);
    scene.wait_for_room();
    assert!(matches!(scene.news()[..], [RoomNews::Found]));
    for _ in 0..3 {
        append(&mut scene.writer, &mut scene.contents, 1_000);
    }
    let Scene { writer, contents, .. } = scene;
    writer.close().unwrap();
    let found = contents_of(&files);
    assert_eq!(found.batches, contents.batches);
    assert_eq!(found.marks.last(), Some(&contents.last_sequence()));
}

#[test]
fn without_room_for_the_next_segment_batches_wait_and_go_on_when_there_is_some() {
    for durability in [Durability::Sync, Durability::Async] {
        batches_wait_and_go_on(durability, |files, recovered| {
            Blocking::new(files, &[recovered.position.segment]).unwrap()
        });
        batches_wait_and_go_on(durability, |files, recovered| {
            Threaded::start(files, &recovered.position, &no_waker(), "threads".into()).unwrap()
        });
    }
}

#[test]
fn a_writer_without_room_closes_cleanly_and_nothing_is_missing_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let files = Directory::new(folder.path(), WriteMode::Buffered);
    let recovered = begin(&files, &OPTIONS);
    let storage = Blocking::new(&files, &[recovered.position.segment]).unwrap();
    let mut scene = Scene::new(storage, &recovered, OPTIONS);
    scene.fill();
    let Scene { mut writer, mut contents, .. } = scene;
    // Not even room for a closing frame is left.
    let mut is_over = false;
    while !is_over {
        let first = contents.last_sequence() + 1;
        let mut next = contents.clone();
        let batch = next.make_batch(1).to_vec();
        match writer.append(first, &batch[..]).unwrap() {
            true => contents = next,
            false => is_over = writer.is_drained(),
        }
        writer.poll().unwrap();
    }
    writer.close().unwrap();
    let mut found = Contents::default();
    recover_files(&files, &Wanted::default(), &OPTIONS, |entry| found.take_in(entry)).unwrap();
    assert_eq!(found.batches, contents.batches);
    // The witness says where it ended: what is missing from then on is damage.
    let path = folder.path().join("0000000001.journal");
    let mut bytes = std::fs::read(&path).unwrap();
    let end = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    bytes[end - 8192..].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let refused = recover_files(&files, &Wanted::default(), &OPTIONS, |_| ()).err().unwrap();
    assert!(matches!(refused, JournalError::Damaged { .. }), "{refused}");
}

#[test]
fn a_failure_that_is_no_lack_of_room_still_stops_the_writer_when_the_segment_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let files = Directory::new(folder.path(), WriteMode::Buffered);
    let recovered = begin(&files, &OPTIONS);
    let storage = Blocking::new(&files, &[recovered.position.segment]).unwrap();
    let mut scene = Scene::new(storage, &recovered, OPTIONS);
    scene.fill();
    // Room comes back, and a directory stands in the segment's place.
    std::fs::create_dir(folder.path().join("0000000002.journal.new")).unwrap();
    scene.is_full.set(false);
    let deadline = Instant::now() + Duration::from_secs(60);
    let error = loop {
        assert!(Instant::now() < deadline, "it goes on without a next segment");
        if let Err(error) = scene.writer.poll() {
            break error;
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert!(error.to_string().contains("0000000002.journal.new"), "{error}");
}

/// Names that only something unfinished has.
fn unfinished(disk: &FaultyDisk) -> Vec<String> {
    let names = disk.steady().names().unwrap();
    names.into_iter().filter(|name| name.ends_with(".new")).collect()
}

/// A call for which the disk has no room.
fn no_room_at(call: u64) -> Plan {
    let failure = Failure { at: call, lasts: false, errno: libc::ENOSPC };
    Plan { failure: Some(failure), ..Plan::default() }
}

/// A journal of several segments, closed.
fn closed_journal(disk: &FaultyDisk) -> Contents {
    let recovered = recover_files(disk, &Wanted::default(), &OPTIONS, |_| ()).unwrap();
    let storage = Blocking::new(disk, &[recovered.position.segment]).unwrap();
    let mut writer = Writer::new(storage, recovered.position, OPTIONS);
    let mut contents = Contents::default();
    for length in [10, 8192, 8192, 8192, 5] {
        append(&mut writer, &mut contents, length);
    }
    writer.close().unwrap();
    contents
}

#[test]
fn a_start_that_finds_no_room_leaves_nothing_behind_and_the_next_one_goes_on() {
    let journal = FaultyDisk::new(5);
    let contents = closed_journal(&journal);
    // A tail, so that something is kept and cut; no witness, so that one is made.
    journal.damage("0000000003.journal", |bytes| {
        let end = forge::frames(bytes).last().unwrap().end;
        bytes[end + 5] = 1;
    });
    journal.take_away(WITNESS_NAME);
    let larger = Wanted { accounts: Some(1 << 21), ..Wanted::default() };
    let mut refused = 0;
    for (what, begun, batches) in [("new", FaultyDisk::new(6), 0), ("old", journal, 5)] {
        for call in 1.. {
            let disk = begun.copy();
            disk.plan(no_room_at(call));
            let first = recover_files(&disk, &larger, &OPTIONS, |_| ());
            if !disk.has_failed() {
                break;
            }
            disk.plan(Plan::default());
            assert_eq!(unfinished(&disk), [""; 0], "{what}, call {call}");
            refused += usize::from(first.is_err());
            let mut found = Contents::default();
            let again = recover_files(&disk, &larger, &OPTIONS, |entry| found.take_in(entry));
            again.unwrap_or_else(|error| panic!("{what}, call {call}: {error}"));
            assert_eq!(found.batches, contents.batches[..batches], "{what}, call {call}");
        }
    }
    assert!(refused > 40, "{refused}");
}

#[test]
fn a_repair_that_finds_no_room_leaves_nothing_behind_and_says_the_same_when_it_is_begun_again() {
    let journal = FaultyDisk::new(7);
    let contents = closed_journal(&journal);
    let acknowledged = contents.last_sequence();
    journal.damage("0000000001.journal", |bytes| bytes[4096 + 4096] ^= 1);
    let disk = journal.copy();
    let whole = repair_files(&disk.buffered(), None).unwrap();
    let repaired = disk.bytes("0000000001.journal");
    assert_eq!(whole.acknowledged_sequence, acknowledged);
    let says = |it: &Repaired| (it.last_sequence, it.acknowledged_sequence);
    let (mut refused, mut written_over) = (0, 0);
    for call in 1.. {
        let disk = journal.copy();
        disk.plan(no_room_at(call));
        let first = repair_files(&disk.buffered(), None);
        if !disk.has_failed() {
            break;
        }
        disk.plan(Plan::default());
        assert_eq!(unfinished(&disk), [""; 0], "call {call}");
        let Err(error) = first else {
            // There was no room beside the segment, and so it was written over.
            written_over += 1;
            assert_eq!(says(&first.unwrap()), says(&whole), "call {call}");
            assert!(disk.bytes("0000000001.journal") == repaired, "call {call}");
            continue;
        };
        refused += 1;
        assert!(error.is_for_room(), "call {call}: {error}");
        let again = repair_files(&disk.buffered(), None);
        let again = again.unwrap_or_else(|error| panic!("call {call}: {error}"));
        assert_eq!(says(&again), says(&whole), "call {call}");
    }
    assert!(refused > 20, "{refused}");
    assert!(written_over > 3, "{written_over}");
}
