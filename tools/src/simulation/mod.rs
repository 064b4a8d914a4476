//! Lives of an engine over a disk that crashes, tears, reorders, refuses and lies.
//!
//! ```text
//!   seed ──▶ life: recover ──▶ append, poll, idle … ──▶ crash, failure or stop ──▶ next life
//!              │  real recovery, real engine     real writer
//!              └─▶ compare: commands, outcomes and digest with what the world outside knows
//! ```
//!
//! # Invariants
//!
//! * What a start finds is a prefix of the batches that were appended and holds every command that
//!   was released.
//! * Whatever finds it, recovery, a reader or `verify`, finds the same.
//! * Every command is answered as it was before, and the engine's digest is what it was there.
//! * Nothing is released after a failure, whatever the disk says later.
//! * Without a failing disk nothing fails. Damage is never reported where only the power was cut.
//! * All accidents follow from the seed.

mod found;
mod harm;
mod mend;
mod sabotage;
mod snapshots;
mod work;
mod world;

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

pub use sabotage::Sabotage;
use world::World;

/// What many seeds came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Seeds that ran.
    pub seeds: u64,
    /// Lives of an engine, from a start to a stop.
    pub lives: u64,
    /// Lives that a crash or a failing call ended.
    pub cut_short: u64,
    /// Those among them that ended before the engine had started.
    pub cut_short_in_recovery: u64,
    /// Lives that ended while a batch waited for room on a full disk.
    pub out_of_room: u64,
    /// Commands that were appended.
    pub commands: u64,
    /// Commands that were appended and lost again, none of them released.
    pub lost: u64,
    /// Tails that were cut.
    pub tails: u64,
    /// Bits that were flipped behind the engine's back and found.
    pub flips_found: u64,
    /// Snapshots that were made beside an engine.
    pub snapshots: u64,
    /// Segments and snapshots that they made dispensable, and that were deleted.
    pub retired: u64,
    /// Witnesses that were lost, torn, or put back as they were earlier.
    pub witnesses_spoilt: u64,
    /// Disks that were damaged between two lives.
    pub damaged: u64,
    /// Starts that were refused for it, or for damage to a copy.
    pub damage_found: u64,
    /// Damage that took commands of which nothing that was left said that they were durable.
    pub beyond_proof: u64,
    /// Repairs that were done.
    pub repaired: u64,
    /// Repairs that a crash or a failing call ended, and that were begun again.
    pub repairs_cut_short: u64,
    /// Seeds that end because damage left nothing to start from.
    pub beyond_repair: u64,
}

impl Report {
    fn add(&mut self, other: &Report) {
        self.seeds += other.seeds;
        self.lives += other.lives;
        self.cut_short += other.cut_short;
        self.cut_short_in_recovery += other.cut_short_in_recovery;
        self.out_of_room += other.out_of_room;
        self.commands += other.commands;
        self.lost += other.lost;
        self.tails += other.tails;
        self.flips_found += other.flips_found;
        self.snapshots += other.snapshots;
        self.retired += other.retired;
        self.witnesses_spoilt += other.witnesses_spoilt;
        self.damaged += other.damaged;
        self.damage_found += other.damage_found;
        self.beyond_proof += other.beyond_proof;
        self.repaired += other.repaired;
        self.repairs_cut_short += other.repairs_cut_short;
        self.beyond_repair += other.beyond_repair;
    }
}

/// Runs one seed.
///
/// # Errors
///
/// What went wrong, for people.
pub fn simulate(seed: u64, sabotage: Sabotage) -> Result<Report, String> {
    World::new(seed, sabotage).run().map_err(|violation| format!("seed {seed}: {violation}"))
}

/// Says which seed a thread was at when it panicked.
struct Guard(u64);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the simulation panicked at seed {}", self.0);
        }
    }
}

/// Runs all `seeds` on so many threads. `tick` is called, on any of them, with the seeds done so far.
///
/// # Errors
///
/// What went wrong with the first seed that failed.
///
/// # Panics
///
/// If the program under test does.
pub fn simulate_all(
    seeds: Range<u64>,
    threads: usize,
    tick: impl Fn(u64) + Sync,
) -> Result<Report, String> {
    let next = AtomicU64::new(seeds.start);
    let outcome = Mutex::new(Ok(Report::default()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    // Relaxed: the number is all that is shared by it.
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let _guard = Guard(seed);
                    let result = simulate(seed, Sabotage::None);
                    let mut outcome = outcome.lock().expect("no holder panics");
                    match (&mut *outcome, result) {
                        (Ok(sum), Ok(report)) => sum.add(&report),
                        (Ok(_), Err(violation)) => *outcome = Err(violation),
                        (Err(_), _) => return,
                    }
                    drop(outcome);
                    tick(seed - seeds.start + 1);
                }
            });
        }
    });
    outcome.into_inner().expect("no holder panics")
}
