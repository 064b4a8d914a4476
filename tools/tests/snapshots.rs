//! An engine that is restored from its contents, again and again, answers as one that never was.
//!
//! `RINGFENCE_SNAPSHOT_COMMANDS` compares more (or fewer) commands than the default,
//! `RINGFENCE_SNAPSHOT_SEED` other worlds; a report names the seed of its world.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use ringfence::engine::Engine;
use ringfence::types::{Account, Capacities, Command, Misfit, Rules, Section};
use tools::agreement::{Plan, compare};
use tools::contents::Contents;
use tools::generator::Generator;
use tools::requests::{TwinSessions, with_few_sessions};
use tools::scenario::Subject;
use tools::subjects::EngineSubject;
use tools::twin::Answer;

/// An engine that is thrown away and restored before one call of so many.
struct Restored {
    subject: EngineSubject,
    sessions: TwinSessions,
    random: Pcg64Mcg,
    rules: Rules,
    one_of: u32,
}

impl Restored {
    fn new(rules: &Rules, one_of: u32) -> Restored {
        let random = Pcg64Mcg::seed_from_u64(rules.hash_key[0]);
        let rules = with_few_sessions(rules);
        let (subject, sessions) = (EngineSubject::new(&rules), TwinSessions::new(&rules));
        Restored { subject, sessions, random, rules, one_of }
    }

    fn restore(&mut self) {
        let before = self.subject.engine();
        let mut contents = Contents::default();
        before.contents(&mut contents);
        // Where things lie must not matter: the key of the tables is another one.
        let rules = Rules { hash_key: [self.random.random(), 1], ..self.rules };
        let mut after = Engine::new(&rules).expect("memory for small tables");
        after.restore(before.event_timestamp(), &mut contents).expect("an engine's own contents");
        assert_eq!(after.digest(), before.digest(), "the digest of the restored engine");
        assert!(after.sessions().iter().eq(self.sessions.list().iter().copied()));
        assert_eq!(after.account_count(), before.account_count());
        assert_eq!(after.transfer_count(), before.transfer_count());
        self.subject.replace(after);
    }
}

impl Subject for Restored {
    fn apply(&mut self, commands: &[Command]) -> Vec<Answer> {
        if self.random.random_range(0..self.one_of) == 0 {
            self.restore();
        }
        let mut answers = Vec::with_capacity(commands.len());
        let mut rest = commands;
        while let Some(first) = rest.first() {
            let (batch, others) = rest.split_at(usize::from(first.header.batch_length));
            let request = self.sessions.take_in(self.subject.next_sequence(), batch);
            answers.extend(self.subject.apply(batch));
            self.subject.take_in(&request, batch[batch.len() - 1].header.timestamp);
            rest = others;
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

fn compare_share(share: u64, world_commands: u64, one_of: u32) {
    let commands = from_environment("RINGFENCE_SNAPSHOT_COMMANDS", 1_000_000) / 2;
    let seed = from_environment("RINGFENCE_SNAPSHOT_SEED", 1) + share * 1_000_000;
    let plan = Plan { seed, commands, world_commands };
    if let Err(report) = compare(&plan, &|rules: &Rules| Restored::new(rules, one_of)) {
        panic!("{report}");
    }
}

#[test]
fn engines_restored_every_few_batches_answer_as_the_twin_does() {
    compare_share(0, 20_000, 20);
}

#[test]
fn engines_restored_now_and_then_in_long_histories_answer_as_the_twin_does() {
    compare_share(1, 200_000, 300);
}

/// Contents that have all kinds of records, and the time that they are of.
fn contents_of_all_kinds() -> (Contents, u64) {
    let kinds = [Section::SettledTransfers, Section::PendingTransfers, Section::AccountPolicies];
    for seed in 1.. {
        let mut generator = Generator::new(seed);
        let mut subject = EngineSubject::new(generator.rules());
        for _ in 0..300 {
            let batch = generator.next_batch();
            let answers = subject.apply(&batch);
            generator.heed(answers.iter().map(|answer| answer.outcome));
        }
        let mut contents = Contents::default();
        subject.engine().contents(&mut contents);
        if kinds.iter().all(|&kind| !contents.is_empty(kind)) {
            return (contents, subject.engine().event_timestamp());
        }
    }
    unreachable!("some world has them")
}

#[test]
fn contents_that_cannot_be_are_refused_by_name() {
    let rules = Rules::new(Capacities::default(), [1, 2]);
    let (whole, now) = contents_of_all_kinds();
    let restore = |contents: &mut Contents, rules: &Rules| -> Result<(), Misfit> {
        Engine::new(rules).expect("memory").restore(now, contents)
    };
    restore(&mut whole.clone(), &rules).expect("larger tables hold it");

    let mut small = rules;
    small.capacities.accounts = 1;
    assert_eq!(restore(&mut whole.clone(), &small).unwrap_err().section, Section::Accounts);
    let mut small = rules;
    small.capacities.transfers = 1;
    let misfit = restore(&mut whole.clone(), &small).unwrap_err();
    assert_eq!(misfit.what, "more than the capacity");

    //  section                     byte of a record  what it becomes
    let cases = [
        (Section::SettledTransfers, 100, 99_u8, "no state of a transfer"),
        (Section::SettledTransfers, 100, 2, "a state of the other kind of transfers"),
        (Section::SettledTransfers, 75, 0xff, "no such account"),
        (Section::PendingTransfers, 100, 1, "a state of the other kind of transfers"),
        (Section::PendingTransfers, 100, 0, "no state of a transfer"),
        (Section::AccountPolicies, 67, 0x70, "no such account"),
    ];
    for (section, byte, value, what) in cases {
        let mut contents = whole.clone();
        // No id that a refusal has spent, and no free place.
        let is = |record: &[u8]| match section {
            Section::AccountPolicies => record[70] == 1,
            _ => record[100] != 6,
        };
        contents.change_first(section, is, |record| record[byte] = value);
        let misfit = restore(&mut contents, &rules).expect_err(what);
        assert_eq!((misfit.section, misfit.what), (section, what), "byte {byte}");
    }
}
