//! Addresses that are reserved first and backed with memory later.
//!
//! ```text
//!   reserve ──▶ addresses ──▶ commit ──▶ may be written, reads as zeros ──▶ populate ──▶ in RAM
//! ```

use core::ptr::NonNull;

/// A range of addresses. What of it is committed can be read and written.
#[derive(Debug)]
pub(super) struct Pages {
    start: NonNull<u8>,
    /// How many bytes from `start` on were asked for.
    bytes: usize,
    mapping: NonNull<u8>,
    mapping_bytes: usize,
}

// SAFETY: it is a range of addresses that nothing else owns; whoever has it may give it back.
unsafe impl Send for Pages {}
// SAFETY: `commit` and `populate` change no contents, and the system orders calls about one range.
unsafe impl Sync for Pages {}

impl Pages {
    /// Where the range begins; aligned for huge pages where it is so large.
    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }
}

#[cfg(target_os = "linux")]
mod system {
    use core::ptr;

    use super::*;

    /// The largest page that Linux has anywhere, so that what is a multiple of it is one of every
    /// machine's pages.
    const PAGE_BYTES: usize = 64 * 1024;
    const HUGE_PAGE_BYTES: usize = 2 * 1024 * 1024;
    /// From this many bytes on, memory is asked for on huge pages: below, one would stay half empty.
    const HUGE_PAGES_FROM_BYTES: usize = 4 * 1024 * 1024;

    impl Pages {
        /// Reserves addresses for so many bytes; no memory yet. `None`: there are not so many.
        pub(in super::super) fn reserve(bytes: usize) -> Option<Pages> {
            // One huge page more, to begin with a whole one; the last page is whole too.
            let whole_pages = bytes.max(1).checked_next_multiple_of(PAGE_BYTES)?;
            let mapping_bytes = whole_pages.checked_add(HUGE_PAGE_BYTES)?;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            // SAFETY: without MAP_FIXED the system chooses a range that nothing else uses.
            let mapping = unsafe {
                libc::mmap(ptr::null_mut(), mapping_bytes, libc::PROT_NONE, flags, -1, 0)
            };
            if mapping == libc::MAP_FAILED {
                return None;
            }
            let mapping = NonNull::new(mapping.cast::<u8>())?;
            let offset = mapping.align_offset(HUGE_PAGE_BYTES);
            // SAFETY: the mapping has one huge page more than is asked for.
            let start = unsafe { mapping.add(offset) };
            Some(Pages { start, bytes, mapping, mapping_bytes })
        }

        /// The whole pages that have the bytes from `from` to `to`: their start and their length.
        fn whole_pages(&self, from: usize, to: usize) -> (*mut libc::c_void, usize) {
            assert!(from <= to && to <= self.bytes, "only what was reserved can be had");
            let first = from / PAGE_BYTES * PAGE_BYTES;
            let start = self.start.as_ptr().wrapping_add(first);
            (start.cast(), to.next_multiple_of(PAGE_BYTES) - first)
        }

        /// Makes the bytes up to `to` memory that can be written; those up to `from` are already.
        /// What was never written is 0. False: the system has not so much.
        pub(in super::super) fn commit(&self, from: usize, to: usize) -> bool {
            let (start, bytes) = self.whole_pages(from, to);
            let access = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: the range belongs to this mapping alone; pages that can be written already
            // keep what they hold.
            if unsafe { libc::mprotect(start, bytes, access) } != 0 {
                return false;
            }
            if to >= HUGE_PAGES_FROM_BYTES {
                // SAFETY: as above. It changes how the memory is backed, never what is in it; a
                // refusal costs speed alone.
                unsafe { libc::madvise(start, bytes, libc::MADV_HUGEPAGE) };
            }
            true
        }

        /// Has the system give pages to the bytes from `from` to `to`, which are committed: the
        /// first write to them then meets no page fault. Their contents stay, and others may use
        /// them meanwhile. False: this system cannot (Linux can since 5.14).
        pub(in super::super) fn populate(&self, from: usize, to: usize) -> bool {
            let (start, bytes) = self.whole_pages(from, to);
            // SAFETY: the range belongs to this mapping alone, and no contents change.
            unsafe { libc::madvise(start, bytes, libc::MADV_POPULATE_WRITE) == 0 }
        }
    }

    impl Drop for Pages {
        fn drop(&mut self) {
            // SAFETY: the mapping is this range's own, and nothing refers to it any more.
            unsafe { libc::munmap(self.mapping.as_ptr().cast(), self.mapping_bytes) };
        }
    }
}

/// Other systems give memory at once.
#[cfg(not(target_os = "linux"))]
mod system {
    use alloc::alloc::{Layout, alloc_zeroed, dealloc};

    use super::*;

    const ALIGNMENT: usize = 64;

    fn layout(bytes: usize) -> Option<Layout> {
        Layout::from_size_align(bytes.max(1), ALIGNMENT).ok()
    }

    impl Pages {
        pub(in super::super) fn reserve(bytes: usize) -> Option<Pages> {
            // SAFETY: the size is not 0.
            let start = NonNull::new(unsafe { alloc_zeroed(layout(bytes)?) })?;
            Some(Pages { start, bytes, mapping: start, mapping_bytes: bytes })
        }

        pub(in super::super) fn commit(&self, _from: usize, to: usize) -> bool {
            to <= self.bytes
        }

        pub(in super::super) fn populate(&self, _from: usize, _to: usize) -> bool {
            false
        }
    }

    impl Drop for Pages {
        fn drop(&mut self) {
            let layout = layout(self.mapping_bytes).expect("it was allocated with it");
            // SAFETY: it was allocated with this layout, and nothing refers to it any more.
            unsafe { dealloc(self.mapping.as_ptr(), layout) };
        }
    }
}
