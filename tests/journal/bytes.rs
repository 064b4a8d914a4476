//! A journal on a disk in memory, with every cut and every flipped byte.

use std::ops::Range;

use ringfence::journal::faulty::{FaultyDisk, Shuffled};
use ringfence::journal::{
    Access, Files as _, JournalError, OpenFile as _, Options, Recovered, Wanted, Writer,
    inspect_files, recover_files,
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

#[test]
fn every_byte_up_to_the_end_is_under_a_checksum() {
    let disk = FaultyDisk::new(1);
    let (recovered, mut contents) = recover_from(&disk, &OPTIONS).unwrap();
    let mut writer = writer_on(&disk, &recovered, OPTIONS, 1).unwrap();
    for length in [1, 2, 5] {
        let first = contents.last_sequence() + 1;
        let batch = contents.make_batch(length).to_vec();
        assert!(writer.append(first, &batch[..]).unwrap());
    }
    writer.close().unwrap();
    let name = "0000000001.journal";
    let mut bytes = vec![0; OPTIONS.segment_bytes as usize];
    disk.open(name, Access::Read).unwrap().read_at(0, &mut bytes).unwrap();
    let frames = forge::frames(&bytes);
    let last = frames.last().unwrap().clone();
    assert_eq!(frames.len(), 5, "rules, three batches and a closing frame");

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
            // The mark itself is durable, but nothing says so.
            let tail = result.unwrap().tail.unwrap();
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
