//! The end of a journal in memory, for those who read along beside the engine that writes it.
//!
//! ```text
//!   Writer ─group─▶ disk
//!      └─────copy─▶ Recent: …│group│group│ ◀─ Sliding: what is not here is read from the disk
//! ```
//!
//! Groups are written past the page cache. Without this each of them would have to come back from
//! the disk for the first who reads it: another request to a disk that durable writes wait for.
//!
//! # Invariants
//!
//! * The writer never waits for a reader: what it cannot put at once is not here.
//! * It is one stretch of a segment without a gap, put before it is written. So it may not be
//!   durable yet, or never: who gives it out goes by what the outcome log says, as with the file.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// Memory for it, in bytes.
pub(super) const RECENT_BYTES: usize = 256 * 1024;
/// The longest group that is kept, in bytes. To copy longer ones costs more than their readers, who
/// have many commands for each read of the disk, would gain.
const GROUP_KEPT_MAX: usize = 64 * 1024;

/// What was given to the disk last.
#[derive(Debug)]
pub struct Recent {
    readers: AtomicUsize,
    tail: Mutex<Tail>,
}

/// Bytes of one segment.
#[derive(Debug)]
struct Tail {
    segment: u32,
    start: u64,
    bytes: VecDeque<u8>,
}

impl Recent {
    /// With nothing in it.
    pub(super) fn new() -> Recent {
        let tail = Tail { segment: 0, start: 0, bytes: VecDeque::with_capacity(RECENT_BYTES) };
        Recent { readers: AtomicUsize::new(0), tail: Mutex::new(tail) }
    }

    /// Keeps a group that is being written to `offset` of `segment`, if somebody reads along.
    /// Never waits, never allocates.
    pub(super) fn put(&self, segment: u32, offset: u64, group: &[u8]) {
        // Relaxed: a reader that has just come finds a little less.
        if group.len() > GROUP_KEPT_MAX || self.readers.load(Ordering::Relaxed) == 0 {
            return;
        }
        match self.tail.try_lock() {
            Ok(mut tail) => tail.put(segment, offset, group),
            Err(TryLockError::Poisoned(tail)) => tail.into_inner().put(segment, offset, group),
            // It is being read. The stretch begins anew with the next group, and slower readers go
            // to the disk.
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// One more reads along, until this is dropped.
    pub(super) fn join(self: &Arc<Recent>) -> Reading {
        self.readers.fetch_add(1, Ordering::Relaxed);
        Reading(Arc::clone(self))
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        // Each change leaves a stretch that stands for itself.
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    fn put(&mut self, segment: u32, offset: u64, group: &[u8]) {
        if segment != self.segment || offset != self.start + self.bytes.len() as u64 {
            self.bytes.clear();
            (self.segment, self.start) = (segment, offset);
        }
        let surplus = (self.bytes.len() + group.len()).saturating_sub(RECENT_BYTES);
        self.bytes.drain(..surplus);
        self.start += surplus as u64;
        self.bytes.extend(group);
    }

    fn read(&self, segment: u32, offset: u64, into: &mut [u8]) -> usize {
        let from = offset.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        let Some(from) = from.filter(|&from| segment == self.segment && from < self.bytes.len())
        else {
            return 0;
        };
        let count = into.len().min(self.bytes.len() - from);
        let (front, back) = self.bytes.as_slices();
        let in_front = count.min(front.len().saturating_sub(from));
        into[..in_front].copy_from_slice(&front[from.min(front.len())..][..in_front]);
        let behind = from.saturating_sub(front.len());
        into[in_front..count].copy_from_slice(&back[behind..][..count - in_front]);
        count
    }
}

/// Somebody who reads along.
#[derive(Debug)]
pub(super) struct Reading(Arc<Recent>);

impl Reading {
    /// Copies what is here from `offset` of `segment` on; how many bytes, 0 where that begins
    /// elsewhere.
    pub fn read(&self, segment: u32, offset: u64, into: &mut [u8]) -> usize {
        self.0.tail().read(segment, offset, into)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the file holds at each offset.
    fn content(segment: u32, offset: u64, count: usize) -> Vec<u8> {
        (offset..).take(count).map(|at| (at / 7 + u64::from(segment)) as u8).collect()
    }

    fn put(recent: &Recent, segment: u32, offset: u64, count: usize) {
        recent.put(segment, offset, &content(segment, offset, count));
    }

    /// Reads, and checks each byte that is there; how many are.
    fn read(reading: &Reading, segment: u32, offset: u64, count: usize) -> usize {
        let mut bytes = vec![0; count];
        let there = reading.read(segment, offset, &mut bytes);
        assert_eq!(bytes[..there], content(segment, offset, there), "at {offset} of {segment}");
        there
    }

    #[test]
    fn groups_that_follow_each_other_are_one_stretch() {
        let recent = Arc::new(Recent::new());
        let reading = recent.join();
        put(&recent, 3, 4096, 4096);
        put(&recent, 3, 8192, 8192);
        assert_eq!(read(&reading, 3, 4096, 100_000), 12_288);
        assert_eq!(read(&reading, 3, 8000, 200), 200);
        assert_eq!(read(&reading, 3, 16_383, 10), 1);
        assert_eq!([read(&reading, 3, 16_384, 10), read(&reading, 3, 4095, 10)], [0, 0]);
        assert_eq!([read(&reading, 2, 8192, 10), read(&reading, 4, 8192, 10)], [0, 0]);
        put(&recent, 4, 4096, 4096);
        assert_eq!([read(&reading, 3, 8192, 10), read(&reading, 4, 4096, 10)], [0, 10]);
    }

    #[test]
    fn a_group_that_is_missing_begins_the_stretch_anew() {
        let recent = Arc::new(Recent::new());
        let reading = recent.join();
        put(&recent, 1, 4096, 4096);
        put(&recent, 1, 8192, GROUP_KEPT_MAX + 4096);
        let behind = (8192 + GROUP_KEPT_MAX + 4096) as u64;
        assert_eq!(read(&reading, 1, 4096, 8192), 4096, "a long one is not kept");
        put(&recent, 1, behind, 4096);
        assert_eq!([read(&reading, 1, 4096, 10), read(&reading, 1, behind, 10)], [0, 10]);
        let held = recent.tail();
        put(&recent, 1, behind + 4096, 4096);
        drop(held);
        assert_eq!(read(&reading, 1, behind, 8192), 4096, "the writer does not wait");
    }

    #[test]
    fn the_oldest_makes_room_and_memory_stays_as_it_is() {
        let recent = Arc::new(Recent::new());
        put(&recent, 1, 0, 4096);
        let reading = recent.join();
        assert_eq!(read(&reading, 1, 0, 10), 0, "nothing is kept for nobody");
        let lengths = [4096, 65_536, 12_288, 4096, 40_960];
        let mut offset = 4096_u64;
        for length in lengths.into_iter().cycle().take(200) {
            put(&recent, 1, offset, length);
            offset += length as u64;
            let kept = (offset - 4096).min(RECENT_BYTES as u64);
            let whole = read(&reading, 1, offset - kept, 2 * RECENT_BYTES);
            assert_eq!(whole as u64, kept);
            assert_eq!(read(&reading, 1, offset - kept - 1, 1), 0);
            assert_eq!(recent.tail().bytes.capacity(), RECENT_BYTES);
        }
        drop(reading);
        put(&recent, 1, offset, 4096);
        let tail = recent.tail();
        assert_eq!(tail.start + tail.bytes.len() as u64, offset, "nothing was put since");
    }
}
