//! Damage behind everybody's back: what it is, and what is left that proves what was durable.

use rand::{Rng as _, RngExt, SeedableRng};
use rand_pcg::{Pcg64, Pcg64Mcg};
use ringfence::journal::faulty::FaultyDisk;
use ringfence::journal::format::{BLOCK_BYTES, FRAME_HEADER_BYTES};
use ringfence::journal::{
    Files as _, JournalError, SEGMENT_BYTES_MIN, WITNESS_NAME, WitnessFound, check_snapshots,
    inspect_files, read_witness, recover_from, snapshots,
};

use super::found::Batches;
use super::world::{Cut, LOCK_NAME, World, ensure};
use crate::campaign::harm::{Bytes, Target, change, frames, pick};

/// How the bytes of a file change. Content that is shifted comes most often.
const HARMS: [Bytes; 12] = [
    Bytes::BitFlipped,
    Bytes::Removed,
    Bytes::Removed,
    Bytes::Inserted,
    Bytes::Inserted,
    Bytes::Zeroed,
    Bytes::Noised,
    Bytes::Swapped,
    Bytes::Copied,
    Bytes::ZeroedToTheEnd,
    Bytes::PayloadBits,
    Bytes::LastTwoFrames,
];

/// Files as they were before damage.
type Originals = Vec<(String, Vec<u8>)>;

/// What was done to a disk.
struct Harm {
    /// Each thing, for people.
    done: Vec<String>,
    /// The highest sequence that anything left calls durable.
    known: u64,
    has_bad_snapshots: bool,
}

impl World {
    /// Damages the disk in one to three places.
    pub(super) fn damage(&mut self) {
        let disk = self.disk.disk.clone();
        // What proves something now must not be gone with a later power cut.
        disk.settle();
        let Some(harm) = harm(&disk, &mut self.random, &self.witnesses) else { return };
        self.report.damaged += 1;
        self.history
            .push(format!("known {}, released {}: {:?}", harm.known, self.released, harm.done));
        self.is_wounded = true;
        self.has_bad_snapshots |= harm.has_bad_snapshots;
        // What nothing proves any more may be lost, and that alone.
        self.released = self.released.min(harm.known);
    }

    /// Does to the witness what a disk may do: loses its last writes, tears a slot, loses it all.
    /// No start may be refused for it, and nothing is lost by it. Until a start has written it
    /// again nothing more is done to it: one that is gone, beside a copy that cannot be read, is
    /// damage.
    pub(super) fn spoil_witness(&mut self) {
        if self.is_witness_spoilt {
            return;
        }
        let name = if self.random.random_range(0..4) == 0 { LOCK_NAME } else { WITNESS_NAME };
        let disk = &self.disk.disk;
        let Some(bytes) = disk.bytes(name) else { return };
        let spoilt = spoil(disk, name, bytes.clone(), &mut self.random, &self.witnesses);
        if let Some(what) = spoilt {
            self.report.witnesses_spoilt += 1;
            self.is_witness_spoilt = true;
            self.history.push(format!("{name}: {what}"));
        }
        if name == WITNESS_NAME {
            self.witnesses.push(bytes);
        }
    }

    /// After a clean stop damage is found and named, or loses nothing.
    pub(super) fn damage_copies(&mut self) -> Result<(), Cut> {
        if self.disk.disk.has_failed() || self.is_wounded {
            return Ok(());
        }
        self.flip_a_bit()?;
        let disk = self.disk.disk.copy();
        let Some(harm) = harm(&disk, &mut self.random, &self.witnesses) else { return Ok(()) };
        let verified = inspect_files(&disk, self.options.key, |_| ())
            .and_then(|_| check_snapshots(&disk, self.options.key));
        let has_bad_snapshots = self.has_bad_snapshots || harm.has_bad_snapshots;
        match self.start_on(&disk, has_bad_snapshots)? {
            Err(JournalError::Damaged { .. }) => {
                ensure(verified.is_err(), || format!("{:?}: verify says ok", harm.done))?;
                self.report.damage_found += 1;
                Ok(())
            }
            Ok(last_sequence) => {
                let all = self.answers.len() as u64;
                self.report.beyond_proof += u64::from(last_sequence < all);
                ensure(last_sequence >= all.min(harm.known), || {
                    format!(
                        "{:?}: {last_sequence} of {all} are left, {} are known: nobody says so",
                        harm.done, harm.known
                    )
                })
            }
            Err(error) => Err(Cut::Violation(format!("{:?}: {error}", harm.done))),
        }
    }

    fn flip_a_bit(&mut self) -> Result<(), Cut> {
        let segments = self.disk.disk.steady().names()?;
        let segments: Vec<String> =
            segments.into_iter().filter(|name| name.ends_with(".journal")).collect();
        let disk = self.disk.disk.copy();
        let name = &segments[self.random.random_range(0..segments.len())];
        // Most of a segment may be zeros: look near its start half of the time.
        let most = [20_000, SEGMENT_BYTES_MIN][self.random.random_range(0..2)];
        let at = self.random.random_range(0..most) as usize;
        let bit = self.random.next_u32() % 8;
        disk.damage(name, |bytes| bytes[at] ^= 1 << bit);
        match self.start_on(&disk, self.has_bad_snapshots)? {
            Err(JournalError::Damaged { path, offset, .. }) => {
                self.report.flips_found += 1;
                ensure(path == disk.path(name) && offset <= at as u64, || {
                    format!("{name}, byte {at} is flipped, {} is named", path.display())
                })
            }
            Ok(last_sequence) => ensure(last_sequence == self.answers.len() as u64, || {
                format!("{name}, byte {at}, bit {bit}: unnoticed, and commands are lost")
            }),
            Err(error) => Err(Cut::Violation(format!("{name}, byte {at}: {error}"))),
        }
    }

    /// Starts on a disk where nothing goes wrong any more: the last command that is there.
    fn start_on(
        &mut self,
        disk: &FaultyDisk,
        has_bad_snapshots: bool,
    ) -> Result<Result<u64, JournalError>, Cut> {
        let had = std::mem::replace(&mut self.has_bad_snapshots, has_bad_snapshots);
        let start = self.newest_good(disk);
        self.has_bad_snapshots = had;
        let anchor = match start {
            Ok(start) => start.map(|start| start.anchor),
            Err(Cut::Disk(error)) => return Ok(Err(error)),
            Err(cut) => return Err(cut),
        };
        let after = anchor.map_or(0, |anchor| anchor.last_sequence);
        let mut found = Batches::after(&self.batches, after);
        let recovered = recover_from(disk, anchor.as_ref(), &self.wanted, &self.options, |entry| {
            found.take_in(&entry);
        });
        let Ok(recovered) = recovered else { return Ok(recovered.map(|_| 0)) };
        ensure(found.difference.is_none(), || format!("after damage: {:?}", found.difference))?;
        Ok(Ok(recovered.last_sequence))
    }
}

/// Damages one to three files, or one in several places.
fn harm(disk: &FaultyDisk, random: &mut Pcg64, witnesses: &[Vec<u8>]) -> Option<Harm> {
    let mut dice = Pcg64Mcg::seed_from_u64(random.random());
    let before = known(disk, &Originals::new());
    let mut originals = Originals::new();
    let mut done = Vec::new();
    let mut has_bad_snapshots = false;
    for _ in 0..random.random_range(1..=3) {
        let target = match random.random_range(0..10) {
            0 => Target::Witness,
            1 => Target::Lock,
            2 => Target::Snapshot,
            _ => Target::Segment,
        };
        let names: Vec<String> = disk.steady().names().ok()?;
        let names: Vec<String> =
            names.into_iter().filter(|name| name.ends_with(target.end())).collect();
        let Some(name) = pick(&mut dice, &names) else { continue };
        let mut bytes = disk.bytes(&name)?;
        if bytes.is_empty() {
            continue;
        }
        let was = bytes.clone();
        let what = if matches!(target, Target::Witness | Target::Lock) {
            spoil(disk, &name, bytes, random, witnesses).map(str::to_owned)
        } else {
            let harm = HARMS[random.random_range(0..HARMS.len())];
            let what = change(&mut bytes, &mut dice, target, harm);
            // A segment's length alone would give most of these away.
            if target == Target::Segment {
                bytes.resize(was.len(), 0);
            }
            disk.replace(&name, &bytes);
            what
        };
        has_bad_snapshots |= target == Target::Snapshot;
        done.extend(what.map(|what| format!("{name}: {what}")));
        if !originals.iter().any(|(changed, _)| *changed == name) {
            originals.push((name, was));
        }
    }
    let known = known(disk, &originals).min(before);
    (!done.is_empty()).then_some(Harm { done, known, has_bad_snapshots })
}

/// Changes a witness as a disk may do; what was done, if anything could be.
fn spoil(
    disk: &FaultyDisk,
    name: &str,
    mut bytes: Vec<u8>,
    random: &mut Pcg64,
    witnesses: &[Vec<u8>],
) -> Option<&'static str> {
    match random.random_range(0..4) {
        0 => {
            let old = witnesses.get(random.random_range(0..witnesses.len().max(1)))?;
            disk.replace(name, &old[..old.len().min(bytes.len())]);
            Some("as it was at an earlier start")
        }
        1 if name == WITNESS_NAME => {
            disk.take_away(name);
            Some("gone")
        }
        _ if bytes.is_empty() => None,
        _ => {
            let slot = random.random_range(0..bytes.len().div_ceil(BLOCK_BYTES)) * BLOCK_BYTES;
            let end = bytes.len().min(slot + BLOCK_BYTES);
            let from = slot + random.random_range(0..8) * 512;
            random.fill_bytes(&mut bytes[from.min(end)..end]);
            disk.replace(name, &bytes);
            Some("a slot is torn")
        }
    }
}

/// The last command that something on the disk still proves to have been durable: the witness and
/// snapshots that are as they were, and headers of frames, wherever they stand now.
fn known(disk: &FaultyDisk, originals: &Originals) -> u64 {
    let steady = disk.steady();
    let is_whole = |name: &str| originals.iter().all(|(changed, _)| changed != name);
    let witnessed = match read_witness(&steady) {
        Ok(WitnessFound::Says(witness, _)) if is_whole(WITNESS_NAME) => witness.sequence,
        _ => 0,
    };
    let names = steady.names().expect("nothing goes wrong");
    let taken = snapshots(&steady).expect("nothing goes wrong").into_iter();
    let taken = taken.filter(|it| is_whole(&ringfence::journal::snapshot_name(*it))).max();
    let marked = names.iter().filter(|name| name.ends_with(".journal")).map(|name| {
        let is = disk.bytes(name).expect("it is there");
        match originals.iter().find(|(changed, _)| changed == name) {
            Some((_, was)) => last_mark(was, &is),
            None => last_mark(&is, &is),
        }
    });
    marked.max().max(taken).unwrap_or(0).max(witnessed)
}

/// The highest sequence that headers of `was` call durable which are in `is` too.
fn last_mark(was: &[u8], is: &[u8]) -> u64 {
    let durable = |at: usize| {
        let field = was[at + 16..at + 24].try_into().expect("eight bytes");
        u64::from_le_bytes(field)
    };
    let mut headers: Vec<(u64, usize)> =
        frames(was).into_iter().map(|(at, _)| (durable(at), at)).collect();
    headers.sort_unstable_by_key(|&(durable, _)| std::cmp::Reverse(durable));
    let is_there = |at: usize| {
        let header = &was[at..at + FRAME_HEADER_BYTES];
        let is_here = is.get(at..at + FRAME_HEADER_BYTES) == Some(header);
        // Mostly the first four bytes decide.
        is_here
            || is.windows(header.len()).any(|bytes| bytes[..4] == header[..4] && bytes == header)
    };
    headers.iter().find(|&&(_, at)| is_there(at)).map_or(0, |&(durable, _)| durable)
}
