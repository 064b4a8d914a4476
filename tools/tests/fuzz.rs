//! Every fuzz target over its corpus and over mutations of it that follow from seeds.
//!
//! `RINGFENCE_FUZZ_INPUTS` tries more of them than the default; `RINGFENCE_FUZZ_SEED` is the first
//! seed. `cargo run -p tools --bin fuzz -- run TARGET SEED..SEED+1` repeats one that failed.

use std::panic::catch_unwind;

use tools::fuzz::{corpus, mutate, target};

/// Mutations for the fastest targets.
const INPUTS: u64 = 20_000;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

fn fuzz(name: &str) {
    let target = target(name).expect("there is such a target");
    let inputs = corpus::read(target).expect("`fuzz corpus` has written it");
    assert!(!inputs.is_empty());
    for input in &inputs {
        (target.run)(input);
    }
    let count = number("RINGFENCE_FUZZ_INPUTS", INPUTS) * target.of_thousand / 1_000;
    let first = number("RINGFENCE_FUZZ_SEED", 1);
    for seed in first..first + count {
        let input = mutate::mutated(&inputs, seed);
        if let Err(panic) = catch_unwind(|| (target.run)(&input)) {
            eprintln!("seed {seed} of {name}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// The files are what the targets make, so that they can be made again.
#[test]
fn the_corpus_is_what_is_made() {
    for target in &tools::fuzz::TARGETS {
        let folder = corpus::folder(target);
        for (name, bytes) in (target.corpus)() {
            let found = std::fs::read(folder.join(&name)).unwrap_or_default();
            assert_eq!(found, bytes, "{}/{name}: run `fuzz corpus`", target.name);
        }
    }
}

#[test]
fn requests_of_clients_are_decoded() {
    fuzz("requests");
}

#[test]
fn replies_of_engines_are_decoded() {
    fuzz("replies");
}

#[test]
fn lines_are_decoded() {
    fuzz("text");
}

#[test]
fn journals_are_read() {
    fuzz("journal");
}

#[test]
fn access_files_are_read() {
    fuzz("access");
}

#[test]
fn sessions_are_as_their_twins() {
    fuzz("session");
}

#[test]
fn an_engine_stands_any_stream() {
    fuzz("session_bytes");
}

#[test]
fn subscriptions_get_what_they_ask_for() {
    fuzz("subscription");
}
