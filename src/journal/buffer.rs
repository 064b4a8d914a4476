//! Memory for direct I/O: aligned to the device's block.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::format::BLOCK_BYTES;

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C, align(4096))]
struct Block([u8; BLOCK_BYTES]);

const _: () = assert!(align_of::<Block>() == BLOCK_BYTES);

/// A buffer of whole blocks that begins at a block's boundary in memory.
pub struct Buffer {
    blocks: Box<[Block]>,
}

impl Buffer {
    /// A buffer of `bytes` zeros, each page touched.
    ///
    /// # Panics
    ///
    /// If `bytes` is not a multiple of [`BLOCK_BYTES`].
    #[must_use]
    pub fn new(bytes: usize) -> Buffer {
        assert!(bytes.is_multiple_of(BLOCK_BYTES), "a buffer is made of whole blocks");
        // Copying a block each time touches every page now, and none on the hot path.
        let blocks = vec![Block([0; BLOCK_BYTES]); bytes / BLOCK_BYTES];
        Buffer { blocks: blocks.into_boxed_slice() }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.blocks.as_bytes()
    }

    /// Its bytes, to write to.
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.blocks.as_mut_bytes()
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} bytes)", self.bytes().len())
    }
}
