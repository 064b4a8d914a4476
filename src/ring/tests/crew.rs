//! Workers, their hooks, and the ways in which a crew ends.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::{
    Batch, Bell, ClaimError, Crew, Graph, Halted, Handler, Monitor, Producer, Stage, WaitStrategy,
    Worker,
};

const STRATEGIES: [WaitStrategy; 4] =
    [WaitStrategy::BusySpin, WaitStrategy::Yield, WaitStrategy::Park, WaitStrategy::Phased];

/// What a handler was called for.
#[derive(Debug, PartialEq)]
enum Call {
    Start(ThreadId),
    Value(u64),
    Stop(ThreadId, Result<(), Halted>),
}

/// Tells what it is called for; panics at the value given.
struct Telling {
    calls: Sender<Call>,
    panic_at: u64,
}

impl Handler<(u64,), ()> for Telling {
    fn on_start(&mut self) {
        self.calls.send(Call::Start(thread::current().id())).unwrap();
    }

    fn on_batch(&mut self, batch: Batch<'_, (u64,), ()>) {
        for value in batch.reads().0 {
            assert_ne!(*value, self.panic_at, "told to");
            self.calls.send(Call::Value(*value)).unwrap();
        }
        batch.finish();
    }

    fn on_stop(&mut self, end: Result<(), &Halted>) {
        let end = end.map_err(Halted::clone);
        self.calls.send(Call::Stop(thread::current().id(), end)).unwrap();
    }
}

type Sink = Stage<(u64,), ()>;

/// A ring of two stages side by side, the first on the first worker, the second on the second.
fn fan(workers: [&Worker; 2]) -> (Producer<u64>, [Sink; 2], Monitor) {
    let mut graph = Graph::<u64>::new(4, 1).unwrap();
    let input = graph.input();
    let one = graph.stage("one").on(workers[0].bell()).reads((&input,)).sink();
    let two = graph.stage("two").on(workers[1].bell()).reads((&input,)).sink();
    let (producer, monitor) = graph.build(&Bell::new()).unwrap();
    (producer, [one, two], monitor)
}

fn telling(panic_at: u64) -> (Telling, Receiver<Call>) {
    let (calls, told) = mpsc::channel();
    (Telling { calls, panic_at }, told)
}

#[test]
fn a_crew_drains_between_its_first_and_its_last_hook() {
    for strategy in STRATEGIES {
        for shared in [false, true] {
            let mut workers = vec![Worker::new("a", strategy), Worker::new("b", strategy)];
            let second = usize::from(!shared);
            let (mut producer, [one, two], monitor) = fan([&workers[0], &workers[second]]);
            let ((first, told_first), (other, told_other)) = (telling(u64::MAX), telling(u64::MAX));
            workers[0].host(one, 1, first);
            workers[second].host(two, usize::MAX, other);
            let crew = Crew::start(workers, &monitor).unwrap();
            for value in 0..100 {
                producer.publish(value).unwrap();
            }
            producer.close();
            crew.join().unwrap();
            assert!(monitor.is_drained());
            for told in [told_first, told_other] {
                let calls: Vec<Call> = told.iter().collect();
                let Call::Start(thread) = calls[0] else { panic!("{strategy:?}: {calls:?}") };
                let values = (0..100).map(Call::Value);
                let mut expected: Vec<Call> = [Call::Start(thread)].into();
                expected.extend(values);
                expected.push(Call::Stop(thread, Ok(())));
                assert_eq!(calls, expected, "{strategy:?}, on one thread: {shared}");
                assert_ne!(thread, thread::current().id());
            }
        }
    }
}

#[test]
fn a_panic_reaches_everyone_with_its_message() {
    for strategy in STRATEGIES {
        let mut workers = vec![Worker::new("a", strategy), Worker::new("b", strategy)];
        let (mut producer, [one, two], monitor) = fan([&workers[0], &workers[1]]);
        let ((first, told_first), (other, told_other)) = (telling(7), telling(u64::MAX));
        workers[0].host(one, usize::MAX, first);
        workers[1].host(two, usize::MAX, other);
        let crew = Crew::start(workers, &monitor).unwrap();
        let refused = (0..).find_map(|value| producer.publish(value).err()).unwrap();
        let halted = refused.halted.unwrap();
        assert_eq!(halted.by, "one", "{strategy:?}");
        assert!(halted.message.starts_with("it panicked: "), "{halted}");
        assert!(halted.message.contains("told to"), "{halted}");
        assert_eq!(producer.claim(1).unwrap_err(), ClaimError::Halted(halted.clone()));
        assert_eq!(monitor.halted(), Some(halted.clone()));
        assert_eq!(crew.join(), Err(halted.clone()));
        let last = told_other.iter().last();
        assert!(matches!(last, Some(Call::Stop(_, Err(reason))) if reason == halted));
        let last = told_first.iter().last();
        assert!(!matches!(last, Some(Call::Stop(..))), "what panicked is not called again");
    }
}

#[test]
fn a_crew_that_is_stopped_or_dropped_does_not_drain() {
    for dropped in [false, true] {
        let mut workers = vec![Worker::new("a", WaitStrategy::Park)];
        let (mut producer, [one, two], monitor) = fan([&workers[0], &workers[0]]);
        let ((first, told), (other, _told_other)) = (telling(u64::MAX), telling(u64::MAX));
        workers[0].host(one, usize::MAX, first);
        workers[0].host(two, usize::MAX, other);
        let crew = Crew::start(workers, &monitor).unwrap();
        producer.publish(1).unwrap();
        let reason = if dropped {
            drop(crew);
            "its crew was dropped"
        } else {
            crew.stop("enough");
            "enough"
        };
        let Some(Call::Stop(_, Err(halted))) = told.iter().last() else { panic!("not told") };
        assert_eq!((halted.by.as_str(), halted.message.as_str()), ("monitor", reason));
        assert_eq!(producer.publish(2).unwrap_err().halted, Some(halted));
    }
}

#[test]
fn a_ring_that_does_not_drain_in_time_is_halted() {
    let mut workers = vec![Worker::new("a", WaitStrategy::Park)];
    let (producer, [one, two], monitor) = fan([&workers[0], &workers[0]]);
    workers[0].run(one, |batch| batch.finish());
    workers[0].run(two, |batch| batch.finish());
    let crew = Crew::start(workers, &monitor).unwrap();
    assert!(crew.is_running());
    let halted = crew.join_within(Duration::from_millis(10)).unwrap_err();
    assert_eq!(halted.message, "it did not drain within 10 ms");
    drop(producer);
}

#[test]
#[should_panic(expected = "on the bell of another thread")]
fn a_worker_refuses_a_stage_that_rings_elsewhere() {
    let [mut here, there] = ["a", "b"].map(|name| Worker::new(name, WaitStrategy::Park));
    let (_producer, [_one, two], _monitor) = fan([&here, &there]);
    here.run(two, |batch| batch.finish());
}

#[test]
fn a_wait_for_the_end_is_over_with_the_last_worker() {
    let core = core_affinity::get_core_ids().unwrap_or_default().first().map_or(0, |core| core.id);
    for round in 0..100 {
        let pinned = Worker::new("a", WaitStrategy::Phased).pinned_to(core);
        let mut workers = vec![pinned, Worker::new("b", WaitStrategy::Park)];
        let (mut producer, [one, two], monitor) = fan([&workers[0], &workers[1]]);
        workers[0].run(one, |batch| batch.finish());
        workers[1].run(two, |batch| batch.finish());
        let crew = Crew::start(workers, &monitor).unwrap();
        producer.publish(1).unwrap();
        producer.close();
        let start = Instant::now();
        assert_eq!(crew.join_within(Duration::from_secs(60)), Ok(()));
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "round {round}: it waited its limit out"
        );
    }
}
