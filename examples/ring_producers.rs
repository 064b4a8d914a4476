//! Several producers fill one ring. One of them fails in the middle of a claim: nobody stalls,
//! nobody sees what it left behind.
//!
//! `cargo run --release --example ring_producers`

use std::error::Error;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ringfence::ring::{Crew, Graph, WaitStrategy, Worker};

const PRODUCERS: u64 = 3;
const VALUES: u64 = 50_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut reading = Worker::new("reader", WaitStrategy::Phased);
    let mut graph = Graph::<u64>::new(1024, 1)?;
    let input = graph.input();
    let reader = graph.stage("reader").on(reading.bell()).reads((&input,)).sink();
    let (producer, monitor) = graph.build_shared()?;

    let (send, received) = mpsc::channel();
    let mut count = 0;
    reading.run(reader, move |batch| {
        count += batch.len() as u64;
        let last = batch.first_sequence() + batch.len() as u64 - 1;
        batch.finish();
        send.send((count, last)).expect("main waits for the count");
    });
    let crew = Crew::start(vec![reading], &monitor)?;

    thread::scope(|scope| {
        for number in 0..PRODUCERS {
            let mut producer = producer.clone();
            scope.spawn(move || {
                for value in 0..VALUES {
                    producer.publish(number * VALUES + value).expect("the ring is not halted");
                }
            });
        }
        let mut producer = producer; // the first one, and the last to go
        scope.spawn(move || {
            let mut claim = producer.claim(16).expect("the ring is not halted");
            claim.push(u64::MAX);
            drop(claim); // as an early return or a panic would
            // Where waiting forever is not wanted:
            producer.claim_within(16, Duration::from_secs(10)).expect("the reader is there");
        });
    });
    crew.join()?;

    let (count, last) = received.iter().last().expect("there were values");
    println!("{count} values, the last one at sequence {last}, of {} claimed", monitor.published());
    assert_eq!(count, PRODUCERS * VALUES);
    Ok(())
}
