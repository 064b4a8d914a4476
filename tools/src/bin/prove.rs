//! The proofs of the ring, one command each; `docs/testing.md` explains them.
//!
//! ```text
//! prove loom                                    models, and each ordering weakened
//! prove stress [FROM..TO [MS]]                  real threads, for MS milliseconds a seed
//! prove tsan [FROM..TO [MS]]                    the same under ThreadSanitizer
//! prove tsan --weaken NAME [FROM..TO [MS]]      does it notice an ordering that is too weak?
//! prove mutants [ARGUMENTS]                     does a test fail for each change to the ring?
//! ```

use std::fs;
use std::io::{self, IsTerminal, Write, stderr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use tools::stress::{SEEDS_FOR_ALL, stress};

const USAGE: &str = "usage: prove loom
       prove stress [FROM..TO [MS]]
       prove tsan [--weaken publish|barrier|gate|mark|marked|each] [FROM..TO [MS]]
       prove mutants [ARGUMENTS]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let passed = match arguments[..] {
        ["loom"] => loom(),
        ["stress", ref rest @ ..] => seeds_and_time(rest).map(|(seeds, each)| run(seeds, each)),
        ["tsan", "--weaken", name, ref rest @ ..] => {
            orderings(name).and_then(|names| seeds_and_time(rest).map(|_| weakened(&names, rest)))
        }
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

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs `command` where the workspace is; whether it succeeded. `None` if it could not start.
fn passes(command: &mut Command) -> Option<bool> {
    let outcome = command.current_dir(workspace()).status();
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

/// Named, so that build scripts and procedural macros are built without.
const TSAN_TARGET: &str = "x86_64-unknown-linux-gnu";

/// `cargo SUBCOMMAND` for this program, instrumented.
fn cargo_tsan(subcommand: &str, folder: &str, cfg: &str) -> Command {
    let mut command = Command::new("cargo");
    command
        .args([subcommand, "-p", "tools", "--bin", "prove"])
        .args(["--target-dir", folder, "--target", TSAN_TARGET])
        // A stable compiler takes `-Z` so. Its standard library is not instrumented, and the
        // linker has to be told that this is meant.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", format!("-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer{cfg}"));
    command
}

const TSAN_OPTIONS: &str =
    concat!("suppressions=", env!("CARGO_MANIFEST_DIR"), "/tsan.suppressions");

fn tsan(arguments: &[&str]) -> Option<bool> {
    passes(
        cargo_tsan("run", "target/tsan", "")
            .args(["--", "stress"])
            .args(arguments)
            .env("TSAN_OPTIONS", TSAN_OPTIONS),
    )
}

/// The orderings of loads and stores in `src/ring/order.rs`. Of fences the sanitizer knows
/// nothing.
const WEAKENABLE: [&str; 5] = ["publish", "barrier", "gate", "mark", "marked"];

/// Those that `name` stands for.
fn orderings(name: &str) -> Option<Vec<&str>> {
    match name {
        "each" => Some(WEAKENABLE.to_vec()),
        _ => WEAKENABLE.contains(&name).then(|| vec![name]),
    }
}

/// Whether the sanitizer reports a race on a slot for each of the orderings `names`, with that one
/// weakened.
fn weakened(names: &[&str], arguments: &[&str]) -> bool {
    let folder = "target/tsan-weakened";
    // One build for all names, beside the one that is as shipped.
    let built = passes(&mut cargo_tsan("build", folder, " --cfg weaken=\"named\""));
    let program = workspace().join(folder).join(TSAN_TARGET).join("debug/prove");
    built == Some(true) && names.iter().all(|name| is_noticed(name, &program, arguments))
}

/// Runs `program` until the first report, and tells whether it is about a slot.
fn is_noticed(ordering: &str, program: &Path, arguments: &[&str]) -> bool {
    let start = Instant::now();
    let outcome = Command::new(program)
        .arg("stress")
        .args(arguments)
        .env("WEAKEN", ordering)
        .env("TSAN_OPTIONS", format!("{TSAN_OPTIONS} halt_on_error=1"))
        .output();
    let output = match outcome {
        Ok(output) => output,
        Err(error) => {
            eprintln!("{}: {error}", program.display());
            return false;
        }
    };
    let text = String::from_utf8_lossy(&output.stderr);
    let noticed = is_about_a_slot(&text);
    if noticed {
        let seconds = start.elapsed().as_secs_f64();
        println!("{ordering} weakened: a race on a slot is reported after {seconds:.1} s");
    } else {
        eprintln!("{text}\n{ordering} weakened: no race on a slot is reported first");
    }
    noticed
}

/// Whether the first report in `text` is a race on memory that was allocated while a graph was
/// declared. But for the slots, all of that is atomic.
fn is_about_a_slot(text: &str) -> bool {
    let Some((_, report)) = text.split_once("WARNING: ThreadSanitizer: data race") else {
        return false;
    };
    let location = report.split_once("Location is heap block").map_or("", |(_, rest)| rest);
    let allocation = location.split("\n\n").next().unwrap_or_default();
    allocation.contains("ringfence_ring::graph::")
}

/// The ring's crate alone, so that a change costs seconds to build and not a minute.
const RING_ALONE: &str = r#"
[package]
name = "ringfence-ring"
version = "0.0.0"
edition = "2024"

[lib]
path = "src/ring/lib.rs"

[features]
default = ["std"]
std = ["dep:core_affinity", "dep:libc"]

[dependencies]
core_affinity = { version = "0.8", optional = true }
libc = { version = "0.2", optional = true }

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
    let workspace = workspace();
    let alone = workspace.join("target/mutants");
    if alone.join("src").exists() {
        fs::remove_dir_all(alone.join("src"))?;
    }
    copy_folder(&workspace.join("src/ring"), &alone.join("src/ring"))?;
    fs::write(alone.join("Cargo.toml"), RING_ALONE)?;
    fs::copy(workspace.join("Cargo.lock"), alone.join("Cargo.lock"))?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&path, &copy)?;
        } else {
            fs::copy(&path, &copy)?;
        }
    }
    Ok(())
}
