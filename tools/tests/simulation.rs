//! The journal and the engine survive whatever a disk does to them.
//!
//! `RINGFENCE_SEEDS=FROM..TO` runs other seeds than the default, and repeats one that failed; so does
//! `cargo run --profile test -p tools --bin simulate FROM..TO`.

use std::ops::Range;

use tools::simulation::{Sabotage, simulate, simulate_all};

fn seeds(default: Range<u64>) -> Range<u64> {
    let Ok(text) = std::env::var("RINGFENCE_SEEDS") else { return default };
    let (from, to) = text.split_once("..").expect("RINGFENCE_SEEDS is FROM..TO");
    from.parse().expect("a number")..to.parse().expect("a number")
}

#[test]
fn after_any_failure_the_state_is_that_of_a_prefix_with_all_that_was_acknowledged() {
    let seeds = seeds(0..300);
    let count = seeds.end - seeds.start;
    match simulate_all(seeds, 2, |_| ()) {
        Ok(report) => {
            println!("{report:#?}");
            assert_eq!(report.seeds, count);
            // The accidents do happen.
            if count >= 100 {
                let happened = [
                    report.cut_short,
                    report.cut_short_in_recovery,
                    report.lost,
                    report.tails,
                    report.flips_found,
                    report.damaged,
                    report.damage_found,
                    report.repaired,
                    report.repairs_cut_short,
                    report.snapshots,
                    report.retired,
                    report.witnesses_spoilt,
                ];
                assert!(happened.iter().all(|&count| count > 10), "{report:#?}");
            }
        }
        Err(violation) => panic!("{violation}"),
    }
}

/// A repair that was cut short before its rename was durable, and begun again, had the witness
/// forget what was given up; the power was cut before it ended.
#[test]
fn a_repair_that_is_begun_again_still_says_what_it_gives_up() {
    for seed in [2168, 3146, 12_300] {
        if let Err(violation) = simulate(seed, Sabotage::None) {
            panic!("{violation}");
        }
    }
}

/// Sabotage, and the first seed that notices it.
#[test]
fn every_sabotage_is_noticed() {
    for sabotage in Sabotage::ALL {
        let noticed = (0..400).find_map(|seed| simulate(seed, sabotage).err());
        let Some(violation) = noticed else { panic!("{sabotage:?} goes unnoticed") };
        println!("{sabotage:?}: {violation}");
    }
}

#[test]
fn a_seed_runs_the_same_way_each_time() {
    for seed in 0..10 {
        let first = simulate(seed, Sabotage::None);
        assert_eq!(simulate(seed, Sabotage::None), first);
        let broken = simulate(seed, Sabotage::WritesAreNotDurable);
        assert_eq!(simulate(seed, Sabotage::WritesAreNotDurable), broken);
    }
}
