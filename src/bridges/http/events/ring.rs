//! The last events of a subscription, as bytes that all its listeners share.
//!
//! # Invariants
//!
//! * Chunks follow each other without a gap: the end of one is the start of the next.
//! * At most so many bytes are kept as the limit says, and one chunk.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Position;
use super::teller::What;

/// A place in a chunk: up to where what a frame tells goes.
#[derive(Debug, Clone, Copy)]
struct Frame {
    what: What,
    start: usize,
}

/// Frames of one turn.
#[derive(Debug, Clone)]
pub struct Chunk {
    start: Position,
    end: Position,
    bytes: Bytes,
    frames: Vec<Frame>,
}

/// A chunk that grows.
#[derive(Debug)]
pub struct Writing {
    start: Position,
    bytes: Vec<u8>,
    frames: Vec<Frame>,
}

impl Writing {
    /// Begins after a position.
    pub fn after(start: Position) -> Writing {
        Writing { start, bytes: Vec::new(), frames: Vec::new() }
    }

    /// Adds a line with its position.
    pub fn line(&mut self, what: What, position: Position, line: &[u8]) {
        self.frames.push(Frame { what, start: self.bytes.len() });
        self.bytes.extend_from_slice(b"id: ");
        self.position(position);
        self.bytes.extend_from_slice(b"data: ");
        self.bytes.extend_from_slice(line);
        self.bytes.extend_from_slice(b"\n\n");
    }

    /// Adds a sign of life, which tells browsers the position too: an event without data is none.
    pub fn heartbeat(&mut self, position: Position) {
        self.bytes.extend_from_slice(b": heartbeat\nid: ");
        self.position(position);
        self.bytes.push(b'\n');
    }

    fn position(&mut self, position: Position) {
        self.bytes.extend_from_slice(position.to_string().as_bytes());
        self.bytes.push(b'\n');
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The chunk, which ends at a position.
    pub fn finish(self, end: Position) -> Chunk {
        Chunk { start: self.start, end, bytes: self.bytes.into(), frames: self.frames }
    }
}

impl Chunk {
    /// The bytes that one at `position` has not had.
    pub fn rest_after(&self, position: Position) -> Bytes {
        let first_new = self.frames.iter().find(|frame| !frame.what.is_known_at(position));
        match first_new {
            // Known frames come before unknown ones.
            Some(frame) => self.bytes.slice(frame.start..),
            None if self.frames.is_empty() => self.bytes.clone(),
            None => Bytes::new(),
        }
    }

    /// Where one is who has had it.
    pub fn end(&self) -> Position {
        self.end
    }
}

/// The last chunks of a subscription.
#[derive(Debug)]
pub struct Ring {
    chunks: VecDeque<Chunk>,
    /// Number of the first chunk.
    first: u64,
    /// Where the next chunk starts.
    end: Position,
    bytes: usize,
    bytes_max: usize,
}

/// Where to read in a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// From this chunk on.
    Chunk(u64),
    /// Older than everything that is kept.
    Before,
}

impl Ring {
    /// Empty; what comes follows `start`.
    pub fn new(start: Position, bytes_max: usize) -> Ring {
        Ring { chunks: VecDeque::new(), first: 0, end: start, bytes: 0, bytes_max }
    }

    /// Adds a chunk. Returns how many there were in all.
    pub fn push(&mut self, chunk: Chunk) -> u64 {
        self.end = chunk.end;
        self.bytes += chunk.bytes.len();
        self.chunks.push_back(chunk);
        while self.bytes > self.bytes_max && self.chunks.len() > 1 {
            let oldest = self.chunks.pop_front().expect("there is more than one");
            self.bytes -= oldest.bytes.len();
            self.first += 1;
        }
        self.first + self.chunks.len() as u64
    }

    /// The chunk of this number: `None` if it is still to come.
    ///
    /// # Errors
    ///
    /// If it is no longer kept.
    pub fn chunk(&self, number: u64) -> Result<Option<&Chunk>, TooSlow> {
        let at = number.checked_sub(self.first).ok_or(TooSlow)?;
        Ok(self.chunks.get(at as usize))
    }

    /// Number of the next chunk, and where it starts.
    pub fn end(&self) -> (u64, Position) {
        (self.first + self.chunks.len() as u64, self.end)
    }

    /// Where one reads who is at `position`.
    pub fn place(&self, position: Position) -> Place {
        let start = self.chunks.front().map_or(self.end, |chunk| chunk.start);
        if position < start {
            return Place::Before;
        }
        let passed = self.chunks.partition_point(|chunk| chunk.end <= position);
        Place::Chunk(self.first + passed as u64)
    }
}

/// What is to be read is no longer kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooSlow;

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(start: u64, end: u64) -> Chunk {
        let mut writing = Writing::after(Position::after(start));
        for sequence in start + 1..=end {
            writing.line(What::Outcome(sequence), Position::after(sequence), b"{}");
        }
        writing.finish(Position::after(end))
    }

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn one_who_comes_again_gets_what_it_has_not_had() {
        let mut ring = Ring::new(Position::after(10), 1000);
        ring.push(chunk(10, 12));
        ring.push(chunk(12, 14));
        //  position, place
        let cases = [
            (9, Place::Before),
            (10, Place::Chunk(0)),
            (11, Place::Chunk(0)),
            (12, Place::Chunk(1)),
            (14, Place::Chunk(2)),
        ];
        for (position, place) in cases {
            assert_eq!(ring.place(Position::after(position)), place, "{position}");
        }
        let rest = ring.chunk(0).unwrap().unwrap().rest_after(Position::after(11));
        assert_eq!(text(&rest), "id: 12\ndata: {}\n\n");
        assert!(ring.chunk(2).unwrap().is_none());
        assert_eq!(ring.end(), (2, Position::after(14)));
    }

    #[test]
    fn a_ring_keeps_what_fits() {
        let mut ring = Ring::new(Position::after(0), 40);
        for end in 1..=5 {
            ring.push(chunk(end - 1, end));
        }
        assert_eq!(ring.chunk(2).err(), Some(TooSlow));
        assert!(ring.chunk(3).unwrap().is_some());
        assert_eq!(ring.place(Position::after(2)), Place::Before);
    }

    #[test]
    fn a_heartbeat_tells_the_position() {
        let mut writing = Writing::after(Position::after(4));
        writing.heartbeat(Position::after(7));
        let chunk = writing.finish(Position::after(7));
        assert_eq!(text(&chunk.rest_after(Position::after(4))), ": heartbeat\nid: 7\n\n");
    }
}
