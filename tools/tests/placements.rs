//! The pipeline and its journal answer as the twin does, wherever the stages run.
//!
//! `RINGFENCE_PLACED_COMMANDS` compares more (or fewer) commands than the default,
//! `RINGFENCE_TWIN_SEED` other worlds; a report names the seed of its world and the way it went.

use tools::placed::{Way, compare_world};

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn every_placement_answers_as_the_twin_and_its_journal_answers_again() {
    let commands = from_environment("RINGFENCE_PLACED_COMMANDS", 2_000_000);
    let first_seed = from_environment("RINGFENCE_TWIN_SEED", 1) + 9_000_000;
    let folder = tempfile::tempdir().unwrap();
    let mut done = 0;
    let mut world = 0;
    while done < commands {
        let data = folder.path().join(world.to_string());
        match compare_world(first_seed + world, 10_000, &Way::of_world(world), &data) {
            Ok(count) => done += count,
            Err(report) => panic!("{report}"),
        }
        // They add up.
        drop(std::fs::remove_dir_all(data));
        world += 1;
    }
}

#[test]
fn over_a_hundred_and_twenty_worlds_every_setting_meets_every_other() {
    let ways: Vec<Way> = (0..120).map(Way::of_world).collect();
    for threads in 1..=5 {
        for journaled in [false, true] {
            for event_slots in [1, 2, 16, 16 * 1024] {
                let found = ways.iter().any(|way| {
                    way.threads == threads
                        && way.journaled.is_some() == journaled
                        && way.event_slots == event_slots
                });
                assert!(found, "{threads} threads, journaled {journaled}, {event_slots} slots");
            }
        }
    }
}
