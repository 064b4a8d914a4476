//! `ringfence run`: the engine as a server.

use std::path::PathBuf;

use clap::Args;

use super::door::DoorOptions;
use super::options::{ConfigFile, EngineOptions, JournaledOptions};
use super::{Exit, Failure, node};
use ringfence_codec::Address;
use ringfence_node::Ran;
use ringfence_node::gateway::Clock;
use ringfence_server::{Descriptors, Door, Setup};

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
    #[command(flatten)]
    door: DoorOptions,
}

impl Run {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let listen = match self.listen.as_slice() {
            [] => vec![Address::Unix(self.data_dir.join("ringfence.sock"))],
            given => given.to_vec(),
        };
        Door::check(&listen).map_err(Failure::operating)?;
        let descriptors = Descriptors::claim();
        let limits = self.door.limits(descriptors);
        let (node, stop) = node::open(Some(&self.data_dir), &self.journaled, &self.engine)?;
        let door =
            Door::open(&listen, self.door.socket_mode, limits).map_err(Failure::operating)?;
        let outcome_log = node.keeps_outcome_log().then(|| self.data_dir.clone());
        let setup = Setup { history: node.history(), outcome_log, stop, ..Setup::default() };
        let (source, sink) = ringfence_server::open(door, setup).map_err(Failure::operating)?;
        let (connections, of) = (limits.connections, descriptors.limit);
        tell!("ringfence: at most {connections} connections, of {of} file descriptors");
        node::warn_of_clock(&node, Clock::System);
        let first_sequence = node.last_sequence() + 1;
        tell!(
            "ringfence: ready on {}, sequence {first_sequence}, {}",
            source.addresses().collect::<Vec<_>>().join(" and "),
            node.placement()
        );
        let Ran { node, counts, .. } = node.run(source, sink)?;
        node::close(node, first_sequence, &counts)?;
        Ok(Exit::Done)
    }
}
