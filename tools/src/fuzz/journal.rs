//! Segments of a journal.
//!
//! ```text
//!   input    [ mode │ split 2 │ segment header 64 │ frames … ]
//!   disk     0000000001.journal: header block, frames up to the split, zeros
//!            0000000002.journal: the same header with number 2, the other frames (with the switch)
//! ```
//!
//! # Invariants, checked for each input
//!
//! * A reader and `journal verify` see the same batches, the same tail and the same damage.
//! * Batches come in a gapless order of sequences, at increasing timestamps, and can be shown.

use ringfence::codec::text::encode_commands_with_sequence;
use ringfence::journal::format::{
    BLOCK_BYTES, FRAME_HEADER_BYTES, FrameHeader, FrameKind, RequestRecord, SEGMENT_HEADER_BYTES,
    SegmentHeader,
};
use ringfence::journal::{Entry, JournalError, Reader, SEGMENT_BYTES_MIN, Tail, inspect_files};
use ringfence::types::{BATCH_COMMANDS_MAX, Capacities, Command, Request, Rules};
use ringfence_journal::faulty::FaultyDisk;
use zerocopy::{FromBytes, IntoBytes};

use super::Mode;
use super::wire::batches_of_each_op;

/// Bytes of the input before the segment's header, behind the mode.
const SPLIT_BYTES: usize = 2;
/// Bytes of a segment's header without the zeros behind it.
const HEADER_BYTES: usize = size_of::<SegmentHeader>();

/// What was found in a journal.
#[derive(Debug, PartialEq, Eq, Default)]
struct Found {
    batches: u64,
    last_sequence: u64,
    tail: Option<Tail>,
}

/// One or two segments.
pub fn run(input: &[u8]) {
    let Some((mode, bytes)) = Mode::split(input) else { return };
    let Some(segments) = Segments::of(mode, bytes) else { return };
    let disk = segments.disk().steady();
    let read = read(&disk);
    let inspected = inspect_files(&disk, None, |_| {}).map(|summary| Found {
        batches: summary.batches,
        last_sequence: summary.last_sequence,
        tail: summary.tail,
    });
    let shown = |error: JournalError| error.to_string();
    assert_eq!(read.map_err(shown), inspected.map_err(shown), "reader, and verify");
}

fn read(disk: &FaultyDisk) -> Result<Found, JournalError> {
    let mut reader = Reader::open_to_end(disk, None, None)?;
    let (mut last_sequence, mut last_timestamp) = (0, 0);
    let mut line = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        let Entry::Batch { request, first_sequence, first_timestamp, commands } = entry else {
            continue;
        };
        assert!((1..=BATCH_COMMANDS_MAX).contains(&commands.len()));
        assert_eq!(first_sequence, last_sequence + 1, "no sequence is left out");
        assert!(first_timestamp > last_timestamp, "time goes on");
        assert!(request.is_consistent());
        last_sequence += commands.len() as u64;
        last_timestamp = commands[commands.len() - 1].header.timestamp;
        assert_eq!(last_timestamp, first_timestamp + commands.len() as u64 - 1);
        encode_commands_with_sequence(first_sequence, &request, commands, &mut line);
        line.clear();
    }
    assert_eq!(reader.last_sequence(), last_sequence);
    let (batches, tail) = (reader.batches(), reader.tail().cloned());
    Ok(Found { batches, last_sequence, tail })
}

/// Segments in memory.
struct Segments {
    header: SegmentHeader,
    /// The frames of each.
    frames: Vec<Vec<u8>>,
    mends: bool,
}

impl Segments {
    fn of(mode: Mode, bytes: &[u8]) -> Option<Segments> {
        let (split, rest) = bytes.split_first_chunk::<SPLIT_BYTES>()?;
        let (header, frames) = SegmentHeader::read_from_prefix(rest).ok()?;
        let split = usize::from(u16::from_le_bytes(*split)) * FRAME_HEADER_BYTES;
        let frames = if mode.switch() {
            let (first, second) = frames.split_at(split.min(frames.len()));
            vec![first.to_vec(), second.to_vec()]
        } else {
            vec![frames.to_vec()]
        };
        Some(Segments { header, frames, mends: mode.mends() })
    }

    /// A disk with these segments.
    fn disk(self) -> FaultyDisk {
        let disk = FaultyDisk::new(0).buffered();
        let Segments { header, frames, mends } = self;
        let mut previous_checksum = None;
        for (number, mut frames) in (1..).zip(frames) {
            let header = SegmentHeader { segment: number, ..header };
            let mut bytes = vec![0; SEGMENT_HEADER_BYTES];
            if mends {
                header.write(&mut bytes);
                let checksum = u32::from_le_bytes(bytes[12..16].try_into().expect("four bytes"));
                let previous = previous_checksum.unwrap_or(checksum);
                previous_checksum = Some(mend(&mut frames, header.frame_seed(), previous));
            } else {
                bytes[..HEADER_BYTES].copy_from_slice(header.as_bytes());
            }
            bytes.extend_from_slice(&frames);
            // As long as the header says, where that is a length that a test can have.
            let stated = usize::try_from(header.segment_bytes).unwrap_or(usize::MAX);
            if (bytes.len()..=2 * SEGMENT_BYTES_MIN as usize).contains(&stated) {
                bytes.resize(stated, 0);
            }
            disk.replace(&format!("{number:010}.journal"), &bytes);
        }
        disk
    }
}

/// Gives frames their place, what they say of the frame before, and their checksums, as far as
/// their lengths lead. Returns the checksum of the last.
fn mend(frames: &mut [u8], seed: u32, mut previous: u32) -> u32 {
    let (mut rest, mut offset) = (frames, SEGMENT_HEADER_BYTES);
    while let Ok((mut header, _)) = FrameHeader::read_from_prefix(rest) {
        if header.as_bytes().iter().all(|&byte| byte == 0) {
            break;
        }
        let room = rest.len() / FRAME_HEADER_BYTES;
        if !(1..=room).contains(&usize::from(header.length_steps)) {
            header.length_steps = room.min(usize::from(u16::MAX)) as u16;
        }
        let (frame, behind) = rest.split_at_mut(header.length_bytes());
        header.offset_steps = (offset / FRAME_HEADER_BYTES) as u32;
        header.previous_checksum = previous;
        header.payload_checksum = crc32c::crc32c_append(seed, &frame[FRAME_HEADER_BYTES..]);
        header.checksum = header.sum(seed);
        frame[..FRAME_HEADER_BYTES].copy_from_slice(header.as_bytes());
        previous = header.checksum;
        offset += header.length_bytes();
        rest = behind;
    }
    previous
}

/// Appends one frame; the rest of it is mended when it is read.
fn push(frames: &mut Vec<u8>, kind: FrameKind, sequence: u64, head: &[u8], batch: &[Command]) {
    let payload_bytes = head.len() + batch.iter().map(|it| it.body.as_bytes().len()).sum::<usize>();
    let length = (FRAME_HEADER_BYTES + payload_bytes).next_multiple_of(FRAME_HEADER_BYTES);
    let header = FrameHeader {
        checksum: 0,
        payload_checksum: 0,
        first_sequence: sequence,
        durable_sequence: sequence - 1,
        first_timestamp: sequence * 100,
        length_steps: (length / FRAME_HEADER_BYTES) as u16,
        epoch: 0,
        offset_steps: 0,
        previous_checksum: 0,
        count: batch.len() as u16,
        op: batch.first().map_or(0, |command| command.header.op),
        kind: kind as u8,
        seal: [0; 16],
    };
    let start = frames.len();
    frames.extend_from_slice(header.as_bytes());
    frames.extend_from_slice(head);
    batch.iter().for_each(|command| frames.extend_from_slice(command.body.as_bytes()));
    frames.resize(start + length, 0);
}

/// The bytes of an input: a segment's header, and frames.
fn input(mode: u8, split: usize, frames: &[u8]) -> Vec<u8> {
    let header = SegmentHeader::new([7; 16], 1, SEGMENT_BYTES_MIN, None);
    let split = (split / FRAME_HEADER_BYTES) as u16;
    [&[mode], &split.to_le_bytes()[..], header.as_bytes(), frames].concat()
}

/// Journals with every kind of frame and every operation, in one segment and in two.
#[must_use]
pub fn corpus() -> Vec<(String, Vec<u8>)> {
    let capacities = Capacities { accounts: 8, transfers: 8, policies: 8, markets: 2, orders: 8 };
    let rules = Rules::new(capacities, [1, 2]);
    let mut begun = Vec::new();
    push(&mut begun, FrameKind::Rules, 1, rules.as_bytes(), &[]);
    let mut corpus = Vec::new();
    for batch in batches_of_each_op() {
        let mut frames = begun.clone();
        push(&mut frames, FrameKind::Batch, 1, &[], &batch);
        let next = 1 + batch.len() as u64;
        let request = Request { session: 5, tag: 6, number: 7, reserved: 0 };
        let record = RequestRecord { request, reserved: [0; 2] };
        push(&mut frames, FrameKind::Request, next, record.as_bytes(), &batch);
        push(&mut frames, FrameKind::Mark, next + batch.len() as u64, &[], &[]);
        corpus.push((batch[0].op().name().to_owned(), input(Mode::MENDS.byte(), 0, &frames)));
    }
    let lookup = &batches_of_each_op()[2][..1];
    let mut frames = begun;
    push(&mut frames, FrameKind::Batch, 1, &[], lookup);
    push(&mut frames, FrameKind::End, 2, &[], &[]);
    // What is written at once is padded to a block.
    let header = frames.len() - FRAME_HEADER_BYTES;
    let split = frames.len().next_multiple_of(BLOCK_BYTES);
    let padded = (split - header) / FRAME_HEADER_BYTES;
    frames[header + 32..header + 34].copy_from_slice(&(padded as u16).to_le_bytes());
    frames.resize(split, 0);
    push(&mut frames, FrameKind::Batch, 2, &[], lookup);
    corpus.push(("two_segments".to_owned(), input(3, split, &frames)));
    corpus
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journals_of_the_corpus_are_whole() {
        for (name, input) in corpus() {
            let (mode, bytes) = Mode::split(&input).unwrap();
            let disk = Segments::of(mode, bytes).unwrap().disk().steady();
            let found = read(&disk).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((found.batches, found.tail), (2, None), "{name}");
        }
    }
}
