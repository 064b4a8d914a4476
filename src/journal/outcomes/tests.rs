//! Logs that were damaged at random, made whole again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use zerocopy::{FromZeros, IntoBytes};

use super::format::{LogFileHeader, LogFrameHeader, log_name};
use super::{Frame, Keep, Log, LogEntry, LogReader, Scan};
use ringfence_types::{Event, Origin, Outcome, Request};

const ID: [u8; 16] = *b"0123456789abcdef";

/// What each frame of a log holds, with the bytes of the frame.
type Frames = Vec<(Vec<u64>, Vec<u8>)>;

fn outcome(sequence: u64) -> Outcome {
    Outcome { id: u128::from(sequence) * 7, timestamp: sequence, ..Outcome::default() }
}

/// The batch of the command `sequence`, if it has an origin: of three batches two have one.
fn origin(sequence: u64) -> Option<Origin> {
    const COMMANDS: u32 = 7;
    let batch = (sequence - 1) / u64::from(COMMANDS);
    let request = Request { session: 5, tag: 0, number: batch, ..Request::NONE };
    let first_sequence = batch * u64::from(COMMANDS) + 1;
    let origin = Origin { request, first_sequence, commands: COMMANDS, op: 6, ..Origin::default() };
    (!batch.is_multiple_of(3)).then_some(origin)
}

/// Adds the origin of the batch that begins with the command `sequence`, if it has one.
fn begin_batch(frame: &mut Frame, sequence: u64) {
    if let Some(origin) = origin(sequence).filter(|it| it.first_sequence == sequence) {
        frame.origin(&origin);
    }
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
            let within = origin(last_sequence + 1).filter(|it| it.first_sequence <= last_sequence);
            if let Some(origin) = within {
                frame.begin_within(&origin);
            }
            for &sequence in &sequences {
                begin_batch(&mut frame, sequence);
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
    let mut last = None;
    while let Some(entry) = reader.next_entry().unwrap() {
        match entry {
            LogEntry::Origin(origin) => {
                assert_ne!(last.replace(origin), last, "it is said once");
            }
            LogEntry::Outcome(sequence, found) => {
                assert_eq!(found, outcome(sequence));
                // Whatever is missing before: whose each outcome is, is known.
                assert_eq!(last.filter(|it| it.last_sequence() >= sequence), origin(sequence));
                sequences.push(sequence);
            }
            LogEntry::Event(_) => {}
        }
    }
    sequences
}

#[test]
fn an_origin_is_read_once_before_its_batch_and_again_by_who_begins_within_it() {
    // Where the frames end: before a batch, within it, within it once more, at its end.
    let ends = [7, 9, 12, 14];
    let frames = |first: usize| {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::new(folder.path(), ID);
        let mut frame = Frame::new();
        let mut next = 1;
        for (number, end) in ends.into_iter().enumerate() {
            for sequence in next..=end {
                begin_batch(&mut frame, sequence);
                frame.event(&Event { sequence, ..Event::default() });
                frame.outcome(sequence, &outcome(sequence));
            }
            if number == 0 {
                // This frame is full right behind the origin of the batch that follows.
                begin_batch(&mut frame, end + 1);
            }
            let unfinished = frame.unfinished();
            if number >= first {
                log.append(&frame).unwrap();
            }
            frame.clear();
            unfinished.inspect(|origin| frame.begin_within(origin));
            next = end + 1;
        }
        let mut reader = LogReader::open(folder.path(), ID).unwrap();
        std::iter::from_fn(move || reader.next_entry().unwrap()).collect::<Vec<_>>()
    };
    let expected = |from: u64| {
        let mut entries = Vec::new();
        for sequence in from..=14 {
            let begins = |it: &Origin| it.first_sequence == sequence || sequence == from;
            entries.extend(origin(sequence).filter(begins).map(LogEntry::Origin));
            entries.push(LogEntry::Event(Event { sequence, ..Event::default() }));
            entries.push(LogEntry::Outcome(sequence, outcome(sequence)));
        }
        entries
    };
    for (first, from) in [(0, 1), (1, 8), (2, 10), (3, 13)] {
        assert_eq!(frames(first), expected(from), "from frame {first} on");
    }
}

#[test]
fn of_older_files_the_ends_are_read_and_all_of_them_where_something_is_wrong_there() {
    for seed in 0..20 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        write_log(dir, &mut random);
        let names: Vec<String> = files(dir, ".outcomes").into_keys().collect();
        let whole = Scan::read(dir, ID).unwrap().held();
        let quick = || Scan::read_newest(dir, ID, 1).unwrap();
        assert_eq!(quick().held(), whole, "seed {seed}");
        assert!(quick().first_fault().is_none(), "seed {seed}");
        let path = dir.join(&names[0]);
        let good = fs::read(&path).unwrap();
        let damaged = |at: usize, bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            let fault = quick().first_fault();
            assert_eq!(quick().held(), Scan::read(dir, ID).unwrap().held(), "seed {seed}");
            fault
        };
        // In its header, in its last frame; with that cut off.
        assert!(damaged(20, &good).is_some(), "seed {seed}");
        assert!(damaged(good.len() - 1, &good).is_some(), "seed {seed}");
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert!(quick().first_fault().is_some(), "seed {seed}");
        // A file between two others that is missing is missed.
        fs::write(&path, &good).unwrap();
        fs::remove_file(dir.join(&names[1])).unwrap();
        assert!(quick().first_fault().is_some(), "seed {seed}");
    }
}

#[test]
fn frames_of_another_version_are_not_taken_for_frames_of_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(log_name(1));
    // Format 1: no origins, and no version in the checksum.
    let mut file = LogFileHeader::new(ID, 1, 0);
    file.version = 1;
    file.checksum = 0;
    file.checksum = crc32c::crc32c(file.as_bytes());
    let mut frame = LogFrameHeader::new_zeroed();
    (frame.outcomes, frame.first_sequence, frame.is_final) = (1, 1, 1);
    let payload = outcome(1);
    let sum = crc32c::crc32c_append(crc32c::crc32c(&ID), &frame.as_bytes()[4..]);
    frame.checksum = crc32c::crc32c_append(sum, payload.as_bytes());
    let bytes = [file.as_bytes(), frame.as_bytes(), payload.as_bytes()].concat();
    fs::write(&path, &bytes).unwrap();

    let scan = Scan::read(folder.path(), ID).unwrap();
    let fault = scan.first_fault().unwrap().to_string();
    assert!(fault.ends_with("at byte 0: version 1 of the format, expected 2"), "{fault}");
    assert_eq!(scan.held().last_sequence, 0);
    let mut notes = Vec::new();
    Log::go_on(&scan, 0, |note| notes.push(note)).unwrap();
    assert!(notes[0].contains("set aside as"), "{notes:?}");
    assert!(!path.exists());
    assert_eq!(files(folder.path(), ".aside").into_values().next(), Some(bytes));
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

#[test]
fn an_outcome_and_its_events_are_in_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::new(folder.path(), ID);
    log.set_keep(Some(Keep::Bytes(16)));
    let frame = |outcomes: &[u64], events: &[u64]| {
        let mut frame = Frame::new();
        outcomes.iter().for_each(|&sequence| frame.outcome(sequence, &outcome(sequence)));
        for &sequence in events {
            frame.event(&Event { sequence, number: 1, ..Event::default() });
        }
        frame
    };
    //  outcomes     events that wait for the next outcome    the file that it goes to
    let frames: [(&[u64], &[u64], u64); 5] =
        [(&[1, 2], &[], 1), (&[3], &[4], 3), (&[], &[4, 4], 3), (&[4, 5], &[], 3), (&[6], &[], 6)];
    for (outcomes, events, file) in frames {
        log.append(&frame(outcomes, events)).unwrap();
        assert_eq!(log.newest_file(), file, "{outcomes:?} {events:?}");
    }
    assert_eq!(read_all(folder.path()), [1, 2, 3, 4, 5, 6]);
}
