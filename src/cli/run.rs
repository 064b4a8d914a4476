//! `ringfence run`: the engine as a server.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::memory::{self, Memory};
use super::options::{ConfigFile, EngineOptions, JournaledOptions};
use super::progress::Progress;
use super::summary::{Summary, counts_line};
use super::{Exit, Failure, signals, store};
use ringfence_codec::Address;
use ringfence_node::gateway::SocketSource;
use ringfence_node::pipeline::{self, Parts, Settings};
use ringfence_node::publish::{Logged, SocketSink};

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
        let program_bytes = memory::program_bytes();
        let stop = signals::stop_flag()?;
        let mut settings = self.engine.settings(true, Arc::clone(&stop))?;
        let store = store::open(Some(&self.data_dir), &self.journaled, &self.engine)?;
        if let Some(dir) = &store.dir {
            self.engine.threads.place_near(dir, &mut settings.placement);
        }
        let listen = match self.listen.as_slice() {
            [] => vec![Address::Unix(self.data_dir.join("ringfence.sock"))],
            given => given.to_vec(),
        };
        let memory = Memory::new(program_bytes, store.engine.memory_bytes(), &settings, true);
        tell!("ringfence: {}", memory.line());
        let source = SocketSource::listen(&listen).map_err(Failure::operating)?;
        let settings = Settings { parker: Some(source.parker()), ..settings };
        let (first_sequence, dir) = (store.last_sequence + 1, store.dir);
        tell!(
            "ringfence: ready on {}, sequence {first_sequence}, {}",
            source.addresses().collect::<Vec<_>>().join(" and "),
            settings.placement
        );

        let parts = Parts {
            engine: store.engine,
            source,
            sink: Logged::new(SocketSink::new(stop), store.log)
                .map_err(|error| Failure::Operating(format!("starting a thread: {error}")))?,
            journal: store.journal,
            last_sequence: store.last_sequence,
            last_timestamp: store.last_timestamp,
        };
        let mut progress = Progress::new();
        let finished = pipeline::run(parts, settings, |sequence| {
            progress.tick((sequence + 1).saturating_sub(first_sequence));
        });
        progress.finish();
        let finished = finished?;
        if let Some(journal) = finished.journal {
            journal.writer.close().map_err(Failure::operating)?;
        }
        let (_, log_failure) = finished.sink.finish();
        if let Some(failure) = log_failure {
            tell!("ringfence: {failure}; the next start makes it whole");
        }
        drop(dir);
        let commands = finished.last_sequence + 1 - first_sequence;
        let (sequence, timestamp) = (finished.last_sequence, finished.last_timestamp);
        tell!("{}", Summary::of(&finished.engine, commands, sequence, timestamp).line());
        tell!("{}", counts_line(&finished.counts));
        Ok(Exit::Done)
    }
}
