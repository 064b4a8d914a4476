//! The ring's views and writers as the windows and outboxes that the domain knows.

use crate::ring::{Producer, View, Writer};
use crate::types::{Event, Outbox, Outcome, Window};

impl<T> Window<T> for View<'_, T> {
    #[inline]
    fn len(&self) -> usize {
        View::len(self)
    }

    #[inline]
    fn at(&self, index: usize) -> &T {
        View::at(self, index)
    }
}

/// Where the settle stage puts outcomes and events.
pub(super) struct Lanes<'a, 'b> {
    outcomes: &'a mut Writer<'b, Outcome>,
    events: &'a mut Producer<Event>,
    /// Events for which there is room.
    free: usize,
    /// Events put since this was made.
    put: usize,
}

impl<'a, 'b> Lanes<'a, 'b> {
    pub(super) fn new(
        outcomes: &'a mut Writer<'b, Outcome>,
        events: &'a mut Producer<Event>,
    ) -> Lanes<'a, 'b> {
        let free = events.capacity_free();
        Lanes { outcomes, events, free, put: 0 }
    }

    /// Events put since this was made.
    pub(super) fn put(&self) -> usize {
        self.put
    }
}

impl Outbox for Lanes<'_, '_> {
    #[inline]
    fn set_outcome(&mut self, index: usize, outcome: Outcome) {
        self.outcomes.set(index, outcome);
    }

    fn events_free(&self) -> usize {
        self.free
    }

    fn put_event(&mut self, event: &Event) {
        assert!(self.free > 0, "settle puts no event where none is free");
        self.free -= 1;
        self.put += 1;
        match self.events.try_publish(*event) {
            Ok(_) => {}
            // The next poll finds out too; until then its events go nowhere.
            Err(error) if error.halted.is_some() => {}
            Err(_) => panic!("the events lane had room"),
        }
    }
}
