//! What the others learn when a thread panics.

use std::thread;

use super::{drain, many_to_one};
use crate::{Bell, ClaimError, Graph, Halted};

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
