//! Two threads on bare atomics: what the machine allows, without anything that makes a ring safe
//! or convenient. With its cursors side by side, or the other's cursor looked at each time, it
//! shows what padding and caching are worth.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::utils::CachePadded;

use super::{Run, SLOTS, Tally, bursts};

/// How the cursors of a bare ring lie, and how they are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As in the ring: 128 bytes for each, the other's cursor looked at when it has to be.
    Full,
    /// Both in one cache line.
    Unpadded,
    /// The writer looks at the reader's cursor each time, though it knows of free slots.
    Uncached,
}

/// Cursors 128 bytes apart or side by side, and slots of eight bytes.
struct Bare {
    cursors: Box<CachePadded<[AtomicU64; 32]>>,
    reader: usize,
    slots: Box<[AtomicU64]>,
}

/// Eight-byte events through a ring on bare atomics, of the form `form`.
pub fn one_to_one(events: u64, burst: usize, form: Form) -> Run {
    match form {
        Form::Full => run::<16, true>(events, burst),
        Form::Unpadded => run::<1, true>(events, burst),
        Form::Uncached => run::<16, false>(events, burst),
    }
}

fn run<const APART: usize, const CACHED: bool>(events: u64, burst: usize) -> Run {
    let ring = Arc::new(Bare {
        cursors: Box::new(CachePadded::new([const { AtomicU64::new(0) }; 32])),
        reader: APART,
        slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
    });
    let read = Arc::clone(&ring);
    let send = move || {
        let mut limit = SLOTS as u64;
        for (first, len) in bursts(0..events, burst) {
            let end = first + len as u64;
            while !CACHED || end > limit {
                // Acquire: the reader has read the slots before it gave them back.
                limit = ring.cursors[ring.reader].load(Ordering::Acquire) + SLOTS as u64;
                if end <= limit {
                    break;
                }
                std::hint::spin_loop();
            }
            for number in first..end {
                // Relaxed: the cursors order the slots.
                ring.slots[number as usize % SLOTS].store(number, Ordering::Relaxed);
            }
            // Release: to the reader's Acquire.
            ring.cursors[0].store(end, Ordering::Release);
        }
    };
    super::one_to_one(events, send, move || {
        let mut tally = Tally::default();
        while tally.events < events {
            // Acquire: the slots were written before.
            let end = read.cursors[0].load(Ordering::Acquire);
            if end == tally.events {
                std::hint::spin_loop();
                continue;
            }
            for number in tally.events..end {
                tally.add(&read.slots[number as usize % SLOTS].load(Ordering::Relaxed));
            }
            tally.batches += 1;
            // Release: to the writer's Acquire.
            read.cursors[read.reader].store(end, Ordering::Release);
        }
        tally
    })
}

/// Nanoseconds for a number to go to the other core in one cell and back in another.
pub fn round_trip(trips: u64) -> f64 {
    let cells = Arc::new([(); 2].map(|()| CachePadded::new(AtomicU64::new(0))));
    let echoed = Arc::clone(&cells);
    /// Waits for a number other than `before`.
    fn change(cell: &AtomicU64, before: u64) -> u64 {
        loop {
            let number = cell.load(Ordering::Acquire);
            if number != before {
                return number;
            }
            std::hint::spin_loop();
        }
    }
    super::round_trip(
        trips,
        move |number| {
            cells[0].store(number + 1, Ordering::Release);
            change(&cells[1], number) - 1
        },
        move |trips| {
            for number in 0..trips {
                let number = change(&echoed[0], number);
                echoed[1].store(number, Ordering::Release);
            }
        },
    )
}
