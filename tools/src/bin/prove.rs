//! The proofs of the ring, one command each; `docs/testing.md` explains them.
//!
//! ```text
//! prove loom                      models, and each ordering weakened
//! prove stress [FROM..TO [MS]]    real threads, for MS milliseconds a seed
//! prove tsan [FROM..TO [MS]]      the same under ThreadSanitizer
//! prove mutants [ARGUMENTS]       does a test fail for each change to the ring? (cargo-mutants)
//! ```

use std::fs;
use std::io::{self, IsTerminal, Write, stderr};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use tools::stress::{SEEDS_FOR_ALL, stress};

const USAGE: &str =
    "usage: prove loom | stress [FROM..TO [MS]] | tsan [FROM..TO [MS]] | mutants [ARGUMENTS]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let passed = match arguments[..] {
        ["loom"] => loom(),
        ["stress", ref rest @ ..] => seeds_and_time(rest).map(|(seeds, each)| run(seeds, each)),
        ["tsan", ref rest @ ..] => seeds_and_time(rest).and_then(|_| tsan(rest)),
        ["mutants", ref rest @ ..] => mutants(rest),
        _ => None,
    };
    match passed {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// `None` if the arguments are none of these.
fn seeds_and_time(arguments: &[&str]) -> Option<(Range<u64>, Duration)> {
    let seeds = match arguments.first() {
        None => 0..SEEDS_FOR_ALL,
        Some(text) => {
            let (from, to) = text.split_once("..")?;
            from.parse().ok()?..to.parse().ok()?
        }
    };
    let each = match arguments.get(1) {
        None => 250,
        Some(text) => text.parse().ok()?,
    };
    (arguments.len() <= 2).then_some((seeds, Duration::from_millis(each)))
}

fn run(seeds: Range<u64>, each: Duration) -> bool {
    let start = Instant::now();
    let is_terminal = stderr().is_terminal();
    let outcome = stress(seeds, each, |done| {
        if is_terminal {
            drop(write!(stderr(), "\r{done} seeds\x1b[K"));
        }
    });
    if is_terminal {
        drop(write!(stderr(), "\r\x1b[K"));
    }
    match outcome {
        Ok(tally) => {
            println!("{tally:#?}\n{:.1} s", start.elapsed().as_secs_f64());
            true
        }
        Err(wrong) => {
            eprintln!("{wrong}");
            false
        }
    }
}

/// Runs `command` where the workspace is; whether it succeeded. `None` if it could not start.
fn passes(command: &mut Command) -> Option<bool> {
    let outcome = command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).status();
    match outcome {
        Ok(status) => Some(status.success()),
        Err(error) => {
            eprintln!("{}: {error}", command.get_program().display());
            None
        }
    }
}

fn loom() -> Option<bool> {
    passes(
        Command::new("cargo")
            .args(["test", "-p", "loom-tests", "--release", "--target-dir", "target/loom"])
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("RUSTFLAGS", "--cfg loom"),
    )
}

fn tsan(arguments: &[&str]) -> Option<bool> {
    passes(
        Command::new("cargo")
            .args(["run", "-p", "tools", "--bin", "prove", "--target-dir", "target/tsan"])
            // Named, so that build scripts and procedural macros are built without.
            .args(["--target", "x86_64-unknown-linux-gnu", "--", "stress"])
            .args(arguments)
            // A stable compiler takes `-Z` so. Its standard library is not instrumented, and the
            // linker has to be told that this is meant.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer")
            .env(
                "TSAN_OPTIONS",
                concat!("suppressions=", env!("CARGO_MANIFEST_DIR"), "/tsan.suppressions"),
            ),
    )
}

/// A crate of the ring alone, so that a change costs seconds to build and not a minute.
const RING_ALONE: &str = r#"
[package]
name = "ringfence"
version = "0.0.0"
edition = "2024"

[dependencies]
core_affinity = "0.8"
libc = "0.2"
thiserror = "2.0"

[profile.test]
opt-level = 1

[workspace]
"#;

fn mutants(arguments: &[&str]) -> Option<bool> {
    if let Err(error) = copy_ring_alone() {
        eprintln!("target/mutants: {error}");
        return Some(false);
    }
    passes(
        Command::new("cargo")
            .args(["mutants", "--dir", "target/mutants", "--in-place"])
            .args(["--output", "target", "--timeout", "60", "--file", "src/ring/*.rs"])
            // What `{:?}` shows is for people.
            .args(["--exclude-re", "impl (core::)?(fmt::)?Debug"])
            .args(arguments)
            .args(["--", "--lib"]),
    )
}

fn copy_ring_alone() -> io::Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let source = workspace.join("target/mutants/src");
    if source.exists() {
        fs::remove_dir_all(&source)?;
    }
    for folder in ["ring", "ring/tests", "sync"] {
        fs::create_dir_all(source.join(folder))?;
        for entry in fs::read_dir(workspace.join("src").join(folder))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), source.join(folder).join(entry.file_name()))?;
            }
        }
    }
    fs::write(source.join("lib.rs"), "pub mod ring;\npub mod sync;\n")?;
    fs::write(source.join("../Cargo.toml"), RING_ALONE)?;
    fs::copy(workspace.join("Cargo.lock"), source.join("../Cargo.lock"))?;
    Ok(())
}
