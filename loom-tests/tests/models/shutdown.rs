//! The ends of a ring: drained, halted, panicked. Nobody waits for what will never come.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use core::time::Duration;
use std::sync::Arc;

use loom::sync::{Condvar, Mutex};
use loom::thread;
use ringfence_ring::{
    Bell, ClaimError, Graph, Halted, Monitor, Parker, Poll, WaitStrategy, Waiter,
};

use crate::support::{
    Found, check, double, end_if_some, look_until_ended, numbered, one_to_one, one_to_one_on,
    put_next, until,
};

fn parking(bell: &Bell) -> Waiter {
    Waiter::new(WaitStrategy::Park, bell.clone())
}

/// Forbidden: a stage says that it has ended before it has had every value, or sleeps through
/// the end.
#[test]
fn a_stage_ends_after_the_last_value_and_not_before() {
    check(3, || {
        let bell = Bell::new();
        let (mut producer, mut sink) = one_to_one_on(2, &Bell::silent(), &bell);
        let stage = thread::spawn(move || {
            let mut waiter = parking(&bell);
            let mut taken = 0;
            until(&mut waiter, || {
                look_until_ended(&mut sink, |batch| {
                    taken += batch.len();
                    numbered(batch);
                })
            });
            assert_eq!(taken, 2);
            assert_eq!(sink.released(), 3);
        });
        put_next(&mut producer);
        put_next(&mut producer);
        producer.close();
        stage.join().unwrap();
    });
}

/// Forbidden: the last stage of a chain ends while the one before it still has a value, or never.
#[test]
fn the_end_travels_down_a_chain() {
    check(2, || {
        let (one, two) = (Bell::new(), Bell::new());
        let mut graph = Graph::<u64>::new(1, 1).unwrap();
        let input = graph.input();
        let (mut first, doubled) = graph.stage("first").on(&one).reads((&input,)).writes::<u64>();
        let mut last = graph.stage("last").on(&two).reads((&doubled,)).sink();
        let (mut producer, monitor) = graph.build(&Bell::silent()).unwrap();
        put_next(&mut producer);

        let step = thread::spawn(move || {
            let mut waiter = parking(&one);
            until(&mut waiter, || look_until_ended(&mut first, double));
        });
        let finish = thread::spawn(move || {
            let mut waiter = parking(&two);
            let mut taken = 0;
            until(&mut waiter, || {
                look_until_ended(&mut last, |batch| {
                    taken += batch.len();
                    batch.publish(1);
                })
            });
            assert_eq!(taken, 1);
        });
        producer.close();
        step.join().unwrap();
        finish.join().unwrap();
        assert!(monitor.is_drained());
        assert_eq!(monitor.halted(), None);
    });
}

/// Forbidden: a stage sleeps on after the ring was halted, or finds the halt without its reason.
#[test]
fn a_halt_wakes_a_sleeping_stage_and_gives_its_reason() {
    check(3, || {
        let bell = Bell::new();
        let (producer, mut sink) = one_to_one_on(1, &Bell::silent(), &bell);
        let stage = thread::spawn(move || {
            let mut waiter = parking(&bell);
            let halted = until(&mut waiter, || end_if_some(sink.poll(1).err()));
            assert_eq!(halted.message, "enough");
        });
        producer.halt("enough");
        stage.join().unwrap();
    });
}

/// Forbidden: a ring is halted, its producer goes away, and a stage takes that for the end.
#[test]
fn a_ring_that_is_halted_never_seems_to_end() {
    check(None, || {
        let (producer, mut sink) = one_to_one(1);
        let stage = thread::spawn(move || {
            assert!(!matches!(sink.poll(1), Ok(Poll::Ended)));
            sink
        });
        producer.halt("enough");
        producer.close();
        drop(stage.join().unwrap());
    });
}

/// Forbidden: a stage finds the ring halted and reads the reason before it is written.
#[test]
fn the_reason_for_a_halt_is_seen_whole() {
    check(None, || {
        let (producer, mut sink) = one_to_one(1);
        let halting = thread::spawn(move || producer.halt("enough"));
        if let Err(halted) = sink.poll(1) {
            assert_eq!(halted, Halted { by: "producer".into(), message: "enough".into() });
        }
        halting.join().unwrap();
    });
}

/// Forbidden: the producer sleeps at a full ring whose only stage is gone.
#[test]
fn a_stage_that_goes_away_wakes_the_producer() {
    check(3, || {
        let bell = Bell::new();
        let (mut producer, sink) = one_to_one_on(1, &bell, &Bell::silent());
        put_next(&mut producer);
        let produce = thread::spawn(move || {
            let mut waiter = parking(&bell);
            until(&mut waiter, || match producer.try_claim(1) {
                Ok(Some(_)) => panic!("nothing was released"),
                Ok(None) => Found::Nothing,
                Err(error) => Found::End(error),
            })
        });
        drop(sink);
        let expected = Halted { by: "sink".into(), message: "it went away before the end".into() };
        assert_eq!(produce.join().unwrap(), ClaimError::Halted(expected));
    });
}

/// Forbidden: a stage panics in the middle of a batch, and the producer waits for it forever, or
/// overwrites what it read.
#[test]
fn a_panicking_stage_wakes_the_producer_and_keeps_its_slot() {
    check(3, || {
        let bell = Bell::new();
        let (mut producer, sink) = one_to_one_on(1, &bell, &Bell::silent());
        put_next(&mut producer);
        let stage = thread::spawn(move || {
            // Without the hook that prints: `resume_unwind` unwinds just the same.
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let mut sink = sink;
                let Poll::Ready(batch) = sink.poll(1).unwrap() else { panic!("one is there") };
                assert_eq!(*batch.reads().0.at(0), 1);
                resume_unwind(Box::new("on purpose"));
            }));
            assert!(panicked.is_err());
        });
        let mut waiter = parking(&bell);
        let error = until(&mut waiter, || match producer.try_claim(1) {
            Ok(Some(_)) => panic!("nothing was released"),
            Ok(None) => Found::Nothing,
            Err(error) => Found::End(error),
        });
        let expected = Halted { by: "sink".into(), message: "it panicked".into() };
        assert_eq!(error, ClaimError::Halted(expected));
        stage.join().unwrap();
    });
}

/// Forbidden: two that halt at once, and whoever asks, disagree about the reason.
#[test]
fn all_see_the_same_reason_for_a_halt() {
    check(3, || {
        let (mut producer, mut sink) = one_to_one(1);
        let stage = thread::spawn(move || {
            sink.halt("by the stage");
            sink.poll(1).err().expect("a thread sees its own halt")
        });
        producer.halt("by the producer");
        let Err(ClaimError::Halted(seen)) = producer.try_claim(1) else { panic!("halted") };
        assert_eq!(stage.join().unwrap(), seen);
    });
}

/// A parker that halts the ring before it wakes its thread.
struct Halting {
    /// Taken out in the end: the ring owns the parker.
    monitor: std::sync::Mutex<Option<Monitor>>,
    token: Mutex<bool>,
    given: Condvar,
}

impl Parker for Halting {
    fn park(&self, _: Duration) {
        let mut token = self.token.lock().unwrap();
        while !*token {
            token = self.given.wait(token).unwrap();
        }
        *token = false;
    }

    fn unpark(&self) {
        let monitor = self.monitor.lock().unwrap().clone();
        monitor.expect("it is set before the ring moves").halt("by the parker");
        *self.token.lock().unwrap() = true;
        self.given.notify_one();
    }
}

/// Forbidden: a thread that ends or halts a ring waits for ever in a parker that halts it too, or
/// the thread of the parker sleeps on.
fn a_parker_halts(end: fn(ringfence_ring::Producer<u64>)) {
    let parker = Arc::new(Halting {
        monitor: std::sync::Mutex::default(),
        token: Mutex::new(false),
        given: Condvar::new(),
    });
    let bell = Bell::with_parker(parker.clone());
    let mut graph = Graph::<u64>::new(1, 1).unwrap();
    let input = graph.input();
    let mut sink = graph.stage("sink").on(&bell).reads((&input,)).sink();
    let (producer, monitor) = graph.build(&Bell::silent()).unwrap();
    *parker.monitor.lock().unwrap() = Some(monitor);
    let stage = thread::spawn(move || {
        let mut waiter = parking(&bell);
        until(&mut waiter, || match sink.poll(1) {
            Ok(Poll::Ready(_)) => panic!("nothing was published"),
            Ok(Poll::Empty) => Found::Nothing,
            Ok(Poll::Ended) | Err(_) => Found::End(()),
        });
    });
    end(producer);
    stage.join().unwrap();
    parker.monitor.lock().unwrap().take();
}

/// See [`a_parker_halts`].
#[test]
fn a_parker_may_halt_a_ring_that_is_halted() {
    check(3, || a_parker_halts(|producer| producer.halt("enough")));
}

/// See [`a_parker_halts`].
#[test]
fn a_parker_may_halt_a_ring_that_ends() {
    check(3, || a_parker_halts(|producer| producer.close()));
}
