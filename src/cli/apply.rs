//! `ringfence apply`: a file of commands through the whole pipeline.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};

use super::options::{ConfigFile, EngineOptions, JournaledOptions};
use super::{Exit, Failure, node, outcome_log};
use ringfence_node::Clock;
use ringfence_node::gateway::{InputThread, TextSource};
use ringfence_node::publish::TextSink;
use ringfence_node::{Node, Ran};

/// Arguments of `ringfence apply`.
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// File of commands, one JSON value a line; - for standard input
    #[arg(value_name = "FILE|-")]
    input: PathBuf,
    /// Directory of the journal, created if its parent exists; without it nothing is kept
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where timestamps come from: the system's clock, or one that only `advance_clock` moves
    #[arg(long, env = "RINGFENCE_CLOCK", value_name = "CLOCK", value_enum, default_value_t = ClockOption::System)]
    clock: ClockOption,
    /// End with status 4 if a command was refused
    #[arg(long, env = "RINGFENCE_FAIL_ON_REFUSED")]
    fail_on_refused: bool,
    /// Print what commands bring about besides their outcomes too
    #[arg(long, env = "RINGFENCE_EVENTS")]
    events: bool,
    /// Keep outcomes and events by sequence in the data directory, so that consumers can resume
    #[arg(long, env = "RINGFENCE_OUTCOME_LOG", value_name = "on|off", num_args = 0..=1, require_equals = true, default_value = "off", default_missing_value = "on", value_parser = outcome_log::switch)]
    outcome_log: bool,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    journaled: JournaledOptions,
    #[command(flatten)]
    engine: EngineOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ClockOption {
    /// The machine's clock
    System,
    /// Starts at 0, or at the last timestamp of the journal, and moves by `advance_clock`
    Manual,
}

/// Opens what the user calls `FILE|-`.
pub(super) fn open_input(path: &Path) -> Result<Box<dyn Read + Send>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path)
        .map_err(|error| Failure::Operating(format!("opening {}: {error}", path.display())))?;
    Ok(Box::new(file))
}

/// Standard output without a buffer in between: lines are gathered where they are made.
pub(super) fn open_output() -> Result<File, Failure> {
    let output = io::stdout().as_fd().try_clone_to_owned();
    output
        .map(File::from)
        .map_err(|error| Failure::Operating(format!("opening standard output: {error}")))
}

impl Apply {
    fn open(&self) -> Result<(Node, Arc<AtomicBool>), Failure> {
        let (dir, log) = (self.data_dir.as_deref(), self.outcome_log);
        node::open(dir, &self.journaled, &self.engine, log, Arc::default())
    }

    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let input = open_input(&self.input)?;
        let (node, stop) = self.open()?;
        if self.data_dir.is_none() {
            tell!("ringfence: no --data-dir: nothing is journaled");
        }
        let first_sequence = node.last_sequence() + 1;
        let clock = match self.clock {
            ClockOption::System => Clock::System,
            ClockOption::Manual => Clock::Manual(node.last_timestamp()),
        };
        node::warn_of_clock(&node, clock);
        let input = InputThread::start(input)
            .map_err(|error| Failure::Operating(format!("starting a thread: {error}")))?;
        let source = TextSource::new(input, clock);
        let sink = TextSink::new(open_output()?, self.events, stop);
        let Ran { node, mut source, mut sink, counts } = node.run(source, sink)?;
        node::close(node, first_sequence, &counts)?;
        if let Some(error) = sink.take_failure() {
            return Err(Failure::Operating(format!("writing the outcomes: {error}")));
        }
        if let Some(error) = source.take_failure() {
            return Err(Failure::Operating(format!("reading the commands: {error}")));
        }
        Ok(match source.malformed() {
            1.. => Exit::Malformed,
            0 if self.fail_on_refused && counts.refused() > 0 => Exit::Refused,
            0 => Exit::Done,
        })
    }
}
