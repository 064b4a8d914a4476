//! Park and wake: nobody sleeps on while there is work. A lost wake-up is a deadlock here.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::thread;
use ringfence_ring::{Bell, Graph, Poll, WaitStrategy, Waiter};

use crate::support::{
    Found, Sink, check, double, end_if_some, look, numbered, one_to_one_on, put_next, until,
};

fn parking(bell: &Bell) -> Waiter {
    Waiter::new(WaitStrategy::Park, bell.clone())
}

/// Takes one slot if there is one.
fn take_one(stage: &mut Sink) -> Option<u64> {
    match stage.poll(1).unwrap() {
        Poll::Ready(batch) => {
            let value = *batch.reads().0.at(0);
            batch.publish(1);
            Some(value)
        }
        Poll::Empty | Poll::Ended => None,
    }
}

/// Forbidden: the stage looks, finds nothing and sleeps, and the publisher finds it awake.
#[test]
fn a_published_value_wakes_the_stage() {
    check(None, || {
        let bell = Bell::new();
        let (mut producer, mut sink) = one_to_one_on(1, &Bell::silent(), &bell);
        let stage = thread::spawn(move || {
            let mut waiter = parking(&bell);
            assert_eq!(until(&mut waiter, || end_if_some(take_one(&mut sink))), 1);
            sink
        });
        put_next(&mut producer);
        // The producer lives on, so that its end wakes nobody.
        drop(stage.join().unwrap());
    });
}

/// Forbidden: the second value, published while the stage wakes up for the first one, is slept
/// over.
#[test]
fn a_value_published_during_a_wake_up_is_not_slept_over() {
    check(3, || {
        let bell = Bell::new();
        let (mut producer, mut sink) = one_to_one_on(2, &Bell::silent(), &bell);
        let stage = thread::spawn(move || {
            let mut waiter = parking(&bell);
            assert_eq!(until(&mut waiter, || end_if_some(take_one(&mut sink))), 1);
            assert_eq!(until(&mut waiter, || end_if_some(take_one(&mut sink))), 2);
            sink
        });
        put_next(&mut producer);
        put_next(&mut producer);
        drop(stage.join().unwrap());
    });
}

/// Forbidden: the producer finds the ring full and sleeps, and the release finds it awake.
#[test]
fn a_released_slot_wakes_the_producer() {
    check(None, || {
        let bell = Bell::new();
        let (mut producer, mut sink) = one_to_one_on(1, &bell, &Bell::silent());
        put_next(&mut producer);
        let produce = thread::spawn(move || {
            let mut waiter = parking(&bell);
            until(&mut waiter, || end_if_some(put_next(&mut producer).then_some(())));
            producer
        });
        assert_eq!(take_one(&mut sink), Some(1));
        drop(produce.join().unwrap());
        assert_eq!(take_one(&mut sink), Some(2));
    });
}

/// Forbidden: both threads of a full and an empty ring sleep at once.
#[test]
fn producer_and_stage_never_both_sleep() {
    check(2, || {
        let (producing, reading) = (Bell::new(), Bell::new());
        let (mut producer, mut sink) = one_to_one_on(1, &producing, &reading);
        let stage = thread::spawn(move || {
            let mut waiter = parking(&reading);
            for expected in 1..=2 {
                assert_eq!(until(&mut waiter, || end_if_some(take_one(&mut sink))), expected);
            }
            sink
        });
        let mut waiter = parking(&producing);
        for _ in 0..2 {
            until(&mut waiter, || end_if_some(put_next(&mut producer).then_some(())));
        }
        drop(stage.join().unwrap());
    });
}

/// Forbidden: of two branches that finish at once each leaves the waking to the other.
#[test]
fn the_last_of_two_branches_wakes_the_join() {
    check(2, || {
        let (silent, bell) = (Bell::silent(), Bell::new());
        let mut graph = Graph::<u64>::new(1, 1).unwrap();
        let input = graph.input();
        let (mut left, lefts) = graph.stage("left").on(&silent).reads((&input,)).writes::<u64>();
        let (mut right, rights) = graph.stage("right").on(&silent).reads((&input,)).writes::<u64>();
        let mut join = graph.stage("join").on(&bell).reads((&lefts, &rights)).sink();
        let (mut producer, _) = graph.build(&silent).unwrap();
        put_next(&mut producer);

        let go_left = thread::spawn(move || {
            look(&mut left, double);
            left
        });
        let go_right = thread::spawn(move || {
            look(&mut right, double);
            right
        });
        let mut waiter = parking(&bell);
        until(&mut waiter, || match join.poll(1).unwrap() {
            Poll::Ready(batch) => Found::End(batch.publish(1)),
            Poll::Empty | Poll::Ended => Found::Nothing,
        });
        let _ = (go_left.join().unwrap(), go_right.join().unwrap());
    });
}

/// Forbidden: a thread that steps stages of two rings sleeps while one of them has work.
#[test]
fn a_thread_with_stages_of_two_rings_wakes_for_either() {
    check(2, || {
        let bell = Bell::new();
        let (mut outcomes_in, mut outcomes) = one_to_one_on(1, &Bell::silent(), &bell);
        let (mut events_in, mut events) = one_to_one_on(1, &Bell::silent(), &bell);
        let one = thread::spawn(move || {
            put_next(&mut outcomes_in);
            outcomes_in
        });
        let other = thread::spawn(move || {
            put_next(&mut events_in);
            events_in
        });
        let mut waiter = parking(&bell);
        let mut taken = 0;
        until(&mut waiter, || {
            let before = taken;
            taken += usize::from(take_one(&mut outcomes).is_some());
            taken += usize::from(take_one(&mut events).is_some());
            match taken {
                2 => Found::End(()),
                _ if taken > before => Found::Work,
                _ => Found::Nothing,
            }
        });
        let _ = (one.join().unwrap(), other.join().unwrap());
    });
}

/// Forbidden: work that is no slot of a ring (a finished write, a socket) is slept over, though
/// the bell was rung after it was there.
#[test]
fn a_bell_rung_by_hand_wakes_for_work_outside_the_ring() {
    check(None, || {
        let bell = Bell::new();
        let done = Arc::new(AtomicU64::new(0));
        let ringer = {
            let (bell, done) = (bell.clone(), Arc::clone(&done));
            thread::spawn(move || {
                done.store(1, Relaxed);
                bell.ring();
            })
        };
        let mut waiter = parking(&bell);
        until(&mut waiter, || end_if_some((done.load(Relaxed) == 1).then_some(())));
        ringer.join().unwrap();
    });
}

/// Two slots, both full; two producers that wait for room by sleeping on the bell they share.
fn two_sleeping_producers(release: fn(&mut Sink)) {
    let mut graph = Graph::<u64>::new(2, 1).unwrap();
    let input = graph.input();
    let mut sink = graph.stage("sink").on(&Bell::silent()).reads((&input,)).sink();
    let (mut one, _) = graph.build_shared().unwrap();
    for value in 1..=2 {
        one.try_publish(value).unwrap();
    }
    let other = one.clone();
    let threads = [one, other].map(|mut producer| {
        thread::spawn(move || {
            let mut waiter = parking(&producer.bell().clone());
            until(&mut waiter, || end_if_some(producer.try_publish(3).ok()));
            producer
        })
    });
    release(&mut sink);
    let _producers = threads.map(|thread| thread.join().unwrap());
    assert_eq!(take_one(&mut sink), Some(3));
    assert_eq!(take_one(&mut sink), Some(3));
}

/// Forbidden: a release that makes room for two wakes one producer only, or one that announces
/// its sleep meanwhile is passed over.
#[test]
fn one_release_wakes_all_producers_that_sleep() {
    check(2, || {
        two_sleeping_producers(|sink| {
            look(sink, numbered);
        });
    });
}

/// Forbidden: the first of two releases uses up the announcement that the second producer relies
/// on.
#[test]
fn two_releases_wake_two_producers() {
    check(2, || {
        two_sleeping_producers(|sink| {
            assert_eq!(take_one(sink), Some(1));
            assert_eq!(take_one(sink), Some(2));
        });
    });
}
