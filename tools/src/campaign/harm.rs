//! What can happen to files: to a part of one, to a whole one, or to several.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use ringfence::journal::format::{FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES};

use super::image::Image;
use super::subject::Subject;

/// Which files are damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Segments.
    Segment,
    /// Snapshots.
    Snapshot,
    /// Files of the outcome log.
    Log,
    /// The witness.
    Witness,
    /// The lock, which says once more what was durable when an engine stopped.
    Lock,
}

impl Target {
    /// All of them.
    pub const ALL: [Target; 5] =
        [Target::Segment, Target::Snapshot, Target::Log, Target::Witness, Target::Lock];

    /// How names of these files end.
    #[must_use]
    pub fn end(self) -> &'static str {
        match self {
            Target::Segment => ".journal",
            Target::Snapshot => ".snapshot",
            Target::Log => ".outcomes",
            Target::Witness => "witness",
            Target::Lock => "lock",
        }
    }
}

/// What can happen to a part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bytes {
    /// One bit is another.
    BitFlipped,
    /// A range is gone, and what followed stands there.
    Removed,
    /// A range has come in, and what was there stands behind it.
    Inserted,
    /// A range is zero.
    Zeroed,
    /// A range is noise.
    Noised,
    /// Two ranges stand in each other's place.
    Swapped,
    /// A range stands in another place too.
    Copied,
    /// From a place on all that was written is zero.
    ZeroedToTheEnd,
    /// From a place on all that was written is noise.
    NoisedToTheEnd,
    /// From a frame on each frame has one bit of its payload wrong.
    PayloadBits,
    /// The last frame and the one before it are noise.
    LastTwoFrames,
}

/// What can happen to whole files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// It is gone.
    Removed,
    /// It has no bytes.
    Emptied,
    /// It ends earlier.
    Truncated,
    /// It goes on behind its end.
    Extended,
    /// Two of them have each other's name.
    Exchanged,
    /// Two of them have each other's contents behind the header.
    BodiesExchanged,
    /// Another journal's file has its name.
    OfAnother,
    /// Another journal's contents stand behind its header.
    BodyOfAnother,
    /// It is as it was a while before.
    Earlier,
}

/// A place at any alignment, most often where something was written.
fn place(dice: &mut Pcg64Mcg, bytes: &[u8]) -> usize {
    let end = match dice.random_range(0..10) {
        0 => bytes.len(),
        _ => written(bytes),
    };
    let step = [1, 1, 64, 512, 4096][dice.random_range(0..5)];
    dice.random_range(0..=end) / step * step
}

/// A range that begins at a place; short ones are as likely as long ones.
fn range(dice: &mut Pcg64Mcg, bytes: &[u8]) -> std::ops::Range<usize> {
    let from = place(dice, bytes);
    let most = 1_usize << dice.random_range(0..21);
    let length = dice.random_range(1..=most);
    let length = if dice.random_bool(0.5) { length.next_multiple_of(64) } else { length };
    from..(from + length).min(bytes.len())
}

/// Where the zeros at the end begin.
fn written(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)
}

/// Where each frame of a segment begins and how long it is.
pub(crate) fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut frames = Vec::new();
    let mut offset = SEGMENT_HEADER_BYTES;
    while let Some(length) = bytes.get(offset + 32..offset + 34) {
        let units = u16::from_le_bytes(length.try_into().expect("two bytes"));
        let length = usize::from(units) * FRAME_HEADER_BYTES;
        if length < FRAME_HEADER_BYTES || offset + length > bytes.len() {
            break;
        }
        frames.push((offset, length));
        offset += length;
    }
    frames
}

/// Any name of these files, the last two more often than others.
pub fn pick(dice: &mut Pcg64Mcg, names: &[String]) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let last = names.len() - 1;
    let index = match dice.random_range(0..3) {
        0 => last.saturating_sub(1),
        _ => dice.random_range(0..=last),
    };
    Some(names[index].clone())
}

/// Does `harm` to a part of a file; what was done, if there was anything to do it to.
pub fn damage_bytes(
    image: &mut Image,
    dice: &mut Pcg64Mcg,
    target: Target,
    harm: Bytes,
) -> Option<String> {
    let name = pick(dice, &image.names(target.end()))?;
    let bytes = image.bytes_mut(&name);
    if bytes.is_empty() {
        return None;
    }
    let length = bytes.len();
    let done = change(bytes, dice, target, harm)?;
    // Segments have a length of their own, which alone would give most of these away.
    let keeps_length = target == Target::Segment && dice.random_bool(0.8);
    if keeps_length {
        bytes.resize(length, 0);
    }
    let kept = if keeps_length && bytes.len() == length { "" } else { ", of another length" };
    let kept = if bytes.len() == length { "" } else { kept };
    Some(format!("{name}: {done}{kept}"))
}

/// Does `harm` to these bytes of a file; what was done, if there was anything to do it to.
pub(crate) fn change(
    bytes: &mut Vec<u8>,
    dice: &mut Pcg64Mcg,
    target: Target,
    harm: Bytes,
) -> Option<String> {
    let noise = |dice: &mut Pcg64Mcg, bytes: &mut [u8]| {
        bytes.iter_mut().for_each(|byte| *byte = dice.random());
    };
    let found = range(dice, bytes);
    Some(match harm {
        Bytes::BitFlipped => {
            let place = place(dice, bytes).min(bytes.len() - 1);
            bytes[place] ^= 1 << dice.random_range(0..8);
            format!("a bit of byte {place} flipped")
        }
        Bytes::Removed => {
            bytes.drain(found.clone());
            format!("bytes {found:?} removed")
        }
        Bytes::Inserted => {
            let mut new = vec![0; found.len()];
            if dice.random_bool(0.5) {
                noise(dice, &mut new);
            }
            bytes.splice(found.start..found.start, new);
            format!("bytes {found:?} inserted")
        }
        Bytes::Zeroed => {
            bytes[found.clone()].fill(0);
            format!("bytes {found:?} zeroed")
        }
        Bytes::Noised => {
            noise(dice, &mut bytes[found.clone()]);
            format!("bytes {found:?} noised")
        }
        Bytes::Swapped => {
            let other = place(dice, bytes);
            let length = found.len().min(bytes.len() - other).min(other.abs_diff(found.start));
            for index in 0..length {
                bytes.swap(found.start + index, other + index);
            }
            format!("{length} bytes at {} and {other} swapped", found.start)
        }
        Bytes::Copied => {
            let copy = bytes[found.clone()].to_vec();
            let to = place(dice, bytes);
            let length = copy.len().min(bytes.len() - to);
            bytes[to..to + length].copy_from_slice(&copy[..length]);
            format!("{length} bytes at {} copied to {to}", found.start)
        }
        Bytes::ZeroedToTheEnd | Bytes::NoisedToTheEnd => {
            let starts: Vec<usize> = frames(bytes).iter().map(|&(offset, _)| offset).collect();
            let from = match starts.as_slice() {
                [_, ..] if target == Target::Segment => starts[dice.random_range(0..starts.len())],
                _ => place(dice, bytes),
            };
            let end = written(bytes).max(from);
            match harm {
                Bytes::ZeroedToTheEnd => bytes[from..end].fill(0),
                _ => noise(dice, &mut bytes[from..end]),
            }
            format!("all from byte {from} on is other")
        }
        Bytes::PayloadBits => {
            let frames = frames(bytes);
            let first = dice.random_range(0..frames.len().max(1));
            let payloads = frames.iter().skip(first).filter(|frame| frame.1 > FRAME_HEADER_BYTES);
            let mut count = 0;
            for &(offset, length) in payloads {
                let place = offset + dice.random_range(FRAME_HEADER_BYTES..length);
                bytes[place] ^= 1 << dice.random_range(0..8);
                count += 1;
            }
            (count > 0).then_some(())?;
            format!("a bit of the payload of {count} frames flipped, from frame {first} on")
        }
        Bytes::LastTwoFrames => {
            let frames = frames(bytes);
            let &(from, _) = frames.get(frames.len().checked_sub(2)?)?;
            let end = written(bytes);
            noise(dice, &mut bytes[from..end]);
            format!("the last two frames, from byte {from} on, noised")
        }
    })
}

/// Does `harm` to whole files; what was done, if there was anything to do it to.
pub fn damage_whole(
    image: &mut Image,
    dice: &mut Pcg64Mcg,
    target: Target,
    harm: Whole,
    subject: &Subject,
    other: &Subject,
) -> Option<String> {
    let names = image.names(target.end());
    let name = pick(dice, &names)?;
    let header = match target {
        Target::Segment | Target::Snapshot => SEGMENT_HEADER_BYTES,
        Target::Log => 64,
        Target::Witness | Target::Lock => 16,
    };
    let theirs = |dice: &mut Pcg64Mcg| {
        let names = other.image.names(target.end());
        let same = names.iter().find(|it| **it == name).cloned();
        let name = same.or_else(|| pick(dice, &names))?;
        Some(other.image.bytes(&name).to_vec())
    };
    let body = |mut ours: Vec<u8>, theirs: &[u8]| {
        let (length, from) = (ours.len(), header.min(ours.len()).min(theirs.len()));
        ours.truncate(from);
        ours.extend_from_slice(&theirs[from..]);
        if target == Target::Segment {
            ours.resize(length, 0);
        }
        ours
    };
    match harm {
        Whole::Removed => {
            image.entries.remove(&name);
        }
        Whole::Emptied => image.bytes_mut(&name).clear(),
        Whole::Truncated => {
            let bytes = image.bytes_mut(&name);
            let to = place(dice, bytes);
            bytes.truncate(to);
        }
        Whole::Extended => {
            let bytes = image.bytes_mut(&name);
            let more = 1 << dice.random_range(0..16);
            let is_zero = dice.random_bool(0.5);
            bytes.extend((0..more).map(|_| if is_zero { 0 } else { dice.random::<u8>() }));
        }
        Whole::Exchanged | Whole::BodiesExchanged => {
            let second = pick(dice, &names).filter(|second| *second != name)?;
            let (one, two) = (image.bytes(&name).to_vec(), image.bytes(&second).to_vec());
            let (one, two) = match harm {
                Whole::Exchanged => (two, one),
                _ => (body(one.clone(), &two), body(two, &one)),
            };
            image.put(&name, one);
            image.put(&second, two);
            return Some(format!("{name} and {second} {harm:?}"));
        }
        // A journal of one segment that is replaced as a whole is another journal.
        Whole::OfAnother if target == Target::Segment && names.len() == 1 => return None,
        Whole::OfAnother => image.put(&name, theirs(dice)?),
        Whole::BodyOfAnother => {
            let ours = image.bytes(&name).to_vec();
            image.put(&name, body(ours, &theirs(dice)?));
        }
        Whole::Earlier => {
            let was_other = |it: &&String| {
                let earlier = subject.earlier.entries.get(*it);
                earlier.is_some_and(|earlier| Some(earlier) != image.entries.get(*it))
            };
            let changed: Vec<String> = names.iter().filter(was_other).cloned().collect();
            let name = pick(dice, &changed)?;
            image.entries.insert(name.clone(), subject.earlier.entries[&name].clone());
            return Some(format!("{name}: as it was earlier"));
        }
    }
    Some(format!("{name}: {harm:?}"))
}
