//! Journals to try things on.

use std::path::Path;
use std::sync::Arc;

use ringfence::journal::{
    Backend, DataDir, Disk, Durability, Entry, JournalError, Options, Reader, Recovered, Storage,
    Waker, Wanted, Writer, recover,
};
use ringfence::types::{Command, Request, Rules, Transfer, stamp_batch};

/// Small segments, so that every test has several.
pub const OPTIONS: Options =
    Options { segment_bytes: 2 * 1024 * 1024, durability: Durability::Sync, key: None };

/// Everything that a journal holds, kept.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Contents {
    pub rules: Vec<Rules>,
    pub batches: Vec<Vec<Command>>,
    pub marks: Vec<u64>,
    /// What batches say of themselves, with the sequence of their first command.
    pub requests: Vec<(u64, Request)>,
}

impl Contents {
    pub fn take_in(&mut self, entry: Entry<'_>) {
        match entry {
            Entry::Rules(rules) => self.rules.push(rules),
            Entry::Batch { request, first_sequence, first_timestamp, commands } => {
                if !request.is_none() {
                    self.requests.push((first_sequence, request));
                }
                assert_eq!(first_sequence, self.last_sequence() + 1);
                assert_eq!(first_timestamp, commands[0].header.timestamp);
                self.batches.push(commands.to_vec());
            }
            Entry::Mark { durable_sequence } => self.marks.push(durable_sequence),
        }
    }

    pub fn last_sequence(&self) -> u64 {
        self.batches.iter().map(|batch| batch.len() as u64).sum()
    }

    /// What the next batch says of itself: every third says something.
    fn next_request(&mut self) -> Request {
        if self.batches.len() % 3 != 2 {
            return Request::NONE;
        }
        let first = self.last_sequence() + 1;
        let (session, tag) = (1 << 127 | u128::from(first % 5), u128::MAX - u128::from(first));
        let request = Request { session, tag, number: first, reserved: 0 };
        self.requests.push((first, request));
        request
    }

    fn last_timestamp(&self) -> u64 {
        self.batches.last().map_or(0, |batch| batch[batch.len() - 1].header.timestamp)
    }

    /// Adds a batch of transfers whose fields follow from their sequences.
    pub fn make_batch(&mut self, length: usize) -> &[Command] {
        let first = self.last_sequence() + 1;
        let mut batch: Vec<Command> = (first..first + length as u64)
            .map(|sequence| {
                let transfer = Transfer {
                    id: u128::from(sequence),
                    amount: u128::from(sequence) << 64 | 0x5555,
                    ..Transfer::default()
                };
                Command::create_transfer(transfer)
            })
            .collect();
        stamp_batch(&mut batch, self.last_timestamp(), 1_000);
        self.batches.push(batch);
        self.batches.last().unwrap()
    }
}

pub fn no_waker() -> Waker {
    Arc::new(|| {})
}

pub type DiskWriter = Writer<Disk>;

/// Opens the journal at `path` to write; what it held.
pub fn open(path: &Path) -> Result<(DataDir, Recovered, Contents, DiskWriter), JournalError> {
    open_with(path, &Wanted::default(), OPTIONS)
}

pub fn open_with(
    path: &Path,
    wanted: &Wanted,
    options: Options,
) -> Result<(DataDir, Recovered, Contents, DiskWriter), JournalError> {
    open_as(path, None, wanted, options)
}

/// As [`open_with`], written by one backend.
pub fn open_as(
    path: &Path,
    backend: Option<Backend>,
    wanted: &Wanted,
    options: Options,
) -> Result<(DataDir, Recovered, Contents, DiskWriter), JournalError> {
    let dir = DataDir::open_with(path, backend)?;
    let mut contents = Contents::default();
    let recovered = recover(&dir, wanted, &options, |entry| contents.take_in(entry))?;
    let writer = Writer::open(&dir, &recovered, options, &no_waker())?;
    Ok((dir, recovered, contents, writer))
}

/// Appends a batch, waiting for room.
pub fn append<S: Storage>(writer: &mut Writer<S>, contents: &mut Contents, length: usize) {
    let first = contents.last_sequence() + 1;
    let request = contents.next_request();
    let batch = contents.make_batch(length);
    while !writer.append_request(first, batch, &request).unwrap() {
        writer.poll().unwrap();
        writer.wait();
    }
    writer.poll().unwrap();
}

/// Appends a batch for which there is room, and does not have it written yet.
pub fn append_at_once<S: Storage>(writer: &mut Writer<S>, contents: &mut Contents, length: usize) {
    let first = contents.last_sequence() + 1;
    let request = contents.next_request();
    assert!(writer.append_request(first, contents.make_batch(length), &request).unwrap());
}

/// Waits until `sequence` may be released.
pub fn wait_for(writer: &mut DiskWriter, sequence: u64) {
    while writer.poll().unwrap() < sequence {
        writer.wait();
    }
}

/// Reads all of the journal at `path` as a reader does.
pub fn read(path: &Path) -> Result<Contents, JournalError> {
    let dir = DataDir::open_to_read(path)?;
    let mut reader = Reader::open(&dir, None)?;
    let mut contents = Contents::default();
    while let Some(entry) = reader.next_entry()? {
        contents.take_in(entry);
    }
    Ok(contents)
}

/// Writes a journal of batches of these lengths, stops cleanly, and returns what it holds.
pub fn write_journal(path: &Path, lengths: &[usize]) -> Contents {
    let (_dir, _, mut contents, mut writer) = open(path).unwrap();
    for &length in lengths {
        append(&mut writer, &mut contents, length);
    }
    writer.close().unwrap();
    contents
}
