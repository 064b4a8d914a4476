//! A pipeline of three stages: parse, price, report. Each writes a lane, each has a thread.
//!
//! `cargo run --release --example ring_pipeline`

use std::error::Error;
use std::sync::mpsc;

use ringfence::ring::{Batch, Bell, Crew, Graph, Halted, Handler, WaitStrategy, Worker};

/// What comes in: a quantity in units, a price in cents.
#[derive(Default)]
struct Line {
    units: u64,
    price_cents: u64,
}

/// Adds up what the lines cost, and says so at the end.
struct Report {
    total_cents: u64,
    batches: u64,
    finished: mpsc::Sender<u64>,
}

impl Handler<(u64,), ()> for Report {
    fn on_start(&mut self) {
        println!("the report has started");
    }

    fn on_batch(&mut self, batch: Batch<'_, (u64,), ()>) {
        let (costs_cents,) = batch.reads();
        self.total_cents += costs_cents.iter().sum::<u64>();
        self.batches += 1;
        batch.finish();
    }

    fn on_stop(&mut self, end: Result<(), &Halted>) {
        println!("the report has ended after {} batches: {end:?}", self.batches);
        self.finished.send(self.total_cents).expect("main waits for the total");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let strategy = WaitStrategy::Phased;
    let mut workers: Vec<Worker> =
        ["check", "price", "report"].map(|name| Worker::new(name, strategy)).into();

    let mut graph = Graph::<Line>::new(1024, 1)?;
    let lines = graph.input();
    let (check, valid) =
        graph.stage("check").on(workers[0].bell()).reads((&lines,)).writes::<bool>();
    let (price, costs) =
        graph.stage("price").on(workers[1].bell()).reads((&lines, &valid)).writes::<u64>();
    let report = graph.stage("report").on(workers[2].bell()).reads((&costs,)).sink();
    let (mut producer, monitor) = graph.build(&Bell::new())?;

    workers[0].run(check, |mut batch| {
        let ((lines,), mut valid) = batch.parts();
        valid.extend(lines.iter().map(|line| line.units > 0));
        batch.finish();
    });
    workers[1].run(price, |mut batch| {
        let ((lines, valid), mut costs_cents) = batch.parts();
        let cost_cents = |line: &Line| line.units * line.price_cents;
        let priced = lines.iter().zip(valid);
        costs_cents.extend(priced.map(|(line, &valid)| if valid { cost_cents(line) } else { 0 }));
        batch.finish();
    });
    let (finished, total) = mpsc::channel();
    // At most 256 slots at a time, so that they are free again early.
    workers[2].host(report, 256, Report { total_cents: 0, batches: 0, finished });

    let crew = Crew::start(workers, &monitor)?;
    for units in 0..100_000 {
        producer.publish_with(|line| *line = Line { units: units % 10, price_cents: 250 })?;
    }
    producer.close();
    crew.join()?;

    let total_cents = total.recv()?;
    println!("{} lines cost {total_cents} cents", monitor.published() - 1);
    assert_eq!(total_cents, 10_000 * (1..10).sum::<u64>() * 250);
    Ok(())
}
