//! Several producers: claims, marks and gaps; step by step, and on threads.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use super::{Dice, drain, ended, many_to_one};
use crate::{Bell, ClaimError, Graph, Poll, WaitStrategy};

#[test]
fn readers_wait_for_the_first_claim_though_a_later_one_is_published() {
    let (mut first, mut sink, _) = many_to_one(8, 1);
    let mut second = first.clone();
    let mut early = first.try_claim(2).unwrap().unwrap();
    let mut late = second.try_claim(1).unwrap().unwrap();
    assert_eq!((early.first_sequence(), late.first_sequence()), (1, 3));
    late.push(30);
    late.finish();
    assert_eq!(drain(&mut sink, usize::MAX), []);
    early.push(10);
    early.publish(1);
    assert_eq!(drain(&mut sink, usize::MAX), [(1, 10)]);
    early.push(20);
    early.finish();
    assert_eq!(drain(&mut sink, usize::MAX), [(2, 20), (3, 30)]);
}

#[test]
fn values_keep_their_sequences_across_many_rounds_of_every_size() {
    for slots in [1, 2, 4, 32, 64, 128] {
        for first_sequence in [0, 1, 3, 1 << 63] {
            let (mut one, mut sink, _) = many_to_one(slots, first_sequence);
            let mut two = one.clone();
            let mut expected = first_sequence;
            let mut published = first_sequence;
            for round in 0..3 * slots as u64 + 5 {
                let producer = if round % 2 == 0 { &mut one } else { &mut two };
                while let Ok(sequence) = producer.try_publish(published) {
                    assert_eq!(sequence, published, "{slots} slots from {first_sequence}");
                    published += 1;
                }
                let taken = drain(&mut sink, 1 + round as usize % slots);
                assert!(!taken.is_empty(), "{slots} slots, round {round}");
                for (sequence, value) in taken {
                    let name = format!("{slots} slots from {first_sequence}");
                    assert_eq!((sequence, value), (expected, expected), "{name}");
                    expected += 1;
                }
            }
        }
    }
}

#[test]
fn what_a_claim_leaves_unpublished_is_seen_by_nobody() {
    //  name                  published, left, then published
    let cases = [
        ("nothing of it", 0, 3, 2),
        ("its end", 2, 1, 1),
        ("the whole ring", 0, 8, 0),
        ("all but one slot", 1, 7, 0),
    ];
    for (name, published, left, then) in cases {
        let (mut one, mut sink, monitor) = many_to_one(8, 5);
        let mut two = one.clone();
        // Each round starts elsewhere in the ring, so that gaps wrap too.
        let mut sequence = 5;
        for round in 0..20 {
            let mut claim = one.try_claim(published + left).unwrap().unwrap();
            for offset in 0..published {
                claim.set(offset, offset as u64);
            }
            claim.publish(published);
            if left > 1 {
                claim.push(666); // written, but not published
            }
            drop(claim);
            for value in 0..then {
                two.try_publish(100 + value).unwrap();
            }
            let before = (0..published as u64).map(|value| (sequence + value, value));
            let next = sequence + (published + left) as u64;
            let behind = (0..then).map(|value| (next + value, 100 + value));
            if published > 0 {
                let seen = drain(&mut sink, usize::MAX);
                assert_eq!(seen, before.collect::<Vec<_>>(), "{name}, round {round}");
            }
            let seen = drain(&mut sink, usize::MAX);
            assert_eq!(seen, behind.collect::<Vec<_>>(), "{name}, round {round}");
            sequence = next + then;
            assert_eq!(monitor.capacity_free(), 8, "{name}, round {round}: a gap is released too");
            assert_eq!(one.capacity_free(), 8, "{name}, round {round}");
        }
        drop((one, two));
        assert!(ended(&mut sink), "{name}");
        assert_eq!(monitor.halted(), None, "{name}");
    }
}

#[test]
fn a_panic_while_a_slot_is_filled_leaves_no_hole() {
    let (mut one, mut sink, monitor) = many_to_one(4, 1);
    for round in 0..10 {
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            one.publish_with(|slot| {
                *slot = 666;
                panic!("on purpose");
            })
        }));
        assert!(unwound.is_err());
        let sequence = one.publish_with(|slot| *slot = round).unwrap();
        assert_eq!(drain(&mut sink, usize::MAX), [(sequence, round)]);
    }
    drop(one);
    assert!(ended(&mut sink));
    assert_eq!(monitor.halted(), None);
}

#[test]
fn a_batch_whose_values_run_out_or_panic_publishes_only_what_is_whole() {
    let (mut one, mut sink, _) = many_to_one(8, 1);
    let mut values = [0, 1, 2, 3, 4].into_iter().inspect(|value| {
        assert!(*value < 3, "on purpose");
    });
    assert!(catch_unwind(AssertUnwindSafe(|| one.try_publish_all(&mut values))).is_err());
    assert_eq!(one.try_publish_all(&mut [7, 8].into_iter()), Ok(Some(6)));
    assert_eq!(drain(&mut sink, usize::MAX), [(6, 7), (7, 8)]);
}

#[test]
fn a_forgotten_claim_is_skipped_by_the_next_one_or_at_the_end() {
    let (mut one, mut sink, _) = many_to_one(8, 1);
    let mut two = one.clone();
    mem::forget(one.try_claim(2).unwrap());
    two.try_publish(30).unwrap();
    assert_eq!(drain(&mut sink, usize::MAX), [], "the claim might still be filled");
    one.try_publish(40).unwrap();
    assert_eq!(drain(&mut sink, usize::MAX), [(3, 30), (4, 40)]);
    mem::forget(one.try_claim(2).unwrap());
    two.try_publish(70).unwrap();
    drop(one);
    assert_eq!(drain(&mut sink, usize::MAX), [(7, 70)]);
}

#[test]
fn a_full_ring_hands_values_back_and_counts_what_is_free() {
    let (mut one, mut sink, monitor) = many_to_one(4, 1);
    let mut two = one.clone();
    assert_eq!(one.try_publish_all(&mut [1, 2, 3].into_iter()), Ok(Some(1)));
    assert_eq!((two.capacity_free(), monitor.capacity_free()), (1, 1));
    let mut values = [4, 5].into_iter();
    assert_eq!(two.try_publish_all(&mut values), Ok(None));
    assert_eq!(values.as_slice(), [4, 5], "nothing was taken");
    assert_eq!(two.try_publish(4).unwrap(), 4);
    assert_eq!(one.try_publish(5).unwrap_err().value, 5);
    assert_eq!(one.try_publish_with(|_| panic!("there is no slot")), Ok(None));
    assert_eq!(drain(&mut sink, 2), [(1, 1), (2, 2)]);
    assert_eq!((one.capacity_free(), two.capacity_free()), (2, 2));
    assert_eq!(two.try_publish_all(&mut values), Ok(Some(5)));
    assert_eq!(drain(&mut sink, usize::MAX), [(3, 3), (4, 4), (5, 4), (6, 5)]);
}

#[test]
fn a_batch_longer_than_the_ring_is_refused_by_every_form() {
    let (mut producer, _sink, _) = many_to_one(4, 1);
    let refused = ClaimError::BatchTooLong { asked: 5, slots: 4 };
    assert_eq!(producer.try_claim(5).unwrap_err(), refused);
    assert_eq!(producer.claim(5).unwrap_err(), refused);
    #[cfg(feature = "std")]
    assert_eq!(producer.claim_within(5, Duration::MAX).unwrap_err(), refused);
    assert_eq!(producer.publish_all(&mut [0; 5].into_iter()).unwrap_err(), refused);
    assert_eq!(producer.capacity_free(), 4, "nothing was claimed");
}

#[test]
fn waiting_producers_are_woken_by_a_release_and_by_a_halt() {
    for strategy in
        [WaitStrategy::BusySpin, WaitStrategy::Yield, WaitStrategy::Park, WaitStrategy::Phased]
    {
        let (mut producer, mut sink, monitor) = many_to_one(2, 1);
        producer.set_wait(strategy);
        producer.publish_all(&mut [1, 2].into_iter()).unwrap();
        let waiting: Vec<_> = (0..3)
            .map(|value| {
                let mut producer = producer.clone();
                thread::spawn(move || producer.publish(value))
            })
            .collect();
        let mut seen = Vec::new();
        while seen.len() < 4 {
            seen.extend(drain(&mut sink, 1).into_iter().map(|(_, value)| value));
        }
        // Two are in now; the third has room as well, or soon.
        monitor.halt("enough");
        let results: Vec<_> = waiting.into_iter().map(|thread| thread.join().unwrap()).collect();
        let published = results.iter().filter(|result| result.is_ok()).count();
        assert!(published >= 2, "{strategy:?}: {results:?}");
    }
}

#[test]
fn a_halt_wakes_a_producer_that_sleeps_without_limit() {
    let (mut producer, sink, _) = many_to_one(1, 1);
    producer.set_wait(WaitStrategy::Park);
    producer.try_publish(1).unwrap();
    let waiting = thread::spawn(move || producer.publish(2));
    thread::sleep(Duration::from_millis(5));
    drop(sink);
    let error = waiting.join().unwrap().unwrap_err();
    assert_eq!((error.value, error.halted.unwrap().by), (2, "sink".to_owned()));
}

#[test]
fn the_ring_ends_with_its_last_producer() {
    let (one, mut sink, monitor) = many_to_one(4, 1);
    let mut two = one.clone();
    two.try_publish(1).unwrap();
    one.close();
    assert_eq!(drain(&mut sink, usize::MAX), [(1, 1)]);
    assert!(!ended(&mut sink));
    drop(two.try_claim(1).unwrap());
    two.close();
    assert!(matches!(sink.poll(0).unwrap(), Poll::Ended), "behind what was skipped last");
    assert!(ended(&mut sink));
    assert_eq!((monitor.end(), monitor.is_drained()), (Some(3), true));
}

#[test]
fn a_stage_that_leaves_nothing_but_gaps_has_reached_the_end() {
    for (left, gone) in [(0, None), (1, Some("sink".to_owned()))] {
        let (mut one, mut sink, monitor) = many_to_one(4, 1);
        one.try_publish(1).unwrap();
        drop(one.try_claim(2).unwrap());
        one.try_publish_all(&mut vec![2; left].into_iter()).unwrap();
        assert_eq!(drain(&mut sink, usize::MAX), [(1, 1)]);
        one.close();
        drop(sink);
        assert_eq!(monitor.halted().map(|halted| halted.by), gone);
    }
}

#[test]
fn stages_further_down_jump_over_the_same_gaps() {
    let bell = Bell::silent();
    let mut graph = Graph::<u64>::new(8, 1).unwrap();
    let input = graph.input();
    let (mut double, doubled) = graph.stage("double").on(&bell).reads((&input,)).writes::<u64>();
    let mut journal = graph.stage("journal").on(&bell).reads((&input,)).sink();
    let mut last = graph.stage("last").on(&bell).reads((&input, &doubled)).after(&journal).sink();
    let (mut producer, monitor) = graph.build_shared().unwrap();

    let mut dice = Dice(1);
    let mut published = Vec::new();
    let mut doubled = Vec::new();
    let mut journaled = Vec::new();
    let mut seen = Vec::new();
    for round in 0..2000 {
        match dice.roll(3) {
            0 => drop(producer.try_claim(1 + dice.roll(3) as usize).unwrap()),
            _ => published.extend(producer.try_publish(round).ok()),
        }
        if dice.chance(2)
            && let Poll::Ready(mut batch) = double.poll(1 + dice.roll(4) as usize).unwrap()
        {
            doubled.extend(batch.first_sequence()..batch.first_sequence() + batch.len() as u64);
            let ((values,), mut out) = batch.parts();
            for value in values {
                out.push(value * 2);
            }
            let len = values.len();
            batch.publish(len);
        }
        if dice.chance(2)
            && let Poll::Ready(batch) = journal.poll_ahead(1 + dice.roll(4) as usize).unwrap()
        {
            let len = batch.len();
            journaled.extend(batch.first_sequence()..batch.first_sequence() + len as u64);
            batch.take(len);
        }
        if dice.chance(3)
            && let Some(&sequence) = journaled.last()
        {
            journal.release(sequence - dice.roll(2));
        }
        if dice.chance(2)
            && let Poll::Ready(batch) = last.poll(1 + dice.roll(4) as usize).unwrap()
        {
            let (values, doubled) = batch.reads();
            for offset in 0..values.len() {
                assert_eq!(values.at(offset) * 2, *doubled.at(offset), "round {round}");
                seen.push(batch.first_sequence() + offset as u64);
            }
            let len = batch.len();
            batch.publish(len);
        }
    }
    drop(producer);
    loop {
        if let Poll::Ready(mut batch) = double.poll(8).unwrap() {
            let len = batch.len();
            let ((values,), mut out) = batch.parts();
            values.iter().for_each(|value| out.push(value * 2));
            batch.publish(len);
            continue;
        }
        if let Poll::Ready(batch) = journal.poll_ahead(8).unwrap() {
            let len = batch.len();
            journaled.extend(batch.first_sequence()..batch.first_sequence() + len as u64);
            batch.take(len);
            continue;
        }
        if let Some(&sequence) = journaled.last() {
            journal.release(sequence);
        }
        match last.poll(8).unwrap() {
            Poll::Ready(batch) => {
                let len = batch.len();
                seen.extend(batch.first_sequence()..batch.first_sequence() + len as u64);
                batch.publish(len);
            }
            Poll::Ended => break,
            Poll::Empty => {}
        }
    }
    assert!(published.len() > 500, "only {} went in", published.len());
    assert_eq!(journaled, published);
    assert_eq!(seen, published);
    assert!(ended(&mut double) && ended(&mut journal) && monitor.is_drained());
}
