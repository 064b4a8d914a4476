//! Waits of stages and of the one producer, under every strategy: they end when there is
//! something, when there will be nothing any more, and when their time is over.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::many_to_one;
use crate::{
    Bell, ClaimError, Graph, Monitor, Parker, Poll, Producer, Stage, WaitStrategy, Waiter,
};

const STRATEGIES: [WaitStrategy; 4] =
    [WaitStrategy::BusySpin, WaitStrategy::Yield, WaitStrategy::Park, WaitStrategy::Phased];

/// Longer than any of these waits takes, shorter than anyone waits for a test.
const LONG: Duration = Duration::from_secs(60);

type Sink = Stage<(u64,), ()>;

/// Two stages side by side, each for a thread of its own.
fn fan(slots: usize, strategy: WaitStrategy) -> (Producer<u64>, [Sink; 2], Monitor) {
    let bell = || Bell::for_strategy(strategy);
    let mut graph = Graph::<u64>::new(slots, 1).unwrap();
    let input = graph.input();
    let one = graph.stage("one").on(&bell()).reads((&input,)).sink();
    let two = graph.stage("two").on(&bell()).reads((&input,)).sink();
    let (mut producer, monitor) = graph.build(&bell()).unwrap();
    producer.set_wait(strategy);
    (producer, [one, two], monitor)
}

fn waiter(stage: &Sink, strategy: WaitStrategy) -> Waiter {
    // Parked for as long as it takes: a wake-up that is lost makes the test fail.
    Waiter::new(strategy, stage.bell().clone()).with_park_limit(LONG)
}

#[test]
fn a_stage_waits_no_longer_than_its_time() {
    for strategy in STRATEGIES {
        let (_producer, [mut one, _two], _) = fan(4, strategy);
        let mut waiter = waiter(&one, strategy);
        for limit in [Duration::ZERO, Duration::from_millis(15)] {
            let start = Instant::now();
            let found = one.poll_within(4, &mut waiter, Some(limit)).unwrap();
            assert!(matches!(found, Poll::Empty), "{strategy:?}");
            assert!(start.elapsed() >= limit, "{strategy:?}: {:?}", start.elapsed());
            assert!(start.elapsed() < LONG / 2, "{strategy:?}: {:?}", start.elapsed());
        }
    }
}

#[test]
fn waiting_stages_are_woken_by_each_value_and_by_the_end() {
    for strategy in STRATEGIES {
        // Threads that spin hold up each other where they outnumber the cores.
        let values = if strategy == WaitStrategy::BusySpin { 20 } else { 300 };
        let start = Instant::now();
        let (mut producer, stages, monitor) = fan(2, strategy);
        let threads = stages.map(|mut stage| {
            thread::spawn(move || {
                let mut waiter = waiter(&stage, strategy);
                let mut seen = Vec::new();
                loop {
                    match stage.poll_within(1, &mut waiter, None).unwrap() {
                        Poll::Ready(batch) => {
                            seen.push(*batch.reads().0.at(0));
                            batch.finish();
                        }
                        Poll::Empty => panic!("there is no limit"),
                        Poll::Ended => return seen,
                    }
                }
            })
        });
        for value in 0..values {
            producer.publish(value).unwrap();
            if value % 100 == 0 {
                // Long enough for all to fall asleep.
                thread::sleep(Duration::from_millis(2));
            }
        }
        producer.close();
        for thread in threads {
            assert!(thread.join().unwrap().into_iter().eq(0..values), "{strategy:?}");
        }
        assert!(monitor.is_drained());
        assert!(start.elapsed() < LONG / 2, "{strategy:?}: a wake-up was lost");
    }
}

#[test]
fn everyone_who_waits_learns_that_a_stage_is_gone() {
    for strategy in STRATEGIES {
        for panics in [false, true] {
            let (mut producer, [mut one, two], monitor) = fan(1, strategy);
            let start = Instant::now();
            producer.publish(1).unwrap();
            let reading = thread::spawn(move || {
                let mut waiter = waiter(&one, strategy);
                loop {
                    match one.poll_within(1, &mut waiter, None) {
                        Ok(Poll::Ready(batch)) => batch.finish(),
                        Ok(_) => panic!("neither a limit nor an end"),
                        Err(halted) => return halted,
                    }
                }
            });
            let writing = thread::spawn(move || producer.claim(1).unwrap_err());
            thread::sleep(Duration::from_millis(2));
            let leaving = thread::spawn(move || {
                let _two = two;
                assert!(!panics, "on purpose");
            });
            assert_eq!(leaving.join().is_err(), panics);
            let halted = reading.join().unwrap();
            assert_eq!(halted.by, "two", "{strategy:?}");
            let expected = if panics { "it panicked" } else { "it went away before the end" };
            assert_eq!(halted.message, expected, "{strategy:?}");
            assert_eq!(writing.join().unwrap(), ClaimError::Halted(halted.clone()));
            assert_eq!(monitor.halted(), Some(halted));
            assert!(start.elapsed() < LONG / 2, "{strategy:?}: a wake-up was lost");
        }
    }
}

#[test]
fn the_one_producer_waits_for_room_for_so_long() {
    let limit = Duration::from_millis(15);
    for strategy in STRATEGIES {
        let (mut producer, [mut one, mut two], _) = fan(2, strategy);
        producer.publish_all(&mut [1, 2].into_iter()).unwrap();
        let start = Instant::now();
        let error = producer.claim_within(1, limit).unwrap_err();
        assert_eq!(error, ClaimError::TimedOut { asked: 1, limit }, "{strategy:?}");
        assert!(start.elapsed() >= limit, "{strategy:?}");
        assert_eq!(producer.publish_within(3, limit).unwrap_err().value, 3);
        let writing = thread::spawn(move || {
            let sequence = producer.publish_within(3, LONG).unwrap();
            (producer, sequence)
        });
        thread::sleep(Duration::from_millis(2));
        for stage in [&mut one, &mut two] {
            let Poll::Ready(mut batch) = stage.poll(2).unwrap() else { panic!("two are there") };
            // One slot is enough, before the batch ends.
            batch.advance(1);
        }
        let (_producer, sequence) = writing.join().unwrap();
        assert_eq!(sequence, 3);
        assert!(start.elapsed() < LONG / 2, "{strategy:?}: a wake-up was lost");
    }
}

#[test]
fn a_wait_for_room_ends_when_its_time_is_over() {
    let limit = Duration::from_millis(20);
    for strategy in
        [WaitStrategy::BusySpin, WaitStrategy::Yield, WaitStrategy::Park, WaitStrategy::Phased]
    {
        let (mut producer, _sink, _) = many_to_one(2, 1);
        producer.set_wait(strategy);
        producer.publish_all(&mut [1, 2].into_iter()).unwrap();
        let start = Instant::now();
        let error = producer.claim_within(1, limit).unwrap_err();
        assert_eq!(error, ClaimError::TimedOut { asked: 1, limit }, "{strategy:?}");
        assert!(start.elapsed() >= limit, "{strategy:?}");
        let handed_back = producer.publish_within(3, Duration::ZERO).unwrap_err();
        assert_eq!((handed_back.value, handed_back.halted), (3, None), "{strategy:?}");
    }
}

#[test]
fn the_last_look_comes_after_the_time_is_over() {
    for strategy in STRATEGIES {
        let mut waiter = Waiter::new(strategy, Bell::for_strategy(strategy));
        let start = Instant::now();
        let limit = Duration::from_millis(5);
        let found = waiter.wait_for(Some(limit), || (start.elapsed() >= limit).then_some(7));
        assert_eq!(found, Some(7), "{strategy:?}");
    }
}

/// A parker that halts the ring when it is to wake its thread.
#[derive(Default)]
struct Halting {
    /// Taken out in the end: the ring owns the parker.
    monitor: Mutex<Option<Monitor>>,
}

impl Parker for Halting {
    fn park(&self, _: Duration) {}

    fn unpark(&self) {
        let monitor = self.monitor.lock().unwrap().clone();
        monitor.expect("it is set before the ring moves").halt("by the parker");
    }
}

#[test]
fn a_parker_may_halt_the_ring_that_wakes_it() {
    type Wake = fn(Producer<u64>);
    //  what wakes the thread, and the reason for the halt
    let cases: [(Wake, &str); 3] = [
        (|producer| producer.halt("by the producer"), "by the producer"),
        (Producer::close, "by the parker"),
        (|mut producer| drop(producer.publish(1)), "by the parker"),
    ];
    for (wake, reason) in cases {
        let parker = Arc::new(Halting::default());
        let bell = Bell::with_parker(parker.clone());
        let mut graph = Graph::<u64>::new(4, 1).unwrap();
        let input = graph.input();
        let _sink = graph.stage("sink").on(&bell).reads((&input,)).sink();
        let (producer, monitor) = graph.build(&Bell::new()).unwrap();
        *parker.monitor.lock().unwrap() = Some(monitor.clone());
        let mut waiter = Waiter::new(WaitStrategy::Park, bell);
        waiter.wait(); // announces the sleep
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            wake(producer);
            done.send(()).unwrap();
        });
        is_done.recv_timeout(LONG / 2).expect("it waits for a lock that it holds itself");
        assert_eq!(monitor.halted().unwrap().message, reason);
        parker.monitor.lock().unwrap().take();
    }
}
