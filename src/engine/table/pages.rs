//! Addresses that are reserved first and backed with memory later.

use core::ptr::NonNull;

/// A range of addresses. What of it is committed can be read and written.
#[derive(Debug)]
pub(super) struct Pages {
    start: NonNull<u8>,
    mapping: NonNull<u8>,
    mapping_bytes: usize,
}

// SAFETY: it is a range of addresses that nothing else owns; whoever has it may give it back.
unsafe impl Send for Pages {}
// SAFETY: `commit` changes no memory, and the system orders calls about one range.
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

    const PAGE_BYTES: usize = 4096;
    const HUGE_PAGE_BYTES: usize = 2 * 1024 * 1024;
    /// From this many bytes on, memory is asked for on huge pages: below, one would stay half empty.
    const HUGE_PAGES_FROM_BYTES: usize = 4 * 1024 * 1024;

    impl Pages {
        /// Reserves addresses for so many bytes; no memory yet. `None`: there are not so many.
        pub(in super::super) fn reserve(bytes: usize) -> Option<Pages> {
            let mapping_bytes = bytes.max(1).checked_add(HUGE_PAGE_BYTES)?;
            let mapping_bytes = mapping_bytes.checked_next_multiple_of(PAGE_BYTES)?;
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
            Some(Pages { start, mapping, mapping_bytes })
        }

        /// Backs the bytes up to `to` with memory; those up to `from` have some. False: the system
        /// has not so much.
        pub(in super::super) fn commit(&self, from: usize, to: usize) -> bool {
            let first = from / PAGE_BYTES * PAGE_BYTES;
            let bytes = to.next_multiple_of(PAGE_BYTES) - first;
            // SAFETY: whoever calls stays within what was reserved, and the range is rounded to
            // whole pages, which the mapping has.
            let start = unsafe { self.start.add(first) }.as_ptr().cast::<libc::c_void>();
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
    }

    impl Drop for Pages {
        fn drop(&mut self) {
            // SAFETY: the mapping is this range's own, and nothing refers to it any more.
            unsafe { libc::munmap(self.mapping.as_ptr().cast(), self.mapping_bytes) };
        }
    }
}

/// Other systems give memory at once, and no more than is needed now.
#[cfg(not(target_os = "linux"))]
mod system {
    use alloc::alloc::{Layout, alloc, dealloc};

    use super::*;

    const ALIGNMENT: usize = 64;

    fn layout(bytes: usize) -> Option<Layout> {
        Layout::from_size_align(bytes.max(1), ALIGNMENT).ok()
    }

    impl Pages {
        pub(in super::super) fn reserve(bytes: usize) -> Option<Pages> {
            // SAFETY: the size is not 0.
            let start = NonNull::new(unsafe { alloc(layout(bytes)?) })?;
            Some(Pages { start, mapping: start, mapping_bytes: bytes })
        }

        pub(in super::super) fn commit(&self, _from: usize, _to: usize) -> bool {
            true
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
