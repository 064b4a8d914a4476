//! Growth that another thread prepares: memory is had and filled before anything is decided.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::EngineError;
use ringfence_types::Rules;

/// Memory that can be prepared for a greater length by another thread than the one that uses it.
pub trait Prepare: Send + Sync {
    /// Has and fills memory for `length` elements; less than there is changes nothing.
    ///
    /// # Errors
    ///
    /// [`EngineError`], if there is not so much memory or not so many addresses, or if the last
    /// growth is not done with.
    fn prepare(&self, length: usize) -> Result<(), EngineError>;
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

/// Everything that grows with the capacities, for a thread that prepares it while others use it.
#[derive(Default)]
pub struct Growth {
    rooms: Vec<(Arc<dyn Prepare>, LengthOf)>,
}

impl Growth {
    /// Adds what has to be as long as `length` says.
    pub(crate) fn add(&mut self, room: Arc<dyn Prepare>, length: LengthOf) {
        self.rooms.push((room, length));
    }

    /// Has all memory that `rules` need, so that [`crate::Engine::configure`] has nothing to wait
    /// for. Not for the hot path; one thread at a time.
    ///
    /// # Errors
    ///
    /// [`EngineError`], if there is not so much memory, or the last growth is not done with.
    pub fn prepare(&self, rules: &Rules) -> Result<(), EngineError> {
        self.rooms.iter().try_for_each(|(room, length)| room.prepare(length(rules)))
    }
}

impl fmt::Debug for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Growth").field("rooms", &self.rooms.len()).finish()
    }
}
