//! The commands of the program.
//!
//! # Invariants
//!
//! * Outcomes, and what a reading command was asked for, go to standard output, everything else
//!   to standard error.
//! * The exit status tells what happened: see [`Exit`].

/// Writes a line to standard error. Where that cannot be written the line is dropped: `eprintln!`
/// would panic.
macro_rules! tell {
    ($($said:tt)*) => {
        $crate::cli::log::tell(format_args!($($said)*))
    };
}

mod access;
mod apply;
mod auto_snapshot;
mod backup;
mod bench;
mod check;
mod config;
mod connect;
#[cfg(feature = "demo")]
mod demo;
mod door;
mod exit;
mod export;
mod follow;
mod grow;
mod journal;
mod log;
mod manual;
mod node;
mod options;
mod outcome_log;
mod outcomes;
mod priority;
mod progress;
mod replay;
mod run;
mod service;
mod shown;
mod signals;
mod snapshot;
mod status;
mod stdio;
mod submit;
mod summary;
mod top;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use exit::{Exit, Failure};

/// A lock-free, single-node, low-latency payment engine.
#[derive(Debug, Parser)]
#[command(
    name = "ringfence",
    version = version(),
    subcommand_required = true,
    after_help = AFTER_HELP
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a file of commands through an engine and print a line for each outcome.
    Apply(apply::Apply),
    /// Run the engine as a server, until SIGINT or SIGTERM.
    Run(Box<run::Run>),
    /// Show what this is: an engine with a live page and example payments, until SIGINT.
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
    /// Send a file of commands to a running engine and print a line for each outcome.
    Submit(submit::Submit),
    /// Print what an engine does, a line for each outcome, as it happens or from any sequence on.
    Follow(follow::Follow),
    /// Print what an engine on a data directory does, or did when it ended.
    Status(status::StatusCommand),
    /// Show what an engine on a data directory does, live on a terminal.
    Top(top::Top),
    /// Give a running engine larger tables, while commands go on.
    Grow(grow::Grow),
    /// Rebuild the state from the journal and print a summary of it; changes nothing.
    Replay(replay::Replay),
    /// Write a snapshot, so that a start reads it and only the commands after it.
    Snapshot(snapshot::Snapshot),
    /// Copy what a journal holds durably to a directory; an engine may be running.
    Backup(backup::Backup),
    /// Make a data directory of a backup.
    Restore(backup::Restore),
    /// Check, sum up, print, export or repair a journal.
    #[command(subcommand)]
    Journal(journal::Journal),
    /// Make the outcome log again from the journal.
    #[command(subcommand)]
    Outcomes(outcomes::Outcomes),
    /// Make tokens, and check who may do what.
    #[command(subcommand)]
    Access(access::AccessCommand),
    /// Measure throughput and latency.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Look at a machine before production: cores, memory, disk, clock, limits.
    Check(check::Check),
    /// Print what a shell needs to complete commands and options.
    Completions(manual::Completions),
    /// Print the manual page, or write the pages of all commands.
    Man(manual::Manual),
}

impl Command {
    fn execute(self) -> Result<Exit, Failure> {
        // A server has nothing to say there.
        let prints = !matches!(self, Command::Run(_));
        if prints && stdio::output_was_closed() {
            let text =
                "standard output is closed: redirect it to /dev/null if nobody wants to see it";
            return Err(Failure::Operating(text.to_owned()));
        }
        match self {
            Command::Apply(command) => command.execute(),
            Command::Run(command) => command.execute(),
            #[cfg(feature = "demo")]
            Command::Demo(command) => command.execute(),
            Command::Submit(command) => command.execute(),
            Command::Follow(command) => command.execute(),
            Command::Status(command) => command.execute(),
            Command::Top(command) => command.execute(),
            Command::Grow(command) => command.execute(),
            Command::Replay(command) => command.execute(),
            Command::Snapshot(command) => command.execute(),
            Command::Backup(command) => command.execute(),
            Command::Restore(command) => command.execute(),
            Command::Journal(command) => command.execute(),
            Command::Outcomes(command) => command.execute(),
            Command::Access(command) => command.execute(),
            Command::Bench(command) => command.execute(),
            Command::Check(command) => command.execute(),
            Command::Completions(command) => command.execute(Cli::command()),
            Command::Man(command) => command.execute(Cli::command()),
        }
    }
}

const AFTER_HELP: &str = "\
An option that is not on the command line is read from the variable that its help names, then from
the TOML file that --config names.

Exit status: 0 all commands were processed, refused ones included; 1 operating error; 2 wrong usage;
3 malformed input lines; 4 refused commands, with --fail-on-refused; 101 bug.";

fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        format!(
            "{} (commit {}, journal format {})",
            env!("CARGO_PKG_VERSION"),
            env!("RINGFENCE_COMMIT"),
            ringfence_journal::FORMAT_VERSION
        )
    })
}

/// Runs the program on the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let outcome = signals::outlive_file_size_limit()
        .and_then(|()| parse(arguments))
        .and_then(|cli| cli.command.execute());
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print();
            failure.exit().into()
        }
    }
}

/// Reads the arguments; what they leave open comes from the environment, then from the
/// configuration file, then from the defaults.
fn parse(arguments: Vec<OsString>) -> Result<Cli, Failure> {
    let matches = config::matches(Cli::command(), arguments)?;
    Cli::from_arg_matches(&matches).map_err(Failure::Arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
