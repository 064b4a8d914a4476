//! A frame that gathers: origins, outcomes and events until they are written.
//!
//! # Invariants
//!
//! * A frame stands on its own: where it begins within a batch that has an origin, it says that
//!   origin again. So whose an outcome is can be told wherever reading begins, and whatever is
//!   damaged before.

use zerocopy::{FromZeros, IntoBytes};

use super::format::{HEADER_BYTES, LogFrameHeader, PAYLOAD_BYTES_MAX};
use ringfence_types::{Event, Origin, Outcome};

/// Outcomes with which a frame is full.
const OUTCOMES: usize = 2048;
/// Events with which a frame is full.
const EVENTS: usize = 682;
/// Origins with which a frame is full.
const ORIGINS: usize = 1024;

// What is added last may be one more than that.
const _: () = assert!(Frame::MEMORY_BYTES <= PAYLOAD_BYTES_MAX);

/// Origins, outcomes and events that gather until they are written. Holds its memory from the start
/// on.
#[derive(Debug)]
pub struct Frame {
    first_sequence: u64,
    origins: Vec<Origin>,
    outcomes: Vec<Outcome>,
    events: Vec<Event>,
    is_empty: bool,
}

impl Frame {
    /// Memory that a frame takes, in bytes.
    pub const MEMORY_BYTES: usize = (ORIGINS + 2) * size_of::<Origin>()
        + (OUTCOMES + 1) * size_of::<Outcome>()
        + (EVENTS + 1) * size_of::<Event>();

    /// How many frames so many outcomes, events and origins fill at most, the first of which may
    /// hold something before.
    #[must_use]
    pub fn filled_by(outcomes: usize, events: usize, origins: usize) -> usize {
        outcomes.div_ceil(OUTCOMES) + events.div_ceil(EVENTS) + origins.div_ceil(ORIGINS)
    }

    /// An empty frame.
    #[must_use]
    pub fn new() -> Frame {
        Frame {
            first_sequence: 0,
            origins: Vec::with_capacity(ORIGINS + 2),
            outcomes: Vec::with_capacity(OUTCOMES + 1),
            events: Vec::with_capacity(EVENTS + 1),
            is_empty: true,
        }
    }

    /// Whether nothing was added to it.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Whether it is time to write it.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.outcomes.len() >= OUTCOMES
            || self.events.len() >= EVENTS
            || self.origins.len() >= ORIGINS
    }

    /// Sequence of the first outcome, or of the command that its events and origins belong to.
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.first_sequence
    }

    /// Sequence of the last outcome; where it has none, of the one before.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.first_sequence + self.outcomes.len() as u64 - 1
    }

    #[inline]
    fn begin(&mut self, sequence: u64) {
        if self.is_empty {
            self.first_sequence = sequence;
            self.is_empty = false;
        }
    }

    /// Adds whose the batch is that comes next. Its events and outcomes follow.
    #[inline]
    pub fn origin(&mut self, origin: &Origin) {
        self.begin(origin.first_sequence);
        self.origins.push(*origin);
    }

    /// Adds an event. The outcome of its command follows.
    #[inline]
    pub fn event(&mut self, event: &Event) {
        self.begin(event.goes_before());
        self.events.push(Event { session: 0, ..*event });
    }

    /// Adds the outcome of the command `sequence`, the next one.
    #[inline]
    pub fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        self.begin(sequence);
        self.outcomes.push(Outcome { session: 0, ..*outcome });
    }

    /// Says in this frame, which is empty, that it begins within the batch of `origin`.
    pub fn begin_within(&mut self, origin: &Origin) {
        debug_assert!(self.is_empty());
        self.origins.clear();
        self.origins.push(*origin);
    }

    /// The batch within which the frame that follows on this one begins, if it has an origin.
    #[must_use]
    pub fn unfinished(&self) -> Option<Origin> {
        let last = self.origins.last().filter(|_| !self.is_empty());
        last.filter(|origin| origin.last_sequence() > self.last_sequence()).copied()
    }

    /// Whether it ends with events whose outcome it does not have: that comes in a later frame.
    #[must_use]
    pub fn ends_before_outcome(&self) -> bool {
        self.events.last().is_some_and(|event| event.goes_before() > self.last_sequence())
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.origins.clear();
        self.outcomes.clear();
        self.events.clear();
        self.is_empty = true;
    }

    /// Its bytes, header included, appended to `out`.
    pub(super) fn encode(&self, journal_id: &[u8; 16], is_final: bool, out: &mut Vec<u8>) {
        let start = out.len();
        let mut header = LogFrameHeader {
            outcomes: self.outcomes.len() as u32,
            first_sequence: self.first_sequence,
            events: self.events.len() as u32,
            is_final: u32::from(is_final),
            origins: self.origins.len() as u32,
            ..LogFrameHeader::new_zeroed()
        };
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(self.origins.as_bytes());
        out.extend_from_slice(self.outcomes.as_bytes());
        out.extend_from_slice(self.events.as_bytes());
        header.checksum = header.sum(journal_id, &out[start + HEADER_BYTES..]);
        out[start..start + 4].copy_from_slice(&header.checksum.to_le_bytes());
    }
}

impl Default for Frame {
    fn default() -> Frame {
        Frame::new()
    }
}
