//! How much of a log is kept, and which files are removed. Pure.
//!
//! ```text
//!   [ 1-900 ] [ 901-1800 ] [ 1801-2700 ] [ 2701-…   the newest is never removed
//!   ◀ removed, while more than the bound is kept, unless somebody needs it;
//!              and then too, once twice the bound is kept
//! ```

use std::time::Duration;

use super::log::FILE_BYTES;

/// Shortest bound by size, in bytes.
pub const KEEP_BYTES_MIN: u64 = 16 * 1024 * 1024;
/// Shortest bound by age.
pub const KEEP_AGE_MIN: Duration = Duration::from_secs(60);
/// A file holds no more than this part of what is kept, so that the bound is met about so exactly.
const PARTS: u32 = 16;

/// How much of a log is kept. What is still needed is kept up to twice as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// So many bytes.
    Bytes(u64),
    /// What was written in this time.
    Age(Duration),
}

/// A file of a log, as far as it matters for how long it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    /// Sequence of its first outcome.
    pub first_sequence: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// Since when nothing was written to it.
    pub age: Duration,
}

impl Keep {
    /// What a server keeps unless it is told otherwise: 16 GiB.
    pub const DEFAULT: Keep = Keep::Bytes(16 << 30);

    /// Length at which the next file is begun, in bytes.
    pub(super) fn file_bytes(self) -> u64 {
        match self {
            Keep::Bytes(bytes) => (bytes / u64::from(PARTS)).min(FILE_BYTES),
            Keep::Age(_) => FILE_BYTES,
        }
    }

    /// Age at which the next file is begun.
    pub(super) fn file_age(self) -> Duration {
        match self {
            Keep::Bytes(_) => Duration::MAX,
            Keep::Age(age) => age / PARTS,
        }
    }

    /// How many of `files`, which are all of a log in order, are to be removed from its front.
    /// Outcomes from `needed_from` on are still needed.
    pub(super) fn surplus(self, files: &[Kept], needed_from: u64) -> usize {
        let mut total: u64 = files.iter().map(|file| file.bytes).sum();
        let pairs = files.iter().zip(files.iter().skip(1));
        let removed = pairs.take_while(|(file, next)| {
            let (is_over, is_far_over) = match self {
                Keep::Bytes(bytes) => (total > bytes, total > bytes.saturating_mul(2)),
                Keep::Age(age) => (file.age > age, file.age > age.saturating_mul(2)),
            };
            total -= file.bytes;
            is_far_over || (is_over && next.first_sequence <= needed_from)
        });
        removed.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_removed_unless_it_is_needed_and_then_at_twice_the_bound() {
        const NONE: u64 = u64::MAX;
        let file = |number: u64| Kept {
            first_sequence: number * 10 + 1,
            bytes: 100,
            age: Duration::from_secs(1_000 - number * 100),
        };
        let by_size = Keep::Bytes;
        let by_age = |seconds| Keep::Age(Duration::from_secs(seconds));
        //  name                           files bound         needed from removed
        let cases = [
            ("no file", 0, by_size(100), NONE, 0),
            ("the newest stays", 1, by_size(10), NONE, 0),
            ("as much as may be", 4, by_size(400), NONE, 0),
            ("one byte too many", 4, by_size(399), NONE, 1),
            ("all but the newest", 4, by_size(10), NONE, 3),
            ("all of it is needed", 4, by_size(250), 1, 0),
            ("its first file is needed", 4, by_size(250), 10, 0),
            ("its second file is needed", 4, by_size(250), 11, 1),
            ("needed, and twice the bound", 4, by_size(200), 1, 0),
            ("needed, and more than twice the bound", 4, by_size(199), 1, 1),
            ("young", 4, by_age(1_000), NONE, 0),
            ("the first is too old", 4, by_age(950), NONE, 1),
            ("the newest is too old too", 4, by_age(1), NONE, 3),
            ("old and needed", 4, by_age(950), 5, 0),
            ("far too old and needed", 4, by_age(475), 5, 1),
        ];
        for (name, count, keep, needed_from, removed) in cases {
            let files: Vec<Kept> = (0..count).map(file).collect();
            assert_eq!(keep.surplus(&files, needed_from), removed, "{name}");
        }
    }
}
