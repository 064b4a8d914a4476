//! The ring of this crate: its producers, stages and waiters.

use std::ops::Range;
use std::thread;

use ringfence::ring::{
    Batch, Bell, Graph, LaneWriter, Poll, Producer, SharedProducer, Stage, WaitStrategy, Waiter,
};

use super::{Event, Meeting, Run, SLOTS, Sender, Tally, bursts, pin, sending};

/// Runs `stage` until the ring has ended, and adds up what it reads.
fn read<E: Event>(mut stage: Stage<(E,)>, strategy: WaitStrategy) -> Tally {
    let mut waiter = Waiter::new(strategy, stage.bell().clone());
    let mut tally = Tally::default();
    loop {
        match stage.poll(usize::MAX).expect("nobody halts the ring") {
            Poll::Ready(batch) => {
                let slots = batch.len();
                count(&mut tally, batch);
                waiter.worked(slots);
            }
            Poll::Empty => waiter.wait(),
            Poll::Ended => return tally,
        }
    }
}

#[inline(always)]
fn count<E: Event>(tally: &mut Tally, batch: Batch<'_, (E,), ()>) {
    let (events,) = batch.reads();
    let (head, tail) = events.slices();
    tally.add_all(head);
    tally.add_all(tail);
    tally.batches += 1;
    batch.finish();
}

/// A ring with one reader, whose threads wait by `strategy`.
fn ring<E: Event>(strategy: WaitStrategy) -> (Producer<E>, Stage<(E,)>) {
    let mut graph = Graph::<E>::new(SLOTS, 0).expect("a power of two");
    let input = graph.input();
    let reader = graph.stage("reader").on(&Bell::for_strategy(strategy)).reads((&input,)).sink();
    let (mut producer, _) = graph.build(&Bell::for_strategy(strategy)).expect("it has a stage");
    producer.set_wait(strategy);
    (producer, reader)
}

#[inline(always)]
fn send<E: Event>(producer: &mut Producer<E>, range: Range<u64>, burst: usize) {
    if burst == 1 {
        for number in range {
            producer.publish(E::of(number)).ok().expect("nobody halts the ring");
        }
    } else {
        for (first, len) in bursts(range, burst) {
            let mut claim = producer.claim(len).expect("nobody halts the ring");
            fill(&mut claim.writer(), first);
            claim.finish();
        }
    }
}

/// Writes the events from `first` on, in place.
#[inline(always)]
fn fill<E: Event>(slots: &mut LaneWriter<'_, E>, first: u64) {
    let mut number = first;
    let (head, tail) = slots.slices();
    for part in [head, tail] {
        for slot in part {
            *slot = E::of(number);
            number += 1;
        }
    }
}

/// One producer, one stage.
pub fn one_to_one<E: Event>(events: u64, burst: usize) -> Run {
    let (mut producer, reader) = ring::<E>(WaitStrategy::BusySpin);
    super::one_to_one(
        events,
        move || send(&mut producer, 0..events, burst),
        move || read(reader, WaitStrategy::BusySpin),
    )
}

/// Two producers, one stage.
pub fn two_to_one(events: u64, burst: usize) -> Run {
    let strategy = WaitStrategy::Yield;
    let mut graph = Graph::<u64>::new(SLOTS, 0).expect("a power of two");
    let input = graph.input();
    let reader = graph.stage("reader").on(&Bell::for_strategy(strategy)).reads((&input,)).sink();
    let (producer, _) = graph.build_shared().expect("it has a stage");
    let senders = [producer.clone(), producer].map(|mut producer| -> Sender {
        Box::new(move |range| send_shared(&mut producer, range, burst))
    });
    super::two_to_one(events, senders, move || {
        let mut reader = reader;
        let mut tally = Tally::default();
        loop {
            match reader.poll(usize::MAX).expect("nobody halts the ring") {
                Poll::Ready(batch) => count(&mut tally, batch),
                Poll::Empty => thread::yield_now(),
                Poll::Ended => return tally,
            }
        }
    })
}

fn send_shared(producer: &mut SharedProducer<u64>, range: Range<u64>, burst: usize) {
    if burst == 1 {
        for number in range {
            while producer.try_publish(number).is_err() {
                thread::yield_now();
            }
        }
    } else {
        for (first, len) in bursts(range, burst) {
            loop {
                if let Some(mut claim) = producer.try_claim(len).expect("nobody halts the ring") {
                    fill(&mut claim.writer(), first);
                    claim.finish();
                    break;
                }
                thread::yield_now();
            }
        }
    }
}

/// A chain of three stages, or with `diamond` two side by side and one behind both; each on a
/// thread of its own.
fn three(events: u64, burst: usize, diamond: bool) -> Run {
    let strategy = WaitStrategy::Yield;
    let mut graph = Graph::<u64>::new(SLOTS, 0).expect("a power of two");
    let input = graph.input();
    let bell = Bell::for_strategy(strategy);
    let first = graph.stage("first").on(&bell).reads((&input,)).sink();
    let second = graph.stage("second").on(&bell).reads((&input,));
    let second = if diamond { second.sink() } else { second.after(&first).sink() };
    let third = graph.stage("third").on(&bell).reads((&input,)).after(&first).after(&second).sink();
    let (mut producer, _) = graph.build(&bell).expect("it has stages");
    producer.set_wait(strategy);
    let meeting = Meeting::default();
    let threads: Vec<_> = [first, second, third]
        .into_iter()
        .enumerate()
        .map(|(index, stage)| {
            let meeting = meeting.clone();
            thread::spawn(move || {
                pin(index + 1);
                meeting.arrive();
                let tally = read(stage, strategy);
                if index == 2 {
                    meeting.done(tally);
                }
            })
        })
        .collect();
    let run = sending(&meeting, 3, events, move || send(&mut producer, 0..events, burst));
    for thread in threads {
        thread.join().expect("stages check nothing that can fail");
    }
    run
}

/// A chain of three stages.
pub fn chain(events: u64, burst: usize) -> Run {
    three(events, burst, false)
}

/// Two stages side by side, and a third behind both.
pub fn diamond(events: u64, burst: usize) -> Run {
    three(events, burst, true)
}

/// Nanoseconds through one ring and back through another.
pub fn round_trip(trips: u64) -> f64 {
    let (mut there, echoed) = ring::<u64>(WaitStrategy::BusySpin);
    let (mut back, mut arrived) = ring::<u64>(WaitStrategy::BusySpin);
    super::round_trip(
        trips,
        move |number| {
            there.publish(number).expect("nobody halts the ring");
            await_one(&mut arrived)
        },
        move |trips| {
            let mut echoed = echoed;
            for _ in 0..trips {
                let number = await_one(&mut echoed);
                back.publish(number).expect("nobody halts the ring");
            }
        },
    )
}

#[inline(always)]
fn await_one(stage: &mut Stage<(u64,)>) -> u64 {
    loop {
        if let Poll::Ready(batch) = stage.poll(1).expect("nobody halts the ring") {
            let number = *batch.reads().0.at(0);
            batch.finish();
            return number;
        }
        std::hint::spin_loop();
    }
}
