//! The twin against the whole pipeline, at any placement, and against what its journal gives back.
//!
//! ```text
//!   seed ──▶ generator ──▶ batches ──▶ twin ──▶ answers ─────────────┐
//!                             ├──▶ pipeline (Way) ──▶ answers ────────┴─▶ byte for byte
//!                             │        └──▶ journal ──▶ replay ──▶ answers, digest
//!                             └──▶ engine on one thread ──▶ digest
//! ```

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ringfence::engine::{self, Digest, Engine};
use ringfence::journal::{self, DataDir, Disk, Durability, Options, Reader, Waker, Wanted, Writer};
use ringfence::node::gateway::{Intake, Progress, Source, SourceError};
use ringfence::node::pipeline::{self, Journal, LateBell, Parts, Placement, Settings};
use ringfence::node::publish::Sink;
use ringfence::node::replay::{Discard, Replayer};
use ringfence::ring::{Bell, WaitStrategy};
use ringfence::types::{Event, IdTime, Origin, Outcome, Request, Rules};

use crate::generator::Generator;
use crate::requests::{TwinSessions, origins_of, requests_of, with_few_sessions};
use crate::scenario::{Batch, describe, line_of};
use crate::twin::{Answer, Twin};

/// How commands go through the pipeline. None of it may show in an answer.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// Threads that share the stages, 1 to 5.
    pub threads: usize,
    /// How they wait for each other.
    pub wait: WaitStrategy,
    /// Slots of the ring.
    pub ring_slots: usize,
    /// Slots of the events lane.
    pub event_slots: usize,
    /// Whether there is a journal, and outcomes wait for it.
    pub journaled: Option<Durability>,
}

impl Way {
    /// The way of the world with this number: over 120 worlds, every value of each setting meets
    /// every one of the others.
    #[must_use]
    pub fn of_world(number: u64) -> Way {
        use WaitStrategy::{BusySpin, Park, Phased, Yield};
        let pick = |choices: usize, every: u64| (number / every) as usize % choices;
        let threads = 1 + pick(5, 1);
        // Spinning threads that outnumber the cores would wait for each other's time slices.
        let wait = match [Phased, Park, Yield, BusySpin][pick(4, 1)] {
            BusySpin if threads > 1 => Yield,
            wait => wait,
        };
        let journaled = [None, Some(Durability::Async), Some(Durability::Sync)][pick(3, 1)];
        Way {
            threads,
            wait,
            ring_slots: [16 * 1024, 64 * 1024][pick(2, 5)],
            event_slots: [1, 2, 16, 16 * 1024][pick(4, 2)],
            journaled,
        }
    }

    fn placement(&self) -> Placement {
        let mut placement = Placement::on(&vec![0; self.threads]);
        // Where the system puts them: a core that is pinned to may be one that is taken away.
        placement.threads.iter_mut().for_each(|thread| thread.core = None);
        placement
    }
}

/// Hands batches to the ring as a gateway would that stamps them as they are stamped.
struct BatchSource {
    batches: Arc<[Batch]>,
    requests: Arc<[Request]>,
    next: usize,
}

impl Source for BatchSource {
    type Notice = ();

    fn step(&mut self, intake: &mut Intake<()>) -> Result<Progress, SourceError> {
        let mut progress = Progress::Idle;
        while let Some(batch) = self.batches.get(self.next) {
            let header = &batch[0].header;
            let (op, session, clock_ns) = (batch[0].op(), header.session, header.timestamp);
            let body = |index: usize| &batch[index].body;
            let request = self.requests[self.next];
            let named = request.is_named();
            assert!(!named || intake.would_accept_session(request.session, clock_ns));
            if intake.submit(op, session, &request, clock_ns, batch.len(), body)?.is_none() {
                return Ok(progress);
            }
            self.next += 1;
            progress = Progress::Worked;
        }
        Ok(if progress == Progress::Idle { Progress::Ended } else { progress })
    }

    fn stop(&mut self) {
        self.next = self.batches.len();
    }
}

/// Compares answers as they come with those that the twin gave.
struct Comparison {
    expected: Arc<[Answer]>,
    events: Vec<Event>,
    next: usize,
    origins: Vec<Origin>,
    /// The sequence of the first answer that differs, with what came instead.
    first_difference: Option<(usize, Answer)>,
}

impl Comparison {
    fn new(expected: &Arc<[Answer]>) -> Comparison {
        let expected = Arc::clone(expected);
        let (events, origins) = (Vec::new(), Vec::new());
        Comparison { expected, events, next: 0, origins, first_difference: None }
    }

    fn compare(&mut self, sequence: u64, outcome: &Outcome) {
        let index = self.next;
        self.next += 1;
        let expected = self.expected.get(index);
        let is_next = sequence == self.next as u64;
        let is_same = expected.is_some_and(|expected| {
            is_next && expected.outcome == *outcome && expected.events == self.events
        });
        let events = std::mem::take(&mut self.events);
        if !is_same && self.first_difference.is_none() {
            self.first_difference = Some((index, Answer { events, outcome: *outcome }));
        }
    }

    /// What differs, if anything does.
    fn finish(self, batches: &[Batch], requests: &[Request], name: &str) -> Result<(), String> {
        if let Some((index, found)) = self.first_difference {
            let command = batches.iter().flatten().nth(index);
            let expected = self.expected.get(index).map_or("nothing".to_owned(), describe);
            return Err(format!(
                "{name}, sequence {}:\n{}\n  twin:    {expected}\n  subject: {}",
                index + 1,
                command.map_or("no command".to_owned(), line_of),
                describe(&found)
            ));
        }
        if self.next != self.expected.len() || !self.events.is_empty() {
            let (found, expected) = (self.next, self.expected.len());
            return Err(format!("{name}: {found} answers to {expected} commands"));
        }
        if self.origins != origins_of(batches, requests) {
            return Err(format!("{name}: the batches say other things of themselves"));
        }
        Ok(())
    }
}

impl Sink for Comparison {
    type Notice = ();

    fn notice(&mut self, (): ()) {}

    fn origin(&mut self, origin: &Origin) {
        let is_next = origin.first_sequence == self.next as u64 + 1 && self.events.is_empty();
        assert!(is_next, "an origin stands before the events and outcomes of its batch");
        self.origins.push(*origin);
    }

    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        self.compare(sequence, outcome);
    }

    fn turn_ends(&mut self, _idle: bool) -> bool {
        false
    }

    fn attach(&mut self, _: Bell, gateway: Bell) {
        drop(gateway);
    }
}

impl engine::OutcomeSink for Comparison {
    fn origin(&mut self, origin: &Origin) {
        Sink::origin(self, origin);
    }

    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        // A replay does not know who waited for the answer.
        let session = self.expected.get(self.next).map_or(0, |answer| answer.outcome.session);
        self.events.iter_mut().for_each(|event| event.session = session);
        self.compare(sequence, &Outcome { session, ..*outcome });
    }
}

/// Runs the world of `seed`, at least `commands` commands, through the pipeline in the given way,
/// with the journal, if there is one, in the new folder `folder`. Returns how many commands it was.
///
/// # Errors
///
/// A report for people: the seed, the way, and the first answer that differs.
///
/// # Panics
///
/// If the pipeline or the journal fails.
pub fn compare_world(seed: u64, commands: u64, way: &Way, folder: &Path) -> Result<u64, String> {
    let mut generator = Generator::new(seed);
    let rules = with_few_sessions(generator.rules());
    let mut twin = Twin::new(&rules);
    let mut batches = Vec::new();
    let mut expected = Vec::new();
    while (expected.len() as u64) < commands {
        let batch = generator.next_batch();
        let answers = twin.apply(&batch);
        generator.heed(answers.iter().map(|answer| answer.outcome));
        expected.extend(answers);
        batches.push(batch);
    }
    twin.check_in_full();
    let count = expected.len() as u64;
    let (batches, expected) = (Arc::<[Batch]>::from(batches), Arc::<[Answer]>::from(expected));
    let compared = compare_run(&rules, &batches, &expected, way, folder);
    compared.map_err(|what| format!("the world of seed {seed}, {way:?}: {what}"))?;
    Ok(count)
}

fn compare_run(
    rules: &Rules,
    batches: &Arc<[Batch]>,
    expected: &Arc<[Answer]>,
    way: &Way,
    folder: &Path,
) -> Result<(), String> {
    let (engine, journal) = match way.journaled {
        None => (Engine::new(rules).expect("memory for small tables"), None),
        Some(durability) => {
            let (engine, journal) = new_journal(rules, folder, durability);
            (engine, Some(journal))
        }
    };
    let (dir, journal) = journal.unzip();
    let (requests, sessions) = requests_of(rules, batches);
    let requests = Arc::<[Request]>::from(requests);
    let parts = Parts {
        engine,
        source: BatchSource {
            batches: Arc::clone(batches),
            requests: Arc::clone(&requests),
            next: 0,
        },
        sink: Comparison::new(expected),
        journal,
        last_sequence: 0,
        last_timestamp: 0,
    };
    let settings = Settings {
        ring_slots: way.ring_slots,
        event_slots: way.event_slots,
        wait: way.wait,
        placement: way.placement(),
        stop: Arc::new(AtomicBool::new(false)),
        counters: Arc::default(),
    };
    let finished = pipeline::run(parts, &settings, |_| {}).expect("the pipeline runs to its end");
    finished.sink.finish(batches, &requests, "the pipeline")?;
    let digest = finished.engine.digest();
    same_sessions("the pipeline", &finished.engine, &sessions)?;
    same_digest("the engine on one thread", folded(rules, batches, &requests), digest)?;
    if let Some(journal) = finished.journal {
        journal.writer.close().expect("the journal can be closed");
        let dir = dir.expect("a journal has a directory");
        let mut replayer = Replayer::new(Comparison::new(expected), u64::MAX);
        let mut reader = Reader::open(&dir, None).expect("the journal can be read");
        while let Some(entry) = reader.next_entry().expect("the journal is whole") {
            replayer.apply(&entry).expect("memory for small tables");
        }
        let (replayed, sink) = replayer.into_parts();
        sink.finish(batches, &requests, "the replay")?;
        let replayed = replayed.expect("a journal has rules");
        same_sessions("the replay", &replayed, &sessions)?;
        same_digest("the replay", replayed.digest(), digest)?;
    }
    Ok(())
}

fn same_digest(name: &str, found: Digest, pipeline: Digest) -> Result<(), String> {
    if found == pipeline {
        return Ok(());
    }
    Err(format!("the digest of {name} is {found}, that of the pipeline {pipeline}"))
}

fn same_sessions(name: &str, engine: &Engine, twin: &TwinSessions) -> Result<(), String> {
    let found: Vec<_> = engine.sessions().iter().collect();
    if found == twin.list() {
        return Ok(());
    }
    Err(format!("the sessions of {name} are {found:?}, those of the twin {:?}", twin.list()))
}

/// The digest of an engine that was given all batches at once.
fn folded(rules: &Rules, batches: &[Batch], requests: &[Request]) -> Digest {
    let mut engine = Engine::new(rules).expect("memory for small tables");
    let mut sequence = 1;
    for (batch, request) in batches.iter().zip(requests) {
        let last = batch[batch.len() - 1].header;
        engine.apply(sequence, batch, &mut Discard);
        sequence += batch.len() as u64;
        engine.take_in(request, sequence - 1, last.timestamp);
    }
    engine.digest()
}

/// An engine and its new journal. The journal draws a key for the hash tables of its own.
fn new_journal(
    rules: &Rules,
    folder: &Path,
    durability: Durability,
) -> (Engine, (DataDir, Journal<Disk>)) {
    let dir = DataDir::open(folder).expect("the folder is new");
    let options = Options { durability, segment_bytes: journal::SEGMENT_BYTES_MIN, key: None };
    let capacities = &rules.capacities;
    let wanted = Wanted {
        accounts: Some(capacities.accounts),
        transfers: Some(capacities.transfers),
        policies: Some(capacities.policies),
        markets: Some(capacities.markets),
        orders: Some(capacities.orders),
        retention_ns: Some(rules.retention_ns),
        id_time: IdTime::from_number(rules.id_time),
        sessions: Some(rules.sessions),
        session_retention_ns: Some(rules.session_retention_ns),
        withdraws_capacities: false,
        shortens_retention: false,
    };
    let mut replayer = Replayer::new(Discard, u64::MAX);
    let recovered = journal::recover(&dir, &wanted, &options, |entry| {
        replayer.apply(&entry).expect("memory for small tables");
    })
    .expect("a new journal can be made");
    replayer.put_in_force(&recovered.rules).expect("memory for small tables");
    let engine = replayer.into_parts().0.expect("a new journal has rules");
    let bell = LateBell::default();
    let rung = bell.clone();
    let waker: Waker = Arc::new(move || rung.ring());
    let writer = Writer::open(&dir, &recovered, options, &waker).expect("a new journal is written");
    (engine, (dir, Journal { writer, bell }))
}
