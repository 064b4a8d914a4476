//! Tells loom which slots of a lane are read and written, and compiles to nothing without it.
//!
//! loom finds data races by watching its own cells. A lane is one block of memory, handed out as
//! slices, so it cannot consist of such cells; instead each slot has a shadow cell that is
//! touched whenever the slot is. An access that does not happen after the last conflicting one
//! makes the model fail, whatever the bytes were.

#[cfg(loom)]
use alloc::boxed::Box;
#[cfg(loom)]
use loom::cell::UnsafeCell;

/// Shadow cells of a lane's slots.
#[derive(Debug)]
pub(crate) struct Trackers {
    #[cfg(loom)]
    cells: Box<[UnsafeCell<()>]>,
}

impl Trackers {
    /// Shadows for `count` slots.
    pub(crate) fn new(count: usize) -> Self {
        #[cfg(not(loom))]
        let _ = count;
        Self {
            #[cfg(loom)]
            cells: (0..count).map(|_| UnsafeCell::new(())).collect(),
        }
    }

    /// Notes that the slot at `index` is read now.
    #[inline(always)]
    pub(crate) fn read(&self, index: usize) {
        #[cfg(loom)]
        self.cells[index].with(|_| ());
        #[cfg(not(loom))]
        let _ = index;
    }

    /// Notes that the slot at `index` is written now.
    #[inline(always)]
    pub(crate) fn write(&self, index: usize) {
        #[cfg(loom)]
        self.cells[index].with_mut(|_| ());
        #[cfg(not(loom))]
        let _ = index;
    }
}
