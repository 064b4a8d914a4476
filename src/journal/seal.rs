//! The keyed chain: seals that nobody can make who does not have the key.
//!
//! ```text
//!   seal of a segment's header = hash(key, header)
//!   seal of a frame            = hash(key, seal of the frame before │ frame)
//! ```
//!
//! # Invariants
//!
//! * A seal covers every byte of its frame but the two fields that are made from the rest, and
//!   through the seal before it the whole history.
//! * What is hashed for a header is 64 bytes long, for a frame 60 and a multiple of 64, for a
//!   snapshot's header 4096, for a piece of one 48 and a multiple of 4096: none can be passed off as
//!   another.

use std::fmt;
use std::io::Read as _;
use std::path::Path;

use zerocopy::IntoBytes;

use super::error::JournalError;
use super::format::{FORMAT_VERSION, FrameHeader, SEGMENT_MAGIC, Seal, SegmentHeader};

/// Longest file that a key is made of, in bytes.
pub const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// What the hash begins with when a key is made of a file.
const CONTEXT: &str = "ringfence 2026 journal key";

/// The bytes of a frame's header that come before its seal, without the checksum.
const SEALED_HEADER: std::ops::Range<usize> = 4..48;

/// The key of a journal's chain. It shows in no message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// The key that `secret` stands for. Its strength is that of the secret: 32 random bytes are
    /// best.
    #[must_use]
    pub fn of_secret(secret: &[u8]) -> Key {
        Key(blake3::derive_key(CONTEXT, secret))
    }

    /// The key that the contents of a file stand for, every byte of it.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if it cannot be read, [`JournalError::BadKey`] if it is empty or longer
    /// than [`KEY_FILE_BYTES_MAX`].
    pub fn read(path: &Path) -> Result<Key, JournalError> {
        let mut secret = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(KEY_FILE_BYTES_MAX + 1).read_to_end(&mut secret))
            .map_err(|error| JournalError::io_whole("read", path, error))?;
        if secret.is_empty() || secret.len() as u64 > KEY_FILE_BYTES_MAX {
            return Err(JournalError::BadKey { path: path.to_path_buf() });
        }
        Ok(Key::of_secret(&secret))
    }

    /// The seal of a segment's header; its own and its checksum do not matter.
    #[must_use]
    pub fn seal_segment(&self, header: &SegmentHeader) -> Seal {
        let bare = SegmentHeader { checksum: 0, seal: [0; 16], ..*header };
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(bare.as_bytes());
        cut(&hasher)
    }

    /// The seal of a frame that follows on one with the seal `previous`. `rest` is its payload and
    /// padding; its own seal and its checksum do not matter.
    #[must_use]
    pub fn seal_frame(&self, previous: &Seal, header: &FrameHeader, rest: &[u8]) -> Seal {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(previous);
        hasher.update(&header.as_bytes()[SEALED_HEADER]);
        hasher.update(rest);
        cut(&hasher)
    }

    /// The seal of `parts`, one behind the other.
    pub(super) fn seal_parts(&self, parts: &[&[u8]]) -> Seal {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in parts {
            hasher.update(part);
        }
        cut(&hasher)
    }
}

impl SegmentHeader {
    /// The header of a fresh segment, without its checksum.
    #[must_use]
    pub fn new(
        journal_id: [u8; 16],
        segment: u32,
        segment_bytes: u64,
        key: Option<&Key>,
    ) -> SegmentHeader {
        let mut header = SegmentHeader {
            magic: SEGMENT_MAGIC,
            version: FORMAT_VERSION,
            checksum: 0,
            journal_id,
            segment_bytes,
            segment,
            is_keyed: u32::from(key.is_some()),
            seal: [0; 16],
        };
        if let Some(key) = key {
            header.seal = key.seal_segment(&header);
        }
        header
    }
}

fn cut(hasher: &blake3::Hasher) -> Seal {
    let mut seal = [0; 16];
    seal.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    seal
}

/// Whether the frames of a journal carry seals, and whether a reader looks at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seals {
    /// The journal has no key.
    None,
    /// The journal has a key, but the reader does not: checksums are all that it checks.
    Unchecked,
    /// Every frame carries the seal that the key makes of it.
    Checked,
}
