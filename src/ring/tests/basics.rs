//! Publication, gating, release and the ends of a ring, on one thread, step by step.

use std::sync::mpsc;
use std::time::Duration;
use std::{mem, thread};

use crate::{Bell, ClaimError, Graph, Monitor, Poll, Producer, Slot, Stage};

type Sink = Stage<(u64,), ()>;

fn one_to_one(slots: usize) -> (Producer<u64>, Sink, Monitor) {
    let bell = Bell::silent();
    let mut graph = Graph::<u64>::new(slots, 1).unwrap();
    let input = graph.input();
    let sink = graph.stage("sink").on(&bell).reads((&input,)).sink();
    let (producer, monitor) = graph.build(&bell).unwrap();
    (producer, sink, monitor)
}

/// Takes what is there, at most `most`, and hands it on.
fn drain(stage: &mut Sink, most: usize) -> Vec<u64> {
    match stage.poll(most).unwrap() {
        Poll::Ready(batch) => {
            let values = batch.reads().0.iter().copied().collect();
            let len = batch.len();
            batch.publish(len);
            values
        }
        Poll::Empty | Poll::Ended => Vec::new(),
    }
}

fn put(producer: &mut Producer<u64>, values: &[u64]) -> bool {
    let Some(mut claim) = producer.try_claim(values.len()).unwrap() else { return false };
    for (offset, value) in values.iter().enumerate() {
        claim.set(offset, *value);
    }
    claim.finish();
    true
}

#[test]
fn values_arrive_in_order_across_the_wrap() {
    let (mut producer, mut sink, _) = one_to_one(4);
    let mut expected = 0;
    for round in 0..10_u64 {
        assert!(put(&mut producer, &[round * 3, round * 3 + 1, round * 3 + 2]));
        for value in drain(&mut sink, usize::MAX) {
            assert_eq!(value, expected);
            expected += 1;
        }
    }
    assert_eq!(expected, 30);
}

#[test]
fn a_full_ring_refuses_until_the_reader_releases() {
    let (mut producer, mut sink, monitor) = one_to_one(4);
    assert!(put(&mut producer, &[1, 2, 3, 4]));
    assert!(!put(&mut producer, &[5]));
    assert_eq!(producer.try_publish(5).unwrap_err().value, 5);
    assert_eq!(monitor.capacity_free(), 0);
    assert_eq!(drain(&mut sink, 1), [1]);
    assert!(!put(&mut producer, &[5, 6]), "two do not fit into one free slot");
    assert!(put(&mut producer, &[5]));
    assert_eq!(drain(&mut sink, usize::MAX), [2, 3, 4, 5]);
    assert_eq!(monitor.capacity_free(), 4);
}

#[test]
fn a_batch_longer_than_the_ring_is_refused_and_not_waited_for() {
    let (mut producer, _sink, _) = one_to_one(4);
    let refused = producer.try_claim(5).unwrap_err();
    assert_eq!(refused, ClaimError::BatchTooLong { asked: 5, slots: 4 });
}

#[test]
fn a_claim_knows_how_much_it_holds_and_has_handed_on() {
    let (mut producer, _sink, _) = one_to_one(4);
    assert!(producer.try_claim(0).unwrap().unwrap().is_empty());
    let mut claim = producer.try_claim(3).unwrap().unwrap();
    assert_eq!((claim.len(), claim.is_empty(), claim.published()), (3, false, 0));
    claim.push(1);
    claim.push(2);
    claim.publish(2);
    assert_eq!((claim.len(), claim.is_empty(), claim.published()), (3, false, 2));
}

#[test]
fn a_claim_of_no_slots_is_one_anywhere_in_a_ring_of_any_slots() {
    fn claim_nothing<T: Slot>(first_sequence: u64) {
        let name = format!("{} bytes from {first_sequence}", size_of::<T>());
        let mut graph = Graph::<T>::new(4, first_sequence).unwrap();
        let input = graph.input();
        let _sink = graph.stage("sink").reads((&input,)).sink();
        let (mut producer, _) = graph.build(&Bell::silent()).unwrap();
        for round in 0..4 {
            assert!(producer.try_claim(0).unwrap().unwrap().is_empty(), "{name}");
            let claim = producer.claim(0).unwrap();
            assert_eq!((claim.len(), claim.first_sequence()), (0, first_sequence + round));
            claim.finish();
            assert_eq!(
                producer.try_publish_all(&mut [].into_iter()),
                Ok(Some(first_sequence + round))
            );
            producer.publish(T::default()).ok().unwrap();
        }
        assert!(producer.try_claim(0).unwrap().is_some(), "{name}: also in a full ring");
    }
    for first_sequence in [0, 1, 7, 1 << 63] {
        claim_nothing::<()>(first_sequence);
        claim_nothing::<u8>(first_sequence);
        claim_nothing::<u64>(first_sequence);
        claim_nothing::<[u64; 16]>(first_sequence);
    }
}

#[test]
fn a_dropped_claim_leaves_no_hole() {
    let (mut producer, mut sink, _) = one_to_one(4);
    {
        let mut claim = producer.try_claim(3).unwrap().unwrap();
        claim.push(1);
        claim.push(2);
        claim.publish(1);
    }
    assert!(put(&mut producer, &[7]));
    assert_eq!(drain(&mut sink, usize::MAX), [1, 7]);
}

#[test]
fn a_batch_dropped_without_publish_comes_again() {
    let (mut producer, mut sink, _) = one_to_one(4);
    assert!(put(&mut producer, &[1, 2]));
    assert!(matches!(sink.poll(2).unwrap(), Poll::Ready(_)));
    assert_eq!(drain(&mut sink, usize::MAX), [1, 2]);
}

#[test]
fn extending_stops_at_the_end_of_the_values_or_of_the_slots() {
    //  written before, values, then put
    let cases = [(0, 3, 3), (0, 4, 4), (0, 9, 4), (2, 1, 1), (2, 2, 2), (2, 3, 2), (4, 1, 0)];
    for (before, count, put) in cases {
        // At every place in the ring, so that it wraps in between too.
        let (mut producer, mut sink, _) = one_to_one(4);
        for round in 0..4 {
            let mut claim = producer.try_claim(4).unwrap().unwrap();
            (0..before).for_each(|value| claim.push(value));
            let mut values = 10..10 + count;
            assert_eq!(claim.extend(values.by_ref()), put, "{before} + {count}, round {round}");
            assert_eq!(values.start, 10 + put as u64, "nothing is taken out in vain");
            claim.finish();
            let mut expected: Vec<u64> = (0..before).collect();
            expected.extend(10..10 + put as u64);
            assert_eq!(drain(&mut sink, usize::MAX), expected, "{before} + {count}");
            assert!(put_one(&mut producer), "the next round starts one further");
            assert_eq!(drain(&mut sink, usize::MAX), [0]);
        }
    }
}

fn put_one(producer: &mut Producer<u64>) -> bool {
    producer.try_publish(0).is_ok()
}

#[test]
#[should_panic(expected = "slots are written in order")]
fn a_gap_in_a_claim_panics() {
    let (mut producer, _sink, _) = one_to_one(4);
    producer.try_claim(2).unwrap().unwrap().set(1, 9);
}

#[test]
#[should_panic(expected = "handed on already")]
fn a_published_slot_cannot_be_written_again() {
    let (mut producer, _sink, _) = one_to_one(4);
    let mut claim = producer.try_claim(2).unwrap().unwrap();
    claim.push(1);
    claim.publish(1);
    claim.set(0, 2);
}

#[test]
#[should_panic(expected = "only 0 of 1 slots are written")]
fn an_unwritten_result_cannot_be_published() {
    let bell = Bell::silent();
    let mut graph = Graph::<u64>::new(4, 1).unwrap();
    let input = graph.input();
    let (mut stage, _lane) = graph.stage("double").reads((&input,)).writes::<u64>();
    let (mut producer, _) = graph.build(&bell).unwrap();
    assert!(put(&mut producer, &[1]));
    let Poll::Ready(batch) = stage.poll(1).unwrap() else { panic!("one is there") };
    batch.publish(1);
}

#[test]
fn a_diamond_with_a_late_journal_holds_the_last_stage_back() {
    let bell = Bell::silent();
    let mut graph = Graph::<u64>::new(8, 1).unwrap();
    let input = graph.input();
    let (mut double, doubled) = graph.stage("double").on(&bell).reads((&input,)).writes::<u64>();
    let mut journal = graph.stage("journal").on(&bell).reads((&input,)).sink();
    let mut last = graph.stage("last").on(&bell).reads((&input, &doubled)).after(&journal).sink();
    let (mut producer, monitor) = graph.build(&bell).unwrap();

    assert!(put(&mut producer, &[10, 11, 12]));
    let Poll::Ready(mut batch) = double.poll(8).unwrap() else { panic!("three are there") };
    let ((input,), mut out) = batch.parts();
    for offset in 0..input.len() {
        out.set(offset, input.at(offset) * 2);
    }
    batch.publish(3);

    let Poll::Ready(batch) = journal.poll_ahead(2).unwrap() else { panic!("three are there") };
    assert_eq!((batch.first_sequence(), batch.len()), (1, 2));
    batch.take(2);
    let Poll::Ready(batch) = journal.poll_ahead(8).unwrap() else { panic!("one is left") };
    assert_eq!((batch.first_sequence(), batch.len()), (3, 1));
    batch.take(1);
    assert!(matches!(last.poll(8).unwrap(), Poll::Empty), "nothing is durable yet");

    journal.release(2);
    let Poll::Ready(batch) = last.poll(8).unwrap() else { panic!("two are durable") };
    let (input, doubled) = batch.reads();
    assert_eq!((input.len(), *input.at(1), *doubled.at(1)), (2, 11, 22));
    batch.publish(2);
    assert_eq!(monitor.stage("last").unwrap().lag, 1);

    producer.close();
    assert!(matches!(double.poll(8).unwrap(), Poll::Ended));
    assert!(matches!(journal.poll_ahead(8).unwrap(), Poll::Empty), "one is not released yet");
    journal.release(3);
    assert!(matches!(journal.poll_ahead(8).unwrap(), Poll::Ended));
    let Poll::Ready(batch) = last.poll(8).unwrap() else { panic!("the last is durable") };
    batch.publish(1);
    assert!(matches!(last.poll(8).unwrap(), Poll::Ended));
    assert!(monitor.is_drained());
    assert_eq!(monitor.halted(), None);
}

#[test]
fn a_graph_of_many_layers_is_built_at_once() {
    const LAYERS: usize = 60;
    let (built, is_built) = mpsc::channel();
    thread::spawn(move || {
        let bell = Bell::silent();
        let mut graph = Graph::<u64>::new(2, 1).unwrap();
        let input = graph.input();
        let mut layer = [(); 2].map(|()| graph.stage("first").on(&bell).reads((&input,)).sink());
        let mut all = Vec::new();
        for _ in 1..LAYERS {
            let next = [(); 2].map(|()| {
                let stage = graph.stage("next").on(&bell).reads((&input,));
                stage.after(&layer[0]).after(&layer[1]).sink()
            });
            all.extend(mem::replace(&mut layer, next));
        }
        all.extend(layer);
        let (mut producer, monitor) = graph.build(&bell).unwrap();
        assert!(producer.try_publish(7).is_ok());
        for stage in &mut all {
            assert_eq!(drain(stage, 1), [7], "in the order of the layers");
        }
        assert_eq!(monitor.capacity_free(), 2);
        built.send(()).unwrap();
    });
    is_built.recv_timeout(Duration::from_secs(20)).expect("it takes milliseconds, not years");
}

#[test]
fn a_closed_producer_ends_the_stage_after_the_last_value() {
    let (mut producer, mut sink, monitor) = one_to_one(4);
    assert!(put(&mut producer, &[1, 2]));
    producer.close();
    assert_eq!(drain(&mut sink, usize::MAX), [1, 2]);
    assert!(matches!(sink.poll(1).unwrap(), Poll::Ended));
    drop(sink);
    assert_eq!(monitor.halted(), None);
}

#[test]
fn a_stage_that_asks_for_no_slots_finds_the_end_too() {
    let (mut producer, mut sink, monitor) = one_to_one(4);
    assert!(matches!(sink.poll(0).unwrap(), Poll::Empty));
    assert!(put(&mut producer, &[1]));
    producer.close();
    assert!(matches!(sink.poll(0).unwrap(), Poll::Empty), "one value is left");
    assert_eq!(drain(&mut sink, usize::MAX), [1]);
    assert!(matches!(sink.poll(0).unwrap(), Poll::Ended));
    monitor.halt("enough");
    assert_eq!(sink.poll(0).unwrap_err().message, "enough");
}

#[test]
fn a_ring_that_is_halted_has_no_end() {
    let (producer, mut sink, monitor) = one_to_one(4);
    monitor.halt("enough");
    producer.close();
    assert_eq!((monitor.end(), monitor.is_drained()), (None, false));
    assert_eq!(sink.poll(1).unwrap_err().message, "enough");
}

#[test]
fn a_stage_that_goes_away_halts_the_producer() {
    let (mut producer, sink, monitor) = one_to_one(4);
    drop(sink);
    let Err(ClaimError::Halted(halted)) = producer.try_claim(1) else { panic!("halted") };
    assert_eq!(halted.by, "sink");
    assert_eq!(monitor.halted(), Some(halted));
}

#[test]
fn the_first_reason_for_a_halt_stays() {
    let (producer, sink, monitor) = one_to_one(4);
    producer.halt("first");
    sink.halt("second");
    assert_eq!(monitor.halted().unwrap().message, "first");
}

#[test]
fn advancing_a_batch_frees_slots_before_it_ends() {
    let (mut producer, mut sink, _) = one_to_one(4);
    assert!(put(&mut producer, &[1, 2, 3, 4]));
    let Poll::Ready(mut batch) = sink.poll(4).unwrap() else { panic!("four are there") };
    batch.advance(2);
    assert!(put(&mut producer, &[5, 6]));
    assert_eq!((batch.first_sequence(), batch.len(), *batch.reads().0.at(0)), (3, 2, 3));
    batch.publish(2);
    assert_eq!(drain(&mut sink, usize::MAX), [5, 6]);
}
