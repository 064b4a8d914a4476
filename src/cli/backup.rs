//! `ringfence backup` and `ringfence restore`: copies of a journal, and data directories made of
//! them.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::options::{ConfigFile, KeyOption};
use super::progress::ProgressLine;
use super::snapshot::keep;
use super::{Exit, Failure, priority};
use ringfence_journal::DataDir;
use ringfence_node::Clock;
use ringfence_node::backup::{Acknowledged, BackedUp, make, restore};

/// Arguments of `ringfence backup`.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// Directory of the journal; an engine may be running on it, and is not disturbed
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Directory of the backup, which must exist: empty, or with an earlier backup of this journal,
    /// of which only what is new is copied
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Delete from the backup all but the newest N snapshots (at least 2), and the segments that
    /// the second-newest covers
    #[arg(long, value_name = "N", value_parser = keep)]
    keep: Option<usize>,
    #[command(flatten)]
    key: KeyOption,
    #[command(flatten)]
    config: ConfigFile,
}

/// Arguments of `ringfence restore`.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// Directory of the backup
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Directory that becomes that of the journal: an empty one, or one that does not exist
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// The engine was stopped before the backup was made, and has not run since: no epoch begins,
    /// and consumers go on where they were
    #[arg(long, conflicts_with = "acknowledged")]
    nothing_lost: bool,
    /// Highest sequence that the engine is known to have acknowledged
    #[arg(long, value_name = "SEQUENCE")]
    acknowledged: Option<u64>,
    #[command(flatten)]
    key: KeyOption,
    #[command(flatten)]
    config: ConfigFile,
}

/// What was copied, as one JSON object; counts and sizes are strings, as in all of the text format.
#[derive(Debug, Serialize)]
struct Copied {
    last_sequence: String,
    last_timestamp: String,
    segments_copied: String,
    snapshots_copied: String,
    bytes_copied: String,
}

/// What was restored, as one JSON object.
#[derive(Debug, Serialize)]
struct Line {
    last_sequence: String,
    last_timestamp: String,
    epoch: u16,
    bytes_copied: String,
}

impl Backup {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        priority::lower();
        let dir = DataDir::open_to_read(&self.data_dir).map_err(Failure::operating)?;
        let key = self.key.read()?;
        let mut progress = ProgressLine::new("commands read");
        let made = make(&dir, &self.to, key, |commands| progress.tick(commands));
        progress.finish();
        let Some(made) = made? else {
            tell!("ringfence: nothing is durable yet that could be copied");
            return Ok(Exit::Done);
        };
        let BackedUp { last_sequence, last_timestamp, segments, snapshots, bytes } = made;
        print(&Copied {
            last_sequence: last_sequence.to_string(),
            last_timestamp: last_timestamp.to_string(),
            segments_copied: segments.to_string(),
            snapshots_copied: snapshots.to_string(),
            bytes_copied: bytes.to_string(),
        })?;
        if let Some(keep) = self.keep {
            let copy = DataDir::open_to_read(&self.to).map_err(Failure::operating)?;
            let note = |note| tell!("ringfence: {note}");
            let retired = ringfence_journal::retire(&copy, keep, None, key, note);
            let retired = retired.map_err(Failure::operating)?;
            retired.files.iter().for_each(|taken| tell!("ringfence: {taken}"));
        }
        Ok(Exit::Done)
    }
}

impl Restore {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let acknowledged = match (self.nothing_lost, self.acknowledged) {
            (true, _) => Acknowledged::NoMore,
            (false, Some(sequence)) => Acknowledged::UpTo(sequence),
            (false, None) => Acknowledged::Unknown,
        };
        let restored = restore(&self.from, &self.data_dir, acknowledged, self.key.read()?)?;
        print(&Line {
            last_sequence: restored.last_sequence.to_string(),
            last_timestamp: restored.last_timestamp.to_string(),
            epoch: restored.epoch,
            bytes_copied: restored.bytes.to_string(),
        })?;
        let age_ns = Clock::System.read_ns().saturating_sub(restored.backup_made_ns);
        let age = humantime::format_duration(Duration::from_secs(age_ns / 1_000_000_000));
        let last = restored.last_sequence;
        tell!("ringfence: the backup was made {age} ago and ends with sequence {last}");
        if acknowledged != Acknowledged::NoMore {
            let epoch = restored.epoch;
            tell!(
                "ringfence: what the engine acknowledged after it is lost; the journal goes on in epoch {epoch}, \
                 by which clients and consumers learn of it"
            );
        }
        Ok(Exit::Done)
    }
}

fn print(line: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(line).expect("strings can be written as JSON");
    let printed = writeln!(io::stdout().lock(), "{line}");
    printed.map_err(|error| Failure::Operating(format!("writing to standard output: {error}")))
}
