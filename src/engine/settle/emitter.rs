//! The events of one unit of work, on their way to the outbox.

use crate::emit::Emit;
use ringfence_types::{Command, Event, EventBody, EventKind, Outbox};

/// Emits the events of one command, or of one linked chain.
pub(super) struct Emitter<'a, O> {
    outbox: &'a mut O,
    /// With the sequence, timestamp and session of the command, and the length of its chain.
    blank: Event,
    /// Number of the event emitted last, since the first command of all.
    number: &'a mut u64,
    /// Events that may be emitted before others on the thread have their turn.
    left: &'a mut usize,
}

impl<'a, O: Outbox> Emitter<'a, O> {
    /// For the command at `sequence`, the last of a chain of `lead` more.
    #[inline(always)]
    pub(super) fn new(
        sequence: u64,
        command: &Command,
        lead: usize,
        outbox: &'a mut O,
        number: &'a mut u64,
        left: &'a mut usize,
    ) -> Emitter<'a, O> {
        let blank = Event {
            sequence,
            timestamp: command.header.timestamp,
            session: command.header.session,
            lead: lead as u16,
            ..Event::default()
        };
        Emitter { outbox, blank, number, left }
    }

    /// Emits the body of a look-up, which has no number. There must be room.
    pub(super) fn emit_body(&mut self, kind: EventKind, body: EventBody) {
        self.outbox.put_event(&Event { kind: kind as u8, body, ..self.blank });
        *self.left -= 1;
    }
}

impl<O: Outbox> Emit for Emitter<'_, O> {
    #[inline(always)]
    fn has_room(&self) -> bool {
        *self.left > 0 && self.outbox.events_free() > 0
    }

    #[inline]
    fn emit(&mut self, kind: EventKind, body: EventBody) {
        *self.number += 1;
        let number = *self.number;
        self.outbox.put_event(&Event { kind: kind as u8, number, body, ..self.blank });
        *self.left -= 1;
    }
}
