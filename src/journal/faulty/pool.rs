//! Memory of buffers, used again: in a simulation the system would spend more time on clearing new
//! pages than everything else takes.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// Most pieces that a thread keeps.
const KEPT_MAX: usize = 32;

thread_local! {
    static KEPT: RefCell<Vec<MmapMut>> = const { RefCell::new(Vec::new()) };
}

/// Memory that is kept for the next buffer when it is dropped.
pub(crate) struct Pooled(Option<MmapMut>);

impl Pooled {
    pub fn new(memory: MmapMut) -> Pooled {
        Pooled(Some(memory))
    }
}

impl Deref for Pooled {
    type Target = MmapMut;

    fn deref(&self) -> &MmapMut {
        self.0.as_ref().expect("it has memory until it is dropped")
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut MmapMut {
        self.0.as_mut().expect("it has memory until it is dropped")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(memory) = self.0.take() else { return };
        // Where the thread ends, the system takes the memory back.
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < KEPT_MAX {
                kept.push(memory);
            }
        });
    }
}

/// A kept piece of this length in bytes, with whatever was in it.
pub(crate) fn take(bytes: usize) -> Option<MmapMut> {
    KEPT.with(|kept| {
        let mut kept = kept.borrow_mut();
        let index = kept.iter().rposition(|memory| memory.len() == bytes)?;
        Some(kept.swap_remove(index))
    })
}
