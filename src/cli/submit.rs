//! `ringfence submit`: a file of commands to a running engine.

use std::path::PathBuf;

use clap::Args;

use super::apply::{open_input, open_output};
use super::options::ConfigFile;
use super::summary::counts_line;
use super::{Exit, Failure};
use ringfence_client::{Address, Client, Options, submit};

/// Arguments of `ringfence submit`.
#[derive(Debug, Args)]
pub(super) struct Submit {
    /// Where the engine listens: unix:PATH or HOST:PORT
    #[arg(long, env = "RINGFENCE_CONNECT", value_name = "ADDR")]
    connect: Address,
    /// File of commands, one JSON value a line; - for standard input
    #[arg(value_name = "FILE|-")]
    input: PathBuf,
    /// End with status 4 if a command was refused
    #[arg(long, env = "RINGFENCE_FAIL_ON_REFUSED")]
    fail_on_refused: bool,
    /// Print the events of these commands too
    #[arg(long, env = "RINGFENCE_EVENTS")]
    events: bool,
    #[command(flatten)]
    config: ConfigFile,
}

impl Submit {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let input = open_input(&self.input)?;
        let options = Options { events: self.events, ..Options::default() };
        let client = Client::connect_with(&self.connect, options).map_err(Failure::operating)?;
        let report = submit(input, &mut open_output()?, client);
        tell!("{}", counts_line(&report.outcomes));
        if let Some(error) = report.stopped {
            let unanswered = report.unanswered;
            return Err(Failure::Operating(format!("{error}; {unanswered} commands unanswered")));
        }
        Ok(match report.malformed {
            1.. => Exit::Malformed,
            0 if self.fail_on_refused && report.outcomes.refused() > 0 => Exit::Refused,
            0 => Exit::Done,
        })
    }
}
