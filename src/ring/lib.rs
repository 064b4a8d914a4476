//! Lanes over one sequence space: a ring whose stages each write a lane of their own.
//!
//! ```text
//!   commands ──┬──▶ risk ──▶ verdicts ──┬──▶ settle ──▶ outcomes ──▶ publish
//!              │                        │                              ▲
//!              ├────────────────────────┘                              │ after
//!              └──▶ journal ───────────────────────────────────────────┘
//! ```
//!
//! Every value a producer puts in gets one sequence number. Each stage reads some lanes at that
//! number and may write its own lane there. Nothing is copied from lane to lane, no slot is ever
//! shared while it can change, and no thread waits for a lock.
//!
//! # Quick start
//!
//! ```
//! # #[cfg(feature = "std")] {
//! use ringfence_ring::{Bell, Crew, Graph, WaitStrategy, Worker};
//!
//! // Two threads to be.
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
//! A lane is a block of slots used over and over: sequence 9 lies where 1 and 5 lay before. Each
//! stage has a *cursor*, the sequence behind the last one it has handed on. It may take what is
//! before the cursors it waits for; a producer may claim what the last stages have handed on in
//! the round before.
//!
//! ```text
//!              last stage     first stage    producer         4 slots, so 7 + 4 = 11
//!                  │ 7            │ 9           │ 10          is where the producer stops
//!   ───┬───┬───┬───┼───┬───┬──────┼─────────────┼───────────────▶ sequence
//!      5   6       7   8          9             10
//!     free again  being read     being read    being written
//! ```
//!
//! Who waits looks at cursors of others only when the last look is used up: a stage that lags
//! behind takes all that is there as one [`Batch`], and pays for one look.
//!
//! **One producer** ([`Graph::build`]) moves its cursor when it publishes. A claim that is dropped
//! was never made: its sequences are given out again.
//!
//! **Several producers** ([`Graph::build_shared`]) share out sequences by their cursor and mark
//! what they have filled. What a claim does not publish is marked as skipped, also when the
//! claim is dropped by a panic: stages jump over it and nobody ever sees it.
//!
//! ```text
//!   producer A   claims 8, 9, 10 ─▶ fills them          marks ✓ ✓ ✓
//!   producer B   claims 11 ───────▶ fills it            marks       ✓       batches: 8 to 11,
//!   producer C   claims 12, 13 ───▶ panics              marks         ✗ ✗            14
//!   producer A   claims 14 ───────▶ fills it            marks             ✓
//! ```
//!
//! **Waiting** is the thread's affair, not the stage's: [`Stage::poll`] never waits. A [`Waiter`]
//! spins, yields or sleeps by a [`WaitStrategy`]; whoever makes work rings the [`Bell`] of the
//! threads that may sleep. Waiting forms take a time limit: [`Producer::claim_within`],
//! [`Stage::poll_within`], [`Crew::join_within`].
//!
//! **The end** comes when the last producer is dropped: stages process what is there, then find
//! [`Poll::Ended`]. A *halt* comes when a stage panics or goes away early, or when anyone calls
//! `halt`: all others get [`Halted`], with the reason, instead of an endless wait.
//!
//! **Several stages on one thread** are polled one after the other, in any loop or by one
//! [`Worker`]; they read the same slots, so nothing is copied between them. A stage whose work
//! ends later than it begins takes batches with [`Stage::poll_ahead`] and releases them later.
//!
//! **Layout**: every cursor and the ends of every lane lie on 128 bytes of their own, and nobody
//! writes where others look. Large lanes can be put on huge pages: [`Graph::with_pages`].
//!
//! **From outside** a [`Monitor`] shows sequences, lags and what is free.
//!
//! # Features
//!
//! | feature | brings | builds |
//! |---|---|---|
//! | `std` (default) | `Crew` and `Worker`, which run stages on threads, pinned to cores if asked to; bells on condition variables (`Bell::new`); time limits (`…_within`, `Waiter::wait_for`); [`Pages::Huge`] on Linux; stages and producers that notice a panic | this crate, `core_affinity`, `num_cpus`, `libc` |
//! | none | all the rest, `no_std` with `alloc`: lanes, graphs, producers, stages, polling, monitors, waiting by spinning, sleeping by a [`Parker`] of one's own | this crate alone |
//!
//! Without `std`, every [`WaitStrategy`] spins unless the [`Bell`] has a parker, and a producer
//! that is dropped by a panic closes the ring as if it had put in all of its values. The target
//! needs atomics of 64 bits and of pointers.
//!
//! # What cannot be written
//!
//! A view does not outlive the release of its slots:
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
//! A claimed slot does not escape its claim, nor the closure that fills it:
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
//! A lane gives no access to its slots, and a stage cannot read those that it is to write:
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
//! * A lane has exactly one writer (the input lane: one for each claim); whoever reads it waits
//!   for that writer.
//! * A producer claims a slot again only when every stage has released it.
//! * Nothing unwritten is published, nothing unpublished can be read, and a ring whose parts go
//!   away says so to the others.

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

#[cfg(all(test, not(loom)))]
mod tests;
