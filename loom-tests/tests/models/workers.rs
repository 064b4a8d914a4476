//! Threads that host several stages, as a crew's workers do, and what reaches those that sleep.
//!
//! `ring::Crew` itself starts threads of the standard library; [`work`] is its loop.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use loom::thread;
use ringfence_ring::{
    Batch, Bell, ClaimError, Graph, Halted, Monitor, Poll, SharedProducer, WaitStrategy, Waiter,
};

use crate::support::{Sink, check, numbered};

/// What one stage of a thread did in a round.
enum Step {
    Worked(usize),
    Idle,
    Ended,
}

fn parking(bell: &Bell) -> Waiter {
    Waiter::new(WaitStrategy::Park, bell.clone())
}

fn step(stage: &mut Sink, on_batch: impl FnOnce(Batch<'_, (u64,), ()>)) -> Result<Step, Halted> {
    let before = stage.taken();
    match stage.poll(usize::MAX)? {
        Poll::Ready(batch) => on_batch(batch),
        Poll::Empty => {}
        Poll::Ended => return Ok(Step::Ended),
    }
    Ok(match stage.taken() - before {
        0 => Step::Idle,
        slots => Step::Worked(slots as usize),
    })
}

/// Steps all stages by turns until all have ended or one finds the ring halted.
fn work<const STAGES: usize>(
    bell: &Bell,
    mut round: impl FnMut() -> Result<[Step; STAGES], Halted>,
) -> Result<(), Halted> {
    let mut waiter = parking(bell);
    loop {
        let (mut most, mut running) = (0, false);
        for step in round()? {
            if let Step::Worked(slots) = step {
                most = most.max(slots);
            }
            running |= !matches!(step, Step::Ended);
        }
        if !running {
            return Ok(());
        }
        if most > 0 {
            waiter.worked(most);
        } else {
            waiter.wait();
        }
    }
}

/// Forbidden: a thread sleeps while a stage of its own has work that another stage of the same
/// thread has just made, for which nobody rings; or it sleeps through the end. The later stage is
/// stepped first, so that its work is always made behind its back. The producer sleeps for room.
#[test]
fn a_thread_with_two_stages_of_one_ring_never_sleeps_between_them() {
    check(3, || {
        let (bell, producing) = (Bell::new(), Bell::new());
        let mut graph = Graph::<u64>::new(1, 1).unwrap();
        let input = graph.input();
        let mut first = graph.stage("first").on(&bell).reads((&input,)).sink();
        let mut last = graph.stage("last").on(&bell).reads((&input,)).after(&first).sink();
        let (mut producer, monitor) = graph.build(&producing).unwrap();
        producer.set_wait(WaitStrategy::Park);
        let worker = thread::spawn(move || {
            let round = || Ok([step(&mut last, numbered)?, step(&mut first, numbered)?]);
            assert_eq!(work(&bell, round), Ok(()));
        });
        for value in 1..=2 {
            assert_eq!(producer.publish(value), Ok(value));
        }
        producer.close();
        worker.join().unwrap();
        assert!(monitor.is_drained());
    });
}

/// Steps `stage` as a worker does: a panic of its handler halts the ring with a message.
fn step_and_panic(stage: &mut Sink) -> Result<Step, Halted> {
    // Without the hook that prints: `resume_unwind` unwinds just the same.
    let panicking = |_: Batch<'_, (u64,), ()>| resume_unwind(Box::new("on purpose"));
    match catch_unwind(AssertUnwindSafe(|| step(stage, panicking))) {
        Ok(found) => found,
        Err(_) => {
            stage.halt("it panicked");
            stage.poll(1).map(|_| Step::Idle)
        }
    }
}

/// Forbidden: a handler panics, and the worker that sleeps sleeps on; or the stage beside it on its
/// own thread, or anyone else, finds the halt without its reason.
#[test]
fn a_panic_in_one_of_two_stages_of_a_thread_wakes_a_worker_that_sleeps() {
    check(2, || {
        let (here, there) = (Bell::new(), Bell::new());
        let mut graph = Graph::<u64>::new(1, 1).unwrap();
        let input = graph.input();
        let mut one = graph.stage("one").on(&here).reads((&input,)).sink();
        let mut two = graph.stage("two").on(&here).reads((&input,)).sink();
        let mut last = graph.stage("last").on(&there).reads((&input,)).after(&one).sink();
        let (mut producer, _) = graph.build(&Bell::silent()).unwrap();
        producer.try_publish(1).unwrap();
        let sleeping = thread::spawn(move || {
            let round = || Ok([step(&mut last, |_| panic!("nothing was handed on"))?]);
            work(&there, round).unwrap_err()
        });
        let panicking = || Ok([step_and_panic(&mut one)?, step(&mut two, numbered)?]);
        let halted = work(&here, panicking).unwrap_err();
        assert_eq!((halted.by.as_str(), halted.message.as_str()), ("one", "it panicked"));
        assert_eq!(two.poll(1).err(), Some(halted.clone()));
        assert_eq!(sleeping.join().unwrap(), halted.clone());
        assert_eq!(producer.try_publish(2).unwrap_err().halted, Some(halted));
    });
}

/// A ring of one slot, which is full, whose stage does nothing.
fn full_and_shared() -> (SharedProducer<u64>, Sink, Monitor) {
    let mut graph = Graph::<u64>::new(1, 1).unwrap();
    let input = graph.input();
    let sink = graph.stage("sink").on(&Bell::silent()).reads((&input,)).sink();
    let (mut producer, monitor) = graph.build_shared().unwrap();
    producer.set_wait(WaitStrategy::Park);
    producer.try_publish(1).unwrap();
    (producer, sink, monitor)
}

/// Forbidden: a ring is halted from outside, and the worker that sleeps at the empty ring sleeps
/// on, or the one that is about to.
#[test]
fn a_halt_from_outside_ends_a_worker_with_two_stages() {
    check(3, || {
        let bell = Bell::new();
        let mut graph = Graph::<u64>::new(1, 1).unwrap();
        let input = graph.input();
        let mut first = graph.stage("first").on(&bell).reads((&input,)).sink();
        let mut last = graph.stage("last").on(&bell).reads((&input,)).after(&first).sink();
        let (mut producer, monitor) = graph.build(&Bell::silent()).unwrap();
        let worker = thread::spawn(move || {
            let round = || Ok([step(&mut first, numbered)?, step(&mut last, numbered)?]);
            work(&bell, round).unwrap_err().message
        });
        producer.try_publish(1).unwrap();
        monitor.halt("enough");
        assert_eq!(worker.join().unwrap(), "enough");
    });
}

/// Forbidden: the only producer sleeps at the full ring, and on when the ring is halted.
#[test]
fn a_halt_wakes_a_producer_that_sleeps_for_room() {
    check(None, || {
        let bell = Bell::new();
        let mut graph = Graph::<u64>::new(1, 1).unwrap();
        let input = graph.input();
        let _sink = graph.stage("sink").on(&Bell::silent()).reads((&input,)).sink();
        let (mut producer, monitor) = graph.build(&bell).unwrap();
        producer.set_wait(WaitStrategy::Park);
        producer.try_publish(1).unwrap();
        let waiting = thread::spawn(move || producer.claim(1).unwrap_err());
        monitor.halt("enough");
        let expected = Halted { by: "monitor".into(), message: "enough".into() };
        assert_eq!(waiting.join().unwrap(), ClaimError::Halted(expected));
    });
}

/// Forbidden: a halt wakes one of several producers that sleep, or none.
#[test]
fn a_halt_wakes_all_producers_that_sleep_for_room() {
    check(2, || {
        let (producer, _sink, monitor) = full_and_shared();
        let waiting = [producer.clone(), producer].map(|mut producer| {
            thread::spawn(move || producer.publish(2).unwrap_err().halted.unwrap().message)
        });
        monitor.halt("enough");
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), "enough");
        }
    });
}
