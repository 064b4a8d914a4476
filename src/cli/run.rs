//! `ringfence run`: the engine as a server.

use std::path::PathBuf;

use clap::Args;

use super::options::{ConfigFile, EngineOptions, JournaledOptions};
use super::{Exit, Failure, node, outcome_log};
use ringfence_codec::Address;
use ringfence_node::Ran;
use ringfence_node::gateway::Clock;
use ringfence_server::{SocketSink, SocketSource};

/// Arguments of `ringfence run`.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Directory of the journal, created if its parent exists
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Where to listen: unix:PATH or HOST:PORT; may be given more than once [default: unix:DIR/ringfence.sock]
    #[arg(long, env = "RINGFENCE_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    listen: Vec<Address>,
    /// Keep outcomes and events by sequence in the data directory: off gives up that sessions resume and
    /// that there are subscriptions
    #[arg(long, env = "RINGFENCE_OUTCOME_LOG", value_name = "on|off", num_args = 0..=1, default_value = "on", default_missing_value = "on", value_parser = outcome_log::switch)]
    outcome_log: bool,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    journaled: JournaledOptions,
    #[command(flatten)]
    engine: EngineOptions,
}

impl Run {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let listen = match self.listen.as_slice() {
            [] => vec![Address::Unix(self.data_dir.join("ringfence.sock"))],
            given => given.to_vec(),
        };
        SocketSource::check(&listen).map_err(Failure::operating)?;
        let (node, stop) =
            node::open(Some(&self.data_dir), &self.journaled, &self.engine, self.outcome_log)?;
        let source = SocketSource::listen(&listen).map_err(Failure::operating)?;
        node::warn_of_clock(&node, Clock::System);
        let first_sequence = node.last_sequence() + 1;
        tell!(
            "ringfence: ready on {}, sequence {first_sequence}, {}",
            source.addresses().collect::<Vec<_>>().join(" and "),
            node.placement()
        );
        let Ran { node, counts, .. } = node.run(source, SocketSink::new(stop))?;
        node::close(node, first_sequence, &counts)?;
        Ok(Exit::Done)
    }
}
