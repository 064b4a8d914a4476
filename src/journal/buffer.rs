//! Memory for direct I/O: aligned to the device's block, in huge pages where the system has them.
//!
//! A megabyte in pages of 4 KiB is described to the device in hundreds of pieces, in a huge page in
//! one: writes from there take a third of the processor's time, and the disk takes them nearly
//! twice as fast.

use memmap2::{Advice, MmapMut};

use super::format::BLOCK_BYTES;

/// What a huge page has and begins at a multiple of, in bytes.
pub(super) const HUGE_PAGE_BYTES: usize = 2 * 1024 * 1024;
/// From this length on a buffer lies in huge pages.
const HUGE_BYTES_MIN: usize = 1024 * 1024;

/// A buffer of whole blocks that begins at a block's boundary in memory. Its memory never moves.
pub struct Buffer {
    #[cfg(not(feature = "faulty"))]
    memory: MmapMut,
    #[cfg(feature = "faulty")]
    memory: crate::faulty::pool::Pooled,
    /// Where it begins in its memory.
    start: usize,
    bytes: usize,
    registration: Option<Registration>,
}

/// Where a storage has registered a buffer's memory with the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Registration {
    /// The storage: no two of one process have the same number.
    pub storage: u64,
    /// The buffer, by the number under which the system knows it.
    pub index: u16,
}

impl Buffer {
    /// A buffer of `bytes` zeros, each page touched.
    ///
    /// # Panics
    ///
    /// If `bytes` is 0 or not a multiple of [`BLOCK_BYTES`], or the system has no more memory.
    #[must_use]
    pub fn new(bytes: usize) -> Buffer {
        assert!(bytes > 0 && bytes.is_multiple_of(BLOCK_BYTES), "a buffer is made of whole blocks");
        let is_huge = bytes >= HUGE_BYTES_MIN;
        // Room to begin at a multiple and to end with a whole page.
        let mapped =
            if is_huge { bytes.next_multiple_of(HUGE_PAGE_BYTES) + HUGE_PAGE_BYTES } else { bytes };
        #[cfg(feature = "faulty")]
        if let Some(memory) = crate::faulty::pool::take(mapped) {
            return Buffer::of(memory, bytes);
        }
        let memory = MmapMut::map_anon(mapped).expect("the system has memory for a buffer");
        if is_huge {
            // Where the system has none, ordinary pages do.
            let _ = memory.advise(Advice::HugePage);
        }
        Buffer::of(memory, bytes)
    }

    fn of(memory: MmapMut, bytes: usize) -> Buffer {
        let mut start = 0;
        if bytes >= HUGE_BYTES_MIN {
            start = memory.as_ptr().align_offset(HUGE_PAGE_BYTES);
        }
        #[cfg(feature = "faulty")]
        let memory = crate::faulty::pool::Pooled::new(memory);
        let mut buffer = Buffer { memory, start, bytes, registration: None };
        // Every page now, and none on the hot path.
        buffer.bytes_mut().fill(0);
        assert!(buffer.bytes().as_ptr().addr().is_multiple_of(BLOCK_BYTES));
        buffer
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.bytes]
    }

    /// Its bytes, to write to.
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.bytes]
    }

    /// Where its memory is registered, if it is.
    pub(super) fn registration(&self) -> Option<Registration> {
        self.registration
    }

    /// Remembers where its memory is registered.
    pub(super) fn set_registration(&mut self, registration: Registration) {
        self.registration = Some(registration);
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} bytes)", self.bytes)
    }
}
