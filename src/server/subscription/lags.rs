//! Where subscriptions without a name are: nothing else remembers that.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ringfence_node::Gauge;

/// The places of all subscriptions without a name.
#[derive(Debug, Default)]
pub(super) struct Unnamed(Mutex<Vec<(u64, Gauge)>>);

/// The place of one, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    all: &'a Unnamed,
    number: u64,
    gauge: Gauge,
}

impl Unnamed {
    fn places(&self) -> MutexGuard<'_, Vec<(u64, Gauge)>> {
        // Whoever panicked left numbers that stand for themselves.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A subscription that was given everything up to `sequence`.
    pub fn join(&self, sequence: u64) -> Place<'_> {
        let gauge = Gauge::new(sequence);
        let mut places = self.places();
        let number = places.last().map_or(0, |(number, _)| number + 1);
        places.push((number, gauge.clone()));
        Place { all: self, number, gauge }
    }

    /// What the one that is furthest behind was given; `None` if there is none.
    pub fn furthest(&self) -> Option<u64> {
        self.places().iter().map(|(_, gauge)| gauge.get()).min()
    }
}

impl Place<'_> {
    /// It was given everything up to `sequence`.
    pub fn set(&self, sequence: u64) {
        self.gauge.set(sequence);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.all.places().retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_furthest_behind_is_shown_until_it_has_gone() {
        let unnamed = Unnamed::default();
        assert_eq!(unnamed.furthest(), None);
        let (first, second) = (unnamed.join(5), unnamed.join(9));
        assert_eq!(unnamed.furthest(), Some(5));
        first.set(20);
        assert_eq!(unnamed.furthest(), Some(9));
        drop(second);
        let third = unnamed.join(7);
        assert_eq!(unnamed.furthest(), Some(7));
        drop(third);
        assert_eq!(unnamed.furthest(), Some(20));
        drop(first);
        assert_eq!(unnamed.furthest(), None);
    }
}
