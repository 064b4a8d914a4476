//! Where a unit of work tells what happens in its course.

use super::exchange::Report;
use crate::ledger::Tell;
use ringfence_types::{Command, Event, EventBody, EventKind, Outbox};

/// What tells of one command, or of one linked chain.
pub(super) struct Teller<'a, O> {
    outbox: &'a mut O,
    /// With sequence, timestamp and session of the command, and how far it leads.
    blank: Event,
    /// Events told so far, since the first command of all.
    number: &'a mut u64,
    /// Events that may be told before others on the thread have their turn.
    left: &'a mut usize,
}

impl<'a, O: Outbox> Teller<'a, O> {
    /// Tells of the command at `sequence`, the last of a chain of `lead` more.
    #[inline(always)]
    pub(super) fn new(
        sequence: u64,
        command: &Command,
        lead: usize,
        outbox: &'a mut O,
        number: &'a mut u64,
        left: &'a mut usize,
    ) -> Teller<'a, O> {
        let blank = Event {
            sequence,
            timestamp: command.header.timestamp,
            session: command.header.session,
            lead: lead as u16,
            ..Event::default()
        };
        Teller { outbox, blank, number, left }
    }

    /// Gives the body of a look-up; [`Tell::may_tell`] said that there is room.
    pub(super) fn show(&mut self, kind: EventKind, body: EventBody) {
        self.outbox.put_event(&Event { kind: kind as u8, body, ..self.blank });
        *self.left -= 1;
    }
}

impl<O: Outbox> Tell for Teller<'_, O> {
    #[inline(always)]
    fn may_tell(&self) -> bool {
        *self.left > 0 && self.outbox.events_free() > 0
    }

    #[inline]
    fn tell(&mut self, kind: EventKind, body: EventBody) {
        *self.number += 1;
        let number = *self.number;
        self.outbox.put_event(&Event { kind: kind as u8, number, body, ..self.blank });
        *self.left -= 1;
    }
}

impl<O: Outbox> Report for Teller<'_, O> {
    #[inline(always)]
    fn is_full(&self) -> bool {
        !self.may_tell()
    }

    #[inline(always)]
    fn put(&mut self, kind: EventKind, body: EventBody) {
        self.tell(kind, body);
    }
}
