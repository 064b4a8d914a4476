//! How long a batch takes while tables grow that hold ten million transfers.

mod world;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ringfence::types::Rules;

use world::{World, rules};

/// Transfers that the tables hold.
const HELD: u64 = 10_000_000;
/// Places before they grow, and after it.
const PLACES: [u64; 2] = [12_000_000, 24_000_000];
const BATCH: usize = 100;
/// Batches after which all entries have moved: each transfer moves those of 32 slots, of which
/// there are two for a place.
const MOVING: usize = 2 * PLACES[0] as usize / 32 / BATCH;

/// Times of batches, in nanoseconds.
struct Times {
    elapsed: Histogram<u64>,
    /// On a core: without the times at which another thread had it.
    on_core: Histogram<u64>,
}

impl Times {
    fn new() -> Times {
        let empty = || Histogram::new(3).expect("three digits are a precision that it knows");
        Times { elapsed: empty(), on_core: empty() }
    }

    /// Times one batch.
    fn add(&mut self, world: &mut World) {
        let (start, end) = world.time_by(BATCH, BATCH, || (Instant::now(), on_core_ns()));
        let elapsed_ns = (end.0 - start.0).as_nanos() as u64;
        for (times, ns) in [(&mut self.elapsed, elapsed_ns), (&mut self.on_core, end.1 - start.1)] {
            times.record(ns).expect("it grows with what it counts");
        }
    }

    fn print(&self, what: &str) {
        let micros = |times: &Histogram<u64>| {
            let [p50, p99] = [0.5, 0.99].map(|it| times.value_at_quantile(it) as f64 / 1e3);
            format!("{p50:>9.1} {p99:>9.1} {:>9.1}", times.max() as f64 / 1e3)
        };
        let (elapsed, on_core) = (micros(&self.elapsed), micros(&self.on_core));
        println!("{what:<20} {:>7} | {elapsed} | {on_core}", self.elapsed.len());
    }
}

/// How long this thread has had a core.
fn on_core_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Batches alone, then batches while another thread has the memory ready, then what taking it over
/// takes, then the batches that move the entries, then batches alone again. A batch that is above a
/// millisecond on a core is a pause of the growth's own: there something goes through a whole table
/// at once.
fn main() {
    let mut world = World::new(&rules(10_000, PLACES[0], 0));
    for _ in 0..HELD / BATCH as u64 {
        world.time(BATCH, BATCH);
    }
    let columns = format!("{:>9} {:>9} {:>9}", "p50", "p99", "highest");
    println!("batches of {BATCH}, in µs, elapsed and on a core");
    println!("{:<20} {:>7} | {columns} | {columns}", "", "");
    run(&mut world, MOVING).print("alone");

    let larger = rules(10_000, PLACES[1], 0);
    while_memory_is_had(&mut world, &larger).print("while memory is had");

    let start = Instant::now();
    world.engine.configure(&larger).expect("there is so much memory");
    println!("taking it over took {:.1} µs", start.elapsed().as_nanos() as f64 / 1_000.0);
    run(&mut world, MOVING).print("while entries move");
    run(&mut world, MOVING).print("alone, later");
}

fn run(world: &mut World, batches: usize) -> Times {
    let mut times = Times::new();
    (0..batches).for_each(|_| times.add(world));
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
            times.add(world);
            // The places that are left have to suffice.
            thread::sleep(Duration::from_micros(500));
        }
    });
    times
}
