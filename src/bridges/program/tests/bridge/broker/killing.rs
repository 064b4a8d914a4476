//! What crash tests share: which programs are killed when, and how they are started again.
//!
//! `RINGFENCE_BRIDGE_ROUNDS` says how many kills; `RINGFENCE_BRIDGE_SEED` repeats a run.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::house::{House, Program};

/// Kills, where nothing else is said.
const ROUNDS: u64 = 3;
/// Bits of what is killed in a round.
const BRIDGE: u32 = 1;
const ENGINE: u32 = 2;
const BROKER: u32 = 4;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("it is a number"))
}

/// The kills of a run.
pub struct Kills {
    random: Pcg64,
    round: u64,
    /// How to have the same kills again.
    pub context: String,
}

impl Kills {
    pub fn new() -> Kills {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = setting("RINGFENCE_BRIDGE_SEED", u64::from(now.subsec_nanos()));
        let context = format!("RINGFENCE_BRIDGE_SEED={seed}");
        println!("{context}");
        Kills { random: Pcg64::seed_from_u64(seed), round: 0, context }
    }

    /// After which time which of the first `programs` are killed, of bridge, engine and broker;
    /// `None` after the last round.
    pub fn next(&mut self, programs: u32) -> Option<(Duration, Killed)> {
        if self.round == setting("RINGFENCE_BRIDGE_ROUNDS", ROUNDS) {
            return None;
        }
        let after = Duration::from_millis(self.random.random_range(200..3000));
        // The first rounds kill each alone, so that a short run has had each.
        let which = match self.round {
            round if round < u64::from(programs) => 1 << round,
            _ => self.random.random_range(1..1 << programs),
        };
        self.round += 1;
        Some((after, Killed(which)))
    }

    /// How long something is away, up to `most`.
    pub fn away(&mut self, most: Duration) -> Duration {
        Duration::from_millis(self.random.random_range(0..most.as_millis() as u64))
    }
}

/// What is killed in one round.
#[derive(Debug, Clone, Copy)]
pub struct Killed(u32);

impl Killed {
    pub fn bridge(self) -> bool {
        self.0 & BRIDGE != 0
    }

    pub fn engine(self) -> bool {
        self.0 & ENGINE != 0
    }

    fn broker(self) -> bool {
        self.0 & BROKER != 0
    }
}

/// A broker that is killed.
pub trait Mortal {
    fn kill(&mut self);

    /// Starts it again with what it has kept.
    fn start_again(&mut self);

    /// What the bridge to it is started with.
    fn configuration(&self) -> String;
}

/// Bridge, engine and broker of one run.
pub struct Scene<B> {
    pub house: House,
    pub broker: B,
    pub engine: Program,
    pub bridge: Program,
}

impl<B: Mortal> Scene<B> {
    /// Kills programs and starts them again; a broker that was killed stays `away` so long.
    pub fn kill_and_start_again(&mut self, killed: Killed, away: Duration) {
        if killed.bridge() {
            self.bridge.kill();
        }
        if killed.engine() {
            self.engine.kill();
        }
        if killed.broker() {
            self.broker.kill();
            std::thread::sleep(away);
            self.broker.start_again();
        }
        if killed.engine() {
            self.engine = self.house.engine();
        }
        if killed.bridge() {
            self.bridge = self.house.bridge(&self.broker.configuration());
        }
    }

    /// All kills of a run, one after the other.
    pub async fn kill_all(&mut self, kills: &mut Kills) {
        while let Some((after, killed)) = kills.next(3) {
            tokio::time::sleep(after).await;
            tokio::task::block_in_place(|| self.kill_and_start_again(killed, Duration::ZERO));
        }
    }
}
