//! Cache lines that a producer will write soon are asked for ahead of time.
//!
//! ```text
//!          claim         asked for           limit: released by the last readers
//!        ├───────┤      ├───────┤              │
//!   ─────┴───────┴──────┴───────┴──────────────┴──────▶ sequence
//!        first
//!        └── distance ──▶
//! ```
//!
//! A slot that is used again lies in the cache of the core that read it. A store to it waits until
//! the line has come over, and since stores take effect in order, so do all behind it; only as
//! many lines are under way as the store buffer has room for. A cursor that is stored after every
//! value fills that buffer so quickly that the producer runs at the speed of single transfers.
//! Asked for ahead of time, the lines come over side by side.
//!
//! # Invariants
//!
//! * Only slots are asked for that every reader has released: others are still being read, and
//!   would have to be fetched back.
//! * Nothing but speed depends on it: no memory is read or written, and no order is implied.

use core::ptr::NonNull;

/// What the caches move.
const LINE_BYTES: usize = 64;
/// How far ahead of the first claimed slot lines are asked for.
const DISTANCE_BYTES: usize = 384;
/// Most lines for one claim. The processor notices by itself that it is to fetch the rest of a
/// long run.
const LINES_MAX: usize = 32;

/// Asks for the lines that the next claim will write if it is like this one of `count` slots from
/// sequence `first` on, or for those [`DISTANCE_BYTES`] ahead if that is further, if the slots
/// before `limit` are free. `base` is where the lane of
/// `mask + 1` slots starts.
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
    // Where several slots share a line, the first of them asks for it.
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

/// Tells the optimiser to keep what follows out of the way, behind a jump.
#[cold]
#[inline(always)]
fn seldom() {}

/// [`DISTANCE_BYTES`] in slots of `bytes`.
const fn slots_ahead(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { DISTANCE_BYTES.div_ceil(bytes) }
}

/// How many slots of `bytes` one line holds, as a power of two; one, if it does not hold one.
pub(super) const fn slots_per_line(bytes: usize) -> usize {
    if bytes == 0 || bytes >= LINE_BYTES {
        return 1;
    }
    let fit = LINE_BYTES / bytes;
    1 << fit.ilog2()
}

/// Asks for the line at `address`, to be written.
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
