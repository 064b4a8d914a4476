//! What works without the feature `std` too: waiting for room and for values without a clock, and
//! sleeping by a parker of one's own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use crate::{Bell, Graph, Monitor, Parker, Poll, Producer, Stage, WaitStrategy, Waiter};

/// A ring whose one stage waits on `bell`.
fn one_to_one(slots: usize, bell: &Bell) -> (Producer<u64>, Stage<(u64,)>, Monitor) {
    let mut graph = Graph::<u64>::new(slots, 1).unwrap();
    let input = graph.input();
    let sink = graph.stage("sink").on(bell).reads((&input,)).sink();
    let (producer, monitor) = graph.build(&Bell::silent()).unwrap();
    (producer, sink, monitor)
}

/// Adds up all values of the ring.
fn sum(mut sink: Stage<(u64,)>, mut waiter: Waiter) -> u64 {
    let mut sum = 0;
    loop {
        match sink.poll(3).unwrap() {
            Poll::Ready(batch) => {
                sum += batch.reads().0.iter().sum::<u64>();
                batch.finish();
                waiter.reset();
            }
            Poll::Empty => waiter.wait(),
            Poll::Ended => return sum,
        }
    }
}

#[test]
fn every_strategy_gets_values_through_a_ring_of_any_size() {
    for strategy in
        [WaitStrategy::BusySpin, WaitStrategy::Yield, WaitStrategy::Park, WaitStrategy::Phased]
    {
        for slots in [1, 64] {
            let (mut producer, sink, monitor) = one_to_one(slots, &Bell::for_strategy(strategy));
            producer.set_wait(strategy);
            let waiter = Waiter::new(strategy, sink.bell().clone());
            let reading = thread::spawn(move || sum(sink, waiter));
            for value in 1..=20 {
                producer.publish(value).unwrap();
            }
            producer.publish_all(&mut [21].into_iter()).unwrap();
            producer.close();
            assert_eq!(reading.join().unwrap(), (1..=21).sum(), "{strategy:?}, {slots} slots");
            assert!(monitor.is_drained());
        }
    }
}

/// A parker as a program without a standard library may bring one.
#[derive(Default)]
struct Own {
    token: Mutex<bool>,
    given: Condvar,
}

impl Parker for Own {
    fn park(&self, timeout: Duration) {
        let token = self.token.lock().unwrap();
        let (mut token, _) =
            self.given.wait_timeout_while(token, timeout, |token| !*token).unwrap();
        *token = false;
    }

    fn unpark(&self) {
        *self.token.lock().unwrap() = true;
        self.given.notify_one();
    }
}

#[test]
fn a_thread_sleeps_by_a_parker_of_its_own() {
    let bell = Bell::with_parker(Arc::new(Own::default()));
    let (mut producer, sink, _) = one_to_one(8, &bell);
    // A wake-up that is lost makes the test wait for minutes.
    let waiter = Waiter::new(WaitStrategy::Park, bell).with_park_limit(Duration::from_secs(3_600));
    let reading = thread::spawn(move || sum(sink, waiter));
    for value in 1..=20 {
        producer.publish(value).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    producer.close();
    assert_eq!(reading.join().unwrap(), 210);
}

/// Counts how often it is asked to sleep.
#[derive(Default)]
struct Counting(AtomicU32);

impl Parker for Counting {
    fn park(&self, _: Duration) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn unpark(&self) {}
}

#[test]
fn a_waiter_yields_as_often_as_it_was_told_before_it_sleeps() {
    for yields in [0, 1, 30] {
        let parker = Arc::new(Counting::default());
        let bell = Bell::with_parker(parker.clone());
        let waiter = Waiter::new(WaitStrategy::Phased, bell).without_spinning();
        let mut waiter = waiter.with_yields(yields);
        for _ in 0..2 {
            let before = parker.0.load(Ordering::Relaxed);
            // The one after the yields announces the sleep and returns.
            (0..yields + 1).for_each(|_| waiter.wait());
            assert_eq!(parker.0.load(Ordering::Relaxed), before, "{yields}");
            waiter.wait();
            assert_eq!(parker.0.load(Ordering::Relaxed), before + 1, "{yields}");
            waiter.reset();
        }
    }
}
