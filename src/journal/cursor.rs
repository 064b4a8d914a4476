//! Goes through a journal frame by frame, and tells a tail from damage where it ends.
//!
//! ```text
//!   frame ✓ │ frame ✓ │ frame ✗ │ ? ? frame ✓ (durable up to 7) ? │ zeros …
//!                       ▲ first fault: the next sequence would be n
//!                         highest durable mark of all good frames, before and after, is m
//!                         n ≤ m: n was durable and is not there, so this is damage
//!                         n > m: nobody can have seen n acknowledged, so this is tail
//! ```
//!
//! # Invariants
//!
//! * Changes nothing on disk.
//! * Nothing is skipped: what is given out is a gapless chain from the journal's first frame.

use std::collections::VecDeque;
use std::fmt;

use zerocopy::{FromBytes, IntoBytes};

use super::error::{Fault, JournalError};
use super::files::{Access, Files, OpenFile as _};
use super::format::{
    BLOCK_BYTES, FRAME_HEADER_BYTES, FrameHeader, FrameKind, SEGMENT_HEADER_BYTES, SegmentHeader,
    segment_name, segment_of_name,
};
use super::seal::{Key, Seal, Seals};
use super::sliding::Sliding;
use super::snapshot::{Snapshot, snapshots};
use super::writer::Position;
use ringfence_types::{BATCH_COMMANDS_MAX, Body, Command, Header, Rules, TIMESTAMP_MAX};

/// One thing that a journal holds, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Rules that hold from here on.
    Rules(Rules),
    /// One batch, as it entered the ring; sessions are 0.
    Batch {
        /// Sequence of the first command.
        first_sequence: u64,
        /// Timestamp of the first command, in nanoseconds.
        first_timestamp: u64,
        /// The commands, 1 to [`ringfence_types::BATCH_COMMANDS_MAX`].
        commands: &'a [Command],
    },
    /// A closing frame: everything before it was durable.
    Mark {
        /// Sequence of the last command before.
        durable_sequence: u64,
    },
}

/// What stands behind the last good frame without any of it being acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// The segment in which it begins.
    pub segment: u32,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Bytes from there to the last that is not zero, over all segments.
    pub bytes: u64,
    /// What is wrong with its first bytes.
    pub fault: Fault,
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes that were never acknowledged: {} at byte {}: {}",
            self.bytes,
            segment_name(self.segment),
            self.offset,
            self.fault
        )
    }
}

/// A frame that no mark calls durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unmarked {
    pub segment: u32,
    pub offset: u64,
    /// What is durable no sooner than the frame: its last command, or without one the next.
    pub sequence: u64,
}

/// A place behind a batch that was durable, from where a journal can be read on without what came
/// before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// Identity of the journal.
    pub journal_id: [u8; 16],
    /// Sequence of the last command of the batch.
    pub last_sequence: u64,
    /// The engine's timestamp of that command, in nanoseconds.
    pub last_timestamp: u64,
    /// The segment that the batch stands in, by its number.
    pub segment: u32,
    /// Checksum of the batch's frame.
    pub frame_checksum: u32,
    /// Where the batch's frame begins in its segment, in bytes.
    pub frame_offset: u64,
    /// The keyed seal of that frame.
    pub seal: [u8; 16],
    /// The rules that held for the batch.
    pub rules: Rules,
}

/// Where a walk begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start<'a> {
    /// With the journal's first frame: no segment may be missing.
    Beginning,
    /// Behind a batch: segments before that of the batch are not looked at.
    After(&'a Anchor),
    /// With the first segment that is there, if a snapshot covers those before it: what stands before
    /// its first frame is taken on trust.
    FirstKept,
}

/// What stands where a journal ends, at the walk's position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub tail: Option<Tail>,
}

/// What a look at the bytes from a place on found.
struct Survey {
    highest_mark: u64,
    has_frames: bool,
    first_nonzero: Option<(u32, u64)>,
    nonzero_bytes: u64,
}

/// A pass through the segments of a journal.
pub(super) struct Walk<F: Files> {
    files: F,
    key: Option<Key>,
    /// All segments from the first that is read on, with their headers, without a gap.
    segments: Vec<SegmentHeader>,
    index: usize,
    /// Whether segments that nobody writes to any more are shown in memory.
    maps_sealed: bool,
    sliding: Sliding<F::File>,
    offset: u64,
    current: Option<FrameHeader>,
    commands: Vec<Command>,
    /// The last batch.
    anchor: Option<Anchor>,
    /// What comes before the next frame is not known.
    is_unanchored: bool,
    /// Checksum of the last frame.
    pub previous_checksum: u32,
    /// Seal of the last frame.
    pub previous_seal: Seal,
    pub last_sequence: u64,
    pub last_timestamp: u64,
    pub rules: Option<Rules>,
    /// Highest sequence that any good frame so far says is durable; after damage was found, any good
    /// frame at all.
    pub highest_mark: u64,
    /// Where the last segment ended, before the frame that says so.
    pub before_end: Option<Position>,
    /// Frames so far that no mark calls durable, in order.
    pub unmarked: VecDeque<Unmarked>,
    pub end: Option<End>,
}

impl<F: Files> Walk<F> {
    /// Checks that the segments are there and are what they should be, and stands at `start`. With a key,
    /// seals are checked too; without one those of a keyed journal are passed over.
    pub fn open(files: &F, start: Start<'_>, key: Option<Key>) -> Result<Walk<F>, JournalError> {
        match read_headers(files, start, key.as_ref(), check_length)? {
            (_, Some(damage)) => Err(damage),
            (segments, None) => Walk::through(files, start, key, segments),
        }
    }

    /// As [`Walk::open`], but where a segment after the first is damaged, stands before the first frame
    /// of the segments before it, with the damage. Lengths are not looked at.
    pub fn open_up_to_damage(
        files: &F,
        start: Start<'_>,
        key: Option<Key>,
    ) -> Result<(Walk<F>, Option<JournalError>), JournalError> {
        let (segments, damage) = read_headers(files, start, key.as_ref(), |_, _| Ok(()))?;
        match (segments.is_empty(), damage) {
            (true, Some(damage)) => Err(damage),
            (_, damage) => Ok((Walk::through(files, start, key, segments)?, damage)),
        }
    }

    fn through(
        files: &F,
        start: Start<'_>,
        key: Option<Key>,
        segments: Vec<SegmentHeader>,
    ) -> Result<Walk<F>, JournalError> {
        let first = segments[0];
        let file = files.open(&segment_name(first.segment), Access::Read)?;
        let mut walk = Walk {
            files: files.clone(),
            key,
            segments,
            index: 0,
            maps_sealed: false,
            sliding: Sliding::new(file),
            offset: SEGMENT_HEADER_BYTES as u64,
            current: None,
            commands: Vec::with_capacity(BATCH_COMMANDS_MAX),
            anchor: None,
            is_unanchored: first.segment > 1,
            previous_checksum: first.checksum,
            previous_seal: first.seal,
            last_sequence: 0,
            last_timestamp: 0,
            rules: None,
            highest_mark: 0,
            before_end: None,
            unmarked: VecDeque::new(),
            end: None,
        };
        if let Start::After(anchor) = start {
            walk.go_behind(anchor)?;
        }
        Ok(walk)
    }

    /// Stands behind the batch of `anchor`, if it is there.
    fn go_behind(&mut self, anchor: &Anchor) -> Result<(), JournalError> {
        let segment = *self.segment();
        let (seed, offset) = (segment.frame_seed(), anchor.frame_offset);
        let room = segment.segment_bytes.saturating_sub(offset);
        let step = self.sliding.bytes(offset, FRAME_HEADER_BYTES)?;
        let found = FrameHeader::read(step, offset, room, seed).and_then(|header| {
            if header.checksum != anchor.frame_checksum {
                let expected = anchor.frame_checksum;
                return Err(Fault::Snapshot { expected, found: header.checksum });
            }
            Ok(header)
        });
        let header = found.map_err(|fault| damaged(&self.files, segment.segment, offset, fault))?;
        // Durable, or it would not have become part of a snapshot.
        self.highest_mark = anchor.last_sequence;
        self.last_sequence = anchor.last_sequence;
        self.last_timestamp = anchor.last_timestamp;
        self.rules = Some(anchor.rules);
        self.previous_checksum = header.checksum;
        self.previous_seal = header.seal;
        self.offset = offset + u64::from(header.length_bytes);
        self.anchor = Some(*anchor);
        self.is_unanchored = false;
        Ok(())
    }

    /// The last batch that the walk has gone past, if there was one.
    pub fn anchor(&self) -> Option<&Anchor> {
        self.anchor.as_ref()
    }

    /// Where a writer would go on if the journal ended here.
    pub fn position(&self) -> Position {
        let segment = self.segment();
        let next = self.segments.get(self.index + 1);
        Position {
            journal_id: segment.journal_id,
            segment: segment.segment,
            segment_bytes: segment.segment_bytes,
            offset: self.offset,
            previous_checksum: self.previous_checksum,
            previous_seal: self.previous_seal,
            last_sequence: self.last_sequence,
            last_timestamp: self.last_timestamp,
            marked_sequence: self.highest_mark,
            next_segment_bytes: next.map(|header| header.segment_bytes),
        }
    }

    /// Whether there are seals, and whether they are checked.
    pub fn seals(&self) -> Seals {
        match (self.segments[0].is_keyed, &self.key) {
            (0, _) => Seals::None,
            (_, None) => Seals::Unchecked,
            (_, Some(_)) => Seals::Checked,
        }
    }

    /// Length of the frame that the walk stands behind, in bytes; 0 if there is none.
    pub fn frame_bytes(&self) -> u64 {
        self.current.map_or(0, |header| header.length_bytes.into())
    }

    /// The segment that is being read.
    pub fn segment(&self) -> &SegmentHeader {
        &self.segments[self.index]
    }

    /// All segments.
    pub fn segments(&self) -> &[SegmentHeader] {
        &self.segments
    }

    /// Goes on by one frame; its kind. `None` at the end, which is then known.
    pub fn advance(&mut self) -> Result<Option<FrameKind>, JournalError> {
        self.current = None;
        if self.end.is_some() {
            return Ok(None);
        }
        let header = match self.read_frame()? {
            Ok(header) => header,
            Err(fault) => match self.stop_at(fault)? {
                Some(header) => header,
                None => return Ok(None),
            },
        };
        let kind = header.kind().expect("the kind was checked");
        if kind == FrameKind::End {
            self.before_end = Some(self.position());
        }
        let bytes = self.sliding.bytes(self.offset, header.length_bytes as usize)?;
        let payload = &bytes[FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + header.payload_bytes()];
        match kind {
            FrameKind::Rules => {
                let rules = Rules::read_from_bytes(payload).expect("the length was checked");
                self.rules = Some(rules);
            }
            FrameKind::Batch => {
                unpack(&header, payload, &mut self.commands);
                self.last_sequence += u64::from(header.count);
                self.last_timestamp = header.first_timestamp + u64::from(header.count - 1);
                self.anchor = self.rules.map(|rules| Anchor {
                    journal_id: self.segments[self.index].journal_id,
                    last_sequence: self.last_sequence,
                    last_timestamp: self.last_timestamp,
                    segment: self.segments[self.index].segment,
                    frame_checksum: header.checksum,
                    frame_offset: self.offset,
                    seal: header.seal,
                    rules,
                });
            }
            FrameKind::Mark | FrameKind::End => {}
        }
        self.highest_mark = self.highest_mark.max(header.durable_sequence);
        self.unmarked.push_back(Unmarked {
            segment: self.segment().segment,
            offset: self.offset,
            sequence: header.first_sequence + u64::from(header.count).saturating_sub(1),
        });
        while self.unmarked.front().is_some_and(|frame| frame.sequence <= self.highest_mark) {
            self.unmarked.pop_front();
        }
        self.offset += u64::from(header.length_bytes);
        self.previous_checksum = header.checksum;
        self.previous_seal = header.seal;
        self.current = Some(header);
        if kind == FrameKind::End {
            self.enter_next()?;
        }
        Ok(Some(kind))
    }

    /// What the frame holds that the walk stands behind, if it is of use to others.
    pub fn entry(&self) -> Option<Entry<'_>> {
        let header = self.current.as_ref()?;
        match header.kind().expect("the kind was checked") {
            FrameKind::Rules => self.rules.map(Entry::Rules),
            FrameKind::Batch => Some(Entry::Batch {
                first_sequence: header.first_sequence,
                first_timestamp: header.first_timestamp,
                commands: &self.commands,
            }),
            FrameKind::Mark => Some(Entry::Mark { durable_sequence: header.durable_sequence }),
            FrameKind::End => None,
        }
    }

    /// The highest durable mark in the journal, from the end backwards: reads no more than it must.
    pub fn highest_mark_from_the_end(&mut self) -> Result<u64, JournalError> {
        for index in (0..self.segments.len()).rev() {
            let survey = self.survey(index, SEGMENT_HEADER_BYTES as u64)?;
            if survey.has_frames {
                return Ok(survey.highest_mark);
            }
        }
        Ok(0)
    }

    fn read_frame(&mut self) -> Result<Result<FrameHeader, Fault>, JournalError> {
        let segment = self.segments[self.index];
        let (seed, offset) = (segment.frame_seed(), self.offset);
        let room = segment.segment_bytes - offset;
        let bytes = self.sliding.bytes(offset, FRAME_HEADER_BYTES)?;
        let header = match FrameHeader::read(bytes, offset, room, seed) {
            Ok(header) => header,
            Err(fault) => return Ok(Err(fault)),
        };
        let bytes = self.sliding.bytes(offset, header.length_bytes as usize)?;
        if bytes.len() < header.length_bytes as usize {
            return Ok(Err(Fault::Empty));
        }
        let rest = &bytes[FRAME_HEADER_BYTES..];
        if let Err(fault) = header.check_payload(rest, seed) {
            return Ok(Err(fault));
        }
        let is_sealed = match &self.key {
            // The seal before is not known: it is the first that is taken on trust.
            Some(key) if !self.is_unanchored => {
                key.seal_frame(&self.previous_seal, &header, rest) == header.seal
            }
            _ => true,
        };
        if self.is_unanchored {
            self.is_unanchored = false;
            self.previous_checksum = header.previous_checksum;
            self.last_sequence = header.first_sequence.saturating_sub(1);
        }
        if let Err(fault) = self.check_chain(&header) {
            return Ok(Err(fault));
        }
        if !is_sealed {
            // Whole, at its place in the chain, and not by us: no disk does that, so it is no tail.
            return Err(damaged(&self.files, segment.segment, offset, Fault::Seal));
        }
        Ok(Ok(header))
    }

    /// Whether a frame that is good by itself follows on what came before.
    fn check_chain(&self, header: &FrameHeader) -> Result<(), Fault> {
        if header.previous_checksum != self.previous_checksum {
            return Err(Fault::Chain {
                expected: self.previous_checksum,
                found: header.previous_checksum,
            });
        }
        if header.first_sequence != self.last_sequence + 1 {
            return Err(Fault::Sequence {
                expected: self.last_sequence + 1,
                found: header.first_sequence,
            });
        }
        if header.durable_sequence > self.last_sequence {
            return Err(Fault::Field { name: "durable sequence", found: header.durable_sequence });
        }
        let kind = header.kind().expect("the kind was checked");
        if self.segments[0].segment == 1 && self.rules.is_none() && kind != FrameKind::Rules {
            return Err(Fault::Field {
                name: "kind of the first frame",
                found: header.kind.into(),
            });
        }
        if kind == FrameKind::Batch {
            let last = header.first_timestamp.saturating_add(u64::from(header.count));
            if header.first_timestamp <= self.last_timestamp || last > TIMESTAMP_MAX {
                return Err(Fault::Timestamp {
                    last: self.last_timestamp,
                    found: header.first_timestamp,
                });
            }
        }
        Ok(())
    }

    /// Decides what the fault at the present place means. A header: it was not yet written a moment
    /// ago, by an engine that runs beside us, and now is.
    fn stop_at(&mut self, fault: Fault) -> Result<Option<FrameHeader>, JournalError> {
        let (index, offset) = (self.index, self.offset);
        let mut survey = Survey {
            highest_mark: self.highest_mark,
            has_frames: false,
            first_nonzero: None,
            nonzero_bytes: 0,
        };
        for later in index..self.segments.len() {
            let from = if later == index { offset } else { SEGMENT_HEADER_BYTES as u64 };
            let found = self.survey(later, from)?;
            survey.highest_mark = survey.highest_mark.max(found.highest_mark);
            survey.first_nonzero = survey.first_nonzero.or(found.first_nonzero);
            survey.nonzero_bytes += found.nonzero_bytes;
        }
        let segment = self.segments[index].segment;
        if survey.highest_mark > self.last_sequence {
            self.sliding.forget();
            if let Ok(header) = self.read_frame()? {
                return Ok(Some(header));
            }
            self.highest_mark = survey.highest_mark;
            return Err(damaged(&self.files, segment, offset, fault));
        }
        let tail = survey.first_nonzero.map(|(first_segment, first_offset)| {
            if fault == Fault::Empty && (first_segment, first_offset) != (segment, offset) {
                let bytes = survey.nonzero_bytes;
                let (segment, offset) = (first_segment, first_offset);
                return Tail { segment, offset, bytes, fault: Fault::NotZero };
            }
            Tail { segment, offset, bytes: survey.nonzero_bytes, fault }
        });
        self.end = Some(End { tail });
        Ok(None)
    }

    /// Looks at every byte of a segment from `from` on.
    fn survey(&mut self, index: usize, from: u64) -> Result<Survey, JournalError> {
        let segment = self.segments[index];
        let seed = segment.frame_seed();
        if index != self.index {
            self.show_segment(index)?;
        }
        let mut survey =
            Survey { highest_mark: 0, has_frames: false, first_nonzero: None, nonzero_bytes: 0 };
        let mut end_of_nonzero = from;
        let mut offset = from;
        while offset < segment.segment_bytes {
            let in_block = BLOCK_BYTES - (offset % BLOCK_BYTES as u64) as usize;
            let bytes = self.sliding.bytes(offset, in_block)?;
            if bytes.is_empty() {
                break;
            }
            if is_zero(bytes) {
                offset += bytes.len() as u64;
                continue;
            }
            let step = &bytes[..FRAME_HEADER_BYTES.min(bytes.len())];
            if is_zero(step) {
                offset += FRAME_HEADER_BYTES as u64;
                continue;
            }
            survey.first_nonzero.get_or_insert((segment.segment, offset));
            let mut length = FRAME_HEADER_BYTES as u64;
            let room = segment.segment_bytes - offset;
            if let Ok(header) = FrameHeader::read(step, offset, room, seed) {
                let whole = header.length_bytes as usize;
                let bytes = self.sliding.bytes(offset, whole)?;
                let rest = bytes.get(FRAME_HEADER_BYTES..).unwrap_or_default();
                if header.check_payload(rest, seed).is_ok() {
                    survey.has_frames = true;
                    survey.highest_mark = survey.highest_mark.max(header.durable_sequence);
                    length = whole as u64;
                }
            }
            offset += length;
            end_of_nonzero = offset;
        }
        if index != self.index {
            self.show_segment(self.index)?;
        }
        survey.nonzero_bytes = end_of_nonzero - from;
        Ok(survey)
    }

    fn enter_next(&mut self) -> Result<(), JournalError> {
        // Nothing is ever written behind the frame that ends a segment.
        let rest = self.survey(self.index, self.offset)?;
        if let Some((segment, offset)) = rest.first_nonzero {
            return Err(damaged(&self.files, segment, offset, Fault::NotZero));
        }
        let number = self.segment().segment + 1;
        if self.index + 1 == self.segments.len() {
            // Made since we looked, or gone: the frame before says that it exists.
            if !self.files.names()?.contains(&segment_name(number)) {
                return Err(damaged(&self.files, number, 0, Fault::Missing));
            }
            let expected = Expected::of(&self.segments[0]);
            let header = read_segment_header(&self.files, number, &expected, self.key.as_ref())?;
            check_length(&self.files, &header)?;
            self.segments.push(header);
        }
        self.index += 1;
        self.offset = SEGMENT_HEADER_BYTES as u64;
        self.show_segment(self.index)
    }

    /// Shows segments in memory from now on, where nobody writes to them any more. A disk that fails
    /// to give them back then ends the process with a signal: not for who looks for damage.
    pub fn map_sealed(&mut self) -> Result<(), JournalError> {
        self.maps_sealed = true;
        self.show_segment(self.index)
    }

    /// Has the window stand over a segment.
    fn show_segment(&mut self, index: usize) -> Result<(), JournalError> {
        let name = segment_name(self.segments[index].segment);
        self.sliding.replace(self.files.open(&name, Access::Read)?);
        // The one before the last may still be written to: the last one is made ahead.
        if self.maps_sealed
            && index + 2 < self.segments.len()
            && let Some(mapped) = self.files.map(&name)?
        {
            self.sliding.show(mapped);
        }
        Ok(())
    }
}

/// Whether segments before `first_kept` may be missing: a snapshot covers them.
fn is_covered<F: Files>(files: &F, first_kept: u32) -> Result<bool, JournalError> {
    let journal_id = read_segment_header(files, first_kept, &Expected::default(), None)?.journal_id;
    Ok(snapshots(files)?.into_iter().any(|sequence| {
        Snapshot::open(files, sequence).is_ok_and(|snapshot| {
            let header = snapshot.header();
            header.journal_id == journal_id && header.segment >= first_kept
        })
    }))
}

/// The header of the first segment that is there.
///
/// # Errors
///
/// [`JournalError::NotAJournal`], [`JournalError::Damaged`], [`JournalError::Io`].
pub fn first_segment<F: Files>(files: &F) -> Result<SegmentHeader, JournalError> {
    let first = files.names()?.iter().filter_map(|name| segment_of_name(name)).min();
    let Some(first) = first else {
        let reason = "it holds no segment".into();
        return Err(JournalError::NotAJournal { path: files.path(""), reason });
    };
    read_segment_header(files, first, &Expected::default(), None)
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |all, byte| all | byte) == 0
}

fn damaged<F: Files>(files: &F, segment: u32, offset: u64, fault: Fault) -> JournalError {
    JournalError::Damaged { path: files.path(&segment_name(segment)), offset, fault }
}

/// The headers of all segments, or of those before the first that is missing or not what it should
/// be, and what is wrong with that one.
fn read_headers<F: Files>(
    files: &F,
    start: Start<'_>,
    key: Option<&Key>,
    check: impl Fn(&F, &SegmentHeader) -> Result<(), JournalError>,
) -> Result<(Vec<SegmentHeader>, Option<JournalError>), JournalError> {
    let mut numbers: Vec<u32> =
        files.names()?.iter().filter_map(|name| segment_of_name(name)).collect();
    numbers.sort_unstable();
    let (Some(&first_kept), Some(&last)) = (numbers.first(), numbers.last()) else {
        let reason = "it holds no segment".into();
        return Err(JournalError::NotAJournal { path: files.path(""), reason });
    };
    let mut expected = Expected::default();
    let first = match start {
        Start::Beginning => 1,
        Start::After(anchor) => {
            expected.journal_id = Some(anchor.journal_id);
            anchor.segment
        }
        Start::FirstKept if first_kept > 1 && !is_covered(files, first_kept)? => 1,
        Start::FirstKept => first_kept,
    };
    let mut segments: Vec<SegmentHeader> = Vec::with_capacity(numbers.len() + 1);
    for number in first..=last.max(first) {
        let header = if numbers.binary_search(&number).is_err() {
            Err(damaged(files, number, 0, Fault::Missing))
        } else {
            read_segment_header(files, number, &expected, key)
        };
        match header.and_then(|header| check(files, &header).map(|()| header)) {
            Ok(header) => {
                expected = Expected::of(&header);
                segments.push(header);
            }
            Err(damage @ JournalError::Damaged { .. }) => return Ok((segments, Some(damage))),
            Err(error) => return Err(error),
        }
    }
    Ok((segments, None))
}

/// What a segment's header must agree in with the others; what is not known is not looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Expected {
    journal_id: Option<[u8; 16]>,
    is_keyed: Option<u32>,
}

impl Expected {
    fn of(header: &SegmentHeader) -> Expected {
        Expected { journal_id: Some(header.journal_id), is_keyed: Some(header.is_keyed) }
    }
}

fn read_segment_header<F: Files>(
    files: &F,
    number: u32,
    expected: &Expected,
    key: Option<&Key>,
) -> Result<SegmentHeader, JournalError> {
    let file = files.open(&segment_name(number), Access::Read)?;
    let mut sliding = Sliding::small(file);
    let block = sliding.bytes(0, SEGMENT_HEADER_BYTES)?;
    let refuse = |fault| Err(damaged(files, number, 0, fault));
    let header = match SegmentHeader::read(block, number) {
        Ok(header) => header,
        Err(fault) => return refuse(fault),
    };
    if let Some(journal_id) = expected.journal_id
        && journal_id != header.journal_id
    {
        return refuse(Fault::Foreign {
            expected: u128::from_be_bytes(journal_id),
            found: u128::from_be_bytes(header.journal_id),
        });
    }
    if expected.is_keyed.is_some_and(|is_keyed| is_keyed != header.is_keyed) {
        return refuse(Fault::Field { name: "keyed", found: header.is_keyed.into() });
    }
    match key {
        // Whoever takes the seals away must not pass for a journal that never had any.
        Some(_) if header.is_keyed == 0 => Err(JournalError::NotKeyed { path: files.path("") }),
        Some(key) if key.seal_segment(&header) != header.seal => refuse(Fault::Key),
        _ => Ok(header),
    }
}

/// Whether the file has the length that its header says.
fn check_length<F: Files>(files: &F, header: &SegmentHeader) -> Result<(), JournalError> {
    let name = segment_name(header.segment);
    let (expected, found) =
        (header.segment_bytes, files.open(&name, Access::Read)?.length_bytes()?);
    if found != expected {
        let fault = Fault::FileLength { expected, found };
        return Err(damaged(files, header.segment, found.min(expected), fault));
    }
    Ok(())
}

/// Makes commands of a batch's payload again.
fn unpack(header: &FrameHeader, payload: &[u8], commands: &mut Vec<Command>) {
    commands.clear();
    let bodies = payload.chunks_exact(size_of::<Body>());
    commands.extend((0..header.count).zip(bodies).map(|(index, body)| {
        let mut command = Command {
            header: Header {
                timestamp: header.first_timestamp + u64::from(index),
                session: 0,
                batch_length: header.count,
                batch_index: index,
                op: header.op,
                reserved: 0,
            },
            body: Body::default(),
        };
        command.body.as_mut_bytes().copy_from_slice(body);
        command
    }));
}
