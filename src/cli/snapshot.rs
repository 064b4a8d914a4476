//! `ringfence snapshot`: so that recovery need not start from the first command.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::options::{ConfigFile, KeyOption};
use super::progress::ProgressLine;
use super::{Exit, Failure, priority};
use ringfence_engine::{Digest, Engine};
use ringfence_journal::{
    Anchor, Archive, DataDir, Key, Reader, Snapshot as SnapshotFile, SnapshotWriter,
};
use ringfence_node::replay::{self, Discard, Replayer};

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

fn keep(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 2..) => Ok(count),
        Ok(_) => Err("at least 2: one to fall back to if the newest is damaged".to_owned()),
        Err(_) => Err("not a number".to_owned()),
    }
}

/// What was made, as one JSON object; counts and sizes are strings, as in all of the text format.
#[derive(Debug, Serialize)]
struct Made {
    last_sequence: String,
    last_timestamp: String,
    accounts: String,
    transfers: String,
    digest: String,
    file: String,
    file_bytes: String,
}

impl Snapshot {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        priority::lower();
        let dir = DataDir::open_to_read(&self.data_dir).map_err(Failure::operating)?;
        // One at a time: held until the end.
        let _lock = dir.lock_snapshots().map_err(Failure::operating)?;
        ringfence_journal::remove_unfinished_snapshots(dir.files()).map_err(Failure::operating)?;
        let archive = self.archive.as_deref().map(|archive| Archive::open(archive, &dir));
        let archive = archive.transpose().map_err(Failure::operating)?;
        let key = self.key.read()?;
        ringfence_journal::require_key(dir.files(), key.as_ref()).map_err(Failure::operating)?;
        match make(&dir, key)? {
            Some(made) => {
                let line = serde_json::to_string(&made).expect("strings can be written as JSON");
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

/// Makes a snapshot of all that is durable; `None` where there is nothing new.
fn make(dir: &DataDir, key: Option<Key>) -> Result<Option<Made>, Failure> {
    let start = replay::newest_snapshot(dir, u64::MAX, key, say).map_err(Failure::operating)?;
    let from = start.as_ref().map(|start| start.anchor);
    let mut replayer = Replayer::starting(start, Discard, u64::MAX);
    let mut reader =
        Reader::open_durable(dir.files(), from.as_ref(), key).map_err(Failure::operating)?;
    let mut progress = ProgressLine::new("commands");
    while let Some(entry) = reader.next_entry().map_err(Failure::operating)? {
        replayer.apply(&entry).map_err(Failure::operating)?;
        progress.tick(replayer.commands());
    }
    progress.finish();
    let (Some(engine), Some(anchor), 1..) =
        (replayer.into_parts().0, reader.anchor().copied(), reader.batches())
    else {
        return Ok(None);
    };
    let made = write(dir, &engine, &anchor, key)?;
    // The tables of one engine are freed before another is made.
    drop(engine);
    check(dir, anchor.last_sequence, &made.digest, key)?;
    SnapshotWriter::install(dir.files(), anchor.last_sequence).map_err(Failure::operating)?;
    Ok(Some(made))
}

fn say(note: String) {
    tell!("ringfence: {note}");
}

/// Writes the contents of `engine`, durably, under a temporary name.
fn write(
    dir: &DataDir,
    engine: &Engine,
    anchor: &Anchor,
    key: Option<Key>,
) -> Result<Made, Failure> {
    let digest = engine.digest();
    let Digest(bytes) = digest;
    let files = dir.files();
    let mut writer = SnapshotWriter::create(files, anchor, engine.event_timestamp(), bytes, key)
        .map_err(Failure::operating)?;
    engine.contents(&mut writer);
    let file_bytes = writer.finish().map_err(Failure::operating)?;
    Ok(Made {
        last_sequence: anchor.last_sequence.to_string(),
        last_timestamp: anchor.last_timestamp.to_string(),
        accounts: engine.account_count().to_string(),
        transfers: engine.transfer_count().to_string(),
        digest: digest.to_string(),
        file: ringfence_journal::snapshot_name(anchor.last_sequence),
        file_bytes: file_bytes.to_string(),
    })
}

/// Reads back what was written, restores it, and compares: segments will be deleted on the strength
/// of it.
fn check(dir: &DataDir, last_sequence: u64, digest: &str, key: Option<Key>) -> Result<(), Failure> {
    let file =
        SnapshotFile::open_unnamed(dir.files(), last_sequence, key).map_err(Failure::operating)?;
    file.check().map_err(Failure::operating)?;
    let engine = replay::engine_of(&file).map_err(Failure::operating)?;
    let restored = engine.map_err(Failure::operating)?.digest().to_string();
    if restored != digest {
        let text = format!("a snapshot of the digest {digest} is restored as {restored}");
        return Err(Failure::Bug(text));
    }
    Ok(())
}
