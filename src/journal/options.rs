//! How a journal is written. Nothing here shows in an outcome.

use super::format::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use super::seal::Key;

/// When an outcome may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When its command is on stable storage.
    Sync,
    /// When its command has been given to the operating system.
    Async,
}

/// How a journal is written. Nothing here shows in an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Length of segments that are made from now on, in bytes: a power of two from
    /// [`super::SEGMENT_BYTES_MIN`] to [`super::SEGMENT_BYTES_MAX`].
    pub segment_bytes: u64,
    /// When an outcome may leave.
    pub durability: Durability,
    /// What the journal is sealed with, if it is.
    pub key: Option<Key>,
}

impl Default for Options {
    fn default() -> Options {
        Options { segment_bytes: 64 * 1024 * 1024, durability: Durability::Sync, key: None }
    }
}

/// Checks a length for segments, in bytes.
///
/// # Errors
///
/// What is wrong with it, to follow the name of the option.
pub fn check_segment_bytes(bytes: u64) -> Result<(), String> {
    if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&bytes) || !bytes.is_power_of_two() {
        return Err(format!(
            "must be a power of two from {SEGMENT_BYTES_MIN} to {SEGMENT_BYTES_MAX}, not {bytes}"
        ));
    }
    Ok(())
}
