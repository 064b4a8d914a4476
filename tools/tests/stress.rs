//! The ring under real threads: every graph, capacity and way to wait, for a moment each.
//!
//! `cargo run -p tools --release --bin prove -- stress` runs longer, and repeats a seed.

use std::time::Duration;

use tools::stress::{SEEDS_FOR_ALL, stress};

#[test]
fn every_value_arrives_once_in_order_and_whole_in_every_kind_of_ring() {
    let each = Duration::from_millis(30);
    let tally = stress(0..SEEDS_FOR_ALL, each, |_| ()).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("{tally:?}");
    assert_eq!(tally.cases, SEEDS_FOR_ALL);
    assert!(tally.halted > 10 && tally.values > 10_000, "{tally:?}");
}
