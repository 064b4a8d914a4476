//! When a slot may be written again: the producer waits for the last reader of the round before.

use loom::thread;
use ringfence_ring::{Bell, Graph, Poll, WaitStrategy};

use crate::support::{check, double, look, numbered, one_to_one, one_to_one_on, put_next};

/// Forbidden: the producer writes a slot that the stage still reads.
#[test]
fn a_slot_is_written_again_only_after_its_release() {
    check(None, || {
        let (mut producer, mut sink) = one_to_one(1);
        put_next(&mut producer);
        let produce = thread::spawn(move || {
            put_next(&mut producer);
            put_next(&mut producer);
            producer
        });
        look(&mut sink, numbered);
        look(&mut sink, numbered);
        drop(produce.join().unwrap());
        look(&mut sink, numbered);
    });
}

/// Forbidden: the producer writes a slot that the slower of two stages still reads.
#[test]
fn the_slowest_of_several_stages_holds_the_producer_back() {
    check(3, || {
        let silent = Bell::silent();
        let mut graph = Graph::<u64>::new(1, 1).unwrap();
        let input = graph.input();
        let mut one = graph.stage("one").on(&silent).reads((&input,)).sink();
        let mut other = graph.stage("other").on(&silent).reads((&input,)).sink();
        let (mut producer, _) = graph.build(&silent).unwrap();
        put_next(&mut producer);
        let go_one = thread::spawn(move || {
            look(&mut one, numbered);
            one
        });
        let go_other = thread::spawn(move || {
            look(&mut other, numbered);
            other
        });
        put_next(&mut producer);
        put_next(&mut producer);
        let _ = (go_one.join().unwrap(), go_other.join().unwrap());
    });
}

/// Forbidden: a stage writes its own lane over a result that the stage behind it still reads. It
/// never looks at that stage: the producer has, before it claimed the sequence.
#[test]
fn a_stage_never_writes_over_a_result_still_being_read() {
    check(3, || {
        let silent = Bell::silent();
        let mut graph = Graph::<u64>::new(1, 1).unwrap();
        let input = graph.input();
        let (mut first, doubled) =
            graph.stage("first").on(&silent).reads((&input,)).writes::<u64>();
        let mut last = graph.stage("last").on(&silent).reads((&doubled,)).sink();
        let (mut producer, _) = graph.build(&silent).unwrap();
        put_next(&mut producer);
        look(&mut first, double);

        let produce = thread::spawn(move || {
            put_next(&mut producer);
            producer
        });
        let step = thread::spawn(move || {
            look(&mut first, double);
            first
        });
        for _ in 0..2 {
            look(&mut last, |batch| {
                assert_eq!(*batch.reads().0.at(0), batch.first_sequence() * 2);
                batch.publish(1);
            });
        }
        let _ = (produce.join().unwrap(), step.join().unwrap());
    });
}

/// Forbidden: the half of a batch that is not released yet is written again with the half that
/// is.
#[test]
fn a_batch_released_in_parts_is_free_in_those_parts() {
    check(None, || {
        let (mut producer, mut sink) = one_to_one(2);
        put_next(&mut producer);
        put_next(&mut producer);
        let produce = thread::spawn(move || {
            put_next(&mut producer);
            put_next(&mut producer);
            producer
        });
        let Poll::Ready(mut batch) = sink.poll(2).unwrap() else { panic!("two are there") };
        assert_eq!(*batch.reads().0.at(0), 1);
        batch.advance(1);
        assert_eq!(*batch.reads().0.at(0), 2);
        batch.advance(1);
        drop(batch);
        drop(produce.join().unwrap());
        look(&mut sink, numbered);
    });
}

/// Forbidden: a slot that a stage has taken but not released, as a journal does until it is on
/// disk, is written again.
#[test]
fn a_slot_that_is_taken_but_not_released_stays() {
    check(None, || {
        let (mut producer, mut journal) = one_to_one(2);
        put_next(&mut producer);
        put_next(&mut producer);
        let produce = thread::spawn(move || {
            put_next(&mut producer);
            put_next(&mut producer);
            producer
        });
        let Poll::Ready(batch) = journal.poll_ahead(2).unwrap() else { panic!("two are there") };
        batch.take(2);
        journal.release(1);
        assert!(matches!(journal.poll_ahead(0).unwrap(), Poll::Empty));
        journal.release(2);
        drop(produce.join().unwrap());
        if let Poll::Ready(batch) = journal.poll_ahead(2).unwrap() {
            assert_eq!(*batch.reads().0.at(0), 3);
            let len = batch.len();
            batch.publish(len);
        }
    });
}

/// Two slots, both full and taken as one batch, which is handed on slot by slot while the
/// producer sleeps until `count` of them are free.
fn handed_on_slot_by_slot(count: usize) {
    let bell = Bell::new();
    let (mut producer, mut sink) = one_to_one_on(2, &bell, &Bell::silent());
    producer.set_wait(WaitStrategy::Park);
    put_next(&mut producer);
    put_next(&mut producer);
    let produce = thread::spawn(move || {
        let mut claim = producer.claim(count).unwrap();
        for sequence in claim.first_sequence()..3 + count as u64 {
            claim.push(sequence);
        }
        claim.finish();
        producer
    });
    let Poll::Ready(mut batch) = sink.poll(2).unwrap() else { panic!("two are there") };
    assert_eq!(*batch.reads().0.at(0), 1);
    batch.advance(1);
    assert_eq!((batch.first_sequence(), *batch.reads().0.at(0)), (2, 2));
    batch.advance(1);
    drop(batch);
    drop(produce.join().unwrap());
    look(&mut sink, numbered);
    assert_eq!(sink.released(), 3 + count as u64);
}

/// Forbidden: a part of a batch is handed on, and the producer that sleeps for one slot sleeps on.
#[test]
fn a_part_of_a_batch_wakes_the_producer() {
    check(None, || handed_on_slot_by_slot(1));
}

/// Forbidden: the first part, too small for what the producer waits for, uses up its wake-up; or
/// is taken for enough, and the slot that is still read is written.
#[test]
fn a_part_that_is_too_small_leaves_the_producer_to_be_woken_by_the_next() {
    check(None, || handed_on_slot_by_slot(2));
}
