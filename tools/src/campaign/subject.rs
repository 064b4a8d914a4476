//! Journals to damage: what they hold, what was acknowledged, and what each start must give back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ringfence::engine::{Digest, Engine, OutcomeSink};
use ringfence::journal::outcomes::{Frame, Log};
use ringfence::journal::{
    DataDir, Directory, Durability, Key, Options, Position, Reader, SnapshotWriter, WITNESS_NAME,
    WitnessFound, WriteMode, Writer, format, make_segment, read_witness, retire,
};
use ringfence::types::{
    Account, AccountPolicy, Capacities, Command, Event, Origin, Outcome, PolicyLimits, Rules,
    Transfer, stamp_batch,
};

use super::harm::frames;
use super::image::{Entry, Image, temporary_folder};
use super::witnessed::Witnessed;
use crate::requests::request_of;

/// How much a journal holds, and what lies beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One segment.
    Short,
    /// Several segments.
    Long,
    /// Several segments, snapshots and an outcome log.
    Full,
    /// The same, with segments and snapshots retired; the log is whole.
    Shortened,
}

/// How the engine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was closed.
    Clean,
    /// It was killed.
    Killed,
}

/// What is being damaged.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What it is, for people.
    pub name: String,
    /// How much it holds.
    pub shape: Shape,
    /// How its engine ended.
    pub end: End,
    /// What it is sealed with.
    pub key: Option<Key>,
    /// The directory as the engine left it.
    pub image: Image,
    /// The directory as it was a while before.
    pub earlier: Image,
    /// The last command that was acknowledged.
    pub acknowledged: u64,
    /// The last command that the witness calls durable.
    pub witnessed: u64,
    /// The digest behind the last command of each batch, by its sequence; of the empty journal too.
    pub digests: BTreeMap<u64, Digest>,
    /// The outcomes, from the first command on.
    pub outcomes: Vec<Outcome>,
}

const SECRET: &[u8] = b"the key of the campaign";
const SEGMENT_BYTES: u64 = format::SEGMENT_BYTES_MIN;

impl Subject {
    /// Makes one; `number` tells it from others of the same kind.
    ///
    /// # Panics
    ///
    /// If the disk fails.
    #[must_use]
    pub fn new(shape: Shape, end: End, is_keyed: bool, number: u8) -> Subject {
        let folder = temporary_folder();
        let key = is_keyed.then(|| Key::of_secret(SECRET));
        let mut history = History::begin(folder.path(), key, number);
        let (batches, length) = match shape {
            Shape::Short => (40, 25),
            Shape::Long | Shape::Full | Shape::Shortened => (38, 1_100),
        };
        let has_more = matches!(shape, Shape::Full | Shape::Shortened);
        let mut earlier = Image::default();
        for batch in 0..batches {
            history.append(batch, length, has_more);
            if has_more && [12, 28, 34].contains(&batch) {
                history.snapshot();
            }
            if batch == 30 {
                earlier = Image::read(folder.path()).expect("it can be read");
            }
        }
        if shape == Shape::Shortened {
            let dir = DataDir::open_to_read(folder.path()).expect("it is a journal");
            let retired = retire(&dir, 2, None, key, |note| panic!("{note}")).expect("it can");
            assert!(retired.files.iter().any(|taken| taken.name == "0000000001.journal"));
        }
        let name = format!("{shape:?}, {end:?}{}", if is_keyed { ", keyed" } else { "" });
        history.end(end, name, shape, earlier)
    }

    /// The last command that the journal ever held.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.outcomes.len() as u64
    }

    /// The last command that something in `image` still proves to have been durable: the witness,
    /// snapshots and frames whose headers are as they were, each in its place.
    #[must_use]
    pub fn known(&self, image: &Image) -> u64 {
        let is_whole = |name: &str| image.entries.get(name) == self.image.entries.get(name);
        let witnessed = if is_whole(WITNESS_NAME) { self.witnessed } else { 0 };
        let snapshots = self.image.names(".snapshot");
        let snapshots = snapshots.iter().filter(|name| is_whole(name));
        let taken = snapshots.filter_map(|name| name.strip_suffix(".snapshot")?.parse().ok()).max();
        let marked = self.image.names(".journal").into_iter().map(|name| {
            let (was, is) = (self.image.bytes(&name), image.entries.get(&name));
            let Some(Entry::File(is)) = is else { return 0 };
            let headers =
                frames(was).into_iter().map(|(at, _)| at..at + format::FRAME_HEADER_BYTES);
            let kept = headers.filter(|header| is.get(header.clone()) == was.get(header.clone()));
            let durable = kept.filter_map(|header| was.get(header)?[16..24].try_into().ok());
            durable.map(u64::from_le_bytes).max().unwrap_or(0)
        });
        marked.max().max(taken).unwrap_or(0).max(witnessed)
    }
}

/// A journal that is being written.
struct History<'a> {
    path: &'a Path,
    files: Directory,
    key: Option<Key>,
    number: u8,
    writer: Writer<Witnessed<Directory>>,
    engine: Engine,
    log: Log,
    frame: Frame,
    last_timestamp: u64,
    acknowledged: u64,
    digests: BTreeMap<u64, Digest>,
    outcomes: Vec<Outcome>,
}

impl History<'_> {
    fn begin(path: &Path, key: Option<Key>, number: u8) -> History<'_> {
        let files = Directory::new(path, WriteMode::Buffered);
        fs::write(path.join("lock"), b"").expect("it can be written");
        let header = format::SegmentHeader::new([number; 16], 1, SEGMENT_BYTES, key.as_ref());
        make_segment(&files, header).expect("there is room");
        let mut block = vec![0; format::SEGMENT_HEADER_BYTES];
        header.write(&mut block);
        let header = format::SegmentHeader::read(&block, 1).expect("it was just written");
        let position = Position {
            journal_id: header.journal_id,
            segment: 1,
            segment_bytes: SEGMENT_BYTES,
            offset: format::SEGMENT_HEADER_BYTES as u64,
            previous_checksum: header.checksum,
            previous_seal: header.seal,
            last_sequence: 0,
            last_timestamp: 0,
            marked_sequence: 0,
            next_segment_bytes: None,
            epoch: 0,
            is_async: false,
        };
        let options = Options { segment_bytes: SEGMENT_BYTES, durability: Durability::Sync, key };
        let storage = Witnessed::new(&files, &[1]).expect("it is there");
        let mut writer = Writer::new(storage, position, options);
        let capacities =
            Capacities { accounts: 32, transfers: 2048, policies: 32, markets: 2, orders: 8 };
        let rules = Rules::new(capacities, [number.into(), 9]);
        assert!(writer.append_rules(&rules).expect("the disk is well"));
        let engine = Engine::new(&rules).expect("the tables are small");
        let mut log = Log::new(path, header.journal_id);
        log.set_final(true);
        let digests = BTreeMap::from([(0, engine.digest())]);
        History {
            path,
            files,
            key,
            number,
            writer,
            engine,
            log,
            frame: Frame::new(),
            last_timestamp: 0,
            acknowledged: 0,
            digests,
            outcomes: Vec::new(),
        }
    }

    /// Appends a batch of about `length` commands, applies it, and waits until it is acknowledged.
    fn append(&mut self, batch: usize, length: usize, keeps_log: bool) {
        let mut commands = self.commands(batch, length);
        stamp_batch(&mut commands, self.last_timestamp, 1_700_000_000_000_000_000);
        let first = self.writer.last_sequence() + 1;
        let request = request_of(first);
        while !self.writer.append_request(first, &commands[..], &request).expect("the disk is well")
        {
            self.writer.poll().expect("the disk is well");
        }
        // Some batches share a group.
        if batch % 4 != 1 {
            while self.acknowledged < self.writer.last_sequence() {
                self.acknowledged = self.writer.poll().expect("the disk is well");
            }
        }
        self.last_timestamp = commands[commands.len() - 1].header.timestamp;
        if !request.is_none() {
            self.frame.origin(&Origin::of(&request, first, &commands[0].header));
        }
        let mut sink = Kept { outcomes: &mut self.outcomes, frame: &mut self.frame };
        self.engine.apply(first, &commands, &mut sink);
        self.engine.take_in(&request, self.writer.last_sequence(), self.last_timestamp);
        self.digests.insert(self.writer.last_sequence(), self.engine.digest());
        if keeps_log && self.acknowledged == self.writer.last_sequence() {
            self.log.append(&self.frame).expect("the disk is well");
        }
        if !keeps_log || self.acknowledged == self.writer.last_sequence() {
            self.frame.clear();
        }
    }

    fn commands(&self, batch: usize, length: usize) -> Vec<Command> {
        let account = |index: usize| (index % 20 + 1) as u128;
        match batch % 3 {
            _ if batch == 0 => (0..20)
                .map(|index| {
                    let (id, ledger, code) = (account(index), 1, u16::from(self.number));
                    Command::create_account(Account { id, ledger, code, ..Account::default() })
                })
                .collect(),
            1 => (0..length.min(40))
                .map(|index| {
                    Command::create_transfer(Transfer {
                        id: (batch * 10_000 + index + 1) as u128,
                        debit_account_id: account(index),
                        credit_account_id: account(index + batch),
                        amount: (batch + index) as u128,
                        ledger: 1,
                        code: 7,
                        ..Transfer::default()
                    })
                })
                .collect(),
            _ => (0..length)
                .map(|index| {
                    Command::set_account_policy(AccountPolicy {
                        account_id: account(index),
                        debit_amount_max: (1_000_000 + batch * length + index) as u128,
                        limits: PolicyLimits::DEBIT_AMOUNT_MAX,
                        ..AccountPolicy::default()
                    })
                })
                .collect(),
        }
    }

    /// Writes a snapshot of all so far.
    fn snapshot(&mut self) {
        while self.acknowledged < self.writer.last_sequence() {
            self.acknowledged = self.writer.poll().expect("the disk is well");
        }
        let mut reader = Reader::open_to_end(&self.files, None, self.key).expect("it is well");
        while reader.next_entry().expect("it is well").is_some() {}
        let anchor = *reader.anchor().expect("there is a batch");
        let Digest(digest) = self.engine.digest();
        let event_timestamp = self.engine.event_timestamp();
        let mut writer =
            SnapshotWriter::create(&self.files, &anchor, event_timestamp, digest, self.key)
                .expect("there is room");
        self.engine.contents(&mut writer);
        writer.finish().expect("there is room");
        SnapshotWriter::install(&self.files, anchor.last_sequence).expect("the disk is well");
    }

    fn end(mut self, end: End, name: String, shape: Shape, earlier: Image) -> Subject {
        while self.acknowledged < self.writer.last_sequence() {
            self.acknowledged = self.writer.poll().expect("the disk is well");
        }
        if !self.frame.is_empty() {
            self.log.append(&self.frame).expect("the disk is well");
        }
        if end == End::Clean {
            self.writer.close().expect("the disk is well");
        }
        let WitnessFound::Says(witness, _) = read_witness(&self.files).expect("it can be read")
        else {
            panic!("a witness was written");
        };
        Subject {
            name,
            shape,
            end,
            key: self.key,
            image: Image::read(self.path).expect("it can be read"),
            earlier,
            acknowledged: self.acknowledged,
            witnessed: witness.sequence,
            digests: self.digests,
            outcomes: self.outcomes,
        }
    }
}

/// Keeps outcomes, and puts them and the events into the log's frame.
struct Kept<'a> {
    outcomes: &'a mut Vec<Outcome>,
    frame: &'a mut Frame,
}

impl OutcomeSink for Kept<'_> {
    fn event(&mut self, event: &Event) {
        self.frame.event(event);
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        assert_eq!(sequence, self.outcomes.len() as u64 + 1);
        self.outcomes.push(Outcome { session: 0, ..*outcome });
        self.frame.outcome(sequence, outcome);
    }
}
