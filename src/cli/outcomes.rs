//! `ringfence outcomes`: the outcome log of a journal.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::options::{ConfigFile, KeyOption};
use super::{Exit, Failure, node};
use ringfence_node::{Rebuilt, rebuild_outcome_log};

/// What to do with the outcome log.
#[derive(Debug, Subcommand)]
pub(super) enum Outcomes {
    /// Make it again from the journal, as far back as journal and snapshots reach; no engine may be
    /// running
    Rebuild(Rebuild),
}

#[derive(Debug, Args)]
pub(super) struct Rebuild {
    /// Directory of the journal
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    key: KeyOption,
    #[command(flatten)]
    config: ConfigFile,
}

impl Outcomes {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let Outcomes::Rebuild(rebuild) = self;
        let Rebuilt { first_sequence, last_sequence } =
            rebuild_outcome_log(&rebuild.data_dir, rebuild.key.read()?, &mut node::report())?;
        let line = format!("ok: outcomes {first_sequence} to {last_sequence}");
        let printed = writeln!(io::stdout().lock(), "{line}");
        let failed = |error| Failure::Operating(format!("writing to standard output: {error}"));
        printed.map_err(failed).map(|()| Exit::Done)
    }
}
