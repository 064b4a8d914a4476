//! From the claim of a ring slot to the publication of an outcome nothing is allocated.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use ringfence::bench::{LatencySink, MemorySource, Pace, Stamps};
use ringfence::bench::{Load, Mix};
use ringfence::engine::Engine;
use ringfence::journal::{self, DataDir, Durability, Options, Wanted, Writer};
use ringfence::node::gateway::{Intake, Progress, Source, SourceError};
use ringfence::node::pipeline::{self, Journal, LateBell, Parts, Placement, Settings};
use ringfence::node::publish::Sink;
use ringfence::ring::WaitStrategy;
use ringfence::types::{Event, Outcome, Rules};

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

/// Watches the thread that takes commands in.
struct WatchedSource(MemorySource, Arc<Watch>, u64);

impl Source for WatchedSource {
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
struct WatchedSink(LatencySink, Arc<Watch>);

impl Sink for WatchedSink {
    type Notice = ();

    fn notice(&mut self, notice: ()) {
        self.0.notice(notice);
    }

    fn event(&mut self, event: &Event) {
        self.0.event(event);
    }

    fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        self.0.outcome(sequence, outcome);
        if sequence > 2000 {
            self.1.look();
        }
    }

    fn turn_ends(&mut self, idle: bool) -> bool {
        self.0.turn_ends(idle)
    }
}

#[test]
fn nothing_is_allocated_between_claim_and_publication() {
    let folder = tempfile::tempdir().unwrap();
    for (journaled, cores) in [(false, &[0][..]), (false, &[0, 0]), (true, &[0]), (true, &[0, 0])] {
        for mix in [Mix::Single, Mix::PendingPost] {
            let load = Load::generate(100, 200_000, 100, mix, 1);
            let rules = Rules::new(load.capacities(), [1, 2]);
            let mut engine = Engine::new(&rules).unwrap();
            struct Nowhere;
            impl ringfence::engine::OutcomeSink for Nowhere {
                fn event(&mut self, _: &Event) {}
                fn outcome(&mut self, _: u64, _: &Outcome) {}
            }
            engine.apply(1, &load.accounts, &mut Nowhere);
            let placement = Placement::on(cores);
            let name = format!("{placement} journaled {journaled} {mix:?}");

            let dir = journaled.then(|| DataDir::open(&folder.path().join(&name)).unwrap());
            let journal = dir.as_ref().map(|dir| {
                let options = Options { durability: Durability::Sync, ..Options::default() };
                let recovered =
                    journal::recover(dir, &Wanted::default(), &options, |_| {}).unwrap();
                let bell = LateBell::default();
                let waker = bell.clone();
                let waker: journal::Waker = Arc::new(move || waker.ring());
                Journal { writer: Writer::open(dir, &recovered, options, &waker).unwrap(), bell }
            });
            // With a journal it starts at its first sequence: the accounts are not in it.
            let last_sequence = if journaled { 0 } else { load.accounts.len() as u64 };

            let stamps = Arc::new(Stamps::new(load.transfers.len() / 100));
            let (taking, giving) = (Arc::new(Watch::default()), Arc::new(Watch::default()));
            let transfers = Arc::clone(&load.transfers);
            let source = MemorySource::new(transfers, 100, Pace::Flood, Arc::clone(&stamps));
            let sink = LatencySink::new(stamps, last_sequence + 1, 100, load.transfers.len());
            let parts = Parts {
                engine,
                source: WatchedSource(source, Arc::clone(&taking), 0),
                sink: WatchedSink(sink, Arc::clone(&giving)),
                journal,
                last_sequence,
                last_timestamp: load.accounts.len() as u64,
            };
            let settings = Settings {
                ring_slots: 16 * 1024,
                event_slots: 16,
                wait: WaitStrategy::Phased,
                placement,
                stop: Arc::new(AtomicBool::new(false)),
            };
            let finished = pipeline::run(parts, &settings, |_| {}).unwrap();
            assert_eq!(finished.counts.refused(), 0, "{name}");
            assert_eq!(taking.allocated(), 0, "{name}: on the gateway's thread");
            assert_eq!(giving.allocated(), 0, "{name}: on publish's thread");
            if let Some(journal) = finished.journal {
                journal.writer.close().unwrap();
            }
        }
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
