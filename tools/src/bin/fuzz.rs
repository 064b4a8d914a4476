//! Runs fuzz targets without libFuzzer: `fuzz run TARGET FROM..TO`, and writes the corpus:
//! `fuzz corpus`. A seed that failed is run again by `fuzz run TARGET SEED..SEED+1`, with the
//! numbers filled in.

use std::ops::Range;
use std::process::ExitCode;
use std::time::Instant;

use tools::fuzz::{TARGETS, Target, corpus, mutate, target};

fn range(text: &str) -> Option<Range<u64>> {
    let (from, to) = text.split_once("..")?;
    Some(from.parse().ok()?..to.parse().ok()?)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["corpus"] => write_corpus(),
        ["run", name, seeds] => match (target(name), range(seeds)) {
            (Some(target), Some(seeds)) => run(target, seeds),
            _ => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    eprintln!("usage: fuzz corpus\n       fuzz run TARGET FROM..TO\ntargets: {}", names.join(", "));
    ExitCode::from(2)
}

fn write_corpus() -> ExitCode {
    for target in &TARGETS {
        match corpus::write(target) {
            Ok(count) => println!("{}: {count} inputs", target.name),
            Err(error) => {
                eprintln!("{}: {error}", corpus::folder(target).display());
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn run(target: &'static Target, seeds: Range<u64>) -> ExitCode {
    let corpus = match corpus::read(target) {
        Ok(corpus) => corpus,
        Err(error) => {
            eprintln!("{}: {error}", corpus::folder(target).display());
            return ExitCode::FAILURE;
        }
    };
    let (start, count) = (Instant::now(), seeds.end.saturating_sub(seeds.start));
    // On a thread of its own, whose engine ends with it.
    let run = move || {
        for seed in seeds {
            let input = mutate::mutated(&corpus, seed);
            let failed = std::panic::catch_unwind(|| (target.run)(&input)).is_err();
            if failed {
                eprintln!("seed {seed} of {}", target.name);
                return false;
            }
        }
        true
    };
    let target_name = target.name;
    match std::thread::spawn(run).join() {
        Ok(true) => {
            println!("{count} inputs of {target_name}, {:.1} s", start.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        _ => ExitCode::FAILURE,
    }
}
