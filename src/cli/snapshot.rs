//! `ringfence snapshot`: so that recovery need not start from the first command.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::options::{ConfigFile, KeyOption};
use super::{Exit, Failure, node, priority};
use ringfence_journal::{Archive, DataDir, Key};
use ringfence_node::snapshot::{Made, Snapshots};

/// Arguments of `ringfence snapshot`.
#[derive(Debug, Args)]
pub(super) struct Snapshot {
    /// Directory of the journal; an engine may be running on it, and is not disturbed
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Delete all but the newest N snapshots (at least 2), and the segments that the second-newest covers
    #[arg(long, env = "RINGFENCE_KEEP", value_name = "N", value_parser = keep)]
    keep: Option<usize>,
    /// Move to this directory, which must exist, what --keep would delete; nothing there is replaced
    #[arg(long, env = "RINGFENCE_ARCHIVE", value_name = "DIR", requires = "keep")]
    archive: Option<PathBuf>,
    #[command(flatten)]
    key: KeyOption,
    #[command(flatten)]
    config: ConfigFile,
}

/// `--keep` and its like.
pub(super) fn keep(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 2..) => Ok(count),
        Ok(_) => Err("at least 2: one to fall back to if the newest is damaged".to_owned()),
        Err(_) => Err("not a number".to_owned()),
    }
}

/// What was made, as one JSON object; counts and sizes are strings, as in all of the text format.
#[derive(Debug, Serialize)]
struct Line {
    last_sequence: String,
    last_timestamp: String,
    accounts: String,
    transfers: String,
    digest: String,
    file: String,
    file_bytes: String,
}

impl From<Made> for Line {
    fn from(made: Made) -> Line {
        Line {
            last_sequence: made.last_sequence.to_string(),
            last_timestamp: made.last_timestamp.to_string(),
            accounts: made.accounts.to_string(),
            transfers: made.transfers.to_string(),
            digest: made.digest.to_string(),
            file: made.file,
            file_bytes: made.file_bytes.to_string(),
        }
    }
}

impl Snapshot {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        priority::lower();
        let dir = DataDir::open_to_read(&self.data_dir).map_err(Failure::operating)?;
        let key = self.key.read()?;
        let archive = self.archive.as_deref().map(|archive| Archive::open(archive, &dir));
        let archive = archive.transpose().map_err(Failure::operating)?;
        // One at a time: held until the end.
        let snapshots = Snapshots::begin(&dir, key)?;
        let made = match snapshots.make(&mut node::report()) {
            Err(error) if error.is_for_room() && self.keep.is_some() => {
                say(format!("{error}; what older snapshots make dispensable goes first"));
                self.retire(&dir, archive.as_ref(), key)?;
                snapshots.make(&mut node::report())?
            }
            made => made?,
        };
        match made {
            Some(made) => {
                let line = serde_json::to_string(&Line::from(made));
                let line = line.expect("strings can be written as JSON");
                let printed = writeln!(io::stdout().lock(), "{line}");
                printed.map_err(|error| {
                    Failure::Operating(format!("writing to standard output: {error}"))
                })?;
            }
            None => say("nothing is durable that the newest snapshot does not cover".to_owned()),
        }
        self.retire(&dir, archive.as_ref(), key)?;
        Ok(Exit::Done)
    }

    fn retire(
        &self,
        dir: &DataDir,
        archive: Option<&Archive>,
        key: Option<Key>,
    ) -> Result<(), Failure> {
        let Some(keep) = self.keep else { return Ok(()) };
        let retired =
            ringfence_journal::retire(dir, keep, archive, key, say).map_err(Failure::operating)?;
        if retired.good_snapshots < 2 {
            say("nothing is retired before there are two good snapshots".to_owned());
        }
        retired.files.iter().for_each(|taken| say(taken.to_string()));
        Ok(())
    }
}

fn say(note: String) {
    tell!("ringfence: {note}");
}
