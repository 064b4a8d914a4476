//! What the generator promises: it repeats itself, and it gets everywhere.

use std::collections::BTreeMap;

use ringfence::types::{Op, Status};
use tools::generator::Generator;
use tools::twin::Twin;

#[test]
fn the_same_seed_gives_the_same_rules_and_batches() {
    for seed in 0..20 {
        let mut one = Generator::new(seed);
        let mut other = Generator::new(seed);
        assert_eq!(one.rules(), other.rules(), "seed {seed}");
        for _ in 0..50 {
            assert_eq!(one.next_batch(), other.next_batch(), "seed {seed}");
        }
    }
}

#[test]
fn every_status_is_reached() {
    let mut counts = BTreeMap::<Status, u64>::new();
    for seed in 0..200 {
        let mut generator = Generator::new(seed);
        let mut twin = Twin::new(generator.rules());
        let mut commands = 0;
        while commands < 10_000 {
            let batch = generator.next_batch();
            commands += batch.len();
            let answers = twin.apply(&batch);
            generator.heed(answers.iter().map(|answer| answer.outcome));
            for answer in answers {
                *counts.entry(answer.outcome.status()).or_default() += 1;
            }
        }
        twin.check_in_full();
    }
    // Statuses of what the engine does not execute yet are not to be had.
    let is_settlement_built = Op::ALL.iter().all(|op| op.is_built());
    let missing: Vec<&str> = Status::ALL
        .iter()
        .filter(|status| !counts.contains_key(status))
        .filter(|status| is_settlement_built || (**status as u16) < Status::Queued as u16)
        .map(|status| status.name())
        .collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
}
