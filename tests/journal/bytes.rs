//! A journal on a disk in memory, with every cut and every flipped byte.

use std::ops::Range;

use ringfence::journal::faulty::{FaultyDisk, Plan, Restart, Shuffled};
use ringfence::journal::{
    Access, Fault, Files as _, JournalError, OpenFile as _, Options, Recovered, Repaired,
    WITNESS_NAME, Wanted, WitnessFound, Writer, inspect_files, read_witness, recover_files,
    repair_files,
};

use crate::forge;
use crate::support::*;

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

#[test]
fn a_tail_cut_at_any_byte_leaves_the_batches_before_it() {
    let disk = FaultyDisk::new(1);
    let (recovered, mut contents) = recover_from(&disk, &OPTIONS).unwrap();
    let mut writer = writer_on(&disk, &recovered, OPTIONS, 1).unwrap();
    // One group of three frames.
    let start = recovered.position.offset as usize;
    for length in [1, 1, 2] {
        append_at_once(&mut writer, &mut contents, length);
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
    for cut in (0..800).chain([4094, 4095, 4096]) {
        let disk = disk.copy();
        disk.damage("0000000001.journal", |bytes| bytes[start + cut..].fill(0));
        let (recovered, found) = recover_from(&disk, &OPTIONS).unwrap();
        let whole = ends.iter().filter(|&&end| end <= cut).count();
        assert!(found.batches == contents.batches[..whole], "cut at {cut}");
        // The last one says something of itself: both are there, or neither.
        let requests = &contents.requests[..usize::from(whole == 3)];
        assert_eq!(found.requests, requests, "cut at {cut}");

        // And the journal goes on from there.
        let mut again = found.clone();
        let mut writer = writer_on(&disk, &recovered, OPTIONS, 2).unwrap();
        append_at_once(&mut writer, &mut again, 3);
        writer.close().unwrap();
        let (recovered, after) = recover_from(&disk, &OPTIONS).unwrap();
        assert!(after.batches == again.batches, "cut at {cut}");
        assert_eq!(after.requests, again.requests, "cut at {cut}");
        assert_eq!(recovered.notes, [""; 0], "cut at {cut}");
    }
}

#[test]
fn every_byte_up_to_the_end_is_under_a_checksum() {
    let disk = FaultyDisk::new(1);
    let (recovered, mut contents) = recover_from(&disk, &OPTIONS).unwrap();
    let mut writer = writer_on(&disk, &recovered, OPTIONS, 1).unwrap();
    for length in [1, 2, 5] {
        append_at_once(&mut writer, &mut contents, length);
    }
    writer.close().unwrap();
    let name = "0000000001.journal";
    let mut bytes = vec![0; OPTIONS.segment_bytes as usize];
    disk.open(name, Access::Read).unwrap().read_at(0, &mut bytes).unwrap();
    let frames = forge::frames(&bytes);
    let last = frames.last().unwrap().clone();
    assert_eq!(frames.len(), 5, "rules, three batches and a closing frame");
    let kinds: Vec<u8> = frames.iter().map(|frame| bytes[frame.start + 47]).collect();
    assert_eq!(kinds, [1, 2, 2, 5, 3], "both kinds of batches");

    let (mut damaged, mut tails) = (0, 0);
    for at in 0..last.end {
        let is_padding = bytes[at..at + 64].iter().all(|&byte| byte == 0);
        // Long runs of zeros: every byte of them is like the next.
        if is_padding && at % 32 != 0 {
            continue;
        }
        let disk = disk.copy();
        disk.damage(name, |bytes| bytes[at] ^= 1 << (at % 8));
        let start = frames.iter().find(|frame| frame.contains(&at)).map_or(0, |frame| frame.start);
        let result = inspect_files(&disk, None, |_| ());
        if start == last.start {
            // Only the witness says that the mark itself was durable.
            match result {
                Err(JournalError::Damaged { offset, fault: Fault::EndsEarly { .. }, .. }) => {
                    assert_eq!(offset, start as u64, "byte {at}");
                }
                other => panic!("byte {at}: {other:?}"),
            }
            disk.remove(WITNESS_NAME).unwrap();
            let tail = inspect_files(&disk, None, |_| ()).unwrap().tail.unwrap();
            assert_eq!((tail.segment, tail.offset), (1, start as u64), "byte {at}");
            tails += 1;
            continue;
        }
        match result {
            Err(JournalError::Damaged { path, offset, .. }) => {
                assert_eq!((path, offset), (disk.path(name), start as u64), "byte {at}");
            }
            other => panic!("byte {at}: {other:?}"),
        }
        if at % 16 == 0 {
            let refused = recover_from(&disk, &OPTIONS).err().unwrap();
            assert!(matches!(refused, JournalError::Damaged { .. }), "byte {at}: {refused}");
        }
        damaged += 1;
    }
    assert!(damaged > 1_500 && tails > 64, "{damaged}, {tails}");
}

fn remove_segments_from(disk: &FaultyDisk, first: u32) {
    for name in (first..9).map(|number| format!("{number:010}.journal")) {
        if disk.names().unwrap().contains(&name) {
            disk.remove(&name).unwrap();
        }
    }
}

#[test]
fn a_repair_that_is_interrupted_says_the_same_when_it_is_begun_again() {
    let disk = FaultyDisk::new(3);
    let (recovered, mut contents) = recover_from(&disk, &OPTIONS).unwrap();
    let mut writer = writer_on(&disk, &recovered, OPTIONS, 1).unwrap();
    for length in [10, 8192, 8192, 8192, 8192, 5] {
        append(&mut writer, &mut contents, length);
    }
    writer.close().unwrap();
    let acknowledged = contents.last_sequence();
    type Harm = fn(&FaultyDisk, usize);
    //  name, what is done from a frame on
    let cases: [(&str, Harm); 3] = [
        ("a bit", |disk, at| disk.damage("0000000002.journal", |bytes| bytes[at + 100] ^= 1)),
        ("a bit, and no witness", |disk, at| {
            disk.damage("0000000002.journal", |bytes| bytes[at + 100] ^= 1);
            disk.remove(WITNESS_NAME).unwrap();
        }),
        ("zeros to the end", |disk, at| {
            disk.damage("0000000002.journal", |bytes| bytes[at..].fill(0));
            remove_segments_from(disk, 3);
        }),
    ];
    let mut interrupted = 0;
    for (what, harm) in cases {
        let harmed = disk.copy();
        let mut bytes = vec![0; OPTIONS.segment_bytes as usize];
        let file = harmed.open("0000000002.journal", Access::Read).unwrap();
        file.read_at(0, &mut bytes).unwrap();
        harm(&harmed, forge::frames(&bytes)[0].start);
        let whole = repair_files(&harmed.copy().buffered(), None).unwrap();
        assert!(whole.last_sequence < acknowledged, "{what}: {whole:?}");
        assert_eq!(whole.acknowledged_sequence, acknowledged, "{what}: {whole:?}");
        for call in 1.. {
            let disk = harmed.copy();
            disk.plan(Plan { crash_at: Some(call), ..Plan::default() });
            let first = repair_files(&disk.buffered(), None);
            let how = if call % 3 == 0 { Restart::Killed } else { Restart::PowerCut };
            disk.restart(how, Plan::default());
            if first.is_ok() {
                break;
            }
            interrupted += 1;
            let again = repair_files(&disk.buffered(), None);
            let again = again.unwrap_or_else(|error| panic!("{what}, call {call}: {error}"));
            let says = |it: &Repaired| (it.last_sequence, it.acknowledged_sequence);
            assert_eq!(says(&again), says(&whole), "{what}, call {call}");
            let (_, found) = recover_from(&disk, &OPTIONS).unwrap();
            assert_eq!(found.last_sequence(), whole.last_sequence, "{what}, call {call}");
        }
    }
    assert!(interrupted > 60, "{interrupted}");
}

/// A journal of two segments with 60 commands, closed; the frame behind 30 of them is damaged.
fn damaged_behind_30() -> FaultyDisk {
    let disk = FaultyDisk::new(3);
    let (recovered, mut contents) = recover_from(&disk, &OPTIONS).unwrap();
    let mut writer = writer_on(&disk, &recovered, OPTIONS, 1).unwrap();
    for length in [10, 20, 30] {
        append_at_once(&mut writer, &mut contents, length);
        while writer.poll().unwrap() < contents.last_sequence() {
            writer.wait();
        }
    }
    writer.close().unwrap();
    disk.damage("0000000001.journal", |bytes| {
        let third = forge::frames(bytes)[3].start;
        bytes[third + 64] ^= 1;
    });
    disk
}

#[test]
fn what_an_interrupted_repair_gave_up_is_said_whatever_is_damaged_before_it_is_begun_again() {
    let harmed = damaged_behind_30();
    let (mut given_up_before, mut done) = (0, 0);
    for call in 1.. {
        let disk = harmed.copy();
        disk.plan(Plan { crash_at: Some(call), ..Plan::default() });
        if repair_files(&disk.buffered(), None).is_ok() {
            break;
        }
        disk.restart(Restart::Killed, Plan::default());
        // Its last step was taken: it differs from one that came to say it by nothing on the disk.
        if let WitnessFound::Says(witness, _) = read_witness(&disk.steady()).unwrap()
            && witness.epoch > 0
        {
            done += 1;
            continue;
        }
        // The segment that was made ahead, whose header nobody can read now.
        disk.damage("0000000002.journal", |bytes| bytes[0] ^= 1);
        let again = repair_files(&disk.buffered(), None).unwrap();
        let says = (again.last_sequence, again.acknowledged_sequence);
        assert_eq!(says, (30, 60), "call {call}: {again:?}");
        // It is cut as well, and where that is all, the first repair had given up the rest.
        given_up_before += usize::from(again.cuts.len() == 1);
    }
    assert!(given_up_before > 0, "no repair was interrupted late enough");
    assert!(done <= 1, "{done}: the last step is one write");
}

#[test]
fn a_repair_under_the_lock_of_another_journal_is_refused_and_changes_nothing() {
    let disk = damaged_behind_30();
    let other = FaultyDisk::new(4);
    let (recovered, _) = recover_from(&other, &OPTIONS).unwrap();
    writer_on(&other, &recovered, OPTIONS, 1).unwrap().close().unwrap();
    let theirs = other.bytes(WITNESS_NAME).unwrap();
    // What stands in the lock is a slot of a witness.
    disk.replace("lock", &theirs[..4096]);
    for witness in [None, Some(&theirs)] {
        if let Some(witness) = witness {
            disk.replace(WITNESS_NAME, witness);
        }
        let names = disk.steady().names().unwrap();
        let before: Vec<_> = names.iter().map(|name| disk.bytes(name)).collect();
        // So that a repair without end is one that fails.
        disk.plan(Plan { crash_at: Some(5_000), ..Plan::default() });
        let refused = repair_files(&disk.buffered(), None).unwrap_err();
        assert!(refused.to_string().contains("lock"), "{refused}");
        assert!(!disk.has_failed(), "it ends by itself");
        assert_eq!(disk.steady().names().unwrap(), names);
        assert!(names.iter().map(|name| disk.bytes(name)).collect::<Vec<_>>() == before);
    }
}

#[test]
fn what_an_earlier_epoch_called_durable_proves_nothing_beyond_the_cut() {
    let disk = FaultyDisk::new(3);
    let (recovered, mut contents) = recover_from(&disk, &OPTIONS).unwrap();
    let mut writer = writer_on(&disk, &recovered, OPTIONS, 1).unwrap();
    for length in [10, 20, 30, 40] {
        append_at_once(&mut writer, &mut contents, length);
        while writer.poll().unwrap() < contents.last_sequence() {
            writer.wait();
        }
    }
    writer.close().unwrap();
    let name = "0000000001.journal";
    let content = |disk: &FaultyDisk, name: &str| {
        let file = disk.open(name, Access::Read).unwrap();
        let mut bytes = vec![0; file.length_bytes().unwrap() as usize];
        file.read_at(0, &mut bytes).unwrap();
        bytes
    };
    let (old, old_witness) = (content(&disk, name), content(&disk, WITNESS_NAME));
    let third = forge::frames(&old)[3].clone();
    disk.damage(name, |bytes| bytes[third.start + 64] ^= 1);
    let repaired = repair_files(&disk.buffered(), None).unwrap();
    assert_eq!((repaired.last_sequence, repaired.acknowledged_sequence), (30, 100));
    // The old witness, and old frames behind the end, as if the system had brought them back.
    disk.damage(WITNESS_NAME, |bytes| bytes.copy_from_slice(&old_witness));
    disk.damage(name, |bytes| {
        let end = forge::frames(bytes).pop().unwrap().end;
        bytes[end..].copy_from_slice(&old[end..]);
    });
    let (recovered, found) = recover_from(&disk, &OPTIONS).unwrap();
    assert_eq!(found.last_sequence(), 30);
    assert_eq!(recovered.notes.len(), 1, "a tail: {:?}", recovered.notes);
    // A second repair begins a third epoch, where the journal goes on under the second one.
    let mut contents = found;
    let mut writer = writer_on(&disk, &recovered, OPTIONS, 2).unwrap();
    append_at_once(&mut writer, &mut contents, 5);
    writer.close().unwrap();
    let bytes = content(&disk, name);
    let last = forge::frames(&bytes).pop().unwrap().start;
    disk.damage(name, |bytes| bytes[last - 4096..last].fill(0));
    let repaired = repair_files(&disk.buffered(), None).unwrap();
    assert_eq!((repaired.last_sequence, repaired.acknowledged_sequence), (30, 35));
    let (recovered, _) = recover_from(&disk, &OPTIONS).unwrap();
    assert_eq!((recovered.last_sequence, recovered.position.epoch), (30, 2));
}
