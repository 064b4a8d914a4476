//! Prefetches the cache lines that a producer will write soon.
//!
//! ```text
//!          claim         prefetched          limit: released by the last readers
//!        ├───────┤      ├───────┤              │
//!   ─────┴───────┴──────┴───────┴──────────────┴──────▶ sequence
//!        first
//!        └── distance ──▶
//! ```
//!
//! A slot that is used again is in the cache of the core that read it. A store to it waits for the
//! transfer of its line, and so do all stores behind it, because stores take effect in order. The
//! number of stores that wait is limited by the store buffer. A cursor that is stored after each
//! value fills that buffer so quickly that the producer runs at the speed of one transfer after the
//! other. Prefetched lines are transferred in parallel.
//!
//! # Invariants
//!
//! * Only slots that all readers have released are prefetched: others are still read, and would be
//!   transferred back.
//! * Only speed depends on it: no memory is read or written, and no order is implied.

use core::ptr::NonNull;

/// Size of a cache line.
const LINE_BYTES: usize = 64;
/// Distance of the prefetch from the first claimed slot.
const DISTANCE_BYTES: usize = 384;
/// Most lines prefetched for one claim. The processor itself recognises a longer run and prefetches
/// its rest.
const LINES_MAX: usize = 32;

/// Prefetches the lines that the next claim will write if it is like this one, of `count` slots
/// from sequence `first` on; or the lines [`DISTANCE_BYTES`] ahead, if these are further. Does so
/// only if their slots are before `limit`, and therefore free. `base` is the start of the lane,
/// which has `mask + 1` slots.
#[inline(always)]
pub(super) fn ask_for_lines<T>(
    base: NonNull<T>,
    mask: usize,
    first: u64,
    count: usize,
    limit: u64,
) {
    let bytes = const { core::mem::size_of::<T>() };
    if bytes == 0 {
        return;
    }
    let distance = const { slots_ahead(core::mem::size_of::<T>()) };
    let step = const { slots_per_line(core::mem::size_of::<T>()) };
    let lines = bytes.div_ceil(LINE_BYTES);
    // If several slots share a line, the first of them prefetches it.
    if count == 1 && step > 1 {
        if first & (step as u64 - 1) != 0 {
            return;
        }
        seldom();
    }
    let distance = distance.max(count);
    if first + (distance + count) as u64 > limit {
        return;
    }
    #[allow(clippy::cast_possible_truncation, reason = "masked to an index right away")]
    let start = first as usize + distance;
    for offset in (0..count.min(LINES_MAX / lines * step)).step_by(step) {
        let slot = base.as_ptr().wrapping_add((start + offset) & mask).cast::<u8>();
        for line in 0..lines {
            fetch_to_write(slot.wrapping_add(line * LINE_BYTES));
        }
    }
}

/// Tells the optimiser that the code behind a call of this is rarely executed.
#[cold]
#[inline(always)]
fn seldom() {}

/// [`DISTANCE_BYTES`], in slots of `bytes` bytes.
const fn slots_ahead(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { DISTANCE_BYTES.div_ceil(bytes) }
}

/// Number of slots of `bytes` bytes on one line, rounded down to a power of two; at least 1.
pub(super) const fn slots_per_line(bytes: usize) -> usize {
    if bytes == 0 || bytes >= LINE_BYTES {
        return 1;
    }
    let fit = LINE_BYTES / bytes;
    1 << fit.ilog2()
}

/// Prefetches the line at `address` for writing.
#[inline(always)]
#[allow(clippy::pointers_in_nomem_asm_block, reason = "a hint neither reads nor writes memory")]
fn fetch_to_write(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri), not(loom)))]
    // SAFETY: a hint. It touches no memory as the program sees it, never faults, whatever the
    // address, and processors that do not know it skip it.
    unsafe {
        core::arch::asm!(
            "prefetchw [{}]",
            in(reg) address,
            options(nomem, nostack, preserves_flags)
        );
    }
    #[cfg(all(target_arch = "aarch64", not(miri), not(loom)))]
    // SAFETY: as above.
    unsafe {
        core::arch::asm!(
            "prfm pstl1keep, [{}]",
            in(reg) address,
            options(nomem, nostack, preserves_flags)
        );
    }
    let _ = address;
}
