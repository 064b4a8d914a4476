//! From the claim of a ring slot to the publication of an outcome nothing is allocated.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use ringfence::bench::{LatencySink, MemorySource, Pace, Stamps};
use ringfence::bench::{Load, Mix};
use ringfence::engine::{Engine, Sessions};
use ringfence::journal::{self, DataDir, Disk, Durability, Options, Reader, Trail, Wanted, Writer};
use ringfence::node::gateway::{Intake, Progress, Source, SourceError};
use ringfence::node::pipeline::{self, Journal, LateBell, Parts, Placement, Settings};
use ringfence::node::publish::Sink;
use ringfence::node::replay::{Discard, Replayer};
use ringfence::ring::WaitStrategy;
use ringfence::types::{Command, Event, Origin, Outcome, Request, Rules, SessionRecord};

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system's allocator as it came; counting touches only a cell
// of the calling thread, which needs no allocation and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + 1);
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What a thread had allocated when the first batch was through, and when the last one was.
#[derive(Default)]
struct Watch {
    first: OnceLock<u64>,
    last: AtomicU64,
}

impl Watch {
    fn look(&self) {
        self.first.get_or_init(|| ALLOCATED.get());
        self.last.store(ALLOCATED.get(), Ordering::Relaxed);
    }

    fn allocated(&self) -> u64 {
        self.last.load(Ordering::Relaxed) - self.first.get().expect("it was looked at")
    }
}

/// Sessions that the table of [`NamedSource`]'s engine holds at most: fewer than there are clients.
const SESSIONS: u64 = 8;
/// Clients that send in turn; each new one takes the place of the one that is silent longest.
const CLIENTS: usize = 11;

/// Hands on commands in batches of one, each of which is a request of a session with a name.
struct NamedSource {
    commands: Arc<[Command]>,
    next: usize,
    stamps: Arc<Stamps>,
    /// Turns in which the ring was full.
    full: Arc<AtomicU64>,
}

impl Source for NamedSource {
    type Notice = ();

    fn step(&mut self, intake: &mut Intake<()>) -> Result<Progress, SourceError> {
        if self.next == 0 {
            self.stamps.start(Instant::now());
        }
        let mut progress = Progress::Ended;
        // As many as there is room for: on one thread nobody makes room in between.
        while let Some(command) = self.commands.get(self.next) {
            self.stamps.set(self.next, Instant::now());
            let session = 1 + (self.next % CLIENTS) as u128;
            let request = Request { session, number: 1 + self.next as u64, ..Request::NONE };
            let clock_ns = command.header.timestamp;
            assert!(intake.would_accept_session(session, clock_ns));
            let taken = intake.submit(command.op(), 0, &request, clock_ns, 1, |_| &command.body)?;
            if taken.is_none() {
                self.full.fetch_add(1, Ordering::Relaxed);
                return Ok(if progress == Progress::Ended { Progress::Idle } else { progress });
            }
            self.next += 1;
            progress = Progress::Worked;
        }
        Ok(progress)
    }

    fn stop(&mut self) {
        self.next = self.commands.len();
    }
}

/// Watches the thread that takes commands in.
struct WatchedSource<S>(S, Arc<Watch>, u64);

impl<S: Source<Notice = ()>> Source for WatchedSource<S> {
    type Notice = ();

    fn step(&mut self, intake: &mut Intake<()>) -> Result<Progress, SourceError> {
        let progress = self.0.step(intake)?;
        self.2 += 1;
        // Not the first steps: a thread's own storage is set up in them.
        if progress == Progress::Worked && self.2 > 2 {
            self.1.look();
        }
        Ok(progress)
    }

    fn stop(&mut self) {
        self.0.stop();
    }
}

/// Watches the thread that publishes outcomes.
struct WatchedSink {
    sink: LatencySink,
    watch: Arc<Watch>,
    /// The last origin that came.
    origin: Origin,
    /// Whether each outcome comes behind the origin of its batch.
    is_named: bool,
}

impl Sink for WatchedSink {
    type Notice = ();

    fn notice(&mut self, notice: ()) {
        self.sink.notice(notice);
    }

    fn origin(&mut self, origin: &Origin) {
        self.origin = *origin;
    }

    fn event(&mut self, event: &Event) {
        self.sink.event(event);
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        assert_eq!(self.is_named, self.origin.first_sequence == sequence);
        self.sink.outcome(sequence, outcome);
        if sequence > 2000 {
            self.watch.look();
        }
    }

    fn turn_ends(&mut self, idle: bool) -> bool {
        self.sink.turn_ends(idle)
    }
}

/// Runs a load through the smallest ring there is, on these cores, with a journal in `folder` or
/// without one, and asserts that nothing is allocated. `named`: in batches of one command, each of
/// a session with a name.
fn run(load: &Load, cores: &[usize], folder: Option<&Path>, named: bool) {
    let journaled = folder.is_some();
    let placement = Placement::on(cores);
    let name = format!("{placement} journaled {journaled} named {named}");
    let (sessions, session_retention_ns) = (Some(SESSIONS), Some(1));
    let wanted = Wanted { sessions, session_retention_ns, ..Wanted::default() };
    let rules = Rules::new(load.capacities(), [1, 2]);
    let rules = Rules { sessions: SESSIONS, session_retention_ns: 1, ..rules };
    let mut engine = Engine::new(&rules).unwrap();
    engine.apply(1, &load.accounts, &mut Discard);

    let dir = folder.map(|folder| DataDir::open(folder).unwrap());
    let journal = dir.as_ref().map(|dir| open_journal(dir, &wanted));
    // Somebody who follows with commands, for whom the journal keeps what it writes.
    let _follows = dir.as_ref().zip(journal.as_ref()).map(|(dir, journal)| {
        let trail = Trail::open(dir.files(), None, 1).unwrap().expect("the journal is new");
        trail.reading_along(journal.writer.recent())
    });
    // With a journal it starts at its first sequence: the accounts are not in it.
    let last_sequence = if journaled { 0 } else { load.accounts.len() as u64 };

    let length = if named { 1 } else { 100 };
    let stamps = Arc::new(Stamps::new(load.transfers.len() / length));
    let (taking, giving) = (Arc::new(Watch::default()), Arc::new(Watch::default()));
    let (commands, full) = (Arc::clone(&load.transfers), Arc::new(AtomicU64::new(0)));
    let sink =
        LatencySink::new(Arc::clone(&stamps), last_sequence + 1, length, load.transfers.len());
    let (origin, watch) = (Origin::default(), Arc::clone(&giving));
    let sink = WatchedSink { sink, watch, origin, is_named: named };
    let settings = Settings {
        // As many slots for origins as for commands: if they could be full while there is room for
        // commands, they would be here.
        ring_slots: 16 * 1024,
        event_slots: 16,
        wait: WaitStrategy::Phased,
        placement,
        stop: Arc::default(),
        counters: Arc::default(),
    };
    let last_timestamp = load.accounts.len() as u64;
    let watch = Arc::clone(&taking);
    let finished = if named {
        let source = NamedSource { commands, next: 0, stamps, full: Arc::clone(&full) };
        let source = WatchedSource(source, watch, 0);
        let parts = Parts { engine, source, sink, journal, last_sequence, last_timestamp };
        let finished = pipeline::run(parts, &settings, |_| {}).unwrap();
        (finished.counts, finished.engine, finished.journal)
    } else {
        let source = MemorySource::new(commands, length, Pace::Flood, stamps);
        let source = WatchedSource(source, watch, 0);
        let parts = Parts { engine, source, sink, journal, last_sequence, last_timestamp };
        let finished = pipeline::run(parts, &settings, |_| {}).unwrap();
        (finished.counts, finished.engine, finished.journal)
    };
    let (counts, engine, journal) = finished;
    assert_eq!(counts.refused(), 0, "{name}");
    assert_eq!(taking.allocated(), 0, "{name}: on the gateway's thread");
    assert_eq!(giving.allocated(), 0, "{name}: on publish's thread");
    if named {
        let times = full.load(Ordering::Relaxed);
        assert!(cores.len() > 1 || times > 0, "{name}: the ring was never full");
        assert_eq!(engine.sessions().count(), SESSIONS, "{name}");
    }
    let Some(journal) = journal else { return };
    journal.writer.close().unwrap();
    if named {
        assert_eq!(
            sessions_of(&dir.unwrap()),
            records_of(engine.sessions()),
            "{name}: after replay"
        );
    }
}

fn open_journal(dir: &DataDir, wanted: &Wanted) -> Journal<Disk> {
    let options = Options { durability: Durability::Sync, ..Options::default() };
    let recovered = journal::recover(dir, wanted, &options, |_| {}).unwrap();
    let bell = LateBell::default();
    let waker = bell.clone();
    let waker: journal::Waker = Arc::new(move || waker.ring());
    Journal { writer: Writer::open(dir, &recovered, options, &waker).unwrap(), bell }
}

/// The sessions that a journal's replay knows.
fn sessions_of(dir: &DataDir) -> Vec<SessionRecord> {
    let mut replayer = Replayer::new(Discard, u64::MAX);
    let mut reader = Reader::open(dir, None).unwrap();
    while let Some(entry) = reader.next_entry().unwrap() {
        replayer.apply(&entry).unwrap();
    }
    records_of(replayer.engine().unwrap().sessions())
}

fn records_of(sessions: &Sessions) -> Vec<SessionRecord> {
    sessions.iter().collect()
}

#[test]
fn nothing_is_allocated_between_claim_and_publication() {
    let folder = tempfile::tempdir().unwrap();
    for (journaled, cores) in [(false, &[0][..]), (false, &[0, 0]), (true, &[0]), (true, &[0, 0])] {
        for mix in [Mix::Single, Mix::PendingPost] {
            let load = Load::generate(100, 200_000, 100, mix, 1);
            let data = folder.path().join(format!("{} {mix:?}", cores.len()));
            run(&load, cores, journaled.then_some(&*data), false);
        }
    }
}

#[test]
fn nothing_is_allocated_for_sessions_and_their_requests_never_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let load = Load::generate(100, 100_000, 100, Mix::Single, 1);
    for (journaled, cores) in [(false, &[0][..]), (false, &[0, 0]), (true, &[0]), (true, &[0, 0])] {
        let data = folder.path().join(cores.len().to_string());
        run(&load, cores, journaled.then_some(&*data), true);
    }
}

#[test]
fn the_count_would_show_an_allocation() {
    let watch = Watch::default();
    watch.look();
    drop(std::hint::black_box(Box::new(1)));
    watch.look();
    assert_eq!(watch.allocated(), 1);
}
