//! Files shown in memory: read without a copy, for segments that nobody writes to any more.
//!
//! A disk that cannot give a page back ends the process with a signal here, where a read would
//! return an error with an offset. So what looks for damage reads, and only what plays a journal
//! back maps.
//!
//! One of the few places with `unsafe`.

use std::fs::File;
use std::ops::Deref;

use memmap2::{Advice, Mmap};

/// The bytes of a file.
pub struct Mapped(Mmap);

impl Mapped {
    /// Shows all of `file`, which nobody changes from now on; `None` where the system cannot.
    pub(super) fn new(file: &File) -> Option<Mapped> {
        // SAFETY: the memory is valid until the map is dropped, which borrows of it cannot outlive.
        // That its bytes do not change while they are borrowed is the caller's promise, and kept by
        // the format: an engine writes only to the last segment and the one made ahead, and
        // `Cursor` maps neither; retiring and repair unlink or rename files, which a map survives.
        // A recovery that cuts a tail over several segments zeroes one in place, under the lock: a
        // reader beside it sees a checksum that is wrong, since plain bytes are all it makes of
        // what it sees.
        let map = unsafe { Mmap::map(file) }.ok()?;
        // Read from start to end; without the hint it is only slower.
        let _ = map.advise(Advice::Sequential);
        Some(Mapped(map))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
