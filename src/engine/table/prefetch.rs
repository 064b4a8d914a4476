//! The hint that memory will be needed soon.

/// Asks the processor to bring `items[index]` into its caches; an index out of range asks for
/// nothing useful and does no harm. A hint alone: where there is no such instruction, nothing
/// happens.
#[inline(always)]
pub fn prefetch<T>(items: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let address = items.as_ptr().wrapping_add(index);
        // SAFETY: a prefetch reads nothing that the program could see and cannot fault, whatever
        // the address; the instruction is part of every x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast::<i8>()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = (items, index);
    }
}
