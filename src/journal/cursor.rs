//! Goes through a journal frame by frame, up to its end, its tail or its damage.
//!
//! # Invariants
//!
//! * Changes nothing on disk.
//! * Nothing is skipped: what is given out is a gapless chain from the journal's first frame.

mod live;
mod stop;

use std::collections::VecDeque;

use zerocopy::FromBytes;

use super::chain::Chain;
use super::entry::{Entry, Tail, check_contents, unpack};
use super::error::{Fault, JournalError};
use super::files::{Access, Files};
use super::format::{
    FRAME_HEADER_BYTES, FrameHeader, FrameKind, RequestRecord, SEGMENT_HEADER_BYTES, SegmentHeader,
};
use super::place::{Anchor, Position};
use super::seal::{Key, Seals};
use super::segments::{Expected, check_length, damaged, read_header, segment_name};
use super::sliding::Sliding;
use super::start::{Start, headers};
use super::survey::{Survey, survey};
use super::witness::WitnessFound;
use ringfence_types::{BATCH_COMMANDS_MAX, Command, Request, Rules};

/// A frame that no mark calls durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unmarked {
    pub segment: u32,
    pub offset: u64,
    /// What is durable no sooner than the frame: its last command, or without one the next.
    pub sequence: u64,
}

/// What stands where a journal ends, at the cursor's position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub tail: Option<Tail>,
    /// The witness, which does not contradict.
    pub witness: WitnessFound,
}

/// A pass through the segments of a journal.
pub(super) struct Cursor<F: Files> {
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
    /// What the last batch says of itself.
    request: Request,
    /// The last batch.
    anchor: Option<Anchor>,
    chain: Chain,
    /// Whether it began within a segment.
    begins_behind_anchor: bool,
    rules: Option<Rules>,
    /// Highest sequence that any good frame calls durable, once damage was found.
    durable_in_damage: u64,
    /// Where the last segment ended, before the frame that says so.
    before_end: Option<Position>,
    /// Where the marks begin behind which the cursor stands.
    before_marks: Option<Position>,
    /// What the repair gave up behind which the cursor stands.
    given_up: u64,
    /// Frames so far that no mark calls durable, in order.
    unmarked: VecDeque<Unmarked>,
    end: Option<End>,
}

impl<F: Files> Cursor<F> {
    /// Checks that the segments are there and are what they should be, and stands at `start`. With
    /// a key, seals are checked too; without one those of a keyed journal are passed over.
    pub fn open(files: &F, start: Start<'_>, key: Option<Key>) -> Result<Cursor<F>, JournalError> {
        match headers(files, start, key.as_ref(), check_length)? {
            (_, Some(damage)) => Err(damage),
            (segments, None) => Cursor::through(files, start, key, segments),
        }
    }

    /// As [`Cursor::open`], but where a segment after the first is damaged, stands before the first
    /// frame of the segments before it, with the damage. Lengths are not looked at.
    pub fn open_up_to_damage(
        files: &F,
        start: Start<'_>,
        key: Option<Key>,
    ) -> Result<(Cursor<F>, Option<JournalError>), JournalError> {
        let (segments, damage) = headers(files, start, key.as_ref(), |_, _| Ok(()))?;
        match (segments.is_empty(), damage) {
            (true, Some(damage)) => Err(damage),
            (_, damage) => Ok((Cursor::through(files, start, key, segments)?, damage)),
        }
    }

    fn through(
        files: &F,
        start: Start<'_>,
        key: Option<Key>,
        segments: Vec<SegmentHeader>,
    ) -> Result<Cursor<F>, JournalError> {
        let first = segments[0];
        let file = files.open(&segment_name(first.segment), Access::Read)?;
        let mut cursor = Cursor {
            files: files.clone(),
            key,
            segments,
            index: 0,
            maps_sealed: false,
            sliding: Sliding::new(file),
            offset: SEGMENT_HEADER_BYTES as u64,
            current: None,
            commands: Vec::with_capacity(BATCH_COMMANDS_MAX),
            request: Request::NONE,
            anchor: None,
            chain: Chain::before(&first),
            begins_behind_anchor: false,
            rules: None,
            durable_in_damage: 0,
            before_end: None,
            before_marks: None,
            given_up: 0,
            unmarked: VecDeque::new(),
            end: None,
        };
        if let Start::After(anchor) = start {
            cursor.go_behind(anchor)?;
        }
        Ok(cursor)
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
        self.chain = Chain::after(anchor, &header);
        self.rules = Some(anchor.rules);
        self.offset = offset + header.length_bytes() as u64;
        self.anchor = Some(*anchor);
        self.begins_behind_anchor = true;
        Ok(())
    }

    /// The last batch that the cursor has gone past, if there was one.
    pub fn anchor(&self) -> Option<&Anchor> {
        self.anchor.as_ref()
    }

    /// The frames so far.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The rules that hold here.
    pub fn rules(&self) -> Option<&Rules> {
        self.rules.as_ref()
    }

    /// Highest sequence that any good frame so far says is durable; after damage was found, any
    /// good frame at all.
    pub fn durable_sequence(&self) -> u64 {
        self.chain.durable_sequence.max(self.durable_in_damage)
    }

    /// What stands at the end, once [`Cursor::advance`] gave `None`.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Where the last segment ended, before the frame that says so.
    pub fn before_end(&self) -> Option<&Position> {
        self.before_end.as_ref()
    }

    /// Where the marks begin behind which the cursor stands, if it stands behind any.
    pub fn before_marks(&self) -> Option<&Position> {
        self.before_marks.as_ref()
    }

    /// Highest sequence that was acknowledged before a repair, if no command came after it; else 0.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// The first frame that no mark calls durable.
    pub fn first_unmarked(&self) -> Option<&Unmarked> {
        self.unmarked.front()
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
            previous_checksum: self.chain.previous_checksum,
            previous_seal: self.chain.previous_seal,
            last_sequence: self.chain.last_sequence,
            last_timestamp: self.chain.last_timestamp,
            marked_sequence: self.durable_sequence(),
            epoch: self.chain.epoch,
            is_async: self.chain.is_async,
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

    /// Length of the frame that the cursor stands behind, in bytes; 0 if there is none.
    pub fn frame_bytes(&self) -> u64 {
        self.current.map_or(0, |header| header.length_bytes() as u64)
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
        self.go_past(header).map(Some)
    }

    /// Goes past a good frame that follows; its kind.
    fn go_past(&mut self, header: FrameHeader) -> Result<FrameKind, JournalError> {
        let kind = header.kind().expect("the kind was checked");
        match kind {
            FrameKind::Mark if self.before_marks.is_some() => {}
            FrameKind::Mark => self.before_marks = Some(self.position()),
            FrameKind::End => self.before_end = Some(self.position()),
            FrameKind::Rules | FrameKind::Batch | FrameKind::Request => {}
        }
        if kind != FrameKind::Mark {
            self.before_marks = None;
        }
        if kind.has_commands() {
            self.given_up = 0;
        } else if header.epoch > self.chain.epoch {
            self.given_up = header.first_timestamp;
        }
        self.chain.extend(&header);
        self.take_in(kind, &header)?;
        self.note_unmarked(&header);
        self.offset += header.length_bytes() as u64;
        self.current = Some(header);
        if kind == FrameKind::End {
            self.enter_next()?;
        }
        Ok(kind)
    }

    /// Takes in what the frame at the present place holds.
    fn take_in(&mut self, kind: FrameKind, header: &FrameHeader) -> Result<(), JournalError> {
        let bytes = self.sliding.bytes(self.offset, header.length_bytes())?;
        let payload = &bytes[FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + header.payload_bytes()];
        match kind {
            FrameKind::Rules => {
                let rules = Rules::read_from_bytes(payload).expect("the length was checked");
                self.rules = Some(rules);
            }
            FrameKind::Batch | FrameKind::Request => {
                let (request, bodies) = payload.split_at(payload.len() - header.bodies_bytes());
                self.request = match kind {
                    FrameKind::Request => RequestRecord::read(request).expect("it was checked"),
                    _ => Request::NONE,
                };
                unpack(header, bodies, &mut self.commands);
                self.anchor = self.rules.map(|rules| Anchor {
                    journal_id: self.segments[self.index].journal_id,
                    last_sequence: self.chain.last_sequence,
                    last_timestamp: self.chain.last_timestamp,
                    segment: self.segments[self.index].segment,
                    frame_checksum: header.checksum,
                    frame_offset: self.offset,
                    seal: header.seal,
                    epoch: header.epoch,
                    rules,
                });
            }
            FrameKind::Mark | FrameKind::End => {}
        }
        Ok(())
    }

    fn note_unmarked(&mut self, header: &FrameHeader) {
        self.unmarked.push_back(Unmarked {
            segment: self.segment().segment,
            offset: self.offset,
            sequence: header.first_sequence + u64::from(header.count).saturating_sub(1),
        });
        let durable_sequence = self.chain.durable_sequence;
        while self.unmarked.front().is_some_and(|frame| frame.sequence <= durable_sequence) {
            self.unmarked.pop_front();
        }
    }

    /// What the frame holds that the cursor stands behind, if it is of use to others.
    pub fn entry(&self) -> Option<Entry<'_>> {
        let header = self.current.as_ref()?;
        match header.kind().expect("the kind was checked") {
            FrameKind::Rules => self.rules.map(Entry::Rules),
            FrameKind::Batch | FrameKind::Request => Some(Entry::Batch {
                request: self.request,
                first_sequence: header.first_sequence,
                first_timestamp: header.first_timestamp,
                commands: &self.commands,
            }),
            FrameKind::Mark => Some(Entry::Mark { durable_sequence: header.durable_sequence }),
            FrameKind::End => None,
        }
    }

    /// The header of the frame at the present place, if it is good and follows.
    fn read_frame(&mut self) -> Result<Result<FrameHeader, Fault>, JournalError> {
        let segment = self.segments[self.index];
        let (seed, offset) = (segment.frame_seed(), self.offset);
        let room = segment.segment_bytes - offset;
        let bytes = self.sliding.bytes(offset, FRAME_HEADER_BYTES)?;
        let header = match FrameHeader::read(bytes, offset, room, seed) {
            Ok(header) => header,
            Err(fault) => return Ok(Err(fault)),
        };
        let bytes = self.sliding.bytes(offset, header.length_bytes())?;
        if bytes.len() < header.length_bytes() {
            return Ok(Err(Fault::Empty));
        }
        let rest = &bytes[FRAME_HEADER_BYTES..];
        let checked = header
            .check_payload(rest, seed)
            .and_then(|()| check_contents(&header, rest))
            .and_then(|()| self.chain.accept(&header));
        if let Err(fault) = checked {
            return Ok(Err(fault));
        }
        if let Some(key) = &self.key
            && self.chain.is_anchored()
            && key.seal_frame(&self.chain.previous_seal, &header, rest) != header.seal
        {
            // Whole, at its place in the chain, and not by us: no disk does that, so it is no tail.
            return Err(damaged(&self.files, segment.segment, offset, Fault::Seal));
        }
        Ok(Ok(header))
    }

    /// Looks at every byte of a segment from `from` on.
    fn survey(&mut self, index: usize, from: u64) -> Result<Survey, JournalError> {
        if index != self.index {
            self.show_segment(index)?;
        }
        let found = survey(&mut self.sliding, &self.segments[index], from)?;
        if index != self.index {
            self.show_segment(self.index)?;
        }
        Ok(found)
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
            let header = read_header(&self.files, number, &expected, self.key.as_ref())?;
            check_length(&self.files, &header)?;
            self.segments.push(header);
        }
        self.index += 1;
        self.offset = SEGMENT_HEADER_BYTES as u64;
        self.show_segment(self.index)
    }

    /// Shows segments in memory from now on, where nobody writes to them any more. A disk that
    /// fails to give them back then ends the process with a signal: not for who looks for damage.
    pub fn map_sealed(&mut self) -> Result<(), JournalError> {
        self.maps_sealed = true;
        self.show_segment(self.index)
    }

    /// Has the window stand over a segment.
    fn show_segment(&mut self, index: usize) -> Result<(), JournalError> {
        let name = segment_name(self.segments[index].segment);
        self.sliding.replace(self.files.open(&name, Access::Read)?, self.segments[index].segment);
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
