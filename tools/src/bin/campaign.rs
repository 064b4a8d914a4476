//! Damages journals and judges what a start makes of them:
//! `campaign [--faults N] [--seed N] [--kind NAME]... [--list]`.
//!
//! `--list` names all kinds. A fault that lost something is tried again by `campaign --kind NAME --seed N --faults 1`.

use std::process::ExitCode;
use std::time::Instant;

use tools::campaign::judge::Verdict;
use tools::campaign::kinds::Kind;
use tools::campaign::{Counts, Subjects, run};

const USAGE: &str = "usage: campaign [--faults N] [--seed N] [--kind NAME]... [--list] [--verbose]";

struct Arguments {
    faults: u64,
    seed: u64,
    kinds: Vec<Kind>,
    lists: bool,
    is_verbose: bool,
}

fn parse() -> Option<Arguments> {
    let mut parsed =
        Arguments { faults: 2_000, seed: 0, kinds: Vec::new(), lists: false, is_verbose: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--faults" => parsed.faults = arguments.next()?.parse().ok()?,
            "--seed" => parsed.seed = arguments.next()?.parse().ok()?,
            "--kind" => {
                let name = arguments.next()?;
                parsed.kinds.extend(Kind::all().into_iter().find(|kind| kind.name() == name));
                parsed.kinds.last()?;
            }
            "--list" => parsed.lists = true,
            "--verbose" => parsed.is_verbose = true,
            _ => return None,
        }
    }
    if parsed.kinds.is_empty() {
        parsed.kinds = Kind::all();
    }
    Some(parsed)
}

fn main() -> ExitCode {
    let Some(arguments) = parse() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if arguments.lists {
        for kind in Kind::all() {
            println!("{}", kind.name());
        }
        return ExitCode::SUCCESS;
    }
    let start = Instant::now();
    let subjects = Subjects::new();
    let Arguments { faults, seed, kinds, is_verbose, .. } = arguments;
    let report = run(&subjects, &kinds, seed, faults, |judged| {
        let (name, seed, what) = (judged.kind.name(), judged.seed, &judged.what);
        match &judged.verdict {
            Verdict::Lost(reason) => {
                println!("LOST --kind {name} --seed {seed}\n  {what}\n  {reason}");
            }
            verdict if is_verbose => println!("--kind {name} --seed {seed}: {what}: {verdict:?}"),
            _ => {}
        }
    });
    println!("{:<34} {:>7} {:>9} {:>7} {:>5}", "kind", "caught", "harmless", "window", "lost");
    let mut sum = Counts::default();
    for (name, counts) in &report.counts {
        let Counts { caught, harmless, window, lost } = *counts;
        println!("{name:<34} {caught:>7} {harmless:>9} {window:>7} {lost:>5}");
        sum.caught += caught;
        sum.harmless += harmless;
        sum.window += window;
        sum.lost += lost;
    }
    let Counts { caught, harmless, window, lost } = sum;
    println!("{:<34} {caught:>7} {harmless:>9} {window:>7} {lost:>5}", "all");
    println!("{:.1} s", start.elapsed().as_secs_f64());
    if lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
