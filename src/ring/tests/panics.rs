//! What the others learn when a thread panics.

use std::any::Any;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::{drain, many_to_one};
use crate::{Batch, Bell, ClaimError, Crew, Graph, Halted, Handler, WaitStrategy, Worker};

#[test]
fn a_stage_that_panics_is_named_to_the_others() {
    let mut graph = Graph::<u64>::new(4, 1).unwrap();
    let input = graph.input();
    let mut sink = graph.stage("sink").reads((&input,)).sink();
    let (mut producer, monitor) = graph.build(&Bell::silent()).unwrap();
    producer.try_publish(1).unwrap();
    let thread = thread::spawn(move || {
        let _batch = sink.poll(1);
        panic!("on purpose");
    });
    assert!(thread.join().is_err());
    let expected = Halted { by: "sink".into(), message: "it panicked".into() };
    assert_eq!(producer.try_claim(1).unwrap_err(), ClaimError::Halted(expected.clone()));
    assert_eq!(monitor.halted(), Some(expected));
}

#[test]
fn a_producer_that_panics_leaves_the_others_to_go_on_and_the_last_halts_the_ring() {
    let (mut one, mut sink, monitor) = many_to_one(4, 1);
    let mut two = one.clone();
    let panicking = thread::spawn(move || {
        two.publish_with(|_| panic!("on purpose")).unwrap();
    });
    assert!(panicking.join().is_err());
    one.try_publish(7).unwrap();
    assert_eq!(drain(&mut sink, usize::MAX), [(2, 7)]);
    assert_eq!(monitor.halted(), None);
    let panicking = thread::spawn(move || {
        one.publish_with(|_| panic!("on purpose")).unwrap();
    });
    assert!(panicking.join().is_err());
    assert_eq!(sink.poll(1).unwrap_err().by, "producer");
}

/// When a handler panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Never,
    Start,
    Batch,
    Stop,
    Dropped,
}

/// Panics when it is told to; tells of its first and its last call.
struct Panicking {
    when: When,
    calls: Sender<&'static str>,
    /// Makes what the handler panics with.
    with: fn() -> Box<dyn Any + Send>,
}

impl Panicking {
    fn now(&self, when: When) {
        if self.when == when {
            // As a panic, without the hook that prints.
            resume_unwind((self.with)());
        }
    }
}

impl Handler<(u64,), ()> for Panicking {
    fn on_start(&mut self) {
        self.calls.send("start").unwrap();
        self.now(When::Start);
    }

    fn on_batch(&mut self, batch: Batch<'_, (u64,), ()>) {
        self.now(When::Batch);
        batch.finish();
    }

    fn on_stop(&mut self, end: Result<(), &Halted>) {
        self.calls.send(if end.is_ok() { "stop" } else { "halt" }).unwrap();
        self.now(When::Stop);
    }
}

impl Drop for Panicking {
    fn drop(&mut self) {
        self.now(When::Dropped);
    }
}

/// Runs a worker of two stages whose handlers panic as told, to the end of its ring.
fn run_two(
    whens: [When; 2],
    with: fn() -> Box<dyn Any + Send>,
) -> (Result<(), Halted>, [Receiver<&'static str>; 2]) {
    let mut worker = Worker::new("two", WaitStrategy::Phased);
    let mut graph = Graph::<u64>::new(4, 1).unwrap();
    let input = graph.input();
    let stages =
        ["one", "two"].map(|name| graph.stage(name).on(worker.bell()).reads((&input,)).sink());
    let (mut producer, monitor) = graph.build(&Bell::new()).unwrap();
    let mut told = Vec::new();
    for (stage, when) in stages.into_iter().zip(whens) {
        let (calls, receiver) = mpsc::channel();
        told.push(receiver);
        worker.host(stage, 1, Panicking { when, calls, with });
    }
    let crew = Crew::start(vec![worker], &monitor).unwrap();
    // Refused, if a handler was quick to panic.
    let _ = producer.publish(1);
    producer.close();
    let end = crew.join();
    assert_eq!(monitor.halted(), end.clone().err());
    (end, told.try_into().expect("two stages"))
}

#[test]
fn a_handler_that_panics_keeps_no_other_one_from_its_calls() {
    use When::{Batch, Dropped, Never, Start, Stop};
    //  when the two panic, calls of each, who halted the ring
    let cases = [
        ([Never, Never], ["start stop", "start stop"], None),
        ([Start, Never], ["start", "start halt"], Some("one")),
        ([Never, Start], ["start halt", "start"], Some("two")),
        ([Start, Start], ["start", "start"], Some("one")),
        ([Batch, Never], ["start", "start halt"], Some("one")),
        ([Stop, Never], ["start stop", "start stop"], Some("one")),
        ([Stop, Stop], ["start stop", "start stop"], Some("one")),
        ([Batch, Stop], ["start", "start halt"], Some("one")),
        ([Dropped, Never], ["start stop", "start stop"], Some("one")),
        ([Never, Dropped], ["start stop", "start stop"], Some("two")),
        ([Batch, Dropped], ["start", "start halt"], Some("one")),
    ];
    for (whens, calls, by) in cases {
        let (end, told) = run_two(whens, || Box::new("told to"));
        let name = format!("{whens:?}: {end:?}");
        assert_eq!(end.as_ref().err().map(|halted| halted.by.as_str()), by, "{name}");
        assert!(end.is_ok_and(|()| by.is_none()) || by.is_some(), "{name}");
        for (told, calls) in told.into_iter().zip(calls) {
            assert_eq!(told.iter().collect::<Vec<_>>().join(" "), calls, "{name}");
        }
    }
}

#[test]
fn handlers_that_all_panic_when_they_are_dropped_are_reported_by_join() {
    let (end, _) = run_two([When::Dropped; 2], || Box::new(String::from("told to")));
    let expected = Halted { by: "one".into(), message: "it panicked: told to".into() };
    assert_eq!(end, Err(expected));
}

/// Panics when it is dropped, and so does what it panics with.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new(Self));
    }
}

#[test]
fn what_a_handler_panics_with_may_panic_when_it_is_dropped() {
    for when in [When::Start, When::Batch, When::Stop, When::Dropped] {
        let (end, _) = run_two([when, When::Never], || Box::new(Bomb));
        let halted = end.unwrap_err();
        assert_eq!(halted.by, "one", "{when:?}");
        assert_eq!(halted.message, "it panicked: a panic without a message", "{when:?}");
    }
}
