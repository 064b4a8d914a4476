//! Snapshots, made beside a running engine or without one.

use crate::NodeError;
use crate::options::{Message, Report};
use crate::replay::{self, Discard, Replayer};
use ringfence_engine::{Digest, Engine};
use ringfence_journal::{
    Anchor, DataDir, Key, Reader, Snapshot, SnapshotLock, SnapshotWriter, snapshot_name,
};

/// A snapshot that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Sequence of the last command in it.
    pub last_sequence: u64,
    /// Timestamp of that command, in nanoseconds.
    pub last_timestamp: u64,
    /// How many accounts it holds.
    pub accounts: u64,
    /// How many transfers it holds; spent ids are none.
    pub transfers: u64,
    /// The state's digest.
    pub digest: Digest,
    /// The file's name in the data directory.
    pub file: String,
    /// The file's length, in bytes.
    pub file_bytes: u64,
}

/// The right to make snapshots in a data directory: one at a time has it.
pub struct Snapshots<'a> {
    dir: &'a DataDir,
    key: Option<Key>,
    _lock: SnapshotLock,
}

impl<'a> Snapshots<'a> {
    /// Takes the right, and removes what one that was interrupted has left.
    ///
    /// # Errors
    ///
    /// [`NodeError::Journal`]: another process has the right, or `key` is not the journal's.
    pub fn begin(dir: &'a DataDir, key: Option<Key>) -> Result<Snapshots<'a>, NodeError> {
        let lock = dir.lock_snapshots()?;
        ringfence_journal::remove_unfinished_snapshots(dir.files())?;
        ringfence_journal::require_key(dir.files(), key.as_ref())?;
        Ok(Snapshots { dir, key, _lock: lock })
    }

    /// Makes a snapshot of all that is durable; `None` where the newest one covers that.
    ///
    /// # Errors
    ///
    /// [`NodeError`]. What was begun has no name by which it would be taken for a snapshot.
    pub fn make(&self, report: &mut Report) -> Result<Option<Made>, NodeError> {
        let Snapshots { dir, key, .. } = *self;
        let note = |note| report(Message::Note(note));
        let start = replay::newest_snapshot(dir, u64::MAX, key, note)?;
        let from = start.as_ref().map(|start| start.anchor);
        let mut replayer = Replayer::starting(start, Discard, u64::MAX);
        let mut reader = Reader::open_durable(dir.files(), from.as_ref(), key)?;
        while let Some(entry) = reader.next_entry()? {
            replayer.apply(&entry)?;
            report(Message::Replayed(replayer.commands()));
        }
        let (Some(engine), Some(anchor), 1..) =
            (replayer.into_parts().0, reader.anchor().copied(), reader.batches())
        else {
            return Ok(None);
        };
        let made = self.write(&engine, &anchor)?;
        // The tables of one engine are freed before another is made.
        drop(engine);
        self.check(&made)?;
        SnapshotWriter::install(dir.files(), anchor.last_sequence)?;
        Ok(Some(made))
    }

    /// Writes the contents of `engine`, durably, under a temporary name.
    fn write(&self, engine: &Engine, anchor: &Anchor) -> Result<Made, NodeError> {
        let digest = engine.digest();
        let Digest(bytes) = digest;
        let now = engine.event_timestamp();
        let mut writer = SnapshotWriter::create(self.dir.files(), anchor, now, bytes, self.key)?;
        engine.contents(&mut writer);
        let file_bytes = writer.finish()?;
        Ok(Made {
            last_sequence: anchor.last_sequence,
            last_timestamp: anchor.last_timestamp,
            accounts: engine.account_count(),
            transfers: engine.transfer_count(),
            digest,
            file: snapshot_name(anchor.last_sequence),
            file_bytes,
        })
    }

    /// Reads back what was written, restores it, and compares: segments will be deleted on the
    /// strength of it.
    fn check(&self, made: &Made) -> Result<(), NodeError> {
        let file = Snapshot::open_unnamed(self.dir.files(), made.last_sequence, self.key)?;
        file.check()?;
        let restored = replay::engine_of(&file)??.digest();
        if restored != made.digest {
            return Err(NodeError::SnapshotDiffers { made: made.digest, restored });
        }
        Ok(())
    }
}
