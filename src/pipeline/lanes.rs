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
    pub(super) outcomes: &'a mut Writer<'b, Outcome>,
    pub(super) events: &'a mut Producer<Event>,
    /// Events put since this was made.
    pub(super) put: usize,
}

impl Outbox for Lanes<'_, '_> {
    #[inline]
    fn set_outcome(&mut self, index: usize, outcome: Outcome) {
        self.outcomes.set(index, outcome);
    }

    fn events_free(&self) -> usize {
        self.events.free()
    }

    fn put_event(&mut self, event: &Event) {
        let claim = self.events.try_claim(1);
        // A halted ring is found out by the next poll; until then its events go nowhere.
        let Ok(claim) = claim else { return };
        let mut claim = claim.expect("settle puts no event where none is free");
        claim.set(0, *event);
        claim.finish();
        self.put += 1;
    }
}
