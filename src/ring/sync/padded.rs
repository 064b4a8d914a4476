//! A value with cache lines of its own.

use core::ops::{Deref, DerefMut};

/// Keeps its value away from its neighbours, on 128 bytes of its own.
///
/// A cache line has 64 bytes, but the adjacent-line prefetcher of x86 fetches lines in pairs, so
/// two cores that write to neighbouring lines still disturb each other.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Padded<T>(pub T);

impl<T> Deref for Padded<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Padded<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
