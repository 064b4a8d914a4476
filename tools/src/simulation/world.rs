//! One seed: what the world outside knows, and the lives that have to agree with it.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use ringfence::engine::{Digest, Engine};
use ringfence::journal::faulty::{Failure, FaultyDisk, Plan, Restart};
use ringfence::journal::{
    Durability, Files as _, JournalError, Key, Options, Reader, Recovered, SEGMENT_BYTES_MIN,
    Wanted, first_segment, inspect_files, recover_from, replay_place,
};
use ringfence::types::{Command, IdTime};

use super::Report;
use super::found::{Batches, Found};
use super::sabotage::{Disk, Sabotage};
use crate::generator::Generator;
use crate::twin::Answer;

/// Lives that one seed has, the last without accidents.
const LIVES: u32 = 7;
/// Most transfers that the engine holds: memory for them is set aside at every start.
const TRANSFERS_MAX: u64 = 2_000;
/// The file that a running engine holds locked.
pub(super) const LOCK_NAME: &str = "lock";

/// Why a life ended before its time.
pub(super) enum Cut {
    /// The disk failed, as planned or not.
    Disk(JournalError),
    /// A promise was broken.
    Violation(String),
    /// Nothing is under way, and a batch waits for room that the disk does not have.
    NoRoom,
    /// Damage has left nothing from which an engine can start.
    BeyondRepair,
}

impl From<JournalError> for Cut {
    fn from(error: JournalError) -> Cut {
        Cut::Disk(error)
    }
}

pub(super) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Cut> {
    if holds { Ok(()) } else { Err(Cut::Violation(what())) }
}

/// What the outside world knows.
pub(super) struct World {
    pub(super) random: Pcg64,
    pub(super) generator: Generator,
    pub(super) wanted: Wanted,
    pub(super) options: Options,
    pub(super) disk: Disk,
    /// Batches that were handed to the journal and are not known to be lost.
    pub(super) batches: Vec<Vec<Command>>,
    /// One batch in so many is a long one.
    pub(super) bulk_one_in: u32,
    /// What goes wrong once the engine has started.
    pub(super) accident: Option<Plan>,
    /// What each of their commands was answered.
    pub(super) answers: Vec<Answer>,
    /// The engine's digest behind some of the batches: how many there were, and the digest.
    pub(super) digests: Vec<(usize, Digest)>,
    pub(super) last_timestamp: u64,
    /// Highest sequence that the journal released.
    pub(super) released: u64,
    /// Highest sequence that a repair called acknowledged.
    pub(super) given_up: u64,
    pub(super) report: Report,
    /// Whether something was damaged that nobody has mended yet: a start may be refused.
    pub(super) is_wounded: bool,
    /// Whether the witness or its copy was spoilt since an engine last started.
    pub(super) is_witness_spoilt: bool,
    /// Whether a snapshot was damaged since the directory was last made new.
    pub(super) has_bad_snapshots: bool,
    /// What was damaged and repaired so far, for people.
    pub(super) history: Vec<String>,
    /// The witness as it was at some starts.
    pub(super) witnesses: Vec<Vec<u8>>,
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
            id_time: IdTime::from_number(rules.id_time),
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
        // Its file holds what was durable at the last start or stop, once more.
        if random.random() {
            disk.disk.replace(LOCK_NAME, b"");
        }
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
            given_up: 0,
            is_wounded: false,
            is_witness_spoilt: false,
            has_bad_snapshots: false,
            history: Vec::new(),
            witnesses: Vec::new(),
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
            self.disk.disk.restart(how, Plan::default());
            match self.random.random_range(0..8) {
                0 | 1 if !self.is_wounded => self.spoil_witness(),
                2 if !is_last => self.damage(),
                _ => {}
            }
            self.disk.disk.plan(plan);
            self.report.lives += 1;
            self.history.push(format!("life {life}, {how:?}"));
            match self.live() {
                Ok(()) => {}
                Err(Cut::Violation(what)) => {
                    return Err(format!("life {life}: {what}; before: {:?}", self.history));
                }
                // Whoever waits for room is ended by its operator.
                Err(Cut::NoRoom) => self.report.out_of_room += 1,
                Err(Cut::BeyondRepair) => {
                    self.report.beyond_repair += 1;
                    break;
                }
                Err(Cut::Disk(error)) => {
                    if matches!(error, JournalError::Damaged { .. }) {
                        let before = &self.history;
                        return Err(format!(
                            "life {life}: taken for damage: {error}; before: {before:?}"
                        ));
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
    pub(super) fn plan(&mut self, most: [u64; 3]) -> Plan {
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
            0 if !self.is_wounded => self.look()?,
            _ => None,
        };
        if self.random.random_range(0..8) == 0 {
            // Tables only grow.
            self.wanted.policies = self.wanted.policies.map(|policies| policies + 1);
        }
        let (recovered, engine) = match self.start() {
            Err(Cut::Disk(error @ JournalError::Damaged { .. })) if self.is_wounded => {
                self.report.damage_found += 1;
                self.mend(&error)?;
                self.start()
            }
            started => started,
        }
        .inspect_err(|_| self.report.cut_short_in_recovery += 1)?;
        if let Some(looked) = looked {
            ensure(looked == self.batches.len(), || {
                format!("a look found {looked} batches, recovery {}", self.batches.len())
            })?;
        }
        if self.is_wounded {
            // A snapshot may have covered it.
            self.is_wounded = inspect_files(&self.disk.disk.steady(), None, |_| ()).is_err();
        }
        if let Some(plan) = self.accident {
            self.disk.disk.plan(plan);
        }
        self.work(&recovered, engine)
    }

    /// Starts an engine on the disk, from a snapshot or not.
    fn start(&mut self) -> Result<(Recovered, Engine), Cut> {
        let steady = self.disk.disk.steady();
        let is_whole = first_segment(&steady).is_ok_and(|first| first.segment == 1);
        let from_first = is_whole && !self.is_wounded && self.random.random();
        let start = if from_first { None } else { self.newest_good(&steady)? };
        let anchor = start.as_ref().map(|start| start.anchor);
        let batches = std::mem::take(&mut self.batches);
        let mut found = Found::starting(&batches, start);
        let recovered =
            recover_from(&self.disk, anchor.as_ref(), &self.wanted, &self.options, |entry| {
                found.take_in(&entry);
            });
        let compared = recovered.map_err(Cut::from).and_then(|recovered| {
            self.is_witness_spoilt = false;
            let cuts = recovered.notes.iter().filter(|note| note.starts_with("cut "));
            self.report.tails += cuts.count() as u64;
            let engine = self.compare(&recovered, found)?;
            Ok((recovered, engine))
        });
        // What is gone was forgotten with its answers.
        let mut known = 0;
        self.batches = batches;
        self.batches.retain(|batch| {
            known += batch.len();
            known <= self.answers.len()
        });
        compared
    }

    /// What readers see of the disk as it is before a start: nothing is changed by them. How many
    /// batches there are; `None` before the first start.
    fn look(&mut self) -> Result<Option<usize>, Cut> {
        let disk = self.disk.disk.steady();
        if disk.names()?.iter().all(|name| !name.ends_with(".journal")) {
            return Ok(None);
        }
        let summary = inspect_files(&disk, self.options.key, |_| ())?;
        let place = replay_place(&disk, self.options.key, 0)?;
        let mut reader = Reader::open_to_end(&disk, place.as_ref(), None)?;
        let mut batches =
            Batches::after(&self.batches, place.map_or(0, |place| place.last_sequence));
        while let Some(entry) = reader.next_entry()? {
            batches.take_in(&entry);
        }
        ensure(batches.difference.is_none(), || format!("a look: {:?}", batches.difference))?;
        ensure(summary.last_sequence == reader.last_sequence(), || {
            "verify and a reader differ".into()
        })?;
        ensure(summary.tail.as_ref() == reader.tail(), || "they see different tails".into())?;
        Ok(Some(batches.count))
    }

    /// Compares what a start found with what the world knows. From then on the world knows that.
    fn compare(&mut self, recovered: &Recovered, mut found: Found<'_>) -> Result<Engine, Cut> {
        let count = found.batches.count;
        ensure(found.batches.difference.is_none(), || {
            format!("no prefix of what was appended: {:?}", found.batches.difference)
        })?;
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
        let before = answers.before as usize;
        let known = before + answers.answers.len();
        let differs = |&index: &usize| answers.answers[index - before] != self.answers[index];
        if let Some(index) = (before..known).find(differs) {
            let (was, is) = (&self.answers[index], &answers.answers[index - before]);
            return Err(Cut::Violation(format!("command {}: {was:?}, now {is:?}", index + 1)));
        }
        for &(behind, digest) in self.digests.iter().filter(|&&(behind, _)| behind == count) {
            ensure(engine.digest() == digest, || {
                format!("another digest behind {behind} batches")
            })?;
        }
        self.report.lost += (self.answers.len() - known) as u64;
        self.answers.truncate(known);
        self.digests.retain(|&(behind, _)| behind <= count);
        self.last_timestamp = last_timestamp;
        if self.options.durability == Durability::Sync {
            // Outcomes of a replay may be shown.
            self.released = last_sequence;
        }
        Ok(engine)
    }

    /// Sequence of the last command of the first `count` batches.
    pub(super) fn sequence_behind(&self, count: usize) -> u64 {
        self.batches[..count].iter().map(|batch| batch.len() as u64).sum()
    }
}
