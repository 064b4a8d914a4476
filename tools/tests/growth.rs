//! An engine whose tables grow again and again answers as one that had the room from the start.
//!
//! `RINGFENCE_GROWTH_COMMANDS` compares more (or fewer) commands than the default,
//! `RINGFENCE_GROWTH_SEED` other worlds; a report names the seed of its world.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use ringfence::engine::Engine;
use ringfence::types::{Account, Capacities, Command, Rules};
use tools::agreement::{Plan, compare};
use tools::contents::Contents;
use tools::scenario::Subject;
use tools::subjects::EngineSubject;
use tools::twin::Answer;

/// Room of a table at first.
const FIRST: u64 = 8;
/// From so much room on, it grows only where it has to.
const FOR_NOTHING_BELOW: u64 = 20_000;

/// An engine that has room for the commands so far and a few more, until it has all its room.
struct Growing {
    subject: EngineSubject,
    /// The rules that it comes to.
    rules: Rules,
    room: u64,
    commands: u64,
    /// Whether another thread has the memory before the engine grows.
    is_prepared: bool,
    random: Pcg64Mcg,
}

/// The rules with room for `room` of each thing, where they have more.
fn with_room(rules: &Rules, room: u64) -> Rules {
    let Capacities { accounts, transfers, policies, markets, orders } = rules.capacities;
    let capacities = Capacities {
        accounts: accounts.min(room),
        transfers: transfers.min(room),
        policies: policies.min(room),
        markets: markets.min(room),
        orders: orders.min(room),
    };
    Rules { capacities, ..*rules }
}

impl Growing {
    fn new(rules: &Rules, is_prepared: bool) -> Growing {
        let subject = EngineSubject::new(&with_room(rules, FIRST));
        let random = Pcg64Mcg::seed_from_u64(rules.hash_key[0]);
        Growing { subject, rules: *rules, room: FIRST, commands: 0, is_prepared, random }
    }

    /// Grows where `more` commands could need it, and now and then for nothing.
    fn grow(&mut self, more: u64) {
        self.commands += more;
        let is_for_nothing = self.room < FOR_NOTHING_BELOW && self.random.random_range(0..50) == 0;
        if self.commands <= self.room && !is_for_nothing {
            return;
        }
        let factor = self.random.random_range(110..250);
        self.room = (self.room * factor / 100).max(self.commands);
        let larger = with_room(&self.rules, self.room);
        let mut engine = self.take_out();
        let before = engine.digest();
        if self.is_prepared {
            let growth = engine.growth();
            // It may find a table that is still being moved: then the engine has to move it at once.
            drop(std::thread::spawn(move || growth.prepare(&larger)).join().expect("no panic"));
        }
        engine.configure(&larger).expect("memory for small tables");
        assert_eq!(engine.digest(), before, "growth changes no contents");
        self.subject.replace(engine);
    }

    /// The engine, for a moment.
    fn take_out(&mut self) -> Engine {
        let small = Engine::new(&with_room(&self.rules, 1)).expect("memory for small tables");
        self.subject.exchange(small)
    }

    /// Goes on with an engine that is restored from the contents, however far they are moved.
    fn restore(&mut self) {
        let before = self.take_out();
        let mut contents = Contents::default();
        before.contents(&mut contents);
        let rules = with_room(&self.rules, self.room);
        let mut after = Engine::new(&rules).expect("memory for small tables");
        after.restore(before.event_timestamp(), &mut contents).expect("an engine's own contents");
        assert_eq!(after.digest(), before.digest());
        self.subject.replace(after);
    }
}

impl Subject for Growing {
    fn apply(&mut self, commands: &[Command]) -> Vec<Answer> {
        self.grow(commands.len() as u64);
        let answers = self.subject.apply(commands);
        if self.random.random_range(0..40) == 0 {
            self.restore();
        }
        answers
    }

    fn accounts(&self) -> Vec<Account> {
        self.subject.accounts()
    }
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn compare_share(share: u64, world_commands: u64, is_prepared: bool) {
    let commands = from_environment("RINGFENCE_GROWTH_COMMANDS", 1_000_000) / 2;
    let seed = from_environment("RINGFENCE_GROWTH_SEED", 1) + share * 1_000_000;
    let plan = Plan { seed, commands, world_commands };
    if let Err(report) = compare(&plan, &|rules: &Rules| Growing::new(rules, is_prepared)) {
        panic!("{report}");
    }
}

#[test]
fn an_engine_that_grows_by_itself_agrees_with_the_twin() {
    compare_share(0, 3_000, false);
}

#[test]
fn an_engine_whose_growth_another_thread_prepares_agrees_with_the_twin() {
    compare_share(1, 8_000, true);
}
