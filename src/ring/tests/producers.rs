//! Several producers on threads of their own: every value arrives once, in order.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;

use super::Dice;
use crate::{Bell, Graph, Poll, SharedProducer, WaitStrategy, Waiter};

/// Each producer numbers its values; some it writes and gives up.
fn produce(mut producer: SharedProducer<u64>, number: u64, values: u64, seed: u64) {
    let mut dice = Dice(seed ^ (number << 32));
    let slots = producer.slots() as u64;
    let mut next = 0;
    while next < values {
        let count = (1 + dice.roll(slots.min(5))).min(values - next);
        match dice.roll(4) {
            0 => {
                let mut claim = producer.claim(count as usize).unwrap();
                claim.set(0, u64::MAX);
            }
            1 => {
                producer.publish(number << 32 | next).unwrap();
                next += 1;
            }
            _ => {
                let mut claim = producer.claim(count as usize).unwrap();
                let whole = dice.roll(count + 1);
                for offset in 0..whole {
                    claim.push(number << 32 | (next + offset));
                }
                claim.publish(whole as usize / 2);
                claim.finish();
                next += whole;
            }
        }
    }
}

#[test]
fn every_value_of_every_producer_arrives_once_in_its_order() {
    const PRODUCERS: u64 = 3;
    let values = if cfg!(debug_assertions) { 3_000 } else { 10_000 };
    for (slots, strategy, seed) in [
        (1, WaitStrategy::Phased, 1),
        (2, WaitStrategy::Park, 2),
        (4, WaitStrategy::Yield, 3),
        (64, WaitStrategy::Phased, 4),
    ] {
        let name = format!("{slots} slots, {strategy:?}, seed {seed}");
        let bells = [Bell::for_strategy(strategy), Bell::for_strategy(strategy)];
        let mut graph = Graph::<u64>::new(slots, 1).unwrap();
        let input = graph.input();
        let (mut copy, copied) = graph.stage("copy").on(&bells[0]).reads((&input,)).writes::<u64>();
        let mut last = graph.stage("last").on(&bells[1]).reads((&input, &copied)).sink();
        let (mut producer, monitor) = graph.build_shared().unwrap();
        producer.set_wait(strategy);

        let producers: Vec<_> = (0..PRODUCERS)
            .map(|number| {
                let producer = producer.clone();
                thread::spawn(move || produce(producer, number, values, seed))
            })
            .collect();
        drop(producer);
        let copying = thread::spawn(move || {
            let mut waiter = Waiter::new(strategy, copy.bell().clone());
            loop {
                match copy.poll(3).unwrap() {
                    Poll::Ready(mut batch) => {
                        let ((values,), mut out) = batch.parts();
                        let len = values.len();
                        values.iter().for_each(|value| out.push(*value));
                        batch.publish(len);
                        waiter.reset();
                    }
                    Poll::Empty => waiter.wait(),
                    Poll::Ended => break,
                }
            }
        });
        let (sender, received) = mpsc::channel();
        let reading = thread::spawn(move || {
            let mut waiter = Waiter::new(strategy, last.bell().clone());
            loop {
                match last.poll(usize::MAX).unwrap() {
                    Poll::Ready(batch) => {
                        let (values, copies) = batch.reads();
                        for (offset, (value, copy)) in values.iter().zip(copies).enumerate() {
                            assert_eq!(value, copy);
                            sender.send((batch.first_sequence() + offset as u64, *value)).unwrap();
                        }
                        let len = batch.len();
                        batch.publish(len);
                        waiter.reset();
                    }
                    Poll::Empty => waiter.wait(),
                    Poll::Ended => break,
                }
            }
        });
        for thread in producers {
            thread.join().unwrap_or_else(|_| panic!("{name}"));
        }
        copying.join().unwrap_or_else(|_| panic!("{name}"));
        reading.join().unwrap_or_else(|_| panic!("{name}"));

        let mut next = [0; PRODUCERS as usize];
        let mut sequences = BTreeSet::new();
        for (sequence, value) in received {
            assert_ne!(value, u64::MAX, "{name}: seen, though given up");
            let (number, count) = ((value >> 32) as usize, value & 0xffff_ffff);
            assert_eq!(count, next[number], "{name}: of producer {number}");
            next[number] += 1;
            assert!(sequences.last().is_none_or(|last| *last < sequence), "{name}: {sequence}");
            sequences.insert(sequence);
        }
        assert_eq!(next, [values; PRODUCERS as usize], "{name}");
        assert!(monitor.is_drained(), "{name}");
    }
}
