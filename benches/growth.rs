//! How long a batch takes while tables grow that hold ten million transfers.

mod world;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ringfence::types::{Capacities, Rules};

use world::World;

/// Transfers that the tables hold.
const HELD: u64 = 10_000_000;
/// Places before they grow, and after it.
const PLACES: [u64; 2] = [12_000_000, 24_000_000];
const BATCH: usize = 100;
/// Batches after which all entries have moved: each transfer moves those of 32 slots, of which
/// there are two for a place.
const MOVING: usize = 2 * PLACES[0] as usize / 32 / BATCH;

/// Times of batches, in nanoseconds.
struct Times(Histogram<u64>);

impl Times {
    fn new() -> Times {
        Times(Histogram::new(3).expect("three digits are a precision that it knows"))
    }

    fn add(&mut self, time: Duration) {
        self.0.record(time.as_nanos() as u64).expect("it grows with what it counts");
    }

    fn print(&self, what: &str) {
        let micros = |nanos: u64| nanos as f64 / 1_000.0;
        let [p50, p99, p9999] =
            [0.5, 0.99, 0.9999].map(|quantile| micros(self.0.value_at_quantile(quantile)));
        let (count, highest) = (self.0.len(), micros(self.0.max()));
        println!("{what:<24} {count:>7} {p50:>9.1} {p99:>9.1} {p9999:>9.1} {highest:>9.1}");
    }
}

/// Batches alone, then batches while another thread has the memory ready, then the batch that takes
/// it over and those that move the entries, then batches alone again. A batch above a millisecond in
/// the third row is a pause of the growth's own: something there goes through a whole table at once.
fn main() {
    let mut world = World::new(10_000, PLACES[0], 0);
    for _ in 0..HELD / BATCH as u64 {
        world.time(BATCH, BATCH);
    }
    println!(
        "batches of {BATCH}, µs      {:>7} {:>9} {:>9} {:>9} {:>9}",
        "", "p50", "p99", "p99.99", "highest"
    );
    run(&mut world, MOVING).print("alone");

    let capacities = Capacities { transfers: PLACES[1], ..world.rules.capacities };
    let rules = Rules { capacities, ..world.rules };
    while_memory_is_had(&mut world, &rules).print("while memory is had");

    let mut moving = Times::new();
    let start = Instant::now();
    world.engine.configure(&rules).expect("there is so much memory");
    println!("taking it over took {:.1} µs", start.elapsed().as_nanos() as f64 / 1_000.0);
    for _ in 0..MOVING {
        moving.add(world.time(BATCH, BATCH));
    }
    moving.print("while entries move");
    run(&mut world, MOVING).print("alone, later");
}

fn run(world: &mut World, batches: usize) -> Times {
    let mut times = Times::new();
    (0..batches).for_each(|_| times.add(world.time(BATCH, BATCH)));
    times
}

/// Batches until a thread beside them has all memory that `rules` need; it rests as that of a
/// running engine does.
fn while_memory_is_had(world: &mut World, rules: &Rules) -> Times {
    let growth = world.engine.growth();
    let is_had = AtomicBool::new(false);
    let mut times = Times::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut begun = Instant::now();
            let rest = || {
                thread::sleep((begun.elapsed() * 4).min(Duration::from_millis(20)));
                begun = Instant::now();
                ControlFlow::Continue(())
            };
            growth.prepare_gently(rules, rest).expect("there is so much memory");
            is_had.store(true, Ordering::Relaxed);
        });
        while !is_had.load(Ordering::Relaxed) {
            times.add(world.time(BATCH, BATCH));
            // The places that are left have to suffice.
            thread::sleep(Duration::from_micros(500));
        }
    });
    times
}
