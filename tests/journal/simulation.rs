//! The real writer and the real recovery over a disk that crashes, tears, reorders and lies.
//!
//! `RINGFENCE_SEEDS=FROM..TO cargo test --test journal simulation` runs other seeds; a seed that
//! failed is printed and is repeated by `RINGFENCE_SEEDS=SEED..SEED+1` with the numbers filled in.

use std::ops::Range;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use ringfence::journal::faulty::{FaultyDisk, Plan, Restart, Shuffled};
use ringfence::journal::{
    Access, Durability, Files as _, JournalError, OpenFile as _, Options, Recovered, Wanted,
    Writer, inspect_files, recover_files,
};

use crate::support::*;

fn seeds(default: Range<u64>) -> Range<u64> {
    let Ok(text) = std::env::var("RINGFENCE_SEEDS") else { return default };
    let (from, to) = text.split_once("..").expect("RINGFENCE_SEEDS is FROM..TO");
    from.parse().expect("a number")..to.parse().expect("a number")
}

/// Prints the seed if the thread panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failing seed: RINGFENCE_SEEDS={}..{}", self.0, self.0 + 1);
        }
    }
}

fn recover_from(
    disk: &FaultyDisk,
    options: &Options,
) -> Result<(Recovered, Contents), JournalError> {
    let mut contents = Contents::default();
    let entry = |entry: ringfence::journal::Entry<'_>| contents.take_in(entry);
    let recovered = recover_files(disk, &Wanted::default(), options, entry)?;
    Ok((recovered, contents))
}

fn writer_on(
    disk: &FaultyDisk,
    recovered: &Recovered,
    options: Options,
    seed: u64,
) -> Result<Writer<Shuffled<FaultyDisk>>, JournalError> {
    let position = recovered.position;
    let next = position.next_segment_bytes.map(|_| position.segment + 1);
    let segments: Vec<u32> = [position.segment].into_iter().chain(next).collect();
    Ok(Writer::new(Shuffled::new(disk, &segments, seed)?, position, options))
}

/// What the outside world knows.
struct World {
    random: Pcg64,
    disk: FaultyDisk,
    options: Options,
    /// All that was ever handed to the journal and not known to be lost.
    appended: Contents,
    /// Highest sequence that the journal released.
    released: u64,
    commands: u64,
    crashes: u64,
}

impl World {
    /// One life of an engine, from its start to its crash or stop.
    fn live(&mut self, life: u32) {
        let (recovered, found) = match recover_from(&self.disk, &self.options) {
            Ok(found) => found,
            Err(error) => {
                assert!(self.disk.has_failed(), "life {life}: {error}");
                self.crashes += 1;
                return;
            }
        };
        let count = found.batches.len();
        assert!(count <= self.appended.batches.len(), "life {life}: more than was appended");
        assert!(
            found.batches == self.appended.batches[..count],
            "life {life}: not a prefix of what was appended"
        );
        assert!(
            found.last_sequence() >= self.released,
            "life {life}: {} recovered, {} released",
            found.last_sequence(),
            self.released
        );
        assert_eq!(recovered.last_sequence, found.last_sequence());
        self.appended = found;
        // What recovery found counts as acknowledged: outcomes of a replay may be shown.
        if self.options.durability == Durability::Sync {
            self.released = recovered.last_sequence;
        }
        if self.run(&recovered).is_err() {
            assert!(self.disk.has_failed(), "life {life}");
            self.crashes += 1;
        }
    }

    fn run(&mut self, recovered: &Recovered) -> Result<(), JournalError> {
        let seed = self.random.random();
        let mut writer = writer_on(&self.disk, recovered, self.options, seed)?;
        for _ in 0..self.random.random_range(1..60) {
            match self.random.random_range(0..10) {
                0..6 => {
                    let length = match self.random.random_range(0..12) {
                        0 => self.random.random_range(4000..=8192),
                        1 => 8192,
                        2..5 => self.random.random_range(1..300),
                        _ => self.random.random_range(1..5),
                    };
                    let first = self.appended.last_sequence() + 1;
                    let batch = self.appended.make_batch(length).to_vec();
                    while !writer.append(first, &batch[..])? {
                        self.poll(&mut writer)?;
                        writer.wait();
                    }
                    self.commands += length as u64;
                }
                6..9 => self.poll(&mut writer)?,
                _ => writer.idle()?,
            }
        }
        if self.random.random_range(0..3) > 0 {
            writer.close()?;
            self.release(self.appended.last_sequence());
        }
        Ok(())
    }

    fn poll(&mut self, writer: &mut Writer<Shuffled<FaultyDisk>>) -> Result<(), JournalError> {
        let released = writer.poll()?;
        self.release(released);
        Ok(())
    }

    fn release(&mut self, sequence: u64) {
        if self.options.durability == Durability::Sync {
            assert!(sequence >= self.released, "what was released stays released");
            self.released = sequence;
        }
    }
}

fn simulate(seed: u64, durability: Durability) -> World {
    let _seed = Seed(seed);
    let mut random = Pcg64::seed_from_u64(seed);
    let disk = FaultyDisk::new(random.random());
    let options = Options { durability, ..OPTIONS };
    let mut world = World {
        random,
        disk,
        options,
        appended: Contents::default(),
        released: 0,
        commands: 0,
        crashes: 0,
    };
    for life in 0..6 {
        let random = &mut world.random;
        let most = [20, 60, 200][random.random_range(0..3)];
        let call = random.random_range(1..most);
        let plan = match random.random_range(0..4) {
            0 => Plan::default(),
            1 => Plan { fail_at: Some((call, [5, 28][random.random_range(0..2)])), crash_at: None },
            _ => Plan { crash_at: Some(call), fail_at: None },
        };
        // Under `async` only a killed process keeps what it was told.
        let how = match (durability, random.random_range(0..3)) {
            (Durability::Sync, 0..2) => Restart::PowerCut,
            _ => Restart::Killed,
        };
        world.disk.restart(how, plan);
        world.live(life);
    }
    world.disk.restart(Restart::Killed, Plan::default());
    world.live(6);
    world
}

#[test]
fn after_any_crash_the_journal_holds_a_prefix_with_all_that_was_released() {
    let (mut commands, mut crashes) = (0, 0);
    for seed in seeds(0..150) {
        let world = simulate(seed, Durability::Sync);
        commands += world.commands;
        crashes += world.crashes;
    }
    assert!(crashes > 0 && commands > 0, "{crashes} crashes, {commands} commands");
}

#[test]
fn without_waiting_for_the_disk_a_killed_process_still_leaves_a_prefix() {
    for seed in seeds(1000..1050) {
        simulate(seed, Durability::Async);
    }
}

#[test]
fn a_flipped_bit_after_a_clean_stop_loses_no_command_unnoticed() {
    for seed in seeds(2000..2040) {
        let _seed = Seed(seed);
        let mut random = Pcg64::seed_from_u64(seed);
        let disk = FaultyDisk::new(seed);
        let (recovered, mut contents) = recover_from(&disk, &OPTIONS).unwrap();
        let mut writer = writer_on(&disk, &recovered, OPTIONS, seed).unwrap();
        for _ in 0..random.random_range(1..12) {
            let first = contents.last_sequence() + 1;
            let length = [random.random_range(1..9), random.random_range(1..=8192)]
                [random.random_range(0..2)];
            let batch = contents.make_batch(length).to_vec();
            while !writer.append(first, &batch[..]).unwrap() {
                writer.poll().unwrap();
                writer.wait();
            }
        }
        writer.close().unwrap();
        let summary = inspect_files(&disk, None, |_| ()).unwrap();
        let (mut found, mut harmless) = (0, 0);
        for _ in 0..20 {
            let disk = disk.copy();
            let segment = random.random_range(1..=summary.segments);
            // Most of a segment may be zeros: look near its start half of the time.
            let most = [20_000, OPTIONS.segment_bytes][random.random_range(0..2)];
            let (at, bit) = (random.random_range(0..most), random.random_range(0..8));
            disk.damage(&format!("{segment:010}.journal"), |bytes| bytes[at as usize] ^= 1 << bit);
            match recover_from(&disk, &OPTIONS) {
                Err(JournalError::Damaged { .. }) => found += 1,
                Ok((_, after)) => {
                    assert!(after.batches == contents.batches, "segment {segment}, byte {at}");
                    harmless += 1;
                }
                Err(error) => panic!("segment {segment}, byte {at}: {error}"),
            }
        }
        assert_eq!(found + harmless, 20);
    }
}

#[test]
fn a_tail_cut_at_any_byte_leaves_the_batches_before_it() {
    let disk = FaultyDisk::new(1);
    let (recovered, mut contents) = recover_from(&disk, &OPTIONS).unwrap();
    let mut writer = writer_on(&disk, &recovered, OPTIONS, 1).unwrap();
    // One group of three frames.
    let start = recovered.position.offset as usize;
    for length in [1, 1, 2] {
        let first = contents.last_sequence() + 1;
        let batch = contents.make_batch(length).to_vec();
        assert!(writer.append(first, &batch[..]).unwrap());
    }
    while writer.poll().unwrap() < 4 {
        writer.wait();
    }
    drop(writer);
    // A frame is whole as long as its last byte that is not zero is there.
    let mut group = vec![0; 4096];
    let file = disk.open("0000000001.journal", Access::Read).unwrap();
    file.read_at(start as u64, &mut group).unwrap();
    let ends = [0..192, 192..384, 384..4096].map(|frame: Range<usize>| {
        frame.start + group[frame].iter().rposition(|&byte| byte != 0).unwrap() + 1
    });
    for cut in (0..700).chain([4094, 4095, 4096]) {
        let disk = disk.copy();
        disk.damage("0000000001.journal", |bytes| bytes[start + cut..].fill(0));
        let (recovered, found) = recover_from(&disk, &OPTIONS).unwrap();
        let whole = ends.iter().filter(|&&end| end <= cut).count();
        assert!(found.batches == contents.batches[..whole], "cut at {cut}");

        // And the journal goes on from there.
        let mut again = found.clone();
        let mut writer = writer_on(&disk, &recovered, OPTIONS, 2).unwrap();
        let first = again.last_sequence() + 1;
        let batch = again.make_batch(3).to_vec();
        assert!(writer.append(first, &batch[..]).unwrap());
        writer.close().unwrap();
        let (recovered, after) = recover_from(&disk, &OPTIONS).unwrap();
        assert!(after.batches == again.batches, "cut at {cut}");
        assert_eq!(recovered.notes, [""; 0], "cut at {cut}");
    }
}
