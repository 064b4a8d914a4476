//! Several producers: claims, publication in any order, what was skipped.

use std::mem;

use loom::thread;
use ringfence_ring::{Bell, Graph, Poll, SharedProducer, WaitStrategy, Waiter};

use crate::support::{Found, Sink, check, look, look_until_ended, numbered, until};

fn many_to_one(slots: usize, stage: &Bell) -> (SharedProducer<u64>, Sink) {
    let mut graph = Graph::<u64>::new(slots, 1).unwrap();
    let input = graph.input();
    let sink = graph.stage("sink").on(stage).reads((&input,)).sink();
    let (producer, _) = graph.build_shared().unwrap();
    (producer, sink)
}

/// Claims one slot and puts its sequence in; whether there was room.
fn put_sequence(producer: &mut SharedProducer<u64>) -> bool {
    let Some(mut claim) = producer.try_claim(1).unwrap() else { return false };
    let sequence = claim.first_sequence();
    claim.push(sequence);
    claim.finish();
    true
}

/// Forbidden: a slot is read that its producer has not written, or two producers get one slot.
#[test]
fn a_slot_of_any_producer_is_seen_whole() {
    check(3, || {
        let (mut one, mut sink) = many_to_one(2, &Bell::silent());
        let mut other = one.clone();
        let produce = thread::spawn(move || {
            assert!(put_sequence(&mut one));
            one
        });
        let beside = thread::spawn(move || {
            assert!(put_sequence(&mut other));
            other
        });
        look(&mut sink, numbered);
        look(&mut sink, numbered);
        let _producers = (produce.join().unwrap(), beside.join().unwrap());
        look(&mut sink, numbered);
        assert_eq!(sink.released(), 3, "both slots arrived");
    });
}

/// Forbidden: a later claim that is published first lets the stage pass the earlier one.
#[test]
fn a_later_claim_never_overtakes_an_earlier_one() {
    check(3, || {
        let (mut one, mut sink) = many_to_one(2, &Bell::silent());
        let mut other = one.clone();
        let mut early = one.try_claim(1).unwrap().unwrap();
        let beside = thread::spawn(move || {
            assert!(put_sequence(&mut other));
            other
        });
        look(&mut sink, |_| panic!("the first claim is not published"));
        early.push(1);
        early.finish();
        look(&mut sink, numbered);
        let _other = beside.join().unwrap();
        look(&mut sink, numbered);
        assert_eq!(sink.released(), 3);
    });
}

/// Forbidden: a producer claims a slot that the stage still reads, or both claim the one that is
/// free.
#[test]
fn several_producers_wait_for_the_release_of_a_slot() {
    check(2, || {
        let (mut one, mut sink) = many_to_one(1, &Bell::silent());
        assert!(put_sequence(&mut one));
        let mut other = one.clone();
        let produce = thread::spawn(move || {
            put_sequence(&mut one);
            one
        });
        let beside = thread::spawn(move || {
            put_sequence(&mut other);
            other
        });
        look(&mut sink, numbered);
        look(&mut sink, numbered);
        let _producers = (produce.join().unwrap(), beside.join().unwrap());
        look(&mut sink, numbered);
    });
}

/// Forbidden: a stage, or the one behind it, sees a slot whose claim was dropped.
#[test]
fn a_skipped_slot_is_seen_by_no_stage() {
    check(2, || {
        let silent = Bell::silent();
        let mut graph = Graph::<u64>::new(2, 1).unwrap();
        let input = graph.input();
        let mut first = graph.stage("first").on(&silent).reads((&input,)).sink();
        let mut last = graph.stage("last").on(&silent).reads((&input,)).after(&first).sink();
        let (mut producer, _) = graph.build_shared().unwrap();
        let produce = thread::spawn(move || {
            let mut dropped = producer.try_claim(1).unwrap().unwrap();
            dropped.push(7);
            drop(dropped);
            assert!(put_sequence(&mut producer));
            producer
        });
        let step = thread::spawn(move || {
            look(&mut first, numbered);
            look(&mut first, numbered);
            first
        });
        for _ in 0..2 {
            match last.poll(2).unwrap() {
                Poll::Ready(batch) => {
                    assert_eq!((batch.first_sequence(), batch.len()), (2, 1));
                    numbered(batch);
                }
                Poll::Empty | Poll::Ended => {}
            }
        }
        let _ = (produce.join().unwrap(), step.join().unwrap());
    });
}

/// Forbidden: the stage sleeps through a publication, or through the end, which the last of the
/// producers brings.
#[test]
fn the_last_producer_to_go_ends_the_ring() {
    check(2, || {
        let bell = Bell::new();
        let (mut one, mut sink) = many_to_one(2, &bell);
        let other = one.clone();
        let stage = thread::spawn(move || {
            let mut waiter = Waiter::new(WaitStrategy::Park, bell);
            let mut taken = 0;
            until(&mut waiter, || {
                look_until_ended(&mut sink, |batch| {
                    taken += batch.len();
                    numbered(batch);
                })
            });
            assert_eq!(taken, 1);
        });
        let beside = thread::spawn(move || drop(other));
        assert!(put_sequence(&mut one));
        drop(one);
        beside.join().unwrap();
        stage.join().unwrap();
    });
}

/// Forbidden: the stage sleeps for ever at a claim that was forgotten, though its producer has
/// claimed again; or it sees what was written into it.
#[test]
fn a_forgotten_claim_is_skipped_by_the_next_one() {
    check(2, || {
        let bell = Bell::new();
        let (mut one, mut sink) = many_to_one(4, &bell);
        let mut other = one.clone();
        let forgetful = thread::spawn(move || {
            let mut forgotten = one.try_claim(1).unwrap().unwrap();
            forgotten.push(7);
            mem::forget(forgotten);
            assert!(put_sequence(&mut one));
            one
        });
        let beside = thread::spawn(move || {
            assert!(put_sequence(&mut other));
            other
        });
        let mut waiter = Waiter::new(WaitStrategy::Park, bell);
        let mut taken = 0;
        until(&mut waiter, || match sink.poll(usize::MAX).unwrap() {
            Poll::Ready(batch) => {
                taken += batch.len();
                numbered(batch);
                if taken == 2 { Found::End(()) } else { Found::Work }
            }
            Poll::Empty | Poll::Ended => Found::Nothing,
        });
        assert_eq!(sink.released(), 4);
        let _producers = (forgetful.join().unwrap(), beside.join().unwrap());
    });
}

/// Forbidden: a claim is forgotten and its producer goes away, and the stage, or a producer that
/// sleeps for the room that it takes, sleeps on; or that producer writes the slot while the
/// forgetful one may.
#[test]
fn a_forgotten_claim_is_skipped_when_its_producer_goes_away() {
    check(2, || {
        let bell = Bell::new();
        let (mut one, mut sink) = many_to_one(1, &bell);
        one.set_wait(WaitStrategy::Park);
        let mut other = one.clone();
        // Claimed first, so that it is the other one that has to wait.
        mem::forget(one.try_claim(1).unwrap().unwrap());
        let forgetful = thread::spawn(move || drop(one));
        let waiting = thread::spawn(move || {
            assert_eq!(other.publish(2), Ok(2));
        });
        let mut waiter = Waiter::new(WaitStrategy::Park, bell);
        let mut taken = 0;
        until(&mut waiter, || {
            look_until_ended(&mut sink, |batch| {
                taken += batch.len();
                numbered(batch);
            })
        });
        assert_eq!((taken, sink.released()), (1, 3));
        forgetful.join().unwrap();
        waiting.join().unwrap();
    });
}
