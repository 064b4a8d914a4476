//! `ringfence submit`: a file of commands to a running engine.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::apply::{open_input, open_output};
use super::connect::ConnectOptions;
use super::options::ConfigFile;
use super::summary::counts_line;
use super::{Exit, Failure};
use ringfence_client::{
    Address, Client, Options, SessionOptions, session_id, submit, submit_session,
};

/// Arguments of `ringfence submit`.
#[derive(Debug, Args)]
pub(super) struct Submit {
    /// Where the engine listens: unix:PATH or HOST:PORT
    #[arg(long, env = "RINGFENCE_CONNECT", value_name = "ADDR")]
    connect: Address,
    /// File of commands, one JSON value a line; - for standard input
    #[arg(value_name = "FILE|-")]
    input: PathBuf,
    /// Send in a session of this name: each line takes effect once, and what was interrupted goes on
    /// where it stopped when it is submitted again
    #[arg(long, env = "RINGFENCE_SESSION", value_name = "NAME")]
    session: Option<String>,
    /// How long to try to reach the engine in a session before giving up
    #[arg(long, env = "RINGFENCE_GIVE_UP_AFTER", value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    give_up_after: Duration,
    /// End with status 4 if a command was refused
    #[arg(long, env = "RINGFENCE_FAIL_ON_REFUSED")]
    fail_on_refused: bool,
    /// Print the events of these commands too
    #[arg(long, env = "RINGFENCE_EVENTS")]
    events: bool,
    #[command(flatten)]
    connection: ConnectOptions,
    #[command(flatten)]
    config: ConfigFile,
}

impl Submit {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let (token, tls) = (self.connection.token()?, self.connection.tls()?);
        let input = open_input(&self.input)?;
        let mut output = open_output()?;
        let report = match &self.session {
            Some(name) => {
                let options = SessionOptions {
                    session: session_id(name),
                    events: self.events,
                    give_up_after: self.give_up_after,
                    token,
                    tls,
                    ..SessionOptions::default()
                };
                submit_session(input, &mut output, &self.connect, options)
            }
            None => {
                let options = Options { events: self.events, token, tls, ..Options::default() };
                let client =
                    Client::connect_with(&self.connect, options).map_err(Failure::operating)?;
                submit(input, &mut output, client)
            }
        };
        if report.lost > 0 {
            tell!(
                "ringfence: the outcomes of {} commands that were executed can no longer be had",
                report.lost
            );
        }
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
