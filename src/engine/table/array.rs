//! An array that is allocated once, on huge pages where the system has them, and touched at once.

use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use super::EngineError;

/// From this many bytes on, an array asks for huge pages: below, one would stay half empty.
const HUGE_PAGES_FROM_BYTES: usize = 4 * 1024 * 1024;

/// A slice of fixed length on the heap.
#[derive(Debug, Default)]
pub struct Array<T> {
    items: Vec<T>,
}

impl<T: Copy> Array<T> {
    /// `length` elements, all of them `fill`. `what` names them in an error.
    ///
    /// # Errors
    ///
    /// [`EngineError::OutOfMemory`].
    pub fn new(what: &'static str, length: usize, fill: T) -> Result<Array<T>, EngineError> {
        let mut array = Array { items: Vec::new() };
        array.grow(what, length, fill)?;
        Ok(array)
    }

    /// Makes the array `length` elements long, the new ones `fill`. A shorter length changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`EngineError::OutOfMemory`]; the array is then as before.
    pub fn grow(&mut self, what: &'static str, length: usize, fill: T) -> Result<(), EngineError> {
        if length <= self.items.len() {
            return Ok(());
        }
        let bytes = (length as u64).saturating_mul(size_of::<T>() as u64);
        let mut items = Vec::new();
        items.try_reserve_exact(length).map_err(|_| EngineError::OutOfMemory { what, bytes })?;
        ask_for_huge_pages(&items);
        // Writing every element is what touches the pages.
        items.extend_from_slice(&self.items);
        items.resize(length, fill);
        self.items = items;
        Ok(())
    }

    /// How much memory it takes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (self.items.len() * size_of::<T>()) as u64
    }
}

impl<T> Deref for Array<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> DerefMut for Array<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items
    }
}

/// Asks the system to back the memory of `items`, not yet touched, with huge pages. It may refuse:
/// only speed depends on it.
#[cfg(target_os = "linux")]
fn ask_for_huge_pages<T>(items: &Vec<T>) {
    const PAGE_BYTES: usize = 4096;
    let bytes = items.capacity() * size_of::<T>();
    if bytes < HUGE_PAGES_FROM_BYTES {
        return;
    }
    let start = items.as_ptr() as usize;
    let first = start.next_multiple_of(PAGE_BYTES);
    let length = (start + bytes - first) / PAGE_BYTES * PAGE_BYTES;
    // SAFETY: the range lies inside the allocation of `items`, which this thread alone can reach,
    // and MADV_HUGEPAGE changes how it is backed, never what is in it.
    unsafe {
        libc::madvise(first as *mut libc::c_void, length, libc::MADV_HUGEPAGE);
    }
}

/// Other systems choose their pages themselves.
#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages<T>(_items: &Vec<T>) {
    let _ = HUGE_PAGES_FROM_BYTES;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grown_array_keeps_what_it_held_and_fills_the_rest() {
        let mut array = Array::new("numbers", 3, 7_u64).unwrap();
        array[1] = 8;
        array.grow("numbers", 2, 0).unwrap();
        assert_eq!(&array[..], &[7, 8, 7]);
        array.grow("numbers", 1_000_000, 9).unwrap();
        assert_eq!(&array[..4], &[7, 8, 7, 9]);
        assert_eq!(array[999_999], 9);
        assert_eq!(array.bytes(), 8_000_000);
    }

    #[test]
    fn memory_that_no_machine_has_is_an_error_that_names_it() {
        let error = Array::new("numbers", 1 << 59, 0_u64).unwrap_err();
        assert_eq!(error, EngineError::OutOfMemory { what: "numbers", bytes: 1 << 62 });
    }
}
