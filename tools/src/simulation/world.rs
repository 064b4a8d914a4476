//! One seed: what the world outside knows, and the lives that have to agree with it.

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64;
use ringfence::engine::{Digest, Engine, OutcomeSink};
use ringfence::journal::faulty::{Failure, FaultyDisk, Plan, Restart, Shuffled};
use ringfence::journal::{
    Durability, Entry, Files as _, JournalError, Key, Options, Reader, Recovered,
    SEGMENT_BYTES_MIN, Wanted, Writer, inspect_files, recover_files,
};
use ringfence::node::replay::Replayer;
use ringfence::types::{Command, Event, Lookup, Outcome, chains_up_to, stamp_batch};

use super::Report;
use super::sabotage::{Disk, Sabotage};
use crate::generator::Generator;
use crate::requests::request_of;
use crate::twin::Answer;

/// Lives that one seed has, the last without accidents.
const LIVES: u32 = 7;
/// Most transfers that the engine holds: memory for them is set aside at every start.
const TRANSFERS_MAX: u64 = 2_000;

/// Outcomes in order, each with the events before it.
#[derive(Debug, Default, Clone, PartialEq)]
struct Answers {
    events: Vec<Event>,
    answers: Vec<Answer>,
}

impl OutcomeSink for Answers {
    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        assert_eq!(sequence, self.answers.len() as u64 + 1, "outcomes have no gaps");
        let events = std::mem::take(&mut self.events);
        self.answers.push(Answer { events, outcome: *outcome });
    }
}

/// What a look at the journal found.
struct Found {
    batches: Vec<Vec<Command>>,
    /// Whether a batch says other things of itself than when it was appended.
    has_other_requests: bool,
    replayer: Replayer<Answers>,
}

impl Found {
    fn new() -> Found {
        let replayer = Replayer::new(Answers::default(), u64::MAX);
        Found { batches: Vec::new(), has_other_requests: false, replayer }
    }

    fn take_in(&mut self, entry: &Entry<'_>) {
        if let Entry::Batch { request, first_sequence, commands, .. } = entry {
            self.has_other_requests |= *request != request_of(*first_sequence);
            self.batches.push(commands.to_vec());
        }
        self.replayer.apply(entry).expect("there is memory for small tables");
    }
}

/// Why a life ended before its time.
enum Cut {
    /// The disk failed, as planned or not.
    Disk(JournalError),
    /// A promise was broken.
    Violation(String),
}

impl From<JournalError> for Cut {
    fn from(error: JournalError) -> Cut {
        Cut::Disk(error)
    }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Cut> {
    if holds { Ok(()) } else { Err(Cut::Violation(what())) }
}

/// What the outside world knows.
pub(super) struct World {
    random: Pcg64,
    generator: Generator,
    wanted: Wanted,
    options: Options,
    disk: Disk,
    /// Batches that were handed to the journal and are not known to be lost.
    batches: Vec<Vec<Command>>,
    /// One batch in so many is a long one.
    bulk_one_in: u32,
    /// What goes wrong once the engine has started.
    accident: Option<Plan>,
    /// What each of their commands was answered.
    answers: Vec<Answer>,
    /// The engine's digest behind some of the batches: how many there were, and the digest.
    digests: Vec<(usize, Digest)>,
    last_timestamp: u64,
    /// Highest sequence that the journal released.
    released: u64,
    report: Report,
}

impl World {
    pub fn new(seed: u64, sabotage: Sabotage) -> World {
        let mut random = Pcg64::seed_from_u64(seed);
        let generator = Generator::new(random.random());
        let rules = *generator.rules();
        let wanted = Wanted {
            accounts: Some(rules.capacities.accounts),
            transfers: Some(rules.capacities.transfers.min(TRANSFERS_MAX)),
            policies: Some(rules.capacities.policies),
            markets: Some(1),
            orders: Some(1),
            retention_ns: Some(rules.retention_ns),
            sessions: None,
            session_retention_ns: None,
            withdraws_capacities: false,
            shortens_retention: false,
        };
        let is_async = random.random_range(0..8) == 0;
        let options = Options {
            segment_bytes: SEGMENT_BYTES_MIN,
            durability: if is_async { Durability::Async } else { Durability::Sync },
            key: (random.random_range(0..4) == 0).then(|| Key::of_secret(b"a secret")),
        };
        let bulk_one_in = [6, 30, 120, 1_000][random.random_range(0..4)];
        let disk = Disk { disk: FaultyDisk::new(random.random()), sabotage };
        World {
            random,
            generator,
            wanted,
            options,
            disk,
            batches: Vec::new(),
            bulk_one_in,
            accident: None,
            answers: Vec::new(),
            digests: Vec::new(),
            last_timestamp: 0,
            released: 0,
            report: Report { seeds: 1, ..Report::default() },
        }
    }

    pub fn run(mut self) -> Result<Report, String> {
        for life in 1..=LIVES {
            let is_last = life == LIVES;
            // A start makes many calls, an engine few: each gets its share of the accidents.
            self.accident = None;
            let plan = match self.random.random_range(0..3) {
                _ if is_last => Plan::default(),
                0 => self.plan([10, 40, 200]),
                _ => {
                    self.accident = Some(self.plan([5, 15, 40]));
                    Plan::default()
                }
            };
            // Under `async` only a killed process keeps what it was told.
            let how = match (self.options.durability, self.random.random_range(0..3)) {
                (Durability::Sync, 0..2) if !is_last => Restart::PowerCut,
                _ => Restart::Killed,
            };
            self.disk.disk.restart(how, plan);
            self.report.lives += 1;
            match self.live() {
                Ok(()) => {}
                Err(Cut::Violation(what)) => return Err(format!("life {life}: {what}")),
                Err(Cut::Disk(error)) => {
                    if matches!(error, JournalError::Damaged { .. }) {
                        return Err(format!("life {life}: taken for damage: {error}"));
                    }
                    if !self.disk.disk.has_failed() {
                        return Err(format!("life {life}: on a disk without fault: {error}"));
                    }
                    self.report.cut_short += 1;
                }
            }
        }
        Ok(self.report)
    }

    /// What goes wrong in a life.
    fn plan(&mut self, most: [u64; 3]) -> Plan {
        let random = &mut self.random;
        let most = most[random.random_range(0..3)];
        let call = random.random_range(1..most);
        let mut plan = Plan { short_writes: random.random_range(0..3) == 0, ..Plan::default() };
        match random.random_range(0..5) {
            0 => {}
            1 | 2 => {
                let errno = [5, 28][random.random_range(0..2)];
                plan.failure = Some(Failure { at: call, lasts: random.random(), errno });
            }
            _ => plan.crash_at = Some(call),
        }
        plan
    }

    /// One life of an engine, from its start to its crash, failure or stop.
    fn live(&mut self) -> Result<(), Cut> {
        let looked = match self.random.random_range(0..3) {
            0 => Some(self.look()?),
            _ => None,
        };
        if self.random.random_range(0..8) == 0 {
            // Tables only grow.
            self.wanted.policies = self.wanted.policies.map(|policies| policies + 1);
        }
        let mut found = Found::new();
        let recovered = recover_files(&self.disk, &self.wanted, &self.options, |entry| {
            found.take_in(&entry);
        });
        let recovered = match recovered {
            Ok(recovered) => recovered,
            Err(error) => {
                self.report.cut_short_in_recovery += 1;
                return Err(error.into());
            }
        };
        if let Some(looked) = looked {
            ensure(looked == found.batches, || {
                format!("a look found {} batches, recovery others", looked.len())
            })?;
        }
        self.report.tails += u64::from(!recovered.notes.is_empty());
        let engine = self.compare(&recovered, found)?;
        if let Some(plan) = self.accident {
            self.disk.disk.plan(plan);
        }
        self.work(&recovered, engine)
    }

    /// What readers see of the disk as it is before a start: nothing is changed by them.
    fn look(&mut self) -> Result<Vec<Vec<Command>>, Cut> {
        let disk = self.disk.disk.copy();
        if disk.names()?.iter().all(|name| !name.ends_with(".journal")) {
            return Ok(Vec::new());
        }
        let summary = inspect_files(&disk, self.options.key, |_| ())?;
        let mut reader = Reader::of_files(&disk, None, false)?;
        let mut batches = Vec::new();
        while let Some(entry) = reader.next_entry()? {
            if let Entry::Batch { commands, .. } = entry {
                batches.push(commands.to_vec());
            }
        }
        ensure(summary.batches == batches.len() as u64, || "verify and a reader differ".into())?;
        ensure(summary.tail.as_ref() == reader.tail(), || "they see different tails".into())?;
        Ok(batches)
    }

    /// Compares what a start found with what the world knows. From then on the world knows that.
    fn compare(&mut self, recovered: &Recovered, mut found: Found) -> Result<Engine, Cut> {
        let count = found.batches.len();
        ensure(count <= self.batches.len() && found.batches == self.batches[..count], || {
            format!("{count} batches are no prefix of the {} appended", self.batches.len())
        })?;
        ensure(!found.has_other_requests, || "batches say other things of themselves".into())?;
        let (last_sequence, last_timestamp) = found.replayer.last();
        ensure(last_sequence >= self.released, || {
            format!("{last_sequence} recovered, {} released", self.released)
        })?;
        ensure(
            (last_sequence, last_timestamp) == (recovered.last_sequence, recovered.last_timestamp),
            || "recovery says another last command than it gave".into(),
        )?;
        // Rules that no command has followed yet are in force for the next one.
        found.replayer.put_in_force(&recovered.rules).expect("memory for small tables");
        let (engine, answers) = found.replayer.into_parts();
        let engine = engine.expect("a recovered journal has rules");
        let known = answers.answers.len();
        if let Some(index) = (0..known).find(|&index| answers.answers[index] != self.answers[index])
        {
            let (was, is) = (&self.answers[index], &answers.answers[index]);
            return Err(Cut::Violation(format!("command {}: {was:?}, now {is:?}", index + 1)));
        }
        for &(behind, digest) in self.digests.iter().filter(|&&(behind, _)| behind == count) {
            ensure(engine.digest() == digest, || {
                format!("another digest behind {behind} batches")
            })?;
        }
        self.report.lost += (self.answers.len() - known) as u64;
        self.batches.truncate(count);
        self.answers.truncate(known);
        self.digests.retain(|&(behind, _)| behind <= count);
        self.last_timestamp = last_timestamp;
        if self.options.durability == Durability::Sync {
            // Outcomes of a replay may be shown.
            self.released = last_sequence;
        }
        Ok(engine)
    }

    fn work(&mut self, recovered: &Recovered, mut engine: Engine) -> Result<(), Cut> {
        let position = recovered.position;
        let next = position.next_segment_bytes.map(|_| position.segment + 1);
        let segments: Vec<u32> = [position.segment].into_iter().chain(next).collect();
        let storage = Shuffled::new(&self.disk, &segments, self.random.random())?;
        let mut writer = Writer::new(storage, position, self.options);
        // A digest reads all of the tables: few are enough.
        let digest_at = self.random.random_range(0..30);
        for step in 0..self.random.random_range(1..60) {
            let done = match self.random.random_range(0..10) {
                0..6 => self.append(&mut writer, &mut engine),
                6..9 => self.poll(&mut writer),
                _ => writer.idle().map_err(Cut::from).and_then(|()| self.poll(&mut writer)),
            };
            if let Err(cut) = done {
                return Err(self.after_failure(writer, cut));
            }
            if step == digest_at {
                self.digests.push((self.batches.len(), engine.digest()));
            }
            if self.random.random_range(0..40) == 0 {
                self.read_beside()?;
            }
        }
        if self.random.random_range(0..3) > 0 {
            writer.close()?;
            self.release(self.answers.len() as u64)?;
            self.digests.push((self.batches.len(), engine.digest()));
            self.flip_bits()?;
        }
        Ok(())
    }

    fn append(
        &mut self,
        writer: &mut Writer<Shuffled<Disk>>,
        engine: &mut Engine,
    ) -> Result<(), Cut> {
        let batch = self.next_batch();
        let first_sequence = self.answers.len() as u64 + 1;
        // The world knows of a batch before the journal does: it may be written and the call fail.
        let mut sink = Answers { events: Vec::new(), answers: std::mem::take(&mut self.answers) };
        let piece = [1, 64, usize::MAX][self.random.random_range(0..3)];
        let mut rest = &batch[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(chains_up_to(rest, piece));
            engine.apply(sink.answers.len() as u64 + 1, now, &mut sink);
            rest = later;
        }
        let request = request_of(first_sequence);
        let last = batch[batch.len() - 1].header;
        engine.take_in(&request, sink.answers.len() as u64, last.timestamp);
        self.answers = sink.answers;
        let told = &self.answers[first_sequence as usize - 1..];
        self.generator.heed(told.iter().map(|answer| answer.outcome));
        self.last_timestamp = batch[batch.len() - 1].header.timestamp;
        self.report.commands += batch.len() as u64;
        self.batches.push(batch.clone());
        while !writer.append_request(first_sequence, &batch[..], &request)? {
            self.poll(writer)?;
            writer.wait();
        }
        Ok(())
    }

    /// Mostly what the generator thinks of; now and then so much that segments fill up.
    fn next_batch(&mut self) -> Vec<Command> {
        let mut batch = self.generator.next_batch();
        let clock = batch[0].header.timestamp;
        let length = match self.random.random_range(0..2 * self.bulk_one_in) {
            0 => self.random.random_range(4000..=8192),
            1 => 8192,
            _ => 0,
        };
        if length > 0 {
            let id = u128::from(self.random.random_range(1..10_u64));
            batch = vec![Command::lookup_account(Lookup { id, ..Lookup::default() }); length];
        }
        stamp_batch(&mut batch, self.last_timestamp, clock);
        // Who asked decides nothing, and is not kept.
        batch.iter_mut().for_each(|command| command.header.session = 0);
        batch
    }

    fn poll(&mut self, writer: &mut Writer<Shuffled<Disk>>) -> Result<(), Cut> {
        let released = writer.poll()?;
        self.release(released)
    }

    fn release(&mut self, sequence: u64) -> Result<(), Cut> {
        ensure(sequence <= self.answers.len() as u64, || "more is released than appended".into())?;
        if self.options.durability == Durability::Sync {
            ensure(sequence >= self.released, || "what was released is taken back".into())?;
            self.released = sequence;
        }
        Ok(())
    }

    /// After a failure nothing is done or released any more, though the disk may be well again.
    fn after_failure(&mut self, mut writer: Writer<Shuffled<Disk>>, cut: Cut) -> Cut {
        let Cut::Disk(_) = &cut else { return cut };
        let first_sequence = self.answers.len() as u64 + 1;
        let mut batch = vec![Command::pulse()];
        stamp_batch(&mut batch, self.last_timestamp, 0);
        for _ in 0..self.random.random_range(0..20) {
            let refused = match self.random.random_range(0..3) {
                0 => writer.poll().err(),
                1 => writer.idle().err(),
                _ => writer.append(first_sequence, &batch[..]).err(),
            };
            match refused {
                Some(JournalError::Poisoned { .. }) => writer.wait(),
                other => return Cut::Violation(format!("after a failure the writer: {other:?}")),
            }
        }
        cut
    }

    /// A reader beside the engine sees nothing that is not durable.
    fn read_beside(&mut self) -> Result<(), Cut> {
        let disk = self.disk.disk.copy();
        let mut reader = Reader::of_files(&disk, self.options.key, true)?;
        let mut sequence = 0;
        let mut count = 0;
        while let Some(entry) = reader.next_entry()? {
            if let Entry::Batch { request, first_sequence, commands, .. } = entry {
                ensure(request == request_of(first_sequence), || {
                    format!("a reader sees another request at {first_sequence}")
                })?;
                sequence = first_sequence + commands.len() as u64 - 1;
                ensure(self.batches.get(count).is_some_and(|batch| batch == commands), || {
                    format!("a reader sees another batch at {first_sequence}")
                })?;
                count += 1;
            }
        }
        let is_sync = self.options.durability == Durability::Sync;
        ensure(!is_sync || sequence <= self.released, || {
            format!("a reader sees {sequence}, released are {}", self.released)
        })
    }

    /// After a clean stop a flipped bit is found and named, or loses nothing.
    fn flip_bits(&mut self) -> Result<(), Cut> {
        if self.disk.disk.has_failed() {
            return Ok(());
        }
        let names = self.disk.disk.names()?;
        let segments = names.iter().filter(|name| name.ends_with(".journal")).count();
        for _ in 0..2 {
            let disk = self.disk.disk.copy();
            let number = self.random.random_range(1..=segments);
            // Most of a segment may be zeros: look near its start half of the time.
            let most = [20_000, SEGMENT_BYTES_MIN][self.random.random_range(0..2)];
            let at = self.random.random_range(0..most) as usize;
            let bit = self.random.next_u32() % 8;
            let name = format!("{number:010}.journal");
            disk.damage(&name, |bytes| bytes[at] ^= 1 << bit);
            let mut found = Found::new();
            let result = recover_files(&disk, &self.wanted, &self.options, |entry| {
                found.take_in(&entry);
            });
            match result {
                Err(JournalError::Damaged { path, offset, .. }) => {
                    ensure(path == disk.path(&name) && offset <= at as u64, || {
                        format!("{name}, byte {at} is flipped, {} is named", path.display())
                    })?;
                    self.report.flips_found += 1;
                }
                Ok(_) => ensure(found.batches == self.batches, || {
                    format!("{name}, byte {at}, bit {bit}: unnoticed, and commands are lost")
                })?,
                Err(error) => return Err(Cut::Violation(format!("{name}, byte {at}: {error}"))),
            }
        }
        Ok(())
    }
}
