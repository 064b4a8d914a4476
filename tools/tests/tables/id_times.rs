//! Ids that carry their time.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use ringfence::engine::Engine;
use ringfence::types::{
    Account, AccountFlags, Capacities, Command, IdTime, NANOSECONDS_PER_SECOND, PlaceOrder, Rules,
    Side, Status, Transfer, TransferFlags, stamp_batch,
};
use tools::contents::Contents;
use tools::scenario::{Batch, Subject};
use tools::script::{Say, Script, account, pending, post, transfer};
use tools::subjects::{self, EngineSubject};

use Status::Created;

const SECOND: u64 = NANOSECONDS_PER_SECOND;
const RETENTION_SECONDS: u64 = 200;

/// The id with this number and this time, in milliseconds.
fn at_ms(number: u128, time_ms: u64) -> u128 {
    u128::from(time_ms) << 80 | number
}

/// Accounts 1 and 2; ids carry their time and are remembered for 200 s.
fn timed() -> Script {
    Script::new()
        .with_retention_ns(RETENTION_SECONDS * SECOND)
        .with_id_time()
        .with_two_accounts()
        .at_second(1_000)
}

#[test]
fn an_id_is_new_from_a_minute_before_its_time_to_a_minute_before_the_retention_is_over() {
    for (name, number, event) in [
        ("payment", 9, transfer(0)),
        ("pending", 9, pending(0)),
        ("queued", 9, Transfer { flags: TransferFlags::QUEUE, ..transfer(0) }),
    ] {
        let with = |time_ms| Transfer { id: at_ms(number, time_ms), ..event };
        timed()
            .says(with(1_060_001), Status::IdNotYetValid)
            .says(with(1_060_000), Created)
            .at_ns(1_001 * SECOND - 1)
            .says(with(1_060_999), Created)
            .says(with(1_061_000), Created)
            .says(with(1_061_001), Status::IdNotYetValid)
            .at_second(1_002)
            .says(with(862_000), Status::IdExpired)
            .says(with(862_001), Created)
            .says(with(0), Status::IdExpired)
            .says(with((1 << 48) - 1), Status::IdNotYetValid)
            .run(name);
    }
}

#[test]
fn a_post_needs_an_id_of_its_time_and_its_pending_transfer_does_not() {
    timed()
        .says(pending(at_ms(9, 1_000_000)), Created)
        .at_second(2_000)
        .says(post(at_ms(10, 1_000_000), at_ms(9, 1_000_000)), Status::IdExpired)
        .says(post(at_ms(10, 2_060_001), at_ms(9, 1_000_000)), Status::IdNotYetValid)
        .says(pending(at_ms(9, 1_000_000)), Status::Exists)
        .says(post(at_ms(10, 2_000_000), at_ms(9, 1_000_000)), Created)
        .run("post");
}

#[test]
fn neither_refusal_spends_the_id_and_a_chain_fails_by_it() {
    let early = Transfer { id: at_ms(9, 1_070_000), ..transfer(0) };
    timed()
        .says(early, Status::IdNotYetValid)
        .at_second(1_010)
        .says(early, Created)
        .says(early, Status::Exists)
        .run("not spent");
    let good = Transfer { id: at_ms(10, 1_000_000), ..transfer(0) };
    timed()
        .batch([
            (good.linked(), Status::LinkedEventFailed),
            (early.linked(), Status::IdNotYetValid),
            (transfer(at_ms(11, 1_000_000)).command(), Status::LinkedEventFailed),
        ])
        .says(good, Created)
        .run("chain");
}

#[test]
fn imported_ids_need_no_time() {
    let imported = |id, timestamp| {
        let flags = AccountFlags::IMPORTED;
        Account { flags, timestamp, ..account(id) }.command()
    };
    let old = Transfer { flags: TransferFlags::IMPORTED, timestamp: 300, ..transfer(9) };
    Script::new()
        .with_retention_ns(RETENTION_SECONDS * SECOND)
        .with_id_time()
        .at_second(1_000)
        .batch([(imported(1, 100), Created), (imported(2, 200), Created)])
        .says(old, Created)
        .says(Transfer { id: at_ms(10, u64::MAX >> 16), timestamp: 301, ..old }, Created)
        .at_second(1_201)
        .says(old, Status::ImportedEventTimestampMustNotRegress)
        .run("imported");
}

/// What one subject was told, and how often each id was executed.
struct Told {
    name: &'static str,
    subject: Box<dyn Subject>,
    created: BTreeMap<u128, u32>,
}

/// A market, so that orders can be placed.
fn prologue() -> Vec<Batch> {
    let quote = |id| Account { ledger: 2, ..account(id) }.command();
    let market = ringfence::types::Market {
        id: 1,
        base_ledger: 1,
        quote_ledger: 2,
        lot: 1,
        tick: 1,
        base_account_id: 1,
        quote_account_id: 3,
        fee_account_id: 4,
        ..Default::default()
    };
    let accounts = vec![account(1).command(), account(2).command(), quote(3), quote(4), quote(5)];
    vec![accounts, vec![Command::create_market(market)]]
}

/// A transfer with this id, or an order that does not rest.
fn command(id: u128, is_order: bool) -> Command {
    if !is_order {
        return transfer(id).command();
    }
    Command::place_order(PlaceOrder {
        id,
        market: 1,
        side: Side::Sell as u8,
        time_in_force: ringfence::types::TimeInForce::Ioc as u8,
        base_account_id: 2,
        quote_account_id: 5,
        price: 5,
        quantity: 1,
        ..PlaceOrder::default()
    })
}

/// Sends ids from a minute behind to a minute ahead, and each again at every moment around the
/// retention. The tables hold what comes within the retention and no more.
#[test]
fn no_id_is_ever_executed_twice_and_tables_do_not_grow() {
    const PER_STEP: u64 = 3;
    const STEP_MS_MAX: u64 = 2_000;
    // A step takes a second on average; twice what comes within the retention is ample.
    let room = 2 * PER_STEP * RETENTION_SECONDS;
    let capacities =
        Capacities { accounts: 8, transfers: room, policies: 1, markets: 1, orders: room };
    for seed in 0..3 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let rules = Rules::new(capacities, [random.random(), random.random()]);
        let rules = Rules { retention_ns: RETENTION_SECONDS * SECOND, ..rules };
        let rules = rules.with_id_time(IdTime::Ulid);
        let new = |(name, subject)| Told { name, subject, created: BTreeMap::new() };
        let mut all: Vec<Told> = subjects::all(&rules).into_iter().map(new).collect();
        let mut restored = EngineSubject::new(&rules);
        let (mut sent, mut previous, mut clock_ns) = (Vec::<(u64, u128)>::new(), 0, 1_000 * SECOND);
        let mut batches = prologue();
        for step in 0..1_500_u64 {
            clock_ns += random.random_range(1..STEP_MS_MAX * 1_000_000);
            let now_ms = clock_ns / 1_000_000;
            let mut ids = Vec::new();
            for number in 0..PER_STEP {
                let time_ms = now_ms - 60_000 + random.random_range(0..=120_000);
                ids.push(at_ms(u128::from(step * PER_STEP + number), time_ms));
            }
            // What was sent about a retention ago, give or take two minutes.
            for _ in 0..2 * PER_STEP {
                let around = RETENTION_SECONDS * 1_000 - 120_000 + random.random_range(0..240_000);
                let first = sent.partition_point(|&(at, _)| at + around < now_ms);
                ids.extend(sent.get(first).map(|&(_, id)| id));
            }
            sent.extend(ids[..PER_STEP as usize].iter().map(|&id| (now_ms, id)));
            batches.extend(ids.iter().map(|&id| vec![command(id, id.is_multiple_of(4))]));
            for mut batch in batches.drain(..) {
                previous = stamp_batch(&mut batch, previous, clock_ns);
                let mut answers = Vec::new();
                for Told { name, subject, created } in &mut all {
                    let given = subject.apply(&batch);
                    assert!(answers.is_empty() || answers == given, "seed {seed}, {name}");
                    for (command, answer) in batch.iter().zip(&given) {
                        let status = answer.outcome.status();
                        let is_full = [Status::TransfersFull, Status::OrdersFull];
                        assert!(!is_full.contains(&status), "seed {seed}, step {step}, {name}");
                        if status == Created && command.op() != ringfence::types::Op::CreateAccount
                        {
                            let id = answer.outcome.id;
                            *created.entry(id).or_default() += 1;
                            assert_eq!(created[&id], 1, "seed {seed}, {name}: {id:#x} again");
                        }
                    }
                    answers = given;
                }
                let replayed = restored.apply(&batch);
                assert_eq!(replayed, answers, "seed {seed}, step {step}");
            }
            if step.is_multiple_of(100) {
                let mut contents = Contents::default();
                restored.engine().contents(&mut contents);
                let mut engine = Engine::new(&rules).unwrap();
                engine.restore(restored.engine().event_timestamp(), &mut contents).unwrap();
                assert_eq!(engine.digest(), restored.engine().digest());
                restored.replace(engine);
            }
        }
        let created = &all[0].created;
        assert!(created.len() as u64 > 3 * room, "far more were created than fit at once");
    }
}

/// A longer retention, put in force later, must not make ids valid that were forgotten before.
#[test]
fn a_longer_retention_makes_no_forgotten_id_valid_again() {
    let rules = Rules::new(Capacities { markets: 1, ..Capacities::default() }, [1, 2]);
    let rules = Rules { retention_ns: RETENTION_SECONDS * SECOND, ..rules };
    let rules = rules.with_id_time(IdTime::Ulid);
    for longer_ns in [0, 1_000 * SECOND] {
        let mut engine = EngineSubject::new(&rules);
        let mut previous = 0;
        let mut say = |engine: &mut EngineSubject, second: u64, command: Command| {
            let mut batch = vec![command];
            previous = stamp_batch(&mut batch, previous, second * SECOND);
            engine.apply(&batch)[0].outcome.status()
        };
        for id in [1, 2] {
            say(&mut engine, 1_000, account(id).command());
        }
        let id = at_ms(9, 1_050_000);
        assert_eq!(say(&mut engine, 1_000, transfer(id).command()), Created);
        assert_eq!(say(&mut engine, 1_201, transfer(id).command()), Status::IdExpired);
        let mut replaced = Engine::new(&rules).unwrap();
        let mut contents = Contents::default();
        let longer = Rules { retention_ns: longer_ns, ..rules };
        let mut grown = EngineSubject::new(&rules);
        engine.engine().contents(&mut contents);
        replaced.restore(engine.engine().event_timestamp(), &mut contents).unwrap();
        replaced.configure(&longer).unwrap();
        grown.replace(replaced);
        assert_eq!(say(&mut grown, 1_202, transfer(id).command()), Status::IdExpired);
        let fresh = at_ms(10, 1_150_000);
        assert_eq!(say(&mut grown, 1_203, transfer(fresh).command()), Created);
    }
}
