//! An array that grows where it lies.
//!
//! ```text
//!   addresses   [ T T T T T T T | F F F F | . . . . . . . . ]
//!                 the array       filled    reserved: no memory yet
//! ```
//!
//! One that begins as zeros takes its memory as the system gives it, which is zeros: it is not
//! written to, so it takes no time to make and no page of RAM. Pages come when the array is
//! touched, or all at once, from any thread, by [`Memory::back`].
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

use zerocopy::FromZeros;

use super::growth::{Grow, Memory, Rest, gently};
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
    /// True if `fill` is what the system gives: then nothing has to be written.
    is_zeroed: bool,
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
    /// Addresses for at least `length` elements; none is filled yet.
    fn reserve(what: &'static str, length: usize, fill: T) -> Result<Room<T>, EngineError> {
        let bytes = |elements: usize| elements.checked_mul(size_of::<T>());
        let ample = (RESERVED_BYTES / size_of::<T>()).max(length.saturating_mul(2));
        let reserve = |elements| Some((elements, Pages::reserve(bytes(elements)?)?));
        // Where addresses are limited, what is needed now has to do.
        let found = reserve(ample).or_else(|| reserve(length));
        let (reserved, pages) = found.ok_or_else(|| out_of_memory::<T>(what, length))?;
        let (filled, is_filling) = (AtomicUsize::new(0), AtomicBool::new(false));
        Ok(Room { what, pages, fill, is_zeroed: false, reserved, filled, is_filling })
    }

    fn start(&self) -> NonNull<T> {
        self.pages.start().cast()
    }
}

impl<T: Copy + Send + Sync> Prepare for Room<T> {
    fn prepare(&self, length: usize, rest: Rest<'_>) -> Result<(), EngineError> {
        let (from, to) = (self.bytes(), length.saturating_mul(size_of::<T>()));
        // What cannot be had is an error of `fill`.
        if length <= self.reserved && from < to && self.pages.commit(from, to) {
            let backed = gently(from, to, rest, |from, to| self.back(from, to));
            if backed.is_break() {
                return Err(EngineError::Interrupted { what: self.what });
            }
        }
        self.fill(length)
    }
}

impl<T: Copy + Send + Sync> Memory for Room<T> {
    fn bytes(&self) -> usize {
        // Relaxed: it says how much there is, and orders nothing.
        self.filled.load(Ordering::Relaxed) * size_of::<T>()
    }

    fn back(&self, from: usize, to: usize) {
        // Where this system cannot, the elements were written when they were filled.
        self.pages.populate(from, to);
    }
}

impl<T: Copy> Room<T> {
    /// Fills the elements up to `length`; those that are filled stay as they are.
    fn fill(&self, length: usize) -> Result<(), EngineError> {
        if length > self.reserved {
            let (what, asked, most) = (self.what, length as u64, self.reserved as u64);
            return Err(EngineError::CapacityTooLarge { what, asked, most });
        }
        // Acquire: pairs with the Release below, of whichever thread filled before.
        assert!(!self.is_filling.swap(true, Ordering::Acquire), "one thread fills at a time");
        // Relaxed: the flag orders those that write it.
        let filled = self.filled.load(Ordering::Relaxed);
        // Where another thread prepared it, this asks nothing of the system.
        let has_memory = length <= filled || self.extend(filled, length);
        // Release: who sees the flag down, sees the elements filled.
        self.is_filling.store(false, Ordering::Release);
        if has_memory { Ok(()) } else { Err(out_of_memory::<T>(self.what, length)) }
    }

    /// Fills the elements from `filled` to `length`: for [`Room::fill`], which keeps other threads
    /// away. False: there is not so much memory.
    fn extend(&self, filled: usize, length: usize) -> bool {
        let (from, to) = (filled * size_of::<T>(), length * size_of::<T>());
        if !self.pages.commit(from, to) {
            return false;
        }
        // Where pages cannot be had ahead, they are had by writing to them.
        if !self.is_zeroed || !self.pages.populate(from, to.min(from + 1)) {
            for index in filled..length {
                // SAFETY: the element lies within the reserved range.
                let element = unsafe { self.start().add(index) };
                // SAFETY: its pages were just made writable. It is behind the length of the array,
                // which therefore does not reach it, and no other thread fills it.
                unsafe { element.write(self.fill) };
            }
        }
        self.filled.store(length, Ordering::Relaxed);
        true
    }
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
        Array::in_room(Room::reserve(what, length, fill)?, length)
    }

    /// `length` elements of zero bytes, as are those that it grows by. No page is touched.
    ///
    /// # Errors
    ///
    /// [`EngineError::OutOfMemory`].
    pub fn zeroed(what: &'static str, length: usize) -> Result<Array<T>, EngineError>
    where
        T: FromZeros,
    {
        let room = Room::reserve(what, length, T::new_zeroed())?;
        Array::in_room(Room { is_zeroed: true, ..room }, length)
    }

    fn in_room(room: Room<T>, length: usize) -> Result<Array<T>, EngineError> {
        room.fill(length)?;
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
            let room = Room::reserve(self.room.what, length, self.room.fill)?;
            let room = Room { is_zeroed: self.room.is_zeroed, ..room };
            let mut larger = Array::in_room(room, length)?;
            larger[..self.length].copy_from_slice(self);
            *self = larger;
            return Ok(());
        }
        self.room.fill(length)?;
        self.length = length;
        Ok(())
    }

    /// How much memory it takes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (self.length * size_of::<T>()) as u64
    }
}

impl<T: Copy + Send + Sync + 'static> Grow for Array<T> {
    fn room(&self) -> Arc<dyn Prepare> {
        self.room.clone()
    }

    fn memory(&self) -> Arc<dyn Memory> {
        self.room.clone()
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
    use core::ops::ControlFlow;

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
        let room = array.room();
        let go_on = || ControlFlow::Continue(());
        let preparing = std::thread::spawn(move || room.prepare(2_000_000, &mut { go_on }));
        for index in 0..1_000 {
            array[index] = index as u64;
        }
        preparing.join().unwrap().unwrap();
        array.grow(2_000_000).unwrap();
        assert!((0..1_000).all(|index| array[index] == index as u64));
        assert!(array[1_000..].iter().all(|&number| number == 7));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn zeros_take_no_page_before_they_are_touched_or_backed() {
        const LENGTH: usize = 1_000_000;
        // Pages in RAM, in bytes, of the mapping that begins with the array.
        let resident = |array: &Array<u64>| {
            let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
            let (_, rest) = maps.split_once(&format!("{:x}-", array.as_ptr() as usize)).unwrap();
            let rss = rest.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
            rss.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
        };
        let mut array = Array::zeroed("numbers", LENGTH).unwrap();
        assert!(array.iter().all(|&number: &u64| number == 0), "what is read is zeros");
        array = Array::zeroed("numbers", LENGTH).unwrap();
        let memory = array.memory();
        assert_eq!(memory.bytes(), LENGTH * size_of::<u64>());
        assert!(resident(&array) < memory.bytes() / 2, "a huge page at most");
        array[LENGTH - 1] = 7;
        memory.back(0, memory.bytes());
        assert!(resident(&array) >= memory.bytes());
        assert_eq!((array[0], array[LENGTH - 1]), (0, 7));
        array.grow(2 * LENGTH).unwrap();
        assert!(array[LENGTH..].iter().all(|&number| number == 0));
    }

    #[test]
    fn more_than_the_addresses_hold_cannot_be_prepared() {
        let array = Array::new("numbers", 3, 7_u64).unwrap();
        let reserved = array.room.reserved;
        let mut go_on = || ControlFlow::Continue(());
        let error = array.room().prepare(reserved + 1, &mut go_on).unwrap_err();
        assert!(matches!(error, EngineError::CapacityTooLarge { what: "numbers", .. }));
    }

    #[test]
    fn memory_that_no_machine_has_is_an_error_that_names_it() {
        let error = Array::new("numbers", 1 << 59, 0_u64).unwrap_err();
        assert_eq!(error, EngineError::OutOfMemory { what: "numbers", bytes: 1 << 62 });
    }
}
