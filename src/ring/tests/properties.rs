//! What disruptors promise, against a model that counts: wrapping, gating, batches larger than
//! what is free, sequences of pollers, drains; for one producer and for a shared one alike.

use super::{Dice, ended};
use crate::{Bell, ClaimError, Claims, Graph, Monitor, Poll, Producer, Stage};

/// A chain of two stages: `last` waits for `first`.
struct Chain {
    first: Stage<(u64,), ()>,
    last: Stage<(u64,), ()>,
    monitor: Monitor,
}

fn graph(slots: usize, first_sequence: u64) -> (Graph<u64>, [Stage<(u64,), ()>; 2]) {
    let bell = Bell::silent();
    let mut graph = Graph::<u64>::new(slots, first_sequence).unwrap();
    let input = graph.input();
    let first = graph.stage("first").on(&bell).reads((&input,)).sink();
    let last = graph.stage("last").on(&bell).reads((&input,)).after(&first).sink();
    (graph, [first, last])
}

/// Plays random moves, and compares each answer with what counting says. No claim is given up
/// here but empty-handed ones, so sequences have no gaps.
fn play<C: Claims>(name: &str, mut producer: Producer<u64, C>, chain: Chain, seed: u64) {
    let Chain { mut first, mut last, monitor } = chain;
    let slots = producer.slots();
    let start = monitor.published();
    // Sequences behind what was published, and what each stage has handed on.
    let (mut published, mut behind) = (start, [start; 2]);
    let mut dice = Dice(seed);
    for step in 0..3_000 {
        let name = format!("{name}, {slots} slots from {start}, seed {seed}, step {step}");
        let free = slots - (published - behind[1]) as usize;
        assert_eq!((producer.capacity_free(), monitor.capacity_free()), (free, free), "{name}");
        assert_eq!(monitor.published(), published, "{name}");
        match dice.roll(4) {
            0 => {
                let count = dice.roll(slots as u64 + 2) as usize;
                match producer.try_claim(count) {
                    Ok(Some(mut claim)) => {
                        assert!(count <= free, "{name}: {count} of {free}");
                        assert_eq!((claim.first_sequence(), claim.len()), (published, count));
                        (0..count as u64).for_each(|offset| claim.push(published + offset));
                        claim.publish(dice.roll(count as u64 + 1) as usize);
                        claim.finish();
                        published += count as u64;
                    }
                    Ok(None) => assert!(count > free && count <= slots, "{name}: {count}"),
                    Err(error) => {
                        assert_eq!(error, ClaimError::BatchTooLong { asked: count, slots });
                        assert_eq!(count, slots + 1, "{name}");
                    }
                }
            }
            1 => match producer.try_publish(published) {
                Ok(sequence) => {
                    assert_eq!(sequence, published, "{name}");
                    assert!(free > 0, "{name}");
                    published += 1;
                }
                Err(refused) => {
                    assert_eq!((refused.value, refused.halted, free), (published, None, 0));
                }
            },
            stage => {
                let at = stage as usize - 2;
                let upstream = if at == 0 { published } else { behind[0] };
                let stage = if at == 0 { &mut first } else { &mut last };
                let most = dice.roll(slots as u64 + 1) as usize;
                let there = (upstream - behind[at]) as usize;
                match stage.poll(most).unwrap() {
                    Poll::Ready(mut batch) => {
                        // Seen slots may be fewer than there are, but never more, and never none.
                        assert!(batch.len() <= most.min(there) && there > 0, "{name}");
                        let expected = behind[at]..behind[at] + batch.len() as u64;
                        let (view,) = batch.reads();
                        assert!(view.iter().copied().eq(expected), "{name}: {view:?}");
                        assert_eq!((view.first_sequence(), view.len()), (behind[at], batch.len()));
                        let (head, tail) = view.slices();
                        assert!(head.iter().chain(tail).eq(view), "{name}");
                        let done = dice.roll(batch.len() as u64 + 1);
                        batch.advance(done as usize / 2);
                        batch.publish((done - done / 2) as usize);
                        behind[at] += done;
                    }
                    Poll::Empty => assert!(there == 0 || most == 0, "{name}: {there} are there"),
                    Poll::Ended => panic!("{name}: the producer lives"),
                }
                let status = &monitor.stages()[at];
                assert_eq!((status.released, status.lag), (behind[at], published - behind[at]));
            }
        }
    }
    assert!(published - start > 3 * slots as u64, "the ring has wrapped");
    drop(producer);
    for stage in [&mut first, &mut last] {
        while let Poll::Ready(batch) = stage.poll(usize::MAX).unwrap() {
            batch.finish();
        }
        assert!(ended(stage), "{name}");
    }
    assert_eq!((monitor.end(), monitor.is_drained()), (Some(published), true), "{name}");
}

#[test]
fn a_ring_answers_every_move_as_counting_does() {
    for slots in [1, 2, 4, 8, 64, 256] {
        for (seed, first_sequence) in [(1, 0), (2, 1), (3, 1 << 63)] {
            let (ring, [first, last]) = graph(slots, first_sequence);
            let (producer, monitor) = ring.build(&Bell::silent()).unwrap();
            play("alone", producer, Chain { first, last, monitor }, seed);
            let (ring, [first, last]) = graph(slots, first_sequence);
            let (producer, monitor) = ring.build_shared().unwrap();
            play("shared", producer, Chain { first, last, monitor }, seed);
        }
    }
}
