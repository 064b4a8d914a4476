//! The ring's views and writers as the windows and outboxes that the domain knows.

use ringfence_ring::{LaneWriter, Producer, View};
use ringfence_types::{Event, Outbox, Outcome, Window};

/// A stretch of what a stage may read of one lane.
#[derive(Clone, Copy)]
pub(super) struct LaneWindow<'a, T> {
    view: View<'a, T>,
    start: usize,
    length: usize,
}

impl<'a, T> LaneWindow<'a, T> {
    /// All that the stage may read.
    pub(super) fn all(view: View<'a, T>) -> LaneWindow<'a, T> {
        LaneWindow { view, start: 0, length: view.len() }
    }

    /// The `length` slots from `start` on.
    pub(super) fn part(self, start: usize, length: usize) -> LaneWindow<'a, T> {
        debug_assert!(start + length <= self.length);
        LaneWindow { start: self.start + start, length, ..self }
    }
}

impl<T> Window<T> for LaneWindow<'_, T> {
    #[inline]
    fn len(&self) -> usize {
        self.length
    }

    #[inline]
    fn at(&self, index: usize) -> &T {
        self.view.at(self.start + index)
    }
}

/// Where the settle stage puts outcomes and events.
pub(super) struct Lanes<'a, 'b> {
    outcomes: &'a mut LaneWriter<'b, Outcome>,
    events: &'a mut Producer<Event>,
    /// Events for which there is room.
    free: usize,
    /// Events put since this was made.
    put: usize,
}

impl<'a, 'b> Lanes<'a, 'b> {
    pub(super) fn new(
        outcomes: &'a mut LaneWriter<'b, Outcome>,
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
    // A call would pass the outcome by memory: read again at once, in wider pieces than it was
    // written in, it waits until all earlier stores have reached the cache.
    #[inline(always)]
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
