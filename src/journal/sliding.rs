//! A window over a file that slides on as it is read, or the whole of it in memory.

use super::buffer::Buffer;
use super::error::JournalError;
use super::files::OpenFile;
use super::format::{BLOCK_BYTES, GROUP_BYTES_MAX};
use super::mapped::Mapped;
use super::recent::Reading;

/// Bytes that are read at once: several of the largest frames.
const READ_BYTES: usize = 4 * GROUP_BYTES_MAX;

/// Most bytes that are read at once beside an engine that writes, unless a frame is longer.
const LIVE_READ_BYTES: usize = 128 * 1024;

/// Shows parts of a file, reading ahead in whole blocks.
pub(super) struct Sliding<F: OpenFile> {
    file: F,
    /// All of the file, if it is shown in memory.
    mapped: Option<Mapped>,
    buffer: Buffer,
    start: u64,
    filled: usize,
    /// Bytes that are read at once the next time.
    ahead: usize,
    /// What that is after [`Sliding::forget`], and at most: it doubles from read to read.
    ahead_range: (usize, usize),
    /// What the engine beside it has written last, and the segment that is read.
    recent: Option<(Reading, u32)>,
}

impl<F: OpenFile> Sliding<F> {
    /// For a pass through the whole file.
    pub fn new(file: F) -> Sliding<F> {
        Sliding {
            file,
            mapped: None,
            buffer: Buffer::new(READ_BYTES),
            start: 0,
            filled: 0,
            ahead: READ_BYTES,
            ahead_range: (READ_BYTES, READ_BYTES),
            recent: None,
        }
    }

    /// Takes what it can from what the engine beside it has written last. The file is `segment`.
    pub fn read_along(&mut self, reading: Reading, segment: u32) {
        self.recent = Some((reading, segment));
        self.forget();
    }

    /// Reads ahead no further than is of use beside an engine that writes: what stands behind its
    /// last frame is old by the next time, so at the end only the frame itself is read.
    pub fn read_ahead_little(&mut self) {
        self.buffer = Buffer::new(LIVE_READ_BYTES);
        self.ahead_range = (BLOCK_BYTES, LIVE_READ_BYTES);
        self.forget();
    }

    /// Goes on with the file of `segment`.
    pub fn replace(&mut self, file: F, segment: u32) {
        self.file = file;
        if let Some((_, present)) = &mut self.recent {
            *present = segment;
        }
        self.mapped = None;
        self.forget();
    }

    /// Shows the file, which is all of `mapped`, from memory.
    pub fn show(&mut self, mapped: Mapped) {
        self.mapped = Some(mapped);
    }

    /// Reads again what is asked for next, even if it was read before.
    pub fn forget(&mut self) {
        self.filled = 0;
        self.ahead = self.ahead_range.0;
    }

    /// The `count` bytes at `offset`, fewer where the file ends.
    pub fn bytes(&mut self, offset: u64, count: usize) -> Result<&[u8], JournalError> {
        if let Some(mapped) = &self.mapped {
            let from = usize::try_from(offset).unwrap_or(usize::MAX).min(mapped.len());
            let to = from.saturating_add(count).min(mapped.len());
            return Ok(&mapped[from..to]);
        }
        let end = self.start + self.filled as u64;
        if offset < self.start || offset + count as u64 > end {
            let start = offset - offset % BLOCK_BYTES as u64;
            let needed = (offset - start) as usize + count;
            self.filled = 0;
            let wanted = needed.next_multiple_of(BLOCK_BYTES).max(self.ahead);
            if wanted > self.buffer.bytes().len() {
                self.buffer = Buffer::new(wanted);
            }
            let into = &mut self.buffer.bytes_mut()[..wanted];
            if let Some((reading, segment)) = &self.recent {
                self.filled = reading.read(*segment, start, into);
            }
            if self.filled < needed {
                self.filled = 0;
                self.filled = self.file.read_at(start, into)?;
            }
            self.start = start;
            self.ahead = (2 * self.ahead).min(self.ahead_range.1);
        }
        let from = ((offset - self.start) as usize).min(self.filled);
        let to = (from + count).min(self.filled);
        Ok(&self.buffer.bytes()[from..to])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// A file of zeros that notes which reads were asked for.
    #[derive(Default)]
    struct Noting(RefCell<Vec<(u64, usize)>>);

    impl OpenFile for Noting {
        fn length_bytes(&self) -> Result<u64, JournalError> {
            Ok(u64::MAX)
        }

        fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize, JournalError> {
            self.0.borrow_mut().push((offset, bytes.len()));
            Ok(bytes.len())
        }

        fn write_at(&self, _: u64, _: &[u8], _: bool) -> Result<(), JournalError> {
            unreachable!("it is only read");
        }

        fn syncs_as_a_whole(&self) -> bool {
            false
        }

        fn reserve(&self, _: u64) -> Result<(), JournalError> {
            unreachable!("it is only read");
        }

        fn sync(&self) -> Result<(), JournalError> {
            unreachable!("it is only read");
        }
    }

    #[test]
    fn beside_an_engine_the_end_is_read_by_blocks_and_what_lies_behind_by_more() {
        let mut window = Sliding::new(Noting::default());
        window.read_ahead_little();
        let block = BLOCK_BYTES as u64;
        let reads = |window: &mut Sliding<Noting>| window.file.0.take();
        // A frame of a thousand accounts once.
        assert_eq!(window.bytes(100, 1024 * 1024).unwrap().len(), 1024 * 1024);
        assert_eq!(reads(&mut window), [(0, 1024 * 1024 + BLOCK_BYTES)]);
        for at in [1000, 1001, 1002] {
            window.forget();
            assert_eq!(window.bytes(at * block, 128).unwrap().len(), 128);
            assert_eq!(reads(&mut window), [(at * block, BLOCK_BYTES)], "{at}");
        }
        // Frames that were there already.
        for at in 1003..1200 {
            window.bytes(at * block, 128).unwrap();
        }
        let lengths: Vec<usize> = reads(&mut window).iter().map(|(_, length)| *length).collect();
        let doubled = [2, 4, 8, 16, 32, 32, 32, 32, 32, 32].map(|blocks| blocks * BLOCK_BYTES);
        assert_eq!(lengths, doubled[..lengths.len()]);
        assert_eq!(*lengths.last().unwrap(), LIVE_READ_BYTES);
    }
}
