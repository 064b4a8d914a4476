//! Runs the fault simulation over many seeds: `simulate FROM..TO [THREADS]`.
//!
//! A seed that failed is run again by `simulate SEED..SEED+1`, with the numbers filled in.

use std::io::{IsTerminal, Write, stderr};
use std::ops::Range;
use std::process::ExitCode;
use std::time::Instant;

use tools::simulation::simulate_all;

fn range(text: &str) -> Option<Range<u64>> {
    let (from, to) = text.split_once("..")?;
    Some(from.parse().ok()?..to.parse().ok()?)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let threads = arguments.get(1).map_or(Some(2), |text| text.parse().ok());
    let seeds = arguments.first().and_then(|text| range(text));
    let (Some(seeds), Some(threads @ 1..), true) = (seeds, threads, arguments.len() <= 2) else {
        eprintln!("usage: simulate FROM..TO [THREADS]");
        return ExitCode::from(2);
    };
    let start = Instant::now();
    let is_terminal = stderr().is_terminal();
    let outcome = simulate_all(seeds, threads, |done| {
        if is_terminal && done.is_multiple_of(100) {
            let rate = done as f64 / start.elapsed().as_secs_f64();
            drop(write!(stderr(), "\r{done} seeds, {rate:.0} a second\x1b[K"));
        }
    });
    if is_terminal {
        drop(write!(stderr(), "\r\x1b[K"));
    }
    match outcome {
        Ok(report) => {
            println!("{report:#?}\n{:.1} s", start.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(violation) => {
            eprintln!("{violation}");
            ExitCode::FAILURE
        }
    }
}
