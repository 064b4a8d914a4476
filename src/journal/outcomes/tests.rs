//! Logs that were damaged at random, made whole again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use zerocopy::IntoBytes;

use super::format::{Frame, LogFileHeader, log_name};
use super::{LogEntry, LogReader, Scan};
use ringfence_types::{Event, Outcome};

const ID: [u8; 16] = *b"0123456789abcdef";

/// What each frame of a log holds, with the bytes of the frame.
type Frames = Vec<(Vec<u64>, Vec<u8>)>;

fn outcome(sequence: u64) -> Outcome {
    Outcome { id: u128::from(sequence) * 7, timestamp: sequence, ..Outcome::default() }
}

/// Three files, the second behind a gap that is said, the third right behind the second.
fn write_log(dir: &Path, random: &mut Pcg64Mcg) -> Frames {
    let mut frames = Frames::new();
    let mut last_sequence = 0;
    for gap in [0, 10, 0] {
        let first_sequence = last_sequence + gap + 1;
        let mut file = LogFileHeader::new(ID, first_sequence, last_sequence).as_bytes().to_vec();
        last_sequence = first_sequence - 1;
        for _ in 0..random.random_range(1..12) {
            let mut frame = Frame::new();
            let sequences: Vec<u64> =
                (last_sequence + 1..).take(random.random_range(1..40)).collect();
            for &sequence in &sequences {
                if random.random_bool(0.1) {
                    frame.event(&Event { sequence, ..Event::default() });
                }
                frame.outcome(sequence, &outcome(sequence));
            }
            let start = file.len();
            frame.encode(&ID, random.random_bool(0.5), &mut file);
            last_sequence += sequences.len() as u64;
            frames.push((sequences, file[start..].to_vec()));
        }
        fs::write(dir.join(log_name(first_sequence)), file).unwrap();
    }
    frames
}

fn files(dir: &Path, end: &str) -> BTreeMap<String, Vec<u8>> {
    let names = fs::read_dir(dir).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    let named = names.filter(|name| name.ends_with(end));
    named.map(|name| (name.clone(), fs::read(dir.join(&name)).unwrap())).collect()
}

/// Does something to one of the files; what it was.
fn damage(dir: &Path, random: &mut Pcg64Mcg) -> &'static str {
    let names: Vec<String> = files(dir, ".outcomes").into_keys().collect();
    let name = &names[random.random_range(0..names.len())];
    let path = dir.join(name);
    let mut bytes = fs::read(&path).unwrap();
    let from = random.random_range(0..=bytes.len());
    let to = (from + random.random_range(0..600)).min(bytes.len());
    let what = match random.random_range(0..9) {
        0 if to > from => {
            bytes[from] ^= 1 << random.random_range(0..8);
            "a bit flipped"
        }
        1 => {
            bytes.drain(from..to);
            "bytes removed"
        }
        2 => {
            bytes.splice(from..from, (from..to).map(|byte| (byte * 31) as u8));
            "bytes put in"
        }
        3 => {
            bytes[from..to].fill(0);
            "zeroed"
        }
        4 => {
            bytes.truncate(from);
            "cut"
        }
        5 => {
            let copy = bytes[from..to].to_vec();
            let at = random.random_range(0..=bytes.len());
            bytes.splice(at..at, copy);
            "a part repeated"
        }
        6 => {
            fs::remove_file(&path).unwrap();
            return "a file removed";
        }
        7 => {
            let other = dir.join(&names[random.random_range(0..names.len())]);
            let theirs = fs::read(&other).unwrap();
            fs::write(&other, &bytes).unwrap();
            bytes = theirs;
            "two files exchanged"
        }
        _ => {
            let copy = dir.join(log_name(random.random_range(1..500)));
            if copy.exists() {
                return "nothing";
            }
            fs::write(copy, &bytes).unwrap();
            "a file copied"
        }
    };
    fs::write(&path, bytes).unwrap();
    what
}

fn read_all(dir: &Path) -> Vec<u64> {
    let mut reader = LogReader::open(dir, ID).unwrap();
    let mut sequences = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        if let LogEntry::Outcome(sequence, found) = entry {
            assert_eq!(found, outcome(sequence));
            sequences.push(sequence);
        }
    }
    sequences
}

#[test]
fn every_frame_that_is_still_there_is_kept_and_every_damaged_file_too() {
    for seed in 0..150 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let frames = write_log(dir, &mut random);
        let kinds: Vec<_> =
            (0..random.random_range(1..4)).map(|_| damage(dir, &mut random)).collect();
        let name = format!("seed {seed}: {kinds:?}");
        let damaged = files(dir, ".outcomes");
        let up_to = match random.random_range(0..3) {
            0 => random.random_range(1..300),
            _ => u64::MAX,
        };
        let is_there = |bytes: &[u8]| {
            damaged.values().any(|file| file.windows(bytes.len()).any(|it| it == bytes))
        };
        let there = frames.iter().filter(|(sequences, bytes)| {
            sequences[sequences.len() - 1] <= up_to && is_there(bytes)
        });
        let expected: Vec<u64> = there.flat_map(|(sequences, _)| sequences.clone()).collect();

        let mut notes = Vec::new();
        let scan = Scan::read(dir, ID).unwrap();
        scan.set_aside(up_to, |note| notes.push(note)).unwrap();
        assert_eq!(read_all(dir), expected, "{name}: {notes:#?}");
        let again = Scan::read(dir, ID).unwrap();
        assert!(again.first_fault().is_none(), "{name}: {:?}", again.first_fault());
        assert_eq!(again.held().last_sequence, expected.last().copied().unwrap_or(0), "{name}");
        // Nothing was lost: each file is what it was, but for the place it says it follows, or is
        // aside.
        let (now, aside) = (files(dir, ".outcomes"), files(dir, ".aside"));
        for (file, bytes) in &damaged {
            let is_kept = now.get(file).is_some_and(|it| it.get(64..) == bytes.get(64..));
            let is_aside = aside.get(&format!("{file}.aside")) == Some(bytes);
            let is_empty = bytes.len() <= 64;
            assert!(is_kept || is_aside || is_empty, "{name}: {file}");
        }
        // A second time there is nothing to do.
        again.set_aside(up_to, |note| panic!("{name}: {note}")).unwrap();
        assert_eq!(files(dir, ".outcomes"), now, "{name}");
    }
}

#[test]
fn a_file_that_is_set_aside_replaces_none() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    write_log(dir, &mut Pcg64Mcg::seed_from_u64(1));
    let path = dir.join(log_name(1));
    let aside = dir.join("00000000000000000001.outcomes.aside");
    fs::write(&aside, b"of an earlier day").unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, &bytes).unwrap();
    Scan::read(dir, ID).unwrap().set_aside(u64::MAX, |_| ()).unwrap();
    assert_eq!(fs::read(&aside).unwrap(), b"of an earlier day");
    assert_eq!(fs::read(aside.with_extension("aside.2")).unwrap(), bytes);
}
