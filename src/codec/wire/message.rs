//! Messages: their common header, and the buffer in which they arrive.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Violation;
use ringfence_types::{BATCH_COMMANDS_MAX, Body};

/// Longest message, in bytes: a full batch.
pub const MESSAGE_BYTES_MAX: usize =
    HEADER_BYTES + BATCH_HEAD_BYTES + BATCH_COMMANDS_MAX * size_of::<Body>();

/// Bytes between the header of a batch and its bodies.
pub(super) const BATCH_HEAD_BYTES: usize = 32;

/// Bytes of the header of every message.
pub(super) const HEADER_BYTES: usize = size_of::<MessageHeader>();

/// What a message is. Numbers never change.
pub(super) mod kind {
    pub const HELLO: u8 = 1;
    pub const BATCH: u8 = 2;
    pub const OUTCOMES: u8 = 3;
    pub const EVENT: u8 = 4;
    pub const ERROR: u8 = 5;
    pub const SUBSCRIBE: u8 = 6;
    pub const ACKNOWLEDGE: u8 = 7;
    pub const HEARTBEAT: u8 = 8;
    pub const ORIGIN: u8 = 9;
    pub const PROGRESS: u8 = 10;
    pub const COMMANDS: u8 = 11;
}

/// The start of every message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(super) struct MessageHeader {
    /// Bytes of the whole message.
    pub length: u32,
    /// CRC-32C of all that follows it.
    pub checksum: u32,
    /// See [`kind`].
    pub kind: u8,
    /// The operation of a batch, else 0.
    pub op: u8,
    /// How many records follow, by the kind.
    pub count: u16,
    /// Zero.
    pub reserved: u32,
}

const _: () = assert!(HEADER_BYTES == 16);
const _: () = assert!(MESSAGE_BYTES_MAX <= u32::MAX as usize);

/// Where the checked part of a message begins.
const CHECKED_FROM: usize = 8;

impl MessageHeader {
    /// Checks the header of a message of `body_bytes` more bytes.
    pub(super) fn expect_body(&self, body_bytes: usize) -> Result<(), Violation> {
        if self.reserved != 0 {
            return Err(Violation::ReservedNotZero("header"));
        }
        if self.length as usize != HEADER_BYTES + body_bytes {
            return Err(Violation::BadLength(self.length));
        }
        Ok(())
    }

    /// Refuses operation and count where the kind of message has none.
    pub(super) fn expect_no_records(&self) -> Result<(), Violation> {
        match (self.op, self.count) {
            (0, 0) => Ok(()),
            _ => Err(Violation::ReservedNotZero("header")),
        }
    }

    pub(super) fn expect_count(&self) -> Result<usize, Violation> {
        match usize::from(self.count) {
            count @ 1..=BATCH_COMMANDS_MAX => Ok(count),
            _ => Err(Violation::BadCount(self.count)),
        }
    }
}

/// Appends the header of a message, to be finished with [`end`]. Returns where it starts.
pub(super) fn begin(kind: u8, op: u8, count: u16, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    let header = MessageHeader { length: 0, checksum: 0, kind, op, count, reserved: 0 };
    out.extend_from_slice(header.as_bytes());
    start
}

/// Fills in length and checksum of the message that begins at `start` and ends where `out` does.
pub(super) fn end(start: usize, out: &mut [u8]) {
    let message = &mut out[start..];
    assert!(message.len() <= MESSAGE_BYTES_MAX && message.len().is_multiple_of(HEADER_BYTES));
    let length = message.len() as u32;
    let checksum = crc32c::crc32c(&message[CHECKED_FROM..]);
    message[..4].copy_from_slice(&length.to_le_bytes());
    message[4..CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
}

/// The bytes of a stream that have arrived and are not yet decoded.
///
/// ```text
///   [ decoded | arrived | spare ]
///   0       start      end      capacity
/// ```
///
/// `start` is a multiple of 16: messages are, and the buffer is aligned to 16. The buffer begins
/// small and grows with what arrives: to 64 KiB where reads fill it, and to one message and
/// 64 KiB where the header of a longer one, checked, has come. It shrinks only when it is told to.
#[derive(Debug)]
pub struct Frames {
    words: Vec<u128>,
    start: usize,
    end: usize,
    /// Bytes of the message that begins at `start`, as far as they are known: 0 before that.
    expected: usize,
}

/// Bytes with which a buffer begins.
const FIRST_BYTES: usize = 4 * 1024;
/// Bytes that a buffer of a busy stream has beside the message that is not yet whole.
const READ_BYTES: usize = 64 * 1024;

impl Default for Frames {
    fn default() -> Frames {
        Frames::new()
    }
}

impl Frames {
    /// An empty buffer of 4 KiB.
    #[must_use]
    pub fn new() -> Frames {
        Frames { words: vec![0; FIRST_BYTES / size_of::<u128>()], start: 0, end: 0, expected: 0 }
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        size_of_val(&*self.words)
    }

    /// Bytes that arrived and were not yet taken out as messages.
    #[must_use]
    pub fn arrived(&self) -> &[u8] {
        &self.words.as_bytes()[self.start..self.end]
    }

    /// Gives back the memory that longer messages took, where no byte waits in it: 64 KiB stay.
    /// Returns whether there was any.
    pub fn shrink(&mut self) -> bool {
        let kept = READ_BYTES / size_of::<u128>();
        if !self.is_empty() || self.words.len() <= kept {
            return false;
        }
        (self.start, self.end) = (0, 0);
        self.words.truncate(kept);
        self.words.shrink_to_fit();
        true
    }

    /// Room for bytes that arrive; tell [`Frames::advance`] how many did. It is not empty once
    /// every message in it was taken out.
    pub fn spare(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        let capacity = self.capacity_bytes();
        let wanted = if self.expected > FIRST_BYTES {
            self.expected + READ_BYTES
        } else if self.end == capacity {
            // The last read filled it: more comes at a time than there was room for.
            (2 * capacity).min(READ_BYTES)
        } else {
            capacity
        };
        if self.start > 0 && self.start + wanted > capacity && capacity - self.end < READ_BYTES {
            // Within one message at most, as there is no whole one: each byte moves once.
            self.words.as_mut_bytes().copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if wanted > capacity {
            self.words.resize(wanted.div_ceil(size_of::<u128>()), 0);
        }
        &mut self.words.as_mut_bytes()[self.end..]
    }

    /// The first `bytes` of [`Frames::spare`] are now filled.
    ///
    /// # Panics
    ///
    /// If there is not so much room.
    pub fn advance(&mut self, bytes: usize) {
        let end = self.end + bytes;
        assert!(end <= self.capacity_bytes());
        self.end = end;
    }

    /// Copies as much of `bytes` as there is room for, and returns how much that is.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let spare = self.spare();
        let count = bytes.len().min(spare.len());
        spare[..count].copy_from_slice(&bytes[..count]);
        self.advance(count);
        count
    }

    /// True if all bytes that arrived were taken out as messages.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes out the next message, if it has wholly arrived: its header, and what follows that.
    /// `check_header` sees the header as soon as it is there, and what has come behind it; the length
    /// is trusted only then.
    pub(super) fn next(
        &mut self,
        check_header: impl FnOnce(&MessageHeader, &[u8]) -> Result<(), Violation>,
    ) -> Result<Option<(MessageHeader, &[u8])>, Violation> {
        let arrived = &self.words.as_bytes()[self.start..self.end];
        let Ok((header, rest)) = MessageHeader::read_from_prefix(arrived) else { return Ok(None) };
        check_header(&header, rest)?;
        let length = header.length as usize;
        let Some(message) = arrived.get(..length) else {
            self.expected = length;
            return Ok(None);
        };
        let expected = crc32c::crc32c(&message[CHECKED_FROM..]);
        if header.checksum != expected {
            return Err(Violation::BadChecksum { found: header.checksum, expected });
        }
        self.start += length;
        self.expected = 0;
        Ok(Some((header, &message[HEADER_BYTES..])))
    }
}
