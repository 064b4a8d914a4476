//! An array whose memory is touched when it is made, and that grows where it lies.
//!
//! ```text
//!   addresses   [ T T T T T T T | F F F F | . . . . . . . . ]
//!                 the array       filled    reserved: no memory yet
//! ```
//!
//! # Invariants
//!
//! * Elements up to its length belong to the array. Those behind it belong to its [`Room`], which
//!   fills them, on whichever thread, before the array takes them over.
//! * Where the reserved addresses suffice, an array takes over what is filled already: nothing is
//!   copied and nothing is allocated.
//! * Memory is on huge pages where the system has them.

use alloc::sync::Arc;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::pages::Pages;
use super::{EngineError, Prepare};

/// For so many bytes an array reserves addresses, or for twice its length where that is more.
const RESERVED_BYTES: usize = 1 << 36;

/// A slice in memory of its own.
#[derive(Debug)]
pub struct Array<T> {
    start: NonNull<T>,
    length: usize,
    room: Arc<Room<T>>,
}

/// The memory of one array, with addresses for more.
#[derive(Debug)]
pub struct Room<T> {
    what: &'static str,
    pages: Pages,
    fill: T,
    /// Elements for which there are addresses.
    reserved: usize,
    /// Elements that hold a value.
    filled: AtomicUsize,
    is_filling: AtomicBool,
}

// SAFETY: an array owns the elements up to its length as a `Vec` does, and reaches no others.
unsafe impl<T: Send + Sync> Send for Array<T> {}
// SAFETY: as above; a shared array only reads.
unsafe impl<T: Send + Sync> Sync for Array<T> {}

impl<T: Copy> Room<T> {
    fn new(what: &'static str, length: usize, fill: T) -> Result<Room<T>, EngineError> {
        let bytes = |elements: usize| elements.checked_mul(size_of::<T>());
        let ample = (RESERVED_BYTES / size_of::<T>()).max(length.saturating_mul(2));
        let reserve = |elements| Some((elements, Pages::reserve(bytes(elements)?)?));
        // Where addresses are limited, what is needed now has to do.
        let found = reserve(ample).or_else(|| reserve(length));
        let (reserved, pages) = found.ok_or_else(|| out_of_memory::<T>(what, length))?;
        let (filled, is_filling) = (AtomicUsize::new(0), AtomicBool::new(false));
        let room = Room { what, pages, fill, reserved, filled, is_filling };
        room.prepare(length)?;
        Ok(room)
    }

    fn start(&self) -> NonNull<T> {
        self.pages.start().cast()
    }
}

impl<T: Copy + Send + Sync> Prepare for Room<T> {
    fn prepare(&self, length: usize) -> Result<(), EngineError> {
        prepare(self, length)
    }
}

impl<T: Copy> Room<T> {
    /// Fills the elements up to `length`; those that are filled stay as they are.
    fn prepare(&self, length: usize) -> Result<(), EngineError> {
        prepare(self, length)
    }
}

fn prepare<T: Copy>(room: &Room<T>, length: usize) -> Result<(), EngineError> {
    if length > room.reserved {
        let (what, asked, most) = (room.what, length as u64, room.reserved as u64);
        return Err(EngineError::CapacityTooLarge { what, asked, most });
    }
    // Acquire: pairs with the Release below, of whichever thread filled before.
    assert!(!room.is_filling.swap(true, Ordering::Acquire), "one thread fills at a time");
    // Relaxed: the flag orders those that write it.
    let filled = room.filled.load(Ordering::Relaxed);
    let has_memory =
        length <= filled || room.pages.commit(filled * size_of::<T>(), length * size_of::<T>());
    if has_memory {
        for index in filled..length {
            // SAFETY: the element lies within the reserved range.
            let element = unsafe { room.start().add(index) };
            // SAFETY: its pages were just made writable. It is behind the length of the array, which
            // therefore does not reach it, and the flag keeps other threads from filling it.
            unsafe { element.write(room.fill) };
        }
        room.filled.store(filled.max(length), Ordering::Relaxed);
    }
    // Release: who sees the flag down, sees the elements filled.
    room.is_filling.store(false, Ordering::Release);
    if has_memory { Ok(()) } else { Err(out_of_memory::<T>(room.what, length)) }
}

fn out_of_memory<T>(what: &'static str, length: usize) -> EngineError {
    let bytes = (length as u64).saturating_mul(size_of::<T>() as u64);
    EngineError::OutOfMemory { what, bytes }
}

impl<T: Copy> Array<T> {
    /// `length` elements, all of them `fill`, as are those that it grows by. `what` names them in
    /// an error.
    ///
    /// # Errors
    ///
    /// [`EngineError::OutOfMemory`].
    pub fn new(what: &'static str, length: usize, fill: T) -> Result<Array<T>, EngineError> {
        let room = Room::new(what, length, fill)?;
        Ok(Array { start: room.start(), length, room: Arc::new(room) })
    }

    /// Makes the array `length` elements long. A shorter length changes nothing. Takes no time
    /// where [`Array::room`] was prepared for that length.
    ///
    /// # Errors
    ///
    /// [`EngineError::OutOfMemory`]; the array is then as before.
    pub fn grow(&mut self, length: usize) -> Result<(), EngineError> {
        if length <= self.length {
            return Ok(());
        }
        if length > self.room.reserved {
            let mut larger = Array::new(self.room.what, length, self.room.fill)?;
            larger[..self.length].copy_from_slice(self);
            *self = larger;
            return Ok(());
        }
        self.room.prepare(length)?;
        self.length = length;
        Ok(())
    }

    /// How much memory it takes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (self.length * size_of::<T>()) as u64
    }
}

impl<T> Array<T> {
    /// What another thread prepares the growth of the array with.
    pub fn room(&self) -> &Arc<Room<T>> {
        &self.room
    }
}

impl<T> Deref for Array<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: the first `length` elements are filled, and this array alone reaches them. The
        // memory stays where it is as long as the array holds its room.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl<T> DerefMut for Array<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and the array is borrowed for this alone.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grown_array_keeps_what_it_held_and_fills_the_rest() {
        let mut array = Array::new("numbers", 3, 7_u64).unwrap();
        array[1] = 8;
        array.grow(2).unwrap();
        assert_eq!(&array[..], &[7, 8, 7]);
        let before = array.as_ptr();
        array.grow(1_000_000).unwrap();
        assert_eq!(&array[..4], &[7, 8, 7, 7]);
        assert_eq!(array[999_999], 7);
        assert_eq!(array.bytes(), 8_000_000);
        if cfg!(target_os = "linux") {
            assert_eq!(array.as_ptr(), before, "it grows where it lies");
        }
    }

    #[test]
    fn what_another_thread_prepares_is_taken_over_as_it_is() {
        let mut array = Array::new("numbers", 1_000, 7_u64).unwrap();
        let room = Arc::clone(array.room());
        let preparing = std::thread::spawn(move || Prepare::prepare(&*room, 2_000_000));
        for index in 0..1_000 {
            array[index] = index as u64;
        }
        preparing.join().unwrap().unwrap();
        array.grow(2_000_000).unwrap();
        assert!((0..1_000).all(|index| array[index] == index as u64));
        assert!(array[1_000..].iter().all(|&number| number == 7));
    }

    #[test]
    fn more_than_the_addresses_hold_cannot_be_prepared() {
        let array = Array::new("numbers", 3, 7_u64).unwrap();
        let reserved = array.room.reserved;
        let error = Prepare::prepare(&**array.room(), reserved + 1).unwrap_err();
        assert!(matches!(error, EngineError::CapacityTooLarge { what: "numbers", .. }));
    }

    #[test]
    fn memory_that_no_machine_has_is_an_error_that_names_it() {
        let error = Array::new("numbers", 1 << 59, 0_u64).unwrap_err();
        assert_eq!(error, EngineError::OutOfMemory { what: "numbers", bytes: 1 << 62 });
    }
}
