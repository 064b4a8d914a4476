//! The memory of bodies that are being read: bounded for all, and for each principal.
//!
//! # Invariants
//!
//! * What is held is what has come, in steps, and not what was announced.
//! * One principal holds at most [`EACH_MAX`], so others go on beside one who sends nothing more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All bodies that are being read at a time, in bytes.
const ALL_MAX: usize = 256 << 20;
/// Those of one principal, in bytes.
const EACH_MAX: usize = ALL_MAX / 4;
/// What the room of a body begins with, in bytes. It doubles when it is full.
pub const FIRST_ROOM: usize = 16 << 10;

/// What the bodies hold that are being read.
#[derive(Debug, Default)]
pub struct Rooms(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    all: usize,
    /// By the principal's id; those who hold nothing are left out.
    each: HashMap<Arc<str>, usize>,
}

/// The room of one body. It is given back when it is dropped.
#[derive(Debug)]
pub struct Room<'a> {
    rooms: &'a Rooms,
    principal: Arc<str>,
    bytes: usize,
}

impl Rooms {
    /// A room of no bytes.
    pub fn room(&self, principal: &Arc<str>) -> Room<'_> {
        Room { rooms: self, principal: Arc::clone(principal), bytes: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing that is done with the lock panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room<'_> {
    /// Its size in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes it as large as `bytes`; false, and nothing changes, where there is not so much.
    #[must_use]
    pub fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let mut held = self.rooms.lock();
        let own = held.each.get(&self.principal).copied().unwrap_or(0);
        if held.all + more > ALL_MAX || own + more > EACH_MAX {
            return false;
        }
        held.all += more;
        held.each.insert(Arc::clone(&self.principal), own + more);
        self.bytes += more;
        true
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let mut held = self.rooms.lock();
        held.all -= self.bytes;
        if let Some(own) = held.each.get_mut(&self.principal) {
            *own -= self.bytes;
            if *own == 0 {
                held.each.remove(&self.principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_principal_holds_a_part_and_gives_it_back() {
        let rooms = Rooms::default();
        let names: [Arc<str>; 5] = ["a", "b", "c", "d", "e"].map(Into::into);
        let mut first = rooms.room(&names[0]);
        assert!(first.grow_to(EACH_MAX - 1));
        let mut second = rooms.room(&names[0]);
        assert!(!second.grow_to(2), "one principal holds more than its part");
        assert!(second.grow_to(1));
        assert_eq!((first.bytes(), second.bytes()), (EACH_MAX - 1, 1));
        let mut others: Vec<Room> = names[1..].iter().map(|name| rooms.room(name)).collect();
        let (last, full) = others.split_last_mut().unwrap();
        assert!(full.iter_mut().all(|room| room.grow_to(EACH_MAX)), "others wait for it");
        assert!(!last.grow_to(1), "all of them hold more than there is");
        drop(second);
        assert!(last.grow_to(1));
        drop(first);
        drop(others);
        let held = rooms.lock();
        assert_eq!((held.all, held.each.len()), (0, 0));
    }
}
