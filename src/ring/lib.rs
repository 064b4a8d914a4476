//! Lanes over one sequence space: a ring whose stages each write a lane of their own.
//!
//! ```text
//!   commands ──┬──▶ risk ──▶ verdicts ──┬──▶ settle ──▶ outcomes ──▶ publish
//!              │                        │                              ▲
//!              ├────────────────────────┘                              │ after
//!              └──▶ journal ───────────────────────────────────────────┘
//! ```
//!
//! Every value that a producer publishes gets one sequence number. Each stage reads some lanes at
//! that number, and may write its own lane at the same number. Nothing is copied from lane to lane,
//! no slot is shared while it can change, and no thread waits for a lock.
//!
//! # Quick start
//!
//! ```
//! # #[cfg(feature = "std")] {
//! use ringfence_ring::{Bell, Crew, Graph, WaitStrategy, Worker};
//!
//! // Two workers: each becomes a thread.
//! let mut first = Worker::new("double", WaitStrategy::Phased);
//! let mut second = Worker::new("check", WaitStrategy::Phased);
//!
//! // A ring of 1,024 slots whose first value gets sequence 1. The second stage reads the input
//! // and what the first stage writes, so it follows behind it.
//! let mut graph = Graph::<u64>::new(1024, 1)?;
//! let numbers = graph.input();
//! let (double, doubles) =
//!     graph.stage("double").on(first.bell()).reads((&numbers,)).writes::<u64>();
//! let check = graph.stage("check").on(second.bell()).reads((&numbers, &doubles)).sink();
//! let (mut producer, monitor) = graph.build(&Bell::new())?;
//!
//! first.run(double, |mut batch| {
//!     let ((numbers,), mut doubles) = batch.parts();
//!     doubles.extend(numbers.iter().map(|number| number * 2));
//!     batch.finish();
//! });
//! second.run(check, |batch| {
//!     let (numbers, doubles) = batch.reads();
//!     for (number, double) in numbers.iter().zip(doubles) {
//!         assert_eq!(number * 2, *double);
//!     }
//!     batch.finish();
//! });
//!
//! let crew = Crew::start(vec![first, second], &monitor)?;
//! for number in 0..10_000 {
//!     producer.publish(number)?; // waits while the ring is full
//! }
//! producer.close();
//! crew.join()?; // everything is processed; a panic in a stage would be reported here
//! assert_eq!(monitor.stage("check").unwrap().released, 10_001);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! A lane is a block of slots that are used again and again: in a ring of 4 slots, sequence 9 lies
//! where 1 and 5 lay before. Each stage has a *cursor*: the sequence behind the last slot that it
//! has handed on. A stage may take the slots before the cursors that it waits for. A producer may
//! claim the slots that the last stages have handed on in the round before.
//!
//! ```text
//!              last stage     first stage    producer         4 slots, so 7 + 4 = 11
//!                  │ 7            │ 9           │ 10          is where the producer stops
//!   ───┬───┬───┬───┼───┬───┬──────┼─────────────┼───────────────▶ sequence
//!      5   6       7   8          9             10
//!     free again  being read     being read    being written
//! ```
//!
//! A thread looks at the cursors of others only if it has used up the result of its last look. A
//! stage that lags behind takes all available slots as one [`Batch`], for the cost of one look.
//!
//! **One producer** ([`Graph::build`]) moves its cursor when it publishes. If a claim is dropped,
//! its sequences go to the next claim.
//!
//! **Several producers** ([`Graph::build_shared`]) claim sequences by a common cursor, and mark the
//! slots that they have filled. If a claim is dropped, also by a panic, its unpublished slots are
//! marked as skipped, and stages jump over them.
//!
//! ```text
//!   producer A   claims 8, 9, 10 ─▶ fills them          marks ✓ ✓ ✓
//!   producer B   claims 11 ───────▶ fills it            marks       ✓       batches: 8 to 11,
//!   producer C   claims 12, 13 ───▶ panics              marks         ✗ ✗            14
//!   producer A   claims 14 ───────▶ fills it            marks             ✓
//! ```
//!
//! **Waiting** is done by threads, not by stages: [`Stage::poll`] never waits. A [`Waiter`] spins,
//! yields or sleeps by a [`WaitStrategy`]. The ring rings the [`Bell`] of a thread that may sleep
//! when there is work for it. The methods that wait also exist with a time limit:
//! `Producer::claim_within`, `Stage::poll_within`, `Crew::join_within`.
//!
//! **The end** comes when the last producer is dropped: stages process the values that are in the
//! ring, then find [`Poll::Ended`]. A *halt* comes when a stage panics or is dropped early, or when
//! `halt` is called: then all stages and producers get [`Halted`], with the reason, and no thread
//! waits for ever.
//!
//! **Several stages on one thread** are polled one after the other, in any loop or by one `Worker`.
//! They read the same slots, so nothing is copied between them. A stage whose work ends later than
//! it begins takes batches with [`Stage::poll_ahead`] and releases them later.
//!
//! **Layout**: each cursor, and the ends of each lane, lie on 128 bytes of their own, so that no
//! thread writes to a cache line that another one reads for something else. Large lanes can be put
//! on huge pages: [`Graph::with_pages`].
//!
//! **Observation**: a [`Monitor`] shows sequences, lags and free slots, from any thread.
//!
//! # Features
//!
//! **`std`** (default) brings
//!
//! * `Crew` and `Worker`: threads that run stages, pinned to cores if wanted;
//! * bells on condition variables (`Bell::new`);
//! * time limits (`…_within`, `Waiter::wait_for`);
//! * [`Pages::Huge`] on Linux;
//! * stages and producers that notice a panic.
//!
//! It builds this crate, `core_affinity`, `num_cpus` and `libc`.
//!
//! **Without features** the crate is `no_std` with `alloc` and has no dependencies. It has
//! everything else: lanes, graphs, producers, stages, polling, monitors, waiting by spinning,
//! sleeping by a [`Parker`] of the program.
//!
//! Without `std`, each [`WaitStrategy`] spins unless the [`Bell`] has a parker of the program, and
//! a producer that is dropped by a panic closes the ring as if it had published all of its values.
//! The target needs 64-bit atomics and compare-and-swap.
//!
//! # What does not compile
//!
//! A view that outlives the release of its slots:
//!
//! ```compile_fail,E0505
//! # use ringfence_ring::{Bell, Graph, Poll};
//! # let mut graph = Graph::<u64>::new(8, 1).unwrap();
//! # let input = graph.input();
//! # let mut stage = graph.stage("reader").reads((&input,)).sink();
//! # let (mut producer, _monitor) = graph.build(&Bell::silent()).unwrap();
//! # producer.publish(1).unwrap();
//! let Poll::Ready(batch) = stage.poll(8).unwrap() else { panic!("one is there") };
//! let (values,) = batch.reads();
//! batch.finish();
//! println!("{}", values.at(0)); // the producer may be writing here now
//! ```
//!
//! A claimed slot that leaves its claim, or the closure that fills it:
//!
//! ```compile_fail,E0505
//! # use ringfence_ring::{Bell, Graph};
//! # let mut graph = Graph::<u64>::new(8, 1).unwrap();
//! # let input = graph.input();
//! # let stage = graph.stage("reader").reads((&input,)).sink();
//! # let (mut producer, _monitor) = graph.build(&Bell::silent()).unwrap();
//! let mut claim = producer.claim(1).unwrap();
//! let slot = claim.slot(0);
//! claim.finish();
//! *slot = 1; // a stage may be reading here now
//! ```
//!
//! ```compile_fail,E0521
//! # use ringfence_ring::{Bell, Graph};
//! # let mut graph = Graph::<u64>::new(8, 1).unwrap();
//! # let input = graph.input();
//! # let stage = graph.stage("reader").reads((&input,)).sink();
//! # let (mut producer, _monitor) = graph.build_shared().unwrap();
//! let mut kept = None;
//! producer.publish_with(|slot| kept = Some(slot)).unwrap();
//! ```
//!
//! Access to slots by the handle of a lane, and reading of slots that a stage has to write:
//!
//! ```compile_fail,E0599
//! # use ringfence_ring::Graph;
//! # let mut graph = Graph::<u64>::new(8, 1).unwrap();
//! let unpublished = graph.input().at(0);
//! ```
//!
//! ```compile_fail,E0599
//! # use ringfence_ring::{Bell, Graph, Poll};
//! # let mut graph = Graph::<u64>::new(8, 1).unwrap();
//! # let input = graph.input();
//! # let (mut stage, lane) = graph.stage("writer").reads((&input,)).writes::<u64>();
//! # let (mut producer, _monitor) = graph.build(&Bell::silent()).unwrap();
//! # producer.publish(1).unwrap();
//! let Poll::Ready(mut batch) = stage.poll(8).unwrap() else { panic!("one is there") };
//! let (_, out) = batch.parts();
//! let unpublished = out.at(0);
//! ```
//!
//! # Invariants
//!
//! * A lane has exactly one writer (the input lane: one for each claim), and all readers of the
//!   lane wait for that writer.
//! * A producer claims a slot again only after all stages have released it.
//! * Only written slots are published, only published slots can be read, and when a part of a ring
//!   is dropped, the other parts learn of it.
#![cfg_attr(not(test), no_std)]

extern crate alloc;
// Named only here and where the feature is asked for: without it nothing of `std` can be reached.
#[cfg(any(feature = "std", loom, weaken = "named"))]
extern crate std;

mod ahead;
mod barrier;
mod batch;
mod bell;
mod claim;
mod claims;
#[cfg(all(feature = "std", not(loom)))]
mod crew;
mod cursor;
mod error;
mod graph;
mod input_slots;
mod lane;
mod marks;
mod monitor;
mod once;
mod order;
mod producer;
mod reads;
mod sleep;
mod slots;
mod stage;
mod stage_slots;
mod state;
mod strategy;
mod sync;
mod upstream;
mod waiter;
#[cfg(all(feature = "std", not(loom)))]
mod worker;

pub use batch::Batch;
pub use bell::Bell;
pub use claim::Claim;
pub use claims::{Alone, Claims, Shared};
#[cfg(all(feature = "std", not(loom)))]
pub use crew::Crew;
pub use error::{ClaimError, FIRST_SEQUENCE_MAX, GraphError, Halted, PublishError};
pub use graph::{Graph, StageBuilder};
pub use lane::{Lane, LaneWriter, View};
pub use monitor::{Monitor, StageCursor, StageStatus};
pub use producer::{Producer, SharedProducer};
pub use reads::{LaneRefs, Lanes, LanesOf, Slot, Views};
pub use sleep::Parker;
pub use slots::Pages;
pub use stage::{Poll, Stage};
pub use strategy::WaitStrategy;
pub use waiter::{PARK_LIMIT, Waiter};
#[cfg(all(feature = "std", not(loom)))]
pub use worker::{Handler, Worker};

/// The example of the README compiles and runs.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("README.md")]
struct Readme;

#[cfg(all(test, not(loom)))]
mod tests;
