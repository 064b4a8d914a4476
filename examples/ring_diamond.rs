//! A diamond: two stages work on the same input side by side, a third waits for both. The two
//! share a thread, and nothing is copied between them.
//!
//! `cargo run --release --example ring_diamond`

use std::error::Error;

use ringfence::ring::{Bell, Crew, Graph, WaitStrategy, Worker};

fn main() -> Result<(), Box<dyn Error>> {
    let mut sides = Worker::new("sides", WaitStrategy::Phased);
    let mut joining = Worker::new("join", WaitStrategy::Phased);

    //            ┌──▶ square ──▶ squares ──┐
    //   numbers ─┤                         ├──▶ join
    //            └──▶ cube ────▶ cubes ────┘
    let mut graph = Graph::<u64>::new(256, 0)?;
    let numbers = graph.input();
    let (square, squares) =
        graph.stage("square").on(sides.bell()).reads((&numbers,)).writes::<u64>();
    let (cube, cubes) = graph.stage("cube").on(sides.bell()).reads((&numbers,)).writes::<u64>();
    let join = graph.stage("join").on(joining.bell()).reads((&numbers, &squares, &cubes)).sink();
    let (mut producer, monitor) = graph.build(&Bell::new())?;

    sides.run(square, |mut batch| {
        let ((numbers,), mut squares) = batch.parts();
        squares.extend(numbers.iter().map(|number| number * number));
        batch.finish();
    });
    sides.run(cube, |mut batch| {
        let ((numbers,), mut cubes) = batch.parts();
        cubes.extend(numbers.iter().map(|number| number * number * number));
        batch.finish();
    });
    joining.run(join, |batch| {
        let (numbers, squares, cubes) = batch.reads();
        for offset in 0..batch.len() {
            // The sequence is the number here, because the ring starts at 0.
            assert_eq!(batch.first_sequence() + offset as u64, *numbers.at(offset));
            assert_eq!(numbers.at(offset) * squares.at(offset), *cubes.at(offset));
        }
        batch.finish();
    });

    let crew = Crew::start(vec![sides, joining], &monitor)?;
    let mut next = 0;
    while next < 100_000 {
        // In batches of 100: they become visible in two halves.
        let mut claim = producer.claim(100)?;
        claim.extend(next..next + 100);
        claim.publish(50);
        claim.finish();
        next += 100;
    }
    producer.close();
    crew.join()?;
    for stage in monitor.stages() {
        println!("{} has handed on {} values, lag {}", stage.name, stage.released, stage.lag);
    }
    Ok(())
}
