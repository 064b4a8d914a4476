//! What an engine does in a life: appends, polls, idles, and what others do beside it.

use rand::RngExt;
use ringfence::engine::Engine;
use ringfence::journal::faulty::Shuffled;
use ringfence::journal::{
    Durability, JournalError, Reader, Recovered, Shortage, Writer, replay_place,
};
use ringfence::types::{Command, Lookup, chains_up_to, stamp_batch};

use super::found::{Answers, Batches};
use super::sabotage::Disk;
use super::world::{Cut, World, ensure};
use crate::requests::request_of;

impl World {
    pub(super) fn work(&mut self, recovered: &Recovered, mut engine: Engine) -> Result<(), Cut> {
        let position = recovered.position;
        let next = position.next_segment_bytes.map(|_| position.segment + 1);
        let segments: Vec<u32> = [position.segment].into_iter().chain(next).collect();
        let storage = Shuffled::new(&self.disk, &segments, self.random.random())?;
        let mut writer = Writer::new(storage, position, self.options);
        // A digest reads all of the tables: few are enough.
        let digest_at = self.random.random_range(0..30);
        for step in 0..self.random.random_range(1..60) {
            let done = match self.random.random_range(0..10) {
                0..6 => self.append(&mut writer, &mut engine),
                6..9 => self.poll(&mut writer),
                _ => writer.idle().map_err(Cut::from).and_then(|()| self.poll(&mut writer)),
            };
            if let Err(cut) = done {
                return Err(self.after_failure(writer, cut));
            }
            if step == digest_at {
                self.digests.push((self.batches.len(), engine.digest()));
            }
            match self.random.random_range(0..80) {
                0 | 1 => self.read_beside()?,
                2..=5 => self.snapshot_beside()?,
                _ => {}
            }
        }
        if self.random.random_range(0..3) > 0 {
            writer.close()?;
            self.release(self.answers.len() as u64)?;
            self.digests.push((self.batches.len(), engine.digest()));
            self.damage_copies()?;
        }
        Ok(())
    }

    fn append(
        &mut self,
        writer: &mut Writer<Shuffled<Disk>>,
        engine: &mut Engine,
    ) -> Result<(), Cut> {
        let batch = self.next_batch();
        let first_sequence = self.answers.len() as u64 + 1;
        // The world knows of a batch before the journal does: it may be written and the call fail.
        let mut sink = Answers::behind(std::mem::take(&mut self.answers));
        let piece = [1, 64, usize::MAX][self.random.random_range(0..3)];
        let mut rest = &batch[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(chains_up_to(rest, piece));
            engine.apply(sink.answers.len() as u64 + 1, now, &mut sink);
            rest = later;
        }
        let request = request_of(first_sequence);
        let last = batch[batch.len() - 1].header;
        engine.take_in(&request, sink.answers.len() as u64, last.timestamp);
        self.answers = sink.answers;
        let told = &self.answers[first_sequence as usize - 1..];
        self.generator.heed(told.iter().map(|answer| answer.outcome));
        self.last_timestamp = batch[batch.len() - 1].header.timestamp;
        self.report.commands += batch.len() as u64;
        self.batches.push(batch.clone());
        while !writer.append_request(first_sequence, &batch[..], &request)? {
            self.poll(writer)?;
            if writer.shortage() == Some(Shortage::Now) && writer.is_drained() {
                return Err(Cut::NoRoom);
            }
            writer.wait();
        }
        Ok(())
    }

    /// Mostly what the generator thinks of; now and then so much that segments fill up.
    fn next_batch(&mut self) -> Vec<Command> {
        let mut batch = self.generator.next_batch();
        let clock = batch[0].header.timestamp;
        let length = match self.random.random_range(0..2 * self.bulk_one_in) {
            0 => self.random.random_range(4000..=8192),
            1 => 8192,
            _ => 0,
        };
        if length > 0 {
            let id = u128::from(self.random.random_range(1..10_u64));
            batch = vec![Command::lookup_account(Lookup { id, ..Lookup::default() }); length];
        }
        stamp_batch(&mut batch, self.last_timestamp, clock);
        // Who asked decides nothing, and is not kept.
        batch.iter_mut().for_each(|command| command.header.session = 0);
        batch
    }

    fn poll(&mut self, writer: &mut Writer<Shuffled<Disk>>) -> Result<(), Cut> {
        let released = writer.poll()?;
        self.release(released)
    }

    fn release(&mut self, sequence: u64) -> Result<(), Cut> {
        ensure(sequence <= self.answers.len() as u64, || "more is released than appended".into())?;
        if self.options.durability == Durability::Sync {
            ensure(sequence >= self.released, || "what was released is taken back".into())?;
            self.released = sequence;
        }
        Ok(())
    }

    /// After a failure nothing is done or released any more, though the disk may be well again.
    fn after_failure(&mut self, mut writer: Writer<Shuffled<Disk>>, cut: Cut) -> Cut {
        let Cut::Disk(_) = &cut else { return cut };
        let first_sequence = self.answers.len() as u64 + 1;
        let mut batch = vec![Command::pulse()];
        stamp_batch(&mut batch, self.last_timestamp, 0);
        for _ in 0..self.random.random_range(0..20) {
            let refused = match self.random.random_range(0..3) {
                0 => writer.poll().err(),
                1 => writer.idle().err(),
                _ => writer.append(first_sequence, &batch[..]).err(),
            };
            match refused {
                Some(JournalError::Poisoned { .. }) => writer.wait(),
                other => return Cut::Violation(format!("after a failure the writer: {other:?}")),
            }
        }
        cut
    }

    /// A reader beside the engine sees nothing that is not durable.
    fn read_beside(&mut self) -> Result<(), Cut> {
        if self.is_wounded {
            return Ok(());
        }
        let disk = self.disk.disk.steady();
        let place = replay_place(&disk, self.options.key, 0)?;
        let mut batches =
            Batches::after(&self.batches, place.map_or(0, |place| place.last_sequence));
        let mut reader = Reader::open_durable(&disk, place.as_ref(), self.options.key)?;
        while let Some(entry) = reader.next_entry()? {
            batches.take_in(&entry);
        }
        ensure(batches.difference.is_none(), || format!("a reader: {:?}", batches.difference))?;
        let sequence = self.sequence_behind(batches.count);
        let is_sync = self.options.durability == Durability::Sync;
        ensure(!is_sync || sequence <= self.released, || {
            format!("a reader sees {sequence}, released are {}", self.released)
        })
    }
}
