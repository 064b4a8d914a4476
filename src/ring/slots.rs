//! The memory of a lane: its slots, whose number is a power of two, all filled at the start.
//!
//! ```text
//!   sequence  ... 6   7 | 8   9  10  11 | 12 ...
//!   index         2   3 | 0   1   2   3 |  0        index = sequence mod 4
//! ```
//!
//! # Invariants
//!
//! * Each slot holds a valid `T` from `new` until the lane is dropped.
//! * Which slots a thread may use is not decided here: [`Slots::view`] and [`Slots::span`] are
//!   `unsafe`, and the claims and batches that call them guarantee it.

use alloc::alloc::{alloc, dealloc, handle_alloc_error};
use core::alloc::Layout;
use core::marker::PhantomData;
use core::ptr::NonNull;

use super::ahead::{ask_for_lines, slots_per_line};
use crate::sync::{Arc, Padded, Trackers};

/// The pages that the memory of a ring's lanes lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pages {
    /// The pages that the system chooses.
    #[default]
    Ordinary,
    /// Pages of 2 MiB, for each lane that is at least that large; its memory is rounded up to whole
    /// pages. They save misses in the cache of address translations. On Linux with the feature
    /// `std`; otherwise, and if the system has no such pages, the same as `Ordinary`.
    Huge,
}

/// A huge page of x86-64 and of AArch64 with base pages of 4 KiB.
const HUGE_PAGE_BYTES: usize = 2 * 1024 * 1024;

/// A handle of the slots of one lane; clones share them.
///
/// Each handle has a copy of start and mask, so that it finds a slot without another load.
pub struct Slots<T> {
    base: NonNull<T>,
    mask: usize,
    memory: Arc<Memory<T>>,
}

impl<T> Clone for Slots<T> {
    fn clone(&self) -> Self {
        Self { base: self.base, mask: self.mask, memory: Arc::clone(&self.memory) }
    }
}

// SAFETY: a handle hands out `&T` on several threads at once (`T: Sync`) and, to the one claim or
// batch that owns a slot, `&mut T`, from where a `T` can be moved to that thread (`T: Send`). The
// last handle drops the `T`s, on whatever thread it is (`T: Send`). What `base` points to lives
// as long as `memory`, which each handle holds.
unsafe impl<T: Send + Sync> Send for Slots<T> {}
// SAFETY: as above; a `&Slots` can be cloned, and does nothing else that a handle of another
// thread could not do.
unsafe impl<T: Send + Sync> Sync for Slots<T> {}

/// The memory behind the handles.
struct Memory<T> {
    base: NonNull<T>,
    count: usize,
    layout: Layout,
    trackers: Trackers,
    owns: PhantomData<T>,
}

impl<T: Default> Slots<T> {
    /// Allocates `count` slots, a power of two, and fills them with defaults.
    pub(super) fn new(count: usize, pages: Pages) -> Self {
        assert!(count.is_power_of_two(), "a lane's length is a power of two");
        let bytes = core::mem::size_of::<T>().checked_mul(count).expect("a lane fits memory");
        let huge = pages == Pages::Huge && bytes >= HUGE_PAGE_BYTES;
        // Whole pairs of cache lines, so that no other memory shares one with the lane's ends.
        let unit = if huge { HUGE_PAGE_BYTES } else { core::mem::align_of::<Padded<u8>>() };
        let layout = Layout::from_size_align(bytes, unit.max(core::mem::align_of::<T>()))
            .expect("a lane fits memory")
            .pad_to_align();
        let base = if layout.size() == 0 {
            NonNull::dangling()
        } else {
            // SAFETY: the layout's size is not zero.
            let memory = unsafe { alloc(layout) };
            NonNull::new(memory.cast::<T>()).unwrap_or_else(|| handle_alloc_error(layout))
        };
        if huge {
            // Before the first slot is written: the size of a page is decided then.
            ask_for_huge_pages(base.cast(), layout.size());
        }
        for index in 0..count {
            // If a default panics, the memory and the values so far are leaked, which is safe.
            //
            // SAFETY: `index < count`, so the pointer stays inside the block just allocated
            // (or `T` has no size).
            let slot = unsafe { base.add(index) };
            // SAFETY: no other thread knows the block yet; `slot` is aligned for `T` and writable.
            unsafe { slot.write(T::default()) };
        }
        let trackers = Trackers::new(count);
        let memory = Memory { base, count, layout, trackers, owns: PhantomData };
        #[allow(clippy::arc_with_non_send_sync, reason = "sent and shared by way of `Slots` alone")]
        Self { base, mask: count - 1, memory: Arc::new(memory) }
    }
}

/// Asks the system to back `bytes` from `start` on with huge pages. If it refuses, that costs speed
/// alone.
#[cfg(all(feature = "std", target_os = "linux", not(loom)))]
fn ask_for_huge_pages(start: NonNull<u8>, bytes: usize) {
    // SAFETY: the advice changes which pages back the memory, and neither its contents nor its
    // owner; an address that is not mapped is refused.
    unsafe { libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
}

#[cfg(not(all(feature = "std", target_os = "linux", not(loom))))]
fn ask_for_huge_pages(_: NonNull<u8>, _: usize) {}

impl<T> Slots<T> {
    /// Number of slots.
    pub(super) fn count(&self) -> usize {
        self.mask + 1
    }

    /// Read access to the `len` slots from sequence `first` on.
    ///
    /// # Safety
    ///
    /// For as long as the view lives, every one of these slots is published by the lane's writer,
    /// the caller has synchronised with that publication, and the caller has not released it.
    #[inline(always)]
    pub(super) unsafe fn view(&self, first: u64, len: usize) -> RawSpan<'_, T> {
        self.raw(first, len)
    }

    /// Write access to the `len` slots from sequence `first` on.
    ///
    /// # Safety
    ///
    /// For as long as the span lives, the caller is the lane's only writer, has not published
    /// these slots, and has synchronised with their release by the readers of the last round.
    #[inline(always)]
    pub(super) unsafe fn span(&self, first: u64, len: usize) -> RawSpan<'_, T> {
        self.raw(first, len)
    }

    /// True if each slot is prefetched for itself, because slots do not share cache lines.
    pub(super) const ASKS_FOR_EACH: bool = slots_per_line(core::mem::size_of::<T>()) == 1;

    /// Prefetches the cache lines that will be written some time after the `count` slots from
    /// sequence `first` on; slots before `limit` are free. Returns the sequence up to which no more
    /// prefetch is needed: the first one on the next cache line.
    #[inline(always)]
    pub(super) fn ask_ahead(&self, first: u64, count: usize, limit: u64) -> u64 {
        ask_for_lines(self.base, self.mask, first, count, limit);
        if Self::ASKS_FOR_EACH {
            return u64::MAX;
        }
        let last = const { slots_per_line(core::mem::size_of::<T>()) as u64 - 1 };
        (first + count as u64 + last) & !last
    }

    #[inline(always)]
    fn raw(&self, first: u64, len: usize) -> RawSpan<'_, T> {
        debug_assert!(len <= self.count());
        let trackers = &self.memory.trackers;
        RawSpan { base: self.base, mask: self.mask, first, len, trackers }
    }
}

impl<T> Drop for Memory<T> {
    fn drop(&mut self) {
        for index in 0..self.count {
            // SAFETY: `index` is inside the block.
            let slot = unsafe { self.base.add(index) };
            // SAFETY: each slot holds a valid `T`, and because of `&mut self` no one else uses it.
            unsafe { slot.drop_in_place() };
        }
        if self.layout.size() != 0 {
            // SAFETY: allocated in `new` with this layout, and freed only here.
            unsafe { dealloc(self.base.as_ptr().cast(), self.layout) };
        }
    }
}

/// Slots that its holder may read, if it was made by [`Slots::view`], or also write, if it was made
/// by [`Slots::span`].
pub(super) struct RawSpan<'a, T> {
    base: NonNull<T>,
    mask: usize,
    first: u64,
    len: usize,
    trackers: &'a Trackers,
}

impl<T> Clone for RawSpan<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for RawSpan<'_, T> {}

impl<'a, T> RawSpan<'a, T> {
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Index of the `offset`-th slot in the lane. `offset` must be below `len`.
    #[inline(always)]
    fn index(&self, offset: usize) -> usize {
        // If an index is narrower than a sequence, the bits lost are ones that the mask drops.
        #[allow(clippy::cast_possible_truncation, reason = "masked to an index right away")]
        let low = self.first as usize;
        low.wrapping_add(offset) & self.mask
    }

    /// The `offset`-th slot, to read.
    ///
    /// # Panics
    ///
    /// If `offset` is not below `len`.
    ///
    /// # Safety
    ///
    /// The span was made by [`Slots::view`], or is the caller's to write.
    #[inline(always)]
    pub(super) unsafe fn get(&self, offset: usize) -> &'a T {
        assert!(offset < self.len, "slot {offset} of a batch of {}", self.len);
        let index = self.index(offset);
        self.trackers.read(index);
        // SAFETY: the mask keeps `index` inside the block.
        let slot = unsafe { self.base.add(index) };
        // SAFETY: valid `T` by the invariant of `Slots`; no one writes it while the span lives,
        // by the promise made in `Slots::view` or `Slots::span`.
        unsafe { slot.as_ref() }
    }

    /// The `offset`-th slot, to write.
    ///
    /// # Panics
    ///
    /// If `offset` is not below `len`.
    ///
    /// # Safety
    ///
    /// The span was made by [`Slots::span`], and no other reference to this slot lives.
    #[inline(always)]
    pub(super) unsafe fn get_mut(&mut self, offset: usize) -> &'a mut T {
        assert!(offset < self.len, "slot {offset} of a batch of {}", self.len);
        let index = self.index(offset);
        self.trackers.write(index);
        // SAFETY: the mask keeps `index` inside the block.
        let mut slot = unsafe { self.base.add(index) };
        // SAFETY: valid `T` by the invariant of `Slots`; no one else reaches it while the span
        // lives, by the promise made in `Slots::span`.
        unsafe { slot.as_mut() }
    }

    /// All slots to read, in order: those up to the end of the lane, then those from its start.
    ///
    /// # Safety
    ///
    /// The span was made by [`Slots::view`], or is the caller's to write.
    #[inline(always)]
    pub(super) unsafe fn slices(&self) -> (&'a [T], &'a [T]) {
        let (start, before_wrap) = self.parts();
        for offset in 0..self.len {
            self.trackers.read(self.index(offset));
        }
        // SAFETY: `start <= mask`, so the pointer is inside the block.
        let head = unsafe { self.base.add(start) };
        // SAFETY: `before_wrap` slots follow `head` inside the block; as in `get` for each.
        let head = unsafe { NonNull::slice_from_raw_parts(head, before_wrap).as_ref() };
        let tail = NonNull::slice_from_raw_parts(self.base, self.len - before_wrap);
        // SAFETY: `len <= count`, so the rest ends before `start`; as in `get` for each.
        let tail = unsafe { tail.as_ref() };
        (head, tail)
    }

    /// The slots from `offset` on to write, in order: those up to the end of the lane, then those
    /// from its start. `offset` must be at most `len`.
    ///
    /// # Safety
    ///
    /// The span was made by [`Slots::span`], and no other reference to these slots lives.
    #[inline(always)]
    pub(super) unsafe fn slices_mut(&mut self, offset: usize) -> (&'a mut [T], &'a mut [T]) {
        let rest = Self { first: self.first + offset as u64, len: self.len - offset, ..*self };
        // SAFETY: the caller's promise, for fewer slots.
        unsafe { rest.all_mut() }
    }

    /// # Safety
    ///
    /// As [`slices_mut`](Self::slices_mut).
    #[inline(always)]
    unsafe fn all_mut(self) -> (&'a mut [T], &'a mut [T]) {
        let (start, before_wrap) = self.parts();
        for offset in 0..self.len {
            self.trackers.write(self.index(offset));
        }
        // SAFETY: `start <= mask`, so the pointer is inside the block.
        let head = unsafe { self.base.add(start) };
        // SAFETY: `before_wrap` slots follow `head` inside the block; as in `get_mut` for each.
        let head = unsafe { NonNull::slice_from_raw_parts(head, before_wrap).as_mut() };
        let mut tail = NonNull::slice_from_raw_parts(self.base, self.len - before_wrap);
        // SAFETY: `len <= count`, so the rest ends before `start` and overlaps nothing of the
        // head; as in `get_mut` for each.
        let tail = unsafe { tail.as_mut() };
        (head, tail)
    }

    /// Index of the first slot, and number of slots before the span wraps to the lane's start.
    #[inline(always)]
    fn parts(&self) -> (usize, usize) {
        let start = self.index(0);
        (start, self.len.min(self.mask + 1 - start))
    }
}
