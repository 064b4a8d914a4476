//! The engine and its twin agree on every answer and every balance.
//!
//! `RINGFENCE_TWIN_COMMANDS` compares more (or fewer) commands than the default,
//! `RINGFENCE_TWIN_SEED` other worlds; a report names the seed of its world.

use tools::agreement::{Plan, compare};
use tools::subjects::EngineSubject;

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// A share of the whole, so that shares run beside each other.
fn compare_share(share: u64, world_commands: u64, piece_commands: usize) {
    let commands = from_environment("RINGFENCE_TWIN_COMMANDS", 10_000_000) / 4;
    let seed = from_environment("RINGFENCE_TWIN_SEED", 1) + share * 1_000_000;
    let plan = Plan { seed, commands, world_commands };
    let new_subject =
        |rules: &ringfence::types::Rules| EngineSubject::in_pieces(rules, piece_commands);
    if let Err(report) = compare(&plan, &new_subject) {
        panic!("{report}");
    }
}

#[test]
fn whole_batches_are_answered_alike() {
    compare_share(0, 20_000, usize::MAX);
}

#[test]
fn long_histories_are_answered_alike() {
    compare_share(1, 400_000, usize::MAX);
}

#[test]
fn batches_cut_between_chains_are_answered_alike() {
    compare_share(2, 20_000, 1);
}

#[test]
fn batches_cut_into_sevens_are_answered_alike() {
    compare_share(3, 5_000, 7);
}
