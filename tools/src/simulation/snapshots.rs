//! Snapshots beside a running engine, and what they make dispensable.

use rand::RngExt;
use ringfence::engine::Digest;
use ringfence::journal::faulty::FaultyDisk;
use ringfence::journal::{
    JournalError, Reader, Snapshot, SnapshotError, SnapshotWriter, first_segment,
    remove_unfinished_snapshots, retire_files, snapshots,
};
use ringfence::node::replay::{Discard, Replayer, Restored, engine_of};

use super::world::{Cut, World, ensure};

impl World {
    /// The newest snapshot that is good, restored. Looked for as a start does, but nothing goes
    /// wrong meanwhile: an engine is restored by two threads, whose calls come in any order.
    pub(super) fn newest_good(&self, disk: &FaultyDisk) -> Result<Option<Restored>, Cut> {
        for sequence in snapshots(disk)?.into_iter().rev() {
            let journal_id = first_segment(disk)?.journal_id;
            let opened = Snapshot::open_with(disk, sequence, self.options.key);
            let restored = opened.map_err(SnapshotError::from).and_then(|snapshot| {
                snapshot.check_identity(&journal_id)?;
                let engine = engine_of(&snapshot).expect("memory for small tables")?;
                Ok(Restored { engine, anchor: snapshot.header().anchor() })
            });
            match restored {
                Ok(restored) => return Ok(Some(restored)),
                Err(_) if self.has_bad_snapshots => {}
                Err(error) => return Err(Cut::Violation(format!("a snapshot: {error}"))),
            }
        }
        Ok(None)
    }

    /// Another process makes a snapshot, and now and then retires what it covers. Whatever happens
    /// to it, the engine goes on.
    pub(super) fn snapshot_beside(&mut self) -> Result<(), Cut> {
        match self.snapshot() {
            Err(Cut::Disk(JournalError::Damaged { .. })) if self.is_wounded => Ok(()),
            Err(Cut::Disk(JournalError::Io { .. })) if self.disk.disk.has_failed() => Ok(()),
            made => made,
        }
    }

    fn snapshot(&mut self) -> Result<(), Cut> {
        let (files, key) = (&self.disk, self.options.key);
        remove_unfinished_snapshots(files)?;
        let start = self.newest_good(&self.disk.disk.steady())?;
        let from = start.as_ref().map(|start| start.anchor);
        let mut replayer = Replayer::starting(start, Discard, u64::MAX);
        let mut reader = Reader::open_durable(files, from.as_ref(), key)?;
        while let Some(entry) = reader.next_entry()? {
            replayer.apply(&entry).expect("memory for small tables");
        }
        let (Some(engine), Some(anchor), 1..) =
            (replayer.into_parts().0, reader.anchor().copied(), reader.batches())
        else {
            return Ok(());
        };
        let Digest(digest) = engine.digest();
        let mut writer =
            SnapshotWriter::create(files, &anchor, engine.event_timestamp(), digest, key)?;
        engine.contents(&mut writer);
        writer.finish()?;
        Snapshot::open_unnamed(files, anchor.last_sequence, key)?.check()?;
        SnapshotWriter::install(files, anchor.last_sequence)?;
        self.report.snapshots += 1;
        if self.random.random() {
            let mut notes = Vec::new();
            let retired = retire_files(files, 2, key, |note| notes.push(note))?;
            let has_spoilt = self.has_bad_snapshots || self.is_wounded;
            ensure(notes.is_empty() || has_spoilt, || format!("retired, but {notes:?}"))?;
            self.report.retired += retired.files.len() as u64;
        }
        Ok(())
    }
}
