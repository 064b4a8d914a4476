//! Memory that another thread has ready: for tables at start, and for larger ones before anything
//! is decided.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::EngineError;
use ringfence_types::Rules;

/// Called after each huge page that the system gave: leaves the core to others for a while, and
/// says whether to go on.
pub type Rest<'a> = &'a mut dyn FnMut() -> ControlFlow<()>;

/// Memory that can be prepared for a greater length by another thread than the one that uses it.
pub trait Prepare: Send + Sync {
    /// Has and fills memory for `length` elements; less than there is changes nothing.
    ///
    /// # Errors
    ///
    /// [`EngineError`], if there is not so much memory or not so many addresses, if the last growth
    /// is not done with, or if `rest` breaks off.
    fn prepare(&self, length: usize, rest: Rest<'_>) -> Result<(), EngineError>;
}

/// Memory in use, whose pages another thread can have the system give before they are touched.
pub trait Memory: Send + Sync {
    /// How much there is.
    fn bytes(&self) -> usize;

    /// Has pages given to the bytes from `from` to `to`. Their contents stay as they are.
    fn back(&self, from: usize, to: usize);
}

/// Bytes that are backed at a time at start: few enough that threads end together, a multiple of
/// all pages.
const PIECE_BYTES: usize = 32 * 1024 * 1024;
/// The same beside an engine that runs: one huge page.
const GENTLE_BYTES: usize = 2 * 1024 * 1024;

/// Has `back` called for the bytes from `from` to `to`, a huge page at a time, and `rest` after
/// each, until that breaks off.
pub(super) fn gently(
    from: usize,
    to: usize,
    rest: Rest<'_>,
    back: impl Fn(usize, usize),
) -> ControlFlow<()> {
    (from..to).step_by(GENTLE_BYTES).try_for_each(|start| {
        back(start, to.min(start + GENTLE_BYTES));
        rest()
    })
}

/// An array, or what is made of one, that grows.
pub trait Grow {
    /// What another thread prepares its growth with.
    fn room(&self) -> Arc<dyn Prepare>;

    /// The memory that it uses now.
    fn memory(&self) -> Arc<dyn Memory>;
}

/// How many elements there have to be under rules.
pub type LengthOf = fn(&Rules) -> usize;

/// As many as there are accounts.
pub fn accounts(rules: &Rules) -> usize {
    rules.capacities.accounts as usize
}

/// As many as there are transfers.
pub fn transfers(rules: &Rules) -> usize {
    rules.capacities.transfers as usize
}

/// As many as there are orders.
pub fn orders(rules: &Rules) -> usize {
    rules.capacities.orders as usize
}

/// As many as there are markets.
pub fn markets(rules: &Rules) -> usize {
    rules.capacities.markets as usize
}

/// The memory of all tables, and what of it grows with the capacities, for threads that have it
/// ready.
#[derive(Default)]
pub struct Growth {
    rooms: Vec<(Arc<dyn Prepare>, LengthOf)>,
    memory: Vec<Arc<dyn Memory>>,
}

impl Growth {
    /// Adds what has to be as long as `length` says.
    pub(crate) fn add(&mut self, grown: &impl Grow, length: LengthOf) {
        self.rooms.push((grown.room(), length));
        self.memory.push(grown.memory());
    }

    /// Adds what does not grow while an engine runs.
    pub(crate) fn add_fixed(&mut self, fixed: &impl Grow) {
        self.memory.push(fixed.memory());
    }

    /// Has all memory that `rules` need, so that [`crate::Engine::configure`] has nothing to wait
    /// for. Not for the hot path; one thread at a time.
    ///
    /// # Errors
    ///
    /// [`EngineError`], if there is not so much memory, or the last growth is not done with.
    pub fn prepare(&self, rules: &Rules) -> Result<(), EngineError> {
        self.prepare_gently(rules, || ControlFlow::Continue(()))
    }

    /// As [`Growth::prepare`]; `rest` is called after each huge page that the system gave, to leave
    /// the core to others, or to break off.
    ///
    /// # Errors
    ///
    /// As those of [`Growth::prepare`], and [`EngineError::Interrupted`] if `rest` breaks off: the
    /// next call goes on from there.
    pub fn prepare_gently(
        &self,
        rules: &Rules,
        mut rest: impl FnMut() -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        self.rooms.iter().try_for_each(|(room, length)| room.prepare(length(rules), &mut rest))
    }

    /// The memory that the tables use now, in pieces for several threads.
    #[must_use]
    pub fn pieces(&self) -> Pieces {
        let pieces = self.memory.iter().flat_map(|memory| {
            let bytes = memory.bytes();
            let starts = (0..bytes).step_by(PIECE_BYTES);
            starts.map(move |start| (memory.clone(), start, bytes.min(start + PIECE_BYTES)))
        });
        Pieces { pieces: pieces.collect(), next: AtomicUsize::new(0) }
    }
}

impl fmt::Debug for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Growth").field("rooms", &self.rooms.len()).finish()
    }
}

/// Memory that is to be backed, piece by piece, by as many threads as there are.
pub struct Pieces {
    /// Each from a byte to another.
    pieces: Vec<(Arc<dyn Memory>, usize, usize)>,
    /// The piece that the next thread takes.
    next: AtomicUsize,
}

impl Pieces {
    /// How many there are, those that were taken included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pieces.len()
    }

    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.pieces.iter().map(|(_, from, to)| (to - from) as u64).sum()
    }

    /// Has the system give pages to the next piece, so that no run meets a page fault there, and
    /// returns how many bytes it has. `None`: no piece is left.
    pub fn back_next(&self) -> Option<u64> {
        // Relaxed: it is counted, and orders nothing.
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let (memory, from, to) = self.pieces.get(next)?;
        memory.back(*from, *to);
        Some((to - from) as u64)
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").field("bytes", &self.bytes()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Array, Retention, Table};
    use super::*;
    use ringfence_types::Capacities;

    #[test]
    fn a_preparation_that_was_broken_off_is_gone_on_with_and_nothing_is_allocated_after_it() {
        let mut array = Array::new("numbers", 1_000, 7_u64).unwrap();
        let mut queue = Retention::new("slots", 1_000, 0).unwrap();
        let mut growth = Growth::default();
        growth.add(&array, transfers);
        growth.add(&queue, transfers);
        let capacities = Capacities { transfers: 3_000_000, ..Capacities::default() };
        let rules = Rules::new(capacities, [1, 2]);
        let mut calls = 0;
        // Each attempt comes one huge page further: first in the array, then in the queue.
        for most in 1.. {
            let mut left = most;
            let prepared = growth.prepare_gently(&rules, || {
                calls += 1;
                left -= 1;
                if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            match prepared {
                Ok(()) => break,
                Err(error) => assert!(matches!(error, EngineError::Interrupted { .. }), "{error}"),
            }
        }
        assert!(calls > 18, "36 MB are more than 17 huge pages: {calls}");
        array.grow(3_000_000).unwrap();
        assert!(array.iter().all(|&number| number == 7));
        queue.configure(3_000_000, 0, |_| 0).unwrap();
        for slot in 0..3_000_000 {
            queue.push(slot, |_| 0);
        }
        assert!(queue.iter().eq(0..3_000_000));
    }

    #[test]
    fn the_pieces_have_every_byte_once_however_many_threads_take_them() {
        let array = Array::<u64>::zeroed("numbers", 9_000_000).unwrap();
        let table = Table::new("ids", 1_000).unwrap();
        let mut growth = Growth::default();
        growth.add(&array, transfers);
        growth.add_fixed(&table);
        let pieces = growth.pieces();
        assert_eq!(pieces.bytes(), 72_000_000 + table.bytes());
        let backed: u64 = std::thread::scope(|scope| {
            let back = || std::iter::from_fn(|| pieces.back_next()).sum::<u64>();
            let threads = [(); 3].map(|()| scope.spawn(back));
            threads.map(|thread| thread.join().unwrap()).into_iter().sum()
        });
        assert_eq!((backed, pieces.back_next()), (pieces.bytes(), None));
    }
}
