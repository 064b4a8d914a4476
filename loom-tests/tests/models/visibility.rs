//! What a stage may read once it sees a cursor: publication, chains, diamonds.

use loom::{cell::UnsafeCell, sync::Arc, thread};
use ringfence_ring::{Bell, Graph, Poll};

use crate::support::{check, double, look, numbered, one_to_one, put_next};

/// Forbidden: a stage sees the cursor and reads a slot that is not written, or half of it.
#[test]
fn a_published_slot_is_seen_whole() {
    check(None, || {
        let (mut producer, mut sink) = one_to_one(2);
        let produce = thread::spawn(move || {
            put_next(&mut producer);
            put_next(&mut producer);
            producer
        });
        look(&mut sink, numbered);
        look(&mut sink, numbered);
        let producer = produce.join().unwrap();
        // What is left is read after the join, so that the end finds nothing owed.
        look(&mut sink, numbered);
        producer.close();
    });
}

/// Forbidden: the part of a claim that is not published yet is read with the part that is.
#[test]
fn a_claim_published_in_parts_is_seen_in_those_parts() {
    check(None, || {
        let (mut producer, mut sink) = one_to_one(2);
        let produce = thread::spawn(move || {
            let mut claim = producer.try_claim(2).unwrap().unwrap();
            claim.push(1);
            claim.publish(1);
            claim.push(2);
            claim.finish();
            producer
        });
        look(&mut sink, numbered);
        look(&mut sink, numbered);
        let producer = produce.join().unwrap();
        look(&mut sink, numbered);
        producer.close();
    });
}

/// Forbidden: a claim that was dropped shows what was written into it.
#[test]
fn a_dropped_claim_is_never_seen() {
    check(None, || {
        let (mut producer, mut sink) = one_to_one(2);
        let produce = thread::spawn(move || {
            let mut dropped = producer.try_claim(2).unwrap().unwrap();
            dropped.push(7);
            dropped.push(8);
            drop(dropped);
            put_next(&mut producer);
            producer
        });
        look(&mut sink, numbered);
        let producer = produce.join().unwrap();
        look(&mut sink, numbered);
        producer.close();
    });
}

/// Forbidden: the last stage of a chain, which looks at the cursor before it alone, reads a slot
/// of the producer's lane or of the lane in between that is not written.
#[test]
fn the_end_of_a_chain_sees_every_lane_before_it() {
    check(3, || {
        let silent = Bell::silent();
        let mut graph = Graph::<u64>::new(2, 1).unwrap();
        let input = graph.input();
        let (mut first, doubled) =
            graph.stage("first").on(&silent).reads((&input,)).writes::<u64>();
        let mut last = graph.stage("last").on(&silent).reads((&input, &doubled)).sink();
        let (mut producer, _) = graph.build(&silent).unwrap();

        let produce = thread::spawn(move || {
            put_next(&mut producer);
            put_next(&mut producer);
            producer
        });
        let step = thread::spawn(move || {
            look(&mut first, double);
            look(&mut first, double);
            first
        });
        for _ in 0..2 {
            look(&mut last, |batch| {
                let (input, doubled) = batch.reads();
                for offset in 0..input.len() {
                    assert_eq!(*input.at(offset), input.first_sequence() + offset as u64);
                    assert_eq!(*doubled.at(offset), input.at(offset) * 2);
                }
                let len = batch.len();
                batch.publish(len);
            });
        }
        let _ = (produce.join().unwrap(), step.join().unwrap());
    });
}

/// Forbidden: the stage that joins two branches takes a slot that only one of them has written.
#[test]
fn a_join_waits_for_both_branches() {
    check(2, || {
        let silent = Bell::silent();
        let mut graph = Graph::<u64>::new(2, 1).unwrap();
        let input = graph.input();
        let (mut left, lefts) = graph.stage("left").on(&silent).reads((&input,)).writes::<u64>();
        let (mut right, rights) = graph.stage("right").on(&silent).reads((&input,)).writes::<u64>();
        let mut join = graph.stage("join").on(&silent).reads((&lefts, &rights)).sink();
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
        for _ in 0..2 {
            look(&mut join, |batch| {
                let (lefts, rights) = batch.reads();
                assert_eq!((*lefts.at(0), *rights.at(0)), (2, 2));
                batch.publish(1);
            });
        }
        let _ = (go_left.join().unwrap(), go_right.join().unwrap());
    });
}

/// Forbidden: a stage that comes after a journal, without reading a lane of it, passes it.
#[test]
fn a_stage_never_passes_one_that_it_comes_after() {
    check(3, || {
        let silent = Bell::silent();
        let mut graph = Graph::<u64>::new(2, 1).unwrap();
        let input = graph.input();
        let mut journal = graph.stage("journal").on(&silent).reads((&input,)).sink();
        let mut last = graph.stage("last").on(&silent).reads((&input,)).after(&journal).sink();
        let (mut producer, _) = graph.build(&silent).unwrap();
        put_next(&mut producer);
        put_next(&mut producer);

        // What is durable, kept outside the ring without any ordering of its own.
        let durable = Arc::new(UnsafeCell::new(0_u64));
        let written = Arc::clone(&durable);
        let write = thread::spawn(move || {
            match journal.poll_ahead(2).unwrap() {
                Poll::Ready(batch) => batch.take(2),
                Poll::Empty | Poll::Ended => panic!("both were published before"),
            }
            // SAFETY: loom fails the model if an access on another thread is unordered.
            written.with_mut(|durable| unsafe { *durable = 1 });
            journal.release(1);
            journal
        });
        for _ in 0..2 {
            look(&mut last, |batch| {
                assert_eq!((batch.first_sequence(), batch.len()), (1, 1));
                // SAFETY: as above.
                durable.with(|durable| assert_eq!(unsafe { *durable }, 1));
                batch.publish(1);
            });
        }
        let _ = write.join().unwrap();
    });
}
