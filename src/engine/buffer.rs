//! The outbox of an engine on one thread: keeps outcomes and events of a chunk and drains them in
//! order.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use crate::sink::OutcomeSink;
use ringfence_types::{Event, Outbox, Outcome};

/// Events that are held before settle has to stop.
const EVENTS: usize = 64;

#[derive(Debug)]
pub(crate) struct Buffer {
    outcomes: Box<[Outcome]>,
    events: Vec<Event>,
}

impl Buffer {
    /// Room for `outcomes` outcomes.
    pub(crate) fn new(outcomes: usize) -> Buffer {
        let outcomes = vec![Outcome::default(); outcomes].into_boxed_slice();
        Buffer { outcomes, events: Vec::with_capacity(EVENTS) }
    }

    /// Drains the first `count` outcomes, the first of which is of command `first_sequence`, and
    /// the events, each before the outcome of its command.
    #[inline]
    pub(crate) fn drain(&mut self, first_sequence: u64, count: usize, sink: &mut impl OutcomeSink) {
        let mut events = self.events.iter().peekable();
        for (sequence, outcome) in (first_sequence..).zip(&self.outcomes[..count]) {
            while let Some(event) = events.next_if(|event| event.goes_before() <= sequence) {
                sink.event(event);
            }
            sink.outcome(sequence, outcome);
        }
        // Of a command that is not finished yet.
        events.for_each(|event| sink.event(event));
        self.events.clear();
    }
}

impl Outbox for Buffer {
    #[inline(always)]
    fn set_outcome(&mut self, index: usize, outcome: Outcome) {
        self.outcomes[index] = outcome;
    }

    fn events_free(&self) -> usize {
        EVENTS - self.events.len()
    }

    fn put_event(&mut self, event: &Event) {
        assert!(self.events.len() < EVENTS, "settle puts no event where none is free");
        self.events.push(*event);
    }
}
