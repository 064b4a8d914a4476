//! `ringfence run`: the engine as a server.

use std::path::PathBuf;

use clap::Args;

use super::options::{ConfigFile, EngineOptions, JournaledOptions};
use super::{Exit, Failure, node};
use ringfence_codec::Address;
use ringfence_node::Ran;
use ringfence_node::gateway::Clock;
use ringfence_server::{Limits, OutcomeLog, SocketSink, SocketSource};

/// Arguments of `ringfence run`.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Directory of the journal, created if its parent exists
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Where to listen: unix:PATH or HOST:PORT; may be given more than once [default: unix:DIR/ringfence.sock]
    #[arg(long, env = "RINGFENCE_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    listen: Vec<Address>,
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
        let (node, stop) = node::open(Some(&self.data_dir), &self.journaled, &self.engine, true)?;
        let limits = Limits::default();
        let source =
            SocketSource::listen(&listen, limits, node.history()).map_err(Failure::operating)?;
        let log = node.outcome_log().map(|gauges| OutcomeLog {
            dir: self.data_dir.clone(),
            journal_id: node.history().journal_id,
            gauges,
        });
        node::warn_of_clock(&node, Clock::System);
        let first_sequence = node.last_sequence() + 1;
        tell!(
            "ringfence: ready on {}, sequence {first_sequence}, {}",
            source.addresses().collect::<Vec<_>>().join(" and "),
            node.placement()
        );
        let Ran { node, counts, .. } = node.run(source, SocketSink::new(stop, limits, log))?;
        node::close(node, first_sequence, &counts)?;
        Ok(Exit::Done)
    }
}
