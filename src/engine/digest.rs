//! The digest of an engine's contents.

use alloc::vec::Vec;
use core::fmt;

use ringfence_types::{ContentsSink, Record, Section};

/// A hash of all that an engine holds; shows as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Small pieces are gathered: the hash is fast only on long ones.
const GATHERED_BYTES: usize = 64 * 1024;

/// Hashes sections: of each its number, the length and the count of its records, then the records.
/// Empty ones are passed over, so that a new kind of state changes no digest before it is used.
#[derive(Debug)]
pub struct ContentsHasher {
    hasher: blake3::Hasher,
    gathered: Vec<u8>,
}

impl ContentsHasher {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new() -> ContentsHasher {
        let gathered = Vec::with_capacity(2 * GATHERED_BYTES);
        ContentsHasher { hasher: blake3::Hasher::new(), gathered }
    }

    /// The digest of all that it took.
    #[must_use]
    pub fn finish(mut self) -> Digest {
        self.hasher.update(&self.gathered);
        Digest(self.hasher.finalize().into())
    }

    /// Begins a section, not an empty one, of `count` records.
    pub fn begin(&mut self, section: Section, record_bytes: usize, count: usize) {
        self.put(&(section as u32).to_le_bytes());
        self.put(&(record_bytes as u32).to_le_bytes());
        self.put(&(count as u64).to_le_bytes());
    }

    /// Takes the next bytes of the section.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHERED_BYTES {
            self.hasher.update(&self.gathered);
            self.gathered.clear();
        }
    }
}

impl Default for ContentsHasher {
    fn default() -> ContentsHasher {
        ContentsHasher::new()
    }
}

impl ContentsSink for ContentsHasher {
    fn section<T: Record>(&mut self, section: Section, records: impl ExactSizeIterator<Item = T>) {
        if records.len() == 0 {
            return;
        }
        self.begin(section, size_of::<T>(), records.len());
        records.for_each(|record| self.put(record.as_bytes()));
    }
}
