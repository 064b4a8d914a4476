//! How fast the zeros of the next segment are written: in step with the current one.
//!
//! ```text
//!   current segment   ████████████░░░░░░░░░░░░░░░░░░   filled
//!   next segment      ████████████████████████░░░░░░   zeroed, at most twice as far
//! ```
//!
//! A durable write waits until the disk has done what was given to it before. Behind two MiB of
//! zeros it takes a millisecond where it takes 70 µs alone, and with nothing to hold them back the
//! zeros of a segment keep the disk busy for 40 ms.
//!
//! # Invariants
//!
//! * The next segment is done when the current one is half full, or earlier.
//! * Whoever waits for it is not held up: from then on it is made as fast as the disk takes it.
//! * It is made, though nothing is written to the current one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Fewest zeros that are written at a time, in bytes.
const PIECE_BYTES_MIN: u64 = 256 * 1024;
/// Segments up to this length are made at once, in bytes: one long batch fills much of them.
const AT_ONCE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How often the thread looks how far the current segment is.
const LOOK: Duration = Duration::from_micros(500);
/// How long it waits before it goes on with a piece though nothing was written meanwhile.
const PATIENCE: Duration = Duration::from_millis(20);

/// How far the current segment is filled, told by the journal's thread to the one that makes the
/// next one; clones tell the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    filled_bytes: AtomicU64,
    is_hasty: AtomicBool,
}

impl Pace {
    // Relaxed, in all of these: each value stands for itself, and is looked at again soon.

    /// Another segment is to be made, beside one that is empty.
    pub fn begin(&self) {
        self.0.filled_bytes.store(0, Ordering::Relaxed);
        self.0.is_hasty.store(false, Ordering::Relaxed);
    }

    /// The current segment is filled up to `offset`, or will be at once.
    pub fn show(&self, offset: u64) {
        self.0.filled_bytes.store(offset, Ordering::Relaxed);
    }

    /// Somebody waits for the segment that is being made.
    pub fn hurry(&self) {
        self.0.is_hasty.store(true, Ordering::Relaxed);
    }

    /// How many zeros may be written behind the first `zeroed` bytes of a segment of
    /// `segment_bytes`, as soon as some may: at most `most`.
    pub fn wait(&self, zeroed: u64, segment_bytes: u64, most: u64) -> u64 {
        let most = most.min(segment_bytes - zeroed);
        if segment_bytes <= AT_ONCE_BYTES_MAX {
            return most;
        }
        let begin = Instant::now();
        loop {
            if self.0.is_hasty.load(Ordering::Relaxed) {
                return most;
            }
            let allowed = (2 * self.0.filled_bytes.load(Ordering::Relaxed)).saturating_sub(zeroed);
            if allowed >= most.min(PIECE_BYTES_MIN) {
                return most
                    .min(allowed - allowed % PIECE_BYTES_MIN)
                    .max(most.min(PIECE_BYTES_MIN));
            }
            if begin.elapsed() >= PATIENCE {
                return most.min(PIECE_BYTES_MIN);
            }
            thread::sleep(LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 2 * 1024 * 1024;
    const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

    #[test]
    fn zeros_are_written_twice_as_far_as_the_current_segment_is_filled() {
        let pace = Pace::default();
        pace.begin();
        let mut zeroed = 4096;
        for filled in (1..=SEGMENT_BYTES / MOST).map(|step| step * MOST / 2) {
            pace.show(filled);
            while zeroed + PIECE_BYTES_MIN <= 2 * filled {
                zeroed += pace.wait(zeroed, SEGMENT_BYTES, MOST);
                assert!(zeroed <= 2 * filled, "{zeroed} beside {filled}");
            }
        }
        assert!(zeroed + PIECE_BYTES_MIN > SEGMENT_BYTES, "it is nearly done: {zeroed}");
        assert_eq!(pace.wait(zeroed, SEGMENT_BYTES, MOST), SEGMENT_BYTES - zeroed, "the end");
    }

    #[test]
    fn who_waits_for_a_segment_is_not_held_up_and_a_short_one_is_made_at_once() {
        let pace = Pace::default();
        pace.begin();
        let begin = Instant::now();
        assert_eq!(pace.wait(4096, SEGMENT_BYTES, MOST), PIECE_BYTES_MIN, "after a while");
        assert!(begin.elapsed() >= PATIENCE);
        assert_eq!(pace.wait(4096, AT_ONCE_BYTES_MAX, MOST), MOST);
        let other = pace.clone();
        let hurrying = thread::spawn(move || other.hurry());
        let mut zeroed = 4096;
        while pace.wait(zeroed, SEGMENT_BYTES, MOST) < MOST {
            zeroed += PIECE_BYTES_MIN;
            assert!(zeroed < SEGMENT_BYTES / 2, "nobody hurried it");
        }
        hurrying.join().unwrap();
        // The next one is not made in haste.
        pace.begin();
        assert_eq!(pace.wait(4096, SEGMENT_BYTES, MOST), PIECE_BYTES_MIN);
    }
}
