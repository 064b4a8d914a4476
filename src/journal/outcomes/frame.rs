//! A frame that gathers: origins, outcomes and events until they are written.
//!
//! # Invariants
//!
//! * A frame stands on its own: where it begins within a batch that has an origin, it says that
//!   origin again. So whose an outcome is can be told wherever reading begins, and whatever is
//!   damaged before.

use zerocopy::{FromZeros, IntoBytes};

use super::format::{FRAME_OUTCOME_BYTES, HEADER_BYTES, LogFrameHeader, Origin};
use ringfence_types::{Event, Outcome, Request};

/// Origins, outcomes and events that gather until they are written. Holds its memory from the start
/// on.
#[derive(Debug)]
pub struct Frame {
    first_sequence: u64,
    origins: Vec<Origin>,
    outcomes: Vec<Outcome>,
    events: Vec<Event>,
    /// Length of all that was added, in bytes.
    bytes: usize,
}

impl Frame {
    /// Memory that a frame takes, in bytes.
    pub const MEMORY_BYTES: usize = 3 * FRAME_OUTCOME_BYTES;

    /// An empty frame.
    #[must_use]
    pub fn new() -> Frame {
        Frame {
            first_sequence: 0,
            origins: Vec::with_capacity(FRAME_OUTCOME_BYTES / size_of::<Origin>() + 2),
            outcomes: Vec::with_capacity(FRAME_OUTCOME_BYTES / size_of::<Outcome>() + 1),
            events: Vec::with_capacity(FRAME_OUTCOME_BYTES / size_of::<Event>() + 1),
            bytes: 0,
        }
    }

    /// Whether nothing was added to it.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether it is time to write it.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes >= FRAME_OUTCOME_BYTES
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
    fn add(&mut self, sequence: u64, bytes: usize) {
        if self.bytes == 0 {
            self.first_sequence = sequence;
        }
        self.bytes += bytes;
    }

    /// Adds the origin of a batch of `commands` commands with the operation `op`, whose first
    /// command is `first_sequence`. The batch's events and outcomes follow.
    pub fn origin(&mut self, first_sequence: u64, commands: u32, op: u8, request: &Request) {
        self.add(first_sequence, size_of::<Origin>());
        self.origins.push(Origin::new(first_sequence, commands, op, request));
    }

    /// Adds an event. The outcome of its command follows.
    #[inline]
    pub fn event(&mut self, event: &Event) {
        self.add(event.goes_before(), size_of::<Event>());
        self.events.push(Event { session: 0, ..*event });
    }

    /// Adds the outcome of the command `sequence`, the next one.
    #[inline]
    pub fn outcome(&mut self, sequence: u64, outcome: &Outcome) {
        self.add(sequence, size_of::<Outcome>());
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

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.origins.clear();
        self.outcomes.clear();
        self.events.clear();
        self.bytes = 0;
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
